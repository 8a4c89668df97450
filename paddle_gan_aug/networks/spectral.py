"""Spectral normalisation: a layer's weight, divided by its largest singular value (Miyato et al. 2018, arXiv:1802.05957).

It is Paddle's, always in float32: in 16 bits the power iteration would not settle.
"""

from __future__ import annotations

from typing import Type

import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F
from paddle.nn.utils.spectral_norm_hook import SpectralNorm

from .precision import in_float32


class ConvSpectralNorm(SpectralNorm):
    """Paddle's normalisation of a convolution."""

    def compute_weight(self, layer: nn.Layer, do_power_iteration: bool) -> Tensor:
        with in_float32():
            return super().compute_weight(layer, do_power_iteration)


class LinearSpectralNorm(SpectralNorm):
    """Paddle's normalisation of a Linear, whose weight [in, out] is not transposed.

    The numbers are the same to rounding. Paddle 2.6 copies a transposed matrix at each product, which took a third of a step.
    """

    def compute_weight(self, layer: nn.Layer, do_power_iteration: bool) -> Tensor:
        weight, u, v = (getattr(layer, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        with in_float32():
            if do_power_iteration:
                with paddle.no_grad():
                    for _ in range(self.n_power_iterations):
                        paddle.assign(F.normalize(paddle.matmul(weight, u), axis=0, epsilon=self.eps), v)
                        paddle.assign(F.normalize(paddle.matmul(v, weight), axis=0, epsilon=self.eps), u)
                    u, v = u.clone(), v.clone()
            return weight * (1 / paddle.dot(v, paddle.matmul(weight, u)))


def spectral_linear(layer: nn.Linear) -> nn.Linear:
    """`layer`, its weight divided by its largest singular value from now on."""
    return _with_hook(nn.utils.spectral_norm(layer), LinearSpectralNorm)


def spectral_conv(layer: nn.Layer) -> nn.Layer:
    """A convolution, its weight as a matrix [out, …] divided by its largest singular value from now on."""
    return _with_hook(nn.utils.spectral_norm(layer, dim=0), ConvSpectralNorm)


def _with_hook(layer: nn.Layer, kind: Type[SpectralNorm]) -> nn.Layer:
    hooks = layer._forward_pre_hooks
    for key, hook in hooks.items():
        hooks[key] = kind(hook.name, hook.n_power_iterations, hook.dim, hook.eps)
    return layer
