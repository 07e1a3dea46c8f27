"""What `-o` meets where it leads: pipes, devices, links, folders, files with modes, a home folder."""

import io
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from tests.cli.shell import sh
from tests.conftest import FIRST, LAST, Connect
from tests.program import here
from thulium_frames import Lake

DAYS = ("--from", FIRST, "--to", LAST)
THREE = (*DAYS, "--limit", 3, "--columns", "src,dst")
RUN = '"$@"'

READERS: dict[str, Callable[[bytes], pl.DataFrame]] = {
    "parquet": lambda content: pl.read_parquet(io.BytesIO(content)),
    "arrow": lambda content: pl.DataFrame(pa.ipc.open_file(content).read_all()),
    "ndjson": lambda content: pl.read_ndjson(io.BytesIO(content)),
    "csv": lambda content: pl.read_csv(io.BytesIO(content), infer_schema=False),
}


@pytest.fixture
def rows(connect: Connect) -> pl.DataFrame:
    return connect().connections(date_from=FIRST, date_to=LAST).head(3).to_polars().select("src", "dst")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, url: str) -> Path:
    path = tmp_path_factory.mktemp("lake") / "lake"
    assert here("export", path, *DAYS, url=url, cwd=path.parent).returncode == 0
    return path


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error of use."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


@contextmanager
def reading(fifo: Path) -> Iterator[bytearray]:
    """What comes through a FIFO, after this block."""
    content = bytearray()
    with subprocess.Popen(["cat", str(fifo)], stdout=subprocess.PIPE) as reader:
        yield content
        try:
            content += reader.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:  # nobody wrote into it
            reader.kill()


# --- pipes and devices


