"""Mixtures of feature maps: exact statistics, and gradients where they belong."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("process")


def features(count=4, seed=0):
    import paddle

    rng = np.random.default_rng(seed)
    values = rng.normal(rng.normal(size=(count, 3, 1, 1)), rng.uniform(0.5, 2, (count, 3, 1, 1)), (count, 3, 6, 6))
    return paddle.to_tensor(values.astype("float32"), stop_gradient=False)


def test_manifold_mixup_is_mixup_of_features():
    import paddle

    from paddle_gan_aug.augment.feature_mixing import manifold_mixup
    from paddle_gan_aug.augment.mixing import draw_mixture

    maps, targets = features(), paddle.eye(4)
    mixed, mixed_targets = manifold_mixup(maps, targets, np.random.default_rng(1))
    mixture = draw_mixture(4, np.random.default_rng(1), 2.0)
    np.testing.assert_allclose(mixed.numpy(), mixture.of(maps.numpy()), atol=1e-6)
    np.testing.assert_allclose(mixed_targets.numpy(), mixture.of(np.eye(4, dtype="float32")), atol=1e-6)
    mixed.sum().backward()
    np.testing.assert_allclose(maps.grad.numpy(), 1.0, atol=1e-6)  # every sample is whole in the batch
    with pytest.raises(ValueError, match="3 feature maps"):
        from paddle_gan_aug.augment.feature_mixing import mix_features

        mix_features(maps[:3], mixture)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_mixstyle_has_the_mixed_statistics(weight):
    from paddle_gan_aug.augment.feature_mixing import restyled

    maps, partners = features(), np.array([2, 0, 3, 1])
    styled = restyled(maps, np.full(4, weight), partners).numpy()
    values = maps.numpy()
    for statistic in (np.mean, np.std):
        own = statistic(values, axis=(2, 3))
        np.testing.assert_allclose(statistic(styled, axis=(2, 3)), weight * own + (1 - weight) * own[partners], atol=1e-4)
    if weight == 1:
        np.testing.assert_allclose(styled, values, atol=1e-5)


def test_no_gradient_flows_through_the_style():
    """With the statistics held fixed the map is affine in the features, and its slope the ratio of the deviations."""
    from paddle_gan_aug.augment.feature_mixing import restyled

    maps, partners = features(), np.array([1, 0, 3, 2])
    restyled(maps, np.zeros(4), partners).sum().backward()
    deviation = maps.numpy().std(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(maps.grad.numpy(), np.broadcast_to(deviation[partners] / deviation, maps.shape), rtol=1e-4)


def test_mixstyle_happens_as_often_as_said():
    from paddle_gan_aug.augment.feature_mixing import mixstyle

    maps = features()
    changed = [bool((mixstyle(maps, np.random.default_rng(seed)) != maps).any()) for seed in range(60)]
    assert 0.3 < np.mean(changed) < 0.7
    assert (mixstyle(maps, np.random.default_rng(0), probability=0) == maps).all()
    first, again = (mixstyle(maps, np.random.default_rng(5), probability=1).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    with pytest.raises(ValueError, match="N, C, H, W"):
        mixstyle(maps[0], np.random.default_rng(0))
    with pytest.raises(ValueError, match="alpha"):
        mixstyle(maps, np.random.default_rng(0), alpha=0)
