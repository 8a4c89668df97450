"""Every row of the table of transforms keeps what an image is, does nothing at strength 0 and something at full strength."""

import numpy as np
import pytest

from paddle_gan_aug.augment import geometric, noise, photometric
from paddle_gan_aug.augment.erasing import cutout, random_erasing
from paddle_gan_aug.augment.transforms import DIGITS, KINDS, TRANSFORMS, Range, transform, transform_batch
from paddle_gan_aug.data import load

SHAPES = [(1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 33, 48)]


def picture(shape, seed=0):
    """A blurred random picture: something to move, to smooth and to colour, without digits' symmetries."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (shape[0], 7, 7))
    return small[:, np.arange(shape[1])[:, None] * 7 // shape[1], np.arange(shape[2]) * 7 // shape[2]].astype(np.uint8)


@pytest.fixture(scope="module")
def digits():
    return load("mnist", "train").images[:12]


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("shape", SHAPES)
class TestEveryTransform:
    def test_shape_and_type_stay_and_the_input_is_not_touched(self, name, shape):
        image = picture(shape)
        before = image.copy()
        for seed in range(5):
            changed = TRANSFORMS[name](image, np.random.default_rng(seed))
            assert (changed.shape, changed.dtype) == (shape, np.uint8) and changed.flags.c_contiguous
            assert not np.shares_memory(changed, image)
        np.testing.assert_array_equal(image, before)

    def test_strength_0_changes_nothing(self, name, shape):
        for seed in range(3):
            for change in (TRANSFORMS[name], TRANSFORMS[name].at_end):
                np.testing.assert_array_equal(change(picture(shape), np.random.default_rng(seed), 0.0), picture(shape))

    def test_full_strength_changes_something(self, name, shape):
        row = TRANSFORMS[name]
        changed = [row.at_end(picture(shape), np.random.default_rng(seed)) for seed in range(5)]
        differs = [not np.array_equal(image, picture(shape)) for image in changed]
        assert not any(differs) if row.needs_colour and shape[0] == 1 else all(differs)

    def test_the_generator_decides(self, name, shape):
        row = TRANSFORMS[name]
        first, again = (row(picture(shape), np.random.default_rng(7)) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        others = [row(picture(shape), np.random.default_rng(seed)).tobytes() for seed in range(12)]
        assert len(set(others)) > 1 or (row.needs_colour and shape[0] == 1)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_rows_are_complete(name):
    row = TRANSFORMS[name]
    assert row.name == name and row.ranges and set(row.safe_for) <= set(KINDS)
    assert all(values.low <= values.high for values in row.ranges.values())


def test_digits_are_not_mirrored():
    assert DIGITS not in transform("flip_horizontal").safe_for and not transform("flip_vertical").safe_for
    with pytest.raises(ValueError, match="choose one of color"):
        transform("invert")


@pytest.mark.parametrize("name, low, high", [("color", 0, 9.9), ("brightness", 0.4, 1.9), ("contrast", 1, 2), ("sharpness", 0, 9.9)])
def test_photometric_ranges_are_the_published_ones_in_tenths(name, low, high):
    values = transform(name).ranges["factor"]
    drawn = {values.draw(np.random.default_rng(seed)) for seed in range(2000)}
    assert (min(drawn), max(drawn)) == (low, high)
    assert all(value == round(10 * value) / 10 for value in drawn)


def test_a_range_narrows_towards_its_identity():
    assert Range(0.5, 3.0, 1.0).ends(0.5) == (0.75, 2.0)
    ends = {Range(1.0, 3.0, 1.0).draw_end(np.random.default_rng(seed), 0.5) for seed in range(20)}
    assert ends == {2.0}  # never the identity
    assert {Range(-2.0, 2.0).draw_end(np.random.default_rng(seed)) for seed in range(20)} == {-2.0, 2.0}


@pytest.mark.parametrize(
    "image", [np.zeros((28, 28), np.uint8), np.zeros((1, 28, 28)), np.zeros((2, 8, 8), np.uint8), np.zeros((1, 0, 8), np.uint8), [[0]]]
)
def test_no_image(image):
    for row in TRANSFORMS.values():
        with pytest.raises(ValueError, match="an image must be uint8"):
            row(image, np.random.default_rng(0))


def test_bad_strength_and_range():
    with pytest.raises(ValueError, match="strength"):
        transform("blur")(picture(SHAPES[0]), np.random.default_rng(0), 1.5)
    with pytest.raises(ValueError, match="blur has no degrees"):
        transform("blur")(picture(SHAPES[0]), np.random.default_rng(0), ranges={"degrees": Range(0, 1)})


def test_a_batch_is_its_images_one_after_the_other(digits):
    row = transform("rotate")
    rng = np.random.default_rng(3)
    expected = np.stack([row(image, rng) for image in digits])
    np.testing.assert_array_equal(transform_batch(row, digits, np.random.default_rng(3)), expected)
    assert transform_batch(row, digits[:0], np.random.default_rng(3)).shape == (0, 1, 28, 28)
    with pytest.raises(ValueError, match="images must be uint8"):
        transform_batch(row, digits[0], np.random.default_rng(3))


# What the maths allows to say exactly.


def test_known_light():
    image = np.full((3, 4, 4), 100, np.uint8)
    assert (photometric.brightness(image, None, 0.5) == 50).all() and (photometric.brightness(image, None, 3.0) == 255).all()
    assert (photometric.contrast(image, None, 2.0) == 100).all()
    coloured = picture((3, 32, 32))
    grey = photometric.color(coloured, None, 0.0)
    assert (grey[0] == grey[1]).all() and (grey[1] == grey[2]).all() and coloured.std(0).max() > 0


def test_known_places():
    image = np.zeros((1, 9, 9), np.uint8)
    image[0, 3, 4] = 200
    for change, place in [
        (geometric.shift(image, None, 2 / 9, -1 / 9), (5, 3)),
        (geometric.rotate(image, None, 90), (4, 3)),  # from above the centre to its left: counter-clockwise
        (geometric.flip_horizontal(image, np.random.default_rng(0), 1.0), (3, 4)),
        (geometric.flip_vertical(image, np.random.default_rng(0), 1.0), (5, 4)),
    ]:
        assert np.argwhere(change[0]).tolist() == [list(place)] and change.max() == 200
    stripe = np.zeros((1, 9, 9), np.uint8)
    stripe[0, :, 4] = 200
    assert geometric.shear(stripe, None, 0.5)[0, 2].argmax() == 5 and geometric.shear(stripe, None, 0.5)[0, 6].argmax() == 3


def test_scaling_changes_the_area_by_its_square():
    image = np.zeros((1, 64, 64), np.uint8)
    image[0, 22:42, 22:42] = 200
    assert geometric.scale(image, None, 1.5).sum() == pytest.approx(image.sum() * 2.25, rel=0.02)
    with pytest.raises(ValueError, match="above 0"):
        geometric.scale(image, None, 0)


def test_the_ground_goes_on_at_the_edges():
    white = np.full((3, 28, 28), 255, np.uint8)
    for name in ("shift", "rotate", "scale", "shear", "elastic", "perspective"):
        assert (transform(name)(white, np.random.default_rng(0)) == 255).all()


def test_elastic_moves_no_further_than_said():
    image = np.zeros((1, 40, 40), np.uint8)
    image[0, 10:30, 10:30] = 255
    changed = geometric.elastic(image, np.random.default_rng(0), 0.05)  # two pixels
    assert (changed[0, 12:28, 12:28] == 255).all() and not changed[0, :7].any() and not changed[0, :, 33:].any()


def test_cutout_holes():
    image = picture((3, 32, 32))
    sizes = set()
    for seed in range(50):
        changed = cutout(image, np.random.default_rng(seed), 0.5)
        hole = (changed != image).any(0)
        sizes.add(int(hole.sum()))
        mean = np.rint(image.mean((1, 2))).astype(np.uint8)
        assert (changed[:, hole] == mean[:, None]).all()
    assert max(sizes) == 256 and min(sizes) < 200  # 16 x 16, and less where it crosses the edge


def test_erased_areas():
    shares = []
    for seed in range(200):
        changed = random_erasing(np.zeros((1, 64, 64), np.uint8), np.random.default_rng(seed), 0.2)
        rows, columns = np.nonzero(changed[0])
        shares.append((np.ptp(rows) + 1) * (np.ptp(columns) + 1) / 4096 if len(rows) else 0.0)
    assert np.mean(np.isclose(shares, 0.2, atol=0.03)) > 0.95


def test_noise_has_its_deviation():
    image = np.full((1, 64, 64), 128, np.uint8)
    assert noise.gaussian_noise(image, np.random.default_rng(0), 10.0).std() == pytest.approx(10, rel=0.05)
    assert (noise.specks(image, np.random.default_rng(0), 0.1) != 128).mean() == pytest.approx(0.1, abs=0.015)


def test_a_sequence_gets_worse(digits):
    away = np.zeros(4)
    for seed, image in enumerate(digits):
        steps = noise.corruption_sequence(image, np.random.default_rng(seed))
        assert steps.shape == (4, 1, 28, 28) and steps.dtype == np.uint8
        away += [np.abs(step.astype(int) - image).mean() for step in steps]
        np.testing.assert_array_equal(noise.noise_sequence(image, np.random.default_rng(seed), 1.0), steps[-1])
    assert (np.diff(away) > 0).all()
    np.testing.assert_array_equal(noise.noise_sequence(digits[0], np.random.default_rng(0), 1.0, length=0), digits[0])
