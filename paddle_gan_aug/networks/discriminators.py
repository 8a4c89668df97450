"""Discriminators: images in, logits out (never probabilities: the losses take logits).

Each is `logits(features(images))`, so that other heads can be put on the same features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import paddle
from paddle import Tensor, nn

from .generators import scaled
from .layers import ACTIVATIONS, Conv2D, ConvPool, MaskDropout, norm1d, norm2d, weight_attr
from .parallel import batch_parts, split_batch
from .sizes import base_and_doublings
from .spectral import spectral_conv, spectral_linear

HEAD_LOGITS = {"sigmoid": 1, "softmax": 2}


class ClassicDiscriminator(nn.Layer):
    """D of the classic GAN: twice Conv k3 -> max-pool 2 (64 and 128 maps), Linear -> 1024, Linear -> logits.

    Input: images [N, channels, image_size, image_size] float32 in [-1, 1]. Output: logits float32 [N, 1] for the sigmoid
    head, [N, 2] for the softmax head (class 1 = real).

    Args:
        norm: "none", "batch" (the published one), "instance" (feature maps only) or "spectral" (Miyato et al. 2018).
        head: "sigmoid" or "softmax".
        activation: "relu" or "leaky_relu".
        width: multiplies every inner layer's size.
        init_std: weights ~ N(0, init_std); None = the framework's initialisation.
        see_edges: pool so that no row or column is dropped. At 28 pixels the published pools (False) leave the last two rows and
            columns without any influence on the logit, and a generator fills them with bright lines.
        minibatch_std: see `with_minibatch_std`.

    Raises:
        ValueError: the image is too small for two convolutions and pools (less than 10 pixels).
    """

    def __init__(
        self,
        image_size: int = 28,
        channels: int = 1,
        width: float = 1.0,
        norm: str = "none",
        head: str = "sigmoid",
        activation: str = "relu",
        init_std: Optional[float] = 0.02,
        see_edges: bool = True,
        minibatch_std: bool = False,
    ) -> None:
        super().__init__()
        side = ((image_size - 2) // 2 - 2) // 2
        if side < 1:
            raise ValueError(f"the classic discriminator needs images of at least 10 pixels, got {image_size}")
        maps, features = (scaled(64, width), scaled(128, width)), scaled(1024, width)
        self.feature_width, self.minibatch_std = features, minibatch_std
        self.block1 = ConvPool(channels, maps[0], norm, activation, init_std, see_edges)
        self.block2 = ConvPool(maps[0], maps[1], norm, activation, init_std, see_edges)
        flat = (maps[1] + minibatch_std) * side**2
        self.fc1 = nn.Linear(flat, features, weight_attr=weight_attr(init_std), bias_attr=False if norm == "batch" else None)
        self.norm1 = norm1d(norm, features)
        self.fc2 = nn.Linear(features, HEAD_LOGITS[head], weight_attr=weight_attr(init_std))
        self.activation, self.norm = ACTIVATIONS[activation], norm
        if norm == "spectral":
            spectral_linear(self.fc1)
            spectral_linear(self.fc2)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """The last hidden layer, float32 [N, feature_width]."""
        if self.norm in ("none", "spectral") and batch_parts(images) > 1:
            parameters = [p for block in (self.block1, self.block2) for p in (*block.conv.begin_pass(), block.bias)]
            h = split_batch(self._feature_maps, images, *parameters)
        else:
            h = self.block2(self.block1(images))
        if self.minibatch_std:
            h = with_minibatch_std(h)
        h = self.fc1(h.reshape([h.shape[0], -1]))
        if self.norm1 is not None:
            h = self.norm1(h)
        return self.activation(h)

    def logits(self, features: Tensor) -> Tensor:
        """The logits of `features`, float32 [N, 1] or [N, 2]."""
        return self.fc2(features)

    def _feature_maps(self, images: Tensor, weight1: Tensor, bias1: Tensor, weight2: Tensor, bias2: Tensor) -> Tensor:
        return self.block2.compute(self.block1.compute(images, weight1, bias1), weight2, bias2)


@dataclass(frozen=True)
class DiscriminatorPlan:
    """One architecture of `HalvingDiscriminator`, at width 1.

    Attributes:
        kernel_size: of the convolutions of stride 2, of which the first has 64 maps and every further one twice as many.
        last: the kernel of a closing convolution of stride 1 with twice the maps again, or None.
    """

    kernel_size: int = 5
    last: Optional[int] = None


DISCRIMINATOR_PLANS = {
    "augmentor": DiscriminatorPlan(),
    "folder": DiscriminatorPlan(),
    "dcgan": DiscriminatorPlan(kernel_size=4, last=3),
}


class HalvingDiscriminator(nn.Layer):
    """Convolutions of stride 2 down to small maps, Linear -> logits: the architectures of `DISCRIMINATOR_PLANS`.

    Each convolution is followed by normalisation, the activation and dropout; the first one, which sees the pixels, by no batch or
    instance normalisation. It can be differentiated twice if `double_grad` (slower with several threads), whatever the options.

    Input, output: as for `ClassicDiscriminator`.

    Args:
        architecture: a name in `DISCRIMINATOR_PLANS`.
        dropout: the share of numbers that is dropped in training.
        double_grad: see `Conv2D`.
        the others: as for `ClassicDiscriminator`.

    Raises:
        ValueError: image_size is not a small base doubled (`base_and_doublings`).
    """

    def __init__(
        self,
        architecture: str = "augmentor",
        image_size: int = 28,
        channels: int = 1,
        width: float = 1.0,
        norm: str = "none",
        head: str = "sigmoid",
        activation: str = "leaky_relu",
        init_std: Optional[float] = 0.02,
        dropout: float = 0.0,
        minibatch_std: bool = False,
        double_grad: bool = False,
    ) -> None:
        super().__init__()
        plan = DISCRIMINATOR_PLANS[architecture]
        base, halvings = base_and_doublings(image_size)
        maps = [scaled(64 * 2**number, width) for number in range(halvings + bool(plan.last))]
        shapes = [(plan.kernel_size, (plan.kernel_size - 1) // 2, 2)] * halvings
        if plan.last:
            shapes.append((plan.last, plan.last // 2, 1))
        self.convs, self.norms = nn.LayerList(), nn.LayerList()
        for number, (inputs, outputs, (kernel_size, padding, stride)) in enumerate(zip([channels, *maps], maps, shapes)):
            normed = norm2d(norm, outputs) if number else None
            options = {"bias": normed is None, "init_std": init_std, "double_grad": double_grad, "stride": stride}
            conv = Conv2D(inputs, outputs, kernel_size, padding, **options)
            self.convs.append(spectral_conv(conv) if norm == "spectral" else conv)
            self.norms.append(nn.Identity() if normed is None else normed)
        self.activation, self.minibatch_std = ACTIVATIONS[activation], minibatch_std
        self.shared_out = norm in ("none", "spectral") and not dropout and not double_grad
        self.dropout = MaskDropout(dropout)
        self.feature_width = (maps[-1] + minibatch_std) * base**2
        self.fc = nn.Linear(self.feature_width, HEAD_LOGITS[head], weight_attr=weight_attr(init_std))
        if norm == "spectral":
            spectral_linear(self.fc)

    def forward(self, images: Tensor) -> Tensor:
        return self.logits(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """The last maps, flattened, float32 [N, feature_width]."""
        if self.shared_out and batch_parts(images) > 1:
            h = split_batch(self._maps, images, *[given for conv in self.convs for given in conv.begin_pass()])
        else:
            h = images
            for conv, norm in zip(self.convs, self.norms):
                h = self.dropout(self.activation(norm(conv(h))))
        if self.minibatch_std:
            h = with_minibatch_std(h)
        return h.reshape([h.shape[0], -1])

    def _maps(self, images: Tensor, *given: Tensor) -> Tensor:
        """The last maps where neither a normalisation nor dropout follows a convolution; `given` are the weights and biases."""
        h = images
        for conv, weight, bias in zip(self.convs, given[::2], given[1::2]):
            h = self.activation(conv.compute(h, weight, bias))
        return h

    def logits(self, features: Tensor) -> Tensor:
        """The logits of `features`, float32 [N, 1] or [N, 2]."""
        return self.fc(features)


def with_minibatch_std(maps: Tensor) -> Tensor:
    """`maps` [N, C, H, W] with one channel more: the standard deviation over the batch, averaged over all numbers of a sample.

    It tells D how much its samples differ, and so reveals a generator that makes one image again and again (Karras et al. 2018, section 3).
    """
    deviation = (maps.var(0, unbiased=False) + 1e-8).sqrt().mean()
    return paddle.concat([maps, deviation.reshape([1, 1, 1, 1]).expand([maps.shape[0], 1, *maps.shape[2:]])], axis=1)
