"""The layers that the networks share, in the form that is cheap on a CPU.

Each computes what the ordinary Paddle layer of its name computes (the tests hold them equal in value and gradient); only
the way there differs, with the reason beside it. Parameters keep the ordinary names and shapes.
"""

from __future__ import annotations

import functools
import math
from typing import List, Optional, Sequence

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F
from scipy.special import ndtri

from .parallel import exporting, split_batch
from .pooling import max_pool2d
from .precision import in_float32
from .spectral import spectral_conv


def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """max(x, negative_slope · x), any shape.

    An exported network spells it out: of Paddle's own operation paddle2onnx 2.1 loses the slope.
    """
    return paddle.maximum(x, x * negative_slope) if exporting() else F.leaky_relu(x, negative_slope=negative_slope)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)), any shape; spelled out in an exported network, since paddle2onnx 2.1 does not know it."""
    return F.relu(x) + ((-x.abs()).exp() + 1).log() if exporting() else F.softplus(x)


ACTIVATIONS = {
    "relu": F.relu,
    "leaky_relu": leaky_relu,
    "tanh": F.tanh,
    "none": lambda x: x,
}


def weight_attr(init_std: Optional[float]) -> Optional[paddle.ParamAttr]:
    """The attribute of a weight drawn from N(0, init_std), or None for the framework's own initialisation."""
    return None if init_std is None else paddle.ParamAttr(initializer=nn.initializer.Normal(0.0, init_std))


def add_channel_bias(x: Tensor, bias: Tensor) -> Tensor:
    """`x` [N, C, H, W] + `bias` [C].

    Paddle's broadcast over four axes takes ten times as long as the same sum over three.
    """
    n, c, h, w = x.shape
    return (x.reshape([n, c, h * w]) + bias.reshape([c, 1])).reshape([n, c, h, w])


def upsample_nearest(x: Tensor) -> Tensor:
    """Nearest-neighbour ×2, [N, C, H, W] -> [N, C, 2H, 2W]; unlike `nn.Upsample` it can be differentiated twice."""
    n, c, h, w = x.shape
    return x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]).reshape([n, c, 2 * h, 2 * w])


def fold(patches: Tensor, size: int, kernel_size: int, stride: int, padding: int) -> Tensor:
    """The sum of overlapping patches, [N, C · kernel_size², places] -> [N, C, size, size].

    Paddle 3 folds no batch whose size is not known: an exported network convolves with the patches' own pixels, which gives the same sums.
    """
    if not exporting():
        return F.fold(patches, [size] * 2, kernel_size, strides=stride, paddings=padding)
    count, side = patches.shape[1], (size + 2 * padding - kernel_size) // stride + 1
    pixels = paddle.eye(count, dtype=patches.dtype).reshape([count, -1, kernel_size, kernel_size])
    return F.conv2d_transpose(patches.reshape([-1, count, side, side]), pixels, stride=stride, padding=padding)


class MaskDropout(nn.Layer):
    """Dropout as a product with a mask, any shape: unlike `nn.Dropout` it can be differentiated twice.

    In training each number is kept with probability 1 - p and then divided by it; in evaluation mode the input passes unchanged.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        return x * ((paddle.rand(x.shape) >= self.p).astype(x.dtype) / (1 - self.p))


class SplitLayer(nn.Layer):
    """Base of layers whose output for a sample depends on that sample alone: the batch is shared out among the CPU's threads.

    Subclasses have a `weight`, perhaps a `bias`, and implement `compute`, which uses what it is given in their place.
    """

    def forward(self, x: Tensor) -> Tensor:
        return split_batch(self.compute, x, *self.given())

    def given(self) -> List[Tensor]:
        """The parameters that `compute` takes after x."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def compute(self, x: Tensor, weight: Tensor, bias: Optional[Tensor] = None) -> Tensor:
        raise NotImplementedError


