"""`train`: its presets, and one clear line for every mistake, before anything is written."""

import gzip
import json
import os
import shlex

import pytest

from paddle_gan_aug.config.loading import presets


def test_presets_are_listed(cli):
    listed = cli("train", "--list-presets").stdout
    assert all(name in listed and text in listed for name, text in presets().items())
    assert json.loads(cli("train", "--list-presets", "--json").stdout) == presets()


def bad_idx(folder, change):
    """A data folder with one file changed by `change(bytes) -> bytes`."""
    target = folder / "train-images-idx3-ubyte.gz"
    with gzip.open(target, "rb") as file:
        content = file.read()
    with gzip.open(target, "wb") as file:
        file.write(change(content))


@pytest.fixture
def data_copy(tmp_path, small_mnist):
    import shutil

    return shutil.copytree(small_mnist, tmp_path / "data")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda b: b[:5000], "truncated|shorter|cut short|ends"),
        (lambda b: b"\x00\x00\x09" + b[3:], "magic|type|unsigned"),
        (lambda b: b"GIF8" + b[4:], "magic|IDX"),
        (lambda b: b[:4] + (599).to_bytes(4, "big") + b[8 : 16 + 599 * 784], "599"),
    ],
)
def test_damaged_data(cli, small, data_copy, change, words):
    bad_idx(data_copy, change)
    done = cli("train", "--data", data_copy, "--steps", 2, "--run", "r", *small, code=2)
    assert any(word in done.stderr for word in words.split("|")), done.stderr
    assert str(data_copy) in done.stderr
    assert_one_line_and_nothing_written(cli, done)


def test_missing_data(cli, small, data_copy):
    os.unlink(data_copy / "train-labels-idx1-ubyte.gz")
    done = cli("train", "--data", data_copy, "--steps", 2, *small, code=2)
    assert "train-labels" in done.stderr
    assert_one_line_and_nothing_written(cli, done)
    assert "does not exist" in cli("train", "--data", cli.folder / "nowhere", code=2).stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--digit", "11"], ["11", "0, 1, 2"]),
        (["--digit", "-1"], ["-1"]),
        (["--epochs", "0"], ["--epochs (train.epochs)", ">= 1"]),
        (["--steps", "-5"], ["train.steps", ">= 1"]),
        (["--batch-size", "0"], ["train.batch_size"]),
        (["--batch-size", "501"], ["501", "500"]),
        (["-o", "train.epoch=3"], ["did you mean train.epochs?"]),
        (["-o", "train.epochs"], ["section.key=value"]),
        (["--generator", "conv"], ["transpose, upsample"]),
        (["--gan", "clasic"], ["did you mean classic?"]),
        (["-c", "missing.yaml"], ["missing.yaml"]),
        (["--device", "gpu"], ["--device cpu"]),
        (["--device", "tpu"], ["auto, cpu, gpu"]),
        (["--run", "../outside"], ["one folder name"]),
        (["--nonsense"], ["--nonsense"]),
        (["--epoch", "3"], ["--epoch 3", "did you mean --epochs?"]),
        (["--lr", "0.1"], ["--lr 0.1", "did you mean -o optimizer.generator_lr=0.1?"]),
        (["--lr=0.1"], ["did you mean -o optimizer.generator_lr=0.1?"]),
        (["--bs", "8"], ["did you mean --batch-size?"]),
        (["--batchsize", "8"], ["did you mean --batch-size?"]),
        (["--gpu", "0"], ["did you mean --device gpu?"]),
        (["--num-workers", "4"], ["did you mean --threads?"]),
        (["--data-dir", "x"], ["did you mean --data?"]),
        (["--output_dir", "x"], ["did you mean --output?"]),
        (["--z-dim", "64"], ["did you mean -o generator.latent_dim=64?"]),
        (["-o", "lr=0.1"], ["unknown key lr; did you mean optimizer.generator_lr?"]),
        (["--seed", "-1"], ["--seed (train.seed)", ">= 0"]),
        (["--seed", "9" * 30], ["--seed (train.seed)", "9223372036854775807"]),
        (["--seed", "abc"], ["--seed (train.seed)", "'abc'"]),
        (["--steps", "3", "-o", "train.steps=4"], ["--steps 3 and -o train.steps=4", "leave one of them out"]),
        (["--digit", "3", "-o", "data.class_name=4"], ["--digit 3 and -o data.class_name=4"]),
        (["--digit", "010"], ["'010'"]),
        (["--output", "/proc/nothing"], ["cannot write"]),
        (["--output", "README.md"], ["README.md", "a file of that name"]),
        (["--split", "half"], ["standard, full"]),
        (["-o", "algorithm=gann"], ["algorithm gann"]),
    ],
)
def test_mistakes_in_arguments(cli, small_mnist, arguments, words):
    done = cli("train", "--data", small_mnist, *arguments, code=2)
    assert all(word in done.stderr for word in words), done.stderr
    assert_one_line_and_nothing_written(cli, done)


