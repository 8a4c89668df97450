"""A run of the semi-supervised GAN, as a user starts it: validated, stopped, resumed, tested and read with like a classifier."""

import json

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import load, without_labels
from paddle_gan_aug.runs.batches import training_batches

TINY = [
    *("--gan", "semi-supervised", "--batch-size", 20, "--eval-every", 2),
    *("-o", "semi_supervised.width=0.1", "generator.width=0.1", "log.grid_every_steps=4", "log.grid_images=32", "health.every_steps=4"),
    *("checkpoint.every_steps=2", "log.visualdl=false"),
]
LABELS = "data.labels=20"


def checkpoint(folder, step):
    place = folder / "checkpoints" / f"step-{step}"
    return {name: (place / name).read_bytes() for name in ("weights.safetensors", "optimizers.safetensors")}


def test_from_labels_to_readings(cli, small_mnist):
    few = ["--data", small_mnist]
    report = json.loads(cli("classify", *few, *TINY, LABELS, "--steps", 8, "--run", "whole", "--json").stdout)
    assert report["test"]["count"] == 100 and 0 < report["accuracy"] < 1 and report["error"] == 1 - report["accuracy"]
    folder = cli.output / "whole"
    state = json.loads((folder / "checkpoints" / "step-8" / "state.json").read_text())
    assert state["data"]["count"] == 20 and state["unlabelled"]["count"] == 500
    assert len(state["data"]["fingerprint"]) == len(state["unlabelled"]["fingerprint"]) == 64
    assert (folder / "samples" / "step-000008.png").is_file() and (folder / "report" / "confusion.png").is_file()
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert {"labelled_loss", "unlabelled_loss", "generated_loss", "matching_loss", "eval/accuracy"} <= set(rows[-1])

    cli("train", *few, *TINY, LABELS, "--steps", 5, "--run", "parts")
    cli("train", "--run", "parts", "--resume", "--steps", 8)
    assert checkpoint(cli.output / "parts", 8) == checkpoint(folder, 8)

    found = json.loads(cli("evaluate", folder, "--json", "--count", 50).stdout)
    assert found["classification"] == {"error": pytest.approx(report["error"]), "count": 100}

    picture = next((folder / "samples").glob("*.png"))
    (row,) = json.loads(cli("predict", folder, picture, "--json").stdout)
    assert row["class"] in "0123456789"


def test_it_ends_when_validation_no_longer_gains_and_the_best_is_tested(cli, small_mnist):
    still = ["optimizer.discriminator_lr=1e-9", "optimizer.generator_lr=1e-9", "classifier.patience=2"]
    done = cli("classify", "--data", small_mnist, *TINY, LABELS, *still, "--steps", 40, "--run", "still", "--json")
    report = json.loads(done.stdout)
    assert report["step"] == 2  # the first reading is never beaten: the run ends two readings later
    state = json.loads((cli.output / "still" / "checkpoints" / "step-6" / "state.json").read_text())
    assert state["stopped"] and state["callbacks"]["Validation"]["without"] == 2


def test_labels_without_a_gan_of_the_same_network(cli, small_mnist):
    cli("train", "--data", small_mnist, *TINY, LABELS, "semi_supervised.gan=false", "--steps", 4, "--run", "alone")
    assert not (cli.output / "alone" / "samples").exists()


@pytest.mark.parametrize(
    "further, words",
    [
        (["-o", "data.labels=5"], "data.labels 5 is too few for the 10 classes"),
        (["-o", "data.labels=5000"], "data.labels 5000 is too many"),
        ([], "has no images without labels: name some"),
        (["--unlabelled", "nowhere"], "nowhere does not exist"),
        (["-o", LABELS, "--batch-size", 600], "batch size 600 is larger than the data, 500 images"),
        (["-o", LABELS, "discriminator.norm=batch"], "discriminator.norm"),
        (["-o", LABELS, "data.class_name=3"], "leaves one class"),
    ],
)
def test_what_is_refused_in_a_line(here, small_mnist, further, words):
    done = here("train", "--data", small_mnist, *TINY, *further, "--steps", 4, "--run", "none", code=2)
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not here.output.exists() and not here.log.exists()


def test_unlabelled_images_are_for_those_that_learn_them(here, small_mnist):
    done = here("train", "--gan", "projection", "--data", small_mnist, "--unlabelled", small_mnist, "--run", "none", code=2)
    assert "data.unlabelled" in done.stderr and len(done.stderr.strip().splitlines()) == 1 and not here.output.exists()


