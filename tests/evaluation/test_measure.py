"""Scenarios on real digits: spoil a set of real images in one way, and the right metrics move the right way, by more than their error.

The error of every metric is its spread over five disjoint sets of untouched test images.
"""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from paddle_gan_aug.data import DataSpec, load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.evaluation import feature_network
from paddle_gan_aug.evaluation import reference as references
from paddle_gan_aug.evaluation.measure import evaluate_images, measure
from paddle_gan_aug.evaluation.real_images import read_real_images
from paddle_gan_aug.evaluation.registry import METRICS
from paddle_gan_aug.evaluation.samples import Samples
from paddle_gan_aug.metrics.memorisation import closeness_to_training, nearness

COUNT = 2000
EVERYDAY = [name for name, row in METRICS.items() if not row.on_request and not row.needs]
WITH_FLOOR = {name for name in EVERYDAY if METRICS[name].floor}
ERRORS = 4  # a metric has moved when it is so many errors away


@pytest.fixture(scope="module")
def shuffled_test_images(process):
    test = load("mnist", "test")
    return test.subset(np.random.default_rng(0).permutation(len(test)))


@pytest.fixture(scope="module")
def untouched(shuffled_test_images):
    """Five results of disjoint real sets."""
    return [evaluate_images(images) for images in np.split(shuffled_test_images.images, 5)]


@pytest.fixture(scope="module")
def moved(untouched):
    """A function: a result -> {metric: by how many errors it is above (below: negative) that of untouched real images}."""

    def measure(result):
        errors = {}
        for name in EVERYDAY:
            values = np.array([real[name]["value"] for real in untouched])
            errors[name] = (result[name]["value"] - values.mean()) / values.std(ddof=1)
        return errors

    return measure


def noise(real):
    draws = np.random.default_rng(1).normal(0, 60, real.images[:COUNT].shape)
    return np.clip(real.images[:COUNT] + draws, 0, 255).astype(np.uint8)


def blur(real):
    return gaussian_filter(real.images[:COUNT].astype(np.float32), (0, 0, 1.5, 1.5)).astype(np.uint8)


def black_out(real):
    images = real.images[:COUNT].copy()
    images[:, :, 9:19, 9:19] = 0
    return images


def one_class_missing(real):
    return real.images[real.labels != 1][:COUNT]


def one_image_repeated(real):
    return np.repeat(real.images[:1], COUNT, axis=0)


def copied_training_set(real):
    training = load("mnist", "train").images
    return training[np.random.default_rng(2).permutation(len(training))[:COUNT]]


@pytest.mark.parametrize(
    ("spoil", "up", "down"),
    [
        (noise, "frechet kid", "inception_score precision density coverage"),
        (blur, "frechet kid", "inception_score precision density coverage diversity"),
        (black_out, "frechet kid", "inception_score precision density coverage"),
        (one_class_missing, "frechet kid class_histogram", "inception_score recall coverage"),
        (one_image_repeated, "frechet kid class_histogram", "inception_score recall coverage diversity"),
        (copied_training_set, "memorisation", ""),
    ],
)
def test_spoilt_images_are_noticed(shuffled_test_images, moved, spoil, up, down):
    result = evaluate_images(spoil(shuffled_test_images))
    errors = moved(result)
    rounded = {name: round(float(value), 1) for name, value in errors.items()}
    assert [name for name in up.split() if not errors[name] > ERRORS] == [], rounded
    assert [name for name in down.split() if not errors[name] < -ERRORS] == [], rounded
    assert result["memorisation"]["copied"] == (spoil is copied_training_set), result["memorisation"]
    assert result["diversity"]["repeated"] == (1 - 1 / COUNT if spoil is one_image_repeated else 0)
    if spoil is copied_training_set:
        assert result["memorisation"]["exact_duplicates"] == result["memorisation"]["near_duplicates"] == 1
        assert result["frechet"]["value"] == pytest.approx(result["frechet"]["floor"], rel=0.5)
    else:
        assert result["memorisation"]["exact_duplicates"] < 0.01
    if spoil is one_class_missing:  # what is there is still good
        assert abs(errors["precision"]) < ERRORS, rounded


def test_untouched_real_images_are_near_the_floor(untouched):
    for result in untouched:
        assert result["frechet"]["value"] < 3 * result["frechet"]["floor"]
        assert abs(result["kid"]["value"] - result["kid"]["floor"]) < 5 * result["kid"]["error"]
        for name in ("precision", "recall", "coverage", "density", "diversity"):
            assert result[name]["value"] == pytest.approx(result[name]["floor"], abs=0.15), name
        assert result["inception_score"]["value"] > 9.5  # parts of 200 images have uneven classes: all 10,000 score above 9.7
        assert result["memorisation"]["floor"] == pytest.approx(0.5, abs=0.03)


