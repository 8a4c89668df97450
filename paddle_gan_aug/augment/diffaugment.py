"""Differentiable augmentation for GANs that have little data, and the controllers of how often it acts.

DiffAugment (Zhao et al. 2020): whatever D sees, reals and fakes, in D's step and in G's, passes through the same random changes, so
that D cannot memorise the reals and G need not imitate the changes. Every sample has parameters of its own.

ADA (Karras et al. 2020) lets each change act on a sample with probability p, and raises p while D is too sure of the reals. APA
(Jiang et al. 2021) steers the same way how many fakes D is shown as reals.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Union

import numpy as np
import paddle
from paddle import Tensor

from ..data import in_pieces
from .diffaugment_policies import DIFFAUGMENT_POLICIES, DiffAugmentPolicy


def diffaugment(
    images: Tensor,
    rng: np.random.Generator,
    policy: Union[str, DiffAugmentPolicy],
    strength: float = 1.0,
    p: float = 1.0,
    fill: Union[float, Sequence[float]] = -1.0,
    stacked: int = 1,
) -> Tensor:
    """Change each image at random; the result is differentiable by the images.

    Args:
        images: float tensor [N, C, H, W] in [-1, 1].
        rng: the numpy Generator that draws everything.
        policy: a `DiffAugmentPolicy`, or the name of one in `DIFFAUGMENT_POLICIES`.
        strength: multiplies all of the policy's extents; 0 = the images as they are.
        p: the probability that a change acts on a sample, for every change by itself (ADA).
        fill: the background, which comes in from beyond the edges and shows in holes; a number, or one for each channel of an image.
        stacked: so many images lie on the channels of each sample, and are changed alike.

    Returns:
        Tensor [N, C, H, W]; colour changes may leave [-1, 1], as in the paper.

    Raises:
        ValueError: no such policy, strength < 0, p outside [0, 1], a policy's extent too large, or a wrong number of fills.
    """
    policy = _policy(policy)
    fill = np.asarray(fill, dtype=np.float64).reshape(-1)
    if strength < 0 or not 0 <= p <= 1:
        raise ValueError(f"strength must not be negative and p must lie in [0, 1], got {strength} and {p}")
    if len(fill) not in (1, images.shape[1] // stacked):
        raise ValueError(f"{len(fill)} fill values for {images.shape[1] // stacked} channels")
    if len(fill) > 1:
        fill = np.tile(fill, stacked)
    if strength == 0 or p == 0:
        return images
    draw = _Draws(rng, images.shape[0], p)
    images = _brightness(images, draw, policy.brightness * strength)
    images = _saturation(images, draw, policy.saturation * strength, stacked)
    images = _contrast(images, draw, policy.contrast * strength)
    images = _mirror(images, draw, min(policy.mirror * strength, 1.0))
    images = _translation(images, draw, policy.translation * strength, fill)
    return _cutout(images, draw, policy.cutout * strength, fill)


def background(images: np.ndarray) -> np.ndarray:
    """Estimate the background beyond the edges of training images: the median of each channel along them, float64 [C] in [-1, 1].

    Args:
        images: uint8 [N, C, H, W].
    """
    counts = np.zeros((images.shape[1], 256), np.int64)  # of each grey level: all levels together would take memory
    for piece in in_pieces(images, 1000):
        for part in (piece[:, :, [0, -1], :], piece[:, :, :, [0, -1]]):
            counts += [np.bincount(part[:, channel].reshape(-1), minlength=256) for channel in range(len(counts))]
    below, half = counts.cumsum(1), counts.sum(1, keepdims=True) / 2
    return ((below < half).sum(1) + (below <= half).sum(1)) / 2 / 127.5 - 1  # the mean of the two in the middle where they differ


def _policy(policy: Union[str, DiffAugmentPolicy]) -> DiffAugmentPolicy:
    if isinstance(policy, DiffAugmentPolicy):
        return policy
    if policy not in DIFFAUGMENT_POLICIES:
        raise ValueError(f"there is no policy {policy}; known: {', '.join(DIFFAUGMENT_POLICIES)}")
    return DIFFAUGMENT_POLICIES[policy]


class _Draws:
    """Per-sample parameters, neutral where the change does not act."""

    def __init__(self, rng: np.random.Generator, count: int, p: float) -> None:
        self.rng, self.count, self.p = rng, count, p

    def acts(self) -> np.ndarray:
        """bool [N]."""
        return self.happens(self.p)

    def happens(self, probability: float) -> np.ndarray:
        """bool [N]."""
        return self.rng.random(self.count) < probability

    def uniform(self, extent: float) -> np.ndarray:
        """float64 [N] in ±extent, 0 where the change does not act."""
        return self.acts() * self.rng.uniform(-extent, extent, self.count)

    def integers(self, low: int, high: int) -> np.ndarray:
        """int64 [N] in [low, high]."""
        return self.rng.integers(low, high + 1, self.count)


def _per_sample(values: np.ndarray, like: Tensor) -> Tensor:
    """`values` [N] as a tensor [N, 1, …] with the axes of `like`. The changes of colour flatten images first: Paddle's broadcast over
    four axes takes several times as long."""
    return paddle.to_tensor(values.reshape([-1] + [1] * (len(like.shape) - 1)), dtype=like.dtype)


def _brightness(images: Tensor, draw: _Draws, extent: float) -> Tensor:
    if not extent:
        return images
    flat = images.reshape([images.shape[0], -1])
    return (flat + _per_sample(draw.uniform(extent), flat)).reshape(images.shape)


def _saturation(images: Tensor, draw: _Draws, extent: float, stacked: int) -> Tensor:
    n, c, h, w = images.shape
    if not extent or c == stacked:
        return images
    flat = images.reshape([n * stacked, c // stacked, h * w])
    colours = flat - flat.mean(1, keepdim=True)
    return (flat + colours * _per_sample(np.repeat(draw.uniform(extent), stacked), flat)).reshape(images.shape)


def _contrast(images: Tensor, draw: _Draws, extent: float) -> Tensor:
    if not extent:
        return images
    flat = images.reshape([images.shape[0], -1])
    return (flat + (flat - flat.mean(1, keepdim=True)) * _per_sample(draw.uniform(extent), flat)).reshape(images.shape)


def _mirror(images: Tensor, draw: _Draws, probability: float) -> Tensor:
    n, c, h, w = images.shape
    if not probability:
        return images
    mirrored = draw.acts() & draw.happens(probability)
    columns = np.where(mirrored[:, None, None], np.eye(w)[::-1], np.eye(w))  # a product, as in _translation
    return paddle.matmul(images.reshape([n, c * h, w]), paddle.to_tensor(columns, dtype=images.dtype)).reshape([n, c, h, w])


def _translation(images: Tensor, draw: _Draws, ratio: float, fill: np.ndarray) -> Tensor:
    n, c, h, w = images.shape
    reach = [_pixels(ratio, side) for side in (h, w)]
    if not any(reach):
        return images
    acts = draw.acts()
    down, right = (acts * draw.integers(-largest, largest) for largest in reach)
    rows, columns = _shifts(h, down), _shifts(w, right).transpose(0, 2, 1)
    # A shift is a product with a matrix of zeros and ones on either side: exact, quick, and as often differentiable as products are.
    matrices = [paddle.to_tensor(np.repeat(m, c, 0), dtype=images.dtype) for m in (rows, columns)]
    moved = paddle.matmul(paddle.matmul(matrices[0], images.reshape([n * c, h, w])), matrices[1]).reshape([n, c, h, w])
    covered = (rows.any(2)[:, :, None] & columns.any(1)[:, None, :])[:, None]
    return moved + _filling(covered, fill, images)


def _shifts(side: int, by: np.ndarray) -> np.ndarray:
    """The matrices [N, side, side] that move a column of `side` pixels on by `by` [N] places."""
    return np.arange(side)[:, None] == np.arange(side)[None, :] + by[:, None, None]


def _cutout(images: Tensor, draw: _Draws, ratio: float, fill: np.ndarray) -> Tensor:
    n, c, h, w = images.shape
    sides = [_pixels(ratio, side) for side in (h, w)]
    if not any(sides):
        return images
    acts = draw.acts()
    inside = []
    for side, hole in zip((h, w), sides):
        start = draw.integers(0, side - hole % 2) - hole // 2  # the centre is uniform over the image, a hole may hang over its edge
        position = np.arange(side)[None, :] - start[:, None]
        inside.append((position >= 0) & (position < hole))
    kept = ~(inside[0][:, :, None] & inside[1][:, None, :] & acts[:, None, None])[:, None]
    mask = paddle.to_tensor(np.repeat(kept, c, 1), dtype=images.dtype)
    return images * mask + _filling(kept, fill, images)


def _filling(kept: np.ndarray, fill: np.ndarray, images: Tensor) -> Tensor:
    """Zero where `kept` [N, 1, H, W], else the fill value, [N, C, H, W]."""
    return paddle.to_tensor(~np.repeat(kept, images.shape[1], 1) * fill.reshape([1, -1, 1, 1]), dtype=images.dtype)


def _pixels(ratio: float, side: int) -> int:
    if ratio > 1:
        raise ValueError(f"a shift or hole of {ratio:g} times the image's side; at most 1")
    return int(ratio * side + 0.5)


class AdaptiveProbability:
    """p, raised while D is too sure of the reals and lowered otherwise (Karras et al. 2020, section 3; numbers of StyleGAN2-ADA's code).

    The measure is r = E sign D(real): 0 for a D that cannot tell, 1 for one that knows every real image. Every `interval` updates, p moves
    by (images seen since) / `images_to_one` towards more if r > target, towards less if r < target.

    Args:
        target: of r; 0.6 in the paper.
        images_to_one: how many images take p from 0 to 1; 500,000 in the paper.
        interval: updates between two moves; 4 in the paper.
        limit: the largest p. Changes that always act may leak into the samples; below about 0.8 they do not (the paper's section 2.2).
        p: where it begins.

    Raises:
        ValueError: p or limit is not a probability, or an interval is not positive.
    """

    def __init__(self, target: float = 0.6, images_to_one: int = 500_000, interval: int = 4, limit: float = 1.0, p: float = 0.0) -> None:
        if not 0 <= p <= limit <= 1:
            raise ValueError(f"p and its limit must be probabilities with p <= limit, got {p} and {limit}")
        if interval < 1 or images_to_one <= 0:
            raise ValueError(f"interval and images_to_one must be positive, got {interval} and {images_to_one}")
        self.target, self.images_to_one, self.interval, self.limit = target, images_to_one, interval, limit
        self.p = p
        self.r: Optional[float] = None  # before the first move
        self._signs, self._images, self._updates = 0.0, 0, 0

    def update(self, real_scores: np.ndarray, pack: int = 1) -> float:
        """Take D's scores of one batch of reals, logits of being real, an array [N], each of `pack` images; returns p."""
        self._signs += pack * float(np.sign(real_scores).sum())
        self._images += pack * len(real_scores)
        self._updates += 1
        if self._updates == self.interval:
            self.r = self._signs / self._images
            move = np.sign(self.r - self.target) * self._images / self.images_to_one
            self.p = float(np.clip(self.p + move, 0.0, self.limit))
            self._signs, self._images, self._updates = 0.0, 0, 0
        return self.p

    def state(self) -> Dict[str, Any]:
        """All that changes, as plain JSON."""
        return {"p": self.p, "r": self.r, "signs": self._signs, "images": self._images, "updates": self._updates}

    def load_state(self, state: Dict[str, Any]) -> None:
        """Set what `state` returned."""
        self.p, self.r = state["p"], state["r"]
        self._signs, self._images, self._updates = state["signs"], state["images"], state["updates"]


def pseudo_reals(real: Tensor, fake: Tensor, p: float, rng: np.random.Generator) -> Tensor:
    """Replace each real by the fake at its place with probability p: APA (Jiang et al. 2021).

    p comes from an `AdaptiveProbability`, as for ADA, whose logits should be those of true reals.

    Args:
        real, fake: tensors [N, C, H, W]; no gradient passes to `fake`.
        p: the probability.
        rng: the numpy Generator that chooses.

    Returns:
        Tensor [N, C, H, W].

    Raises:
        ValueError: real and fake differ in shape.
    """
    if list(real.shape) != list(fake.shape):
        raise ValueError(f"real and fake images must pair up, got {list(real.shape)} and {list(fake.shape)}")
    chosen = rng.random(real.shape[0]) < p
    if not chosen.any():
        return real
    return paddle.where(paddle.to_tensor(np.broadcast_to(chosen[:, None, None, None], real.shape).copy()), fake.detach(), real)
