"""Differentiable augmentation: what each change does to a sample, that gradients pass, and the controllers' arithmetic."""

import json

import numpy as np
import pytest
from image_kinds import two_classes

from paddle_gan_aug.data import load

pytestmark = pytest.mark.usefixtures("process")

SHAPES = [(6, 1, 28, 28), (4, 3, 32, 32), (3, 3, 64, 64), (5, 1, 32, 28)]


def images(shape, dtype="float32", seed=0):
    import paddle

    return paddle.to_tensor(np.random.default_rng(seed).uniform(-1, 1, shape), dtype=dtype)


def augment(x, policy, seed=1, **options):
    from paddle_gan_aug.augment.diffaugment import diffaugment

    return diffaugment(x, np.random.default_rng(seed), policy, **options)


def policy(**extents):
    from paddle_gan_aug.augment.diffaugment_policies import DiffAugmentPolicy

    return DiffAugmentPolicy(**extents)


def moved(image, down, right, fill):
    """[C, H, W] moved in NumPy."""
    c, h, w = image.shape
    padded = np.broadcast_to(np.asarray(fill, dtype=image.dtype).reshape(-1, 1, 1), (c, 3 * h, 3 * w)).copy()
    padded[:, h : 2 * h, w : 2 * w] = image
    return padded[:, h - down : 2 * h - down, w - right : 2 * w - right]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fill", [-1.0, 0.5])
def test_translation_is_an_exact_shift_with_the_background_coming_in(shape, fill):
    x = images(shape)
    y = augment(x, policy(translation=0.125), fill=fill).numpy()
    reach = [int(side / 8 + 0.5) for side in shape[2:]]
    places = []
    for before, after in zip(x.numpy(), y):
        found = [
            (down, right)
            for down in range(-reach[0], reach[0] + 1)
            for right in range(-reach[1], reach[1] + 1)
            if (moved(before, down, right, fill) == after).all()
        ]
        assert len(found) == 1
        places += found
    assert len(set(places)) > 1


