"""A cell from its labels to its row: every arm runs, shared parts are trained once, leaks are refused."""

import concurrent.futures
import dataclasses
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import concatenate
from paddle_gan_aug.runs.run import train
from paddle_gan_aug.study import work
from paddle_gan_aug.study.arm import PSEUDO
from paddle_gan_aug.study.arms import ARMS, arm_of
from paddle_gan_aug.study.cells import Cell, Settings, key_of
from paddle_gan_aug.study.splits import TEST, Scenario, cell_images, write_labels

NARROW = {"semi_supervised.width": 0.05, "generator.width": 0.05, "train.steps": 3}
TINY = Settings(
    steps=4, batch_size=8, gan_steps=2, per_class=6, members=2, policy="digits", gan="cgan", learner_steps=3, learner_overrides=NARROW
)


def compute(name, data, folder, settings=TINY, seed=0):
    cell = Cell(arm_of(name), Scenario(6), seed, TEST)
    return work.compute(
        cell, cell_images(data, Scenario(6), seed, TEST, 8, unlabelled=cell.arm.unlabelled), settings, folder, data.fingerprint()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.mark.parametrize("name", [name for name in ARMS if name != "learned-augmenter"])
def test_every_arm_runs(name, study_data, folder):
    row = compute(name, study_data(), folder)
    assert row["error"] is None
    assert 0 <= row["accuracy"] <= 1 and len(row["recall"]) == 3 and np.sum(row["confusion_matrix"]) == row["tested"] == 60
    assert row["labels"] == 18 and row["counts"] == [6, 6, 6]
    assert bool(row["made"]) == bool(ARMS[name].makes or ARMS[name].maker == PSEUDO)
    assert row.get("unlabelled") == (18 if ARMS[name].unlabelled else None)
    json.dumps(row)


def test_shared_parts_are_trained_once(study_data, tmp_path):
    first = compute("gan", study_data(), tmp_path)
    (gan,) = tmp_path.glob("work/*/gan-0-????????")
    before = (gan / "config.yaml").stat().st_mtime_ns
    second = compute("classical+gan", study_data(), tmp_path)
    assert (gan / "config.yaml").stat().st_mtime_ns == before
    assert first["made"] == second["made"]
    assert compute("gan", study_data(), tmp_path)["accuracy"] == first["accuracy"]
    assert not list(tmp_path.glob("work/*/classifiers/*/checkpoints"))  # nothing is left of classifiers that were read


def test_other_settings_make_other_parts(study_data, tmp_path):
    """A study that goes on with a longer GAN, or with more of its images, must not find the former ones."""
    first = compute("gan+filter", study_data(), tmp_path)
    longer = compute("gan+filter", study_data(), tmp_path, dataclasses.replace(TINY, gan_steps=TINY.gan_steps + 1))
    more = compute("gan+filter", study_data(), tmp_path, dataclasses.replace(TINY, per_class=TINY.per_class + 2))
    assert [row["error"] for row in (first, longer, more)] == [None] * 3
    steps = sorted(load_config(path / "config.yaml").train.steps for path in tmp_path.glob("work/*/gan-0-????????"))
    assert steps == [TINY.gan_steps, TINY.gan_steps + 1]
    assert len({row["made"]["set"] for row in (first, longer, more)}) == 3
    assert len(list(tmp_path.glob("work/*/reader-0-????????"))) == 1
    compute("gan+filter", study_data(), tmp_path, dataclasses.replace(TINY, steps=TINY.steps + 1))
    assert len(list(tmp_path.glob("work/*/reader-0-????????"))) == 2


def test_how_many_images_fill_their_part_of_a_batch():
    arm = arm_of("gan@0.25")
    assert [work.fills(count, arm, 64) for count in (15, 16)] == [False, True]
    assert [work.fills(count, arm, 256) for count in (63, 64)] == [False, True]
    assert [work.fills(count, arm, 1) for count in (0, 1)] == [False, True]  # a part is at least one image
    assert [work.fills(count, arm_of("pretrain"), 64) for count in (63, 64)] == [False, True]


def test_a_batch_size_that_was_asked_for_counts(study_data, tmp_path):
    row = compute("gan", study_data(), tmp_path, dataclasses.replace(TINY, overrides={"train.batch_size": 4}))
    assert row["error"] is None and yaml.safe_load(row["config"])["train"]["batch_size"] == 4


def test_cells_of_several_threads_take_turns(study_data, tmp_path, monkeypatch):
    """The threads of a cluster's worker share random numbers and standard error."""
    at_work, most, stderr = [], [], sys.stderr

    def scored(*_):
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.05)
        print("a note", file=sys.stderr)
        at_work.pop()
        return {}

    monkeypatch.setattr(work, "_scored", scored)
    data = study_data()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        rows = list(pool.map(lambda _: compute("real", data, tmp_path), range(6)))
    assert max(most) == 1 and sys.stderr is stderr and {row["error"] for row in rows} == {None}
    assert (tmp_path / "notes.log").read_text() == "a note\n" * 6


