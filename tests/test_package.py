"""The package's structure is as the documentation describes it; tests walk the files to check."""

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import thulium_frames
from thulium_frames import errors
from thulium_frames.errors import ThuliumFramesError
from thulium_frames.simulator import Centre, GeneratedCalls, create_app, running

PACKAGE = "thulium_frames"
FOLDER = Path(thulium_frames.__file__).parent

#: The rooms, and what each room imports from the package. A new import between rooms is added here first.
IMPORTS: dict[str, set[str]] = {
    "errors": set(),
    "schema": set(),
    "bounds": {"errors"},
    "windows": set(),
    "endpoint": {"bounds", "errors"},
    "records": {"errors", "schema"},
    "reading": {"errors", "records", "windows"},
    "lake": {"bounds", "errors", "schema", "windows"},
    "pushdown": {"endpoint", "errors", "windows"},
    "scanning": {"endpoint", "pushdown", "records", "schema", "windows"},
    "connections": {
        "bounds", "endpoint", "errors", "lake", "reading", "records", "scanning", "schema", "windows",
    },
    "doctor": {"connections", "metrics", "reading", "records", "windows"},
    "simulator": {"schema"},
    "metrics": set(),
    "charts": {"metrics"},
    "report": {"charts", "errors", "lake", "metrics"},
}  # fmt: skip
#: These may import anything: the command line, and the package's `__init__`, which loads names at their first use.
FREE = {"cli", "__main__", "__init__"}

#: Libraries that one room, or single files, alone know.
OWNERS = {
    "httpx": {"endpoint.by_httpx"},
    "pyreqwest": {"endpoint.by_pyreqwest"},
    "httpcore": {"endpoint.limits"},
    "zstandard": {"endpoint.bodies"},
    "truststore": {"endpoint.trust"},
    "tenacity": {"endpoint.retries", "lake.durable"},
    "filelock": {"lake.lock"},
    "starlette": {"simulator"},
    "uvicorn": {"simulator"},
    "click": {"cli"},
    "rich": {"cli.screen"},
    "pandas": {"connections"},
    "phonenumbers": {"metrics"},
    "altair": {"charts"},
    "jinja2": {"report"},
    "vl_convert": {"report"},
}

HEAVY = [
    "polars",
    "pyarrow",
    "httpx",
    "pyreqwest",
    "starlette",
    "rich",
    "pandas",
    "pyspark",
    "uvicorn",
    "duckdb",
    "phonenumbers",
    "altair",
]
COMMANDS = ["export", "fetch", "status", "verify", "report", "demo", "serve", "doctor"]


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Each file, as its module's name without the package's name, and its syntax tree."""
    for path in sorted(FOLDER.rglob("*.py")):
        module = ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        yield module.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names of all modules that a file imports, also inside functions and for type checkers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == PACKAGE else [module]


def room_of(module: str) -> str:
    return module.partition(".")[0]


def inner(tree: ast.Module) -> set[str]:
    """Modules of the package that a file imports, without the name of the package."""
    names = [name for name in imported(tree) if room_of(name) == PACKAGE]
    return {name.removeprefix(PACKAGE).removeprefix(".") or "__init__" for name in names}


def inner_imports() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for module, tree in sources():
        room = room_of(module)
        found.setdefault(room, set()).update({room_of(name) for name in inner(tree)} - {room})
    return found


# --- who imports what


def test_every_room_stands_in_the_table() -> None:
    assert set(inner_imports()) == set(IMPORTS) | FREE


@pytest.mark.parametrize("room", IMPORTS)
def test_a_room_imports_what_the_table_says(room: str) -> None:
    assert inner_imports()[room] == IMPORTS[room]


def test_nobody_reaches_past_the_door_of_another_room() -> None:
    for module, tree in sources():
        reached = {name for name in inner(tree) if "." in name and room_of(name) != room_of(module)}
        assert reached == set(), module


@pytest.mark.parametrize("room", ["endpoint", "lake", "reading", "records", "report", "simulator"])
def test_a_door_says_what_the_room_knows_and_opens_to_it(room: str) -> None:
    door = importlib.import_module(f"{PACKAGE}.{room}")
    assert len((door.__doc__ or "").strip().splitlines()) >= 1
    assert door.__all__ == sorted(door.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert all(hasattr(door, name) for name in door.__all__)


def test_reading_knows_no_parameter_of_the_api() -> None:
    """The reading gets windows and rows. Only the endpoint knows their names on the wire."""
    for module, tree in sources():
        if room_of(module) == "reading":
            texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
            told = " ".join(text for text in texts if isinstance(text, str))
            assert not [name for name in ("date_from", "date_to", "http", "GET ") if name in told], module


def test_the_table_has_no_circle() -> None:
    assert list(TopologicalSorter(IMPORTS).static_order())


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_known_to_its_owners(library: str) -> None:
    importers = {module for module, tree in sources() if library in set(map(room_of, imported(tree)))}
    owners = {
        module: {owner for owner in OWNERS[library] if f"{module}.".startswith(f"{owner}.")} for module in importers
    }
    assert all(owners.values())
    assert set().union(*owners.values()) == OWNERS[library]


def test_only_the_command_line_prints_exits_and_configures_logging() -> None:
    for module, tree in sources():
        calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if room_of(module) not in ("cli", "__main__"):
            assert not calls & {"print", "exit", "sys.exit", "os._exit", "logging.basicConfig"}, module


def test_only_the_settings_read_the_environment() -> None:
    for module, tree in sources():
        used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert module == "endpoint.settings" or not used & {"os.environ", "os.getenv"}, module


# --- what is loaded when


def loaded_after(code: str) -> set[str]:
    """Top-level names of the modules that a new interpreter has loaded after some code."""
    tell = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_after("import thulium_frames")
    assert PACKAGE in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"""
