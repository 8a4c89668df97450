"""A whole study on small pictures: verdict, report, kept classifier; going on; mistakes."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_studies import TINY, run

from paddle_gan_aug.classification.classify import classify
from paddle_gan_aug.errors import InputError, RunFailed
from paddle_gan_aug.records.visualdl_file import read_records
from paddle_gan_aug.runs.opened import open_run
from paddle_gan_aug.runs.places import MARK
from paddle_gan_aug.study import engine
from paddle_gan_aug.study.study import draw_report, run_study


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


def test_a_classifier_of_former_images_is_not_kept_for_the_new_ones(npz, tmp_path):
    """The configuration names the same path: what was learnt tells them apart."""
    first = run(npz(), tmp_path, arms=["classical"])
    second = run(npz((14, 14, 14)), tmp_path, arms=["classical"])
    assert first.recommended["config"] == second.recommended["config"] and first.recommended["run"] != second.recommended["run"]
    assert open_run(second.recommended["run"]).state["data"]["counts"] == [14, 14, 14]
    assert run(npz((14, 14, 14)), tmp_path, arms=["classical"]).recommended["run"] == second.recommended["run"]
    shutil.rmtree(tmp_path / "output" / Path(second.recommended["run"]).name / "checkpoints")  # to save room
    third = run(npz((14, 14, 14)), tmp_path, arms=["classical"])
    assert third.recommended["run"] != second.recommended["run"] and open_run(third.recommended["run"]).state["data"]["counts"] == [14] * 3


def test_classes_that_cannot_be_folders_are_refused_before_anything_is_trained(npz, tmp_path):
    """Generated images are written into folders of their classes."""
    with np.load(npz()) as arrays:
        np.savez(tmp_path / "odd.npz", **{**arrays, "class_names": np.array(["T-shirt/top", "dot", "ring"])})
    with pytest.raises(InputError, match="T-shirt/top"):
        run(tmp_path / "odd.npz", tmp_path)
    assert run(tmp_path / "odd.npz", tmp_path, arms=["classical"], dry_run=True).plan.arms


def test_splits_cannot_choose_where_folds_test_all_labels(npz, tmp_path):
    with pytest.raises(InputError, match="choices: without test images the folds test all labels"):
        run(npz(test=None), tmp_path, choices=2)


def test_an_ensemble_is_not_kept_as_one_of_its_members(npz, tmp_path):
    found = run(npz(), tmp_path, arms=["ensemble"], rival="ensemble")
    assert found.recommended["arm"] == "ensemble" and "run" not in found.recommended
    assert any("an ensemble is several classifiers" in note for note in found.notes) and not (tmp_path / "output").exists()


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


def test_the_page_shows_the_rows_of_this_study_alone(npz, tmp_path):
    options = {"arms": ["classical"], "keep": False}
    first, again, other = (run(npz(), tmp_path, **options, **more) for more in ({}, {}, {"steps": 5}))
    replaced = [any("asked for something else: its rows are kept" in note for note in found.notes) for found in (first, again, other)]
    assert replaced == [False, False, True]
    folder = tmp_path / "study"
    assert len(list((folder / "rows").iterdir())) == 8 and (folder / "cells.csv").read_text().count("\n") == 5
    four = np.load(npz())
    parts = {f"{part}_images": np.concatenate([four[f"{part}_images"], 255 - four[f"{part}_images"][:5]]) for part in ("train", "test")}
    parts.update({f"{part}_labels": np.concatenate([four[f"{part}_labels"], [3] * 5]) for part in ("train", "test")})
    np.savez(tmp_path / "four.npz", class_names=np.array(["bar", "dot", "ring", "line"]), layout=np.array("NHW"), **parts)
    found = run(tmp_path / "four.npz", tmp_path, **options)
    assert (folder / "cells.csv").read_text().count("\n") == 5 and "line" in draw_report(folder).read_text()
    assert len(found.data["classes"]) == 4
    assert any(note.startswith("the data has changed since this study began") for note in found.notes)


def test_the_verdict_is_there_before_the_classifier_is_kept(npz, tmp_path, monkeypatch):
    from paddle_gan_aug.study import work

    def fails(*_):
        raise KeyboardInterrupt

    first = run(npz(), tmp_path, arms=["classical"]).recommended["run"]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(work, "keep_classifier", fails)
        run(npz(), tmp_path, arms=["classical"])
    results = json.loads((tmp_path / "study" / "results.json").read_text())
    assert results["recommended"]["arm"] == "classical" and (tmp_path / "study" / "report.html").is_file()
    last = run(npz(), tmp_path, arms=["classical"]).recommended["run"]
    assert last == first and len(list((tmp_path / "output").iterdir())) == 1  # which is not trained again


def test_the_command_that_trains_again_is_quoted(npz, tmp_path):
    found = run(npz(), tmp_path, arms=["classical"], to=tmp_path / "my study")
    assert shlex.split(found.recommended["command"]) == ["classify", "-c", str(tmp_path / "my study" / "recommended.yaml")]


def test_a_place_that_cannot_be_written_is_found_before_any_cell(npz, tmp_path, counted):
    (tmp_path / "output").write_text("")
    with pytest.raises(InputError, match="cannot write into folder .*output"):
        run(npz(), tmp_path, arms=["classical"])
    assert not counted


def test_a_full_disk_ends_the_study_and_leaves_no_failed_row(npz, tmp_path, monkeypatch):
    from paddle_gan_aug.study import work

    def full(*_):
        try:
            raise OSError(28, "No space left on device")
        except OSError:
            raise RunFailed("cannot save the checkpoint") from None

    said = "the disk of .* is full, .*: make room, and the same command goes on"
    with monkeypatch.context() as patched, pytest.raises(RunFailed, match=said):
        patched.setattr(work, "_scored", full)
        run(npz(), tmp_path, arms=["classical"], keep=False)
    assert not (tmp_path / "study" / "rows").exists()
    assert all(row["seeds"] == 2 for row in run(npz(), tmp_path, arms=["classical"], keep=False).arms)


def test_a_budget_without_a_cell_recommends_nothing(npz, tmp_path, monkeypatch):
    from paddle_gan_aug.study import study as room

    monkeypatch.setattr(room, "LEFT", 0.0)
    found = run(npz(), tmp_path, budget="1h", arms=["classical"])
    assert found.recommended == {"arm": None, "why": "no cell of classical has ended: give the study more time"}
    assert not (tmp_path / "output").exists()


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
        ({"gan": "classifier"}, "gan: classifier trains a classifier: choose a conditional GAN"),
        ({"threads": 100_000}, "threads: expected a whole number <= 256, got 100000"),
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
        ({"cut": {"cat": 3}}, "cut: there is no class 'cat' in .*: choose one of bar, dot, ring$"),
        ({"new_classes": ["cat"]}, "new_classes: there is no class 'cat'"),
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
