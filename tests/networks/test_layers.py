"""Every cheap layer equals the ordinary one, in value and gradient."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("process")


def gradients(function, inputs, parameters):
    """(value, gradients by inputs and parameters) of sum(function · fixed weights)."""
    import paddle

    value = function(*inputs)
    weights = paddle.to_tensor(np.random.default_rng(5).standard_normal(value.shape).astype("float32"))
    found = paddle.grad((value * weights).sum(), [*inputs, *parameters])
    return [value.numpy(), *[g.numpy() for g in found]]


def assert_same(ours, theirs, tolerance=2e-4):
    for a, b in zip(ours, theirs):
        assert np.abs(a - b).max() <= tolerance * max(1.0, np.abs(b).max())


def random_tensor(shape, seed=0):
    import paddle

    tensor = paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape).astype("float32"))
    tensor.stop_gradient = False
    return tensor


@pytest.mark.parametrize("kernel", [4, 5])
def test_up_conv_doubles_by_either_kernel(kernel, monkeypatch):
    import paddle
    from paddle import nn

    from paddle_gan_aug.networks.layers import UpConv2D

    ours = UpConv2D(6, 3, kernel_size=kernel)
    theirs = nn.Conv2DTranspose(6, 3, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel % 2)
    ours.bias.set_value(random_tensor([3], 1))
    theirs.set_state_dict(ours.state_dict())
    x = random_tensor([2, 6, 7, 7])
    assert ours(x).shape == [2, 3, 14, 14]
    assert_same(gradients(ours, [x], [ours.weight, ours.bias]), gradients(theirs, [x], [theirs.weight, theirs.bias]))
    with paddle.no_grad():
        assert np.abs(ours(x).numpy() - theirs(x).numpy()).max() < 1e-6
        monkeypatch.setattr(UpConv2D, "largest_product", 100)
        assert np.abs(ours(x).numpy() - theirs(x).numpy()).max() < 1e-6


@pytest.mark.parametrize("inputs, outputs, kernel", [(3, 8, 5), (32, 1, 4)])
def test_strided_conv2d_equals_paddles(inputs, outputs, kernel):
    from paddle import nn

    from paddle_gan_aug.networks.layers import Conv2D

    ours = Conv2D(inputs, outputs, kernel, padding=(kernel - 1) // 2, stride=2)
    assert not ours.transposed
    theirs = nn.Conv2D(inputs, outputs, kernel, stride=2, padding=(kernel - 1) // 2)
    theirs.set_state_dict(ours.state_dict())
    x = random_tensor([2, inputs, 14, 14])
    assert_same(gradients(ours, [x], [ours.weight]), gradients(theirs, [x], [theirs.weight]))


@pytest.mark.parametrize("inputs, outputs, kernel, padding", [(64, 1, 5, 2), (32, 2, 3, 0), (64, 3, 5, 4), (3, 8, 3, 0), (16, 8, 5, 2)])
def test_conv2d_equals_paddles(inputs, outputs, kernel, padding):
    from paddle import nn

    from paddle_gan_aug.networks.layers import Conv2D

    ours = Conv2D(inputs, outputs, kernel, padding=padding)
    assert ours.transposed == (inputs >= 16 * outputs)
    theirs = nn.Conv2D(inputs, outputs, kernel, padding=padding)
    ours.bias.set_value(random_tensor([outputs], 1))
    theirs.set_state_dict(ours.state_dict())
    x = random_tensor([2, inputs, 12, 12])
    assert_same(
        gradients(ours, [x], [ours.weight, ours.bias]),
        gradients(theirs, [x], [theirs.weight, theirs.bias]),
    )


@pytest.mark.parametrize(
    "inputs, outputs, kernel, size, fused", [(8, 4, 5, 7, True), (6, 1, 5, 14, True), (4, 2, 3, 16, True), (2, 1, 5, 32, False)]
)
def test_upsample_conv_equals_the_two_steps(inputs, outputs, kernel, size, fused):
    from paddle.nn import functional as F

    from paddle_gan_aug.networks.layers import UpsampleConv2D

    layer = UpsampleConv2D(inputs, outputs, kernel, size)
    assert layer.fused == fused
    assert set(layer.state_dict()) == {"weight", "bias"}
    layer.bias.set_value(random_tensor([outputs], 1))

    def plainly(x):
        enlarged = F.interpolate(x, scale_factor=2, mode="bilinear")
        return F.conv2d(enlarged, layer.weight, layer.bias, padding=kernel // 2)

    x = random_tensor([2, inputs, size, size])
    parameters = [layer.weight, layer.bias]
    assert_same(gradients(layer, [x], parameters), gradients(plainly, [x], parameters))


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh"])
def test_pool_before_bias_and_activation_is_exact(activation):
    import paddle
    from paddle.nn import functional as F

    from paddle_gan_aug.networks.layers import ACTIVATIONS, ConvPool

    block = ConvPool(3, 6, "none", activation)
    block.bias.set_value(random_tensor([6], 1))
    x = random_tensor([2, 3, 14, 14])

    def plainly(x):
        y = F.conv2d(x, block.conv.weight) + block.bias.reshape([1, -1, 1, 1])
        return F.max_pool2d(ACTIVATIONS[activation](y), 2)

    ours = gradients(block, [x], [block.conv.weight, block.bias])
    theirs = gradients(plainly, [x], [block.conv.weight, block.bias])
    np.testing.assert_array_equal(ours[0], theirs[0])
    assert_same(ours, theirs, 1e-5)
    assert paddle.isfinite(block(x)).all()


@pytest.mark.parametrize("size, kernel", [(11, 3), (12, 2)])
def test_pool_that_sees_the_edges_equals_paddles(size, kernel):
    from paddle.nn import functional as F

    from paddle_gan_aug.networks.pooling import max_pool2d

    x = random_tensor([2, 3, size, size])
    assert_same(gradients(lambda x: max_pool2d(x, see_edges=True), [x], []), gradients(lambda x: F.max_pool2d(x, kernel, 2), [x], []), 1e-6)


def test_channel_bias_has_a_second_derivative():
    import paddle

    from paddle_gan_aug.networks.layers import add_channel_bias

    x, bias = random_tensor([2, 3, 4, 4]), random_tensor([3], 1)
    first = paddle.grad((add_channel_bias(x, bias) ** 3).sum(), [x], create_graph=True)[0]
    second = paddle.grad(first.sum(), [bias])[0]
    np.testing.assert_allclose(second.numpy(), (6 * (x + bias.reshape([1, 3, 1, 1]))).sum([0, 2, 3]).numpy(), rtol=1e-5)


@pytest.mark.parametrize("train_scale", [True, False])
def test_weight_norm_linear_equals_the_definition(train_scale):
    import paddle

    from paddle_gan_aug.networks.layers import WeightNormLinear

    layer = WeightNormLinear(30, 20, train_scale)
    x = random_tensor([7, 30])
    plain = paddle.matmul(x, layer.weight_v) + layer.bias
    assert np.allclose(layer(x).numpy(), plain.numpy(), atol=1e-5)  # it begins as a plain layer
    layer.weight_g.set_value(random_tensor([20], 1))
    layer.bias.set_value(random_tensor([20], 2))
    parameters = [layer.weight_v, layer.bias] + [layer.weight_g] * train_scale
    assert layer.weight_g.stop_gradient != train_scale

    def definition(x):
        v = layer.weight_v
        return paddle.matmul(x, layer.weight_g * v / (v * v).sum(0, keepdim=True).sqrt()) + layer.bias

    assert_same(gradients(layer, [x], parameters), gradients(definition, [x], parameters))
    radial = (gradients(layer, [x], parameters)[2] * layer.weight_v.numpy()).sum(0)
    assert np.abs(radial).max() < 1e-3  # v's gradient is at right angles to v


def test_weight_norm_linear_has_a_second_derivative():
    import paddle

    from paddle_gan_aug.networks.layers import WeightNormLinear

    layer = WeightNormLinear(6, 4)
    x = random_tensor([3, 6])
    gradient = paddle.grad((layer(x) ** 2).sum(), x, create_graph=True)[0]
    second = paddle.grad((gradient**2).sum(), layer.weight_v)[0].numpy()
    value = layer.weight_v.numpy().astype("float64")

    def penalty(v):
        norm = np.sqrt((v * v).sum(0))
        w = v * layer.weight_g.numpy() / norm
        return ((2 * (x.numpy().astype("float64") @ w + layer.bias.numpy()) @ w.T) ** 2).sum()

    step = np.zeros_like(value)
    step[2, 1] = 1e-5
    assert second[2, 1] == pytest.approx((penalty(value + step) - penalty(value - step)) / 2e-5, rel=1e-3)


def test_gaussian_noise_is_normal_and_seeded():
    import paddle

    from paddle_gan_aug.networks.layers import gaussian_noises

    def drawn():
        return gaussian_noises([0.3], [[300, 200]])[0].numpy()

    paddle.seed(3)
    noise, other = drawn(), drawn()
    paddle.seed(3)
    assert (drawn() == noise).all()
    assert np.abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02
    assert noise.mean() == pytest.approx(0, abs=0.005)
    assert noise.std() == pytest.approx(0.3, rel=0.01)
    assert (np.abs(noise) > 0.6).mean() == pytest.approx(0.0455, abs=0.003)


def test_the_noise_of_several_layers_is_independent():
    from paddle_gan_aug.networks.layers import gaussian_noises

    first, second = gaussian_noises([0.3, 2.0], [[100, 201], [100, 3, 67]])
    assert (first.shape, second.shape) == ([100, 201], [100, 3, 67])
    assert (first.numpy().std(), second.numpy().std()) == (pytest.approx(0.3, rel=0.02), pytest.approx(2.0, rel=0.02))
    assert np.abs(np.corrcoef(first.numpy().ravel(), second.numpy().ravel())[0, 1]) < 0.03


def test_nearest_upsampling_equals_paddles():
    import paddle
    from paddle import nn

    from paddle_gan_aug.networks.layers import upsample_nearest

    x = paddle.randn([2, 3, 4, 5])
    assert (upsample_nearest(x).numpy() == nn.Upsample(scale_factor=2, mode="nearest")(x).numpy()).all()


def test_mask_dropout_keeps_the_mean_and_rests_in_evaluation_mode():
    import paddle

    from paddle_gan_aug.networks.layers import MaskDropout

    layer, x = MaskDropout(0.3), paddle.ones([200, 500])
    paddle.seed(1)
    y = layer(x).numpy()
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7], rtol=1e-6)
    assert abs((y == 0).mean() - 0.3) < 0.01
    paddle.seed(1)
    assert (layer(x).numpy() == y).all()
    layer.eval()
    assert (layer(x).numpy() == 1).all()
    assert (MaskDropout(0.0)(x).numpy() == 1).all()


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_window_without_a_number_makes_the_pooled_maps_nan(value):
    """Paddle's own backward of the masked pool writes outside its memory there."""
    import paddle

    from paddle_gan_aug.networks import batch_last, pooling

    for pool, shape in ((pooling.max_pool2d, [2, 3, 8, 8]), (batch_last.max_pool2d, [8, 8, 3, 2])):
        numbers = random_tensor(shape).numpy()
        numbers[:2, :2] = value
        x = paddle.to_tensor(numbers, stop_gradient=False)
        y = pool(x)
        (gradient,) = paddle.grad(y.sum(), [x])
        assert paddle.isfinite(pool(random_tensor(shape))).all()
        assert paddle.isnan(y).all() and gradient.shape == x.shape