def test_memorisation_flags_every_copied_set_and_no_new_one(process):
    """α = .001: twenty copied sets, twenty faintly altered ones, twenty of held-out real images."""
    network = feature_network.feature_network("mnist")
    reference = references.reference_of(read_real_images("mnist"), network)
    training = reference.training.features
    rng = np.random.default_rng(3)

    def flagged(fake, unseen=reference.unseen):
        return closeness_to_training(fake, unseen)["p_value"] < 0.001

    def flagged_sets(features):
        return sum(flagged(nearness(one, training, reference.held_out)) for one in np.split(features, 20))

    chosen = rng.permutation(len(training))[:5000]
    altered = np.clip(reference.training.images[chosen] + rng.normal(0, 8, (5000, 1, 28, 28)), 0, 255).astype(np.uint8)
    assert flagged_sets(training[chosen]) == 20
    assert flagged_sets(network.read(altered)[0]) == 20
    order = rng.permutation(len(reference.unseen.ratios))
    assert sum(flagged(reference.unseen.subset(one), reference.unseen.subset(order[2500:])) for one in np.split(order[:2500], 20)) == 0
    test = load("mnist", "test").images  # of other writers
    assert not evaluate_images(test)["memorisation"]["copied"] and not evaluate_images(test, part="test")["memorisation"]["copied"]


@pytest.mark.parametrize("learnt", [600, 20_000])
def test_typical_images_are_no_copies(process, learnt):
    """A generator that leaves out all that is unusual is near training images, as near as it is to images that it never saw."""
    network = feature_network.feature_network("mnist")
    reference = references.reference_of(read_real_images("mnist"), network)
    held_out, labels = reference.images.features, reference.images.labels
    distances = np.array([np.linalg.norm(x - held_out[labels == label].mean(0)) for x, label in zip(held_out, labels)])
    typical = distances < np.array([np.median(distances[labels == label]) for label in range(10)])[labels]
    rng = np.random.default_rng(4)
    order = rng.permutation(len(held_out))
    drawn, unseen, near = held_out[order[:4000]][typical[order[:4000]]], held_out[order[4000:7000]], held_out[order[7000:]]

    def measured(copies, training):
        images = np.concatenate([drawn, training[:copies]])
        return closeness_to_training(nearness(images, training, near), nearness(unseen, training, near))

    levels = []
    for seed in range(5):
        training = reference.training.features[np.random.default_rng(seed).permutation(len(reference.training))[:learnt]]
        levels.append(measured(0, training)["p_value"])
    assert min(levels) > 0.001
    assert measured(200, training)["p_value"] < 0.001  # one in eleven
    assert measured(200, training)["near_duplicates"] > 200 / len(drawn) / 2


def test_a_result_is_plain_and_complete(untouched):
    result = untouched[0]
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert set(EVERYDAY) < set(result)
    assert {name for name in EVERYDAY if "floor" in result[name]} == WITH_FLOOR
    assert all("error" in result[name] for name in ("kid", "inception_score"))
    assert list(result["class_histogram"]["shares"]) == list("0123456789")
    assert result["count"] == result["reference"]["count"] == result["floor_count"] == COUNT
    assert result["reference"]["part"] == "valid"
    assert result["feature_network"]["name"].startswith("mnist-")
    assert result["feature_network"]["accuracy"] > 0.99


def test_equal_seeds_give_equal_results(shuffled_test_images):
    images = shuffled_test_images.images
    once, again, other = (evaluate_images(images, count=400, seed=seed) for seed in (0, 0, 1))
    assert once == again
    assert once["kid"]["value"] != other["kid"]["value"]
    assert once["count"] == once["floor_count"] == 400


def test_one_class_alone(shuffled_test_images):
    fives = shuffled_test_images.of_class(5).images
    result = evaluate_images(fives, real=DataSpec(class_name="5"))
    assert result["count"] == len(fives)
    assert result["reference"]["count"] == min(len(fives), len(load("mnist", "valid", class_name=5)))
    assert result["frechet"]["value"] < 3 * result["frechet"]["floor"]
    assert result["class_histogram"]["shares"]["5"] > 0.97


