"""Penalties against values worked out in float64 and against finite differences."""

import json

import numpy as np
import pytest

from paddle_gan_aug.algorithms.registry import PENALTIES

pytestmark = pytest.mark.usefixtures("process")

SHAPE = (2, 8, 8)


@pytest.fixture
def float64():
    import paddle

    paddle.set_default_dtype("float64")
    yield
    paddle.set_default_dtype("float32")


def build(*middle, image=SHAPE, logits=1):
    """A tiny convolutional D with `middle` between its two halves; smooth, so that finite differences are exact."""
    import paddle
    from paddle import nn

    class Reshape(nn.Layer):
        def forward(self, x):
            return x.reshape([x.shape[0], -1])

    paddle.seed(3)
    front = nn.Sequential(nn.Conv2D(image[0], 3, 3, stride=2, padding=1), nn.Softplus(), *middle, Reshape())
    features = front(paddle.randn([2, *image])).shape[1]
    return nn.Sequential(front, nn.Linear(features, logits))


def batches(dtype="float64", n=5):
    import paddle

    rng = np.random.default_rng(0)
    return [paddle.to_tensor(rng.uniform(-1, 1, (n, *SHAPE)), dtype=dtype) for _ in range(2)]


def linear(weights):
    """D(x) = <w, x>: every gradient is w."""
    import paddle

    w = paddle.to_tensor(weights, stop_gradient=False)
    return w, lambda x: (x * w).sum([1, 2, 3]).reshape([-1, 1])


def test_exact_values_on_a_linear_discriminator(float64):
    """The norm is taken over all channels and pixels of a sample, not over channels alone."""
    w, discriminator = linear(np.random.default_rng(1).standard_normal((1, *SHAPE)))
    norm = np.sqrt((w.numpy() ** 2).sum())
    expected = {"gradient-penalty": (norm - 1) ** 2, "dragan": (norm - 1) ** 2, "r1": norm**2 / 2, "r1-r2": norm**2}
    for name, penalty in PENALTIES.items():
        value = penalty(discriminator, *batches(), np.random.default_rng(0))
        assert value.shape == []
        assert float(value) == pytest.approx(expected[name], rel=1e-9), name
        value.backward()
        inner = {"r1": w.numpy(), "r1-r2": 2 * w.numpy()}.get(name, 2 * (norm - 1) * w.numpy() / norm)
        np.testing.assert_allclose(w.grad.numpy(), inner, rtol=1e-9)
        w.clear_grad()


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("kind", ["plain", "instance", "leaky", "dropout", "upsample", "own", "two logits"])
def test_parameter_gradients_equal_finite_differences(float64, name, kind):
    import paddle
    from paddle import nn

    from paddle_gan_aug.networks.layers import Conv2D, MaskDropout, upsample_nearest

    class Upsample(nn.Layer):
        def forward(self, x):
            return upsample_nearest(x)

    middle = {
        "plain": lambda: nn.AvgPool2D(2),
        "instance": lambda: nn.InstanceNorm2D(3),
        "leaky": lambda: nn.LeakyReLU(0.2),
        "dropout": lambda: MaskDropout(0.3),
        "upsample": Upsample,
        "own": lambda: Conv2D(3, 2, 3, double_grad=True),
        "two logits": lambda: nn.Tanh(),
    }[kind]()
    discriminator = build(middle, logits=2 if kind == "two logits" else 1)
    real, fake = batches()

    def penalty():
        paddle.seed(0)
        return PENALTIES[name](discriminator, real, fake, np.random.default_rng(7))

    penalty().backward()
    rng, step = np.random.default_rng(2), 1e-6
    moving = 0
    for parameter in discriminator.parameters():
        value, direction = parameter.numpy(), rng.standard_normal(parameter.shape)
        found = 0.0 if parameter.grad is None else float((parameter.grad.numpy() * direction).sum())
        ends = []
        for sign in (1, -1):
            parameter.set_value(value + sign * step * direction)
            ends.append(float(penalty()))
        parameter.set_value(value)
        expected = (ends[0] - ends[1]) / (2 * step)
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-8), parameter.name
        moving += abs(expected) > 1e-6
    assert moving >= 2


