"""InfoGAN: what its latents hold, its loss by hand, and sweeps that change one code alone."""

import numpy as np
import pytest

from paddle_gan_aug.algorithms import build
from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batch

pytestmark = pytest.mark.usefixtures("process")

TINY = {
    "generator.width": 0.03,
    "discriminator.width": 0.05,
    "generator.latent_dim": 7,
    "code.categories": 4,
    "code.continuous": 2,
    "code.sorting_steps": 0,
    "code.sorting_rounds": 0,
    "generator.init_std": 0.3,
    "discriminator.init_std": 0.3,
}


def infogan(**overrides):
    import paddle

    paddle.seed(0)
    return build(load_config("infogan", {**TINY, **overrides}), (1, 12, 12), ("0", "1"))


def test_latents_hold_noise_a_category_and_codes():
    gan = infogan()
    latents = gan.latents(2000, np.random.default_rng(0))
    assert latents.shape == (2000, gan.latent_dim) == (2000, 7 + 4 + 2)
    assert latents.dtype == np.float32
    one_hot, codes = latents[:, 7:11], latents[:, 11:]
    assert set(one_hot.ravel()) == {0, 1} and (one_hot.sum(1) == 1).all()
    np.testing.assert_array_equal(gan.categories(latents), one_hot.argmax(1))
    assert np.abs(np.bincount(gan.categories(latents)) / 2000 - 0.25).max() < 0.04
    assert np.abs(codes).max() <= 1 and abs(codes.std() - 3**-0.5) < 0.02
    np.testing.assert_array_equal(latents, gan.latents(2000, np.random.default_rng(0)))


def test_the_information_lost_is_cross_entropy_and_squared_error():
    import paddle

    gan = infogan()
    latents = gan.compose(np.zeros((2, 7)), np.array([3, 0]), np.array([[0.5, -1.0], [0.0, 1.0]]))
    read = np.array([[0.0, 0.0, 0.0, 2.0, 0.5, 0.0], [1.0, -1.0, 0.0, 0.0, 1.0, 1.0]])
    found = gan._information(paddle.to_tensor(read.astype("float32")), type("Fake", (), {"latents": latents}))
    logs = read[:, :4] - np.log(np.exp(read[:, :4]).sum(1, keepdims=True))
    assert float(found["category_loss"][1]) == pytest.approx(-(logs[0, 3] + logs[1, 0]) / 2, rel=1e-5)
    assert float(found["continuous_loss"][1]) == pytest.approx(0.5 * (0 + 1 + 1 + 0) / 4)
    assert (found["category_loss"][0], found["continuous_loss"][0]) == (gan.config.loss.category_weight, gan.config.loss.continuous_weight)


def test_sorting_is_sure_balanced_and_steady():
    import paddle

    from paddle_gan_aug.algorithms.losses import clustering_loss

    def loss(logits, moved):
        return float(clustering_loss(paddle.to_tensor(np.float32(logits)), paddle.to_tensor(np.float32(moved))))

    one, other = [0.3, -0.4, 1.1], [2.0, 0.0, -1.0]
    p, q = (np.exp(x) / np.exp(x).sum() for x in (one, other))
    mean = (p + q) / 2
    expected = -(p @ np.log(q) + q @ np.log(p)) / 2 - (p @ np.log(p) + q @ np.log(q)) / 2 + 2 * mean @ np.log(mean)
    assert loss([one, other], [other, one]) == pytest.approx(expected, rel=1e-5)
    sure = 30 * np.eye(3)
    assert loss(sure, sure) == pytest.approx(-2 * np.log(3), abs=1e-4)  # the best there is
    assert loss(sure[[0, 0, 0]], sure[[0, 0, 0]]) == pytest.approx(0, abs=1e-4)  # all in one category
    assert loss(0 * sure, 0 * sure) == pytest.approx(0, abs=1e-4)  # no opinion
    assert loss(sure, sure[[1, 2, 0]]) > 20  # another one after a turn


def test_sorting_has_a_head_start_and_the_codes_come_in_slowly():
    import paddle

    gan = infogan(**{"code.sorting_steps": 100, "loss.category_weight": 2.0})
    fake = type("Fake", (), {"latents": gan.latents(4, np.random.default_rng(0))})
    images, read = paddle.zeros([4, 1, 12, 12]), paddle.zeros([4, 6])
    found = {}
    for step in (1, 100, 125, 200, 900):
        gan.begin_step(step, 1000)
        gan._rng = np.random.default_rng(0)
        extra = gan._d_extra(images, read, None, read, fake)
        found[step] = [extra[name][0] for name in ("clustering_loss", "category_loss", "continuous_loss")]
    assert found == {1: [10, 0, 0], 100: [10, 0, 0], 125: [1, 0.5, 0.5], 200: [1, 2, 2], 900: [1, 2, 2]}


def test_the_published_infogan_sorts_nothing():
    batch = Batch(np.zeros((4, 1, 12, 12), "float32"), np.zeros(4, "int64"))
    for weight in (0.0, 1.0):
        gan = infogan(**{"loss.clustering_weight": weight})
        gan.begin_step(1, 10)
        assert ("clustering_loss" in gan.step([batch], np.random.default_rng(0))) == bool(weight)


def test_steps_bring_the_code_into_the_images():
    gan = infogan(**{"optimizer.generator_lr": 5e-3, "optimizer.discriminator_lr": 5e-3})
    rng, lost = np.random.default_rng(0), []
    for number in range(1, 61):
        gan.begin_step(number, 1000)
        batch = Batch(rng.uniform(-1, 1, (32, 1, 12, 12)).astype("float32"), np.zeros(32, "int64"))
        lost.append(float(gan.step([batch], np.random.default_rng(number))["category_loss"]))
    assert lost[0] > 1.2 and lost[-1] < 0.6 * lost[0]


def test_a_sweep_changes_one_code_alone():
    gan = infogan()
    sweeps = gan.sweeps(5, np.random.default_rng(0))
    assert list(sweeps) == ["category", "code-1", "code-2"]
    assert all(latents.shape == (20, gan.latent_dim) for latents in sweeps.values())
    by_category = sweeps["category"].reshape(4, 5, -1)
    assert [set(gan.categories(row)) for row in by_category] == [{0}, {1}, {2}, {3}]
    np.testing.assert_array_equal(by_category[0][:, :7], by_category[3][:, :7])
    second = sweeps["code-2"].reshape(4, 5, -1)
    np.testing.assert_allclose(second[1][:, 12], np.linspace(-2, 2, 5))
    assert np.ptp(second[1][:, :12], axis=0).max() == 0
    assert gan.images(sweeps["code-1"]).shape == (20, 1, 12, 12)


def test_without_continuous_codes():
    gan = infogan(**{"code.continuous": 0})
    assert list(gan.sweeps(3, np.random.default_rng(0))) == ["category"]
    gan.begin_step(1, 10)
    values = gan.step([Batch(np.zeros((4, 1, 12, 12), "float32"), np.zeros(4, "int64"))], np.random.default_rng(0))
    assert "continuous_loss" not in values and np.isfinite(float(values["category_loss"]))
