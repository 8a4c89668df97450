"""What `dagan` and `learned-augmenter` share: sources that are remembered, images of latents, variations of any images."""

import numpy as np
import pytest

from paddle_gan_aug import runtime
from paddle_gan_aug.algorithms import build
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batches, load, to_network

TINY = {"generator.width": 0.1, "discriminator.width": 0.05, "classifier.width": 0.2, "variation.sources": 20}


@pytest.fixture(scope="module")
def digits():
    return load("mnist", "train").subset(range(200))


@pytest.fixture(params=["dagan", "learned-augmenter"])
def algorithm(request, process):
    runtime.seed_paddle(3, "initial weights")
    return build(load_config(request.param, TINY), (1, 28, 28), tuple("0123456789"))


def trained(algorithm, digits, steps=3, first=0):
    batches = Batches(digits, 16, lambda epoch: runtime.rng(0, "shuffle", epoch), pairs=algorithm.pairs)
    for number in range(first + 1, first + steps + 1):
        algorithm.begin_step(number, 100)
        runtime.seed_paddle(0, "inside paddle", number)
        values = algorithm.step([batches.batch(number - 1)], runtime.rng(0, "step", number))
        assert all(np.isfinite(float(value)) for value in values.values()), values
    return algorithm


def test_sources_are_the_first_training_images(algorithm, digits):
    assert (algorithm.sources.at(np.array([0.0, 1.0])) == -1).all()
    trained(algorithm, digits)
    order = runtime.rng(0, "shuffle", 0).permutation(200)[:20]
    assert algorithm.sources.seen.item() == 20
    assert (algorithm.sources.at((np.arange(20) + 0.5) / 20) == to_network(digits.images[order])).all()


def test_images_are_variations_that_depend_on_their_latent_alone(algorithm, digits):
    trained(algorithm, digits)
    latents = algorithm.latents(12, np.random.default_rng(0))
    images = algorithm.images(latents)
    assert latents.shape == (12, algorithm.noise_dim + 1) and images.shape == (12, 1, 28, 28) and images.dtype == np.float32
    assert np.allclose(algorithm.images(latents[5:7]), images[5:7], atol=1e-5)
    other = latents.copy()
    other[:, 0] *= -1  # another source
    assert (np.abs(algorithm.images(other) - images).max((1, 2, 3)) > 0.01).all()


def test_vary_takes_any_images(algorithm, digits):
    trained(algorithm, digits)
    real = to_network(digits.images[:7])
    made = algorithm.vary(real, np.random.default_rng(1))
    assert made.shape == real.shape and made.dtype == np.float32 and np.abs(made).max() <= 1
    assert (made == algorithm.vary(real, np.random.default_rng(1))).all()
    assert (made != algorithm.vary(real, np.random.default_rng(2))).any()


def test_the_state_is_all_there_is(process, digits):
    for name in ("dagan", "learned-augmenter"):
        runtime.seed_paddle(3, "initial weights")
        config = load_config(name, TINY)
        whole = trained(build(config, (1, 28, 28), tuple("0123456789")), digits, 4)
        runtime.seed_paddle(3, "initial weights")
        half = trained(build(config, (1, 28, 28), tuple("0123456789")), digits, 2)
        again = build(config, (1, 28, 28), tuple("0123456789"))
        again.load_weights(half.weights())
        again.load_optimizer_state(half.optimizer_state())
        trained(again, digits, 2, first=2)
        for key, value in whole.weights().items():
            assert (again.weights()[key] == value).all(), key


def test_truncation_leaves_the_choice_of_the_source_alone(algorithm):
    latents = algorithm.latents(2000, np.random.default_rng(0), truncation=0.5)
    assert np.abs(latents[:, 1:]).max() <= 0.5 and np.abs(latents[:, 0]).max() > 2.5
    assert abs(latents[:, 0].std() - 1) < 0.05
    whole = np.random.default_rng(0).standard_normal((5, algorithm.latent_dim), dtype=np.float32)
    np.testing.assert_array_equal(algorithm.latents(5, np.random.default_rng(0)), whole)