def test_penalties_in_float32_agree_with_float64():
    import paddle

    discriminator = build()
    for penalty in PENALTIES.values():
        gradients = []
        for dtype in ("float32", "float64"):
            discriminator.to(dtype=dtype)
            penalty(discriminator, *batches(dtype), np.random.default_rng(0)).backward()
            gradients.append(discriminator[0][0].weight.grad.numpy())
            discriminator.clear_gradients()
        discriminator.to(dtype="float32")
        np.testing.assert_allclose(*gradients, rtol=1e-3, atol=1e-5 * np.abs(gradients[1]).max())
    assert paddle.get_default_dtype() == "float32"


def test_no_gradient_reaches_the_images_and_draws_come_from_the_generator(float64):
    discriminator = build()
    for name, penalty in PENALTIES.items():
        real, fake = batches()
        real.stop_gradient = fake.stop_gradient = False
        values = [penalty(discriminator, real, fake, np.random.default_rng(seed)) for seed in (1, 1, 2)]
        values[0].backward()
        assert real.grad is None and fake.grad is None, name
        assert float(values[0]) == float(values[1])
        assert (float(values[0]) == float(values[2])) == (name in ("r1", "r1-r2"))


def test_a_zero_gradient_gives_a_finite_penalty():
    for name, penalty in PENALTIES.items():
        w, discriminator = linear(np.zeros((1, *SHAPE), dtype="float32"))
        value = penalty(discriminator, *batches("float32"), np.random.default_rng(0))
        value.backward()
        assert float(value) == pytest.approx(0.0 if name in ("r1", "r1-r2") else 1.0, abs=1e-5)
        assert np.isfinite(w.grad.numpy()).all()


def test_unpaired_batches_and_odd_logits_are_refused():
    import paddle

    from paddle_gan_aug.algorithms.losses import score
    from paddle_gan_aug.algorithms.regularizers import gradient_penalty

    real, fake = batches("float32")
    with pytest.raises(ValueError, match="pair up"):
        gradient_penalty(build(), real, fake[:3], np.random.default_rng(0))
    with pytest.raises(ValueError, match="expected logits"):
        score(paddle.zeros([4, 3]))


def test_clipping_leaves_running_statistics_alone():
    from paddle import nn

    from paddle_gan_aug.algorithms.regularizers import clip_weights

    network = nn.Sequential(nn.Linear(5, 5), nn.BatchNorm1D(5))
    before = network[0].weight.numpy()
    clip_weights(network, 0.01)
    np.testing.assert_allclose(network[0].weight.numpy(), before.clip(-0.01, 0.01), rtol=1e-6)
    assert not network[0].weight.stop_gradient
    assert float(network[1].weight.max()) == pytest.approx(0.01)
    assert float(network[1]._variance.min()) == 1.0
    with pytest.raises(ValueError, match="above 0"):
        clip_weights(network, 0)


def test_lazy_penalties_keep_their_mean():
    from paddle_gan_aug.algorithms.regularizers import lazy_factor

    assert [lazy_factor(step, 4) for step in range(1, 9)] == [4, 0, 0, 0, 4, 0, 0, 0]
    assert {lazy_factor(step, 1) for step in range(1, 5)} == {1}


def test_lecam():
    import paddle

    from paddle_gan_aug.algorithms.regularizers import LeCam

    lecam = LeCam(decay=0.9)
    real = paddle.to_tensor([[1.0], [3.0]], stop_gradient=False)
    fake = paddle.to_tensor([[-1.0], [0.0], [-2.0]], stop_gradient=False)
    with pytest.raises(ValueError, match="update first"):
        lecam.penalty(real, fake)
    lecam.update(real, fake)
    assert lecam.state() == {"real": 2.0, "fake": -1.0}
    lecam.update(real + 1, fake)
    assert lecam.state()["real"] == pytest.approx(2.1)
    again = LeCam()
    again.load_state(json.loads(json.dumps(lecam.state())))
    value = again.penalty(real, fake)
    assert float(value) == pytest.approx((2.0**2 + 4.0**2) / 2 + (3.1**2 + 2.1**2 + 4.1**2) / 3)
    value.backward()
    np.testing.assert_allclose(real.grad.numpy(), [[2.0], [4.0]], rtol=1e-6)
