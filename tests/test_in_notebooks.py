"""What a training and a study show in a notebook: a bar, a table that fills, a short word of an interruption, and nothing in red."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

SECONDS = 600  # for one cell
BEGIN = """
import signal
import paddle_gan_aug as pga
from paddle_gan_aug.training.loop import Callback

WIDTHS = {{"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20, "log.visualdl": False}}
OPTIONS = {{"output": {output!r}, "log": {log!r}}}

def train(name, steps=6, **more):
    overrides = {{"data.source": {data!r}, "train.steps": steps, **WIDTHS}}
    return pga.train("fast", run=name, overrides=overrides, **OPTIONS, **more)

class StopAt(Callback):
    def __init__(self, step):
        self.step = step
    def on_step(self, progress):
        if progress.step == self.step:
            signal.raise_signal(signal.SIGINT)
"""


class Notebook:
    """Cells that run in one kernel, one after the other."""

    def __init__(self, folder, data):
        self.folder = folder
        self.notebook = nbformat.v4.new_notebook()
        self.client = NotebookClient(self.notebook, timeout=SECONDS, kernel_name="python3")
        self.begin = BEGIN.format(output=str(folder / "output"), log=str(folder / "log"), data=str(data))

    def __call__(self, source):
        """Run a cell; returns its outputs."""
        cell = nbformat.v4.new_code_cell(source)
        self.notebook.cells.append(cell)
        self.client.execute_cell(cell, len(self.notebook.cells) - 1)
        return cell.outputs


@pytest.fixture(scope="module")
def notebook(tmp_path_factory, small_mnist):
    cells = Notebook(tmp_path_factory.mktemp("notebook"), small_mnist)
    with cells.client.setup_kernel():
        cells(cells.begin)
        yield cells


def streams(outputs, name):
    return "".join(output.text for output in outputs if output.get("name") == name)


def shown(outputs):
    """What is displayed, each as it was last."""
    return [output.data for output in outputs if output.output_type == "display_data"]


def test_a_training_shows_one_bar_and_nothing_in_red(notebook):
    outputs = notebook("run = train('r')")
    assert streams(outputs, "stderr") == ""
    assert f"run {notebook.folder / 'output' / 'r'}  ·  500 images" in streams(outputs, "stdout")
    (bar,) = shown(outputs)
    assert bar["text/plain"].startswith("epoch 1/1|") and "| 6/6 [" in bar["text/plain"]
    assert shown(notebook("run = train('quiet', quiet=True)")) == []


def test_an_interrupted_cell_says_how_the_run_goes_on(notebook):
    outputs = notebook("run = train('goes-on', callbacks=[StopAt(3)])")
    places = f"output={str(notebook.folder / 'output')!r}, log={str(notebook.folder / 'log')!r}"
    said = f"interrupted (SIGINT) at step 3, checkpoint saved; continue with train(run='goes-on', {places}, resume=True)"
    assert streams(outputs, "stdout").splitlines()[-1] == said
    assert [output.output_type for output in outputs if output.output_type == "error"] == [] and streams(outputs, "stderr") == ""
    outputs = notebook("before = run.step\nrun = pga." + said.split("continue with ")[1] + "\nprint(before, run.step)")
    assert streams(outputs, "stdout").splitlines()[-1] == "3 6"


@pytest.mark.parametrize(
    "cell, said",
    [
        (
            "class AtOnce(Callback):\n    def on_begin(self, progress):\n        raise KeyboardInterrupt",
            "interrupted before the first checkpoint",
        ),
        (
            "class AtOnce(StopAt):\n    def on_step(self, progress):\n        super().on_step(progress)\n        super().on_step(progress)",
            "interrupted at once: the checkpoint of step 2 is kept; continue with train(run='late', ",
        ),
    ],
)
def test_an_interruption_at_once_has_no_traceback(notebook, cell, said):
    notebook(cell)
    call = "train('early', callbacks=[AtOnce()])" if "on_begin" in cell else "train('late', callbacks=[AtOnce(4)])"
    notebook("WIDTHS['checkpoint.every_steps'] = 2")
    with pytest.raises(CellExecutionError):
        notebook(call)
    (error,) = [output for output in notebook.notebook.cells[-1].outputs if output.output_type == "error"]
    assert error.ename == "Interrupted"
    assert len(error.traceback) == 1 and error.traceback[0].startswith(said)


def test_a_second_training_gives_the_same_numbers(notebook):
    outputs = notebook(
        "first, second = train('first', quiet=True), train('second', quiet=True)\n"
        "times = ('time', 'images_per_second')\n"
        "lines = [[{k: v for k, v in line.items() if k not in times} for line in run.metrics()] for run in (first, second)]\n"
        "print(first.weights_sha256 == second.weights_sha256, lines[0] == lines[1], lines[0][-1]['step'])\n"
        "print((first.sample(20, seed=1).images == second.sample(20, seed=1).images).all())"
    )
    assert streams(outputs, "stdout").split() == ["True", "True", "6", "True"]


def test_a_study_shows_its_table(notebook, small_mnist):
    folder = str(notebook.folder / "study")
    options = f"to={folder!r}, arms=['classical'], labels=[5], seeds=2, choices=0, steps=2, keep=False, **OPTIONS"
    outputs = notebook(f"found = pga.run_study({str(small_mnist)!r}, {options})")
    assert streams(outputs, "stderr") == ""
    (table,) = shown(outputs)
    lines = [line.split() for line in table["text/plain"].splitlines()]
    assert lines[0] == ["arm", "images", "cells", "mean", "accuracy", "failed"]
    assert [(line[0], line[-3]) for line in lines[1:3]] == [("real", "2/2"), ("classical", "2/2")]
    assert table["text/plain"].splitlines()[-1].startswith("testing  4/4 cells  ·  real, ")
    assert table["text/html"].count("<tr>") == 3 and "<td>classical</td>" in table["text/html"]