def test_translation_reaches_every_place_equally():
    x = images((1, 1, 8, 8))
    x = x.expand([3000, 1, 8, 8])
    y = augment(x, policy(translation=0.125)).numpy()
    shares = [(y == moved(x[0].numpy(), down, right, -1.0)).all((1, 2, 3)).mean() for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert sum(shares) == pytest.approx(1.0)
    np.testing.assert_allclose(shares, 1 / 9, atol=0.03)


@pytest.mark.parametrize("shape", SHAPES)
def test_cutout_makes_one_square_hole_of_the_background(shape):
    x = images(shape)
    y = augment(x, policy(cutout=0.5), fill=-1.0).numpy()
    places = set()
    for before, after in zip(x.numpy(), y):
        hole = (after != before).any(0)
        rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
        assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert shape[2] / 4 <= len(rows) <= shape[2] / 2 and shape[3] / 4 <= len(columns) <= shape[3] / 2  # it may hang over the edge
        assert (after[:, hole] == -1).all()
        assert hole.sum() == len(rows) * len(columns)
        places.add((rows[0], columns[0]))
    assert len(places) > 1


def test_cutout_treats_both_ends_of_the_image_alike():
    import paddle

    for side in (28, 30):  # even and odd holes
        y = augment(paddle.zeros([6000, 1, side, side]), policy(cutout=0.5), fill=1.0).numpy().mean((0, 1, 2))
        np.testing.assert_allclose(y, y[::-1], atol=0.03)


def test_a_fill_for_each_channel():
    x = images((8, 3, 32, 32))
    fill = [-1.0, 0.25, 1.0]
    y = augment(x, policy(cutout=0.5), fill=fill).numpy()
    hole = (y != x.numpy()).any(1)
    for channel, value in enumerate(fill):
        assert (y[:, channel][hole] == np.float32(value)).all()
    y = augment(x, policy(translation=1.0), fill=fill).numpy()
    for channel, value in enumerate(fill):
        assert (y[:, channel] == np.float32(value)).mean() > 0.5


def test_colour_changes_have_their_published_ranges():
    x = images((400, 3, 8, 8), "float64")
    a = x.numpy()
    added = (augment(x, policy(brightness=0.5)).numpy() - a).reshape(400, -1)
    assert np.ptp(added, axis=1).max() < 1e-12  # one number a sample
    assert -0.5 <= added.min() < -0.45 and 0.45 < added.max() <= 0.5

    for name, mean, extent in (("saturation", a.mean(1, keepdims=True), 1.0), ("contrast", a.mean((1, 2, 3), keepdims=True), 0.5)):
        factor = ((augment(x, policy(**{name: extent})).numpy() - mean) / (a - mean)).reshape(400, -1)
        np.testing.assert_allclose(factor, factor[:, :1].repeat(factor.shape[1], 1), atol=1e-6)
        assert 1 - extent <= factor.min() + 1e-6 and factor.min() < 1 - 0.9 * extent
        assert 1 + 0.9 * extent < factor.max() <= 1 + extent + 1e-6


def test_a_grey_image_has_no_saturation():
    x = images((4, 1, 28, 28))
    assert (augment(x, policy(saturation=1.0)).numpy() == x.numpy()).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mirrored_image_is_the_image_from_right_to_left(shape):
    x = images(shape)
    assert (augment(x, policy(mirror=1.0)).numpy() == x.numpy()[..., ::-1]).all()
    x = images((1000, *shape[1:]))
    y = augment(x, policy(mirror=0.5)).numpy()
    mirrored = (y == x.numpy()[..., ::-1]).all((1, 2, 3))
    assert (mirrored | (y == x.numpy()).all((1, 2, 3))).all()
    assert mirrored.mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("name", ["digits", "objects", "colour", "mirrored", "translation"])
@pytest.mark.parametrize("shape", SHAPES[:3])
def test_identity_at_strength_0_and_at_p_0(name, shape):
    x = images(shape)
    for options in ({"strength": 0.0}, {"p": 0.0}):
        assert (augment(x, name, **options).numpy() == x.numpy()).all()
    slight = augment(x, name, strength=1e-6).numpy()
    np.testing.assert_allclose(slight, x.numpy(), atol=1e-5)
    assert np.abs(augment(x, name).numpy() - x.numpy()).max() > 0.1


@pytest.mark.parametrize(
    "name, extent", [("translation", 0.5), ("cutout", 0.5), ("brightness", 0.5), ("contrast", 0.5), ("saturation", 1.0), ("mirror", 1.0)]
)
def test_p_is_the_share_of_samples_that_change(name, extent):
    x = images((2000, 3, 8, 8))
    changed = (augment(x, policy(**{name: extent}), p=0.3).numpy() != x.numpy()).any((1, 2, 3)).mean()
    assert changed == pytest.approx(0.3, abs=0.04)


def test_reproducible_from_the_generator():
    x = images((6, 3, 32, 32))
    first = augment(x, "colour", seed=4).numpy()
    assert (augment(x, "colour", seed=4).numpy() == first).all()
    assert (augment(x, "colour", seed=5).numpy() != first).any()


@pytest.mark.parametrize("name, shape", [("digits", (3, 1, 28, 28)), ("colour", (2, 3, 32, 32)), ("mirrored", (4, 3, 32, 32))])
def test_gradients_equal_finite_differences(name, shape):
    import paddle

    x = images(shape, "float64")
    x.stop_gradient = False
    weights = images(shape, "float64", seed=3)

    def value(x):
        return (augment(x, name).square() * weights).sum()

    value(x).backward()
    rng, step = np.random.default_rng(5), 1e-6
    for _ in range(5):
        direction = rng.standard_normal(shape)
        ends = [float(value(paddle.to_tensor(x.numpy() + sign * step * direction))) for sign in (1, -1)]
        assert float((x.grad.numpy() * direction).sum()) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)
    assert (np.abs(x.grad.numpy()).reshape(shape[0], -1).max(1) > 0).all()


def test_digits_keep_their_shape():
    """No flips, turns or colour: what is left of a digit is the digit itself, moved by at most four pixels, most of it to be seen."""
    from paddle_gan_aug.augment.diffaugment_policies import DIFFAUGMENT_POLICIES

    assert DIFFAUGMENT_POLICIES["digits"] == policy(translation=0.125, cutout=0.25)


def test_mistakes_are_refused():
    x = images((2, 3, 8, 8))
    for options, text in [
        ({"policy": "digit"}, "no policy digit; known: digits"),
        ({"policy": "digits", "strength": -1}, "strength"),
        ({"policy": "digits", "p": 1.5}, "p must lie"),
        ({"policy": "digits", "fill": [0.0, 0.0]}, "2 fill values for 3 channels"),
        ({"policy": "objects", "strength": 3}, "at most 1"),
    ]:
        with pytest.raises(ValueError, match=text):
            augment(x, options.pop("policy"), **options)


