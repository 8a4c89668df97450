"""Conditioning: how networks are told the class of an image.

A generator takes the class beside the latents, or in every BatchNorm. A discriminator takes it as one more channel or as a projection of
its features, or it is not told the class but reads it with a second head.
"""

from __future__ import annotations

import math
from typing import Optional, Tuple

import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .layers import weight_attr
from .spectral import spectral_linear

LABEL_FEATURES = 10  # features of the embedding beside the latents: few and small, or G looks at nothing else


class ConditionalBatchNorm(nn.Layer):
    """BatchNorm whose scale and shift belong to the sample's class (Dumoulin et al. 2017), over [N, features] or [N, features, H, W].

    It begins as plain BatchNorm: every scale 1, every shift 0.
    """

    def __init__(self, features: int, classes: int, axes: int = 4, momentum: float = 0.9) -> None:
        super().__init__()
        kind = nn.BatchNorm2D if axes == 4 else nn.BatchNorm1D
        self.norm = kind(features, momentum=momentum, weight_attr=False, bias_attr=False)
        self.scale = nn.Embedding(classes, features, weight_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(1.0)))
        self.shift = nn.Embedding(classes, features, weight_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(0.0)))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        flat = self.norm(x).reshape([-1, x.shape[1], math.prod(x.shape[2:])])
        return (flat * self.scale(labels).unsqueeze(2) + self.shift(labels).unsqueeze(2)).reshape(x.shape)


def batch_norm(features: int, axes: int, classes: int = 0, momentum: float = 0.9) -> nn.Layer:
    """BatchNorm over [N, features] (axes 2) or [N, features, H, W] (axes 4); with `classes` a conditional one."""
    if classes:
        return ConditionalBatchNorm(features, classes, axes, momentum)
    return (nn.BatchNorm2D if axes == 4 else nn.BatchNorm1D)(features, momentum=momentum)


def normalise(norm: nn.Layer, x: Tensor, labels: Optional[Tensor]) -> Tensor:
    """Apply `norm` to x, with the labels if it is conditional."""
    return norm(x, labels) if isinstance(norm, ConditionalBatchNorm) else norm(x)


class EmbeddedLabels(nn.Layer):
    """A generator that gets an embedding of the class beside its latents (Mirza and Osindero 2014).

    Input: latents float32 [N, latent_dim], labels int64 [N]. Output: the body's images.

    Args:
        body: a generator of latent_dim + `LABEL_FEATURES` latents.
    """

    def __init__(self, body: nn.Layer, classes: int) -> None:
        super().__init__()
        self.body = body
        self.embedding = nn.Embedding(classes, LABEL_FEATURES, weight_attr=weight_attr(0.3))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        return self.body(paddle.concat([latents, self.embedding(labels)], axis=1))


class HeadedDiscriminator(nn.Layer):
    """A discriminator's body with what its conditioning adds.

    Input: images float32 [N, C, H, W] and, for "embedding" and "projection", labels int64 [N]. Output: the body's logits.

    Args:
        body: has `features(images)` -> [N, feature_width] and `logits(features)`; with "embedding" it takes one channel more.
        conditioning: "none"; "embedding": the class as a learnt image in one more channel (Mirza and Osindero 2014); "projection": the
            inner product of the features and a vector of the class joins the logit (Miyato and Koyama 2018, eq. 4); "auxiliary": D does
            not see the class but reads it (Odena et al. 2017).
        classes: how many there are.
        image_size: height and width of the images.
        auxiliary: outputs of a second head on the features, beside those that the conditioning asks for.
        spectral: the added layers are normalised spectrally, too.
    """

    def __init__(
        self,
        body: nn.Layer,
        conditioning: str = "none",
        classes: int = 0,
        image_size: int = 28,
        auxiliary: int = 0,
        spectral: bool = False,
        init_std: Optional[float] = None,
    ) -> None:
        super().__init__()
        self.body, self.conditioning, self.classes, self.image_size = body, conditioning, classes, image_size

        def linear(inputs: int, outputs: int, bias: Optional[bool] = None) -> nn.Layer:
            layer = nn.Linear(inputs, outputs, weight_attr=weight_attr(init_std), bias_attr=bias)
            return spectral_linear(layer) if spectral else layer

        self.label_map = linear(classes, image_size**2, False) if conditioning == "embedding" else None
        self.projection = linear(classes, body.feature_width, False) if conditioning == "projection" else None
        auxiliary = classes if conditioning == "auxiliary" else auxiliary
        self.auxiliary = linear(body.feature_width, auxiliary) if auxiliary else None

    def forward(self, images: Tensor, labels: Optional[Tensor] = None) -> Tensor:
        return self.read(images, labels)[0]

    def read(self, images: Tensor, labels: Optional[Tensor] = None) -> Tuple[Tensor, Optional[Tensor]]:
        """(logits [N, 1 or 2], what the second head says [N, auxiliary] or None)."""
        if self.label_map is not None:
            maps = self.label_map(self._one_hot(labels, images)).reshape([-1, 1, self.image_size, self.image_size])
            images = paddle.concat([images, maps], axis=1)
        features = self.body.features(images)
        logits = self.body.logits(features)
        if self.projection is not None:
            logits = logits + (features * self.projection(self._one_hot(labels, images))).sum(1, keepdim=True)
        return logits, None if self.auxiliary is None else self.auxiliary(features)

    def _one_hot(self, labels: Tensor, like: Tensor) -> Tensor:
        return F.one_hot(labels, self.classes).astype(like.dtype)
