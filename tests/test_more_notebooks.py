"""The notebooks after the first run from top to bottom at capped sizes, and use public names alone."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import paddle_gan_aug

ROOT = Path(__file__).resolve().parent.parent
MACHINE_PATH = re.compile(r"(?<![\w.~/])/(root|tmp|opt|usr|var|mnt|etc|work|Users|home/(?!aistudio\b))\b|\b[A-Z]:\\")
SAME = "same"  # the tag of cells that print the same at every size
NOTEBOOKS = sorted((ROOT / "work").glob("0[2-9]-*.ipynb"))
SECONDS = 600  # for one cell: a cell that hangs is an error, not a wait without end
LARGEST = {  # a number of a cell with the tag "sizes" is at most this
    "STEPS": 5,
    "PER_CLASS_STEPS": 4,
    "CONDITIONAL_STEPS": 4,
    "GAN_STEPS": 4,
    "CLASSIFIER_STEPS": 5,
    "SEMI_STEPS": 5,
    "UNLABELLED": 200,
    "SEEDS": 1,
    "TEST": 100,
}


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def printed(cell):
    """What a cell has printed."""
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


def capped(cell, folder):
    """A cell's source with small sizes, and with its runs below `folder`."""
    source, tags = cell.source, cell.metadata.get("tags", [])
    if "sizes" in tags:
        source = re.sub(
            r"^(\w+) = (\d+)", lambda found: f"{found[1]} = {min(int(found[2]), LARGEST.get(found[1], 10**9))}", source, flags=re.M
        )
    if "places" in tags:
        source += f"\nOUTPUT, LOG = Path({str(folder / 'output')!r}), Path({str(folder / 'log')!r})"
    return source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_top_to_bottom(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    cells, stored = [cell for cell in notebook.cells if cell.cell_type == "code"], [printed(cell) for cell in code_cells(path)]
    assert {tag for cell in cells for tag in cell.metadata.get("tags", [])} - {SAME} == {"sizes", "places"}
    for cell in cells:
        cell.source = capped(cell, tmp_path)
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "work")}})
    client.execute()  # raises on an error, with the cell and its traceback
    assert list((tmp_path / "output").iterdir())
    same = [(printed(cell), before) for cell, before in zip(cells, stored) if SAME in cell.metadata.get("tags", [])]
    assert all(now == before != "" for now, before in same), same


def test_notebooks_have_cells_whose_stored_output_is_compared():
    tagged = [path.stem[:2] for path in NOTEBOOKS for cell in code_cells(path) if SAME in cell.metadata.get("tags", [])]
    assert sorted(set(tagged)) == ["02", "03", "04"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_stored_copy_was_executed_and_names_no_path_of_a_machine(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "one pass, from top to bottom"
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert [output for output in outputs if "image/png" in output.get("data", {})], "pictures"
    text = [cell.source for cell in cells] + [str(output.get("text", "")) for output in outputs]
    assert [line for line in text if MACHINE_PATH.search(line) or str(ROOT) in line] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_uses_public_names_alone(path):
    nodes = [node for cell in code_cells(path) for node in ast.walk(ast.parse(re.sub(r"^%.*$", "", cell.source, flags=re.M)))]
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "pga"}
    assert used and used <= {*paddle_gan_aug.__all__, "__file__"}
    assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("paddle_gan_aug")]
