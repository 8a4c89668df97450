"""Several processes train what one process trains: every preset, the same weights in all, and one file of each kind."""

import json
import signal
import time

import numpy as np
import pytest
from several_processes import ended, start, train_together

import paddle_gan_aug
from paddle_gan_aug.algorithms.checks import is_read
from paddle_gan_aug.config.loading import load_config, presets
from paddle_gan_aug.runs.opened import open_run

TINY = {
    "train.steps": 2,
    "train.epochs": None,
    "train.batch_size": 8,
    "checkpoint.every_steps": 2,
    "log.every_steps": 1,
    "log.visualdl": False,
    "log.grid_images": 16,
}
NARROW = {"generator.width": 0.05, "discriminator.width": 0.05, "classifier.width": 0.1, "semi_supervised.width": 0.05}
OF_PRESET = {
    "infogan": {"code.sorting_rounds": 1, "train.steps": 102},
    "folder-rgb": {"data.image_size": 28},
    "semi-supervised": {"data.labels": 20},
    "semi-supervised-conv": {"data.labels": 20},
}
ADA = {"diffaugment.policy": "digits", "diffaugment.adaptive": "ada", "diffaugment.probability": 0.5, "diffaugment.images_to_one": 99}
ALIKE = {  # nothing ties the images of a batch together, and nothing is drawn inside Paddle
    "gan": ("r3gan", {"generator.norm": "none", "diffaugment.policy": "digits", "regularizer.lecam": 0.1, "train.accumulate": 2}),
    "ada": ("r3gan", {"generator.norm": "none", "loss.name": "hinge", **ADA}),
}


def settings(preset, data, **more):
    """Overrides that make a preset tiny."""
    config = load_config(preset)
    narrow = {key: width for key, width in NARROW.items() if is_read(config, key)}
    return {"data.source": str(data), **TINY, **narrow, **OF_PRESET.get(preset, {}), **more}


def rows(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_every_preset_trains_in_two_processes(small_mnist, tmp_path):
    runs = {preset: (preset, settings(preset, small_mnist)) for preset in presets()}
    first, second = train_together(2, tmp_path, runs)
    assert first == second
    assert sorted(first) == sorted(path.name for path in (tmp_path / "output").iterdir())
    for preset, (_, overrides) in runs.items():
        folder = tmp_path / "output" / preset
        assert [row["step"] for row in rows(folder)] == list(range(1, overrides["train.steps"] + 1)), preset
        weights = open_run(folder, device="cpu").algorithm.weights()
        assert all(np.isfinite(value).all() for value in weights.values()), preset


@pytest.fixture(scope="module")
def alike(small_mnist):
    return {name: (preset, settings(preset, small_mnist, **further)) for name, (preset, further) in ALIKE.items()}


def test_two_processes_train_what_one_trains(alike, process, tmp_path):
    train_together(2, tmp_path, alike)
    for name, (preset, overrides) in alike.items():
        options = {"output": tmp_path / "one", "log": tmp_path / "log-one", "quiet": True}
        one = paddle_gan_aug.train(preset, run=name, overrides=overrides, **options)
        two = open_run(tmp_path / "output" / name, device="cpu")
        start_of = one.algorithm.weights()
        for key, value in two.algorithm.weights().items():
            np.testing.assert_allclose(value, start_of[key], atol=1e-4, rtol=1e-3, err_msg=f"{name} {key}")
        for row, other in zip(rows(one.folder), rows(two.folder)):
            for key in set(row) - {"time", "images_per_second"}:
                assert row[key] == pytest.approx(other[key], rel=1e-3, abs=1e-4), (name, key)


def endless(small_mnist, tmp_path):
    """The arguments of a training of very many steps."""
    of_run = settings("fast", small_mnist, **{"train.steps": 100000})
    overrides = [f"{key}={'null' if value is None else value}" for key, value in of_run.items()]
    folders = ["--output", tmp_path / "output", "--log", tmp_path / "log"]
    return ["-m", "paddle_gan_aug", "train", "--gan", "fast", "--run", "r", *folders, "-o", *overrides]


def test_a_killed_process_ends_all_and_another_number_goes_on(cli, small_mnist, tmp_path):
    folder = tmp_path / "output" / "r"
    running = start(2, *endless(small_mnist, tmp_path))
    while not (folder / "checkpoints" / "step-2").exists():
        assert running[0].poll() is None, running[0].communicate()
        time.sleep(0.05)
    running[1].send_signal(signal.SIGKILL)
    (code, _, error), _ = ended(running)
    lines = [line for line in error.splitlines() if "lost the others" in line]
    assert code == 1 and len(lines) == 1 and "Traceback" not in error, error
    step = max(int(path.name.split("-")[1]) for path in (folder / "checkpoints").glob("step-*"))
    resume = ["train", "--run", "r", "--resume", "-o", f"train.steps={step + 3}"]
    assert f"at step {step + 3}" in cli(*resume).stdout
    more = ["--output", tmp_path / "output", "--log", tmp_path / "log", "--steps", step + 5]
    done = ended(start(2, "-m", "paddle_gan_aug", "train", "--run", "r", "--resume", *more))
    assert [code for code, _, _ in done] == [0, 0], done
    assert "2 processes" in done[0][2] and "2 processes" not in done[1][2]
    assert [row["step"] for row in rows(folder)] == list(range(1, step + 6))


def test_a_signal_to_any_process_ends_all_with_a_checkpoint(small_mnist, tmp_path):
    running = start(2, *endless(small_mnist, tmp_path))
    while not (tmp_path / "output" / "r" / "checkpoints" / "step-2").exists():
        assert running[0].poll() is None, running[0].communicate()
        time.sleep(0.05)
    running[1].send_signal(signal.SIGTERM)
    done = ended(running)
    assert [code for code, _, _ in done] == [130, 130], done
    assert "interrupted (SIGTERM)" in done[0][1]


def test_a_batch_that_cannot_be_shared_out_is_refused(here, small_mnist, monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "3")
    done = here("train", "--data", small_mnist, "--batch-size", 8, code=2)
    assert "3 processes share out each batch, which takes a multiple of 3" in done.stderr


def test_a_command_that_is_not_shared_is_refused(here, monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    done = here("predict", "output/none", "nothing", code=2)
    assert "2 processes were started, and predict runs in one" in done.stderr