def test_the_adaptive_probability_moves_as_published():
    from paddle_gan_aug.augment.diffaugment import AdaptiveProbability

    control = AdaptiveProbability()
    sure, unsure = np.ones([50, 1]), np.array([1.0] * 30 + [-1.0] * 20)
    assert [control.update(sure) for _ in range(4)] == [0, 0, 0, 4 * 50 / 500_000]
    assert control.r == 1.0
    for _ in range(4):
        p = control.update(unsure)
    assert control.r == pytest.approx(0.2)
    assert p == 0.0
    for _ in range(4):
        control.update(unsure)
    assert control.p == 0.0  # never below 0

    packed = AdaptiveProbability(images_to_one=1000, interval=1)
    assert packed.update(np.ones(50), pack=2) == pytest.approx(0.1)  # a hundred images, though fifty scores
    quick = AdaptiveProbability(images_to_one=1000, interval=1, limit=0.8)
    ps = [quick.update(sure) for _ in range(20)]
    np.testing.assert_allclose(ps[:16], 0.05 * np.arange(1, 17))
    assert ps[-1] == 0.8


def test_the_adaptive_probability_takes_the_scores_of_every_kind_of_logits():
    import paddle

    from paddle_gan_aug.algorithms.losses import score
    from paddle_gan_aug.augment.diffaugment import AdaptiveProbability

    for logits in (np.array([1.0, 2.0, -1.0]), np.array([[1.0], [2.0], [-1.0]]), np.array([[0.0, 1.0], [-3.0, -1.0], [1.0, 0.0]])):
        control = AdaptiveProbability(interval=1)
        control.update(score(paddle.to_tensor(logits)).numpy())
        assert control.r == pytest.approx(1 / 3)


def test_the_adaptive_probability_resumes_in_the_middle():
    from paddle_gan_aug.augment.diffaugment import AdaptiveProbability

    rng = np.random.default_rng(0)
    batches = [rng.standard_normal([8, 1]) + 0.8 for _ in range(30)]
    straight, first, second = (AdaptiveProbability(images_to_one=400) for _ in range(3))
    expected = [straight.update(batch) for batch in batches]
    found = [first.update(batch) for batch in batches[:14]]
    second.load_state(json.loads(json.dumps(first.state())))
    assert found + [second.update(batch) for batch in batches[14:]] == expected
    assert len(set(expected)) > 3
    for options in ({"p": 0.9, "limit": 0.8}, {"interval": 0}, {"images_to_one": 0}):
        with pytest.raises(ValueError):
            AdaptiveProbability(**options)


def test_pseudo_reals():
    import paddle

    from paddle_gan_aug.augment.diffaugment import pseudo_reals

    real, fake = paddle.ones([3000, 1, 2, 2]), paddle.zeros([3000, 1, 2, 2])
    fake.stop_gradient = False
    for p in (0.0, 0.3, 1.0):
        mixed = pseudo_reals(real, fake, p, np.random.default_rng(0))
        assert mixed.stop_gradient
        per_sample = mixed.numpy().reshape(3000, -1)
        assert (per_sample == per_sample[:, :1]).all()
        assert 1 - per_sample.mean() == pytest.approx(p, abs=0.03)
    with pytest.raises(ValueError, match="pair up"):
        pseudo_reals(real, fake[:5], 0.5, np.random.default_rng(0))


def test_the_background_is_what_lies_along_the_edges():
    from paddle_gan_aug.augment.diffaugment import background

    images = np.full((5, 3, 8, 6), 7, np.uint8)
    for channel, tone in enumerate((0, 128, 255)):
        images[:, channel, [0, -1], :] = images[:, channel, :, [0, -1]] = tone
    images[:2, :, :3, 0] = 99  # of some
    np.testing.assert_allclose(background(images), [-1, 128 / 127.5 - 1, 1])
    assert background(load("mnist", "train").images[:3000]).tolist() == [-1.0]
    for kind, least, most in (("dark digits on white", 1, 1), ("textures", -0.5, 0.5), ("colour photographs", -0.9, 0.9)):
        found = background(two_classes(kind, (50, 50), np.random.default_rng(0))[0])
        assert (least <= found).all() and (found <= most).all()


def test_a_run_takes_the_background_of_its_data(tmp_path, process):
    import paddle_gan_aug

    images, labels = two_classes("dark digits on white", (12, 12), np.random.default_rng(0))
    np.savez(tmp_path / "white.npz", images=images, labels=labels)
    tiny = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 5, "train.steps": 1, "log.visualdl": False}
    given = {**tiny, "data.source": str(tmp_path / "white.npz"), "train.epochs": None, "diffaugment.policy": "translation"}
    fills = {}
    for name, more in (("auto", {}), ("black", {"diffaugment.fill": -1})):
        run = paddle_gan_aug.train("classic", run=name, output=tmp_path, log=tmp_path, quiet=True, overrides={**given, **more})
        fills[name] = np.ravel(run.algorithm.view.fill).tolist()
    assert fills == {"auto": [1.0], "black": [-1.0]}
