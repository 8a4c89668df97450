"""`classify` on folders: its test images are looked for before anything is trained, and read as the training images were."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

import paddle_gan_aug
from paddle_gan_aug.cli.main import main
from paddle_gan_aug.data import load
from paddle_gan_aug.records.visualdl_file import read_records


@pytest.fixture
def digits(tmp_path):
    """A function that writes real digits of two classes in uneven sizes as class folders."""

    def write(name, first, each):
        for digit in (1, 8):
            place = tmp_path / name / f"digit {digit}"
            place.mkdir(parents=True)
            for i, image in enumerate(load("mnist", "train", class_name=digit).images[first : first + each, 0]):
                Image.fromarray(np.pad(image, [(0, 0), (i % 3, i % 3)])).save(place / f"{i}.png")
        return tmp_path / name

    return write


def test_class_folders_and_a_test_folder(cli, digits, capsys):
    folder, test = digits("set", 0, 120), digits("unseen", 120, 40)
    arguments = ["classify", "--data", folder, "--batch-size", 50, "--steps", 40, "--run", "c", "--json"]
    places = ["--output", cli.output, "--log", cli.log]

    def refused(*further):
        assert main([str(a) for a in (*arguments, *further, *places)]) == 2
        return capsys.readouterr().err

    several = refused("--test", test)
    assert "has images of several sizes" in several and "data.image_size" in several
    missing = refused("--image-size", 28)
    assert "set has no test images" in missing and "--test" in missing
    others = refused("--image-size", 28, "--test", test / "digit 1")
    assert others.strip().endswith("the classifier learns digit 1, digit 8")
    (test / "digit 8").rename(test / "diigt 8")
    misspelt = refused("--image-size", 28, "--test", test)
    assert misspelt.strip().endswith("the classifier learns digit 1, digit 8; diigt 8: did you mean digit 8?")
    (test / "diigt 8").rename(test / "digit 8")
    (folder / "digit 1" / "broken.png").write_bytes(b"x")
    broken = refused("--image-size", 28, "--test", test)
    assert "digit 1/broken.png (not an image)" in broken
    assert not cli.output.exists() and len(broken.strip().splitlines()) == 1
    done = cli(*arguments, "--image-size", 28, "--skip-bad", "--test", test)
    report = json.loads(done.stdout)
    assert report["test"]["count"] == 80 and report["accuracy"] > 0.9 and list(report["recall"]) == ["digit 1", "digit 8"]
    assert "1 of 241 files cannot be used: digit 1/broken.png (not an image); skipped" in done.stderr


@pytest.mark.parametrize("architecture", ["lenet", "lenet-pooled"])
def test_a_training_that_diverges_ends_with_one_line(cli, digits, architecture):
    settings = ["-o", "optimizer.classifier_lr=1e30", f"classifier.architecture={architecture}"]
    data = ["--data", digits("set", 0, 40), "--test", digits("unseen", 40, 9), "--image-size", 28]
    done = cli("classify", *data, "--steps", 12, *settings, code=1)
    assert "step 5: a loss is not a finite number" in done.stderr and "optimizer.classifier_lr" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_learned_augmenter_is_tested_like_a_classifier(cli, small_mnist):
    settings = ["-o", "generator.width=0.5", "variation.sources=20", "classifier.width=0.5", "log.grid_images=32"]
    done = cli(
        "classify",
        "--gan",
        "learned-augmenter",
        "--data",
        small_mnist,
        "--batch-size",
        50,
        "--steps",
        80,
        *settings,
        "--run",
        "c",
        "--json",
    )
    assert json.loads(done.stdout)["accuracy"] > 0.6
    assert len(list((cli.output / "c" / "samples").glob("*.png"))) == 1


def test_a_picture_that_fails_costs_no_number(here, digits, monkeypatch):
    def fails(*_):
        raise MemoryError("21.7 GB")

    monkeypatch.setattr(sys.modules["paddle_gan_aug.classification.classify"], "confusion_matrix_figure", fails)
    digits("set/train", 0, 20), digits("set/test", 40, 6)
    arguments = ("--batch-size", 10, "--steps", 3, "--image-size", 28, "--run", "c", "--json")
    done = here("classify", "--data", here.folder / "set", *arguments)
    report = here.output / "c" / "report"
    assert json.loads(done.stdout)["accuracy"] == json.loads((report / "classification.json").read_text())["accuracy"]
    assert "no picture" in done.stderr and "21.7 GB" in done.stderr
    assert {path.name for path in report.iterdir()} == {"classification.json", "per-class.png"}


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_gan_is_refused_before_it_is_trained(here, small_mnist, dry):
    told = here("classify", "-c", "cgan", "--data", small_mnist, "--run", "r", "--steps", 2, *dry, code=2).stderr
    able = "classifier, semi-supervised, learned-augmenter"
    assert told == f"paddle_gan_aug classify: algorithm gan: it trains no classifier; classify takes presets and files of {able}\n"
    assert not (here.output / "r").exists()


def test_one_class_cannot_be_told_apart(here, digits):
    folder = digits("set/train", 0, 20)
    digits("set/test", 40, 6)
    places = ("--image-size", 28, "--batch-size", 10, "--steps", 3)
    for arguments in (["--data", folder / "digit 1"], ["--data", folder.parent, "-o", "data.classes=[digit 1]"]):
        done = here("classify", *arguments, "--test", folder.parent / "test", *places, code=2)
        assert "has images of one class alone (digit 1): a classifier tells classes apart" in done.stderr
        hint, *refusal = ["no hint", *done.stderr.strip().splitlines()][-2:]
        assert len(refusal) == 1 and ("no hint" in hint or "there are no class folders in" in hint)
    assert not here.output.exists()


@pytest.fixture
def best_at_20(small_mnist, monkeypatch):
    """Every validation of a classifier finds 10 %, but that of step 20, which finds all right."""
    from paddle_gan_aug.algorithms.classifier import SupervisedClassifier

    valid = load(str(small_mnist), "valid")

    def read(self, images):
        wanted = valid.labels if len(images) == len(valid) and self.step_number == 20 else np.zeros(len(images), int)
        return np.eye(10, dtype=np.float32)[wanted], np.zeros((len(images), 84), np.float32)

    monkeypatch.setattr(SupervisedClassifier, "read", read)


def test_records_after_the_best_step_stay(tmp_path, small_mnist, process, best_at_20):
    """With patience the best checkpoint is tested; the run went on after it, and so do its records."""
    settings = {"eval.every_steps": 10, "classifier.patience": 2, "train.steps": 200, "log.every_steps": 5, "train.batch_size": 50}
    overrides = {"data.source": str(small_mnist), **settings}
    tested = paddle_gan_aug.classify(run="c", output=tmp_path / "output", log=tmp_path / "log", overrides=overrides, quiet=True)
    assert (tested.run.step, tested.report["step"]) == (20, 20)
    rows = [json.loads(line) for line in (tmp_path / "output" / "c" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, *range(5, 41, 5)]
    assert [row["eval/accuracy"] == 1 for row in rows if "eval/accuracy" in row] == [False, True, False, False]
    points = [value for path in (tmp_path / "log" / "c").glob("metrics/vdlrecords*") for _, value in read_records(path)]
    assert [value.id for value in points if value.tag == "run eval/accuracy"] == [10, 20, 30, 40]
    pictures = [value for path in (tmp_path / "log" / "c").glob("report/vdlrecords*") for _, value in read_records(path)]
    assert {value.tag for value in pictures if value.WhichOneof("one_value") == "image"} == {"confusion", "per-class"}


def test_the_classes_that_are_learnt_are_those_of_the_test(here, tmp_path):
    """With `data.classes` the other classes of a test set play no part, though its folder holds them."""
    images = load("mnist", "train")
    for part, first in (("learnt", 0), ("unseen", 8)):
        for digit in (1, 3, 8):
            (tmp_path / part / str(digit)).mkdir(parents=True)
            for i, image in enumerate(images.images[images.labels == digit][first : first + 8, 0]):
                Image.fromarray(image).save(tmp_path / part / str(digit) / f"{i}.png")
    command = ["classify", "--data", tmp_path / "learnt", "--test", tmp_path / "unseen", "--steps", 2, "--batch-size", 8]
    report = json.loads(here(*command, "-o", "log.visualdl=false", "data.classes=[1,8]", "--json").stdout)
    assert report["test"]["count"] == 16 and np.sum(report["confusion_matrix"], axis=1).tolist() == [8, 0, 8]
