"""A batch shared out among threads: equal to the whole in value and gradient, whatever is asked for, and the same every time."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("process")


@pytest.fixture(params=[2, 3])
def threads(request, monkeypatch):
    from paddle_gan_aug import runtime

    monkeypatch.setattr(runtime, "cpu_threads", lambda: request.param)
    return request.param


def random_tensor(shape, seed, wanted=True):
    import paddle

    tensor = paddle.to_tensor(np.random.default_rng(seed).standard_normal(shape).astype("float32"))
    tensor.stop_gradient = not wanted
    return tensor


def layer(x, weight, bias):
    """A convolution, a bias and a curve: nothing in it looks at two samples."""
    from paddle.nn import functional as F

    return F.tanh(F.conv2d(x, weight, bias))


@pytest.fixture
def inputs():
    return [random_tensor([35, 2, 6, 6], 0), random_tensor([3, 2, 3, 3], 1), random_tensor([3], 2)]


def test_value_and_gradients_equal_the_whole(threads, inputs):
    import paddle

    from paddle_gan_aug.networks.parallel import batch_parts, split_batch

    assert batch_parts(inputs[0]) == threads
    whole, split = layer(*inputs), split_batch(layer, *inputs)
    assert np.abs(whole.numpy() - split.numpy()).max() < 1e-6
    weights = random_tensor(whole.shape, 3, wanted=False)
    for a, b in zip(paddle.grad((whole * weights).sum(), inputs), paddle.grad((split * weights).sum(), inputs)):
        assert np.abs(a.numpy() - b.numpy()).max() < 1e-4


@pytest.mark.parametrize("wanted", [[0], [1], [2], [0, 2], [1, 2]])
def test_any_subset_of_gradients(threads, inputs, wanted):
    import paddle

    from paddle_gan_aug.networks.parallel import split_batch

    whole = paddle.grad(layer(*inputs).sum(), inputs)
    some = paddle.grad(split_batch(layer, *inputs).sum(), [inputs[i] for i in wanted])
    for i, gradient in zip(wanted, some):
        assert np.abs(whole[i].numpy() - gradient.numpy()).max() < 1e-4


def test_frozen_parameters_get_no_gradient(threads, inputs):
    from paddle_gan_aug.networks.parallel import split_batch

    x, weight, bias = inputs
    weight.stop_gradient = bias.stop_gradient = True
    layer(x, weight, bias).sum().backward()
    whole = x.grad.numpy()
    x.clear_grad()
    split_batch(layer, x, weight, bias).sum().backward()
    assert np.abs(x.grad.numpy() - whole).max() < 1e-5
    assert weight.grad is None
    assert bias.grad is None


def test_without_gradients(threads, inputs):
    import paddle

    from paddle_gan_aug.networks.parallel import split_batch

    with paddle.no_grad():
        found = split_batch(layer, *inputs)
    assert found.stop_gradient
    assert np.abs(found.numpy() - layer(*inputs).numpy()).max() < 1e-6


def test_inference_takes_several_batches_and_leaves_no_graph(threads, inputs):
    from paddle_gan_aug.networks import infer

    x, weight, bias = inputs
    found = infer(lambda part, none, same: layer(part, weight, bias) + same.mean([1, 2, 3], keepdim=True), x, None, x)
    assert found.stop_gradient
    assert np.abs(found.numpy() - (layer(*inputs) + x.mean([1, 2, 3], keepdim=True)).numpy()).max() < 1e-6


def test_every_call_gives_the_same_bits(threads, inputs):
    import paddle

    from paddle_gan_aug.networks.parallel import split_batch

    def gradient():
        return paddle.grad(split_batch(layer, *inputs).sum(), inputs)[1].numpy()

    first = gradient()
    assert all((gradient() == first).all() for _ in range(20))


def test_a_second_derivative_is_refused_and_not_wrong(threads, inputs):
    import paddle

    from paddle_gan_aug.networks.parallel import split_batch

    with pytest.raises(Exception, match="cannot be differentiated twice"):
        paddle.grad((split_batch(layer, *inputs) ** 2).sum(), inputs[:1], create_graph=True)


def test_small_batches_and_parts_are_not_split(threads, inputs):
    from paddle_gan_aug.networks.parallel import batch_parts, split_batch

    assert batch_parts(inputs[0][:9]) == 1
    seen = []

    def nested(x, weight, bias):
        seen.append(batch_parts(x.tile([8, 1, 1, 1])))
        return layer(x, weight, bias)

    split_batch(nested, *inputs)
    assert seen == [1] * threads


def test_an_error_in_a_part_reaches_the_caller(threads, inputs):
    from paddle_gan_aug.networks.parallel import split_batch

    with pytest.raises(ZeroDivisionError):
        split_batch(lambda *_: 1 / 0, *inputs)


@pytest.mark.parametrize("variant", ["transpose", "upsample"])
def test_networks_are_the_same_on_one_thread_and_on_several(threads, monkeypatch, variant):
    import paddle

    from paddle_gan_aug import runtime
    from paddle_gan_aug.networks import ClassicDiscriminator, ClassicGenerator

    generator = ClassicGenerator(variant, width=0.1)
    discriminator = ClassicDiscriminator(width=0.1, activation="leaky_relu")
    latents = random_tensor([40, 100], 4, wanted=False)

    def gradients():
        loss = discriminator(generator(latents)).mean()
        return paddle.grad(loss, [p for net in (generator, discriminator) for p in net.parameters() if not p.stop_gradient])

    several = gradients()
    monkeypatch.setattr(runtime, "cpu_threads", lambda: 1)
    for a, b in zip(several, gradients()):
        assert np.abs(a.numpy() - b.numpy()).max() <= 1e-4 * max(1e-3, np.abs(b.numpy()).max())


def test_what_needs_no_gradient_gets_none(threads, inputs):
    import paddle

    from paddle_gan_aug.networks.parallel import split_batch

    x, weight, bias = inputs
    weight.stop_gradient = True
    (of_bias,) = paddle.grad(layer(x, weight, bias).sum(), [bias])
    split_batch(layer, x, weight, bias).sum().backward()
    assert weight.grad is None and x.grad is not None
    assert np.abs(bias.grad.numpy() - of_bias.numpy()).max() < 1e-3
