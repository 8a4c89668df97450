"""Going on with a run: with the data it learnt, wherever that is now, and never with other data unasked; beginning one beside others."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import paddle_gan_aug
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.files import sha256, write_json
from paddle_gan_aug.runs.continuing import resumable
from paddle_gan_aug.runs.places import check_free, take_folder
from paddle_gan_aug.training import checkpoint
from paddle_gan_aug.training.checkpoint import steps_on_disk
from paddle_gan_aug.training.loop import Callback

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--gan", "projection", "--batch-size", 16, "-o", "generator.width=0.05", "discriminator.width=0.05", "log.grid_images=16"]
TINY += ["log.visualdl=false", "optimizer.schedule=constant"]


def draw_folder(folder, **counts):
    """Class folders of made-up pictures; more of a class later are further ones, those before stay."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = np.random.default_rng([i, *name.encode()]).integers(0, 200, (28, 28), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:03d}.png")
    return folder


def everything(folder):
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def begun(here):
    """A run "r" of two classes at step 4, and a function that goes on with it; it is given the exit code."""
    data = draw_folder(here.folder / "data", a=30, b=30)
    here("train", "--data", data, *TINY, "--steps", 4, "--run", "r")

    def go_on(*further, code=0, cwd=ROOT):
        return here("train", "--resume", "--run", "r", "--steps", 6, *further, code=code, cwd=cwd)

    go_on.data, go_on.folder, go_on.state = data, here.output / "r", lambda step: state_of(here.output / "r", step)
    return go_on


def state_of(folder, step):
    return json.loads((folder / "checkpoints" / f"step-{step}" / "state.json").read_text())


def refused(begun, *words, further=()):
    before = everything(begun.folder)
    said = begun(*further, code=2).stderr
    assert len(said.strip().splitlines()) == 1 and all(word in said for word in words), said
    assert everything(begun.folder) == before


# ---- the data changed ---------------------------------------------------------------------------------------------------


def test_a_new_class_is_refused(begun):
    draw_folder(begun.data, c=30)
    refused(begun, "data has changed since run r learnt it", "(new: c)", "restore the data")
    refused(begun, "(new: c)", further=["--allow-changed-data"])


def test_a_renamed_class_is_refused(begun):
    (begun.data / "a").rename(begun.data / "z")
    refused(begun, "(new: z; gone: a)")


def test_classes_in_another_order_are_refused(begun, here, tmp_path):
    for name, order in (("one", ["a", "b"]), ("other", ["b", "a"])):
        images = np.random.default_rng(0).integers(0, 255, (40, 1, 28, 28), dtype=np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=images, labels=np.arange(40) % 2, class_names=np.array(order))
    here("train", "--data", tmp_path / "one.npz", *TINY, "--steps", 2, "--run", "npz")
    shutil.move(tmp_path / "other.npz", tmp_path / "one.npz")
    said = here("train", "--resume", "--run", "npz", "--steps", 4, code=2).stderr
    assert "its classes were a, b and are now b, a" in said


def test_other_images_are_refused_unless_allowed(begun):
    draw_folder(begun.data, a=40)
    refused(begun, "58 images now, 50 then", "--allow-changed-data")
    begun("--allow-changed-data")
    before, after = begun.state(4)["data"], begun.state(6)["data"]
    assert (before["count"], after["count"]) == (50, 58) and before["fingerprint"] != after["fingerprint"]


def test_images_of_another_shape_are_refused(begun, here):
    shutil.rmtree(begun.data)
    for name in "ab":
        (begun.data / name).mkdir(parents=True)
        for i in range(30):
            Image.fromarray(np.full((32, 32), i * 5, np.uint8)).save(begun.data / name / f"{i}.png")
    refused(begun, "its images are [1, 32, 32] and were [1, 28, 28]", further=["--allow-changed-data"])


def test_a_classifier_and_runs_of_single_classes_too(here):
    data = draw_folder(here.folder / "data", a=30, b=30)
    small = ["--batch-size", 16, "--steps", 4, "-o", "classifier.width=0.2", "log.visualdl=false"]
    here("classify", "--data", data, "--test", data, "--allow-overlap", *small, "--run", "c")
    here("train", "--per-class-runs", "--data", data, *TINY[2:], "--steps", 2, "--run", "each")
    draw_folder(data, c=30)
    assert "(new: c)" in here("classify", "--resume", "--run", "c", "--steps", 6, "--test", data, code=2).stderr
    shutil.rmtree(data / "c")
    draw_folder(data, a=40)
    assert "58 images now" in here("classify", "--resume", "--run", "c", "--steps", 6, "--test", data, code=2).stderr
    each = ["train", "--per-class-runs", "--data", data, *TINY[2:], "--steps", 4, "--run", "each", "--resume"]
    assert "33 images now, 25 then" in here(*each, code=2).stderr
    here(*each, "--allow-changed-data")


