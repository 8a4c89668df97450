"""Residual networks made of matrix products: G and D after R3GAN (Huang et al. 2024, arXiv:2501.05441), in a form that a CPU is good at.

They have all parts of the recipe: residual blocks without normalisation, biases in the activations alone, an initialisation that keeps
the variance by itself, convolutions in groups, blurred resampling. The form differs. Maps are kept as [channels, N, places], so that a 1×1
convolution is one product for the whole batch, and a 3×3 convolution of every channel by itself one batched product with the
[places, places] matrices that the kernels span; so is resampling. On a CPU that takes a tenth of the time of ordinary convolutions, which
Paddle does one sample at a time. And it can be differentiated twice: D consists of nothing but products, reshapes and leaky ReLUs.

Every layer takes (maps, labels=None), and hands the labels on to its conditional parts.
"""

from __future__ import annotations

import functools
import math
from typing import Callable, Optional, Sequence, Tuple

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .generators import scaled
from .layers import ACTIVATIONS, fold, leaky_relu, weight_attr
from .sizes import SMALLEST_MAP, patch_and_sides

MAPS = {4: 128, 8: 64, 16: 32}  # largest side of maps -> their number at width 1
SLOPE = 0.2  # of the leaky ReLU
GAIN = math.sqrt(2 / (1 + SLOPE**2))  # of weights behind which a leaky ReLU keeps the variance (He et al. 2015)


def maps_of(side: int, width: float) -> int:
    """How many maps of `side` there are at a width."""
    return scaled(next(maps for largest, maps in MAPS.items() if side <= largest), width)


# ---- constants ---------------------------------------------------------------------------------------------------------


def shrinking(before: int, after: int) -> np.ndarray:
    """The matrix float64 [before², after²] that takes maps to a smaller size, blurred by a tent as wide as two of the new places.

    Halving weighs four places along each axis by 1, 3, 3, 1. Columns sum to 1: a flat map stays flat.
    """
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(before)[:, None] - centres[None, :]) / scale)
    weights /= weights.sum(0)
    return np.kron(weights, weights)


def shifts(side: int) -> np.ndarray:
    """Matrices of zeros and ones, float64 [9, side⁴], a row for each tap: x · Σ w_tap · shifts_tap is a 3×3 convolution of x [side²]."""
    along = np.stack([np.eye(side, k=-offset) for offset in (-1, 0, 1)])  # [tap, from, to]
    return np.einsum("aip,bjq->abijpq", along, along).reshape(9, side**4)


def waves(side: int) -> np.ndarray:
    """What patches are made of: float64 [side², side²], a row for each pair of frequencies, falling to nothing at the patch's border.

    Cosines (DCT-II) along both axes, under a window that adds up to 1 where patches overlap by half, and the weaker the higher their
    frequency, as in photographs: a step of training then changes the coarse more than the fine.
    """
    frequency, place = np.arange(side), np.arange(side) + 0.5
    cosines = np.cos(np.pi * frequency[:, None] * place[None, :] / side) * np.sqrt(2 / side)
    cosines[0] /= np.sqrt(2)
    windowed = cosines * window(side)
    strength = 1 / (1 + np.hypot(frequency[:, None], frequency[None, :])).reshape(-1)
    return np.kron(windowed, windowed) * (strength / np.sqrt((strength**2).mean()))[:, None]


def window(side: int) -> np.ndarray:
    """sin² along one axis of a patch, float64 [side]."""
    return np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2


# ---- layers ------------------------------------------------------------------------------------------------------------


class Products(nn.Layer):
    """Base of the layers here: weights from N(0, gain / √inputs), and constants that are not saved."""

    def weight(self, shape: Sequence[int], inputs: int, gain: float = 1.0) -> Tensor:
        """A parameter of `shape`; at gain 0 it begins as zeros."""
        initializer = nn.initializer.Normal(0.0, gain / math.sqrt(inputs)) if gain else nn.initializer.Constant(0.0)
        return self.create_parameter(shape, default_initializer=initializer)

    def constant(self, name: str, array: np.ndarray) -> None:
        """Keep `array` as the attribute `name`."""
        self.register_buffer(name, paddle.to_tensor(array, dtype=paddle.get_default_dtype()), persistable=False)


class Mix(Products):
    """A 1×1 convolution without bias, [in, N, P] -> [out, N, P]."""

    def __init__(self, inputs: int, outputs: int, gain: float = 1.0) -> None:
        super().__init__()
        self.kernel = self.weight([outputs, inputs], inputs, gain)

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        return paddle.matmul(self.kernel, x.reshape([x.shape[0], -1])).reshape([self.kernel.shape[0], -1, x.shape[2]])


