"""What the pages for contributors and the changelog mention is there."""

import ast
import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
CONTRIBUTING, SECURITY, CHANGELOG = ((ROOT / ".github" / page).read_text(encoding="utf-8") for page in PAGES)
CODE = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(chain((ROOT / "thulium_frames").rglob("*.py"), (ROOT / "tests").rglob("*.py")))
}

_PATH = re.compile(r"(?<![\w/])(?:thulium_frames|tests|\.github|\.ci)/[\w./-]*|(?<![\w/])[\w.-]+\.(?:md|toml|yaml)\b")
_TEST = re.compile(r"\btest_\w+\b(?!\.py)")


def functions(path: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(CODE[path])) if isinstance(node, ast.FunctionDef)}


def step(heading: str) -> str:
    """One chapter of the page for contributors."""
    return CONTRIBUTING.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("page", [CONTRIBUTING, SECURITY], ids=PAGES[:2])
def test_every_path_that_is_mentioned_exists(page: str) -> None:
    found = set(_PATH.findall(page))
    assert found
    assert {path for path in found if not (ROOT / path.rstrip(".")).exists()} == set()


def test_every_test_that_is_mentioned_exists() -> None:
    tests = set().union(*(functions(path) for path in CODE if path.startswith("tests/")))
    named = set(_TEST.findall(CONTRIBUTING))
    assert named
    assert named - tests == set()
    for path, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", CONTRIBUTING):
        assert name in functions(path)


def test_every_name_that_is_mentioned_stands_in_the_code() -> None:
    code = "\n".join(CODE.values())
    doses = {f"THULIUM_FRAMES_{name}" for name in re.findall(r'= dose\("(\w+)"', code)}
    named = {name for name in re.findall(r"`(\w+)`", CONTRIBUTING) if "_" in name or name[0].isupper()} - doses
    assert {name for name in named if not re.search(rf"\b{name}\b", code)} == set()


@pytest.mark.parametrize("what", ["column", "filter", "figure", "fault"])
def test_the_steps_to_add_something_are_numbered(what: str) -> None:
    numbers = [int(number) for number in re.findall(r"^(\d+)\. ", step(f"Add a {what}"), flags=re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 4


def test_each_dose_is_told_with_the_file_that_takes_it_and_its_default() -> None:
    row = re.compile(r"^\| `THULIUM_FRAMES_(\w+)` \| (\d+) \| (\d+) \| .* \| `([\w/.]+)` \|$", flags=re.MULTILINE)
    taken = [
        (name, default.replace("_", ""), thorough.replace("_", ""), path)
        for path, text in CODE.items()
        for name, default, thorough in re.findall(r'= dose\("(\w+)", ([\d_]+), ([\d_]+)\)', text)
    ]
    assert len(taken) >= 6
    assert sorted(row.findall(CONTRIBUTING)) == sorted(taken)


def test_every_room_stands_in_the_table() -> None:
    package = ROOT / "thulium_frames"
    files = {f"thulium_frames/{path.name}" for path in package.glob("[a-z]*.py")}
    folders = {f"thulium_frames/{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert {room for room in files | folders if f"`{room}`" not in step("The rooms")} == set()


def test_the_changelog_tells_of_what_comes_and_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    headings = re.findall(r"^## \[([^\]]+)\]", CHANGELOG, flags=re.MULTILINE)
    assert headings[:2] == ["Unreleased", version]


def test_the_hooks_run_from_the_environment_of_the_project() -> None:
    """They take nothing from elsewhere."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", hooks) == ["local"]
    entries = re.findall(r"entry: (.+)", hooks)
    assert entries == [".venv/bin/ruff check", ".venv/bin/ruff format --check", ".venv/bin/mypy"]