def test_a_checkpoint_that_does_not_tell_its_data_is_gone_on_with(begun):
    folder = begun.folder / "checkpoints" / "step-4"
    state = {**state_of(begun.folder, 4)}
    del state["data"]["fingerprint"], state["rungs"], state["best"]
    write_json(folder / "state.json", state)
    sums = json.loads((folder / "checksums.json").read_text())
    write_json(folder / "checksums.json", {**sums, "state.json": sha256(folder / "state.json")})
    draw_folder(begun.data, a=32)
    begun()
    assert begun.state(6)["data"]["count"] == 52


# ---- the data moved -----------------------------------------------------------------------------------------------------


def test_a_relative_path_is_found_from_another_folder(here, monkeypatch):
    draw_folder(here.folder / "data", a=30, b=30)
    monkeypatch.chdir(here.folder)
    here("train", "--data", "data", *TINY, "--steps", 4, "--run", "r")
    config = load_config(here.output / "r" / "config.yaml")
    assert (config.data.source, config.data.place) == ("data", str(here.folder / "data"))
    (here.folder / "elsewhere").mkdir()
    monkeypatch.chdir(here.folder / "elsewhere")
    here("train", "--resume", "--run", "r", "--steps", 6)
    here("train", "--resume", "--run", "r", "--data", "../data", "--steps", 8)
    assert steps_on_disk(here.output / "r" / "checkpoints") == [4, 6, 8]
    assert load_config(here.output / "r" / "config.yaml").data.source == "data"
    draw_folder(here.folder / "elsewhere" / "data", x=30)  # of the same name, and not meant
    here("train", "--resume", "--run", "r", "--steps", 10)
    said = here("train", "--resume", "--run", "r", "--data", "data", "--steps", 12, code=2).stderr
    assert "(new: x; gone: a, b)" in said


def test_moved_data_is_gone_on_with_where_it_is_now(begun):
    here_now = begun.data.rename(begun.data.parent / "moved")
    refused(begun, f"{begun.data}", "is no longer there", "data.source")
    refused(begun, "does not exist", further=["--data", begun.data.parent / "nowhere"])
    other = draw_folder(begun.data.parent / "other", a=30, b=31)
    refused(begun, "has changed since run r learnt it", further=["--data", other])
    begun("--data", here_now)
    config = load_config(begun.folder / "config.yaml")
    assert (config.data.source, config.data.place) == (str(begun.data), str(here_now))
    assert steps_on_disk(begun.folder / "checkpoints") == [4, 6]
    begun()  # and it is remembered, also by whoever opens the run
    assert paddle_gan_aug.open_run(begun.folder).config.data.place == str(here_now)


def test_a_finished_run_remembers_where_its_data_went(begun):
    here_now = begun.data.rename(begun.data.parent / "moved")
    assert "nothing left to do" in begun("--data", here_now, "--steps", 4).stderr
    assert load_config(begun.folder / "config.yaml").data.place == str(here_now)


def test_other_data_has_another_place(begun):
    config = load_config(begun.folder / "config.yaml", {"data.source": "mnist"})
    assert config.data.place is None


# ---- beginning ----------------------------------------------------------------------------------------------------------