class Spread(Products):
    """A 3×3 convolution of every channel by itself, zeros beyond the edges, [C, N, side²] -> [C, N, side²].

    Args:
        blurred: it begins as the blur 1, 2, 1 along both axes, instead of at random.
    """

    def __init__(self, channels: int, side: int, gain: float = 1.0, blurred: bool = False) -> None:
        super().__init__()
        self.kernel = self.weight([channels, 9], 9, gain)
        if blurred:
            blur = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]).reshape(1, 9)
            self.kernel.set_value(np.repeat(blur, channels, 0).astype(self.kernel.numpy().dtype))
        self.constant("shifts", shifts(side))

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        channels, _, places = x.shape
        return paddle.matmul(x, paddle.matmul(self.kernel, self.shifts).reshape([channels, places, places]))


class BiasedActivation(Products):
    """Leaky ReLU of x + bias, [C, N, P] -> [C, N, P]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = self.create_parameter([channels, 1], is_bias=True)

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        return leaky_relu(x.reshape([x.shape[0], -1]) + self.bias, SLOPE).reshape(x.shape)


class NormedActivation(Products):
    """Leaky ReLU of BatchNorm of x, [C, N, P] -> [C, N, P]; with `classes` the label says scale and shift, as in `ConditionalBatchNorm`."""

    momentum = 0.9  # of the running statistics: the share that is kept

    def __init__(self, channels: int, classes: int = 0) -> None:
        super().__init__()
        self.scale = self.create_parameter([max(1, classes), channels], default_initializer=nn.initializer.Constant(1.0))
        self.shift = self.create_parameter([max(1, classes), channels], is_bias=True)
        self.conditional = classes > 0
        self.register_buffer("mean", paddle.zeros([channels, 1]))
        self.register_buffer("variance", paddle.ones([channels, 1]))

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        flat = x.reshape([x.shape[0], -1])
        mean, variance = self._statistics(flat) if self.training else (self.mean, self.variance)
        flat = (flat - mean) * (variance + 1e-5).rsqrt()
        if not self.conditional:
            return leaky_relu(flat * self.scale.reshape([-1, 1]) + self.shift.reshape([-1, 1]), SLOPE).reshape(x.shape)
        scale, shift = (F.embedding(labels, table).transpose([1, 0]).unsqueeze(2) for table in (self.scale, self.shift))
        return leaky_relu(flat.reshape(x.shape) * scale + shift, SLOPE)

    def _statistics(self, flat: Tensor) -> Tuple[Tensor, Tensor]:
        """Mean and variance of each channel [C, 1], kept for evaluation, too. A product with ones takes a tenth of the time of a sum."""
        share = paddle.full([flat.shape[1], 1], 1 / flat.shape[1], dtype=flat.dtype)
        mean = paddle.matmul(flat, share)
        variance = paddle.matmul((flat - mean).square(), share)
        with paddle.no_grad():
            for kept, new in ((self.mean, mean), (self.variance, variance)):
                kept.set_value(self.momentum * kept + (1 - self.momentum) * new)
        return mean, variance


class Block(Products):
    """x + 1×1(activation(1×1(3×3(x)))), [C, N, side²] -> [C, N, side²]: three products, and one activation for the two of the recipe.

    The last product begins at zero, so the block as the identity (Zhang et al. 2019, arXiv:1901.09321, Fixup).

    Args:
        side: of the maps. blocks: how many the network has: the more, the smaller the other weights, by blocks^(-1/4).
        activation: makes the activation for a number of channels.
    """

    expansion = 2

    def __init__(self, channels: int, side: int, blocks: int = 1, activation: Callable[[int], nn.Layer] = BiasedActivation) -> None:
        super().__init__()
        inner, small = self.expansion * channels, blocks**-0.25
        self.spread, self.widen = Spread(channels, side, small), Mix(channels, inner, small)
        self.activation, self.narrow = activation(inner), Mix(inner, channels, 0.0)

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        return x + self.narrow(self.activation(self.widen(self.spread(x)), labels))


class Shrink(Products):
    """To smaller, blurred maps of another number, [in, N, before²] -> [out, N, after²]; see `shrinking`."""

    def __init__(self, inputs: int, outputs: int, before: int, after: int) -> None:
        super().__init__()
        self.mix = Mix(inputs, outputs)
        self.constant("matrix", shrinking(before, after))

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        channels, n, places = x.shape
        return self.mix(paddle.matmul(x.reshape([channels * n, places]), self.matrix).reshape([channels, n, -1]))


class Merge(Products):
    """Each square of four places becomes one, [in, N, (2s)²] -> [out, N, s²]: a convolution of kernel and stride 2, without bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = Mix(4 * inputs, outputs, GAIN)

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        channels, n, places = x.shape
        side = math.isqrt(places) // 2
        x = x.reshape([channels, n, side, 2, side, 2]).transpose([3, 5, 0, 1, 2, 4])
        return self.mix(x.reshape([4 * channels, n, side**2]))


