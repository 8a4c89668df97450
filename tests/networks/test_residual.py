"""Residual networks: every product equals the convolution that it stands for; sizes, beginnings, and second derivatives."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("process")


def noise(*shape, seed=0):
    import paddle

    return paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape).astype("float32"))


def as_images(maps):
    """[C, N, side²] -> [N, C, side, side]."""
    channels, n, places = maps.shape
    side = round(places**0.5)
    return maps.reshape([channels, n, side, side]).transpose([1, 0, 2, 3])


def close(a, b):
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=2e-5 * max(1.0, float(b.abs().max())))


@pytest.mark.parametrize("side", [4, 7])
def test_products_are_convolutions(side):
    from paddle.nn import functional as F

    from paddle_gan_aug.networks.residual import Merge, Mix, Spread, Unmerge

    x = noise(6, 3, side**2)
    mix, spread = Mix(6, 5), Spread(6, side)
    close(as_images(mix(x)), F.conv2d(as_images(x), mix.kernel.reshape([5, 6, 1, 1])))
    kernel = spread.kernel.reshape([6, 1, 3, 3])
    # a Toeplitz matrix holds the kernel in the order in which F.conv2d applies it: a correlation
    close(as_images(spread(x)), F.conv2d(as_images(x), kernel, padding=1, groups=6))
    large, merge, unmerge = noise(6, 3, (2 * side) ** 2), Merge(6, 5), Unmerge(5, 6)
    kernel = merge.mix.kernel.reshape([5, 2, 2, 6]).transpose([0, 3, 1, 2])
    close(as_images(merge(large)), F.conv2d(as_images(large), kernel, stride=2))
    unmerge.mix.kernel.set_value(merge.mix.kernel.transpose([1, 0]))
    y = noise(5, 3, side**2)
    close(as_images(unmerge(y)), F.conv2d_transpose(as_images(y), kernel, stride=2))
    close((merge(large) * y).sum(), (large * unmerge(y)).sum())


@pytest.mark.parametrize("size, patch, channels", [(8, 2, 1), (16, 4, 3)])
def test_patches_are_convolutions_too(size, patch, channels):
    import paddle
    from paddle.nn import functional as F

    from paddle_gan_aug.networks.residual import PatchesIn, PatchesOut

    images = noise(3, channels, size, size)
    layer = PatchesIn(channels, 5, size, patch)
    kernel = layer.kernel().reshape([5, channels, 2 * patch, 2 * patch])
    close(as_images(layer(images)), F.conv2d(images, kernel, stride=patch, padding=patch // 2))
    layer = PatchesOut(5, channels, size, patch)
    strengths = np.zeros(layer.strengths.shape, dtype="float32")
    strengths[0] = 1.0  # the wave that does not swing: under windows that add up to 1 it is flat, to the border
    layer.strengths.set_value(paddle.to_tensor(strengths))
    flat = layer(paddle.ones([5, 2, (size // patch) ** 2])).numpy()
    np.testing.assert_allclose(flat, flat[0, 0, 0, 0], rtol=1e-4)
    assert flat[0, 0, 0, 0] > 0


def test_constants():
    from paddle_gan_aug.networks.residual import Spread, shrinking, waves

    np.testing.assert_allclose(shrinking(7, 4).sum(0), 1)
    middle = shrinking(8, 4).reshape(8, 8, 4, 4)[:, :, 1, 1]
    np.testing.assert_allclose(middle[1:5, 1:5], np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64)
    of_side = waves(4)
    assert of_side.shape == (16, 16) and np.linalg.matrix_rank(of_side) == 16  # patches of any content
    norms = np.linalg.norm(of_side, axis=1).reshape(4, 4)
    assert norms[0, 0] == norms.max() and norms.reshape(-1)[1:].max() < 0.4 * norms.max()
    blur = Spread(2, 4, blurred=True).kernel.numpy()
    np.testing.assert_allclose(blur, [np.outer([1, 2, 1], [1, 2, 1]).reshape(-1) / 16] * 2)


def test_blocks_begin_as_the_identity_and_keep_the_variance_inside():
    from paddle_gan_aug.networks.residual import Block

    x = noise(64, 16, 49)
    block = Block(64, 7)
    np.testing.assert_array_equal(block(x).numpy(), x.numpy())
    inside = block.widen(block.spread(x))
    assert float(inside.std()) == pytest.approx(0.9, abs=0.12)  # less than 1 for the zeros beyond the edges
    smaller = Block(64, 7, blocks=16)
    assert float(smaller.widen(smaller.spread(x)).std()) == pytest.approx(float(inside.std()) / 4, rel=0.15)  # twice 16^(-1/4)


@pytest.mark.parametrize("size, channels", [(28, 1), (32, 3), (48, 3), (64, 1), (96, 3), (128, 1)])
def test_every_size(size, channels):
    import paddle

    from paddle_gan_aug.networks import ResidualDiscriminator, ResidualGenerator

    for norm, classes in (("none", 0), ("none", 3), ("batch", 0), ("batch", 3)):
        generator = ResidualGenerator(size, channels, 8, 0.1, 1, norm, "tanh", classes)
        images = generator(noise(2, 8), paddle.to_tensor([0, 2]) if classes else None)
        assert images.shape == [2, channels, size, size]
        assert float(images.abs().max()) <= 1
    discriminator = ResidualDiscriminator(size, channels, 0.1)
    assert discriminator.features(images).shape == [2, discriminator.feature_width]
    assert discriminator(images).shape == [2, 1]


def test_sides_of_the_maps():
    from paddle_gan_aug.networks.sizes import patch_and_sides

    found = {size: patch_and_sides(size) for size in (28, 32, 48, 64, 96, 128)}
    assert found[28] == (2, [14, 7, 4]) and found[32] == (2, [16, 8, 4]) and found[48] == (4, [12, 6, 3])
    assert found[64] == (4, [16, 8, 4]) and found[96] == (8, [12, 6, 3]) and found[128] == (8, [16, 8, 4])
    for size in (6, 30, 50, 100):
        with pytest.raises(ValueError, match="even number of patches"):
            patch_and_sides(size)


@pytest.mark.parametrize("size, channels", [(12, 1), (28, 3), (96, 1)])
def test_d_can_be_differentiated_twice(size, channels):
    from paddle_gan_aug.algorithms.double_grad import check_double_grad
    from paddle_gan_aug.networks import ResidualDiscriminator

    discriminator = ResidualDiscriminator(size, channels, 0.1)
    for name, parameter in discriminator.named_parameters():
        if name.endswith("narrow.kernel"):  # blocks that act
            parameter.set_value(noise(*parameter.shape) * 0.3)
    check_double_grad(discriminator, (channels, size, size))


@pytest.mark.parametrize("classes", [0, 3])
def test_normed_activation_is_batch_norm(classes):
    import paddle
    from paddle import nn
    from paddle.nn import functional as F

    from paddle_gan_aug.networks.residual import NormedActivation

    ours, theirs = NormedActivation(4, classes), nn.BatchNorm1D(4, weight_attr=False, bias_attr=False)
    labels = paddle.to_tensor([0, 2, 2, 1, 0]) if classes else None
    ours.scale.set_value(noise(*ours.scale.shape))
    ours.shift.set_value(noise(*ours.shift.shape, seed=1))
    which = labels if classes else paddle.zeros([5], "int64")

    def expected(x):
        y = theirs(x.transpose([1, 0, 2]))
        y = y * F.embedding(which, ours.scale).unsqueeze(2) + F.embedding(which, ours.shift).unsqueeze(2)
        return F.leaky_relu(y, 0.2).transpose([1, 0, 2])

    for seed in (2, 3):
        x = noise(4, 5, 9, seed=seed) * 2 + 1
        close(ours(x, labels), expected(x))
    ours.eval()
    theirs.eval()
    np.testing.assert_allclose(ours.mean.numpy()[:, 0], theirs._mean.numpy(), rtol=1e-4)
    np.testing.assert_allclose(ours(x, labels).numpy(), expected(x).numpy(), rtol=0.1, atol=0.1)  # Paddle may keep the unbiased variance
