"""Light checkpoints: what a run leaves once it is trained, what can be done with it, and that no kill loses anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import paddle_gan_aug
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import load, to_network
from paddle_gan_aug.errors import RunFailed
from paddle_gan_aug.files import sha256, write_json
from paddle_gan_aug.training.callbacks import Checkpoints
from paddle_gan_aug.training.checkpoint import CHECKSUMS, LIGHT, OPTIMIZERS, STATE, WEIGHTS, is_light, steps_on_disk, whole_steps
from paddle_gan_aug.training.light import lighten, lighten_older
from paddle_gan_aug.training.loop import Callback

NARROW = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20}
OFTEN = {"checkpoint.every_steps": 2, "log.visualdl": False, "log.grid_images": 16, "log.grid_every_steps": 100, "log.every_steps": 1}
SEMI = {"semi_supervised.width": 0.05, "data.labels": 100, "train.batch_size": 20, "generator.width": 0.05}
ALGORITHMS = {
    "classic": NARROW,
    "sngan-projection": NARROW,
    "infogan": {**NARROW, "code.sorting_rounds": 0},
    "dagan": {**NARROW, "variation.sources": 20},
    "learned-augmenter": {"classifier.width": 0.2, "generator.width": 0.1, "train.batch_size": 20, "variation.sources": 20},
    "semi-supervised": SEMI,
    "classifier": {"classifier.width": 0.2, "train.batch_size": 20},
}


@pytest.fixture
def train(tmp_path, small_mnist):
    """train(preset, name, steps, …) -> the run; one that is there is continued."""

    def start(preset, name, steps, callbacks=(), **overrides):
        folder = tmp_path / name
        mine = {} if folder.exists() else {"data.source": str(small_mnist), **OFTEN, **ALGORITHMS[preset]}
        if folder.exists() or load_config(preset).train.epochs is not None:
            mine["train.epochs"] = None
        options = {"run": name, "output": tmp_path, "log": tmp_path / "log", "quiet": True, "callbacks": callbacks}
        return paddle_gan_aug.train(preset, resume=folder.exists(), overrides={**mine, "train.steps": steps, **overrides}, **options)

    return start


def seen(run, images):
    """What a run makes and reads, as arrays."""
    found = []
    if run.algorithm.makes_images:
        made = run.algorithm.sample(6, np.random.default_rng(0))
        found.append(made)
        if not run.algorithm.varies_images:
            found.append(run.algorithm.realness(made, run.algorithm.default_labels(6)))
    if run.algorithm.varies_images:
        found.append(run.algorithm.vary(images, np.random.default_rng(1)))
    if run.algorithm.reads_images:
        found += run.algorithm.read(images)
    return found


@pytest.mark.parametrize("preset", ALGORITHMS)
def test_older_checkpoints_keep_what_they_make_and_read(train, tmp_path, preset):
    images = to_network(load("mnist", "test").images[:20])
    whole = train(preset, "whole", 6, **{"checkpoint.light": False}).folder
    light = train(preset, "light", 6).folder
    assert steps_on_disk(light / "checkpoints") == [2, 4, 6]
    assert whole_steps(whole / "checkpoints") == [2, 4, 6] and whole_steps(light / "checkpoints") == [6]
    assert sorted(os.listdir(light / "checkpoints" / "step-4")) == sorted([CHECKSUMS, LIGHT, STATE])
    for step in (4, 6):
        one, other = (paddle_gan_aug.open_run(folder, checkpoint=step, threads=1) for folder in (whole, light))
        assert one.weights_sha256 == other.weights_sha256 == sha256(whole / "checkpoints" / f"step-{step}" / WEIGHTS)
        for left, right in zip(seen(one, images), seen(other, images)):
            np.testing.assert_array_equal(left, right)
    size = sum(path.stat().st_size for path in (light / "checkpoints" / "step-4").iterdir())
    assert size < 0.6 * sum(path.stat().st_size for path in (whole / "checkpoints" / "step-4").iterdir())


def test_a_light_checkpoint_is_exported_as_the_whole_one_is(train, tmp_path):
    for name, options in (("whole", {"checkpoint.light": False}), ("light", {})):
        folder = train("classifier", name, 4, **options).folder
        paddle_gan_aug.export(folder, to=tmp_path / f"{name}-model", checkpoint=2, threads=1)
    whole, light = (json.loads((tmp_path / f"{name}-model" / "model.json").read_text()) for name in ("whole", "light"))
    assert whole["weights_sha256"] == sha256(tmp_path / "whole" / "checkpoints" / "step-2" / WEIGHTS)
    assert {**light, "run": "whole"} == whole


@pytest.mark.parametrize("preset", ["classic", "semi-supervised"])
def test_a_finished_run_is_extended_bit_for_bit(train, preset):
    constant = {"optimizer.schedule": "constant"}
    whole = train(preset, "whole", 10, **constant).folder / "checkpoints" / "step-10"
    train(preset, "parts", 4, **constant)
    parts = train(preset, "parts", 10).folder / "checkpoints"
    for name in (WEIGHTS, OPTIMIZERS):
        left, right = load_file(whole / name), load_file(parts / "step-10" / name)
        assert left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)
    assert whole_steps(parts) == [10] and steps_on_disk(parts) == [6, 8, 10]


class Interrupt(Callback):
    def __init__(self, step):
        self.at = step

    def on_step(self, progress):
        if progress.step == self.at:
            progress.interrupted = "SIGINT"


def test_a_run_that_is_not_done_keeps_two_whole_and_survives_damage(train):
    folder = train("classic", "r", 20, [Interrupt(7)]).folder / "checkpoints"
    assert steps_on_disk(folder) == [4, 6, 7] and whole_steps(folder) == [6, 7]
    (folder / "step-7" / OPTIMIZERS).write_bytes(b"")
    run = train("classic", "r", 8)
    assert run.step == 8 and whole_steps(folder) == [8]


def test_keeping_all_whole_and_changing_that_later(train):
    folder = train("classic", "r", 4, **{"checkpoint.light": False}).folder / "checkpoints"
    assert whole_steps(folder) == [2, 4]
    train("classic", "r", 6, **{"checkpoint.light": True})
    assert whole_steps(folder) == [6] and steps_on_disk(folder) == [2, 4, 6]
    train("classic", "r", 8, **{"checkpoint.light": False})
    assert whole_steps(folder) == [6, 8] and steps_on_disk(folder) == [4, 6, 8]


def test_the_best_checkpoint_may_be_light(train):
    best = {"eval.every_steps": 2, "classifier.patience": 2, "optimizer.classifier_lr": 1.0}  # it gets worse
    run = train("classifier", "c", 40, **best)
    step = run.best["step"]
    assert step < run.step and is_light(run.folder / "checkpoints" / f"step-{step}")
    assert paddle_gan_aug.open_run(run.folder, checkpoint="best", threads=1).step == step


def test_a_light_checkpoint_is_not_continued_from(train, capsys):
    folder = train("classic", "r", 4).folder / "checkpoints"
    whole = (folder / "step-4" / WEIGHTS).read_bytes()
    (folder / "step-4" / WEIGHTS).write_bytes(b"")
    message = (
        r"the light checkpoint of step 2 cannot be continued from, only sampled from, and whole is that of step 4 alone, which is damaged"
    )
    with pytest.raises(RunFailed, match=message):
        train("classic", "r", 6)
    assert paddle_gan_aug.open_run(folder.parent, threads=1).step == 2
    (folder / "step-4" / WEIGHTS).write_bytes(whole)
    (folder / "step-4").rename(folder.parent / "away")
    with pytest.raises(RunFailed, match="only sampled from, and the whole one is gone"):
        train("classic", "r", 6)
    (folder.parent / "away").rename(folder / "step-4")
    assert train("classic", "r", 6).step == 6
    capsys.readouterr()


def test_an_older_whole_checkpoint_is_named(here, small, small_mnist):
    arguments = [*small, "checkpoint.every_steps=2", "checkpoint.light=false", "log.visualdl=false"]
    here("train", "--data", small_mnist, *arguments, "--steps", 4, "--run", "r")
    folder = here.output / "r" / "checkpoints"
    lighten(folder / "step-4", dict)
    done = here("train", "--run", "r", "--resume", "--steps", 6)
    assert "the light checkpoint of step 4 cannot be continued from: continuing from the whole one of step 2" in done.stderr
    assert "step 3/6" in done.stderr and whole_steps(folder) == [2, 4, 6]


def test_the_size_is_shown(here, small, small_mnist):
    done = here("train", "--data", small_mnist, *small, "--steps", 2, "--run", "r", "-o", "log.visualdl=false")
    assert "is at step 2 and takes 1 MB on the disk" in done.stdout


# ---- without networks ----------------------------------------------------------------------------------------------------


class Counting:
    """Stands in for an algorithm whose weights are the step."""

    step = 0

    def weights(self):
        return {"generator/w": np.full(500, self.step, "float32"), "generator_average/w": np.full(500, -self.step, "float32")}

    def optimizer_state(self):
        return {"g/0/moment1_0": np.full(1000, self.step, "float32")}

    def state(self):
        return {}

    @staticmethod
    def light_weights(arrays):
        return {name: array for name, array in arrays.items() if not name.startswith("generator/")}


class At:
    """Stands in for `Progress`."""

    total_steps, interrupted, failure, best, stopped, last = 100, None, None, None, False, False

    def __init__(self, step, healthy_step=None):
        self.step, self.healthy_step, self.complete, self.algorithm = step, healthy_step, False, Counting()
        self.algorithm.step = step


PROVENANCE = {"data": {"class_names": ["a"]}, "image_shape": [1, 8, 8]}


def saved(folder, *moments, keep=3):
    """Run over (step, healthy step) and save at each."""
    callback = Checkpoints(folder, None, PROVENANCE, every=1, keep=keep, light=True, with_state={})
    for moment in moments:
        callback.on_step(At(*moment))
    return callback


def test_the_checkpoint_to_which_a_collapse_goes_back_stays_whole(tmp_path):
    callback = saved(tmp_path, (1, 0), (2, 2), (3, 2), (4, 2))
    assert steps_on_disk(tmp_path) == whole_steps(tmp_path) == [2, 3, 4]
    callback.on_step(At(5, 5))
    assert whole_steps(tmp_path) == [4, 5]
    done = At(6, 5)
    callback.on_step(done)
    done.complete = True
    callback.on_end(done)
    assert steps_on_disk(tmp_path) == [4, 5, 6] and whole_steps(tmp_path) == [5, 6]


def test_the_state_of_a_run_that_nobody_looks_at(tmp_path):
    done = At(4)
    callback = saved(tmp_path, (1,), (2,), (3,), (4,))
    assert whole_steps(tmp_path) == [3, 4]
    callback.on_end(done)  # interrupted
    assert whole_steps(tmp_path) == [3, 4]
    done.complete = True
    callback.on_end(done)
    assert whole_steps(tmp_path) == [4] and steps_on_disk(tmp_path) == [2, 3, 4]


def test_a_damaged_checkpoint_is_not_made_light(tmp_path):
    saved(tmp_path, (1,), (2,))
    content = bytearray((tmp_path / "step-1" / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / "step-1" / WEIGHTS).write_bytes(content)
    before = {path.name: sha256(path) for path in (tmp_path / "step-1").iterdir()}
    lighten_older(tmp_path, 2, Counting.light_weights, whole=1)
    assert {path.name: sha256(path) for path in (tmp_path / "step-1").iterdir()} == before


def test_later_checkpoints_than_the_run_is_at_are_left_alone(tmp_path):
    saved(tmp_path, (1,), (2,), (3,))
    lighten_older(tmp_path, 2, Counting.light_weights, whole=1)
    assert whole_steps(tmp_path) == [2, 3]


KILLED = """
import os, sys
import paddle_gan_aug.files as files
from paddle_gan_aug.training.light import lighten
from pathlib import Path
moment, calls = int(sys.argv[2]), 0