def assert_one_line_and_nothing_written(cli, done):
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not cli.output.exists() or os.listdir(cli.output) == []


@pytest.mark.parametrize("key, most", [("log.grid_images", 10_000), ("health.samples", 10_000), ("eval.count", 1_000_000)])
def test_absurd_sizes_are_one_line(here, small_mnist, key, most):
    told = here("train", "--data", small_mnist, "--run", "r", "-o", f"{key}=1000000000", code=2).stderr
    assert told == f"paddle_gan_aug train: classic: {key}: expected a whole number <= {most}, got 1000000000\n"
    assert not (here.output / "r").exists()


def test_an_empty_class(cli, small, tmp_path, small_mnist):
    from paddle_gan_aug.data import load
    from paddle_gan_aug.data.idx import write_idx

    part = load(str(small_mnist), "train", split="full")
    kept = part.subset([i for i, label in enumerate(part.labels) if label != 4])
    folder = tmp_path / "no-fours"
    folder.mkdir()
    write_idx(folder / "train-images-idx3-ubyte", kept.images[:, 0])
    write_idx(folder / "train-labels-idx1-ubyte", kept.labels.astype("uint8"))
    done = cli("train", "--data", folder, "--digit", 4, *small, code=2)
    assert "4" in done.stderr
    assert_one_line_and_nothing_written(cli, done)


def test_a_name_in_use_is_refused_and_untouched(cli, small, small_mnist):
    cli("train", "--data", small_mnist, *small, "--steps", 2, "--run", "taken")
    before = {path: path.read_bytes() for path in cli.output.rglob("*") if path.is_file()}
    done = cli("train", "--data", small_mnist, *small, "--steps", 2, "--run", "taken", code=2)
    assert "taken" in done.stderr
    assert "--resume" in done.stderr
    assert {path: path.read_bytes() for path in cli.output.rglob("*") if path.is_file()} == before


def test_values_of_an_unknown_range_end_before_anything_is_written(here, tmp_path):
    import numpy as np

    np.savez(tmp_path / "normalised.npz", images=np.random.default_rng(0).normal(size=(20, 28, 28)), labels=np.arange(20) % 2)
    for command in ("train", "classify"):
        refused = here(command, "--data", tmp_path / "normalised.npz", code=2)
        assert "known are 0 to 255, 0 to 1 and -1 to 1: say which values are black and white" in refused.stderr
        assert "-o data.window=[" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1 and not here.output.exists() and not here.log.exists()


def test_the_commands_that_come_next_are_told_and_run(cli, tmp_path):
    tiny = ("--batch-size=20", "--steps=2", "-o", "generator.width=0.05", "discriminator.width=0.05")
    said = cli("train", "--gan=fast", "--run=a run", *tiny).stdout.splitlines()[1:]
    told = {line.split()[0]: shlex.split(line)[4:] for line in said}
    assert list(told) == ["measure", "draw", "curves"] and told["curves"] == ["dashboard", str(cli.log)]
    assert told["measure"] == ["evaluate", str(cli.output / "a run")] and told["draw"][-1] == "a run-images"
    assert "100 images" in cli(*told["draw"][:-1], tmp_path / "drawn").stdout
    plain = cli("train", "--gan=fast", "--run=plain", *tiny, "log.visualdl=false").stdout
    assert "dashboard" not in plain and "evaluate" in plain
