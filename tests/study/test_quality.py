"""A cell's GAN stops by labels that were held out of it, and keeps its best checkpoint."""

import json

import numpy as np
import pytest

from paddle_gan_aug.study import parts, quality, work
from paddle_gan_aug.study.arms import arm_of
from paddle_gan_aug.study.cells import Cell, Settings, key_of
from paddle_gan_aug.study.splits import TEST, Scenario, cell_images, held_out
from paddle_gan_aug.training.checkpoint import steps_on_disk
from paddle_gan_aug.training.loop import Progress

WAITING = Settings(steps=4, batch_size=8, gan_steps=6, per_class=6, policy="digits", gan="cgan", patience=1)


class Reader:
    """Reads images as their mean grey value."""

    def read(self, images):
        return None, images.mean((1, 2, 3))[:, None] * np.ones((1, 4))


class Gan:
    def __init__(self, grey):
        self.grey = grey

    def latents(self, count, rng):
        return rng.standard_normal((count, 3)).astype(np.float32)

    def draw(self, latents, labels):
        return np.clip(self.grey + 0.05 * latents[:, :1, None, None], -1, 1) * np.ones((1, 1, 16, 16), np.float32)


@pytest.fixture
def stop(study_data, monkeypatch):
    monkeypatch.setattr("paddle_gan_aug.runs.opened.open_run", lambda reader, threads: type("Run", (), {"algorithm": Reader()}))
    monkeypatch.setattr(quality, "FEWEST_STEPS", 1)
    held = study_data(pool=(20, 20, 20)).pool
    return quality.QualityStop("reader", held, Settings(gan_steps=12, patience=2), 0), float(held.images.mean() / 127.5 - 1)


def test_it_waits_for_a_better_measurement_and_then_stops(stop):
    stop, grey = stop
    seen = []
    for step, off in enumerate((0.5, 0.1, 0.3, 0.05, 0.2, 0.4, 0.0), 1):
        progress = Progress(Gan(grey + off), step, 99, 1, 8)
        stop.on_step(progress)
        seen.append((bool(progress.best), progress.stopped))
        if progress.stopped:
            break
    assert seen == [(True, False), (True, False), (False, False), (True, False), (False, False), (False, True)]
    assert progress.values[f"eval/{quality.NAME}"] > stop.best
    fresh = quality.QualityStop.__new__(quality.QualityStop)
    fresh.load_state(stop.state())
    assert (fresh.best, fresh.without) == (stop.best, 2)


def test_a_diverged_gan_is_never_the_best(stop):
    progress = Progress(Gan(np.nan), 1, 99, 1, 8)
    stop[0].on_step(progress)
    assert progress.best is None and stop[0].without == 1


def test_what_is_held_out_reaches_neither_the_gan_nor_its_filter(study_data, tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "FEWEST_STEPS", 2)
    data = study_data()
    images = cell_images(data, Scenario(10), 0, TEST, 8)
    row = work.compute(Cell(arm_of("recycled"), Scenario(10), 0, TEST), images, WAITING, tmp_path, data.fingerprint())
    assert row["error"] is None and row["labels"] == 30
    learnt, held = held_out(images.train, 0)
    (folder,) = tmp_path.glob("work/*")
    with np.load(folder / "fit-0.npz") as arrays:
        assert len(arrays["train_images"]) == len(learnt) == 24 and len(held) == 6
    (note,) = folder.glob("gan-0-fit-????????.json")
    best = json.loads(note.read_text())["best"]
    assert row["made"]["maker_best"] == best and best["step"] in (2, 4, 6)
    assert steps_on_disk(folder / note.stem / "checkpoints")[-1] == best["step"]
    readers = sorted(path.stem.rpartition("-")[0] for path in folder.glob("reader-0*.json"))
    assert readers == ["reader-0", "reader-0-fit"]  # the teacher saw all labels


def test_seeds_that_share_all_labels_hold_different_ones_out(study_data, tmp_path):
    data, arm = study_data(), arm_of("gan")
    found = []
    for seed in (0, 1, 0):
        images = cell_images(data, Scenario(), seed, TEST, 8)
        bench = parts.fitted(parts.bench_of(tmp_path, images, WAITING, seed, Scenario()), arm)
        found.append((bench.folder, bench.labels, bench.learnt))
    assert len({folder for folder, _, _ in found}) == 1  # seeds differ in nothing else
    assert found[0] == found[2] and found[0][1:] != found[1][1:] and found[0][2] != found[1][2]


def test_waiting_is_part_of_the_key_of_arms_with_a_gan_alone():
    keys = {
        (name, patience): key_of(Cell(arm_of(name), Scenario(6), 0, TEST), Settings(patience=patience), "data")
        for name in ("real", "gan", "dagan")
        for patience in (None, 3)
    }
    assert keys["real", None] == keys["real", 3] and keys["dagan", None] == keys["dagan", 3] and keys["gan", None] != keys["gan", 3]
