"""Max-pools whose backward pass is cheap on a CPU, and safe where a map is no number."""

from __future__ import annotations

import functools
from typing import Any, Callable

import paddle
from paddle import Tensor
from paddle.nn import functional as F

from .parallel import exporting


def max_pool2d(x: Tensor, see_edges: bool = False) -> Tensor:
    """Max-pool 2 with stride 2, [N, C, H, W] -> [N, C, H // 2, W // 2].

    At an odd size that drops the last row and column; `see_edges` then pools over 3 with stride 2, which gives the same size.

    An exported network has no backward, and no mask.
    """
    kernel = [3 if see_edges and side % 2 else 2 for side in x.shape[2:]]
    pool = functools.partial(F.max_pool2d, kernel_size=kernel, stride=2)
    return pool(x) if exporting() else masked_pool(pool, x)


def masked_pool(pool: Callable[..., Any], x: Tensor) -> Tensor:
    """`pool(x)` of one of Paddle's max-pools, by way of its mask.

    Asking for the mask as well makes Paddle remember where each maximum was; its backward then takes a sixth of the time
    of the one that searches again. A window of NaN or -inf alone has no place (-1), and that backward would write outside its
    memory: the output is then NaN, and the gradient too, which the training notices.
    """
    y, places = pool(x, return_mask=True)
    if paddle.is_grad_enabled() and places.min().item() < 0:
        return pool(x) + 0 * x.sum()
    return y
