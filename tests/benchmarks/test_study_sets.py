"""What the published study needs: enlarged digits, settings of classifiers on validation images, and rows that are studies."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks import classifier_settings, digits
from paddle_gan_aug.cli import study as command
from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.study.arms import arm_of

ROWS = sorted((Path(__file__).resolve().parents[2] / "benchmarks" / "rows").glob("study-*.yaml"))


def test_digits_are_disjoint_and_keep_their_range(tmp_path):
    found, text = digits.digits(str(tmp_path / "digits"), 0)
    assert found["counts"] == {"train": 400, "test": 1397} and found["fingerprints"]["test"] in text
    train, test = load(tmp_path / "digits", "train", split="full"), load(tmp_path / "digits", "test")
    assert train.shape == (1, 32, 32) and train.counts().tolist() == [40] * 10
    names = [{path.name for path in (tmp_path / "digits" / part).rglob("*.png")} for part in ("train", "test")]
    assert not names[0] & names[1] and len(names[0] | names[1]) == 1797 and len(test) == 1397
    assert digits.enlarged(np.full((8, 8), 16.0)).tolist() == np.full((32, 32), 255).tolist()
    with pytest.raises(InputError, match="not empty"):
        digits.write_digits(tmp_path / "digits")


def test_labels_of_settings_are_validation_images_that_do_not_score(monkeypatch, small_mnist):
    monkeypatch.setattr(classifier_settings, "SCORED", 50)
    images = classifier_settings.images_of(str(small_mnist), 2, 0)
    valid = {image.tobytes() for image in load(str(small_mnist), "valid").images}
    learnt, scored = ({image.tobytes() for image in part.images} for part in (images.train, images.test))
    assert learnt <= valid and scored <= valid and not learnt & scored
    assert images.train.counts().tolist() == [2] * len(images.train.class_names)


def test_settings_are_stored_and_skipped(monkeypatch, small_mnist, tmp_path):
    monkeypatch.setattr(classifier_settings, "SCORED", 50)
    rows = [
        {"name": f"lr {lr}", "data": str(small_mnist), "labels": 2, "steps": 2, "seeds": [0], "overrides": {"optimizer.classifier_lr": lr}}
        for lr in (0.1, 0.2)
    ]
    (tmp_path / "rows.yaml").write_text(json.dumps(rows))
    said = []
    found, table = classifier_settings.classifier_settings(str(tmp_path / "rows.yaml"), str(tmp_path / "to"), None, said.append)
    assert len(said) == len(found) == 2 and "| classical | 2 steps of 64, classifier_lr 0.1 |" in table
    assert classifier_settings.classifier_settings(str(tmp_path / "rows.yaml"), str(tmp_path / "to"), None, said.append)[0] == found
    assert len(said) == 2
    (tmp_path / "rows.yaml").write_text(json.dumps([{"name": "x", "colour": 1}]))
    with pytest.raises(InputError, match="expected a list of rows"):
        classifier_settings.read_rows(str(tmp_path / "rows.yaml"))


@pytest.mark.parametrize("path", ROWS, ids=[path.stem for path in ROWS])
def test_rows_of_the_study_name_arms_and_settings_that_exist(path):
    settings = yaml.safe_load(path.read_text())
    parser = command_parser()
    assert {name.replace("-", "_") for name in settings} <= {action.dest for action in parser._actions}
    assert [arm_of(name).name for name in settings["arms"]] == settings["arms"] and "real" not in settings["arms"][1:]
    assert settings["to"].endswith(path.stem.removeprefix("study-")) and f"-c benchmarks/rows/{path.name}" in path.read_text()


def command_parser():
    import argparse

    parser = argparse.ArgumentParser()
    command.add_flags(parser)
    return parser
