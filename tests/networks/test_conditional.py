"""Conditioning: conditional BatchNorm, the embedding beside latents, and what D gets of the class."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("process")

CLASSES = 3


def tensor(array, kind="float32"):
    import paddle

    return paddle.to_tensor(np.asarray(array, dtype=kind))


def randoms(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype("float32")


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5, 5)])
def test_conditional_batch_norm_scales_and_shifts_by_class(shape):
    from paddle_gan_aug.networks.conditional import batch_norm

    x, labels = randoms(*shape), np.array([0, 1, 2, 2, 1, 0])
    plain, conditional = batch_norm(4, len(shape)), batch_norm(4, len(shape), CLASSES)
    begun = conditional(tensor(x), tensor(labels, "int64"))
    np.testing.assert_allclose(begun.numpy(), plain(tensor(x)).numpy(), atol=1e-6)
    scale, shift = randoms(CLASSES, 4), randoms(4, CLASSES).T.copy()
    conditional.scale.weight.set_value(scale)
    conditional.shift.weight.set_value(shift)
    axes = (0, *range(2, len(shape)))
    normed = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    ones = (1,) * (len(shape) - 2)
    expected = normed * scale[labels].reshape(6, 4, *ones) + shift[labels].reshape(6, 4, *ones)
    np.testing.assert_allclose(conditional(tensor(x), tensor(labels, "int64")).numpy(), expected, atol=1e-5)


def test_momentum_is_the_share_that_is_kept():
    """0.8 is the published decay of the running statistics, never an epsilon or the share that is replaced."""
    from paddle_gan_aug.networks import DoublingGenerator
    from paddle_gan_aug.networks.conditional import batch_norm

    norm = batch_norm(2, 2, momentum=0.8)
    norm(tensor([[10.0, 0.0], [10.0, 2.0]]))
    np.testing.assert_allclose(norm._mean.numpy(), [2.0, 0.2], rtol=1e-5)
    generator = DoublingGenerator("folder", 32, 3, width=0.05)
    assert {layer._momentum for layer in [*generator.dense_norms, *generator.norms]} == {0.8}
    assert {layer._epsilon for layer in [*generator.dense_norms, *generator.norms]} == {1e-5}


def discriminator(conditioning, **options):
    import paddle

    from paddle_gan_aug.networks import HalvingDiscriminator, HeadedDiscriminator

    paddle.seed(1)
    body = HalvingDiscriminator("dcgan", 12, 1 + (conditioning == "embedding"), width=0.05, init_std=0.3)
    return HeadedDiscriminator(body, conditioning, CLASSES, 12, init_std=0.3, **options)


def test_projection_is_the_published_sum():
    net, images, labels = discriminator("projection"), tensor(randoms(5, 1, 12, 12)), np.array([0, 1, 2, 1, 0])
    features = net.body.features(images)
    inner = (features.numpy() * net.projection.weight.numpy()[labels]).sum(1)
    expected = net.body.logits(features).numpy()[:, 0] + inner
    np.testing.assert_allclose(net(images, tensor(labels, "int64")).numpy()[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_embedding_is_one_more_channel():
    import paddle

    net, images, labels = discriminator("embedding"), tensor(randoms(5, 1, 12, 12)), np.array([0, 1, 2, 1, 0])
    maps = net.label_map.weight.numpy()[labels].reshape(5, 1, 12, 12)
    expected = net.body(paddle.concat([images, tensor(maps)], axis=1)).numpy()
    np.testing.assert_allclose(net(images, tensor(labels, "int64")).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_an_auxiliary_head_reads_and_is_not_told():
    net, images = discriminator("auxiliary"), tensor(randoms(5, 1, 12, 12))
    logits, read = net.read(images)
    assert (logits.shape, read.shape) == ([5, 1], [5, CLASSES])
    assert discriminator("none").read(images)[1] is None
    assert discriminator("none", auxiliary=7).read(images)[1].shape == [5, 7]


@pytest.mark.parametrize("conditioning", ["embedding", "projection", "auxiliary"])
def test_spectral_normalisation_reaches_what_is_added(conditioning):
    net = discriminator(conditioning, spectral=True)
    names = [name for name, _ in net.named_parameters() if name.endswith("weight_orig") and not name.startswith("body")]
    assert len(names) == 1
    assert np.isfinite(net(tensor(randoms(5, 1, 12, 12)), tensor([0, 1, 2, 1, 0], "int64")).numpy()).all()


def test_the_embedding_beside_the_latents_decides_the_image():
    import paddle

    from paddle_gan_aug.networks import LABEL_FEATURES, ClassicGenerator, EmbeddedLabels

    net = EmbeddedLabels(ClassicGenerator(image_size=12, latent_dim=5 + LABEL_FEATURES, width=0.02, init_std=0.3), CLASSES)
    net.eval()
    latents = tensor(np.repeat(randoms(1, 5), 2, 0))
    one, other = net(latents, tensor([0, 2], "int64")).numpy()
    assert np.abs(one - other).max() > 1e-3
    same = net(latents, tensor([1, 1], "int64")).numpy()
    np.testing.assert_array_equal(same[0], same[1])
    assert net.embedding.weight.shape == [CLASSES, LABEL_FEATURES]
    assert paddle.is_grad_enabled()
