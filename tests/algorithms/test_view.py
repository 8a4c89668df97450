"""What D sees: the same kind of changes on reals and fakes, drawn anew for each, with gradients through to G."""

import numpy as np
import pytest

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batch

pytestmark = pytest.mark.usefixtures("process")


def view(**overrides):
    from paddle_gan_aug.algorithms.view import View

    return View(load_config("classic", overrides))


def images(seed=0, count=8):
    import paddle

    return paddle.to_tensor(np.random.default_rng(seed).uniform(-1, 1, (count, 1, 12, 12)).astype("float32"))


def test_without_options_nothing_changes():
    x = images()
    assert view()(x, np.random.default_rng(0), 1) is x
    assert view(**{"diffaugment.policy": "digits", "diffaugment.strength": 0.0})(x, np.random.default_rng(0), 1) is x
    assert view(**{"diffaugment.policy": "digits", "diffaugment.probability": 0.0})(x, np.random.default_rng(0), 1) is x


def test_changes_are_drawn_per_sample_and_call_from_the_generator():
    import paddle

    same = paddle.concat([images(count=1)] * 6)
    see = view(**{"diffaugment.policy": "digits"})
    rng = np.random.default_rng(0)
    first, second = see(same, rng, 1).numpy(), see(same, rng, 1).numpy()
    assert len({image.tobytes() for image in first}) > 3
    assert np.abs(first - second).max() > 0
    np.testing.assert_array_equal(first, see(same, np.random.default_rng(0), 1).numpy())


def test_gradients_reach_the_images():
    x = images()
    x.stop_gradient = False
    view(**{"diffaugment.policy": "colour"})(x, np.random.default_rng(0), 1).square().sum().backward()
    assert float(x.grad.abs().sum()) > 0


@pytest.mark.parametrize("fill", [-1.0, 0.25])
def test_holes_are_filled_with_the_background(fill):
    import paddle

    white = paddle.full([50, 1, 12, 12], 1.0)
    seen = view(**{"diffaugment.policy": "digits", "diffaugment.fill": fill})(white, np.random.default_rng(0), 1).numpy()
    assert set(np.unique(seen)) == {np.float32(fill), np.float32(1.0)}


def test_noise_fades():
    import paddle

    see = view(**{"train.instance_noise": 0.5, "train.instance_noise_start": 10, "train.instance_noise_steps": 100})
    x = paddle.zeros([20, 1, 12, 12])
    spread = [float(see(x, None, step).std()) for step in (10, 60, 110)]
    assert spread == pytest.approx([0.5, 0.25, 0.0], abs=0.02)


@pytest.mark.parametrize("algorithm", ["classic", "gan"])
def test_reals_and_fakes_pass_it_in_both_steps(monkeypatch, algorithm):
    from paddle_gan_aug.algorithms import build

    overrides = {"algorithm": algorithm, "generator.width": 0.02, "discriminator.width": 0.02, "diffaugment.policy": "digits"}
    gan = build(load_config("classic", overrides), (1, 12, 12), ("0",))
    shown = []
    see = type(gan.view).__call__
    monkeypatch.setattr(type(gan.view), "__call__", lambda self, x, rng, step: shown.append(x) or see(self, x, rng, step))
    gan.begin_step(1, 10)
    batch = Batch(images().numpy(), np.zeros(8, "int64"))
    gan.step([batch], np.random.default_rng(0))
    assert len(shown) == 3
    np.testing.assert_array_equal(shown[0].numpy(), batch.images)
    np.testing.assert_array_equal(shown[1].numpy(), shown[2].numpy())
    assert shown[1].stop_gradient and not shown[2].stop_gradient
