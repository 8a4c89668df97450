"""Convolutions made of matrix products, over maps whose last axis is the batch: [H, W, C, N].

Paddle's convolutions take one sample at a time, and their products are small. With the batch as the last axis every step of a convolution
is a few large products instead: constant matrices take the maps along one axis after the other to places where the kernel acts as a
plain matrix on the channels, and back. There are two such ways, and both give the ordinary numbers (float32: to about 1e-6):

- *Fourier*: the places are frequencies, a complex number each. A kernel of 3×3 at 14×14 then takes a third of the multiplications.
- *gathered*: the places are those of the smaller side, with the pixels under the kernel beside each other. It suits few channels.

A transposed convolution is the same products transposed, in reverse order. Everything can be differentiated twice. On a GPU, and in
exported networks, the ordinary layers run between two transpositions.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Tuple

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .layers import Conv2D
from .pooling import masked_pool

FEW_CHANNELS = 3  # on the larger side, up to which pixels are gathered


def to_batch_last(images: Tensor) -> Tensor:
    """[N, C, H, W] -> [H, W, C, N]."""
    return images.transpose([2, 3, 1, 0])


def to_batch_first(maps: Tensor) -> Tensor:
    """[H, W, C, N] -> [N, C, H, W]."""
    return maps.transpose([3, 2, 0, 1])


def flatten(maps: Tensor) -> Tensor:
    """[H, W, C, N] -> [N, C · H · W], in the order of flattened [N, C, H, W]."""
    height, width, channels, _ = maps.shape
    return to_batch_first(maps).reshape([-1, channels * height * width])


def _as_products(x: Tensor) -> bool:
    """Whether a layer computes by products: on a CPU, and not while the network is exported, when the batch has no size."""
    return paddle.in_dynamic_mode() and x.place.is_cpu_place()


def conv2d(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """`F.conv2d` of maps [H, W, in, N] with `weight` [out, in, k, k] -> [(H + 2·padding - k) // stride + 1, …, out, N]."""
    if not _as_products(x):
        return to_batch_last(F.conv2d(to_batch_first(x), weight, stride=stride, padding=padding))
    height, width, channels, n = x.shape
    outputs, _, k, _ = weight.shape
    small = tuple((side + 2 * padding - k) // stride + 1 for side in (height, width))
    way = _way(small, (height, width), k, stride, padding, channels, str(x.dtype))
    places = paddle.matmul(way.out1, x.reshape([height, -1]), transpose_x=True)
    places = paddle.matmul(way.out2, places.reshape([-1, way.out2.shape[0], channels * n]), transpose_x=True)
    mixed = paddle.matmul(way.matrices(weight), places.reshape([way.places, -1, n]), transpose_x=True)
    if way.gathered:
        return mixed.reshape([*small, outputs, n])
    maps = paddle.matmul(way.in2, mixed.reshape([-1, way.in2.shape[0], outputs * n]), transpose_x=True)
    return paddle.matmul(way.in1, maps.reshape([way.in1.shape[0], -1]), transpose_x=True).reshape([*small, outputs, n])


def conv2d_transpose(x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0, output_padding: int = 0) -> Tensor:
    """`F.conv2d_transpose` of maps [H, W, in, N] with `weight` [in, out, k, k] -> [(H - 1)·stride - 2·padding + k + …, …, out, N]."""
    options = {"stride": stride, "padding": padding, "output_padding": output_padding}
    if not _as_products(x):
        return to_batch_last(F.conv2d_transpose(to_batch_first(x), weight, **options))
    height, width, channels, n = x.shape
    _, outputs, k, _ = weight.shape
    large = tuple((side - 1) * stride - 2 * padding + k + output_padding for side in (height, width))
    way = _way((height, width), large, k, stride, padding, outputs, str(x.dtype))
    if not way.gathered:
        x = paddle.matmul(way.in1, x.reshape([height, -1]))
        x = paddle.matmul(way.in2, x.reshape([-1, way.in2.shape[1], channels * n]))
    mixed = paddle.matmul(way.matrices(weight), x.reshape([way.places, -1, n]))
    maps = paddle.matmul(way.out2, mixed.reshape([-1, way.out2.shape[1], outputs * n]))
    return paddle.matmul(way.out1, maps.reshape([way.out1.shape[1], -1])).reshape([*large, outputs, n])


def max_pool2d(x: Tensor) -> Tensor:
    """Max-pool 2 with stride 2 of maps [H, W, C, N] -> [H // 2, W // 2, C, N], as three axes of one map."""
    if not _as_products(x):
        return to_batch_last(F.max_pool2d(to_batch_first(x), 2))
    height, width, channels, n = x.shape
    pool = functools.partial(F.max_pool3d, kernel_size=[2, 2, 1], stride=[2, 2, 1])
    pooled = masked_pool(pool, x.reshape([1, 1, height, width, channels * n]))
    return pooled.reshape([height // 2, width // 2, channels, n])


def normalise(norm: nn.Layer, x: Tensor) -> Tensor:
    """Apply a BatchNorm2D to maps [H, W, C, N]."""
    if not _as_products(x):
        return to_batch_last(norm(to_batch_first(x)))
    height, width, channels, n = x.shape
    return norm(x.reshape([height * width, channels, n, 1])).reshape(x.shape)


class BatchLastConv2D(Conv2D):
    """A `Conv2D` over maps [H, W, in, N] -> [H', W', out, N], whose parameters are those of `Conv2D`; it can be differentiated twice."""

    def forward(self, x: Tensor) -> Tensor:
        y = conv2d(x, self.weight, self.stride, self.padding)
        return y if self.bias is None else y + self.bias.reshape([-1, 1])


@dataclass(frozen=True, eq=False)
class Way:
    """The constants of one kind of convolution, as its transpose uses them: from the small side through `places` to the large side.

    Attributes:
        places: how many there are. gathered: which of the two ways it is.
        in1, in2: from rows, then from columns, to frequencies; None where pixels are gathered.
        kernel: from a kernel's numbers to the matrices of all places.
        out2, out1: from the places to columns, then to rows.
    """

    places: int
    gathered: bool
    in1: Tensor
    in2: Tensor
    kernel: Tensor
    out2: Tensor
    out1: Tensor

    def matrices(self, weight: Tensor) -> Tensor:
        """What the kernel does to the channels: from `weight` [small, large, k, k] -> [places or 1, · · large, · · small]."""
        small, large, k, _ = weight.shape
        taps = weight.transpose([2, 3, 1, 0])
        if self.gathered:
            return taps.reshape([1, k * k * large, small])
        taps = taps.reshape([k * k, 1, large, 1, small])
        zeros = paddle.zeros_like(taps)
        both = paddle.concat([paddle.concat([taps, zeros], 3), paddle.concat([zeros, taps], 3)], 1)  # for real and imaginary parts
        matrices = paddle.matmul(self.kernel, both.reshape([2 * k * k, 2 * large * small]))
        return matrices.reshape([self.places, -1, 2 * small])


@functools.lru_cache(maxsize=64)
def _way(small: Tuple[int, int], large: Tuple[int, int], k: int, stride: int, padding: int, channels: int, dtype: str) -> Way:
    kind = (k, stride, padding)
    gathered = k == 1 or channels <= FEW_CHANNELS
    if gathered:
        places, arrays = small[0] * small[1], _gathered(small, large, *kind)
    else:
        places, arrays = _fourier(small, large, *kind)
    constants = [None if array is None else paddle.to_tensor(array, dtype=dtype.split(".")[-1]) for array in arrays]
    return Way(places, gathered, *constants)


def _gathered(small: Tuple[int, int], large: Tuple[int, int], k: int, stride: int, padding: int) -> Tuple[np.ndarray, ...]:
    """The arrays of `Way`: out1 [H, (h, a)] and out2 [(a, W), (w, a, b)] add up what lies at tap (a, b) of each place (h, w)."""

    def shifted(before: int, after: int) -> np.ndarray:
        target = stride * np.arange(before)[:, None] + np.arange(k) - padding
        return (np.arange(after)[:, None, None] == target).astype(float)  # [after, before, tap]

    rows, columns = shifted(small[0], large[0]), shifted(small[1], large[1])
    out2 = np.einsum("ac,Xxb->aXxcb", np.eye(k), columns)
    return None, None, None, out2.reshape(k * large[1], -1), rows.reshape(large[0], -1)


def _fourier(small: Tuple[int, int], large: Tuple[int, int], k: int, stride: int, padding: int) -> Tuple[int, Tuple[np.ndarray, ...]]:
    """(places, the arrays of `Way`).

    A pixel s·b + r of the large side belongs to phase r, below the stride s, where the convolution has stride 1 and its taps. Along rows
    the frequencies are u + ½: of real numbers half of those suffice, and none is real. Along columns the numbers are complex.
    """
    tap, phase = (np.arange(k) - padding) // stride, (np.arange(k) - padding) % stride
    lengths = [_period(after, -(-before // stride), tap) for after, before in zip(small, large)]
    u, v = (np.arange(lengths[0] // 2) + 0.5) / lengths[0], np.arange(lengths[1]) / lengths[1]
    in1 = _parts(np.exp(-2j * np.pi * np.outer(u, np.arange(small[0]))), 1).reshape(-1, small[0])
    in2 = _complex(np.exp(-2j * np.pi * np.outer(v, np.arange(small[1]))))
    of_phase = phase[None, :] == np.arange(stride)[:, None]
    rows, columns = (np.exp(-2j * np.pi * np.outer(f, tap))[:, None] * of_phase for f in (u, v))  # [frequency, phase, tap]
    kernel = np.einsum("upa,vqb->uvpqab", rows, columns).reshape(len(u) * len(v), stride**2, k * k)
    kernel = np.stack([_parts(kernel, 1), _parts(1j * kernel, 1)], -1)  # [places, re or im, phases, taps, re or im]

    def placed(side: int) -> np.ndarray:
        at = np.arange(side)
        return (at % stride)[:, None] == np.arange(stride)[None, :]

    back = np.exp(2j * np.pi * np.outer(np.arange(large[1]) // stride, v)) / lengths[1]
    back = np.einsum("WvIi,Wq->IWviq", _blocks(back), placed(large[1]))
    out2 = np.einsum("IWviq,pP->IpWviPq", back, np.eye(stride)).reshape(2 * stride * large[1], -1)
    forth = 2 * np.exp(2j * np.pi * np.outer(np.arange(large[0]) // stride, u)) / lengths[0]
    out1 = np.einsum("Hui,Hp->Huip", np.stack([forth.real, -forth.imag], -1), placed(large[0])).reshape(large[0], -1)
    return len(u) * len(v), (in1, in2, kernel.reshape(-1, 2 * k * k), out2, out1)


def _period(small: int, large: int, taps: np.ndarray) -> int:
    """The least even length of a circle on which the ends of a convolution do not meet."""
    length = max(large - min(taps.min(), 0), small + max(taps.max(), 0))
    return length + length % 2


def _parts(numbers: np.ndarray, axis: int) -> np.ndarray:
    return np.stack([numbers.real, numbers.imag], axis)


def _blocks(numbers: np.ndarray) -> np.ndarray:
    """Complex numbers [a, b] as what they do to real and imaginary parts, [a, b, 2, 2]."""
    return np.stack([np.stack([numbers.real, -numbers.imag], -1), np.stack([numbers.imag, numbers.real], -1)], -2)


def _complex(numbers: np.ndarray) -> np.ndarray:
    """The same, from a vector of (part, b) to one of (a, part)."""
    return np.einsum("abIi->aIib", _blocks(numbers)).reshape(2 * len(numbers), -1)