def test_only_the_labels_of_the_cell_are_in_its_file(study_data, tmp_path):
    data = study_data()
    compute("real", data, tmp_path)
    (path,) = tmp_path.glob("work/*/labels.npz")
    with np.load(path) as arrays:
        assert sorted(arrays.files) == ["class_names", "layout", "train_images", "train_labels"]
        assert len(arrays["train_images"]) == 18


def test_a_planted_leak_is_refused(study_data, tmp_path):
    """A GAN that has learnt a test image beside the labels of the cell."""
    data = study_data()
    compute("gan", data, tmp_path)
    (gan,) = tmp_path.glob("work/*/gan-0-????????")
    shutil.rmtree(gan)
    leaky = tmp_path / "leaky.npz"
    write_labels(leaky, concatenate(cell_images(data, Scenario(6), 0, TEST, 8).train, data.test.subset([0])))
    overrides = {"data.source": str(leaky), "data.split": "full", "train.steps": 1, "train.batch_size": 4, "log.visualdl": False}
    train("cgan", run=gan.name, output=gan.parent, log=tmp_path / "log", overrides=overrides, quiet=True)
    row = compute("classical+gan", data, tmp_path)
    assert "leak: the gan has learnt other images than the labels of this cell" in row["error"]
    assert "accuracy" not in row


def test_a_file_of_labels_that_was_changed_is_refused(study_data, tmp_path):
    data = study_data()
    compute("real", data, tmp_path)
    (path,) = tmp_path.glob("work/*/labels.npz")
    write_labels(path, data.test)
    assert "holds other images than the labels of this cell" in compute("real", data, tmp_path)["error"]


def test_a_file_of_labels_that_is_damaged_is_written_again(study_data, tmp_path):
    first = compute("real", study_data(), tmp_path)
    (path,) = tmp_path.glob("work/*/labels.npz")
    path.write_bytes(path.read_bytes()[:200])
    assert compute("real", study_data(), tmp_path)["confusion_matrix"] == first["confusion_matrix"]


def test_a_failed_cell_is_a_row_with_its_reason(study_data, tmp_path):
    row = compute("real", study_data(), tmp_path, Settings(**{**TINY.__dict__, "overrides": {"classifier.width": 100}}))
    assert row["error"].startswith("InputError: ") and "classifier.width" in row["error"] and row["seconds"] >= 0


def test_half_made_parts_are_made_again(study_data, tmp_path):
    compute("gan", study_data(), tmp_path)
    (note,) = tmp_path.glob("work/*/gan-0-????????.json")
    note.unlink()  # as if the process had been killed while it trained
    assert compute("classical+gan", study_data(), tmp_path)["error"] is None
    note.write_text("[" * 100_000)
    assert compute("gan", study_data(), tmp_path)["error"] is None
    assert "seconds" in json.loads(note.read_text())


def test_what_varies_images_learns_no_new_class_and_is_applied_to_it(study_data, tmp_path):
    data, scenario = study_data(), Scenario(6, (("ring", 3),), True)
    images = cell_images(data, scenario, 0, TEST, 8)
    row = work.compute(Cell(arm_of("balanced+dagan"), scenario, 0, TEST), images, TINY, tmp_path, data.fingerprint())
    assert row["error"] is None and row["counts"] == [6, 6, 3] and row["cut_recall"] == row["recall"][2]
    (config,) = tmp_path.glob("work/*/dagan-0-base-????????/config.yaml")
    assert load_config(config).data.classes == ["bar", "dot"]
    (made,) = tmp_path.glob("work/*/dagan-0-base-????????-none-????????/set")
    assert {folder.name: len(list(folder.glob("*.png"))) for folder in made.iterdir() if folder.is_dir()} == {"bar": 6, "dot": 6, "ring": 6}


def test_rows_of_studies_without_new_classes_keep_their_keys():
    """The keys under which the published rows are stored."""
    root = Path(__file__).resolve().parents[2] / "work" / "results" / "study" / "mnist-10"
    plan = json.loads((root / "study.json").read_text())["asked"]
    known = {path.stem for path in (root / "rows").glob("*.json")}
    settings = {name: plan["plan"][name] for name in TINY.__dict__ if name in plan["plan"]}
    found = {
        key_of(Cell(arm_of(a), Scenario(10), s, TEST), Settings(**settings), plan["data"]) for a in plan["plan"]["arms"] for s in range(8)
    }
    assert found <= known
