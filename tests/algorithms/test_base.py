"""State of an algorithm: bit-equal continuation in a process where Paddle's global names have moved on."""

import numpy as np
import pytest

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import Batch

pytestmark = pytest.mark.usefixtures("process")


def gan(**overrides):
    import paddle

    from paddle_gan_aug.algorithms import build

    paddle.seed(0)
    config = load_config("classic", {"generator.width": 0.05, "discriminator.width": 0.05, "generator.ema": 0.9, **overrides})
    return build(config, (1, 28, 28), ("0",))


def steps(algorithm, first, last):
    for number in range(first, last + 1):
        rng = np.random.default_rng(number)
        batch = Batch(images=rng.uniform(-1, 1, (8, 1, 28, 28)).astype("float32"), labels=np.zeros(8, dtype="int64"))
        algorithm.begin_step(number, 10)
        algorithm.step([batch], rng)


@pytest.mark.parametrize("moved_on", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_state_carries_on_bit_for_bit(shared, moved_on):
    overrides = {"optimizer.shared_scale": shared}
    whole = gan(**overrides)
    steps(whole, 1, 6)
    half = gan(**overrides)
    steps(half, 1, 3)
    weights, moments = half.weights(), half.optimizer_state()
    assert {key.split("/")[0] for key in moments} == {"real_d", "fake_d", "g"}
    continued = gan(**overrides)
    if moved_on:
        steps(continued, 1, 1)  # its optimizers have other names and moments by now
    continued.load_weights(weights)
    continued.load_optimizer_state(moments)
    steps(continued, 4, 6)
    for key, value in whole.weights().items():
        np.testing.assert_array_equal(value, continued.weights()[key], err_msg=key)
    for key, value in whole.optimizer_state().items():
        np.testing.assert_array_equal(value, continued.optimizer_state()[key], err_msg=key)


def test_foreign_state_is_refused():
    algorithm = gan()
    weights = algorithm.weights()
    with pytest.raises(ValueError, match="missing"):
        algorithm.load_weights({key: value for key, value in weights.items() if "fc1" not in key})
    with pytest.raises(ValueError, match="shape"):
        algorithm.load_weights({**weights, "generator/fc1.weight": np.zeros((3, 3), "float32")})
    with pytest.raises(ValueError, match="superfluous"):
        algorithm.load_optimizer_state({"other/0/moment1_0": np.zeros(1, "float32")})


def test_learning_rate_schedules():
    import paddle

    from paddle_gan_aug.algorithms.base import SCHEDULES

    assert [SCHEDULES["linear"](d) for d in (0, 0.5, 0.75, 1)] == [1, 1, 0.5, 0]
    assert [round(SCHEDULES["cosine"](d), 6) for d in (0, 0.5, 1)] == [1, 0.5, 0]
    assert SCHEDULES["constant"](0.9) == 1
    algorithm = gan()
    algorithm.config.optimizer.schedule = "linear"
    algorithm.begin_step(8, 10)  # 7 of 10 steps done
    for name, rate in algorithm._base_rates.items():
        assert algorithm.optimizers[name].get_lr() == pytest.approx(0.6 * rate)
    assert paddle.is_grad_enabled()


def test_average_is_the_recursion_it_says():
    import paddle

    from paddle_gan_aug.algorithms.ema import Average

    network, average = paddle.nn.Linear(1, 1), paddle.nn.Linear(1, 1)
    network.weight.set_value(paddle.full([1, 1], 4.0))
    ema = Average(network, average, decay=0.5)
    expected = 4.0
    for step, value in enumerate([1.0, 2.0, 8.0, -1.0, 3.0, 0.5, 7.0, 1.0, 1.0, 2.0], start=1):
        network.weight.set_value(paddle.full([1, 1], value))
        ema.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert float(average.weight.numpy()[0, 0]) == pytest.approx(expected, rel=1e-6)
    assert all(p.stop_gradient for p in average.parameters())


def test_unknown_algorithm_names_the_nearest():
    from paddle_gan_aug.algorithms import build
    from paddle_gan_aug.errors import InputError

    with pytest.raises(InputError, match="did you mean classic"):
        build(load_config("classic", {"algorithm": "clasic"}), (1, 28, 28), ("0",))
    with pytest.raises(InputError, match="square"):
        build(load_config("classic"), (1, 28, 20), ("0",))
    with pytest.raises(InputError, match="multiple of 4"):
        build(load_config("classic"), (1, 30, 30), ("0",))
