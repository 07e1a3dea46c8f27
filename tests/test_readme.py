"""The README's examples run, and its statements are true."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import COMMANDS
from tests.program import environment, here
from tests.test_package import IMPORTS
from thulium_frames import SCHEMA

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def settings(folder: Path, url: str) -> dict[str, str]:
    """The system and its user, with the password in a file."""
    (folder / "password").write_text("demo\n")
    (folder / "password").chmod(0o600)
    return {"url": url, "THULIUM_PASSWORD": "", "THULIUM_PASSWORD_FILE": str(folder / "password")}


def test_every_shell_example_works(url: str, tmp_path: Path) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) >= 5
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "thulium-frames"
        done = here(*arguments, cwd=tmp_path, **settings(tmp_path, url))
        assert done.returncode == 0, done.stderr


def test_every_python_example_works(url: str, tmp_path: Path) -> None:
    program = "".join(blocks("python"))
    own_system = 'Thulium("https://acme.thulium.com", user="api_user", password="…")'
    assert own_system in program
    command = [sys.executable, "-c", program.replace(own_system, "Thulium()")]
    surrounding = environment(**settings(tmp_path, url))
    done = subprocess.run(command, cwd=tmp_path, env=surrounding, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_two_commands_are_those_of_the_continuous_check() -> None:
    demo, tests = blocks("")[:2]
    assert demo == ("python3 -m venv .venv && .venv/bin/pip install '.[demo]' && .venv/bin/thulium-frames demo lake\n")
    assert tests == ".venv/bin/pip install '.[test]' && .venv/bin/pytest\n"
    assert "README.md" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_described(name: str) -> None:
    assert f"thulium-frames {name}" in README or f"`{name}`" in README


@pytest.mark.parametrize("option", sorted({o for c in COMMANDS.values() for p in c.params for o in p.opts}))
def test_each_setting_of_a_system_is_in_the_table(option: str) -> None:
    system = {"--url", "--user", "--password-file", "--time-zone", "--netrc", "--allow-http", "--workers", "--debug"}
    assert option not in system or f"| `{option}` |" in README


def test_the_columns_are_all_there_in_order_with_their_types() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([\w\[\], <>:]+) \|", README, flags=re.MULTILINE)
    told = [(name, kind) for names, kind in rows for name in re.findall(r"`(\w+)`", names)]
    types = [str(field.type).replace("list<item: string>", "list<string>").replace("tz=UTC", "UTC") for field in SCHEMA]
    assert told == list(zip(SCHEMA.names, types, strict=True))


def test_each_room_stands_in_the_map() -> None:
    package = ROOT / "thulium_frames"
    rooms = {path.name for path in package.glob("[a-z]*.py")}
    rooms |= {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert {room for room in rooms if f"`{room}`" not in README} == set()


@pytest.mark.parametrize("room", ["endpoint", "records", "reading", "lake"])
def test_each_file_of_a_room_stands_in_its_row(room: str) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{room}/` |"))
    files = {path.stem for path in (ROOT / "thulium_frames" / room).glob("[a-z]*.py")}
    assert set(re.findall(r"`(\w+)`", row)) == files


@pytest.mark.parametrize("room", ["endpoint", "records", "reading", "lake"])
def test_the_table_of_rooms_says_what_each_imports(room: str) -> None:
    row = next(line for line in README.splitlines() if line.startswith(f"| `{room}/` |"))
    assert set(row.rsplit("|", 2)[1].strip().split(", ")) == IMPORTS[room]


def test_links_lead_to_files_that_are_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