import sys
from thulium_frames.__main__ import main
sys.argv = ["thulium-frames", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    loaded = loaded_after(code)
    assert "click" in loaded
    assert not loaded & set(HEAVY)


def test_the_decoder_loads_no_http() -> None:
    assert "httpx" not in loaded_after(
        "import thulium_frames.records.decode, thulium_frames.reading.crew, thulium_frames.lake.lake"
    )


def test_sending_requests_loads_nothing_of_a_terminal() -> None:
    """httpx has a command line of its own, which loads rich. Whoever wants it can still have it."""
    loaded = loaded_after("import thulium_frames.endpoint.by_httpx")
    assert "httpx" in loaded
    assert not loaded & {"click", "rich", "pygments"}
    assert "rich" in loaded_after("import thulium_frames.endpoint.by_httpx, httpx._main")


def test_only_the_library_that_sends_the_requests_is_loaded() -> None:
    pytest.importorskip("pyreqwest", reason="the extra `fast` is not installed")
    app = create_app(GeneratedCalls(Centre(seed=1, calls_per_day=50), date(2024, 7, 1), date(2024, 7, 2)))
    with running(app) as url:
        loaded = loaded_after(f"""
from thulium_frames import Thulium
Thulium({url!r}, "demo", "demo").connections().count()
""")
    assert "pyreqwest" in loaded
    assert not loaded & {"httpx", "httpcore"}


@pytest.mark.parametrize("last", ["2024-07-02", "2024-06-30"], ids=["calls", "no calls"])
def test_pandas_is_loaded_by_who_asks_for_it_alone(last: str, tmp_path: Path) -> None:
    """pyarrow itself imports pandas when it makes an array from Python values."""
    app = create_app(GeneratedCalls(Centre(seed=1, calls_per_day=50), date(2024, 7, 1), date(2024, 7, 2)))
    with running(app) as url:
        loaded = loaded_after(f"""
import polars as pl
from thulium_frames import Lake, Thulium, scan_lake
calls = Thulium({url!r}, "demo", "demo").connections(date_from="2024-06-29", date_to={last!r})
calls.to_polars(), pl.DataFrame(calls)
calls.scan().filter(pl.col("queue_id").is_in([1, 2])).collect()
lake = Lake({str(tmp_path / "lake")!r})
calls.write_parquet(lake.path), lake.status(), lake.verify()
scan_lake(lake.path).collect(), lake.scan("2024-06-01", "2024-06-02").collect(), pl.DataFrame(lake)
""")
    assert "pyarrow" in loaded
    assert "pandas" not in loaded


def run_in_a_process(*arguments: str) -> set[str]:
    """What a command has loaded at its end."""
    return loaded_after(f"from thulium_frames.cli import run\nassert run({arguments!r}) == 0")


def test_each_command_loads_what_it_uses_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(GeneratedCalls(Centre(seed=1, calls_per_day=50), date(2024, 7, 1), date(2024, 7, 2)))
    days, lake = ("--from", "2024-07-01", "--to", "2024-07-02"), str(tmp_path / "lake")
    with running(app) as url:
        for name, value in {"URL": url, "USER": "demo", "PASSWORD": "demo"}.items():
            monkeypatch.setenv(f"THULIUM_{name}", value)
        exported = run_in_a_process("export", lake, *days)
        fetched = run_in_a_process("fetch", *days, "-o", str(tmp_path / "calls.parquet"))
    assert not exported & {"polars", "tenacity", "rich", "pandas", "duckdb"}
    assert not fetched & {"polars", "tenacity", "rich", "pandas", "filelock"}
    assert not run_in_a_process("status", lake) & {*HEAVY, "tenacity", "filelock", "numpy"}


def test_the_first_request_waits_for_no_frames() -> None:
    """What builds columns loads while the first request is under way."""
    loaded = loaded_after("""
import sys
from thulium_frames import Thulium
from thulium_frames.endpoint.transport import Transport
before = set()
def get(self, *_):
    before.update(sys.modules)
    raise KeyError
Transport.get = get
try:
    Thulium("http://127.0.0.1:9", "demo", "demo").connections(date_from="2024-07-01").count()
except KeyError:
    assert before and not {"polars", "pyarrow", "tenacity"} & before
""")
    assert "thulium_frames" in loaded


def test_the_figures_load_polars_and_nothing_else_that_is_heavy() -> None:
    assert loaded_after("import thulium_frames.metrics") & set(HEAVY) == {"polars"}


# --- the one door


def test_the_public_names_are_the_pinned_ones() -> None:
    assert {"Thulium", "Lake", "scan_lake", "SCHEMA"} <= set(thulium_frames.__all__)


def test_the_public_names_are_sorted() -> None:
    """The order is that of linters: constants, then classes, then the rest."""
    names = thulium_frames.__all__
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert len(set(names)) == len(names)


def test_the_public_names_are_those_that_are_loaded_when_used() -> None:
    assert set(thulium_frames._HOMES) == set(thulium_frames.__all__)


def test_the_public_names_are_those_that_type_checkers_see() -> None:
    tree = dict(sources())["__init__"]
    for_checkers = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: (node.module or "").removeprefix(f"{PACKAGE}.")
        for node in for_checkers.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == thulium_frames._HOMES


@pytest.mark.parametrize("name", thulium_frames.__all__)
def test_every_public_name_resolves(name: str) -> None:
    home = importlib.import_module(f"{PACKAGE}.{thulium_frames._HOMES[name]}")
    assert getattr(thulium_frames, name) is getattr(home, name)
    assert name in dir(thulium_frames)


@pytest.mark.parametrize("name", ["Thulum", "_Thulium", "__path_of__"])
def test_another_name_is_no_attribute(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(thulium_frames, name)


def test_the_package_is_typed() -> None:
    assert (FOLDER / "py.typed").is_file()


# --- errors


ERRORS: dict[str, tuple[int, type[BaseException]]] = {
    "ThuliumFramesError": (1, Exception),
    "SettingsError": (2, ValueError),
    "FilterError": (2, ValueError),
    "ApiError": (3, ConnectionError),
    "AuthenticationError": (3, PermissionError),
    "RequestRejectedError": (3, ConnectionError),
    "UnreadableAnswerError": (3, ConnectionError),
    "ContractError": (4, ValueError),
    "ForeignAnswerError": (4, ValueError),
    "UnprovenWindowError": (4, ValueError),
    "UnreadableDateError": (4, ValueError),
    "LakeError": (5, OSError),
    "LakeLockedError": (5, BlockingIOError),
    "LakeMismatchError": (5, OSError),
    "LakeDamagedError": (5, OSError),
}


def all_errors(kind: type[ThuliumFramesError] = ThuliumFramesError) -> Iterator[type[ThuliumFramesError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from all_errors(child)


def test_every_error_stands_in_the_tree() -> None:
    importlib.import_module(f"{PACKAGE}.connections")
    assert {kind.__name__ for kind in all_errors()} == set(ERRORS)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_has_its_exit_code_and_is_caught_as_a_builtin_too(name: str) -> None:
    kind = getattr(errors, name)
    exit_code, builtin = ERRORS[name]
    assert kind.exit_code == exit_code
    assert issubclass(kind, ThuliumFramesError)
    assert issubclass(kind, builtin)
    assert str(kind("what, where, what to do")) == "what, where, what to do"
    assert (kind.__doc__ or "").strip()


def test_the_tree_at_the_top_of_the_module_draws_every_error() -> None:
    assert all(name in (errors.__doc__ or "") for name in ERRORS)
