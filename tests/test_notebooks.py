"""The notebooks run from the first cell to the last in a fresh kernel, and their saved outputs equal the fresh ones.

To renew the saved outputs: `python -m tests.test_notebooks`.
"""

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

import thulium_frames

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RENEW = "the saved outputs are stale: run python -m tests.test_notebooks"

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
PICTURES = {"image/png", "image/svg+xml"}
LIVE_CHART = re.compile(r"application/vnd\.vega")
SECONDS = 600

#: The demo user and password are both `demo`. A notebook has no other password, but may name one.
CREDENTIALS = re.compile(r"\bdemo\b|passw(or)?d", re.IGNORECASE)
SERVER = re.compile(r"localhost|127\.0\.0\.1|\[::1\]|https?://[^/\s\"']*:\d+")
#: Paths as they appear in JSON, where a backslash is written twice.
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/])/(home|Users|root|tmp|var|private|work|opt|usr|mnt)/|\b[A-Za-z]:\\\\\w")


class ThisInterpreter(AsyncKernelManager):
    """Starts the kernel of the running interpreter, whatever kernels are registered on the machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(**get_kernel_dict(extra_arguments=["--log-level=ERROR"]))


@dataclass(frozen=True)
class Run:
    """A saved notebook, and the same notebook after a fresh run of all its cells."""

    saved: NotebookNode
    fresh: NotebookNode


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    saved = read(request.param)
    return Run(saved, executed(saved, tmp_path_factory.mktemp("notebook")))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def saved(request: pytest.FixtureRequest) -> NotebookNode:
    return read(request.param)


def read(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def executed(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """A copy of the notebook with fresh outputs; raises CellExecutionError at the first cell that fails."""
    copy = deepcopy(notebook)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
        client = NotebookClient(
            copy,
            kernel_manager_class=ThisInterpreter,
            resources={"metadata": {"path": str(folder)}},
            timeout=SECONDS,
            startup_timeout=SECONDS,
            iopub_timeout=SECONDS,
            raise_on_iopub_timeout=True,
            record_timing=False,
            coalesce_streams=True,
        )
        client.execute(env=kernel_environment(folder))
    copy.metadata = nbformat.from_dict(METADATA)  # the kernel wrote its exact version into it
    return copy


def kernel_environment(folder: Path) -> dict[str, str]:
    """The environment without this user's IPython profile and Thulium settings, and with the tested package."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("THULIUM_")}
    return {
        **inherited,
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(Path(thulium_frames.__file__).parent.parent),
    }


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: NotebookNode) -> Iterator[NotebookNode]:
    return (output for cell in code_cells(notebook) for output in cell.outputs)


def shown(output: NotebookNode) -> dict[str, Any]:
    """What an output shows, by media type. Pictures are left out, because each version draws them a bit differently."""
    if output.output_type == "stream":
        return {output.name: output.text}
    if output.output_type == "error":
        return {"error": output.traceback}
    return {kind: without_version(value) for kind, value in output.data.items() if kind not in PICTURES}


def without_version(value: Any) -> Any:
    return {name: part for name, part in value.items() if name != "$schema"} if isinstance(value, dict) else value


def text_of(notebook: NotebookNode) -> str:
    return "\n".join(json.dumps(shown(output), ensure_ascii=False) for output in outputs(notebook))


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


def test_saved_outputs_are_what_a_fresh_kernel_gives(run: Run) -> None:
    for saved, fresh in zip(code_cells(run.saved), code_cells(run.fresh), strict=True):
        expected = [shown(output) for output in fresh.outputs]
        assert [shown(output) for output in saved.outputs] == expected, f"cell {saved.id}: {RENEW}"


def test_cells_were_saved_after_one_run_in_order(saved: NotebookNode) -> None:
    counts = [cell.execution_count for cell in code_cells(saved)]
    assert counts == list(range(1, len(counts) + 1)), RENEW


def test_nothing_is_written_to_stderr(saved: NotebookNode) -> None:
    assert [output.text for output in outputs(saved) if output.get("name") == "stderr"] == []


def test_every_chart_is_visible_where_nothing_is_run(saved: NotebookNode) -> None:
    for output in outputs(saved):
        kinds = set(output.get("data", {}))
        assert PICTURES & kinds or not any(map(LIVE_CHART.match, kinds)), RENEW


def test_the_quickstart_shows_a_chart() -> None:
    kinds = [set(output.get("data", {})) for output in outputs(read(ROOT / "notebooks" / "quickstart.ipynb"))]
    assert any(PICTURES & some for some in kinds)


@pytest.mark.parametrize("secret", [CREDENTIALS, SERVER, ABSOLUTE_PATH], ids=["credentials", "server", "path"])
def test_outputs_tell_nothing_of_the_machine(saved: NotebookNode, secret: re.Pattern[str]) -> None:
    assert secret.search(text_of(saved)) is None


def test_outputs_name_no_folder_of_this_machine(saved: NotebookNode) -> None:
    folders = {str(ROOT), str(Path.home()), tempfile.gettempdir(), sys.prefix} - {"/"}
    assert [folder for folder in folders if folder in text_of(saved)] == []


def test_metadata_is_that_of_any_machine(saved: NotebookNode) -> None:
    assert saved.metadata == METADATA
    assert [cell.id for cell in saved.cells if cell.metadata] == []


def test_every_code_cell_has_a_sentence_above(saved: NotebookNode) -> None:
    above = dict(zip([cell.id for cell in saved.cells[1:]], saved.cells, strict=False))
    assert [cell.id for cell in code_cells(saved) if above[cell.id].cell_type != "markdown"] == []


if __name__ == "__main__":
    for path in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(executed(read(path), Path(folder)), path)
