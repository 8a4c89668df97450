"""DAGAN: D sees the right pairs, G is paid for variety and no more than is natural, labels serve for nothing but the pairs."""

import numpy as np
import paddle
import pytest

from paddle_gan_aug.algorithms import build
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batch, load, to_network

TINY = {"generator.width": 0.1, "discriminator.width": 0.05, "generator.latent_dim": 4, "generator.ema": 0.0}


@pytest.fixture
def batch():
    ones = to_network(load("mnist", "train", class_name=1).images[:8])
    return Batch(ones[:4], np.ones(4, np.int64), ones[4:])


def dagan(**overrides):
    paddle.seed(5)
    algorithm = build(load_config("dagan", {**TINY, **overrides}), (1, 28, 28), tuple("0123456789"))
    algorithm.begin_step(1, 10)
    return algorithm


def test_the_discriminator_sees_pairs(process, batch):
    algorithm, seen = dagan(), []
    forward = algorithm.discriminator.forward
    algorithm.discriminator.forward = lambda pairs: seen.append(pairs.numpy()) or forward(pairs)
    algorithm.step([batch], np.random.default_rng(0))
    (both, fake_again), fake = seen, seen[0][4:]
    real = both[:4]
    assert (real[:, :1] == batch.images).all() and (real[:, 1:] == batch.partners).all()
    assert (fake == fake_again).all() and fake.shape == (4, 2, 28, 28)
    assert (fake[:, :1] == np.concatenate([batch.images[:2]] * 2)).all()
    assert not np.isclose(fake[:2, 1], fake[2:, 1]).all(), "one image, two noises, two variations"


def test_variety_is_rewarded_up_to_what_is_natural(process, batch):
    def gradient(diversity, partners):
        algorithm = dagan(**{"variation.diversity": diversity})
        algorithm.measure_gradients = True
        return float(algorithm.step([Batch(batch.images, batch.labels, partners)], np.random.default_rng(0))["g_gradient"])

    assert gradient(50.0, batch.partners) > 1.05 * gradient(0.0, batch.partners)
    alike = batch.images  # pairs that do not differ
    assert np.isclose(gradient(50.0, alike), gradient(0.0, alike), rtol=1e-5)


def test_labels_are_not_looked_at(process, batch):
    results = []
    for labels in (np.ones(4, np.int64), np.arange(4)):
        algorithm = dagan()
        algorithm.step([Batch(batch.images, labels, batch.partners)], np.random.default_rng(0))
        results.append(algorithm.weights())
    assert all((results[0][key] == results[1][key]).all() for key in results[0])


def test_single_images_have_no_realness(process, batch):
    with pytest.raises(NotImplementedError, match="pairs"):
        dagan().realness(batch.images)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_images_of_a_pair_are_changed_alike(process, channels):
    """Colour pairs have as many fills as an image has channels, and grey ones have no saturation."""
    settings = {**TINY, "diffaugment.policy": "colour"}
    algorithm = build(load_config("dagan", settings), (channels, 28, 28), tuple("01"))
    algorithm.view.fill = np.linspace(-1, 0.5, channels)
    rng = np.random.default_rng(0)
    images = rng.uniform(-0.3, 0.3, (4, channels, 28, 28)).astype(np.float32)
    algorithm._rng = rng
    seen = algorithm.seen(paddle.to_tensor(np.concatenate([images, images], axis=1))).numpy()
    np.testing.assert_allclose(seen[:, :channels], seen[:, channels:], atol=1e-6)
    assert np.abs(seen[:, :channels] - images).max() > 0.05
    algorithm.begin_step(1, 10)
    values = algorithm.step([Batch(images, np.zeros(4, np.int64), images[::-1].copy())], rng)
    assert all(np.isfinite(float(value)) for value in values.values())
