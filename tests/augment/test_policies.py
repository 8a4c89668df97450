"""Policies use what their data can bear, and do it as often as they say."""

import subprocess
import sys

import numpy as np
import pytest

from paddle_gan_aug.augment import policies
from paddle_gan_aug.augment.policies import POLICIES, RandAugment, Step, TrivialAugment, choice_of, policy_for
from paddle_gan_aug.augment.transforms import TRANSFORMS, transform_batch
from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError


@pytest.fixture(scope="module")
def digits():
    return load("mnist", "train").images[:20]


def images_for(policy, digits):
    return np.repeat(digits, 3, axis=1) if policy.name.startswith("colour") else digits


@pytest.mark.parametrize("name", POLICIES)
def test_labels_survive_every_step(name):
    policy = POLICIES[name]
    for step in (*policy.steps, *policy.space):
        assert set(step.ranges) <= set(TRANSFORMS[step.name].ranges)
        # smaller holes than the table's are a policy's own choice, made only where holes are safe at all
        assert policy.kind in TRANSFORMS[step.name].safe_for


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("make", [lambda p: p, lambda p: RandAugment(p.space), lambda p: TrivialAugment(p.space)])
def test_policies_keep_shape_and_follow_the_generator(name, make, digits):
    images, change = images_for(POLICIES[name], digits), make(POLICIES[name])
    first, again = (transform_batch(change, images, np.random.default_rng(0)) for _ in range(2))
    assert (first.shape, first.dtype) == (images.shape, np.uint8)
    np.testing.assert_array_equal(first, again)
    assert np.mean((first != images).any((1, 2, 3))) > 0.5


@pytest.mark.parametrize(
    "source, channels, expected",
    [
        ("mnist", 1, "digits"),
        ("/data/MNIST/", 1, "digits"),
        ("mnist.json.gz", 1, "digits"),
        ("data/fashion_mnist", 1, "mirrored"),
        ("data/FashionMNIST/", 1, "mirrored"),
        ("fashionmnist.npz", 1, "mirrored"),
        ("fruit", 3, "colour objects"),
        ("colour", 3, "colour objects"),
        ("colour", 1, "digits"),
        ("letters", 1, "digits"),  # nothing known: nothing is mirrored
    ],
)
def test_every_data_set_has_a_policy(source, channels, expected):
    assert policy_for(source, channels).name == expected


@pytest.mark.parametrize("choice, grey, colour", [("digits", 0, 0), ("objects", 0, 0), ("mirrored", 1, 1)])
def test_what_is_chosen_is_what_is_done_whatever_the_name(choice, grey, colour, digits):
    """Only "mirrored" mirrors: in its steps, in its space and among its views."""
    for channels, mirrors in ((1, grey), (3, colour)):
        policy = policy_for("fashion-mnist", channels, choice)
        assert choice_of(policy) == choice
        assert ("flip_horizontal" in [step.name for step in policy.steps]) == mirrors
        assert ("flip_horizontal" in [step.name for step in policy.space]) == mirrors
        assert ("mirrored" in policy.says.replace("never mirrored", "")) == mirrors
        assert len(policies.views_at_test_time(np.repeat(digits[:1], channels, axis=1), policy)) == 9 + mirrors


def test_a_written_set_says_its_policy(tmp_path):
    (tmp_path / "aug").mkdir()
    (tmp_path / "aug" / "manifest.jsonl").write_text("")
    (tmp_path / "aug" / "paddle_gan_aug.json").write_text('{"version": 1, "policy": "mirrored"}')
    assert policy_for(tmp_path / "aug", 1).name == "mirrored" and policy_for(tmp_path / "aug", 3).name == "colour mirrored"
    assert policy_for(tmp_path / "aug", 1, "digits").name == "digits"
    for wrong in ('{"policy": "sideways"}', '{"policy": ["mirrored"]}', "[]", '{"policy"', "[" * 100_000):
        (tmp_path / "aug" / "paddle_gan_aug.json").write_text(wrong)
        with pytest.raises(InputError, match="paddle_gan_aug.json"):
            policy_for(tmp_path / "aug", 1)
    (tmp_path / "aug" / "manifest.jsonl").unlink()
    assert policy_for(tmp_path / "aug", 1).name == "digits"  # no set of ours


def test_probabilities_are_kept(digits):
    rng = np.random.default_rng(0)
    step = Step("flip_horizontal", 0.3, {"chance": policies.Range(1.0, 1.0)})
    assert np.mean([(step(digits[0], rng) != digits[0]).any() for _ in range(1000)]) == pytest.approx(0.3, abs=0.05)
    flips = POLICIES["mirrored"].steps[0]
    assert np.mean([(flips(digits[0], rng) != digits[0]).any() for _ in range(1000)]) == pytest.approx(0.5, abs=0.05)


def test_randaugment_at_its_ends(digits):
    np.testing.assert_array_equal(RandAugment([Step("rotate")], 3, 0)(digits[0], np.random.default_rng(0)), digits[0])
    np.testing.assert_array_equal(RandAugment([Step("rotate")], 0, 30)(digits[0], np.random.default_rng(0)), digits[0])
    turned = {RandAugment([Step("rotate")], 1, 30)(digits[0], np.random.default_rng(seed)).tobytes() for seed in range(20)}
    assert len(turned) == 2  # 15 degrees to either side
    for wrong in ({"space": []}, {"magnitude": 31}, {"count": -1}):
        with pytest.raises(ValueError, match="RandAugment"):
            RandAugment(**{"space": [Step("rotate")], **wrong})


def test_trivialaugment_has_31_strengths(digits):
    seen = {TrivialAugment([Step("rotate")])(digits[0], np.random.default_rng(seed)).tobytes() for seed in range(2000)}
    assert len(seen) == 61  # 30 to either side and none
    with pytest.raises(ValueError, match="space"):
        TrivialAugment([])


@pytest.mark.parametrize("name, views", [("digits", 9), ("objects", 9), ("mirrored", 10), ("colour objects", 9), ("colour mirrored", 10)])
def test_views(name, views, digits):
    images = images_for(POLICIES[name], digits)
    made = policies.views_at_test_time(images, POLICIES[name])
    assert made.shape == (views, *images.shape) and made.dtype == np.uint8
    np.testing.assert_array_equal(made[0], images)
    np.testing.assert_array_equal(made[1, :, :, 1:], images[:, :, :-1])  # a pixel down
    assert len({view.tobytes() for view in made}) == views
    np.testing.assert_array_equal(policies.averaged([[[0.0, 1.0]], [[1.0, 0.0]]]), [[0.5, 0.5]])


def test_images_are_augmented_without_paddle():
    code = "import sys, paddle_gan_aug.augment.policies, paddle_gan_aug.augment.mixing; sys.exit('paddle' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