@pytest.mark.parametrize("suffix", READERS)
def test_a_fifo_is_written_into(tmp_path: Path, url: str, rows: pl.DataFrame, suffix: str) -> None:
    fifo = tmp_path / f"calls.{suffix}"
    os.mkfifo(fifo)
    with reading(fifo) as content:
        done = sh(RUN, "fetch", *THREE, "-o", fifo.name, url=url, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert READERS[suffix](bytes(content)).equals(rows)
    assert fifo.is_fifo()
    assert list(tmp_path.iterdir()) == [fifo]


def test_who_reads_a_fifo_is_not_left_waiting_when_the_fetch_fails(tmp_path: Path, url: str) -> None:
    fifo = tmp_path / "calls.csv"
    os.mkfifo(fifo)
    with reading(fifo) as content:
        done = sh(RUN, "fetch", *THREE, "-o", fifo, url=url, cwd=tmp_path, THULIUM_PASSWORD="wrong")
    assert (done.returncode, bytes(content)) == (3, b"")


def test_who_reads_a_fifo_may_leave(tmp_path: Path, url: str) -> None:
    os.mkfifo(tmp_path / "calls.csv")
    done = sh(f"head -c 5 calls.csv & {RUN}", "fetch", *DAYS, "-o", "calls.csv", url=url, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("date,")


@pytest.mark.parametrize(
    ("place", "redirected"),
    [
        *((place, "") for place in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")),
        *(("/dev/stdout", way) for way in ("| cat", "> out; c=$?; cat out; (exit $c)", "3>&1 >&3")),
    ],
)
def test_a_link_to_stdout_puts_calls_there_and_words_on_stderr(
    tmp_path: Path, url: str, rows: pl.DataFrame, place: str, redirected: str
) -> None:
    (tmp_path / "calls.csv").symlink_to(place)
    done = sh(f"{RUN} {redirected}", "fetch", *THREE, "-o", "calls.csv", url=url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert READERS["csv"](done.stdout.encode()).equals(rows)
    (line,) = done.stderr.splitlines()
    assert line.startswith("calls.csv: wrote 3 calls; ")
    assert (tmp_path / "calls.csv").is_symlink()


def test_what_stdout_holds_already_stays(tmp_path: Path, url: str) -> None:
    (tmp_path / "calls.csv").symlink_to("/dev/stdout")
    (tmp_path / "log").write_text("first\n")
    assert sh(f"{RUN} >> log", "fetch", *THREE, "-o", "calls.csv", url=url, cwd=tmp_path).returncode == 0
    assert (tmp_path / "log").read_text().startswith("first\nsrc,dst\n")


def test_a_handle_that_the_shell_opened_is_written_into(tmp_path: Path, lake: Path) -> None:
    done = sh(f"{RUN} 3> page", "report", lake, "-o", "/dev/fd/3", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "page").read_text().startswith("<!DOCTYPE html>")
    assert "Offered calls" in done.stdout


def test_a_process_substitution_is_written_into(tmp_path: Path, lake: Path) -> None:
    os.mkfifo(tmp_path / "end")
    line = f"{RUN} -o >(cat > page; echo > end); c=$?; read < end; (exit $c)"
    done = sh(line, "report", lake, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "page").read_text().rstrip().endswith("</html>")


def test_a_report_on_stdout_is_the_page_alone(tmp_path: Path, lake: Path) -> None:
    done = sh(RUN, "report", lake, "-o", "/dev/stdout", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert done.stdout.rstrip().endswith("</html>")
    assert "Offered calls" in done.stderr
    assert "/dev/stdout: figures and charts" in done.stderr


def test_a_device_is_never_replaced(tmp_path: Path, lake: Path, url: str) -> None:
    (tmp_path / "nothing.csv").symlink_to("/dev/null")
    before = Path("/dev/null").stat()
    assert here("report", lake, "-o", "/dev/null", cwd=tmp_path).returncode == 0
    assert here("fetch", *THREE, "-o", "nothing.csv", url=url, cwd=tmp_path).returncode == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert os.path.samestat(Path("/dev/null").stat(), before)


def test_a_full_device_is_one_line(tmp_path: Path, lake: Path, url: str) -> None:
    (tmp_path / "full.csv").symlink_to("/dev/full")
    fetched = here("fetch", *THREE, "-o", "full.csv", url=url, cwd=tmp_path)
    assert told(fetched).startswith("Error: full.csv cannot be written: No space left on device")
    reported = here("report", lake, "-o", "/dev/full", cwd=tmp_path)
    assert told(reported).startswith("Error: /dev/full cannot be written: No space left on device")


@pytest.mark.parametrize("place", ["/dev/stdout", "/dev/null", "pipe"])
def test_a_device_whose_name_tells_no_format_is_told_the_endings(tmp_path: Path, url: str, place: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    line = told(here("fetch", *THREE, "-o", place, url=url, cwd=tmp_path))
    assert f"{place} has no known suffix: name it FILE.parquet, FILE.csv" in line
    assert f"ln -s {place} calls.csv" in line


# --- links


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("target", ["data/july.csv", "data/no-ending", "{tmp}/data/absolute.csv"])
def test_a_link_is_followed_and_stays_a_link(
    tmp_path: Path, url: str, rows: pl.DataFrame, target: str, is_there: bool
) -> None:
    (tmp_path / "data").mkdir()
    end = tmp_path / target.format(tmp=tmp_path)
    if is_there:
        end.write_text("old")
    (tmp_path / "middle").symlink_to(target.format(tmp=tmp_path))
    (tmp_path / "latest.csv").symlink_to("middle")
    done = here("fetch", *THREE, "-o", "latest.csv", url=url, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert READERS["csv"](end.read_bytes()).equals(rows)
    assert not end.is_symlink()
    assert (tmp_path / "latest.csv").readlink() == Path("middle")
    assert (tmp_path / "middle").is_symlink()
    assert list((tmp_path / "data").iterdir()) == [end]


def test_a_link_in_another_folder_leads_from_there(tmp_path: Path, url: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "calls.csv").symlink_to("../b.csv")
    assert here("fetch", *THREE, "-o", "a/calls.csv", url=url, cwd=tmp_path).returncode == 0
    assert (tmp_path / "b.csv").read_text().startswith("src,dst\n")


def test_a_link_that_leads_nowhere_is_told_with_its_end(tmp_path: Path, url: str) -> None:
    (tmp_path / "calls.csv").symlink_to("gone/calls.csv")
    assert "there is no folder gone: make it first" in told(
        here("fetch", *THREE, "-o", "calls.csv", url=url, cwd=tmp_path)
    )


@pytest.mark.parametrize("links", [["a.csv"], ["b.csv", "a.csv"], ["b.csv", "c.csv", "a.csv"]])
def test_links_that_lead_round_in_a_circle_are_told(tmp_path: Path, url: str, links: list[str]) -> None:
    for name, target in zip(["a.csv", "b.csv", "c.csv"], links, strict=False):
        (tmp_path / name).symlink_to(target)
    assert "leads back to itself" in told(here("fetch", *THREE, "-o", "a.csv", url=url, cwd=tmp_path))


def test_a_link_keeps_its_file_when_the_fetch_fails(tmp_path: Path, url: str) -> None:
    (tmp_path / "july.csv").write_text("old")
    (tmp_path / "calls.csv").symlink_to("july.csv")
    done = here("fetch", *THREE, "-o", "calls.csv", url=url, cwd=tmp_path, THULIUM_PASSWORD="wrong")
    assert done.returncode == 3
    assert (tmp_path / "july.csv").read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"calls.csv", "july.csv"}


# --- files and folders


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o400])
def test_a_file_keeps_its_mode(tmp_path: Path, url: str, lake: Path, mode: int) -> None:
    names = ["calls.parquet", *(["page.html"] if mode == 0o640 else [])]
    for name in names:
        (tmp_path / name).write_text("old")
        (tmp_path / name).chmod(mode)
    assert here("fetch", *THREE, "-o", "calls.parquet", url=url, cwd=tmp_path).returncode == 0
    if "page.html" in names:
        assert here("report", lake, "-o", "page.html", cwd=tmp_path).returncode == 0
    for name in names:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == mode
        assert (tmp_path / name).read_bytes() != b"old"


@pytest.mark.parametrize("command", ["fetch", "report"])
@pytest.mark.parametrize("name", ["folder", "folder/", "link", "new/", ".", ""])
def test_a_folder_is_refused_in_one_line(tmp_path: Path, url: str, lake: Path, command: str, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    arguments = THREE if command == "fetch" else (lake,)
    assert "is a folder: name a file in it" in told(here(command, *arguments, "-o", name, url=url, cwd=tmp_path))
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere/calls.csv", "file/calls.csv"])
def test_a_missing_folder_is_told(tmp_path: Path, url: str, lake: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    says = f"there is no folder {Path(name).parent}: make it first"
    assert says in told(here("fetch", *THREE, "-o", name, url=url, cwd=tmp_path))
    assert says in told(here("report", lake, "-o", name, cwd=tmp_path))


def test_a_name_that_is_too_long_is_told(tmp_path: Path, url: str) -> None:
    assert "File name too long" in told(here("fetch", *THREE, "-o", "x" * 300 + ".csv", url=url, cwd=tmp_path))


# --- a home folder that no shell has put in


def test_a_tilde_is_the_home_folder_of_lakes_and_outputs(tmp_path: Path, url: str) -> None:
    home, there = tmp_path / "home", tmp_path / "there"
    home.mkdir()
    there.mkdir()

    def run(*arguments: object) -> str:
        done = here(*arguments, url=url, cwd=there, HOME=str(home))
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("export", "~/lake", "--from", FIRST, "--to", FIRST)
    assert len(Lake(home / "lake").status().days) == 1
    assert f"{home}/lake" in run("status", "~/lake")
    assert "no damage" in run("verify", "~/lake")
    run("fetch", *THREE, "-o", "~/calls.csv")
    run("report", "~/lake", "-o", "~/page.html")
    (there / "link.csv").symlink_to("~")
    run("fetch", *THREE, "-o", "link.csv")  # a tilde within a link is a name
    assert {path.name for path in home.iterdir()} == {"lake", "calls.csv", "page.html"}
    assert {path.name for path in there.iterdir()} == {"link.csv", "~"}
