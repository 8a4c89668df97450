"""Arms and measure are named before test images are scored; what was named later is called so, and stays so."""

import shutil

from small_studies import run


def test_arms_that_are_named_after_test_images_were_scored_are_called_so(npz, tmp_path, capsys):
    run(npz(), tmp_path, keep=False)
    found = run(npz(), tmp_path, keep=False, rival="real", quiet=False)
    assert "named by rule after test images had been scored in this folder: the verdict is a hint" in capsys.readouterr().err
    assert [note for note in found.notes if "after test images had been scored" in note]
    again = run(npz(), tmp_path, keep=False, rival="real", seeds=3)
    assert [note for note in again.notes if "after test images had been scored" in note]  # more seeds do not make it otherwise


def test_the_plan_tells_which_cells_are_there(npz, tmp_path):
    assert not [note for note in run(npz(), tmp_path, keep=False).notes if "have rows already" in note]
    shutil.rmtree(tmp_path / "study" / "work")
    assert not [note for note in run(npz(), tmp_path, keep=False).notes if "have rows already" in note]  # of the plan, not of the results
    assert "all of these cells have rows already" in run(npz(), tmp_path, keep=False, dry_run=True).notes
    notes = run(npz(), tmp_path, keep=False, seeds=3, dry_run=True).notes
    assert [note for note in notes if note.startswith("6 of these cells have rows already; the others take about ")]


def test_another_measure_is_another_question(npz, tmp_path):
    run(npz(), tmp_path, keep=False)
    assert not [note for note in run(npz(), tmp_path, keep=False).notes if "after test images" in note]
    found = run(npz(), tmp_path, keep=False, measure="balanced_accuracy")
    assert [note for note in found.notes if "what they are compared by, were named after test images had been scored" in note]
