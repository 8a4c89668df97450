"""The check of a discriminator's second derivatives names every layer that has none."""

import pytest

pytestmark = pytest.mark.usefixtures("process")

SHAPE = (2, 8, 8)


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


GOOD = {
    "plain": lambda nn: (),
    "average pool": lambda nn: (nn.AvgPool2D(2),),
    "instance norm": lambda nn: (nn.InstanceNorm2D(3),),
    "batch norm": lambda nn: (nn.BatchNorm2D(3),),
    "relu": lambda nn: (nn.Conv2D(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2D(8, 3, 3), nn.LeakyReLU(0.2)),
    "spectral norm": lambda nn: (nn.utils.spectral_norm(nn.Conv2D(3, 4, 3)),),
    "weight norm": lambda nn: (nn.utils.weight_norm(nn.Conv2D(3, 4, 3)),),
}

BAD = {  # layer -> (its maker, what the message says of it, a part of the drop-in)
    "max pool": (lambda nn: nn.MaxPool2D(2), "MaxPool2D", "AvgPool2D"),
    "dropout": (lambda nn: nn.Dropout(0.3), "Dropout", "MaskDropout"),
    "flatten": (lambda nn: nn.Flatten(), "Flatten", "reshape"),
    "layer norm": (lambda nn: nn.LayerNorm([3, 4, 4]), "LayerNorm", "InstanceNorm2D"),
    "group norm": (lambda nn: nn.GroupNorm(3, 3), "GroupNorm", "InstanceNorm2D"),
    "transposed": (lambda nn: nn.Conv2DTranspose(3, 3, 3), "Conv2DTranspose", "upsample_nearest"),
    "upsample": (lambda nn: nn.Upsample(scale_factor=2), "Upsample", "upsample_nearest"),
    "gelu": (lambda nn: nn.GELU(), "GELU", "LeakyReLU"),
    "prelu": (lambda nn: nn.PReLU(), "PReLU", "LeakyReLU"),
}


@pytest.mark.parametrize("name", GOOD)
def test_the_check_passes_what_works_and_changes_nothing(name):
    import paddle
    from paddle import nn

    from paddle_gan_aug.algorithms.double_grad import check_double_grad

    discriminator = build(*GOOD[name](nn))
    before = {key: value.numpy() for key, value in discriminator.state_dict().items()}
    paddle.seed(5)
    expected = paddle.rand([3]).numpy()
    paddle.seed(5)
    check_double_grad(discriminator, SHAPE)
    assert (paddle.rand([3]).numpy() == expected).all()
    for key, value in discriminator.state_dict().items():
        assert value.dtype == paddle.float32
        assert (value.numpy() == before[key]).all(), key
    assert all(p.grad is None for p in discriminator.parameters())


@pytest.mark.parametrize("name", BAD)
def test_the_check_names_the_layer_and_its_drop_in(name):
    from paddle import nn

    from paddle_gan_aug.algorithms.double_grad import check_double_grad

    make, said, drop_in = BAD[name]
    with pytest.raises(ValueError, match=rf"penalty needs: 0\.2 \({said}\).*use .*{drop_in}"):
        check_double_grad(build(make(nn)), SHAPE)


def test_the_check_names_all_layers_at_fault():
    from paddle import nn

    from paddle_gan_aug.algorithms.double_grad import check_double_grad

    with pytest.raises(ValueError, match=r"0\.2 \(GELU\).*0\.3 \(MaxPool2D\)"):
        check_double_grad(build(nn.GELU(), nn.MaxPool2D(2)), SHAPE)


def test_the_check_refuses_a_batch_norm_in_evaluation_mode():
    from paddle import nn

    from paddle_gan_aug.algorithms.double_grad import check_double_grad

    discriminator = build(nn.BatchNorm2D(3))
    discriminator.eval()
    with pytest.raises(ValueError, match="BatchNorm2D.*training mode"):
        check_double_grad(discriminator, SHAPE)


def test_the_check_names_an_operation_outside_any_layer():
    from paddle import nn

    from paddle_gan_aug.algorithms.double_grad import check_double_grad

    class Pooling(nn.Layer):
        def forward(self, x):
            return nn.functional.max_pool2d(x, 2)

    with pytest.raises(ValueError, match=r"0\.2 \(Pooling\).*average pooling"):
        check_double_grad(build(Pooling()), SHAPE)


def test_the_check_finds_silent_wrongness():
    """Layers whose second derivative Paddle computes without complaint, as if parts of it were constants."""
    import paddle
    from paddle import nn
    from paddle.autograd import PyLayer

    from paddle_gan_aug.algorithms.double_grad import check_double_grad

    class Square(PyLayer):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, gradient):
            (x,) = ctx.saved_tensor()
            return 2 * x.detach() * gradient.detach()

    class Silent(nn.Layer):
        def forward(self, x):
            return Square.apply(x)

    with pytest.raises(ValueError, match=r"0\.2 \(Silent\)"):
        check_double_grad(build(Silent()), SHAPE)
    with pytest.raises(ValueError, match="wrong gradients.*without paddle.jit.to_static"):
        check_double_grad(paddle.jit.to_static(build(), full_graph=True), SHAPE)


def test_a_discriminator_that_only_runs_in_float32_is_judged_too():
    import paddle
    from paddle import nn

    from paddle_gan_aug.algorithms.double_grad import check_double_grad
    from paddle_gan_aug.networks.layers import gaussian_noises

    class Noise(nn.Layer):
        def forward(self, x):
            return x + gaussian_noises([0.1], [x.shape])[0]

    class Float32(nn.Layer):
        def forward(self, x):
            assert x.dtype == paddle.float32
            return x

    check_double_grad(build(Noise(), Float32(), nn.ReLU(), nn.Conv2D(3, 8, 3), nn.ReLU()), SHAPE)
    check_double_grad(build(Noise()), SHAPE)
    with pytest.raises(ValueError, match=r"0\.3 \(Dropout\).*MaskDropout"):
        check_double_grad(build(Float32(), nn.Dropout(0.3)), SHAPE)


def test_the_check_is_sure_of_a_large_discriminator_with_kinks():
    from paddle import nn

    from paddle_gan_aug.algorithms.double_grad import check_double_grad
    from paddle_gan_aug.networks.layers import MaskDropout

    layers = []
    for inputs, outputs in ((3, 32), (32, 64)):
        layers += [nn.utils.spectral_norm(nn.Conv2D(inputs, outputs, 5, stride=2, padding=2)), nn.ReLU(), MaskDropout(0.3)]
    discriminator = build(*layers, image=(1, 28, 28))
    for seed in range(3):
        check_double_grad(discriminator, (1, 28, 28), seed)


def test_the_check_knows_the_project_s_own_layers():
    from paddle_gan_aug.algorithms.double_grad import check_double_grad
    from paddle_gan_aug.networks import ClassicDiscriminator
    from paddle_gan_aug.networks.layers import Conv2D, MaskDropout

    check_double_grad(build(Conv2D(3, 4, 3, double_grad=True), MaskDropout(0.3)), SHAPE)
    with pytest.raises(ValueError, match=r"0\.2 \(Conv2D\).*double_grad=True"):
        check_double_grad(build(Conv2D(3, 4, 3)), SHAPE)
    for norm in ("none", "batch", "spectral"):
        with pytest.raises(ValueError, match="cannot be differentiated twice"):
            check_double_grad(ClassicDiscriminator(width=0.05, norm=norm), (1, 28, 28))
