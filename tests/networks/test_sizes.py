"""Which sizes fit, what a refusal says, and that every size that is offered builds, learns and draws."""

import numpy as np
import pytest

from paddle_gan_aug.networks.sizes import SIZE_RULES, check_size

OFFERED = (28, 32, 48, 64, 96, 128)


def test_every_architecture_takes_every_size_that_is_offered():
    for rule in SIZE_RULES.values():
        assert all(rule.fits(size) for size in OFFERED)


@pytest.mark.parametrize(
    "architecture, size, says",
    [
        ("dcgan", 50, "set data.image_size to 48 or 56"),
        ("dcgan", 100, "set data.image_size to 96 or 112; 100 fits the architecture classic"),
        ("residual", 30, "set data.image_size to 28 or 32"),
        ("residual", 100, "set data.image_size to 96 or 112"),
        ("classic", 50, "set data.image_size to 48 or 52"),
    ],
)
def test_a_refusal_names_sizes_and_architectures_that_fit(architecture, size, says):
    with pytest.raises(ValueError, match=says):
        check_size(architecture, size)


@pytest.mark.parametrize("size, channels", [(48, 1), (64, 3), (96, 3), (128, 1)])
@pytest.mark.parametrize("preset", ["sngan-projection", "sngan-residual", "r3gan-projection", "classic"])
def test_large_images_are_learnt_and_drawn(process, preset, size, channels):
    from paddle_gan_aug.algorithms import build
    from paddle_gan_aug.config.loading import load_config
    from paddle_gan_aug.data import Batch

    config = load_config(preset, {"train.batch_size": 4, "generator.width": 0.03, "discriminator.width": 0.03})
    algorithm = build(config, (channels, size, size), ("a", "b"))
    rng = np.random.default_rng(0)
    batch = Batch(rng.uniform(-1, 1, (4, channels, size, size)).astype("float32"), np.array([0, 1, 0, 1]))
    algorithm.begin_step(1, 2)
    values = algorithm.step([batch] * algorithm.batches_per_step, rng)
    assert all(np.isfinite(float(value)) for value in values.values())
    assert algorithm.sample(3, rng).shape == (3, channels, size, size) and 16 <= algorithm.at_once <= 222


def test_classifiers_take_patches_of_large_images(process):
    import paddle

    from paddle_gan_aug.networks import LeNet
    from paddle_gan_aug.networks.classifiers import as_patches, patch_of

    assert [patch_of(size) for size in (*OFFERED, 50, 100, 37)] == [1, 1, 2, 2, 3, 4, 2, 4, 1]
    images = paddle.arange(2 * 4 * 4, dtype="float32").reshape([1, 2, 4, 4])
    patches = as_patches(images, 2).numpy()
    assert patches.shape == (1, 8, 2, 2)
    np.testing.assert_array_equal(patches[0, :, 0, 1], images.numpy()[0, :, :2, 2:].reshape(-1))
    assert LeNet(image_size=96, channels=3)(paddle.zeros([2, 3, 96, 96])).shape == [2, 10]


def test_weights_of_a_classifier_without_patches_are_taken(process):
    from paddle_gan_aug.algorithms import build
    from paddle_gan_aug.config.loading import load_config

    config = load_config("classifier", {"classifier.width": 0.1})
    before, now = (build(config, (1, 64, 64), ("a", "b")) for _ in range(2))
    before.classifier = before.networks["classifier"] = before.make_classifier(1, 64, patch=1)
    now.load_weights(before.weights())
    images = np.random.default_rng(0).uniform(-1, 1, (3, 1, 64, 64)).astype("float32")
    np.testing.assert_array_equal(now.read(images)[0], before.read(images)[0])
