"""Penalties on both sides, and settings that move while an adversarial algorithm learns."""

import json

import numpy as np
import pytest
from adversarial_steps import BATCH, Gradients, assert_close, gan, parameters, real, step

pytestmark = pytest.mark.usefixtures("process")

RESIDUAL = {
    **{"generator.architecture": "residual", "generator.activation": None, "generator.width": 0.05, "generator.init_std": 0.02},
    **{"discriminator.architecture": "residual", "discriminator.activation": "relu", "discriminator.width": 0.05},
    **{"regularizer.penalty": "r1-r2", "loss.name": "paired"},
}
MOVING = {
    **{"schedule.learning_rate": 0.2, "schedule.beta2": 0.99, "schedule.penalty": 0.1, "schedule.augment": 0.6, "schedule.ema_images": 60},
    **{"optimizer.schedule": "constant", "optimizer.beta1": 0.0, "optimizer.beta2": 0.9},
    **{"diffaugment.policy": "digits", "diffaugment.probability": 0.0},
}


def test_both_penalties_go_through_the_augmentation_to_the_images_before_it(monkeypatch):
    """D's gradient against one whose penalty is taken by images that the augmentation then doubles: four times as large."""
    import paddle

    from paddle_gan_aug.algorithms.view import View

    monkeypatch.setattr(View, "_changed", lambda self, images, rng: 2 * images)
    algorithm = gan(**{"regularizer.penalty": "r1-r2", "regularizer.weight": 2.5, "loss.name": "paired", "diffaugment.policy": "digits"})
    recorded = Gradients(algorithm, monkeypatch)
    values = step(algorithm)
    given, weights = recorded.seen[0]
    algorithm.load_weights(weights)
    images = paddle.to_tensor(real(100).images)
    fakes = algorithm.generator(paddle.to_tensor(algorithm.latents(BATCH, np.random.default_rng(1)))).detach()
    squares = []
    for seen in (2 * images, 2 * fakes):
        seen.stop_gradient = False
        (slope,) = paddle.grad(algorithm.discriminator(seen).sum(), [seen], create_graph=True)
        squares.append((2 * slope).square().sum([1, 2, 3]).mean())
    penalty = 0.5 * paddle.add_n(squares)
    assert values["penalty"] == pytest.approx(float(penalty), rel=1e-4)
    loss = algorithm.loss.d_loss(algorithm.discriminator(2 * images), algorithm.discriminator(2 * fakes)) + 2.5 * penalty
    assert_close(given, [g.numpy() for g in paddle.grad(loss, parameters(algorithm.discriminator))])


def test_a_pair_is_of_one_class(monkeypatch):
    """D is told the same class for the real and the fake of every pair, in its own step and in G's."""
    conditional = {"generator.conditioning": "batch-norm", "discriminator.conditioning": "projection"}
    algorithm = gan(**{**RESIDUAL, **conditional})
    told, read = [], algorithm.discriminator.read

    def noted(images, labels=None):
        told.append(labels.numpy())
        return read(images, labels)

    monkeypatch.setattr(algorithm.discriminator, "read", noted)
    step(algorithm)
    both, reals, fakes = told
    expected = real(100).labels
    for labels in (both[:BATCH], both[BATCH:], reals, fakes):
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("pack", [1, 2])
def test_both_penalties_of_packs(pack):
    values = step(gan(**{**RESIDUAL, "discriminator.pack": pack}))
    assert values["penalty"] > 0 and np.isfinite(list(values.values())).all()


def test_schedules_move_along_half_a_cosine_of_the_images_seen():
    algorithm = gan(**{**RESIDUAL, **MOVING, "schedule.images": 12 * BATCH, "regularizer.weight": 4.0})
    rate = algorithm.config.optimizer.generator_lr
    for number, done in ((1, 0.0), (4, 0.25), (7, 0.5), (13, 1.0), (20, 1.0)):
        algorithm.begin_step(number, 1000)
        share = 0.5 * (1 - np.cos(np.pi * done))
        assert algorithm.optimizers["g"].get_lr() == pytest.approx(rate * (1 - 0.8 * share))
        assert algorithm.optimizers["d"]._beta2 == pytest.approx(0.9 + 0.09 * share)
        assert algorithm.penalty_weight == pytest.approx(4.0 * (1 - 0.9 * share))
        assert algorithm.view.probability == pytest.approx(0.6 * share)
        half_life = 60 * share / BATCH  # in steps
        assert algorithm.average.decay == pytest.approx(0.5 ** (1 / half_life) if half_life else 0.0)
    algorithm.config.schedule.images = None  # the whole run
    algorithm.begin_step(501, 1000)
    assert algorithm.done == 0.5


def test_adam_takes_the_beta2_of_each_step():
    """Three steps of one weight by hand, with β1 = 0. Paddle corrects the bias by each β2 a step late, which a slow change forgives."""
    import paddle

    weight = paddle.create_parameter([1], "float32")
    weight.set_value(paddle.zeros([1]))
    adam = paddle.optimizer.Adam(0.1, beta1=0.0, beta2=0.9, parameters=[weight])
    square, expected, product = 0.0, 0.0, 0.9
    for beta2, slope in ((0.9, 3.0), (0.99, -1.0), (0.995, 2.0)):
        adam._beta2 = beta2
        (weight * slope).sum().backward()
        adam.step()
        adam.clear_grad()
        square = beta2 * square + (1 - beta2) * slope**2
        expected -= 0.1 * slope / (np.sqrt(square / (1 - product)) + 1e-8)
        product *= beta2
        assert weight.numpy()[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("conditional", [False, True])
def test_residual_networks_and_schedules_carry_on_bit_for_bit(conditional):
    told = {"generator.conditioning": "batch-norm", "discriminator.conditioning": "projection"} if conditional else {}
    whole, first, second = (gan(**{**RESIDUAL, **MOVING, **told}) for _ in range(3))
    for number in range(1, 6):
        step(whole, number)
    for number in range(1, 4):
        step(first, number)
    second.load_weights(first.weights())
    second.load_optimizer_state(first.optimizer_state())
    second.load_state(json.loads(json.dumps(first.state())))
    for number in range(4, 6):
        step(second, number)
    for key, value in {**whole.weights(), **whole.optimizer_state()}.items():
        np.testing.assert_array_equal(value, {**second.weights(), **second.optimizer_state()}[key], err_msg=key)


@pytest.mark.parametrize("architecture", ["augmentor", "folder", "dcgan"])
@pytest.mark.parametrize("norm", ["none", "instance", "spectral"])
def test_every_architecture_but_the_classic_takes_penalties(architecture, norm):
    overrides = {"discriminator.architecture": architecture, "discriminator.norm": norm, "discriminator.dropout": 0.3}
    assert np.isfinite(list(step(gan(**overrides, **{"regularizer.penalty": "gradient-penalty"})).values())).all()


def test_a_layer_without_second_derivatives_is_named_before_training(monkeypatch):
    import paddle

    from paddle_gan_aug.errors import InputError
    from paddle_gan_aug.networks import discriminators

    monkeypatch.setattr(discriminators, "MaskDropout", paddle.nn.Dropout)
    with pytest.raises(InputError, match="discriminator.body.dropout .Dropout.*MaskDropout"):
        gan(**{"discriminator.dropout": 0.3, "regularizer.penalty": "r1"})
