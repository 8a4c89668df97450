"""G of the R3GAN presets in PyTorch: the same function of the same weights, written with convolutions in groups, as PyTorch's users do.

Attributes have the names of this project's network, as in `pytorch_networks`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.speed.pytorch_networks import Arrays, ConditionalBatchNorm, shape_of


def mix(w: Arrays, layer: str) -> nn.Module:
    """The 1×1 convolution `layer`."""
    return nn.Conv2d(*reversed(shape_of(w, layer)), 1, bias=False)


def spread(w: Arrays, layer: str) -> nn.Module:
    """The 3×3 convolution `layer` of each map by itself."""
    maps = shape_of(w, layer)[0]
    return nn.Conv2d(maps, maps, 3, padding=1, groups=maps, bias=False)


def norm(w: Arrays, layer: str, told: bool) -> nn.Module:
    """The BatchNorm `layer`, for each class if G is `told` it."""
    return ConditionalBatchNorm(w, layer, nn.BatchNorm2d) if told else nn.BatchNorm2d(shape_of(w, f"{layer}.scale")[1])


def activated(norm: nn.Module, h: Any, labels: Any) -> Any:
    """Leaky ReLU of the normalised `h`."""
    return F.leaky_relu(norm(h, labels) if isinstance(norm, ConditionalBatchNorm) else norm(h), 0.2)


class Block(nn.Module):
    """x + 1×1(activation(1×1(3×3(x))))."""

    def __init__(self, w: Arrays, layer: str, told: bool) -> None:
        super().__init__()
        self.spread, self.widen = spread(w, f"{layer}.spread"), mix(w, f"{layer}.widen")
        self.activation, self.narrow = norm(w, f"{layer}.activation", told), mix(w, f"{layer}.narrow")

    def forward(self, x: Any, labels: Any) -> Any:
        return x + self.narrow(activated(self.activation, self.widen(self.spread(x)), labels))


class Unmerge(nn.Module):
    """A transposed convolution of kernel and stride 2."""

    def __init__(self, w: Arrays, layer: str) -> None:
        super().__init__()
        outputs, inputs = shape_of(w, f"{layer}.mix")
        self.mix = nn.ConvTranspose2d(inputs, outputs // 4, 2, 2, bias=False)

    def forward(self, x: Any) -> Any:
        return self.mix(x)


class PatchesOut(nn.Module):
    """A transposed convolution whose kernels are sums of cosines under a window, over the window's own sum, and a bias."""

    def __init__(self, w: Arrays, layer: str, inputs: int, side: int) -> None:
        super().__init__()
        size, columns = shape_of(w, f"{layer}.strengths")
        self.inputs, self.reach = inputs, math.isqrt(size)
        self.strengths = nn.Parameter(torch.empty(size, columns))
        self.bias = nn.Parameter(torch.empty(columns // inputs))
        window = np.sin(np.pi * (np.arange(self.reach) + 0.5) / self.reach) ** 2
        self.register_buffer("waves", torch.from_numpy(waves(self.reach, window)).float(), persistent=False)
        alone = self.sum_of_patches(torch.ones(1, 1, side, side), torch.from_numpy(np.outer(window, window)).float()[None, None])
        self.register_buffer("share", 1 / alone, persistent=False)

    def sum_of_patches(self, x: Any, kernel: Any) -> Any:
        return F.conv_transpose2d(x, kernel, stride=self.reach // 2, padding=self.reach // 4)

    def forward(self, x: Any) -> Any:
        kernel = (self.waves.T @ self.strengths).view(self.reach, self.reach, -1, self.inputs).permute(3, 2, 0, 1)
        return self.sum_of_patches(x, kernel) * self.share + self.bias.view(-1, 1, 1)


def waves(reach: int, window: Any) -> Any:
    """Cosines along both axes of a patch under a window, the weaker the higher their frequency, float64 [reach², reach²]."""
    frequency, place = np.arange(reach), np.arange(reach) + 0.5
    cosines = np.cos(np.pi * np.outer(frequency, place) / reach) * np.sqrt(2 / reach) * window
    cosines[0] /= np.sqrt(2)
    strength = 1 / (1 + np.hypot(frequency[:, None], frequency).reshape(-1, 1))
    return np.kron(cosines, cosines) * strength / np.sqrt((strength**2).mean())


class ResidualGenerator(nn.Module):
    """Latents -> small maps, residual blocks, twice the size, overlapping patches; BatchNorm before every activation."""

    def __init__(self, config: Any, w: Arrays) -> None:
        super().__init__()
        told, blocks = config.conditioning == "batch-norm", config.blocks
        self.start = nn.Parameter(torch.empty(*shape_of(w, "start")))
        self.maps = shape_of(w, "body.0.scale")[1]
        self.side = math.isqrt(len(self.start) // self.maps)
        first = [norm(w, "body.0", told), mix(w, "body.1")]
        middle = [Block(w, f"body.{2 + number}", told) for number in range(blocks)]
        after, up, blur, last = (f"body.{2 + blocks + number}" for number in range(4))
        final = [norm(w, after, told), Unmerge(w, up), spread(w, blur), norm(w, last, told)]
        self.body = nn.ModuleList([*first, *middle, *final])
        self.image = PatchesOut(w, "image", shape_of(w, blur)[0], 2 * self.side)
        self.output = {"tanh": torch.tanh, "leaky_relu": nn.LeakyReLU(0.2), "none": nn.Identity()}[config.output_activation]

    def forward(self, latents: Any, labels: Any) -> Any:
        start, widen, *middle, norm, up, blur, last = self.body
        h = F.linear(latents, self.start).view(-1, self.maps, self.side, self.side)
        h = widen(activated(start, h, labels))
        for block in middle:
            h = block(h, labels)
        h = activated(last, blur(up(activated(norm, h, labels))), labels)
        return self.output(self.image(h))
