"""Spectral normalisation without transposed matrices, and a whole pass that is shared out, give what Paddle's own layers give."""

import numpy as np
import pytest

from paddle_gan_aug import runtime

pytestmark = pytest.mark.usefixtures("process")


def gradients(network, images):
    network(images).square().sum().backward()
    found = {name: value.grad.numpy() for name, value in network.named_parameters() if value.grad is not None}
    network.clear_gradients()
    return found


def test_a_linear_is_divided_by_its_largest_singular_value():
    import paddle
    from paddle import nn

    from paddle_gan_aug.networks.spectral import spectral_linear

    runtime.seed_paddle(0, "weights")
    ours, theirs = nn.Linear(7, 5), nn.Linear(7, 5)
    nn.utils.spectral_norm(theirs)
    spectral_linear(ours).set_state_dict(theirs.state_dict())
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    x = paddle.to_tensor(np.random.default_rng(0).standard_normal((6, 7)).astype("float32"))
    for _ in range(30):
        found, expected = gradients(ours, x), gradients(theirs, x)
        assert found.keys() == expected.keys() == {"weight_orig", "bias"}
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-4 * np.abs(value).max())
    for name, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[name].numpy(), value.numpy(), rtol=1e-5, atol=1e-6)
    assert np.linalg.svd(ours.weight.numpy())[1].max() == pytest.approx(1, abs=1e-3)


def test_evaluation_leaves_the_vectors_alone():
    import paddle
    from paddle import nn

    from paddle_gan_aug.networks.spectral import spectral_linear

    layer = spectral_linear(nn.Linear(4, 3))
    layer.eval()
    before = layer.weight_u.numpy().copy()
    layer(paddle.zeros([2, 4]))
    np.testing.assert_array_equal(layer.weight_u.numpy(), before)


@pytest.mark.parametrize("norm", ["none", "spectral"])
@pytest.mark.parametrize("name, options", [("ClassicDiscriminator", {}), ("HalvingDiscriminator", {"architecture": "dcgan"})])
def test_a_pass_that_is_shared_out_is_one_pass(monkeypatch, name, options, norm):
    """Its vectors take one step of the power iteration, and its gradients are those of one thread."""
    import paddle

    from paddle_gan_aug import networks
    from paddle_gan_aug.networks import parallel

    images = paddle.to_tensor(np.random.default_rng(1).uniform(-1, 1, (32, 1, 28, 28)).astype("float32"))
    found = {}
    for threads in (1, 2):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        runtime.seed_paddle(3, "weights")
        network = getattr(networks, name)(width=0.1, norm=norm, minibatch_std=True, **options)
        assert parallel.batch_parts(images) == threads
        found[threads] = [gradients(network, images) for _ in range(2)], {k: v.numpy() for k, v in network.state_dict().items()}
    (one, one_state), (two, two_state) = found[1], found[2]
    for mine, theirs in zip([*two, two_state], [*one, one_state]):
        assert mine.keys() == theirs.keys()
        for name, value in theirs.items():
            np.testing.assert_allclose(mine[name], value, rtol=1e-4, atol=1e-5 * max(1.0, np.abs(value).max()), err_msg=name)
