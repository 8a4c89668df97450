"""Random changes of place and form of a whole batch of tensors at once, each image with its own."""

from __future__ import annotations

from typing import Sequence, Union

import numpy as np
import paddle
from paddle import Tensor
from paddle.nn import functional as F


def random_affine(
    images: Tensor,
    rng: np.random.Generator,
    degrees: float = 30.0,
    scale: float = 0.2,
    slant: float = 0.6,
    shift: float = 0.07,
    fill: Union[float, Sequence[float]] = -1.0,
) -> Tensor:
    """Turn, scale, slant and move the images at random; they are sampled bilinearly, without gradients.

    Args:
        images: float tensor [N, C, H, W]. rng: the numpy Generator that draws everything.
        degrees: turns go up to this either way. scale: factors from exp(-scale) to exp(scale). slant: pixels to the side for each pixel
            upwards, up to this either way. shift: along each axis, up to this share of the side.
        fill: what comes in from beyond the edges; a number, or one for each channel.

    Returns:
        Tensor [N, C, H, W].
    """
    count = images.shape[0]
    angle, size = np.deg2rad(rng.uniform(-degrees, degrees, count)), np.exp(rng.uniform(-scale, scale, count))
    matrix = np.zeros((count, 2, 3), np.float32)  # from a place in the result to one in the image, both from -1 to 1
    matrix[:, 0, 0], matrix[:, 0, 1] = np.cos(angle) / size, -np.sin(angle) / size + rng.uniform(-slant, slant, count)
    matrix[:, 1, 0], matrix[:, 1, 1] = np.sin(angle) / size, np.cos(angle) / size
    matrix[:, :, 2] = rng.uniform(-2 * shift, 2 * shift, (count, 2))
    ground = paddle.to_tensor(np.asarray(fill, dtype=np.float32).reshape([1, -1, 1, 1]))
    with paddle.no_grad():
        places = F.affine_grid(paddle.to_tensor(matrix), images.shape, align_corners=False)
        return F.grid_sample(images - ground, places, align_corners=False) + ground  # zeros come in
