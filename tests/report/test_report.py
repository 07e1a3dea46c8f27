"""The report of a simulated month: what it says, what it does not reveal, and how it looks in a browser."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests import processes
from tests.browser import Page, chromium
from tests.legs import frame, leg
from thulium_frames import Lake, Thulium, charts, metrics, scan_lake
from thulium_frames.report import figures_of, page_of, read
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running

CHARTS = {name for name in charts.__all__ if name.islower()}
FIRST, LAST = date(2026, 10, 1), date(2026, 10, 31)
WIDTHS = [1280, 390]

#: Runs the command line as on a machine without the library.
WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None; from thulium_frames.__main__ import main; sys.exit(main())"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("month") / "lake"
    calls = GeneratedCalls(Centre(seed=5, calls_per_day=120), FIRST, LAST)
    with running(create_app(calls)) as url, Thulium(url, "demo", "demo") as thulium:
        thulium.connections(date_from=FIRST, date_to=LAST).write_parquet(folder)
    return folder


@pytest.fixture(scope="module")
def made(lake: Path) -> tuple[Path, str]:
    """The page, and the output on the terminal."""
    page = lake.parent / "report.html"
    done = processes.run("report", lake, "-o", page)
    assert (done.returncode, done.stderr) == (0, "")
    return page, done.stdout


@pytest.fixture(scope="module")
def html(made: tuple[Path, str]) -> str:
    return made[0].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


# --- in a browser


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_is_drawn(made: tuple[Path, str], browser: Page, width: int, dark: bool) -> None:
    browser.show(made[0], width=width, dark=dark)
    for name in CHARTS:
        drawn = f"document.querySelector('#{name} svg')"
        assert browser.ask(f"{drawn}.querySelectorAll('.mark-rect path, .mark-line path').length") > 5, name
        assert 0.8 * width - 250 < browser.ask(f"{drawn}.getBoundingClientRect().width") < width
    assert browser.complaints() == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_asks_no_host_for_anything(made: tuple[Path, str], browser: Page, width: int) -> None:
    browser.show(made[0], width=width)
    assert browser.hosts() == set()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(made: tuple[Path, str], browser: Page, width: int) -> None:
    browser.show(made[0], width=width)
    assert browser.ask("innerWidth") == width
    assert browser.ask("document.documentElement.scrollWidth") <= width
    wider = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    assert browser.ask(f"{wider}.map(e => e.outerHTML.slice(0, 80))") == []


def test_a_dark_page_is_dark(made: tuple[Path, str], browser: Page) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('#queues .mark-text.role-mark text')).fill"
    browser.show(made[0], width=1280)
    light = browser.ask(paper), browser.ask(ink)
    browser.show(made[0], width=1280, dark=True)
    assert (browser.ask(paper), browser.ask(ink)) == ("rgb(18, 20, 23)", "rgb(232, 234, 237)")
    assert light == ("rgb(245, 246, 248)", "rgb(26, 29, 33)")


def test_a_page_without_calls_is_whole(lake: Path, tmp_path: Path, browser: Page) -> None:
    page = tmp_path / "report.html"
    processes.run("report", lake, "--from", "2030-01-01", "-o", page)
    browser.show(page, width=390, drawn=False)
    assert "holds no call of 1 January 2030" in browser.ask("document.body.innerText")
    assert browser.complaints() == []


# --- what the report says


def test_page_and_terminal_tell_the_figures(lake: Path, made: tuple[Path, str], html: str) -> None:
    summary = metrics.summary(scan_lake(lake), denominator="less_short_abandons", target_seconds=20)
    (row,) = summary.collect().to_dicts()
    for told in (plain(html), plain(made[1])):
        assert f"{row['offered']:,}" in told
        assert f"{row['handled']:,}" in told
        assert f"{row['service_level'] * 100:.1f} %" in told
        assert f"{row['service_level_numerator']:,} of {row['service_level_denominator']:,}" in told
        assert f"{row['abandonment_rate'] * 100:.1f} %" in told
        assert f"{row['transfer_rate_numerator']:,} of {row['transfer_rate_denominator']:,}" in told


def test_repeat_calls_are_of_those_of_which_it_is_known() -> None:
    """There are four calls. The week after the last call is not over; one of the other three was repeated in time."""
    days = ["2024-10-01", "2024-10-03", "2024-10-15", "2024-10-30"]
    repeats = figures_of(frame(*(leg(f"{day} 10:00:00") for day in days))).repeats
    assert (plain(repeats.value), repeats.of.partition(";")[0]) == ("33.3 %", "1 of 3 inbound calls")


def test_the_backlog_is_there_in_counts(lake: Path, made: tuple[Path, str], html: str) -> None:
    missed = metrics.missed_calls(scan_lake(lake)).collect()
    for state, callers in missed["state"].value_counts().iter_rows():
        assert re.search(rf"<td>{state}<span.*?</td><td>{callers:,}</td>", html)
        assert re.search(rf"Missed callers, {state} +{callers:,} ", made[1])


def test_every_queue_and_rating_has_its_row(lake: Path, html: str) -> None:
    queues = scan_lake(lake).select(pl.col("queue_id").drop_nulls().unique()).collect()["queue_id"]
    assert set(re.findall(r'<td data-title="queue">(\d+)</td>', html)) == set(map(str, queues))
    for kind, rate in metrics.ratings(scan_lake(lake)).select("rating_type", "rating_rate").collect().iter_rows():
        assert f"<caption>{kind}, given by" in html
        assert f"<td>{rate}</td>" in html


def test_every_chart_has_a_sentence_on_how_to_read_it(html: str) -> None:
    read = re.findall(r'<figcaption>([^<]+\.)</figcaption>\s*<div class="chart" id="(\w+)"', html)
    assert {name for _, name in read} == CHARTS


def test_period_reading_and_clock_are_named(lake: Path, html: str) -> None:
    read_at = Lake(lake).status().days[-1].read_at
    assert "1 October 2026 to 31 October 2026" in html
    assert "wall clock of Europe/Warsaw" in html
    assert f"{read_at:%Y-%m-}" in html


def test_the_page_names_nobody(lake: Path, html: str) -> None:
    calls = scan_lake(lake).collect()
    personal = ["src", "dst", "user", "user_login", "dst_user", "dst_user_login", "connection_id", "filename"]
    known = {text for name in personal for text in calls[name].drop_nulls() if len(text) > 4}
    known |= set(metrics.missed_calls(calls)["caller"].drop_nulls())
    assert len(known) > 1000
    assert [text for text in known if text in html] == []


def test_text_from_the_system_is_text_on_the_page(lake: Path) -> None:
    rated = frame(leg(rating={"type": "<script>alert(1)</script>", "rate": "<b>5</b>"}))
    page = page_of(rated, figures_of(rated), read(Lake(lake))[1])
    assert "<script>alert" not in page
    assert "&lt;b&gt;5&lt;/b&gt;" in page


@pytest.mark.parametrize(
    ("first", "interval"),
    [(date(2026, 10, 29), "calls by hour"), (date(2026, 10, 1), "calls by day"), (date(2026, 7, 1), "calls by week")],
)
def test_charts_have_as_many_bars_as_a_phone_can_show(lake: Path, first: date, interval: str) -> None:
    calls, period = read(Lake(lake), first, LAST)
    assert interval in page_of(calls, figures_of(calls), period)


# --- the command


def test_both_days_are_included(lake: Path, tmp_path: Path) -> None:
    page = tmp_path / "day.html"
    done = processes.run("report", lake, "--from", "2026-10-25", "--to", "2026-10-26", "-o", page)
    two = scan_lake(lake).filter(pl.col("call_date").is_between(date(2026, 10, 25), date(2026, 10, 26)))
    assert f"charts of {metrics.calls(two).collect().height:,} calls" in done.stdout
    assert "25 October 2026 to 26 October 2026" in page.read_text()
    assert list(tmp_path.iterdir()) == [page]


def test_days_that_are_not_there_are_told(lake: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    processes.run("report", lake, "--from", "2026-09-29", "-o", page)
    assert "Days of this period that the lake lacks: 2." in " ".join(page.read_text().split())


def test_a_lake_without_days_gives_a_page_that_says_so(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "_thulium_frames.json").write_bytes((lake / "_thulium_frames.json").read_bytes())
    done = processes.run("report", tmp_path / "lake", "-o", tmp_path / "report.html")
    assert done.returncode == 0
    assert "holds no call and no day yet" in done.stdout
    assert "The lake holds no day yet." in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "2026-10-02", "--to", "2026-10-01"], "--from 2026-10-02 is after --to 2026-10-01"),
        (["--from", "tomorrow"], "tomorrow"),
        (["-o", "no/where/report.html"], "there is no folder no/where: make it first"),
    ],
)
def test_wrong_arguments_end_with_2(lake: Path, arguments: list[str], message: str) -> None:
    done = processes.run("report", lake, *arguments)
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize("library", ["altair", "vl_convert", "jinja2", "phonenumbers"])
def test_a_missing_library_is_one_line_with_the_command(lake: Path, tmp_path: Path, library: str) -> None:
    page = tmp_path / "report.html"
    done = processes.run(library, "report", lake, "-o", page, program=[sys.executable, "-c", WITHOUT])
    assert done.returncode == 2
    assert re.fullmatch(r"Error: .+: pip install 'thulium-frames\[notebooks\]'\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_no_lake_ends_with_5(tmp_path: Path) -> None:
    done = processes.run("report", tmp_path / "nothing", "-o", tmp_path / "report.html")
    assert (done.returncode, list(tmp_path.iterdir())) == (5, [])
    assert "there is no lake at" in done.stderr


@pytest.mark.parametrize("content", [b"PAR1", None], ids=["footer", "pages"])
def test_a_damaged_day_ends_with_5_and_leaves_the_old_page(lake: Path, tmp_path: Path, content: bytes | None) -> None:
    subprocess.run(["cp", "-r", lake, tmp_path / "lake"], check=True)
    day, page = tmp_path / "lake" / "call_date=2026-10-05" / "connections.parquet", tmp_path / "report.html"
    whole = day.read_bytes()
    day.write_bytes(content or whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    page.write_text("the page of yesterday")
    done = processes.run("report", tmp_path / "lake", "-o", page)
    assert done.returncode == 5
    assert "thulium-frames" in done.stderr.splitlines()[-1]
    assert page.read_text() == "the page of yesterday"
    other_days = processes.run("report", tmp_path / "lake", "--from", "2026-10-06", "-o", page)
    assert other_days.returncode == 0
