"""The networks that make another image of a given one: shapes, identity at strength 0, bounds, gradients."""

import numpy as np
import paddle
import pytest

from paddle_gan_aug.data import load, to_network
from paddle_gan_aug.networks import ImageChanger, VariationGenerator


@pytest.fixture(autouse=True)
def start(process):
    paddle.seed(1)


@pytest.fixture(scope="module")
def digits():
    return to_network(load("mnist", "train").images[:6])


@pytest.mark.parametrize("kind", [VariationGenerator, ImageChanger])
@pytest.mark.parametrize("size, channels", [(28, 1), (32, 3), (64, 3)])
def test_shapes_range_and_gradients(kind, size, channels):
    network = kind(size, channels, noise_dim=8, width=0.1)
    images = paddle.uniform([4, channels, size, size], min=-1, max=1)
    made = network(images, paddle.randn([4, 8]))
    assert made.shape == images.shape and float(made.abs().max()) <= 1
    made.square().mean().backward()
    silent = [name for name, p in network.named_parameters() if not p.stop_gradient and (p.grad is None or not float(p.grad.abs().sum()))]
    assert silent == []


@pytest.mark.parametrize("kind", [VariationGenerator, ImageChanger])
def test_a_size_that_cannot_be_halved_twice(kind):
    with pytest.raises(ValueError, match="multiple of 4, got 30"):
        kind(30)


def changer(numbers, strength=1.0):
    """An ImageChanger whose changes go as far as these numbers (before its bounds), and no residual."""
    network = ImageChanger(28, 1, 8, strength=strength)
    network.numbers_of.weight.set_value(np.zeros(network.numbers_of.weight.shape, np.float32))
    network.numbers_of.bias.set_value(np.arctanh(np.array(numbers, np.float32)))
    return network


@pytest.mark.parametrize("numbers, strength", [([0.0] * 8, 1.0), ([0.9] * 8, 0.0)])
def test_nothing_is_changed_at_zero(digits, numbers, strength):
    made = changer(numbers, strength)(paddle.to_tensor(digits), paddle.randn([6, 8]))
    assert np.abs(made.numpy() - digits).max() < 1e-5


def test_each_number_does_what_it_is_called(digits):
    def made(noise=10.0, **given):
        names = ["turn", "scale", "shear", "down", "right", "contrast", "brightness", "amount"]
        return changer([given.get(name, 0.0) for name in names])(paddle.to_tensor(digits), paddle.full([6, 8], noise)).numpy()

    ink = (digits + 1) / 2
    rows = np.arange(28)

    def centre(images, axis):
        weight = ((images + 1) / 2).sum((1, axis))
        return (weight * rows).sum(1) / weight.sum(1)

    moved = centre(made(right=0.5), 2) - centre(digits, 2)
    assert np.allclose(moved, -0.5 * 0.2 * 14, atol=0.2)  # what lay to the right is seen: 1.4 pixels
    back = centre(made(right=0.5, noise=-10.0), 2) - centre(digits, 2)
    assert np.allclose(back, 1.4, atol=0.2)  # noise of the other sign: the other way
    assert np.allclose(centre(made(down=0.5), 3) - centre(digits, 3), -1.4, atol=0.2)
    assert (((made(scale=0.9) + 1) / 2).sum((1, 2, 3)) > 1.2 * ink.sum((1, 2, 3))).all()
    assert np.allclose(made(brightness=0.5), np.minimum(digits + 0.1, 1), atol=1e-5)
    assert np.abs(made(turn=0.5) - digits).mean() > 0.02 and np.abs(made(shear=0.5) - digits).mean() > 0.02
    weaker = made(contrast=-0.9)
    assert np.allclose(weaker.std((1, 2, 3)), 0.73 * digits.std((1, 2, 3)), rtol=0.02)


def test_the_noise_matters(digits):
    for network in (VariationGenerator(28, 1, 8, 0.1), ImageChanger(28, 1, 8, 0.5)):
        images = paddle.to_tensor(digits)
        one, other = network(images, paddle.zeros([6, 8])), network(images, paddle.randn([6, 8]))
        assert float((one - other).abs().max()) > 1e-4


def test_too_little_noise_is_refused():
    with pytest.raises(ValueError, match="latent_dim 7"):
        ImageChanger(28, 1, 7)


def test_places_that_are_no_numbers_make_the_images_nan(digits):
    from paddle_gan_aug.networks.variation import sampled

    images, numbers = paddle.to_tensor(digits), np.zeros([len(digits), 28, 28, 2], "float32")
    assert paddle.isfinite(sampled(images, paddle.to_tensor(numbers))).all()
    numbers[2, 5] = np.nan
    places = paddle.to_tensor(numbers, stop_gradient=False)
    made = sampled(images, places)
    made.sum().backward()
    assert paddle.isnan(made).all() and places.grad.shape == places.shape