def test_a_folder_with_unlabelled_images(cli, small_mnist, tmp_path):
    """`--unlabelled` alone makes `classify` learn them; test images must not be among them."""
    from paddle_gan_aug.data import load

    digits = load(str(small_mnist), "train")
    digits.subset(slice(0, 100)).save(tmp_path / "set" / "train")
    load(str(small_mnist), "test").save(tmp_path / "set" / "test")
    digits.subset(slice(100, 300)).save(tmp_path / "more")
    options = ["--steps", 2, "--batch-size", 20, "-o", "semi_supervised.width=0.1", "generator.width=0.1", "log.grid_images=32"]
    done = cli("classify", "--data", tmp_path / "set", "--unlabelled", tmp_path / "more", *options, "--run", "c", "--json")
    assert json.loads(done.stdout)["test"]["count"] == 100
    state = json.loads((cli.output / "c" / "checkpoints" / "step-2" / "state.json").read_text())
    assert state["unlabelled"]["count"] == state["data"]["count"] + 200
    (tmp_path / "more" / "0").rename(tmp_path / "more-0")
    (tmp_path / "more" / "manifest.jsonl").unlink()
    resumed = cli("classify", "--run", "c", "--resume", "--steps", 3, code=2)
    assert "the images without labels have changed since run c learnt them" in resumed.stderr
    load(str(small_mnist), "test").save(tmp_path / "seen")
    done = cli("classify", "--data", tmp_path / "set", "--unlabelled", tmp_path / "seen", *options, "--run", "d", code=2)
    assert "100 of the 100 test images" in done.stderr and "learnt without labels" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and not (cli.output / "d").exists()


def test_another_algorithm_learns_from_the_labelled_images_alone(here, small_mnist):
    done = here("train", "--gan", "classifier", "--data", small_mnist, "-o", LABELS, "--batch-size", 20, "--steps", 2, "--run", "c")
    state = json.loads((here.output / "c" / "checkpoints" / "step-2" / "state.json").read_text())
    assert state["data"]["count"] == 20 and "unlabelled" not in state and "20 images" in done.stderr


def test_rare_classes_are_shown_as_often_as_the_largest(small_mnist):
    images = load(str(small_mnist), "train")
    few = images.subset(np.concatenate([np.flatnonzero(images.labels == 0)[:8], np.flatnonzero(images.labels == 1)[:2]]))
    rest = without_labels(images.images, "rest")
    for sampling, ones in (("shuffled", 16), ("balanced", 40)):  # of 80 labelled images
        overrides = {"train.batch_size": 16, "semi_supervised.labelled_batch": 4, "classifier.sampling": sampling}
        batches = training_batches(load_config("semi-supervised", overrides), few, unlabelled=rest)
        found = [batches.batch(step) for step in range(20)]
        assert sum(int((batch.labels == 1).sum()) for batch in found) == ones
        assert {(len(batch), len(batch.unlabelled)) for batch in found} == {(4, 16)}


@pytest.mark.parametrize("preset", ["semi-supervised", "semi-supervised-conv"])
def test_a_training_that_diverges_fails(cli, small_mnist, preset):
    """Losses that are no numbers end it, with one alarm: what is left is no classifier."""
    diverging = ["--data", small_mnist, "--gan", preset, *TINY[2:], LABELS, "optimizer.discriminator_lr=1e18", "--steps", 40, "--run", "r"]
    failed = cli("classify", *diverging, code=1).stderr
    assert failed.count("a loss that is not finite") == 1
    assert "a loss is not a finite number" in failed and "optimizer.discriminator_lr" in failed


def test_a_classifier_says_that_it_does_not_learn_the_folder_beside(here, tmp_path):
    digits = load("mnist").subset(range(60))
    for i, (image, label) in enumerate(zip(digits.images, digits.labels)):
        folder = tmp_path / "data" / ("unlabelled" if i >= 40 else f"{'train' if i < 30 else 'test'}/{'odd' if label % 2 else 'even'}")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(folder / f"{i}.png")
    done = here("classify", "--data", tmp_path / "data", "--steps", 2, "--batch-size", 8, "-o", "log.visualdl=false", "--run", "r")
    assert "unlabelled: its images have no labels, so classifier does not learn them; semi-supervised-conv does (--gan)" in done.stderr