class Conv2D(SplitLayer):
    """A convolution, [N, in, H, W] -> [N, out, (H + 2p - k) // stride + 1, (W + 2p - k) // stride + 1].

    With stride 1 and few output channels it runs as the transposed convolution with the flipped, channel-swapped kernel: that form
    multiplies first and scatters afterwards, so that its buffer holds k²·out numbers a pixel instead of k²·in. The
    transposed form has no second derivative; `double_grad=True` keeps the direct one.

    Args:
        bias: False for a layer that a normalisation follows (which would take it out again).
        double_grad: the layer can be differentiated twice; it then neither takes the transposed form nor shares out the batch.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        padding: int = 0,
        bias: bool = True,
        init_std: Optional[float] = None,
        double_grad: bool = False,
        stride: int = 1,
    ) -> None:
        super().__init__()
        shape = [out_channels, in_channels, kernel_size, kernel_size]
        default = nn.initializer.Normal(0.0, (2 / (in_channels * kernel_size**2)) ** 0.5)  # Paddle's own for convolutions
        self.weight = self.create_parameter(shape, attr=weight_attr(init_std), default_initializer=default)
        self.bias = self.create_parameter([out_channels], is_bias=True) if bias else None
        self.kernel_size, self.padding, self.double_grad, self.stride = kernel_size, padding, double_grad, stride
        self.transposed = in_channels >= 16 * out_channels and padding < kernel_size and stride == 1 and not double_grad

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(x, *self.given()) if self.double_grad else super().forward(x)

    def begin_pass(self) -> List[Tensor]:
        """What `compute` takes after x in a pass that begins now: spectral normalisation works the weight out and counts the pass."""
        for hook in self._forward_pre_hooks.values():
            hook(self, None)
        return self.given()

    def compute(self, x: Tensor, weight: Tensor, bias: Optional[Tensor] = None) -> Tensor:
        if self.transposed and not exporting():
            kernel = weight.flip([2, 3]).transpose([1, 0, 2, 3])
            y = F.conv2d_transpose(x, kernel, padding=self.kernel_size - 1 - self.padding)
        else:
            y = F.conv2d(x, weight, stride=self.stride, padding=self.padding)
        return y if bias is None else add_channel_bias(y, bias)


class UpsampleConv2D(Conv2D):
    """Bilinear ×2 and a convolution of odd kernel size that keeps the size, [N, in, n, n] -> [N, out, 2n, 2n].

    Both are linear in the image, so the channels may be mixed first, at the small size: one product with the kernel gives
    every tap's image [N, out, k², n²], a second one with a constant matrix enlarges, shifts and adds them. Two large products
    replace an interpolation and a convolution sample by sample, at a quarter of the multiplications and about a tenth of the
    time on a CPU. Where the constant matrix would be large, the two plain steps are taken.

    Args:
        size: n, the height and width of the input.
        bias: False for a layer that a normalisation follows.
    """

    largest_matrix = 1 << 23  # numbers in the constant matrix: 32 MB

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, size: int, bias: bool = True, init_std: Optional[float] = None
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, kernel_size // 2, bias, init_std)
        self.size = size
        self.fused = kernel_size**2 * size**2 * (2 * size) ** 2 <= self.largest_matrix
        if self.fused:
            spread = paddle.to_tensor(enlarge_and_shift(size, kernel_size), dtype=paddle.get_default_dtype())
            self.register_buffer("spread", spread, persistable=False)

    def compute(self, x: Tensor, weight: Tensor, bias: Optional[Tensor] = None) -> Tensor:
        if not self.fused or exporting():  # an exported network does without the large matrix
            return super().compute(F.interpolate(x, scale_factor=2, mode="bilinear"), weight, bias)
        out_channels, in_channels, k, _ = weight.shape
        n, side = x.shape[0], 2 * self.size
        kernel = weight.transpose([0, 2, 3, 1]).reshape([out_channels * k * k, in_channels])
        taps = paddle.matmul(kernel, x.reshape([n, in_channels, self.size**2]))
        y = paddle.matmul(taps.reshape([n * out_channels, k * k * self.size**2]), self.spread).reshape([n, out_channels, side, side])
        return y if bias is None else add_channel_bias(y, bias)


def enlarge_and_shift(size: int, kernel_size: int) -> np.ndarray:
    """The constant of `UpsampleConv2D`, float64 [k²·n², 4n²]: from every tap's small image to the sum of their enlarged, shifted ones."""
    source = np.maximum((np.arange(2 * size) + 0.5) / 2 - 0.5, 0)  # where a pixel of the large image lies in the small one
    left = source.astype(int)
    right = np.minimum(left + 1, size - 1)
    enlarge = np.zeros((2 * size, size))
    np.add.at(enlarge, (np.arange(2 * size), left), 1 - (source - left))
    np.add.at(enlarge, (np.arange(2 * size), right), source - left)
    padded = np.pad(enlarge, ((kernel_size // 2, kernel_size // 2), (0, 0)))
    shifted = np.stack([padded[k : k + 2 * size] for k in range(kernel_size)])
    both_axes = np.einsum("aip,bjq->abpqij", shifted, shifted)
    return both_axes.reshape(kernel_size**2 * size**2, 4 * size**2)


class UpConv2D(SplitLayer):
    """A transposed convolution of stride 2 that doubles the size, [N, in, H, W] -> [N, out, 2H, 2W]; kernel_size 4 or 5.

    Without gradients it runs as one product for the whole batch and a fold, if the product is not too large: the same bits, sooner.
    With them the backward pass of that form takes back what its forward pass has won.
    """

    largest_product = 1 << 24  # numbers: 64 MB

    def __init__(
        self, in_channels: int, out_channels: int, bias: bool = True, init_std: Optional[float] = None, kernel_size: int = 4
    ) -> None:
        super().__init__()
        shape = [in_channels, out_channels, kernel_size, kernel_size]
        self.padding = (kernel_size - 1) // 2
        self.output_padding = kernel_size % 2
        self.weight = self.create_parameter(shape, attr=weight_attr(init_std))
        self.bias = self.create_parameter([out_channels], is_bias=True) if bias else None

    def compute(self, x: Tensor, weight: Tensor, bias: Optional[Tensor] = None) -> Tensor:
        product = math.prod(x.shape) // x.shape[1] * math.prod(weight.shape[1:])
        if exporting() or paddle.is_grad_enabled() or product > self.largest_product:
            y = F.conv2d_transpose(x, weight, stride=2, padding=self.padding, output_padding=self.output_padding)
        else:
            y = self._fold(x, weight)
        return y if bias is None else add_channel_bias(y, bias)

    def _fold(self, x: Tensor, weight: Tensor) -> Tensor:
        n, channels, h, w = x.shape
        taps = paddle.matmul(weight.reshape([channels, -1]).transpose([1, 0]), x.reshape([n, channels, h * w]))
        return F.fold(taps, [2 * h, 2 * w], weight.shape[2:], strides=2, paddings=self.padding)


class WeightNormLinear(nn.Layer):
    """A Linear layer with weight normalisation (Salimans and Kingma 2016): y = x · (g · v / ||v||) + b, [N, in] -> [N, out].

    The normalisation scales the product instead of the weight, and ||v||² is a product with a row of ones: beside the plain
    layer's work that leaves one squaring of v. Normalising the weight itself takes more than twice the plain layer's time,
    Paddle's `weight_norm` hook more than ten times.

    Args:
        train_scale: whether g learns; it begins at ||v||, where the layer equals a plain one.
        init_std: of v; None = the framework's initialisation of Linear.
    """

    def __init__(self, in_features: int, out_features: int, train_scale: bool = True, init_std: Optional[float] = 0.05) -> None:
        super().__init__()
        self.weight_v = self.create_parameter([in_features, out_features], attr=weight_attr(init_std))
        norm = paddle.linalg.norm(self.weight_v.detach(), axis=0)
        self.weight_g = self.create_parameter([out_features], default_initializer=nn.initializer.Assign(norm))
        self.weight_g.stop_gradient = not train_scale
        self.bias = self.create_parameter([out_features], is_bias=True)
        self.register_buffer("ones", paddle.ones([1, in_features]), persistable=False)

    def forward(self, x: Tensor) -> Tensor:
        with in_float32():
            squared_norm = paddle.matmul(self.ones, self.weight_v.square()).reshape([-1])  # [1, out] would broadcast five times slower
        return paddle.matmul(x, self.weight_v) * (self.weight_g * squared_norm.rsqrt()) + self.bias


def gaussian_noises(stds: Sequence[float], shapes: Sequence[Sequence[int]]) -> List[Tensor]:
    """Independent noise N(0, std) of every shape, as float32 tensors on the current device.

    On a CPU each number is one of the 65,536 equally likely quantiles of the normal distribution (none lies beyond 4.33 std),
    looked up by 16 random bits: a fifteenth of the time of `paddle.randn`. The bits' seed comes from Paddle's generator, so
    that `paddle.seed` governs them as it does dropout. All the noise of a network in one call takes half the time of a call for
    each layer, which finds the caches full of weights.
    """
    if "cpu" not in paddle.get_device():
        return [paddle.randn(shape) * std for std, shape in zip(stds, shapes)]
    counts = [math.prod(shape) for shape in shapes]
    bits = np.random.SFC64(paddle.randint(0, 2**31 - 1, [1]).item())
    index = bits.random_raw(-(-sum(counts) // 4)).view(np.uint16)
    noises, ends = [], np.cumsum(counts)
    for std, shape, count, end in zip(stds, shapes, counts, ends):
        noise = _normal_quantiles(std).take(index[end - count : end], mode="wrap")  # all are in the table: "wrap" skips the check
        noises.append(paddle.to_tensor(noise.reshape(shape)))
    return noises


@functools.cache  # one table for all layers of a std: a quarter of a megabyte, which must stay in the cache
def _normal_quantiles(std: float) -> np.ndarray:
    """65,536 equally likely quantiles of N(0, std), float32."""
    quantiles = ndtri((np.arange(1 << 16) + 0.5) / (1 << 16))
    return (std * quantiles / quantiles.std()).astype(np.float32)


def norm2d(kind: str, channels: int) -> Optional[nn.Layer]:
    """The normalisation layer `kind` over feature maps, or None ("none", and "spectral", which is a property of weights)."""
    if kind == "batch":
        return nn.BatchNorm2D(channels)
    if kind == "instance":
        return nn.InstanceNorm2D(channels)
    return None


def norm1d(kind: str, features: int) -> Optional[nn.Layer]:
    """The normalisation layer `kind` over a feature vector, or None. Instance normalisation has no meaning there."""
    return nn.BatchNorm1D(features) if kind == "batch" else None


class ConvPool(nn.Layer):
    """Conv k3 -> normalisation -> activation -> max-pool 2, [N, in, H, W] -> [N, out, (H - 2) // 2, (W - 2) // 2].

    The pool is taken before the bias and the activation, on a quarter of the memory traffic: both are monotone, so the
    largest of four activations is the activation of the largest, to the last bit.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        norm: str = "none",
        activation: str = "relu",
        init_std: Optional[float] = None,
        see_edges: bool = False,
    ) -> None:
        super().__init__()
        self.see_edges = see_edges
        self.conv = Conv2D(in_channels, out_channels, 3, bias=False, init_std=init_std)
        self.norm = norm2d(norm, out_channels)
        self.bias = self.create_parameter([out_channels], is_bias=True) if self.norm is None else None
        self.activation = ACTIVATIONS[activation]
        if norm == "spectral":
            spectral_conv(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.pool(y if self.norm is None else self.norm(y), self.bias)

    def compute(self, x: Tensor, weight: Tensor, bias: Optional[Tensor]) -> Tensor:
        """The layer without normalisation of its maps, from these parameters: what `split_batch` takes."""
        return self.pool(self.conv.compute(x, weight), bias)

    def pool(self, y: Tensor, bias: Optional[Tensor]) -> Tensor:
        y = max_pool2d(y, self.see_edges)
        return self.activation(y if bias is None else add_channel_bias(y, bias))
