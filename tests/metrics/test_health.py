"""Failed samples are seen, real ones never: every scenario on real digits, photographs and textures."""

import numpy as np
import pytest
from image_kinds import KINDS, failures, two_classes

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
    images = to_network(load("mnist", "train", class_name=str(digit)).images)
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


# Images that are no light strokes on black.


def halves(kind, counts, rng):
    """Real images of two classes and as many unseen ones: (images, labels) twice."""
    images, labels = two_classes(kind, [2 * count for count in counts], rng)
    first = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:count] for c, count in enumerate(counts)])
    seen = np.isin(np.arange(len(labels)), first)
    return (to_network(images[seen]), labels[seen]), (to_network(images[~seen]), labels[~seen])


def draws(images, labels, rng):
    """Sets of unseen images: by the classes' shares, and evenly, with and without repetitions."""
    classes = [np.flatnonzero(labels == c) for c in (0, 1)]
    least = min(COUNT // 2, *map(len, classes))
    yield images[rng.choice(len(images), min(COUNT, len(images)), replace=False)]
    yield images[np.concatenate([rng.choice(members, COUNT // 2, replace=len(members) < COUNT // 2) for members in classes])]
    if least >= 2:
        yield images[np.concatenate([rng.choice(members, least, replace=False) for members in classes])]


@pytest.mark.parametrize("counts", [(100, 100), (100, 20), (600, 120)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_any_data_stays_silent_and_its_failures_ring(kind, counts):
    rng = np.random.default_rng(list(counts))
    (real, labels), unseen = halves(kind, counts, rng)
    limits = Limits(real, COUNT, rng, labels)
    for images in draws(*unseen, rng):
        assert limits.alarms(limits.signs(images)) == []
    silent = [name for name, images in failures(real, COUNT, rng).items() if not limits.alarms(limits.signs(images))]
    # Pieces of two-valued photographs are black and white stripes, and many are one plain tone and equal; half of them black is natural.
    assert set(silent) <= ({"labyrinth", "half of them one", "five images"} if kind == "two-valued photographs" else set())


@pytest.mark.parametrize("kind", ["digits", "dark digits on white", "photographs", "textures"])
@pytest.mark.parametrize("counts", [(20, 20), (10, 2), (3, 1), (1, 1), (1, 0)], ids=str)
def test_few_images_set_wide_limits(kind, counts):
    """No set is too small to tell black from an image and noise from a photograph."""
    rng = np.random.default_rng(list(counts))
    (real, labels), unseen = halves(kind, counts, rng)
    limits = Limits(real, COUNT, rng, labels)
    again = real[rng.integers(len(real), size=COUNT)]  # a generator that knows its few images by heart
    assert limits.alarms(limits.signs(again)) == []
    if counts[1] > 1:
        for images in draws(*unseen, rng):
            assert limits.alarms(limits.signs(images)) == []
    for value in (-1.0, 0.0, 1.0):
        assert any("blank" in alarm for alarm in limits.alarms(limits.signs(np.full_like(again, value))))
    noise = rng.uniform(-1, 1, again.shape)
    assert any("noise" in alarm for alarm in limits.alarms(limits.signs(noise)))


@pytest.mark.parametrize("kind", ["dark digits on white", "two-valued digits on white"])
def test_a_white_ground_is_missed_as_a_black_one_is(kind):
    rng = np.random.default_rng(5)
    images, labels = two_classes(kind, (300, 300), rng)
    limits, turned = (Limits(to_network(shown), COUNT, np.random.default_rng(6), labels) for shown in (images, 255 - images))
    for tone in (0.0, 0.5):  # the ground of dead generators
        grey = np.minimum(to_network(images[::6]), tone)
        (alarm,) = limits.alarms(limits.signs(grey))
        assert alarm.startswith("images without background (bright 0")
        assert turned.alarms(turned.signs(-grey)) == [alarm.replace("bright", "dark")]


def test_a_sign_that_is_near_zero_says_nothing():
    rng = np.random.default_rng(7)
    images, labels = two_classes("textures", (100, 20), rng)
    real = to_network(images)
    assert 0 < image_signs(real)["dark"] < 0.01
    limits = Limits(real, COUNT, rng, labels)
    assert limits.limits["dark", True] < 0 and limits.limits["bright", True] < 0
    assert limits.alarms(limits.signs(real.clip(-0.79, 0.79)[np.r_[:50, 100:120, 100:120]])) == []


def test_rare_classes_count_when_sets_are_drawn_evenly():
    """Nine of ten images are black, the tenth is white: half of either, as a conditional generator draws, is no failure."""
    rng = np.random.default_rng(8)
    real = np.where(np.arange(200) < 180, -0.9, 0.9)[:, None, None, None] + rng.normal(0, 0.02, (200, 1, 8, 8))
    labels = (np.arange(200) >= 180).astype(int)
    even = real[rng.permutation(200)[:100]].copy()
    even[:50], even[50:] = real[:50], real[rng.integers(180, 200, 50)]
    without = Limits(real, COUNT, np.random.default_rng(0))
    assert without.alarms(without.signs(even)) != []
    limits = Limits(real, COUNT, np.random.default_rng(0), labels)
    assert limits.alarms(limits.signs(even)) == []


def test_grey_levels_fit_the_tones_of_the_data():
    """Pale images differ too, and one image with a little noise is one image."""
    rng = np.random.default_rng(9)
    images, labels = two_classes("pale digits", (300, 300), rng)
    limits = Limits(to_network(images), COUNT, rng, labels)
    assert limits.tones == pytest.approx((120 / 127.5 - 1, 135 / 127.5 - 1), abs=1e-6)
    assert limits.signs(to_network(images[:COUNT]))["repeats"] <= 0.02 < 0.2 < image_signs(to_network(images[:COUNT]))["repeats"]
    signs = limits.signs(to_network(np.repeat(images[:5], 20, axis=0)))
    assert (signs["repeats"], signs["commonest"]) == (1.0, pytest.approx(0.2))
