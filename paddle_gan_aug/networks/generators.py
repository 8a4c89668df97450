"""Generators: latent vectors in, images in [-1, 1] out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from paddle import Tensor, nn

from .conditional import batch_norm, normalise
from .layers import ACTIVATIONS, Conv2D, UpConv2D, UpsampleConv2D, weight_attr
from .sizes import base_and_doublings, check_size

VARIANT_ACTIVATION = {"upsample": "tanh", "transpose": "leaky_relu"}


class ClassicGenerator(nn.Layer):
    """G of the classic GAN: Linear -> 1024, Linear -> 128 maps of a quarter of the size, then twice ×2.

    "upsample": bilinear ×2 and a convolution k5 each time (smoother edges, less speckle); "transpose": a transposed
    convolution k4 s2 each time (cheaper). A layer that BatchNorm follows has no bias.

    Input: latents [N, latent_dim] float32, with `classes` also labels int64 [N]. Output: images [N, channels, image_size, image_size]
    float32 in [-1, 1].

    Args:
        variant: "transpose" or "upsample".
        image_size: height and width in pixels, a multiple of 4.
        width: multiplies every inner layer's size (1.0: 1024 features, 128 and 64 maps).
        activation: None = the variant's own (leaky_relu for transpose, tanh for upsample).
        output_activation: "tanh", or "leaky_relu" as in the oldest version (then the range is not bounded).
        init_std: weights ~ N(0, init_std); None = the framework's initialisation.
        classes: above 0 every BatchNorm is conditional on the label.

    Raises:
        ValueError: image_size is not a multiple of 4.
    """

    def __init__(
        self,
        variant: str = "transpose",
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 100,
        width: float = 1.0,
        activation: Optional[str] = None,
        output_activation: str = "tanh",
        init_std: Optional[float] = 0.02,
        classes: int = 0,
    ) -> None:
        super().__init__()
        check_size("classic", image_size)
        features, maps, half = scaled(1024, width), scaled(128, width), scaled(64, width)
        self.latent_dim, self.base = latent_dim, image_size // 4
        self.activation = ACTIVATIONS[activation or VARIANT_ACTIVATION[variant]]
        self.output_activation = ACTIVATIONS[output_activation]
        self.fc1 = nn.Linear(latent_dim, features, weight_attr=weight_attr(init_std), bias_attr=False)
        self.bn1 = batch_norm(features, 2, classes)
        self.fc2 = nn.Linear(features, maps * self.base**2, weight_attr=weight_attr(init_std), bias_attr=False)
        self.bn2 = batch_norm(maps * self.base**2, 2, classes)
        if variant == "transpose":
            self.conv1 = UpConv2D(maps, half, bias=False, init_std=init_std)
            self.conv2 = UpConv2D(half, channels, init_std=init_std)
        else:
            self.conv1 = UpsampleConv2D(maps, half, 5, self.base, bias=False, init_std=init_std)
            self.conv2 = UpsampleConv2D(half, channels, 5, 2 * self.base, init_std=init_std)
        self.bn3 = batch_norm(half, 4, classes)

    def forward(self, latents: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        h = self.activation(normalise(self.bn1, self.fc1(latents), labels))
        h = self.activation(normalise(self.bn2, self.fc2(h), labels))
        h = h.reshape([-1, h.shape[1] // self.base**2, self.base, self.base])
        h = self.activation(normalise(self.bn3, self.conv1(h), labels))
        return self.output_activation(self.conv2(h))


@dataclass(frozen=True)
class GeneratorPlan:
    """One architecture of `DoublingGenerator`, at width 1.

    Attributes:
        dense: sizes of the Linear layers before the one that makes the first maps.
        maps: how many there are at the base size.
        flat: maps of a convolution k5 at the base size, or None.
        kernel_size: of the transposed convolutions of stride 2; each halves the maps.
        last: the kernel of a closing convolution at full size; None = the last doubling makes the image.
        momentum: of BatchNorm, the share that is kept (the complement of what other frameworks call so).
    """

    dense: Tuple[int, ...] = ()
    maps: int = 256
    flat: Optional[int] = None
    kernel_size: int = 5
    last: Optional[int] = None
    momentum: float = 0.9


GENERATOR_PLANS = {
    "augmentor": GeneratorPlan(flat=128),
    "folder": GeneratorPlan(dense=(256, 256), maps=128, flat=128, momentum=0.8),
    "dcgan": GeneratorPlan(kernel_size=4, last=3),  # Radford et al. 2016, with the closing convolution of Miyato et al. 2018, table 3
}


class DoublingGenerator(nn.Layer):
    """Linear layers to small maps, then transposed convolutions of stride 2 up to the image: the architectures of `GENERATOR_PLANS`.

    Every layer but the last is followed by BatchNorm and the activation, and has no bias. A transposed convolution of stride 1 is a
    convolution with the kernel turned round: "flat" is built as one.

    Input: latents [N, latent_dim] float32, with `classes` also labels int64 [N]. Output: images [N, channels, image_size, image_size]
    float32 in [-1, 1].

    Args:
        architecture: a name in `GENERATOR_PLANS`.
        image_size: height and width in pixels; see `base_and_doublings`.
        width, activation, output_activation, init_std, classes: as for `ClassicGenerator`; activation None = leaky_relu.

    Raises:
        ValueError: image_size is not a small base doubled.
    """

    def __init__(
        self,
        architecture: str = "augmentor",
        image_size: int = 28,
        channels: int = 1,
        latent_dim: int = 100,
        width: float = 1.0,
        activation: Optional[str] = None,
        output_activation: str = "tanh",
        init_std: Optional[float] = 0.02,
        classes: int = 0,
    ) -> None:
        super().__init__()
        plan = GENERATOR_PLANS[architecture]
        self.latent_dim = latent_dim
        self.base, doublings = base_and_doublings(image_size)
        self.activation = ACTIVATIONS[activation or "leaky_relu"]
        self.output_activation = ACTIVATIONS[output_activation]
        maps = scaled(plan.maps, width)
        sizes = [latent_dim, *(scaled(size, width) for size in plan.dense), maps * self.base**2]
        self.dense = nn.LayerList([nn.Linear(a, b, weight_attr=weight_attr(init_std), bias_attr=False) for a, b in zip(sizes, sizes[1:])])
        self.dense_norms = nn.LayerList([batch_norm(size, 2, classes, plan.momentum) for size in sizes[1:]])
        convs, outputs = [], []
        if plan.flat:
            outputs.append(scaled(plan.flat, width))
            convs.append(Conv2D(maps, outputs[-1], 5, padding=2, bias=False, init_std=init_std))
        for number in range(doublings):
            inputs, top = (outputs or [maps])[-1], plan.flat or plan.maps
            final = plan.last is None and number == doublings - 1
            outputs.append(channels if final else scaled(top / 2 ** (number + 1), width))
            convs.append(UpConv2D(inputs, outputs[-1], bias=final, init_std=init_std, kernel_size=plan.kernel_size))
        if plan.last:
            convs.append(Conv2D(outputs[-1], channels, plan.last, padding=plan.last // 2, init_std=init_std))
            outputs.append(channels)
        self.convs = nn.LayerList(convs)
        self.norms = nn.LayerList([batch_norm(size, 4, classes, plan.momentum) for size in outputs[:-1]])

    def forward(self, latents: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        h = latents
        for dense, norm in zip(self.dense, self.dense_norms):
            h = self.activation(normalise(norm, dense(h), labels))
        h = h.reshape([-1, h.shape[1] // self.base**2, self.base, self.base])
        for conv, norm in zip(self.convs, self.norms):
            h = self.activation(normalise(norm, conv(h), labels))
        return self.output_activation(self.convs[-1](h))


def scaled(size: float, width: float) -> int:
    """A layer's size at a width multiplier, at least 1."""
    return max(1, round(size * width))
