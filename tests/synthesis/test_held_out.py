"""A classifier is judged by images that it did not learn, and a set comes out full, and honest, whatever its filters say."""

import json

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data import load
from paddle_gan_aug.runs.batches import training_images
from paddle_gan_aug.runs.run import train
from paddle_gan_aug.synthesis import held_out as module
from paddle_gan_aug.synthesis.held_out import read_held_out

QUICK = {"train.steps": 60, "train.epochs": None, "train.batch_size": 20, "log.visualdl": False}


def folder_of(path, per_class, seed=None):
    """Class folders of real digits; with a seed the digits of all classes are mixed, so that there is nothing to be learnt."""
    images = load("mnist", "train").subset(range(6000))
    names, counts = ("three", "eight"), per_class
    pool = [images.of_class(digit).images[:count] for digit, count in zip(("3", "8"), counts)]
    if seed is not None:
        mixed = np.random.default_rng(seed).permutation(np.concatenate(pool))
        pool = np.split(mixed, [counts[0]])
    for name, some in zip(names, pool):
        (path / name).mkdir(parents=True)
        for i, image in enumerate(some):
            Image.fromarray(image[0]).save(path / name / f"{i:03d}.png")
    return path


def classifier(path, tmp_path, **more):
    overrides = {**QUICK, "data.source": str(path), **more}
    return train("classifier", run="reader", output=tmp_path / "runs", log=tmp_path / "runs", quiet=True, overrides=overrides)


def test_few_validation_images_are_joined_by_cross_fitted_ones(tmp_path, process):
    path = folder_of(tmp_path / "data", (40, 12))
    run = classifier(path, tmp_path)
    real, valid = training_images(run.config), load(str(path), "valid")
    weights = {name: value.numpy().copy() for name, value in run.algorithm.classifier.state_dict().items()}
    found = read_held_out(run, real, valid)
    assert np.bincount(found.labels).tolist() == [12, 40]  # eight, three: every image is read once by a network that did not learn it
    assert all(found.knows(c) for c in (0, 1)) and found.counts(1)[1] >= 32
    assert found.distances.shape == (len(real), 2) and (found.distances > 0).all()
    for name, value in run.algorithm.classifier.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), weights[name])  # the run's own network learns nothing
    again = read_held_out(run, real, valid)
    np.testing.assert_array_equal(again.probabilities, found.probabilities)


def test_what_cannot_be_learnt_is_not_known_though_it_is_learnt_by_heart(tmp_path, process):
    path = folder_of(tmp_path / "data", (30, 12), seed=1)
    run = classifier(path, tmp_path, **{"train.steps": 150, "classifier.dropout": 0.0})
    real, valid = training_images(run.config), load(str(path), "valid")
    by_heart = module.read_images(run.algorithm, real.images)[0].argmax(1)
    assert (by_heart == real.labels).mean() > 0.9
    found = read_held_out(run, real, valid)
    assert not found.knows(0) and not found.knows(1)


def test_many_validation_images_are_enough(tiny, monkeypatch):
    from paddle_gan_aug.runs.opened import open_run

    monkeypatch.setattr(module, "_cross_fitted", lambda *_: pytest.fail("nothing is to be learnt again"))
    run = open_run(tiny["classifier"])
    real = training_images(run.config)
    valid = load("mnist", "valid").subset(range(1000))
    found = read_held_out(run, real, valid)
    assert len(found.labels) == 1000 and found.distances is None
    monkeypatch.setattr(module, "MOST_IMAGES", 100)
    assert read_held_out(run, real, None) is None  # all were learnt, and they are too many to learn again


# ---- augment


@pytest.fixture
def one_digit_for_all(monkeypatch):
    """Whatever class is asked for, the generator draws threes that are in no set here."""
    from paddle_gan_aug.synthesis.sampler import Sampler

    threes = load("mnist", "valid").of_class("3").images.astype("float32") / 127.5 - 1

    def images(self, latents):
        return threes[(np.abs(latents[:, 0]) * 1e6).astype(int) % len(threes)]

    monkeypatch.setattr(Sampler, "images", images)


def command(path, to, *more):
    steps = ["--steps", 3, "--batch-size", 8, "-o", "generator.width=0.05", "discriminator.width=0.05", "log.visualdl=false"]
    return ["augment", "--data", path, "--to", to, *steps, "--attempts", 5, *more]


def rows_of(to):
    return [json.loads(line) for line in (to / "manifest.jsonl").read_text().splitlines()]


def test_a_full_set_though_filters_drop_nearly_all(here, tmp_path, one_digit_for_all):
    path, to = folder_of(tmp_path / "data", (60, 40)), tmp_path / "out"
    done = here(*command(path, to))
    assert load(str(to), "train", split="full").counts().tolist() == [60, 60]
    rows, dropped = rows_of(to), json.loads((to / "dropped.json").read_text())
    assert len(rows) == 20 and {row["class"] for row in rows} == {"eight"} and dropped["missing"] == {}
    taken = [row for row in rows if "dropped_by" in row]
    assert dropped["taken_all_the_same"] == {"eight": len(taken)} and len(taken) == 20 - dropped["kept"]
    assert len(taken) >= 15 and all("agreement" in row["dropped_by"] and "agreement" not in row["passed"] for row in taken)
    assert {"contrast", "copies", "duplicates"} <= set(taken[0]["passed"])
    first = [row["confidence"] for row in taken if "outliers" not in row["dropped_by"]]
    assert first == sorted(first, reverse=True)  # the best come first
    assert len({row["latent"] for row in rows}) == 20
    assert dropped["held_out"]["eight"]["images"] == 40 and dropped["held_out"]["eight"]["read_right"] >= 30
    assert f"class eight: {len(taken)} of 20 generated images had been dropped" in done.stdout
    assert "generated images that passed as the class asked for" in done.stdout


def test_filters_that_were_chosen_stay_strict(here, tmp_path, one_digit_for_all):
    path, to = folder_of(tmp_path / "data", (60, 40)), tmp_path / "out"
    done = here(*command(path, to, "--filter", "agreement"), code=1)
    assert "not filled" in done.stderr and not any("dropped_by" in row for row in rows_of(to))


def test_what_steps_aside_is_said_before_the_gan_trains(here, tmp_path, one_digit_for_all):
    path, to = folder_of(tmp_path / "data", (40, 20), seed=3), tmp_path / "out"
    done = here(*command(path, to))
    lines = done.stderr.splitlines()
    (told, *_) = [i for i, line in enumerate(lines) if line.startswith("class eight: the filters' classifier reads")]
    assert "no better than chance; agreement, confidence, entropy step aside for it" in lines[told]
    assert told < next(i for i, line in enumerate(lines) if "out-gan" in line)
    rows, dropped = rows_of(to), json.loads((to / "dropped.json").read_text())
    assert len(rows) == 20 and dropped["stepped_aside"] == {"eight": ["agreement", "confidence", "entropy"]}
    assert not any({"agreement", "confidence", "entropy"} & set(row["passed"]) for row in rows)
    assert "class eight: agreement, confidence, entropy stepped aside" in done.stdout