def dying(function):
    def called(*given, **options):
        global calls
        calls += 1
        if calls == moment:
            os._exit(9)
        return function(*given, **options)
    return called

for name in ("open", "fsync", "replace", "unlink", "chmod", "fdopen"):
    setattr(os, name, dying(getattr(os, name)))
lighten(Path(sys.argv[1]), lambda arrays: {name: array for name, array in arrays.items() if not name.startswith("generator/")})
print(calls)
"""


def state_of(path):
    """Which kind of checkpoint there is at a path, after its files were checked, and what it holds."""
    from paddle_gan_aug.training.checkpoint import read_state

    assert read_state(path)["step"] == 1
    kept = load_file(path / (LIGHT if is_light(path) else WEIGHTS))
    assert kept["generator_average/w"].tolist() == [-1.0] * 500
    if not is_light(path):
        assert load_file(path / OPTIMIZERS)["g/0/moment1_0"].tolist() == [1.0] * 1000 and kept["generator/w"][0] == 1
    return is_light(path)


def test_a_kill_at_any_moment_loses_nothing(tmp_path):
    kinds, moment = [], 0
    while True:
        moment += 1
        folder = tmp_path / str(moment)
        folder.mkdir()
        saved(folder, (1,))
        command = [sys.executable, "-c", KILLED, str(folder / "step-1"), str(moment)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
        kinds.append(state_of(folder / "step-1"))
        lighten(folder / "step-1", Counting.light_weights)  # the next one mends it
        assert state_of(folder / "step-1") and sorted(os.listdir(folder / "step-1")) == sorted([CHECKSUMS, LIGHT, STATE])
        if done.returncode == 0:
            break
        assert done.returncode == 9, done.stderr
    assert moment > 8 and kinds == sorted(kinds) and not kinds[0] and kinds[-1]


def test_a_full_disk_leaves_it_whole(tmp_path, monkeypatch):
    from paddle_gan_aug.training import light

    saved(tmp_path, (1,), (2,))
    monkeypatch.setattr(light, "save", lambda arrays: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    lighten_older(tmp_path, 2, Counting.light_weights, whole=1)
    assert whole_steps(tmp_path) == [1, 2] and sorted(os.listdir(tmp_path / "step-1")) == sorted([CHECKSUMS, OPTIMIZERS, STATE, WEIGHTS])


@pytest.mark.parametrize("damage", ["light", "checksum", "state"])
def test_damage_of_a_light_checkpoint_is_seen(tmp_path, damage):
    from paddle_gan_aug.training.checkpoint import DamagedCheckpoint, read_state

    saved(tmp_path, (1,), (2,))
    path = tmp_path / "step-1"
    lighten(path, Counting.light_weights)
    if damage == "light":
        save_file({"generator_average/w": np.zeros(500, "float32")}, path / LIGHT)
    elif damage == "checksum":
        write_json(path / CHECKSUMS, {LIGHT: "0", STATE: sha256(path / STATE)})
    else:
        (path / STATE).write_text(json.dumps({**json.loads((path / STATE).read_text()), "step": 2}))
    with pytest.raises(DamagedCheckpoint):
        read_state(path)
