"""Generators and discriminators: sizes as published, and what they see."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("process")


def parameter_count(network):
    return sum(int(np.prod(p.shape)) for p in network.parameters() if not p.stop_gradient)


def linear(inputs, outputs, bias=True):
    return inputs * outputs + (outputs if bias else 0)


GENERATOR_BODY = linear(100, 1024, False) + 2 * 1024 + linear(1024, 6272, False) + 2 * 6272 + 2 * 64


@pytest.mark.parametrize(
    "variant, convolutions",
    [("transpose", 128 * 64 * 16 + 64 * 16 + 1), ("upsample", 128 * 64 * 25 + 64 * 25 + 1)],
)
def test_generator_has_the_published_sizes(variant, convolutions):
    import paddle

    from paddle_gan_aug.networks import ClassicGenerator

    generator = ClassicGenerator(variant)
    assert parameter_count(generator) == GENERATOR_BODY + convolutions
    images = generator(paddle.randn([3, 100]))
    assert images.shape == [3, 1, 28, 28]
    assert float(images.abs().max()) <= 1
    assert paddle.summary(generator, (2, 100))["trainable_params"] == GENERATOR_BODY + convolutions


@pytest.mark.parametrize("head, logits", [("sigmoid", 1), ("softmax", 2)])
@pytest.mark.parametrize(
    "norm, extra",  # beside the weights: biases where nothing normalises, scale and shift where something does
    [
        ("none", 64 + 128 + 1024),
        ("spectral", 64 + 128 + 1024),
        ("instance", 2 * 64 + 2 * 128 + 1024),
        ("batch", 2 * 64 + 2 * 128 + 2 * 1024),
    ],
)
def test_discriminator_has_the_published_sizes(norm, extra, head, logits):
    import paddle

    from paddle_gan_aug.networks import ClassicDiscriminator

    discriminator = ClassicDiscriminator(norm=norm, head=head)
    expected = 64 * 9 + 128 * 64 * 9 + 3200 * 1024 + linear(1024, logits) + extra
    assert parameter_count(discriminator) == expected
    assert discriminator(paddle.randn([4, 1, 28, 28])).shape == [4, logits]
    assert paddle.summary(discriminator, (2, 1, 28, 28))["total_params"] >= expected


def test_sizes_follow_image_size_channels_and_width():
    import paddle

    from paddle_gan_aug.networks import ClassicDiscriminator, ClassicGenerator

    for variant in ("transpose", "upsample"):
        images = ClassicGenerator(variant, image_size=32, channels=3, width=0.125)(paddle.randn([2, 100]))
        assert images.shape == [2, 3, 32, 32]
        assert ClassicDiscriminator(32, 3, width=0.125)(images).shape == [2, 1]
    with pytest.raises(ValueError, match="multiple of 4.*set data.image_size to 28 or 32"):
        ClassicGenerator(image_size=30)
    with pytest.raises(ValueError, match="at least 10"):
        ClassicDiscriminator(image_size=8)


BN = 2  # scale and shift
PUBLISHED = {  # (architecture, image size, channels) -> parameters of G, parameters of D
    ("augmentor", 28, 1): (
        100 * 12544 + BN * 12544 + 256 * 128 * 25 + BN * 128 + 128 * 64 * 25 + BN * 64 + 64 * 25 + 1,
        64 * 25 + 64 + 64 * 128 * 25 + 128 + linear(128 * 49, 1),
    ),
    ("folder", 32, 3): (
        100 * 256 + 256 * 256 + 256 * 8192 + BN * (256 + 256 + 8192) + 128 * 128 * 25 + BN * 128 + 128 * 64 * 25 + BN * 64 + 64 * 75 + 3,
        64 * 75 + 64 + 64 * 128 * 25 + 128 + linear(128 * 64, 1),
    ),
    ("folder", 64, 3): (
        (100 * 256 + 256 * 256 + 256 * 8192 + BN * (256 + 256 + 8192))
        + (128 * 128 * 25 + BN * 128 + 128 * 64 * 25 + BN * 64 + 64 * 32 * 25 + BN * 32 + 32 * 75 + 3),
        64 * 75 + 64 + 64 * 128 * 25 + 128 + 128 * 256 * 25 + 256 + linear(256 * 64, 1),
    ),
    ("dcgan", 28, 1): (
        100 * 12544 + BN * 12544 + 256 * 128 * 16 + BN * 128 + 128 * 64 * 16 + BN * 64 + 64 * 9 + 1,
        64 * 16 + 64 + 64 * 128 * 16 + 128 + 128 * 256 * 9 + 256 + linear(256 * 49, 1),
    ),
}


@pytest.mark.parametrize("architecture, size, channels", PUBLISHED)
def test_networks_by_size_have_the_published_parameters(architecture, size, channels):
    import paddle

    from paddle_gan_aug.networks import DoublingGenerator, HalvingDiscriminator

    of_generator, of_discriminator = PUBLISHED[architecture, size, channels]
    generator = DoublingGenerator(architecture, size, channels)
    assert parameter_count(generator) == of_generator
    assert paddle.summary(generator, (2, 100))["trainable_params"] == of_generator
    for norm in ("none", "spectral"):
        discriminator = HalvingDiscriminator(architecture, size, channels, norm=norm)
        assert parameter_count(discriminator) == of_discriminator
        assert paddle.summary(discriminator, (2, channels, size, size))["total_params"] >= of_discriminator


@pytest.mark.parametrize("architecture", ["augmentor", "folder", "dcgan"])
@pytest.mark.parametrize("size, channels", [(12, 1), (28, 3), (32, 1), (64, 3)])
@pytest.mark.parametrize("norm", ["none", "batch", "instance"])
def test_networks_by_size_fit_every_size(architecture, size, channels, norm):
    import paddle

    from paddle_gan_aug.networks import DoublingGenerator, HalvingDiscriminator

    images = DoublingGenerator(architecture, size, channels, width=0.03)(paddle.randn([3, 100]))
    assert images.shape == [3, channels, size, size]
    assert float(images.abs().max()) <= 1
    discriminator = HalvingDiscriminator(architecture, size, channels, width=0.03, norm=norm, head="softmax", dropout=0.3)
    assert discriminator(images).shape == [3, 2]
    assert discriminator.features(images).shape == [3, discriminator.feature_width]


def test_sizes_that_are_no_small_base_doubled():
    from paddle_gan_aug.networks.sizes import base_and_doublings

    assert [base_and_doublings(size) for size in (12, 28, 32, 48, 64, 96)] == [(6, 1), (7, 2), (8, 2), (6, 3), (8, 3), (6, 4)]
    for size in (7, 30, 25, 100):
        with pytest.raises(ValueError, match="doubled"):
            base_and_doublings(size)


def test_minibatch_std_is_the_mean_deviation_over_the_batch():
    import paddle

    from paddle_gan_aug.networks import ClassicDiscriminator, HalvingDiscriminator
    from paddle_gan_aug.networks.discriminators import with_minibatch_std

    x = np.random.default_rng(0).standard_normal((5, 3, 4, 4)).astype("float32")
    seen = with_minibatch_std(paddle.to_tensor(x)).numpy()
    np.testing.assert_array_equal(seen[:, :3], x)
    np.testing.assert_allclose(seen[:, 3], x.std(0).mean(), rtol=1e-5)
    alike = with_minibatch_std(paddle.to_tensor(np.repeat(x[:1], 5, 0))).numpy()
    assert alike[:, 3].max() <= 1.01e-4
    for net in (ClassicDiscriminator(12, width=0.1, minibatch_std=True), HalvingDiscriminator("dcgan", 12, width=0.1, minibatch_std=True)):
        assert net(paddle.randn([4, 1, 12, 12])).shape == [4, 1]


def test_lenet_sizes_and_features():
    import paddle

    from paddle_gan_aug.networks import LeNet

    net = LeNet()
    assert parameter_count(net) == 32 * 25 + 2 * 32 + 64 * 32 * 25 + 2 * 64 + linear(1024, 84) + linear(84, 10)
    assert paddle.summary(net, (2, 1, 28, 28))["trainable_params"] == parameter_count(net)
    features = net.features(paddle.randn([5, 1, 28, 28]))
    assert features.shape == [5, 84]
    assert float(features.min()) >= 0


@pytest.mark.parametrize("see_edges", [True, False])
def test_which_pixels_the_discriminator_sees(see_edges):
    import paddle

    from paddle_gan_aug.networks import ClassicDiscriminator

    x = paddle.to_tensor(np.random.default_rng(0).standard_normal([64, 1, 28, 28]).astype("float32"), stop_gradient=False)
    seen = paddle.grad(ClassicDiscriminator(width=0.25, see_edges=see_edges)(x).sum(), [x])[0].abs().sum([0, 1]).numpy() > 0
    assert seen[:26, :26].all()
    assert seen[26:].any() == seen[:, 26:].any() == see_edges
    assert seen.all() == see_edges


def test_spectral_norm_bounds_the_layers():
    import paddle

    from paddle_gan_aug.networks import ClassicDiscriminator

    discriminator = ClassicDiscriminator(norm="spectral", width=0.25, init_std=0.5)
    for _ in range(30):
        discriminator(paddle.randn([2, 1, 28, 28]))
    for weight in (discriminator.block1.conv.weight, discriminator.block2.conv.weight, discriminator.fc1.weight, discriminator.fc2.weight):
        matrix = weight.numpy().reshape(weight.shape[0], -1)
        assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1.0, abs=0.05)