def test_classifier_accuracy_score(process, small_mnist, shuffled_test_images, tmp_path, monkeypatch):
    """Real images in place of generated ones score as the floor does; labels that lie score less."""
    monkeypatch.setattr(feature_network, "LEAST_STEPS", 60)
    network = feature_network.train_feature_network(small_mnist, to=tmp_path, steps=20, quiet=True)
    some = shuffled_test_images.subset(slice(0, 400))
    options = {"real": small_mnist, "network": network, "also": ["classifier_accuracy_score"]}
    honest = evaluate_images(some.images, labels=some.labels, **options)["classifier_accuracy_score"]
    lying = evaluate_images(some.images, labels=(some.labels + 1) % 10, **options)["classifier_accuracy_score"]
    assert honest["floor"] == lying["floor"] > 0.5
    assert honest["floor_count"] == 400
    assert honest["value"] == pytest.approx(honest["floor"], abs=0.2)
    assert lying["value"] < 0.2


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((1, 1, 28, 28), np.uint8), {}, "1 generated images are too few to measure anything: make at least 2"),
        (np.zeros((0, 1, 28, 28), np.uint8), {}, "0 generated images are too few"),
        (np.zeros((200, 1, 28, 28), np.float32), {}, "must be uint8"),
        (np.zeros((200, 3, 28, 28), np.uint8), {}, "must be uint8"),
        (np.zeros((200, 1, 32, 32), np.uint8), {}, "must be uint8"),
        (None, {}, "images: expected a NumPy array, got None"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"count": 201}, "count 201: there are 200"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"count": 0}, "count 0"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"part": "eval"}, "part 'eval'"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"real": "nowhere"}, "nowhere"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"real": DataSpec(class_name="ten")}, "ten"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"real": DataSpec(split="full")}, "full"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"also": ["classifier_accuracy_score"]}, "needs the labels"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"also": ["classifier_accuracy_score"], "labels": [0] * 9}, "200 generated images but 9"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"also": ["classifier_accuracy_score"], "labels": [10] * 200}, "10 classes"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"labels": np.full(200, 0.9)}, "^labels: expected whole numbers, got float64$"),
        (np.zeros((200, 1, 28, 28), np.uint8), {"labels": np.array([None] * 200)}, "^labels: expected whole numbers, got object$"),
    ],
)
def test_bad_input(process, images, options, message):
    with pytest.raises(InputError, match=message):
        evaluate_images(images, **options)


@pytest.mark.parametrize(
    ("count", "missing"),
    [
        (2, ["frechet", "kid", "precision", "recall", "density", "coverage"]),
        (3, ["frechet", "kid", "precision", "recall", "density", "coverage"]),
        (5, ["frechet", "precision", "recall", "density", "coverage"]),
        (10, ["frechet"]),
        (167, ["frechet"]),
        (168, []),
    ],
)
def test_of_few_images_is_measured_what_can_be(shuffled_test_images, count, missing):
    result = evaluate_images(shuffled_test_images.images[:count])
    assert [name for name in EVERYDAY if result[name]["value"] is None] == missing
    for name in missing:
        assert f"there are {count} and {count}" in result[name]["why"]
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    if "frechet" in missing:
        assert "needs 168 generated and 168 real images (twice the 84 features)" in result["frechet"]["why"]
    assert result["count"] == result["reference"]["count"] == result["floor_count"] == count


def test_few_real_images(process, tmp_path, shuffled_test_images):
    """Ten images of one class to learn and two to test by: no Fréchet distance, and what stands on few images says so."""
    network = feature_network.feature_network("mnist")
    few = shuffled_test_images.of_class(3)
    np.savez(tmp_path / "few.npz", images=few.images[:12], labels=np.zeros(12, np.int64))
    result = evaluate_images(few.images[12:52], real=tmp_path / "few.npz", network=network)
    assert (result["reference"]["count"], result["floor_count"]) == (2, 10)
    assert result["frechet"]["value"] is result["kid"]["value"] is result["coverage"]["value"] is None
    assert result["memorisation"]["value"] is None and "needs at least 4 real images" in result["memorisation"]["why"]
    assert result["memorisation"]["exact_duplicates"] == 0
    assert result["diversity"]["value"] > 0


def test_a_near_duplicate_is_rarer_than_one_of_the_unseen_images(process, tmp_path, shuffled_test_images):
    """Of 20 unseen real images one lies nearest to training: as many generated images may be as near by chance."""
    network = feature_network.feature_network("mnist")
    np.savez(tmp_path / "some.npz", images=shuffled_test_images.images[:240], labels=shuffled_test_images.labels[:240])
    measured = evaluate_images(shuffled_test_images.images[300:600], real=tmp_path / "some.npz", network=network)["memorisation"]
    assert measured["near_floor"] == pytest.approx(1 / 22, abs=0.01)
    assert evaluate_images(shuffled_test_images.images[:300])["memorisation"]["near_floor"] == pytest.approx(0.001)


