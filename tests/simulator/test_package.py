import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import thulium_frames.simulator as simulator

FOLDER = Path(simulator.__file__).parent


def test_every_public_name_is_there_and_the_list_is_sorted() -> None:
    assert simulator.__all__ == sorted(simulator.__all__)
    assert all(hasattr(simulator, name) for name in simulator.__all__)


def test_nothing_but_the_schema_is_taken_from_the_rest_of_the_project() -> None:
    imported = {
        node.module or ""
        for file in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
    }
    own = {name for name in imported if name.startswith("thulium_frames")}
    assert {name for name in own if not name.startswith("thulium_frames.simulator")} == {"thulium_frames.schema"}


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_its_extra_the_package_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from thulium_frames.simulator import create_app, serve"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "ImportError: the simulator needs its extra packages: pip install 'thulium-frames[demo]'" in run.stderr
