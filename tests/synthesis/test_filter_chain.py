"""Filters drop what is wrong for the right reason, and leave real digits alone."""

import json

import numpy as np
import pytest
from candidate_arrays import arrays, rng
from image_kinds import KINDS, two_classes

from paddle_gan_aug.data import load
from paddle_gan_aug.metrics.health import IMAGE_SIGNS, SIGNS, single_image_signs
from paddle_gan_aug.synthesis import candidates, filter_functions
from paddle_gan_aug.synthesis.candidates import Candidates, Reference
from paddle_gan_aug.synthesis.filter_chain import FilterChain, FilterReport
from paddle_gan_aug.synthesis.filters import FILTERS, KEPT

CLASSES = tuple("0123456789")


class Digits:
    """Real digits, read by the shipped network, in three parts."""

    def __init__(self):
        from paddle_gan_aug.evaluation.feature_network import feature_network

        self.network = feature_network("mnist")
        self.training, held_out = load("mnist", "train").subset(range(8000)), load("mnist", "valid").subset(range(2000))
        self.clean = load("mnist", "test").subset(range(1000))  # stand for perfect samples
        self.reference = Reference(
            self.training.images,
            self.network.read(self.training.images)[0],
            self.training.labels,
            (self.network.read(held_out.images)[0], held_out.labels),
        )

    def candidates(self, images, labels):
        features, probabilities = self.network.read(np.ascontiguousarray(images))
        return Candidates(images, np.asarray(labels), features, probabilities)

    def reasons(self, images, labels, names=None):
        return FilterChain(self.reference, CLASSES, names).judge(self.candidates(images, labels), rng())


@pytest.fixture(scope="module")
def digits(process):
    return Digits()


def share(reasons, reason):
    return np.mean([found == reason for found in reasons])


def test_real_digits_are_kept(digits):
    chain = FilterChain(digits.reference, CLASSES)
    chain.judge(digits.candidates(digits.clean.images, digits.clean.labels), rng())
    summary = chain.report.to_json()
    assert summary["accept_rate"] >= 0.95
    assert all(found["accept_rate"] >= 0.88 for found in summary["classes"].values())


@pytest.mark.parametrize("name", [name for name, row in FILTERS.items() if row.default])
def test_each_filter_alone_leaves_real_digits_alone(digits, name):
    assert share(digits.reasons(digits.clean.images, digits.clean.labels, [name]), KEPT) >= 0.97