def test_a_folder_that_was_edited_is_other_data(process, tmp_path, shuffled_test_images, monkeypatch):
    """In one process, as in a notebook: neither the reference nor the feature network of the old images stays."""
    network, asked = feature_network.feature_network("mnist"), []
    monkeypatch.setattr(references, "find_network", lambda *images, quiet: asked.append(images) or network)
    path, images = tmp_path / "data.npz", shuffled_test_images.images
    results = []
    for start in (0, 0, 500):
        part = shuffled_test_images.subset(slice(start, start + 400))
        np.savez(path, images=part.images, labels=part.labels)
        results.append(evaluate_images(images[1000:1100], real=path))
    assert results[0] == results[1]
    assert results[0]["reference"]["fingerprint"] != results[2]["reference"]["fingerprint"]
    assert results[0]["kid"]["value"] != results[2]["kid"]["value"]
    assert len(asked) == 2


def test_metrics_are_chosen_by_name_and_give_the_same_numbers(shuffled_test_images):
    images, labels = shuffled_test_images.images[:300], shuffled_test_images.labels[:300]
    everything = evaluate_images(images, labels=labels)
    assert set(everything) >= {*EVERYDAY, "agreement", "diversity_within"} and "code_accuracy" not in everything
    some = evaluate_images(images, labels=labels, metrics=["agreement", "recall"])
    assert [name for name in METRICS if name in some] == ["recall", "agreement"]
    assert all(some[name] == everything[name] for name in some)
    with pytest.raises(InputError, match="no metric recal: .*nearest: recall"):
        evaluate_images(images, metrics=["recal"])
    with pytest.raises(InputError, match="code accuracy needs the codes"):
        evaluate_images(images, also=["code_accuracy"])


def test_what_is_read_in_the_images(shuffled_test_images):
    """Real digits are read surely and as they are labelled; prototypes lack diversity; lying labels and noise are noticed."""
    real = shuffled_test_images.subset(slice(0, 1000))
    result = evaluate_images(real.images, labels=real.labels)
    assert result["confident"]["value"] > 0.95 and result["confident"]["value"] == pytest.approx(result["confident"]["floor"], abs=0.03)
    assert result["agreement"]["value"] > 0.97 and set(result["agreement"]["classes"]) == set("0123456789")
    assert result["agreement"]["smallest"] == min(result["agreement"]["classes"].values())
    assert 0.06 < result["smallest_class"]["value"] < 0.1
    assert result["smallest_class"]["value"] == min(result["class_histogram"]["shares"].values())
    assert result["diversity_within"]["value"] == pytest.approx(1.0, abs=0.05)
    firsts = [int((real.labels == label).argmax()) for label in range(10)]
    prototypes = evaluate_images(real.images[firsts * 5], labels=real.labels[firsts * 5])
    assert prototypes["diversity_within"]["value"] == pytest.approx(0, abs=1e-5) and prototypes["diversity"]["value"] > 0.8
    assert evaluate_images(real.images, labels=(real.labels + 1) % 10, metrics=["agreement"])["agreement"]["value"] < 0.2
    grey = evaluate_images(np.zeros((20, 1, 28, 28), np.uint8))
    assert grey["smallest_class"]["value"] == 0 and grey["diversity"]["value"] == pytest.approx(0, abs=1e-6)


def test_codes_stand_for_classes(process, shuffled_test_images):
    real = shuffled_test_images.subset(slice(0, 500))
    samples = Samples(real.images, codes=(real.labels + 3) % 10)
    entry = measure(samples, references.reference_of(read_real_images("mnist")), metrics=["code_accuracy"])["code_accuracy"]
    assert entry["value"] > 0.97 and entry["classes"]["3"] == "0" and "floor" not in entry


def test_one_class_that_was_asked_for_by_label_is_read_as_that(shuffled_test_images):
    fives = shuffled_test_images.of_class(5)
    result = evaluate_images(fives.images, real=DataSpec(class_name="5"), labels=fives.labels)
    assert result["agreement"]["value"] == result["smallest_class"]["value"] == result["class_histogram"]["shares"]["5"] > 0.97
    assert result["diversity_within"]["value"] == pytest.approx(1.0, abs=0.1)


def test_labels_say_nothing_to_a_network_of_other_classes(process, tmp_path, shuffled_test_images):
    network = feature_network.feature_network("mnist")
    few = shuffled_test_images.of_class(3)
    np.savez(tmp_path / "few.npz", images=few.images[:30], labels=np.zeros(30, np.int64))
    result = evaluate_images(few.images[30:60], real=tmp_path / "few.npz", network=network, labels=np.zeros(30, np.int64))
    for name in ("agreement", "smallest_class"):
        assert result[name]["value"] is None and "reads the classes of the real images" in result[name]["why"]
