"""Mixtures of feature maps inside a Paddle network, while it trains; at test time they are left out.

Gradients flow through both parts of a mixture of features, and through no statistics of a style.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np
import paddle
from paddle import Tensor

from .mixing import Mixture, draw_mixture

SMALLEST_VARIANCE = 1e-6


def mix_features(features: Tensor, mixture: Mixture) -> Tensor:
    """Mix a float tensor [N, ...]; gradients flow to both samples.

    Raises:
        ValueError: a batch of another size.
    """
    if features.shape[0] != len(mixture.partners):
        raise ValueError(f"{features.shape[0]} feature maps cannot be mixed by a mixture for {len(mixture.partners)}")
    return features * mixture.weight + _taken(features, mixture.partners) * (1 - mixture.weight)


def manifold_mixup(features: Tensor, targets: Tensor, rng: np.random.Generator, alpha: float = 2.0) -> Tuple[Tensor, Tensor]:
    """Manifold mixup (Verma et al. 2018, arXiv:1806.05236) of one layer's output; the caller draws the layer, the input among them.

    Args:
        features: float32 tensor [N, ...], the output of any layer. targets: float32 tensor [N, K].
        alpha: of the Beta distribution; the paper takes 2.

    Returns:
        (features, targets), tensors of the same shapes.

    Raises:
        ValueError: counts that differ; alpha not above 0.
    """
    mixture = draw_mixture(features.shape[0], rng, alpha)
    return mix_features(features, mixture), mix_features(targets, mixture)


def mixstyle(features: Tensor, rng: np.random.Generator, alpha: float = 0.1, probability: float = 0.5) -> Tensor:
    """MixStyle (Zhou et al. 2021, arXiv:2104.02008, section 3): mix each map's mean and deviation with those of another sample.

    Args:
        features: float32 tensor [N, C, H, W] of a low layer. Labels stay as they are.
        alpha: of the Beta distribution from which each sample's weight is drawn. probability: of doing anything to this batch.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: not four axes; alpha not above 0.
    """
    if len(features.shape) != 4:
        raise ValueError(f"MixStyle takes feature maps [N, C, H, W], not shape {list(features.shape)}")
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, not {alpha}")
    count = features.shape[0]
    happens, weights, partners = rng.random() < probability, rng.beta(alpha, alpha, count), rng.permutation(count)
    return restyled(features, weights, partners) if happens else features


def restyled(features: Tensor, weights: np.ndarray, partners: np.ndarray) -> Tensor:
    """Return `features` with the style of sample i mixed from its own (weights[i]) and that of partners[i] (the rest).

    Args:
        features: float32 tensor [N, C, H, W]. weights: float [N], 0 to 1. partners: int [N].
    """
    fixed = features.detach()
    mean = fixed.mean(axis=[2, 3], keepdim=True)
    deviation = ((fixed - mean).square().mean(axis=[2, 3], keepdim=True) + SMALLEST_VARIANCE).sqrt()
    own = paddle.to_tensor(np.asarray(weights, dtype="float32").reshape(-1, 1, 1, 1))
    new_mean = own * mean + (1 - own) * _taken(mean, partners)
    new_deviation = own * deviation + (1 - own) * _taken(deviation, partners)
    return (features - mean) / deviation * new_deviation + new_mean


def _taken(features: Tensor, indices: np.ndarray) -> Tensor:
    return paddle.index_select(features, paddle.to_tensor(np.asarray(indices, dtype="int64")), axis=0)
