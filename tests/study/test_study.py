"""A whole study on small pictures: verdict, report, kept classifier; going on; mistakes."""

import json
import re
import shutil

import numpy as np
import pytest

from paddle_gan_aug.classification.classify import classify
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.records.visualdl_file import read_records
from paddle_gan_aug.runs.places import MARK
from paddle_gan_aug.study import engine
from paddle_gan_aug.study.study import draw_report, run_study

TINY = {"steps": 4, "gan": "cgan", "gan_steps": 2, "per_class": 6, "seeds": 2, "choices": 0, "quiet": True}


def run(path, tmp_path, **options):
    where = {"to": tmp_path / "study", "output": tmp_path / "output", "log": tmp_path / "log"}
    return run_study(str(path), **{**TINY, "arms": ["classical", "gan"], **where, **options})


@pytest.fixture
def counted(monkeypatch):
    """The cells that are computed, by (arm, seed, role)."""
    cells = []
    inner = engine.compute

    def count(cell, *arguments):
        cells.append((cell.arm.name, cell.seed, cell.role))
        return inner(cell, *arguments)

    monkeypatch.setattr(engine, "compute", count)
    return cells


def test_a_study_from_images_to_a_verdict_and_a_classifier(npz, tmp_path, counted):
    found = run(npz(), tmp_path)
    assert counted == [(arm, seed, "test") for seed in (0, 1) for arm in ("classical", "gan", "real")]
    assert found.verdict.startswith("Not enough for a claim, which needs 8 paired seeds (gan against classical")
    assert {row["arm"]: row["seeds"] for row in found.arms} == {"real": 2, "classical": 2, "gan": 2}
    page = found.report.read_text()
    assert found.verdict in page and page.count("<svg") == 3
    assert not re.search(r"<script|<link|(src|href)=.http", page)  # nothing is fetched
    assert (tmp_path / "study" / "cells.csv").read_text().count("\n") == 7
    assert len(list((tmp_path / "study" / "charts").glob("*.png"))) == 3
    assert sorted(path.name for path in (tmp_path / "log" / "study").iterdir() if path.is_dir()) == ["classical", "gan", "real", "verdict"]
    json.dumps(found.to_json())
    assert found.recommended["arm"] == "classical"
    assert run(npz(), tmp_path).recommended["run"] == found.recommended["run"]  # the same classifier is not trained again
    for options in ({"stored": True}, {"keep": False}):  # nor forgotten by a call that keeps none
        assert run(npz(), tmp_path, **options).recommended == found.recommended
    assert "run" not in run(npz(), tmp_path, keep=False, overrides={"classifier.width": 0.5}).recommended  # that of other settings
    again = classify(
        found.recommended["config"], run="again", output=tmp_path / "output", log=tmp_path / "log", quiet=True, test=str(npz())
    )
    kept = (tmp_path / "output" / "pictures.npz-classical" / "checkpoints" / "step-4" / "weights.safetensors").read_bytes()
    assert (again.run.folder / "checkpoints" / "step-4" / "weights.safetensors").read_bytes() == kept and 0 <= again.accuracy <= 1


def test_a_study_goes_on_and_computes_nothing_twice(npz, tmp_path, counted, monkeypatch):
    inner = engine.store

    def killed(folder, row):
        if len(counted) == 3:
            raise KeyboardInterrupt
        inner(folder, row)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "store", killed)
        with pytest.raises(KeyboardInterrupt):
            run(npz(), tmp_path, keep=False)
    assert len(counted) == 3
    assert {row["arm"] for row in run(npz(), tmp_path, stored=True).arms} == {"classical", "gan"} and len(counted) == 3
    run(npz(), tmp_path, keep=False)
    assert len(counted) == 3 + 4  # the cell under way was lost
    run(npz(), tmp_path, keep=False, seeds=3, choices=0)
    assert len(counted) == 7 + 3  # folds play no part where there are test images


def test_the_report_is_drawn_again_from_the_rows(npz, tmp_path):
    found = run(npz(), tmp_path, keep=False)
    before = found.report.read_text()
    found.report.unlink()
    assert draw_report(found.folder).read_text() == before
    with pytest.raises(InputError, match="is no study that has ended"):
        draw_report(tmp_path)


