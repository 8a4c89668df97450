"""Failed samples are seen, real ones never: every scenario on real digits."""

import numpy as np
import pytest

from paddle_gan_aug.data import load, to_network
from paddle_gan_aug.metrics.health import SIGNS, Limits, image_signs

COUNT = 100


@pytest.fixture(scope="module")
def real():
    return to_network(load("mnist", "train").subset(range(4000)).images)


@pytest.fixture(scope="module")
def limits(real):
    return Limits(real[:2000], COUNT, np.random.default_rng(0))


def labyrinth(rng):
    """Stripes that fill the frame, of a random direction and phase each."""
    y, x = np.mgrid[:28, :28]
    angles = rng.uniform(0, 6.28, (COUNT, 2))
    return np.stack([np.where(np.sin((x * np.cos(a) + y * np.sin(a)) / 1.5 + b) > 0, 1.0, -1.0)[None] for a, b in angles])


def checkerboard(rng):
    y, x = np.mgrid[:28, :28]
    return np.where((x + y) % 2, 1.0, -1.0) * rng.uniform(0.2, 1, (COUNT, 1, 1, 1))


def scenarios(real, rng):
    """{name: (images, words of an alarm)}."""
    return {
        "black": (np.full((COUNT, 1, 28, 28), -1.0), "blank"),
        "constant grey": (rng.normal(-0.2, 0.01, (COUNT, 1, 28, 28)), "blank"),
        "checkerboard": (checkerboard(rng), "checkerboard"),
        "labyrinth": (labyrinth(rng), "saturated"),
        "one image": (np.repeat(real[:1], COUNT, axis=0) + rng.normal(0, 0.01, (COUNT, 1, 28, 28)), "alike"),
        "noise": (rng.uniform(-1, 1, (COUNT, 1, 28, 28)), "noise"),
        "half collapsed": (np.concatenate([real[: COUNT // 2], np.repeat(real[90:91], COUNT // 2, axis=0)]), "repeated"),
        "not finite": (real[:COUNT] * np.nan, "not finite"),
    }


NAMES = ["black", "constant grey", "checkerboard", "labyrinth", "one image", "noise", "half collapsed", "not finite"]


@pytest.mark.parametrize("name", NAMES)
def test_failed_samples_raise_their_alarm(real, limits, name):
    images, words = scenarios(real, np.random.default_rng(1))[name]
    assert any(words in alarm for alarm in limits.alarms(image_signs(np.clip(images, -1, 1))))


def test_real_images_stay_silent(real, limits):
    rng = np.random.default_rng(2)
    for _ in range(300):
        assert limits.alarms(image_signs(real[rng.choice(len(real), COUNT, replace=False)])) == []


@pytest.mark.parametrize("digit", range(10))
def test_one_digit_stays_silent(digit):
    rng = np.random.default_rng(digit)
    images = to_network(load("mnist", "single", digit=str(digit)).images)
    limits = Limits(images[:2000], COUNT, rng)
    for _ in range(50):
        assert limits.alarms(image_signs(images[rng.choice(len(images), COUNT, replace=False)])) == []


def test_the_signs_of_known_images():
    images = np.full((8, 1, 8, 8), -1.0, dtype="float32")
    images[4:] = 1.0
    signs = image_signs(images)
    assert set(signs) == {sign.name for sign in SIGNS}
    assert (signs["bright"], signs["dark"], signs["contrast"], signs["roughness"]) == (0.5, 0.5, 0.0, 0.0)
    assert signs["diversity"] == pytest.approx(16.0)  # black beside white: 64 pixels, each 2 apart
    assert signs["repeats"] == 1.0
    with pytest.raises(ValueError, match="at least 4"):
        image_signs(images[:3])