def test_three_that_begin_at_once_are_three_runs(cli, small_mnist):
    command = [sys.executable, "-c", AT_ONE_TIME, "train", "--gan", "classic", "--data", small_mnist, "--batch-size=50", "--steps=2"]
    command += ["--output", cli.output, "--log", cli.log, "-o", "generator.width=0.05", "discriminator.width=0.05", "log.grid_images=32"]
    processes = [
        subprocess.Popen(
            list(map(str, [*command, f"train.seed={seed}"])), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for seed in range(3)
    ]
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    name = "classic-small-mnist-20300101-000000"
    assert sorted(os.listdir(cli.output)) == [name, f"{name}-2", f"{name}-3"] == sorted(os.listdir(cli.log))
    seeds = {load_config(cli.output / run / "config.yaml").train.seed for run in os.listdir(cli.output)}
    assert seeds == {0, 1, 2}


AT_ONE_TIME = """
import datetime, sys
class Clock(datetime.datetime):
    @classmethod
    def now(cls): return cls(2030, 1, 1)
datetime.datetime = Clock
from paddle_gan_aug.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_folders_are_taken_one_by_one(tmp_path):
    assert [take_folder(tmp_path / "new", "r").name for _ in range(3)] == ["r", "r-2", "r-3"]


def test_what_was_killed_before_it_began_may_begin(here, small_mnist, tmp_path):
    folder = here.output / "r"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / ".lock").write_text("123")
    (folder / ".lock.pid").write_text("123")
    (folder / ".config.yaml.a1b2").write_text("half")
    check_free(folder)
    said = here("train", "--data", small_mnist, "--batch-size=50", "--steps", 2, *TINY[4:], "--run", "r", "--resume").stderr
    assert said.splitlines()[0] == f"nothing to resume: there is no run r in {here.output}; starting afresh"
    said = here("train", "--data", small_mnist, "--batch-size=50", "--steps", 2, *TINY[4:], "--run", "r", code=2).stderr
    assert "run r exists" in said and "continue it with --resume" in said


def test_validation_without_images_is_refused_before_anything_is_written(here, small_mnist):
    command = ["classify", "--data", small_mnist, "--batch-size", 20, "--steps", 4, "--split", "full", "--eval-every", 2, "--run", "c"]
    said = here(*command, code=2).stderr
    assert len(said.strip().splitlines()) == 1 and "no validation images with split 'full'" in said
    assert not here.output.exists() and not here.log.exists()


def test_records_that_cannot_be_read_are_refused_before_anything_is_written(begun):
    (begun.folder / "metrics.jsonl").unlink()
    (begun.folder / "metrics.jsonl").mkdir()
    refused(begun, "cannot read and write", "metrics.jsonl")


# ---- callbacks ----------------------------------------------------------------------------------------------------------


class Mine(Callback):
    """Adds a value and a note to every step, calls step 3 the best, and ends the run at step 5."""

    def __init__(self):
        self.seen = []

    def on_step(self, progress):
        self.seen.append(progress.step)
        progress.values["mine"] = progress.step / 2
        progress.notes["text"] = "seen"
        if progress.step == 3:
            progress.best = {"metric": "mine", "value": 1.5}
        progress.stopped = progress.step == 5

    def state(self):
        return {"seen": self.seen}

    def load_state(self, state):
        self.seen = state["seen"]


def test_what_a_callback_of_the_caller_sets_is_recorded_and_saved(tmp_path, small_mnist):
    settings = {"generator.width": 0.05, "discriminator.width": 0.05, "log.grid_images": 16, "log.visualdl": False, "log.every_steps": 1}
    overrides = {"data.source": str(small_mnist), "train.batch_size": 20, **settings}

    def train(steps, callbacks, **options):
        return paddle_gan_aug.train(
            run="r",
            output=tmp_path,
            log=tmp_path / "log",
            overrides={**overrides, "train.steps": steps},
            callbacks=callbacks,
            quiet=True,
            **options,
        )

    train(2, [Mine(), Mine()])
    again = Mine()
    run = train(9, [again, Mine()], resume=True)
    assert run.step == 5 and again.seen == [1, 2, 3, 4, 5]
    rows = [json.loads(line) for line in (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["mine"], row["text"]) for row in rows] == [(step, step / 2, "seen") for step in range(1, 6)]
    assert steps_on_disk(tmp_path / "r" / "checkpoints") == [2, 3, 5]  # the end that the callback chose is saved
    assert state_of(tmp_path / "r", 5)["callbacks"]["Mine-2"] == {"seen": [1, 2, 3, 4, 5]}
    assert paddle_gan_aug.open_run(tmp_path / "r", checkpoint="best").step == 3


def test_grids_show_the_same_latents_every_time(tmp_path, small_mnist, monkeypatch):
    from paddle_gan_aug.algorithms.classic import ClassicGAN

    drawn, original = [], ClassicGAN.images
    monkeypatch.setattr(ClassicGAN, "images", lambda self, latents, labels=None: drawn.append(latents) or original(self, latents, labels))
    settings = {
        "generator.width": 0.05,
        "discriminator.width": 0.05,
        "log.grid_images": 16,
        "log.visualdl": False,
        "log.grid_every_steps": 1,
    }
    overrides = {"data.source": str(small_mnist), "train.batch_size": 20, **settings}
    places = {"run": "r", "output": tmp_path, "log": tmp_path / "log", "quiet": True}
    paddle_gan_aug.train(overrides={**overrides, "train.steps": 2}, **places)
    paddle_gan_aug.train(overrides={"train.steps": 4}, resume=True, **places)
    kept = checkpoint.load_file(tmp_path / "r" / "checkpoints" / "step-2" / checkpoint.LIGHT)[checkpoint.LATENTS]
    assert sum(np.array_equal(latents, kept) for latents in drawn) == 4  # beside the looks at the samples' health


def test_a_checkpoint_is_hashed_once(begun, monkeypatch):
    hashed, original = [], checkpoint.sha256
    monkeypatch.setattr(checkpoint, "sha256", lambda path: hashed.append(path.name) or original(path))
    paddle_gan_aug.open_run(begun.folder)
    assert sorted(hashed) == ["optimizers.safetensors", "state.json", "weights.safetensors"]


def test_the_newest_unfinished_run_is_none_that_has_failed(tmp_path):
    for name, failed in (("good", None), ("bad", "step 9: blank images")):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text("algorithm: classic\n")
        (tmp_path / name / "recovery.json").write_text(json.dumps({"used": [], "failed": failed}))
    os.utime(tmp_path / "good" / "config.yaml", (1, 1))
    assert resumable(None, tmp_path) == tmp_path / "good"
    assert resumable("bad", tmp_path) == tmp_path / "bad"  # whoever names it is told why it cannot go on
