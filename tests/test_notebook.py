"""The notebook runs from top to bottom, twice in one kernel, and its stored copy is fit to be read on any machine."""

import ast
import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.records.metrics_file import read_metrics

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "work" / "01-classic-gan.ipynb"
LARGEST = 1_000_000  # bytes
SHOWS_A_MACHINE_PATH = "machine-path"  # the tag of cells whose output is not stored
MACHINE_PATH = re.compile(r"(?<![\w.~/])/(root|tmp|opt|usr|var|mnt|etc|work|Users|home/(?!aistudio\b))\b|\b[A-Z]:\\")
STEPS, WIDTH = 4, 0.05


def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def python(cell):
    """A cell's source without the lines that only IPython understands."""
    return "\n".join("" if line.startswith(("%", "!")) else line for line in cell.source.splitlines())


def pictures(cell):
    return [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]


def words(cell):
    """Everything of a cell that is read as text: its source and its outputs, without the pictures."""
    yield cell.source
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        for kind, value in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield str(value)


def assert_no_error(notebook):
    assert [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type == "error"] == []


# ---- executed ----------------------------------------------------------------------------------------------------------


def test_it_runs_twice_in_one_kernel(tmp_path, monkeypatch):
    monkeypatch.setenv("NOTEBOOK_STEPS", str(STEPS))
    monkeypatch.setenv("NOTEBOOK_WIDTH", str(WIDTH))
    monkeypatch.setenv("NOTEBOOK_OUTPUT", str(tmp_path))
    notebook = stored()
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    with client.setup_kernel():
        for passes in (1, 2):
            for cell in code_cells(notebook):
                cell.outputs = []
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)  # raises on an error, with the cell and its traceback
            assert_no_error(notebook)
            shown = [picture for cell in code_cells(notebook) for picture in pictures(cell)]
            assert len(shown) >= 5, "digits, two grids, curves, new digits"
            assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in shown)
            assert len(list((tmp_path / "output").iterdir())) == passes, "every pass is a run of its own"

    for run in (tmp_path / "output").iterdir():
        config = load_config(run / "config.yaml")
        assert (config.train.steps, config.generator.width, config.discriminator.width) == (STEPS, WIDTH, WIDTH)
        assert read_metrics(run / "metrics.jsonl")[-1]["step"] == STEPS
        assert len(list((run / "generated").glob("[0-9]*.png"))) == 32
        assert list((tmp_path / "log" / run.name).glob("*_loss/vdlrecords*"))
    last = code_cells(notebook)[-1]
    assert SHOWS_A_MACHINE_PATH in last.metadata.tags
    assert last.outputs[0].text == f"{(tmp_path / 'log').resolve()}\n"


@pytest.mark.parametrize("where", ["work", ".", "above"])
def test_it_finds_the_package_and_the_default_folders(tmp_path, where):
    """From work/, from the project, and from a folder above it, where AI Studio's kernels start."""
    (tmp_path / "project").symlink_to(ROOT, target_is_directory=True)
    folder = tmp_path if where == "above" else ROOT / where
    cells = code_cells(stored())
    last = next(index for index, cell in enumerate(cells) if "OUTPUT, LOG =" in cell.source)
    code = "\n".join([*map(python, cells[: last + 1]), "print(OUTPUT.resolve(), LOG.resolve(), STEPS, overrides, 'paddle' in sys.modules)"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NOTEBOOK_") and name != "PYTHONPATH"}
    environment["PYTHONIOENCODING"] = "utf-8"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{ROOT / 'output'} {ROOT / 'log'} 300 {{}} False"


# ---- as stored ---------------------------------------------------------------------------------------------------------


def test_the_stored_copy_was_executed_without_an_error():
    notebook = stored()
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "one pass, from top to bottom"
    assert_no_error(notebook)
    assert sum(len(pictures(cell)) for cell in cells) >= 5
    assert [output for cell in cells for output in cell.outputs if output.get("name") == "stderr"] == []
    assert NOTEBOOK.stat().st_size < LARGEST


def test_the_stored_copy_names_no_path_of_a_machine():
    found = [MACHINE_PATH.search(text) for cell in stored().cells for text in words(cell)]
    assert [match.string for match in found if match] == []
    text = "\n".join(text for cell in stored().cells for text in words(cell))
    assert str(ROOT) not in text
    cleared = [cell for cell in code_cells(stored()) if SHOWS_A_MACHINE_PATH in cell.metadata.get("tags", [])]
    assert len(cleared) == 1 and cleared[0].outputs == []


def test_the_training_is_in_the_package():
    """No class, no loop that steps, no backward pass in any cell."""
    for cell in code_cells(stored()):
        assert "backward(" not in cell.source
        for node in ast.walk(ast.parse(python(cell))):
            assert not isinstance(node, ast.ClassDef), cell.source
            if isinstance(node, (ast.For, ast.While)):
                called = {call.func.attr for call in ast.walk(node) if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)}
                assert not called & {"step", "minimize", "clear_grad"}, cell.source


def test_it_uses_public_names_alone():
    """No module of the package is imported, and of the package nothing but its public names is used."""
    import paddle_gan_aug

    public = {*paddle_gan_aug.__all__, "__version__", "__file__"}
    for cell in code_cells(stored()):
        for node in ast.walk(ast.parse(python(cell))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("paddle_gan_aug"), cell.source
            if isinstance(node, ast.Import):
                assert all(not alias.name.startswith("paddle_gan_aug.") for alias in node.names), cell.source
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "paddle_gan_aug":
                assert node.attr in public, node.attr


def test_the_package_comes_before_paddle():
    sources = "\n".join(cell.source for cell in code_cells(stored()))
    assert sources.index("\nimport paddle_gan_aug") < sources.index("\nimport paddle\n")
