"""Convolutions as products over [H, W, C, N] equal Paddle's own, in value, gradient and second gradient."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("process")
CONVOLUTIONS = [
    (4, 5, 3, 1, 1, 7),
    (4, 5, 5, 1, 0, 12),
    (5, 4, 3, 1, 0, 13),
    (4, 6, 4, 2, 1, 14),
    (4, 6, 3, 2, 1, 14),
    (1, 4, 5, 1, 0, 28),
    (4, 6, 1, 2, 0, 14),
]
TRANSPOSED = [(6, 4, 4, 2, 1, 0, 7), (6, 4, 5, 2, 2, 1, 7), (6, 1, 3, 1, 1, 0, 8)]


def leaf(*shape, seed=0):
    import paddle

    return paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape).astype("float32"), stop_gradient=False)


def results(function, x, weight, first):
    """[value, gradients by x and weight, gradient by x of the squared gradient by x], maps as [N, C, H, W]."""
    import paddle

    value = function(x, weight)
    target = leaf(*value.shape, seed=3).detach()
    by_x, by_weight = paddle.grad((value * target).sum() if first else (value.square() * target).sum(), [x, weight], create_graph=not first)
    second = [] if first else list(paddle.grad(by_x.square().sum(), [x, weight]))
    return [tensor.numpy() for tensor in (value, by_x, by_weight, *second)]


def assert_same(ours, theirs):
    for a, b in zip(ours, theirs):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


@pytest.mark.parametrize("inputs, outputs, kernel, stride, padding, size", CONVOLUTIONS)
def test_conv2d(inputs, outputs, kernel, stride, padding, size):
    from paddle.nn import functional as F

    from paddle_gan_aug.networks import batch_last

    x, weight = leaf(3, inputs, size, size), leaf(outputs, inputs, kernel, kernel, seed=1)

    def ours(x, weight):
        return batch_last.to_batch_first(batch_last.conv2d(batch_last.to_batch_last(x), weight, stride, padding))

    def theirs(x, weight):
        return F.conv2d(x, weight, stride=stride, padding=padding)

    for first in (True, False):
        assert_same(results(ours, x, weight, first), results(theirs, x, weight, first))


@pytest.mark.parametrize("inputs, outputs, kernel, stride, padding, output_padding, size", TRANSPOSED)
def test_conv2d_transpose(inputs, outputs, kernel, stride, padding, output_padding, size):
    from paddle.nn import functional as F

    from paddle_gan_aug.networks import batch_last

    x, weight = leaf(3, inputs, size, size), leaf(inputs, outputs, kernel, kernel, seed=1)

    def ours(x, weight):
        maps = batch_last.to_batch_last(x)
        return batch_last.to_batch_first(batch_last.conv2d_transpose(maps, weight, stride, padding, output_padding))

    def theirs(x, weight):
        return F.conv2d_transpose(x, weight, stride=stride, padding=padding, output_padding=output_padding)

    assert_same(results(ours, x, weight, True), results(theirs, x, weight, True))


def test_layers_of_batch_last_maps_equal_the_ordinary_ones():
    import paddle
    from paddle import nn
    from paddle.nn import functional as F

    from paddle_gan_aug.networks import batch_last

    x = leaf(4, 3, 9, 8)
    maps = batch_last.to_batch_last(x)
    norm = nn.BatchNorm2D(3)
    conv = batch_last.BatchLastConv2D(3, 5, 3, padding=1)
    conv.bias.set_value(leaf(5, seed=2))
    pairs = [
        (batch_last.max_pool2d(maps), F.max_pool2d(x, 2)),
        (batch_last.normalise(norm, maps), norm(x)),
        (conv(maps), F.conv2d(x, conv.weight, conv.bias, padding=1)),
    ]
    for ours, theirs in pairs:
        assert_same([batch_last.to_batch_first(ours).numpy()], [theirs.numpy()])
        (a,), (b,) = (paddle.grad(y.square().sum(), [x], retain_graph=True) for y in (ours, theirs))
        assert_same([a.numpy() + 1], [b.numpy() + 1])
    assert np.array_equal(batch_last.flatten(maps).numpy(), x.reshape([4, -1]).numpy())