def test_a_study_replaces_its_own_records_and_charts_alone(again, tmp_path):
    folder, run = again
    of_a_run = tmp_path / "log" / "study" / "d_loss" / "vdlrecords.study.log"  # a run of the name of the study
    earlier = [folder / "records" / "gan" / "metrics.jsonl", tmp_path / "log" / "study" / "gan" / "vdlrecords.study-gan.log"]
    for path in (of_a_run, *earlier, folder / "charts" / "classes-3-labels.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
    shutil.copy(folder / MARK, tmp_path / "log" / "study" / MARK)  # these records are the study's
    run()
    assert of_a_run.read_bytes() == b"1" and not any(path.parent.exists() for path in earlier)
    assert sorted(path.name for path in (tmp_path / "log" / "study").iterdir() if path.is_dir()) == [
        "classical",
        "d_loss",
        "real",
        "verdict",
    ]
    assert sorted(path.name for path in (folder / "charts").iterdir()) == [
        "classes-as-it-is.png",
        "confusion-as-it-is.png",
        "differences-as-it-is.png",
    ]


def test_studies_of_one_name_that_share_a_log_folder_keep_their_records(npz, tmp_path):
    options = {**TINY, "arms": ["classical"], "keep": False, "output": tmp_path / "output", "log": tmp_path / "log"}
    for place, seeds in (("a", 2), ("b", 3), ("a", 4)):
        run_study(str(npz()), to=tmp_path / place / "s", **{**options, "seeds": seeds})
    points = {}
    for name in ("s", "s-2"):
        assert sorted(path.name for path in (tmp_path / "log" / name).iterdir() if path.is_dir()) == ["classical", "real", "verdict"]
        records = tmp_path / "log" / name / "real" / "metrics" / f"vdlrecords.{name}-real.log"
        points[name] = [value.id for _, value in read_records(records) if value.tag == "study/accuracy"]
    assert points == {"s": [0, 1, 2, 3], "s-2": [0, 1, 2]}


def test_scenarios_whose_names_begin_alike_have_a_chart_each(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (80, 16, 16)).astype(np.uint8)
    names, labels = [letter * 40 for letter in "abc"], np.arange(60) % 3
    parts = {"train_images": images[:60], "train_labels": labels, "test_images": images[60:], "test_labels": labels[:20]}
    np.savez(tmp_path / "long.npz", **parts, class_names=names)
    options = {"new_classes": names[:2], "new_images": [3, 5], "arms": ["classical"], "seeds": 1, "keep": False}
    found = run(tmp_path / "long.npz", tmp_path, **options)
    charts = sorted(path.stem for path in (found.folder / "charts").glob("differences-*"))
    assert charts == [f"differences-{'a' * 40}--{'b' * 18}{end}" for end in ("", "-2")]


def test_arms_are_named_before_test_images_are_scored(npz, tmp_path, counted):
    found = run(npz(), tmp_path, arms=["classical", "mixup", "gan"], choices=2, keep=False)
    roles = [role for _, _, role in counted]
    assert roles == ["choose"] * 8 + ["test"] * 8
    named = json.loads((found.folder / "study.json").read_text())["named"]
    assert named["how"] == "by mean score on splits that choose" and named["gan_arm"] == "gan"
    assert set(named["scores"]) == {"real", "classical", "mixup", "gan"}


def test_folds_where_there_are_no_test_images(npz, tmp_path):
    found = run(npz(train=(9, 9, 9), test=None), tmp_path, seeds=3)
    assert found.data["test"] == "3 folds" and {row["seeds"] for row in found.arms} == {3}
    assert found.recommended["command"].startswith("train -c ")


def test_an_arm_named_with_its_share_finds_the_rows_of_the_same_arm(npz, tmp_path, counted):
    run(npz(), tmp_path, keep=False)
    before = len(counted)
    found = run(npz(), tmp_path, keep=False, arms=["classical", "gan@0.25"])
    assert len(counted) == before and {row["arm"]: row["seeds"] for row in found.arms} == {"real": 2, "classical": 2, "gan@0.25": 2}


def test_arms_that_are_named_after_test_images_were_scored_are_called_so(npz, tmp_path, capsys):
    run(npz(), tmp_path, keep=False)
    found = run(npz(), tmp_path, keep=False, rival="real", quiet=False)
    assert "named by rule after test images had been scored in this folder: the verdict is a hint" in capsys.readouterr().err
    assert [note for note in found.notes if "after test images had been scored" in note]
    again = run(npz(), tmp_path, keep=False, rival="real", seeds=3)
    assert [note for note in again.notes if "after test images had been scored" in note] == []  # the same arms as before


def test_a_class_without_test_images_has_no_recall(tmp_path):
    npz = tmp_path / "p.npz"
    images = np.random.default_rng(0).integers(0, 255, (40, 16, 16)).astype(np.uint8)
    labels, test = np.repeat([0, 1, 2, 0], 10), np.repeat([0, 1], 20)
    np.savez(npz, train_images=images, train_labels=labels, test_images=255 - images, test_labels=test, class_names=["a", "b", "c"])
    found = run(npz, tmp_path, keep=False, arms=["classical"])
    assert [row["recall"][2] for row in found.arms] == [None, None]
    json.dumps(found.to_json(), allow_nan=False)


def test_a_failed_cell_does_not_end_the_study(npz, tmp_path, monkeypatch):
    from paddle_gan_aug.study import work

    inner = work._scored

    def fail(cell, bench, key):
        if cell.arm.name == "gan" and cell.seed == 0:
            raise ValueError("no such luck")
        return inner(cell, bench, key)

    monkeypatch.setattr(work, "_scored", fail)
    found = run(npz(), tmp_path, keep=False)
    (row,) = [row for row in found.arms if row["arm"] == "gan"]
    assert row["failed"] == ["ValueError: no such luck"] and row["seeds"] == 1
    assert "no such luck" in found.report.read_text()


@pytest.mark.parametrize("fails, words", [(("classical",), "no recipe"), (("real", "classical", "gan"), "all cells")])
def test_nothing_is_recommended_where_all_cells_of_the_best_arm_failed(npz, tmp_path, monkeypatch, fails, words):
    from paddle_gan_aug.study import work

    inner = work._scored

    def fail(cell, bench, key):
        if cell.arm.name in fails:
            raise ValueError("no such luck")
        return inner(cell, bench, key)

    monkeypatch.setattr(work, "_scored", fail)
    if words == "all cells":
        with pytest.raises(RunFailed, match="all 6 cells of .* failed, .* no such luck: mend the cause, and go on with retry=True"):
            run(npz(), tmp_path)
        return
    found = run(npz(), tmp_path)
    assert found.recommended["arm"] is None and found.recommended["why"].startswith("all cells of classical failed: see the reasons")
    assert found.verdict == "There is no result of gan beside classical: see what failed or was left out."
    assert "No recipe" in found.report.read_text() and not (tmp_path / "output").exists()


def test_a_batch_is_no_larger_than_the_labels(npz, tmp_path):
    found = run(npz(), tmp_path, keep=False, overrides={"train.batch_size": 1000}, gan_overrides={"train.batch_size": 1000})
    assert [row["failed"] for row in found.arms] == [[], [], []]


def test_a_budget_ends_the_study_and_says_what_was_left_out(npz, tmp_path, monkeypatch):
    from paddle_gan_aug.study import study as room

    monkeypatch.setattr(room, "LEFT", 0.0)
    found = run(npz(), tmp_path, budget="1h", keep=False)
    assert any("6 of 6 cells were left out for lack of time" in note for note in found.notes)
    assert found.verdict == "There is no result of gan beside classical: see what failed or was left out."


def test_several_numbers_of_labels_and_shares_are_drawn(npz, tmp_path):
    found = run(npz(), tmp_path, labels=[3, 6], arms=["gan@0.1", "gan@0.5", "extra-real"], seeds=1, keep=False)
    assert {row["scenario"] for row in found.arms} == {"3 labels a class", "6 labels a class"}
    assert {path.name for path in (found.folder / "charts").glob("*.png")} >= {"labels.png", "shares-3-labels-a-class.png"}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"arms": ["clasical"]}, "did you mean classical"),
        ({"arms": ["class-weights"]}, "class-weights cannot work here"),
        ({"budget": "5x"}, "is no time"),
        ({"gan": "classic"}, "images without classes"),
        ({"overrides": {"classifier.widht": 1}}, "widht"),
        ({"overrides": {"optimizer.discriminator_lr": 0.1}}, "does not read it"),
        ({"overrides": {"train.seed": 3}}, "overrides: train.seed belongs to the study, .* use seeds"),
        ({"overrides": {"data.per_class": 3}}, "data.per_class belongs to the study"),
        ({"gan_overrides": {"data.source": "mnist"}}, "gan_overrides: data.source belongs to the study"),
        ({"overrides": {"generated.source": "x"}}, "generated.source belongs to the study, .* use the arms and shares"),
        ({"learner_overrides": {"train.steps": 3}}, "learner_overrides: train.steps belongs to the study, .* learner_steps"),
        ({"gan_arm": "real"}, "gan_arm: real makes no images with a GAN; choose one of gan$"),
        ({"rival": "gan"}, "rival: gan is no rival: .* choose one of real, classical$"),
        ({"arms": ["classical", "gan", "gan@0.25"]}, "arms: gan and gan@0.25 are the same with these settings"),
        ({"arms": ["classical"], "overrides": {"classifier.augmentation": "standard"}}, "arms: real and classical are the same"),
        ({"labels": [99]}, "99 are asked for"),
        ({"arms": ["extra-real"]}, r"choose few labels \(labels=N\) of a larger set"),
        ({"cut": {"cat": 3}}, "no class 'cat'"),
        ({"new_classes": ["cat"]}, "no class 'cat'"),
        ({"new_classes": ["bar", "dot", "ring"], "new_images": [3]}, "all classes are new"),
        ({"shares": [0.1, 1.5]}, "shares: item 2: expected a number < 1.0, got 1.5"),
    ],
)
def test_mistakes_cost_nothing(npz, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        run(npz(), tmp_path, **options)
    assert not (tmp_path / "study").exists()


def test_a_dry_run_writes_nothing(npz, tmp_path):
    found = run(npz(), tmp_path, dry_run=True)
    assert found.plan.seconds > 0 and not (tmp_path / "study").exists()


def test_classes_that_are_cut_are_compared_by_their_recall(npz, tmp_path):
    found = run(npz(), tmp_path, cut={"dot": 3}, arms=["classical+weights", "gan"], measure="cut_recall", seeds=1, choices=0, keep=False)
    rows = [json.loads(path.read_text()) for path in (found.folder / "rows").glob("*.json")]
    assert all(row["cut_recall"] == row["recall"][1] and row["counts"] == [10, 3, 10] for row in rows)
    assert "recall of the classes that were cut" in found.verdict and "accuracy, %" in found.report.read_text()


def test_new_classes_from_end_to_end(npz, tmp_path):
    options = {"labels": [8], "new_classes": ["ring"], "new_images": [3], "measure": "cut_recall", "shares": [0.2]}
    found = run(npz(), tmp_path, arms=["classical+oversampling", "balanced+dagan"], seeds=2, other_seeds=1, choices=0, **options)
    seeds = {row["arm"]: row["seeds"] for row in found.arms}
    assert seeds == {"real": 2, "classical+oversampling": 2, "balanced+dagan@0.2": 2}
    assert {row["scenario"] for row in found.arms} == {"8 labels a class, ring new with 3"}
    assert found.recommended["arm"] == "classical+oversampling" and any("classifier will use none" in note for note in found.notes)


def test_data_of_one_name_has_a_folder_of_its_own(npz, tmp_path, monkeypatch):
    (tmp_path / "work" / "mnist").mkdir(parents=True)  # a project of its own
    monkeypatch.chdir(tmp_path)
    for owner, count in (("ann", 12), ("bob", 13)):
        (tmp_path / owner).mkdir()
        npz((count, count, count), name=f"{owner}/digits.npz")

    def study(source, **options):
        return run_study(source, **{**TINY, "arms": ["classical"], "steps": 2, "keep": False, **options})

    first = study("ann/digits.npz")
    assert first.folder == tmp_path / "output" / "study-digits.npz" and first.data["labels"] == 36
    assert study("bob/digits.npz", dry_run=True).folder == tmp_path / "output" / "study-digits.npz-2"
    second = study("bob/digits.npz")
    assert second.folder == tmp_path / "output" / "study-digits.npz-2" and second.data["labels"] == 39
    assert json.loads((first.folder / "results.json").read_text())["data"]["labels"] == 36  # untouched
    assert study("bob/digits.npz").folder == second.folder and study(str(tmp_path / "ann" / "digits.npz")).folder == first.folder
    assert "digits" not in (first.folder / "data.json").read_text() and str(tmp_path) not in (first.folder / "data.json").read_text()

    npz((14, 14, 14), name="ann/digits.npz")  # images were added: the same study goes on
    assert study("ann/digits.npz").folder == first.folder
    (first.folder / "data.json").unlink()  # a study of an earlier version is known by its images
    assert study("ann/digits.npz").folder == first.folder and study("bob/digits.npz").folder == second.folder
    (second.folder / "data.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="data.json is no note on a study's data .*: remove it, and the study's command writes it anew"):
        study("bob/digits.npz")