# name: (what is done to 200 real digits, labels or None for what the classifier reads, the reason that most must get)
SCENARIOS = {
    "mislabelled": (lambda x: x, lambda labels: (labels + 1) % 10, "other-class", 0.95),
    "blank": (lambda x: x // 8, None, "blank", 1.0),
    "all black": (lambda x: x * 0, None, "blank", 1.0),
    "inverted": (lambda x: 255 - x, None, "saturated", 1.0),
    "all white": (lambda x: x * 0 + 255, None, "blank", 1.0),
    "on grey": (lambda x: x // 2 + 100, None, "no-background", 0.95),
    "noise": (lambda x: rng().integers(0, 256, x.shape, dtype=np.uint8), None, "no-background", 1.0),
    "speckled": (lambda x: np.where(rng().random(x.shape) < 0.13, 255, x // 2).astype(np.uint8), None, "noise", 0.9),
    "half out of the frame": (lambda x: np.roll(x, 10, axis=2), None, "outlier", 0.5),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_bad_images_are_dropped_for_their_reason(digits, name):
    change, relabel, reason, least = SCENARIOS[name]
    images = np.ascontiguousarray(change(digits.clean.images[:200]))
    labels = relabel(digits.clean.labels[:200]) if relabel else digits.network.read(images)[1].argmax(1)
    reasons = digits.reasons(images, labels)
    assert share(reasons, reason) >= least
    assert share(reasons, KEPT) <= 0.15


def test_outliers_are_found_without_a_classifier(digits):
    images = np.roll(digits.clean.images[:200], 10, axis=2)
    assert share(digits.reasons(images, digits.network.read(images)[1].argmax(1), ["outliers"]), "outlier") >= 0.8


@pytest.mark.parametrize("noise", [0, 3])
def test_copies_of_training_images_are_dropped(digits, noise):
    copies = digits.training.images[:200] + np.rint(noise * rng().standard_normal((200, 1, 28, 28)))
    reasons = digits.reasons(np.clip(copies, 0, 255).astype(np.uint8), digits.training.labels[:200])
    assert share(reasons, "training-copy") >= 0.95 and share(reasons, KEPT) == 0


def test_duplicates_are_dropped_across_pieces(digits):
    images, labels = digits.clean.images[:100], digits.clean.labels[:100]
    chain = FilterChain(digits.reference, CLASSES)
    halves = [chain.judge(digits.candidates(images[part], labels[part]), rng()) for part in (slice(0, 50), slice(50, 100))]
    first = np.concatenate(halves)
    again = np.array(chain.judge(digits.candidates(images, labels), rng()))
    assert (again[first == KEPT] == "duplicate").all()
    np.testing.assert_array_equal(again[first != KEPT], first[first != KEPT])
    twice = np.array(digits.reasons(np.repeat(images, 2, axis=0), np.repeat(labels, 2)))
    np.testing.assert_array_equal(twice[::2], first)
    assert (twice[1::2][first == KEPT] == "duplicate").all()


def test_one_of_each_among_clean_ones(digits):
    """Five bad images in a clean set are found, and the report says which."""
    images, labels = digits.clean.images[:100].copy(), digits.clean.labels[:100].copy()
    before = np.array(digits.reasons(images, labels))
    places = np.flatnonzero(before == KEPT)[-5:]
    labels[places[0]] = (labels[places[0]] + 1) % 10
    images[places[1]] //= 10
    images[places[2]], labels[places[2]] = images[0], labels[0]
    images[places[3]], labels[places[3]] = digits.training.images[5], digits.training.labels[5]
    images[places[4]] = np.roll(images[places[4]], 14, axis=1)
    chain = FilterChain(digits.reference, CLASSES)
    after = np.array(chain.judge(digits.candidates(images, labels), rng()))
    assert after[places[:4]].tolist() == ["other-class", "blank", "duplicate", "training-copy"] and after[places[4]] != KEPT
    others = np.setdiff1d(np.arange(100), places)
    np.testing.assert_array_equal(after[others], before[others])
    summary = json.loads(json.dumps(chain.report.to_json()))
    assert summary["tried"] == 100 == summary["kept"] + sum(summary["dropped"].values())
    assert summary["classes"][str(digits.training.labels[5])]["dropped"]["training-copy"] == 1


def test_few_training_images_do_not_drop_everything(digits):
    """Five a class and nothing held out: limits come from distances between the training images themselves."""
    few = np.concatenate([np.flatnonzero(digits.training.labels == c)[:5] for c in range(10)])
    images, labels = digits.training.images[few], digits.training.labels[few]
    reference = Reference(images, digits.network.read(images)[0], labels)
    chain = FilterChain(reference, CLASSES)
    reasons = chain.judge(digits.candidates(digits.clean.images[:300], digits.clean.labels[:300]), rng())
    assert share(reasons, KEPT) > 0.6
    assert share(FilterChain(reference, CLASSES).judge(digits.candidates(images, labels), rng()), KEPT) == 0  # copies


# What arrays alone can tell.


def test_every_row_is_complete():
    assert len({row.reason for row in FILTERS.values()}) == len(FILTERS)
    for name, row in FILTERS.items():
        assert row.name == name and row.reason != KEPT and row.needs and row.keep.__name__
    assert {sign.name for sign in SIGNS} >= {sign.name for sign in IMAGE_SIGNS}
    assert {sign.alarm for sign in IMAGE_SIGNS} == {sign.alarm for sign in SIGNS[:6]}  # each has a filter


def test_class_probabilities():
    found = arrays(4, probabilities=np.array([[0.9, 0.1], [0.6, 0.4], [0.1, 0.9], [0.5, 0.5]]))
    assert filter_functions.agrees(found, None, None).tolist() == [True, True, False, True]
    assert filter_functions.confident(found, None, None, 0.6).tolist() == [True, False, False, False]  # strictly above
    assert filter_functions.certain(found, None, None, 0.5).tolist() == [True, False, True, False]
    assert filter_functions.certain(found, None, None, 1.0).all()


def test_signs_of_single_images():
    images = np.zeros((3, 1, 4, 4), np.uint8)
    images[1] = 255
    images[2, :, :, ::2] = 255
    signs = single_image_signs(images)
    np.testing.assert_allclose(signs["contrast"], [0, 0, 1])
    np.testing.assert_allclose(signs["bright"], [0, 1, 0.5])
    np.testing.assert_allclose(signs["dark"], [1, 0, 0.5])
    np.testing.assert_allclose(signs["roughness"], [0, 0, 4])  # every step to the side is 2 long, none downwards
    assert single_image_signs(np.zeros((2, 3, 5, 6), np.uint8))["bright"].shape == (2,)


def test_colour_images():
    """Smooth random colours are natural, a constant one is blank, and snow is noise."""
    coarse = rng().integers(0, 256, (300, 3, 4, 4), dtype=np.uint8)
    images = np.repeat(np.repeat(coarse, 8, axis=2), 8, axis=3)
    reference = Reference(images[:200])
    tried = np.concatenate([images[200:], images[:1] * 0 + 90, rng().integers(0, 256, (1, 3, 32, 32), dtype=np.uint8)])
    chain = FilterChain(reference, "a", ["contrast", "bright", "dark", "roughness"])
    reasons = chain.judge(Candidates(tried, np.zeros(102, int)), rng())
    assert share(reasons[:100], KEPT) >= 0.95 and reasons[100:] == ["blank", "noise"]


def test_limits_of_distances():
    training = np.arange(200.0)[:, None]
    near = training[::2] + 0.25
    space = candidates.FeatureSpace(training, None, (near, np.zeros(100, int)))
    np.testing.assert_allclose(space.distances(np.array([[10.1], [500.0]]), np.zeros(2, int)), [[0.1, 2.1], [301, 305]], atol=1e-6)
    np.testing.assert_allclose(space.limits([0, 7], 0, 0.5), [0.25, 0.25], atol=1e-6)  # a class without images: that of all
    assert np.isinf(space.distances(np.zeros((1, 1)), np.array([7]))).all()
    with pytest.raises(ValueError, match="different networks"):
        space.distances(np.zeros((1, 2)), np.zeros(1, int))


def test_one_training_image_a_class_finds_exact_copies_only():
    features = rng().normal(size=(3, 8))
    reference = Reference(features=features, labels=np.arange(3))
    found = Candidates(np.zeros((2, 1, 4, 4), np.uint8), np.array([1, 1]), features[1] + np.array([[1e-6], [1e-2]]))
    chain = FilterChain(reference, "abc", ["copies", "outliers"])
    assert chain.judge(found, rng()) == ["training-copy", KEPT]


def test_scores_choose():
    """Logits of real images from 2 N(1, 1), of generated ones from 2 N(-1, 1), each being the log density ratio at its place."""
    real, fake, new = 2 * rng(0).normal(1, 1, 4000), 2 * rng(1).normal(-1, 1, 4000), 2 * rng(2).normal(-1, 1, 20_000)
    reference = Reference(real_scores=real, fake_scores=fake)
    found = arrays(len(new), scores=new)
    kept = {}
    for name in ("score", "rejection", "metropolis-hastings"):
        keep, again = (np.array(FilterChain(reference, "a", [name]).judge(found, rng())) == KEPT for _ in range(2))
        np.testing.assert_array_equal(keep, again)
        kept[name] = new[keep]
    np.testing.assert_array_equal(kept["score"], new[new > 0])
    chances = 1 / (1 + np.exp(np.percentile(new, 80) - new))  # far below the largest score F is the logit itself
    assert len(kept["rejection"]) / len(new) == pytest.approx(chances.mean(), abs=0.01)
    assert kept["rejection"].mean() == pytest.approx(np.average(new, weights=chances), abs=0.1)
    # A single chain of 50 cannot reach all of the real ones where the two kinds are so far apart; longer ones come closer.
    longer = FilterChain(reference, "a", ["metropolis-hastings"], {"metropolis-hastings": {"chain": 10 * 50, "method": "logistic"}})
    many = 2 * rng(3).normal(-1, 1, 100_000)
    best = many[np.array(longer.judge(arrays(len(many), scores=many), rng())) == KEPT].mean()
    assert 1 < kept["metropolis-hastings"].mean() < best and best == pytest.approx(2, abs=0.4)
    assert 0.8 * 400 < len(kept["metropolis-hastings"]) <= 400


def test_filters_run_in_the_table_s_order_and_only_on_survivors():
    found = arrays(3, probabilities=np.array([[0.2, 0.8], [0.55, 0.45], [0.99, 0.01]]), scores=np.array([-1.0, -1.0, -1.0]))
    chain = FilterChain(Reference(), "ab", ["score", "confidence", "agreement"], {"confidence": {"threshold": 0.6}})
    assert chain.judge(found, rng()) == ["other-class", "unsure", "low-score"]
    assert FilterChain(Reference(), "ab", []).judge(found, rng()) == [KEPT] * 3
    assert chain.judge(found.subset(slice(0, 0)), rng()) == []


def test_reports_add_up():
    report = FilterReport(["cat", "dog"], ["blank", "unsure"])
    report.add([0, 0, 1], ["", "blank", ""])
    report.add([0], ["blank"])
    assert report.to_json() == {
        "tried": 4,
        "kept": 2,
        "accept_rate": 0.5,
        "dropped": {"blank": 2, "unsure": 0},
        "classes": {
            "cat": {"tried": 3, "kept": 1, "accept_rate": 1 / 3, "dropped": {"blank": 2, "unsure": 0}},
            "dog": {"tried": 1, "kept": 1, "accept_rate": 1.0, "dropped": {"blank": 0, "unsure": 0}},
        },
    }
    assert FilterReport(["cat"], []).to_json()["accept_rate"] is None
    for labels, reasons in (([0], ["other"]), ([2], [""]), ([0, 1], [""])):
        with pytest.raises(ValueError, match="fit"):
            report.add(labels, reasons)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(names=["blur"]), "there is no filter 'blur'"),
        (dict(names=["agreement"], settings={"blur": {}}), "there is no filter 'blur'"),
        (dict(names=["confidence"], settings={"confidence": {"t": 1}}), "knows the settings"),
        (dict(names=["copies"]), "real features"),
        (dict(names=["contrast"]), "real images"),
        (dict(names=["metropolis-hastings"]), "real scores"),
    ],
)
def test_bad_chains_of_filters(arguments, message):
    with pytest.raises(ValueError, match=message):
        FilterChain(Reference(), "ab", **arguments)


def test_bad_candidates():
    with pytest.raises(ValueError, match="needs the candidates' probabilities"):
        FilterChain(Reference(), "a", ["agreement"]).judge(arrays(), rng())
    with pytest.raises(ValueError, match="knows 3 classes, the data has 2"):
        FilterChain(Reference(), "ab", []).judge(arrays(probabilities=np.full((4, 3), 1 / 3)), rng())
    with pytest.raises(ValueError, match="do not fit the 2 classes"):
        FilterChain(Reference(), "ab", []).judge(Candidates(np.zeros((1, 1, 4, 4), np.uint8), np.array([2])), rng())
    with pytest.raises(ValueError, match="4 candidates but 3 scores"):
        arrays(scores=np.zeros(3))
    with pytest.raises(ValueError, match="sum to 1"):
        arrays(probabilities=np.ones((4, 2)))
    with pytest.raises(ValueError, match="NaN"):
        arrays(features=np.full((4, 2), np.nan))
    with pytest.raises(ValueError, match="uint8"):
        Candidates(np.zeros((1, 1, 4, 4)), np.zeros(1, int))


# Images that are no light strokes on black.


def judged_by_signs(real, images):
    chain = FilterChain(Reference(real), "a", ["contrast", "bright", "dark", "roughness"])
    return chain.judge(Candidates(np.ascontiguousarray(images), np.zeros(len(images), int)), rng())


@pytest.mark.parametrize("kind", KINDS)
def test_signs_of_single_images_leave_unseen_real_ones_alone(kind):
    images, _ = two_classes(kind, (300, 60), rng())
    order = rng().permutation(len(images))
    assert share(judged_by_signs(images[order[:180]], images[order[180:]]), KEPT) >= 0.95


def test_negatives_are_judged_as_their_originals():
    images, _ = two_classes("digits", (200, 200), rng())
    real, clean = images[::2], images[1::2]
    spoilt = {"inverted": 255 - clean, "on grey": clean // 2 + 100, "blank": clean // 16, "clean": clean}
    for name, tried in spoilt.items():
        reasons = judged_by_signs(real, tried)
        assert judged_by_signs(255 - real, 255 - tried) == reasons
        assert share(reasons, {"inverted": "saturated", "on grey": "no-background", "blank": "blank", "clean": KEPT}[name]) >= 0.95


def test_a_bright_pixel_does_not_saturate_a_grey_texture():
    images, _ = two_classes("textures", (100, 20), rng())
    tried = images[::10].copy()
    tried[:, 0, 5:8, 5:8] = 255
    assert share(judged_by_signs(images, tried), KEPT) == 1


def test_distances_that_were_learnt_apart():
    training = np.arange(200.0)[:, None]
    natural = np.tile([0.25, 2.25], (100, 1))
    space = candidates.FeatureSpace(training, None, None, (natural, np.zeros(100, int)))
    np.testing.assert_allclose([space.limits([0], column, 0.5)[0] for column in (0, 1)], [0.25, 2.25])


def test_a_reduced_chain_remembers():
    features = rng().normal(size=(4, 8))
    reference = Reference(features=rng(1).normal(size=(60, 8)))
    chain = FilterChain(reference, "a", ["agreement", "duplicates"])
    found = arrays(4, features=features, probabilities=np.ones((4, 1)))
    assert chain.judge(found, rng()) == [KEPT] * 4
    part = chain.reduced({"duplicates", "outliers"})
    assert [row.name for row in part.filters] == ["duplicates"] and part.judge(found, rng()) == ["duplicate"] * 4
    assert chain.report.to_json()["tried"] == 4
