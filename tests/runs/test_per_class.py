"""One run for each class: side by side, resumable, and small classes with batches that fit them."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

import paddle_gan_aug
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import load, write_idx
from paddle_gan_aug.runs.per_class import _of_class


@pytest.fixture
def three_digits(tmp_path, small_mnist):
    """Real digits 1, 2 and 3, of the last only eleven."""
    images = load(str(small_mnist), "train", split="full")
    chosen = np.concatenate([np.flatnonzero(images.labels == c)[:count] for c, count in ((1, 40), (2, 40), (3, 13))])
    chosen = np.random.default_rng(0).permutation(chosen)
    (tmp_path / "digits").mkdir()
    write_idx(tmp_path / "digits" / "train-images-idx3-ubyte.gz", images.images[chosen, 0])
    write_idx(tmp_path / "digits" / "train-labels-idx1-ubyte.gz", images.labels[chosen].astype(np.uint8))
    return tmp_path / "digits"


def test_runs_side_by_side_that_go_on(here, small, three_digits):
    command = ["train", "--per-class-runs", "--data", three_digits, *small, "optimizer.schedule=constant", "log.visualdl=false"]
    whole = json.loads(here(*command, "--steps", 4, "--run", "whole", "--json").stdout)
    folder = here.output / "whole"
    assert whole["runs"] == [str(folder / f"whole-{digit}") for digit in (1, 2, 3)] and whole["interrupted"] is None
    counts = load(str(three_digits)).counts()
    for digit in (1, 2, 3):
        state = json.loads((folder / f"whole-{digit}" / "checkpoints" / "step-4" / "state.json").read_text())
        assert state["data"]["count"] == counts[digit]
    assert f"batch_size: {counts[3]}" in (folder / "whole-3" / "config.yaml").read_text()  # 50 were asked for
    done = here(*command, "--steps", 2, "--run", "parts")
    assert "class 3 (3 of 3) · epoch" in done.stderr and "generate" in done.stdout
    assert "continue them with --resume" in here(*command, "--steps", 2, "--run", "parts", code=2).stderr
    here(*command, "--steps", 4, "--run", "parts", "--resume")
    for digit in (1, 2, 3):
        one, other = (
            load_file(here.output / name / f"{name}-{digit}" / "checkpoints" / "step-4" / "weights.safetensors")
            for name in ("whole", "parts")
        )
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=key)
    paddle_gan_aug.generate(folder, to=here.folder / "set", per_class=2)
    rows = [json.loads(line) for line in (here.folder / "set" / "manifest.jsonl").read_text().splitlines()]
    assert [row["run"] for row in rows] == [f"whole-{digit}" for digit in (1, 1, 2, 2, 3, 3)]


def test_the_packs_of_a_small_class_are_full():
    config = load_config("dcgan-sn-hinge", {"train.batch_size": 50, "discriminator.pack": 5})
    assert [_of_class(config, "a", count).train.batch_size for count in (100, 50, 49, 11)] == [50, 50, 45, 10]


def test_what_it_refuses(here, small, three_digits):
    command = ["train", "--per-class-runs", "--data", three_digits, *small, "--steps", 2]
    assert "data.class_name" in here(*command, "--digit", 1, code=2).stderr
    assert "set --run to the name" in here(*command, "--resume", code=2).stderr
    packs = here(*command, "--gan", "dcgan-sn-hinge", "-o", "discriminator.pack=25", code=2).stderr
    assert "the run of class 3: algorithm gan: discriminator.pack must divide" in packs
    assert "the run of class 1: " in here(*command, "--run", "n" * 199, code=2).stderr
    assert not here.output.exists()
    here.output.mkdir()
    (here.output / "taken").write_text("")
    for going_on in ([], ["--resume"]):
        assert "taken exists: choose another name for the runs" in here(*command, "--run", "taken", *going_on, code=2).stderr


def test_going_on_needs_no_more_than_the_name(here, small, three_digits):
    """The line that an interrupted command ends with names the folder alone: data and settings are those of its runs."""
    command = ["train", "--per-class-runs", "--data", three_digits, *small, "log.visualdl=false"]
    here(*command, "--steps", 2, "--run", "r")
    folder = here.output / "r"
    shutil.rmtree(folder / "r-1")  # as if the class had not begun
    here("train", "--per-class-runs", "--run", "r", "--resume", "--steps", 4)
    assert sorted(path.name for path in folder.iterdir()) == ["r-1", "r-2", "r-3"]
    assert all((folder / name / "checkpoints" / "step-4").is_dir() for name in ("r-1", "r-2", "r-3"))


def test_every_run_is_looked_at_before_one_goes_on(here, small, three_digits):
    """Also by a dry run; the largest class alone is timed."""
    command = ["train", "--per-class-runs", "--data", three_digits, *small, "log.visualdl=false"]
    here(*command, "--steps", 2, "--run", "r")
    going_on = ["train", "--per-class-runs", "--run", "r", "--resume", "--steps", 4]
    plan = json.loads(here(*going_on, "--dry-run", "--json").stdout)
    assert (plan["runs"], plan["steps"], plan["steps_done"]) == (3, 4, 2)
    steps = {path: path.stat().st_mtime_ns for path in here.output.rglob("state.json")}

    images = load(str(three_digits), "train", split="full")
    other = images.images.copy()
    other[images.labels == 3] = 255 - other[images.labels == 3]  # the smallest class, and the last
    write_idx(three_digits / "train-images-idx3-ubyte.gz", other[:, 0])
    for arguments in ([*going_on, "--dry-run"], going_on):
        refused = here(*arguments, code=2).stderr
        assert "class 3: cannot resume: " in refused and "has changed since run r-3 learnt it" in refused
    assert {path: path.stat().st_mtime_ns for path in here.output.rglob("state.json")} == steps  # no class has gone on

    write_idx(three_digits / "train-images-idx3-ubyte.gz", images.images[:, 0])
    (here.output / "r" / "r-2" / "recovery.json").write_text(json.dumps({"used": [], "failed": "collapsed at step 2"}), encoding="utf-8")
    failed = here(*going_on, "--dry-run", code=1).stderr
    assert "runs have failed for good: that of class 2 (collapsed at step 2)" in failed
