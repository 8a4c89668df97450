"""Images from a run: as many as asked for, the same for the same seed, each with its origin."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_mnist):
    """A run of three steps."""
    import paddle_gan_aug

    folder = tmp_path_factory.mktemp("runs")
    overrides = {"data.source": str(small_mnist), "train.steps": 3, "generator.init_std": 0.3}
    overrides.update({"generator.width": 0.05, "discriminator.width": 0.05})
    return paddle_gan_aug.train("classic", run="r", output=folder, log=folder / "log", overrides=overrides, quiet=True).folder


def contents(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_images_grid_and_manifest(cli, run, tmp_path):
    cli("generate", run, "--count", 7, "--seed", 3, "--to", tmp_path / "a")
    names = [f"{i:06d}.png" for i in range(7)]
    assert sorted(contents(tmp_path / "a")) == sorted([*names, "grid.png", "manifest.jsonl"])
    image = Image.open(tmp_path / "a" / names[0])
    assert (image.size, image.mode) == ((28, 28), "L")
    assert Image.open(tmp_path / "a" / "grid.png").size == (7 * 28, 28)
    rows = [json.loads(line) for line in (tmp_path / "a" / "manifest.jsonl").read_text().splitlines()]
    assert [row["file"] for row in rows] == names
    weights = run / "checkpoints" / "step-3" / "weights.safetensors"
    assert {row["weights_sha256"] for row in rows} == {hashlib.sha256(weights.read_bytes()).hexdigest()}
    assert {(row["seed"], row["checkpoint"], row["run"]) for row in rows} == {(3, 3, "r")}


def test_the_seed_decides_and_longer_sets_begin_alike(cli, run, tmp_path):
    cli("generate", run, "--count", 6, "--seed", 1, "--to", tmp_path / "a")
    cli("generate", run, "--count", 6, "--seed", 1, "--to", tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    cli("generate", run, "--count", 6, "--seed", 2, "--to", tmp_path / "c")
    assert contents(tmp_path / "a")["000000.png"] != contents(tmp_path / "c")["000000.png"]
    cli("generate", run, "--count", 9, "--seed", 1, "--to", tmp_path / "d")
    for name in (f"{i:06d}.png" for i in range(6)):
        one, other = (np.asarray(Image.open(tmp_path / folder / name), dtype=int) for folder in "ad")
        assert np.abs(one - other).max() <= 1  # the last bits of a product depend on how many rows it has


def test_a_conditional_run_shows_the_classes_in_turn(tmp_path, small_mnist):
    import paddle_gan_aug

    overrides = {"data.source": str(small_mnist), "train.steps": 2, "log.visualdl": False}
    overrides.update({"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20})
    run = paddle_gan_aug.train("projection", run="r", output=tmp_path, log=tmp_path, overrides=overrides, quiet=True)
    paddle_gan_aug.generate(run.folder, 12, tmp_path / "images")
    rows = [json.loads(line) for line in (tmp_path / "images" / "manifest.jsonl").read_text().splitlines()]
    assert [row["class"] for row in rows] == [*"0123456789", "0", "1"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--count", "0"], "at least one"),
        (["--count", "x"], "invalid int value"),
        (["--seed", "-1"], "from 0"),
        (["--checkpoint", "77"], "no checkpoint 77; it has 3"),
        (["--checkpoint", "newest"], "no checkpoint newest; it has 3"),
    ],
)
def test_bad_arguments(cli, run, tmp_path, arguments, words):
    done = cli("generate", run, "--to", tmp_path / "new", *arguments, code=2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(cli, run, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    done = cli("generate", run, "--to", tmp_path / "used", code=2)
    assert "in use" in done.stderr
    assert contents(tmp_path / "used").keys() == {"mine.txt"}
    assert "no run at" in cli("generate", tmp_path / "nowhere", "--to", tmp_path / "new", code=2).stderr