class Unmerge(Products):
    """The transpose of `Merge`, [in, N, s²] -> [out, N, (2s)²]: a transposed convolution of kernel and stride 2, without bias."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.mix = Mix(inputs, 4 * outputs, GAIN)

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        places, outputs = x.shape[2], self.mix.kernel.shape[0] // 4
        side = math.isqrt(places)
        x = self.mix(x).reshape([2, 2, outputs, -1, side, side]).transpose([2, 3, 4, 0, 5, 1])
        return x.reshape([outputs, -1, 4 * places])


class PatchesIn(Products):
    """Overlapping patches of images as maps, [N, channels, S, S] -> [out, N, (S / patch)²].

    A convolution of kernel 2·patch, stride patch and padding patch / 2, without bias, whose kernels are sums of `waves`.
    """

    def __init__(self, channels: int, outputs: int, image_size: int, patch: int) -> None:
        super().__init__()
        self.patch, self.side, self.reach, self.outputs = patch, image_size // patch, 2 * patch, outputs
        self.strengths = self.weight([self.reach**2, channels * outputs], channels * self.reach**2)
        self.constant("waves", waves(self.reach))
        # from the side + 1 blocks along an axis of a padded image to the two that lie under each patch
        self.constant("halves", np.concatenate([np.eye(self.side + 1, self.side, k=-offset) for offset in (0, 1)], axis=1))

    def kernel(self) -> Tensor:
        """The convolution's kernel, [out, channels · reach²]."""
        kernel = paddle.matmul(self.waves, self.strengths, transpose_x=True).reshape([self.reach**2, -1, self.outputs])
        return kernel.transpose([2, 1, 0]).reshape([self.outputs, -1])

    def forward(self, images: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        n, c, _, _ = images.shape
        p, side, blocks = self.patch, self.side, self.side + 1
        x = F.pad(images, [p // 2] * 4).reshape([n, c, blocks, p, blocks, p]).transpose([1, 3, 5, 0, 2, 4])
        x = paddle.matmul(x.reshape([-1, blocks]), self.halves).reshape([-1, blocks, 2 * side]).transpose([0, 2, 1])
        x = paddle.matmul(x.reshape([-1, blocks]), self.halves).reshape([c, p, p, n, 2, side, 2, side])
        x = x.transpose([0, 6, 1, 4, 2, 3, 7, 5]).reshape([c * self.reach**2, -1])
        return paddle.matmul(self.kernel(), x).reshape([-1, n, side**2])


class PatchesOut(Products):
    """Maps to images as the sum of overlapping patches, [in, N, (S / patch)²] -> [N, channels, S, S]: `PatchesIn` reversed, and a bias."""

    def __init__(self, inputs: int, channels: int, image_size: int, patch: int) -> None:
        super().__init__()
        self.patch, self.image_size, self.reach = patch, image_size, 2 * patch
        self.strengths = self.weight([self.reach**2, channels * inputs], inputs)
        self.bias = self.create_parameter([channels, 1], is_bias=True)
        self.constant("waves", waves(self.reach))
        shape = np.kron(window(self.reach), window(self.reach)).reshape(1, -1, 1)
        alone = self._sum(paddle.to_tensor(np.repeat(shape, (image_size // patch) ** 2, 2), dtype="float32"))
        self.constant("share", 1 / alone.numpy())  # 1, but for the border, where fewer patches add up

    def _sum(self, patches: Tensor) -> Tensor:
        """[N, channels · reach², places] -> [N, channels, S, S]."""
        return fold(patches, self.image_size, self.reach, self.patch, self.patch // 2)

    def forward(self, x: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        inputs, _, places = x.shape
        kernel = paddle.matmul(self.waves, self.strengths, transpose_x=True).reshape([self.reach**2, -1, inputs]).transpose([1, 0, 2])
        patches = paddle.matmul(kernel.reshape([-1, inputs]), x.reshape([inputs, -1]))
        patches = patches.reshape([self.bias.shape[0] * self.reach**2, -1, places]).transpose([1, 0, 2])
        images = self._sum(patches) * self.share
        return (images.reshape([-1, self.bias.shape[0], self.image_size**2]) + self.bias).reshape(images.shape)


# ---- networks ----------------------------------------------------------------------------------------------------------


class ResidualGenerator(Products):
    """Latents -> small maps that are learned functions of them, residual blocks, twice the size, overlapping patches of the image.

    Input: latents float32 [N, latent_dim], with `classes` also labels int64 [N]. Output: images float32 [N, channels, image_size,
    image_size].

    Args:
        image_size: height and width in pixels; see `patch_and_sides`.
        width: multiplies the number of maps.
        blocks: how many residual blocks there are.
        norm: "none", as in the recipe, or "batch": BatchNorm before every activation, which lets it learn in far fewer steps.
        output_activation: "none", as in the recipe (the range is not bounded then), "tanh" or "leaky_relu".
        classes: above 0 it takes labels: in every BatchNorm, or without any as an embedding beside the latents and of their size.

    Raises:
        ValueError: image_size does not fit.
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 64,
        width: float = 1.0,
        blocks: int = 1,
        norm: str = "none",
        output_activation: str = "none",
        classes: int = 0,
    ) -> None:
        super().__init__()
        patch, (large, side, *_) = patch_and_sides(image_size)
        start, maps, last = maps_of(SMALLEST_MAP, width), maps_of(side, width), maps_of(large, width)
        activation = BiasedActivation if norm == "none" else functools.partial(NormedActivation, classes=classes)
        embedded = classes > 0 and norm == "none"
        inputs = latent_dim * (2 if embedded else 1)
        self.latent_dim, self.channels = latent_dim, start
        self.embedding = nn.Embedding(classes, latent_dim, weight_attr=weight_attr(1.0)) if embedded else None
        self.start = self.weight([start * side**2, inputs], inputs)
        first = [activation(start), Mix(start, maps, GAIN)]
        middle = [Block(maps, side, blocks, activation) for _ in range(blocks)]
        final = [activation(maps), Unmerge(maps, last), Spread(last, large, blurred=True), activation(last)]
        self.body = nn.LayerList([*first, *middle, *final])
        self.image = PatchesOut(last, channels, image_size, patch)
        self.output_activation = ACTIVATIONS[output_activation]

    def forward(self, latents: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        if self.embedding is not None:
            latents = paddle.concat([latents, self.embedding(labels)], axis=1)
        maps = paddle.matmul(latents, self.start, transpose_y=True)
        maps = maps.reshape([-1, self.channels, self.start.shape[0] // self.channels]).transpose([1, 0, 2])
        for layer in self.body:
            maps = layer(maps, labels)
        return self.output_activation(self.image(maps))


class ResidualDiscriminator(Products):
    """Overlapping patches of the image, half the size, residual blocks at each smaller size, a learned pattern that weighs each last map.

    Input: images float32 [N, channels, image_size, image_size]. Output: logits float32 [N, 1]. It can be differentiated twice.

    Args:
        image_size: height and width in pixels; see `patch_and_sides`.
        width: multiplies the number of maps.
        blocks: residual blocks at each size of maps but the largest.

    Raises:
        ValueError: image_size does not fit.
    """

    def __init__(self, image_size: int = 28, channels: int = 1, width: float = 1.0, blocks: int = 1) -> None:
        super().__init__()
        patch, (large, *sides) = patch_and_sides(image_size)
        first, maps = maps_of(large, width), [maps_of(side, width) for side in sides]
        layers = [PatchesIn(channels, first, image_size, patch), BiasedActivation(first), Spread(first, large, blurred=True)]
        layers.append(Merge(first, maps[0]))
        for number, (count, side) in enumerate(zip(maps, sides)):
            if number:
                layers.append(Shrink(maps[number - 1], count, sides[number - 1], side))
            layers += [Block(count, side, blocks * len(sides)) for _ in range(blocks)]
        self.body = nn.Sequential(*layers, BiasedActivation(maps[-1]))
        self.feature_width = maps[-1]
        self.pattern = self.weight([maps[-1], sides[-1] ** 2, 1], sides[-1] ** 2)
        self.fc = nn.Linear(maps[-1], 1, weight_attr=weight_attr(maps[-1] ** -0.5))

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Each of the last maps, weighed by its pattern and summed, float32 [N, feature_width]."""
        return paddle.matmul(self.body(images), self.pattern).reshape([-1, images.shape[0]]).transpose([1, 0])

    def logits(self, features: Tensor) -> Tensor:
        """The logits of `features`, float32 [N, 1]."""
        return self.fc(features)
