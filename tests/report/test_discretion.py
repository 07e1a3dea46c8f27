"""Whatever stands in the texts of records, a report shows no name and no telephone number."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import processes
from tests.doses import examples
from tests.legs import frame, leg, outbound, unanswered
from thulium_frames import SCHEMA, Lake, Thulium
from thulium_frames.charts import calls_by_hour, queues, waits
from thulium_frames.report import Period, figures_of, page, page_of, read
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running

PERIOD = Period("acme", "Europe/Warsaw", [], date(2024, 10, 23), date(2024, 10, 23), None, 0, 0)
TEXTS = [name for name in SCHEMA.names if SCHEMA.field(name).type == pa.string()]


@pytest.fixture
def page_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[pl.DataFrame], str]:
    """Makes a page without the JavaScript of the charts, which holds any short word."""
    monkeypatch.setattr(page, "_javascript", lambda: "")
    return lambda calls: page_of(calls, figures_of(calls), PERIOD)


def rated(*ratings: tuple[str | None, str]) -> dict[str, list[tuple[str, ...]]]:
    legs = [leg(rating={"type": kind, "rate": rate}) for kind, rate in ratings]
    return {name.partition(", ")[0]: rows for name, rows in figures_of(frame(*legs)).ratings.items()}


# --- ratings


@pytest.mark.parametrize("kind", ["face", "stars", "NPS", "survey", "ocena"])
@pytest.mark.parametrize("rate", ["happy", "very sad", "0", "5", "10", "4.5", "5/10", "Bardzo zadowolony", "🙂", "★★★"])
def test_what_is_a_scale_is_shown(kind: str, rate: str) -> None:
    assert [rows[0][:2] for rows in rated((kind, rate)).values()] == [(rate, "1")]
    assert list(rated((kind, rate))) == [kind]


FREE = [
    *("Anna Nowak", "anna", "A. N.", "call me at 22 123 45 67", "48221234567", "+48 22 123 45 67", "22 12 34 56 78"),
    *("1 2 3 4 5", "11", "２２", "❶", "a.nowak", "happy Anna", "𝐀𝐧𝐧𝐚", "🇦🇳🇳🇦", "good " * 5, "happy\nsad", "安娜"),
]


@pytest.mark.parametrize("text", FREE)
def test_a_free_text_is_counted_and_not_shown(text: str) -> None:
    assert rated(("face", text), ("face", "sad")) == {
        "face": [("sad", "1", "50.0\N{NO-BREAK SPACE}%"), ("other (1 value)", "1", "50.0\N{NO-BREAK SPACE}%")]
    }
    assert list(rated((text, "5"))) == ["other (1 type)"]


def test_others_of_one_type_are_one_row_and_other_types_one_scale() -> None:
    found = rated(("face", "Anna"), ("face", "Ewa"), ("Jan", "5"), ("Ewa", "1"), ("Ewa", "Jan"))
    whole = "100.0\N{NO-BREAK SPACE}%"
    assert found == {
        "face": [("other (2 values)", "2", whole)],
        "other (2 types)": [("other (3 values)", "3", whole)],
    }


def test_a_thousand_different_sentences_are_one_row() -> None:
    found = rated(*(("face", f"sentence {number}") for number in range(1000)))
    assert [rows[0][:2] for rows in found.values()] == [("other (1,000 values)", "1,000")]


def test_a_scale_has_no_endless_rows() -> None:
    rates = [f"{whole}/{of}" for whole in range(11) for of in range(11)]
    (rows,) = rated(*(("face", rate) for rate in rates)).values()
    assert len(rows) == 25
    assert sum(int(row[1]) for row in rows) == len(rates)


# --- the whole page

NAMES = st.text("abcdefghijkłmnopqrstuwyzżó ", min_size=6, max_size=16).map(lambda text: f"Zofia{text.title()}xq")
NUMBERS = st.from_regex(r"(?:\+48 ?)?6[0-9]{2} ?[1-9][0-9]{2} ?[1-9][0-9]{2}", fullmatch=True)
SECRETS = st.lists(st.one_of(NAMES, NUMBERS), min_size=len(TEXTS) + 3, max_size=len(TEXTS) + 3, unique=True)
KINDS = st.sampled_from([leg, unanswered, lambda **fields: outbound("2024-10-23 11:00:00", **fields)])


@given(SECRETS, KINDS, st.sets(st.sampled_from(["type", "disposition", "connection_id"])))
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_of_a_record_is_on_the_page(
    page_with: Callable[[pl.DataFrame], str], secrets: list[str], kind: Callable[..., Any], odd: set[str]
) -> None:
    *texts, rating_type, rate, tag = secrets
    told = dict(zip(TEXTS, texts, strict=True))
    kept = {name: text for name, text in told.items() if name not in {"type", "disposition", "connection_id"} - odd}
    row = kind(**kept, rating={"type": rating_type, "rate": rate}, tags=[tag])
    calls = frame(row, leg(rating={"type": "face", "rate": rate}), leg(rating={"type": rating_type, "rate": "5"}))
    shown = page_with(calls) + json.dumps(asdict(figures_of(calls)), ensure_ascii=False)
    assert [secret for secret in secrets if secret in shown] == []
    assert "Zofia" not in shown


def test_a_queue_whose_id_may_be_a_number_shows_only_its_end(page_with: Callable[[pl.DataFrame], str]) -> None:
    shown = page_with(frame(leg(queue_id=48600100200), leg(queue_id=34)))
    assert "48600100200" not in shown
    assert "600100" not in shown
    assert "…200</td>" in shown
    assert "queue 34" in shown


def test_the_data_of_charts_hold_no_text_of_records() -> None:
    fields: dict[str, Any] = {
        name: "Zofia 600100200" for name in TEXTS if name not in ("type", "disposition", "connection_id")
    }
    calls = frame(leg(**fields, tags=["Zofia"], queue_id=600100200), unanswered(**fields))
    for chart in (calls_by_hour(calls), waits(calls), queues(calls, denominator="handled")):
        assert "Zofia" not in chart.to_json()
        assert "600100" not in chart.to_json()


# --- what the lake says of itself, on the page and on the terminal

SHOWN = {
    **{"https://acme.thulium.com": "https://acme.thulium.com", "acme": "acme", "http://127.0.0.1": "http://127.0.0.1"},
    **{
        "https://anna:600100200@acme.pl/600100200?anna": "https://acme.pl",
        "https://acme.pl:8443/api": "https://acme.pl:8443",
    },
    **dict.fromkeys(["Zofia Lis", "48600100200", "https://600-100-200.pl", "+48 600 100 200"], "a Thulium system"),
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    day, folder = date(2024, 10, 23), tmp_path_factory.mktemp("day") / "lake"
    calls = GeneratedCalls(Centre(seed=5, calls_per_day=20), day, day)
    with running(create_app(calls)) as url, Thulium(url, "demo", "demo") as thulium:
        thulium.connections(date_from=day, date_to=day).write_parquet(folder)
    return folder


def mark(lake: Path, **changed: Any) -> None:
    manifest = lake / "_thulium_frames.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"origin": content["origin"] | changed}))


@pytest.mark.parametrize(("system", "shown"), SHOWN.items())
def test_a_system_is_shown_by_its_host(lake: Path, system: str, shown: str) -> None:
    mark(lake, system=system)
    assert read(Lake(lake))[1].system == shown


def test_neither_page_nor_terminal_show_a_filter_s_value_or_an_odd_system(lake: Path, tmp_path: Path) -> None:
    filters = {"src": "600100200", "user_login": "zofia.lis", "tags": ["Zofia"], "zofia": "600100200"}
    mark(lake, system="https://zofia:600100200@acme.pl", filters=filters)
    done = processes.run("report", lake, "-o", tmp_path / "report.html")
    shown = (tmp_path / "report.html").read_text() + done.stdout
    assert "chosen by src, tags, user_login, others" in shown
    assert "zofia" not in shown.lower()
    assert "600100200" not in shown
