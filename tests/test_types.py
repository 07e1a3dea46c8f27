"""The types of the public API: every name has its example, and wrong use is refused."""

import ast
import inspect
import os
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest
from mypy import api

import thulium_frames
from thulium_frames import Connections, Lake, Thulium, charts, errors, metrics, simulator
from thulium_frames.endpoint import Filters

EXAMPLES = ast.parse((Path(__file__).parent / "typed_examples.py").read_text(encoding="utf-8"))

#: Only this package's own types matter here, and its libraries take most of the time to check.
CONFIG = """
[mypy]
strict = true
follow_imports = silent
disallow_subclassing_any = false
warn_unused_ignores = false

[mypy-polars.*,pyarrow.*,pandas.*,httpx.*,tenacity.*,filelock.*,msgspec.*]
follow_imports = skip
follow_imports_for_stubs = true
ignore_missing_imports = true
"""
WELL_USED = """
from thulium_frames import Lake, Reading, RetryPolicy, Thulium

thulium = Thulium("acme", workers=8, reading=Reading(page_rows=50), retries=RetryPolicy(tries=2))
calls = thulium.connections(queue_id=34, tags=["vip"])
rows: int = Lake("lake").status().days[0].rows + calls.count() + calls.write_parquet("lake").rows
"""
MISUSED = [
    'Lake("lake").status().days[0].rows.nonsense',
    'Lake("lake", 48)',
    "Lake(7)",
    'Lake("lake").update(7)',
    'Lake("lake").update(calls, True, True)',
    'thulium.connections(queue="x")',
    'thulium.connections(queue_id="x")',
    "thulium.connections(tags=7)",
    "thulium.connections(34)",
    'Thulium("acme", workers="8")',
    'Thulium("acme", retries=Reading())',
    "RetryPolicy(attempts=2)",
    "calls.nonsense()",
    "calls.limit = 5",
    "days: int = calls.days",
]


def public(kind: type) -> set[str]:
    """Methods, properties and fields of a class, as users see them."""
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


def taken_from(door: str) -> set[str]:
    """The names of a module that the examples use."""
    loaded = [node for node in ast.walk(EXAMPLES) if isinstance(node, (ast.Name, ast.Attribute))]
    names = {node.id for node in loaded if isinstance(node, ast.Name)}
    imported = {
        alias.name
        for node in EXAMPLES.body
        if isinstance(node, ast.ImportFrom) and node.module == door
        for alias in node.names
    }
    own = door.rpartition(".")[2]
    return (imported & names) | {
        node.attr for node in loaded if isinstance(node, ast.Attribute) and ast.unparse(node.value) == own
    }


@pytest.mark.parametrize("kind", [Thulium, Connections, Lake], ids=lambda kind: kind.__name__)
def test_every_public_method_has_a_typed_example(kind: type) -> None:
    used = {node.attr for node in ast.walk(EXAMPLES) if isinstance(node, ast.Attribute)}
    assert public(kind) - used == set()


@pytest.mark.parametrize("door", [thulium_frames, metrics, charts, simulator], ids=lambda door: door.__name__)
def test_every_public_name_has_a_typed_example(door: ModuleType) -> None:
    """It is imported from its door, or taken from it."""
    assert set(door.__all__) - taken_from(door.__name__) == set()


def test_every_error_has_a_typed_example() -> None:
    every = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert every - taken_from("thulium_frames.errors") <= {"ThuliumFramesError"}  # the package's own door has it


def test_no_typed_example_runs_on_import() -> None:
    first, *rest = EXAMPLES.body
    assert isinstance(first, ast.Expr)
    assert {type(node) for node in rest} == {ast.Import, ast.ImportFrom, ast.FunctionDef}


def test_the_parameters_of_a_query_are_the_filters() -> None:
    parameters = list(inspect.signature(Thulium.connections).parameters)
    assert parameters == ["self", *(field.name for field in fields(Filters))]


def test_wrong_use_is_refused_and_right_use_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(thulium_frames.__file__).parent.parent
    monkeypatch.setenv("MYPYPATH", str(root))
    config, snippet = tmp_path / "mypy.ini", tmp_path / "snippet.py"
    config.write_text(CONFIG)
    snippet.write_text(WELL_USED + "\n".join(MISUSED) + "\n")
    options = ["--config-file", str(config), "--cache-dir", os.devnull, "--no-error-summary"]
    said, failed, _ = api.run([*options, str(snippet)])
    assert not failed
    refused = {int(line) for line in re.findall(r"snippet\.py:(\d+): error:", said)}
    first = WELL_USED.count("\n") + 1
    assert refused == set(range(first, first + len(MISUSED))), said
