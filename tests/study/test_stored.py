"""Damaged files of a study: one line that names the file and says to remove it, whichever command reads it."""

import json
import os
import re

import pytest

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study.cells import read_rows
from paddle_gan_aug.study.stored import read_results
from paddle_gan_aug.study.study import draw_report


def refused(work, *said):
    """Check that `work` ends in one line with these words."""
    with pytest.raises(InputError) as caught:
        work()
    assert all(words in str(caught.value) for words in said) and "\n" not in str(caught.value), str(caught.value)


def one_row(folder):
    return sorted((folder / "rows").glob("*.json"))[0]


def test_a_study_that_is_whole_is_read_again(again):
    folder, run = again
    assert run(retry=True).verdict == read_results(folder / "results.json")["verdict"] and len(read_rows(folder)) == 4
    assert draw_report(folder) == folder / "report.html"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "3", '{"error": 5}', "[" * 100_000, "\ufeff{}"])
def test_a_row_that_is_none(again, content):
    folder, run = again
    row = one_row(folder)
    row.write_text(content)
    for work in (lambda: run(retry=True), run, lambda: draw_report(folder), lambda: read_rows(folder)):
        refused(work, f"{row} is no row of a study", "remove it, and the cell is computed again")


@pytest.mark.parametrize(
    "change, said",
    [
        ({"accuracy": float("nan")}, "expected a number >= 0.0 at accuracy"),
        ({"accuracy": "0.9"}, "expected a number at accuracy"),
        ({"accuracy": None}, "at accuracy"),
        ({"balanced_accuracy": 1.5}, "at balanced_accuracy"),
        ({"seed": "0"}, "expected a whole number at seed"),
        ({"recall": 5}, "expected a list at recall"),
        ({"recall": [0.5]}, "3 class names, and another number of recalls"),
        ({"confusion_matrix": [[1, 2, 3]]}, "rows and columns of its confusion matrix"),
        ({"right": "zz"}, "hexadecimal"),
        ({"right": ""}, "which were read rightly"),
        ({"made": {"accepted": 3}}, "maker_seconds"),
        ({"class_names": "abc"}, "at class_names"),
        ({"error": 3}, "at error"),
    ],
)
def test_a_row_whose_fields_are_wrong(again, change, said):
    folder, run = again
    row = one_row(folder)
    row.write_text(json.dumps({**json.loads(row.read_text()), **change}))
    for work in (run, lambda: draw_report(folder)):
        refused(work, f"{row} is no row of a study (", said, "remove it")


@pytest.mark.parametrize(
    "change, said",
    [
        ({"class_names": ["a", "b"], "recall": [1, 1], "confusion_matrix": [[1, 0], [0, 1]]}, "classes"),
        ({"tested": 3, "right": "ff"}, "numbers of test images"),
    ],
)
def test_a_row_of_other_images_than_the_rest(again, change, said):
    folder, run = again
    before = run()
    row = next(row for row in sorted((folder / "rows").glob("*.json")) if json.loads(row.read_text())["arm"] == "classical")
    row.write_text(json.dumps({**json.loads(row.read_text()), **change}))
    for work in (run, lambda: draw_report(folder)):
        refused(work, f"have different {said}: remove both, and their cells are computed again", str(row))
    with pytest.raises(InputError) as caught:
        run()
    for path in re.findall(r"\S+\.json", str(caught.value)):  # what the line says to do is a cure
        os.remove(path)
    assert [(of["arm"], of["mean"], of["recall"]) for of in run().arms] == [(of["arm"], of["mean"], of["recall"]) for of in before.arms]


def test_what_a_row_is_called_is_what_its_study_calls_it(again):
    folder, run = again
    before, row = run(), one_row(folder)
    row.write_text(json.dumps({**json.loads(row.read_text()), "arm": "gan", "seed": 77, "role": "choose"}))
    assert run().arms == before.arms


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"asked": {}, "named": []}'])
def test_a_beginning_that_is_none(again, content):
    folder, run = again
    (folder / "study.json").write_text(content)
    refused(run, f"{folder / 'study.json'} is no beginning of a study", "remove it")
    (folder / "study.json").unlink()
    assert run().verdict.startswith("No arm with generated images took part")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"verdict": 3}'])
def test_results_that_are_none(again, here, content):
    folder, run = again
    (folder / "results.json").write_text(content)
    said = f"{folder / 'results.json'} is no result of a study"
    refused(lambda: draw_report(folder), said, "remove it, and the study's command writes it from the rows")
    told = here("study", "--report", folder, code=2).stderr
    assert said in told and told.count("\n") == 1
    assert said in here("benchmarks", "study-cells", folder, code=2).stderr
    (folder / "results.json").unlink()
    run()
    assert draw_report(folder).is_file()


def test_a_pipe_in_place_of_a_row(again):
    folder, run = again
    row = one_row(folder)
    row.unlink()
    os.mkfifo(row)
    refused(run, f"{row} is no file but a device or a pipe")
