"""The layers that the networks share, in the form that is cheap on a CPU.

Each computes what the ordinary Paddle layer of its name computes (the tests hold them equal in value and gradient); only
the way there differs, with the reason beside it. Parameters keep the ordinary names and shapes.
"""

import paddle
from paddle import nn
from paddle.nn import functional as F

ACTIVATIONS = {
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, negative_slope=0.2),
    "tanh": F.tanh,
}


def weight_attr(init_std):
    """The attribute of a weight drawn from N(0, init_std), or None for the framework's own initialisation."""
    return None if init_std is None else paddle.ParamAttr(initializer=nn.initializer.Normal(0.0, init_std))


def add_channel_bias(x, bias):
    """`x` [N, C, H, W] + `bias` [C].

    Paddle's broadcast over four axes takes ten times as long as the same sum over three.
    """
    n, c, h, w = x.shape
    return (x.reshape([n, c, h * w]) + bias.reshape([c, 1])).reshape([n, c, h, w])


def max_pool2d(x):
    """Max-pool 2 with stride 2, [N, C, H, W] -> [N, C, H // 2, W // 2].

    Asking for the mask as well makes Paddle remember where each maximum was; its backward then takes a sixth of the time
    of the one that searches again.
    """
    return F.max_pool2d(x, 2, return_mask=True)[0]


class Conv2D(nn.Layer):
    """A stride-1 convolution, [N, in, H, W] -> [N, out, H + 2p - k + 1, W + 2p - k + 1].

    With few output channels it runs as the transposed convolution with the flipped, channel-swapped kernel: that form
    multiplies first and scatters afterwards, so that its buffer holds k²·out numbers a pixel instead of k²·in. The
    transposed form has no second derivative; `double_grad=True` keeps the direct one.

    Args:
        bias: None keeps no bias, for a layer that a normalisation follows (which would take it out again).
    """

    def __init__(self, in_channels, out_channels, kernel_size, padding=0, bias=True, init_std=None, double_grad=False):
        super().__init__()
        shape = [out_channels, in_channels, kernel_size, kernel_size]
        default = nn.initializer.Normal(0.0, (2 / (in_channels * kernel_size**2)) ** 0.5)  # Paddle's own for convolutions
        self.weight = self.create_parameter(shape, attr=weight_attr(init_std), default_initializer=default)
        self.bias = self.create_parameter([out_channels], is_bias=True) if bias else None
        self.kernel_size, self.padding = kernel_size, padding
        self.transposed = in_channels >= 16 * out_channels and padding < kernel_size and not double_grad

    def forward(self, x):
        if self.transposed:
            kernel = self.weight.flip([2, 3]).transpose([1, 0, 2, 3])
            y = F.conv2d_transpose(x, kernel, padding=self.kernel_size - 1 - self.padding)
        else:
            y = F.conv2d(x, self.weight, padding=self.padding)
        return y if self.bias is None else add_channel_bias(y, self.bias)


class UpConv2D(nn.Layer):
    """A transposed convolution that doubles the size (k4 s2 p1), [N, in, H, W] -> [N, out, 2H, 2W]."""

    def __init__(self, in_channels, out_channels, bias=True, init_std=None):
        super().__init__()
        shape = [in_channels, out_channels, 4, 4]
        self.weight = self.create_parameter(shape, attr=weight_attr(init_std))
        self.bias = self.create_parameter([out_channels], is_bias=True) if bias else None

    def forward(self, x):
        y = F.conv2d_transpose(x, self.weight, stride=2, padding=1)
        return y if self.bias is None else add_channel_bias(y, self.bias)


def norm2d(kind, channels):
    """The normalisation layer `kind` over feature maps, or None ("none", and "spectral", which is a property of weights)."""
    if kind == "batch":
        return nn.BatchNorm2D(channels)
    if kind == "instance":
        return nn.InstanceNorm2D(channels)
    return None


def norm1d(kind, features):
    """The normalisation layer `kind` over a feature vector, or None. Instance normalisation has no meaning there."""
    return nn.BatchNorm1D(features) if kind == "batch" else None


class ConvPool(nn.Layer):
    """Conv k3 -> normalisation -> activation -> max-pool 2, [N, in, H, W] -> [N, out, (H - 2) // 2, (W - 2) // 2].

    The pool is taken before the bias and the activation, on a quarter of the memory traffic: both are monotone, so the
    largest of four activations is the activation of the largest, to the last bit.
    """

    def __init__(self, in_channels, out_channels, norm="none", activation="relu", init_std=None):
        super().__init__()
        self.conv = Conv2D(in_channels, out_channels, 3, bias=False, init_std=init_std, double_grad=True)
        self.norm = norm2d(norm, out_channels)
        self.bias = self.create_parameter([out_channels], is_bias=True) if self.norm is None else None
        self.activation = ACTIVATIONS[activation]
        if norm == "spectral":
            nn.utils.spectral_norm(self.conv, dim=0)

    def forward(self, x):
        y = self.conv(x)
        y = max_pool2d(y if self.norm is None else self.norm(y))
        return self.activation(y if self.bias is None else add_channel_bias(y, self.bias))
