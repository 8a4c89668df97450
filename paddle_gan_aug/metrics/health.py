"""Signs of a failed GAN in its samples, with limits taken from the real data.

A generator can fail behind healthy-looking losses: all black, a checkerboard, a labyrinth of stripes, one image again and
again. None of these needs a trained judge to be seen; seven numbers of a hundred images tell them from real ones. What is
light and what is ground is not assumed: real images say where each number's limit lies, and where none can lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple

import numpy as np
from scipy.special import ndtri, stdtrit

from .checks import checked_images

TONE = 0.8  # pixels in [-1, 1] beyond this are bright, beyond its negative dark
GREY_LEVELS = 16  # images that agree in these steps, of the range that the data uses, at quarter size count as the same
SUBSETS = 40  # of real images, to learn each sign's natural spread
FEWEST = 10  # images of a class that tell how pale its palest are
EVEN = 2  # classes that differ by less than this factor are drawn evenly when they are drawn by their shares
RARE = 0.0005  # the share of real images that may lie beyond a limit of the signs of a single image
NOISE = 4.0  # the roughness of pixels that know nothing of their neighbours


@dataclass(frozen=True)
class Sign:
    """An alarm that one number of a set of images raises. A number may have one on either side."""

    name: str
    alarm: str  # what a person would call it
    too_low: bool  # whether low values are the bad ones
    factor: float  # the limit, as a multiple of the real mean
    margin: float = 0.0  # and at least so far away from it: for shares of pixels or images, 0 for other numbers
    spread: float = 6.0  # and at least so many standard deviations (over real sets of the same size)
    worst: float = np.inf  # what only a failed generator reaches: unless real sets come near it, the limit lies at most halfway to it


SIGNS = [
    Sign("contrast", "blank images", too_low=True, factor=0.3),
    # Both ends of the grey scale count: a ground that fills most of the real images is missed, whichever end it is, and too
    # much of what is rare in them is seen. Shares below the margin are too small to be missed.
    Sign("bright", "saturated images", too_low=False, factor=2.0, margin=0.1),
    Sign("dark", "saturated images", too_low=False, factor=2.0, margin=0.1),
    Sign("dark", "images without background", too_low=True, factor=0.7, margin=0.1),
    Sign("bright", "images without background", too_low=True, factor=0.7, margin=0.1),
    Sign("roughness", "noise or a checkerboard", too_low=False, factor=2.5, worst=NOISE),
    Sign("diversity", "all images alike", too_low=True, factor=0.5),
    Sign("repeats", "repeated images", too_low=False, factor=3.0, margin=0.1, worst=1.0),
    Sign("commonest", "repeated images", too_low=False, factor=2.5, margin=0.1, worst=1.0),
]
IMAGE_SIGNS = [sign for sign in SIGNS if sign.name in ("contrast", "bright", "dark", "roughness")]  # those that one image has


def image_signs(images: np.ndarray, tones: Tuple[float, float] = (-1.0, 1.0)) -> Dict[str, float]:
    """The seven numbers of a set of images.

    Args:
        images: float32 [N, C, H, W] in [-1, 1], N >= 4.
        tones: the darkest and the brightest value that the data uses, for the grey levels of "repeats" and "commonest".

    Returns:
        {"contrast": median over images of the standard deviation of pixels, "bright" and "dark": share of pixels beyond 0.8 on
        either side, "roughness": mean squared step between neighbouring pixels over the pixels' variance, "diversity": mean
        distance between two images, "repeats": share of images that equal another one at quarter size in 16 grey levels,
        "commonest": share of images that equal the one that occurs most often, 0 if none occurs twice}. A value that is not
        finite anywhere makes every number NaN.

    Raises:
        ValueError: fewer than four images, or not four axes.
    """
    images = np.asarray(images, dtype=np.float32)
    if images.ndim != 4 or len(images) < 4:
        raise ValueError(f"expected at least 4 images [N, C, H, W], got shape {images.shape}")
    if not np.isfinite(images).all():
        return {sign.name: float("nan") for sign in SIGNS}
    flat = images.reshape(len(images), -1)
    half = len(flat) // 2
    equal = _equal_images(images, tones)
    return {
        "contrast": float(np.median(flat.std(1))),
        **{name: float(value) for name, value in _signs_of_pixels(images).items()},
        "diversity": float(np.linalg.norm(flat[:half] - flat[half : 2 * half], axis=1).mean()),
        "repeats": float(equal.sum() / len(images)),
        "commonest": float(equal.max(initial=0) / len(images)),
    }


def single_image_signs(images: np.ndarray) -> Dict[str, np.ndarray]:
    """The contrast, bright, dark and roughness of `image_signs` for each image on its own, from uint8 [N, C, H, W]: {name: float [N]}."""
    images = np.asarray(images).astype(np.float32) / 127.5 - 1
    return {"contrast": images.reshape(len(images), -1).std(1), **_signs_of_pixels(images, each=True)}


def _signs_of_pixels(images: np.ndarray, each: bool = False) -> Dict[str, np.ndarray]:
    """Bright, dark and roughness of a set of images, or of each image on its own."""
    flat, over, over_pixels = images.reshape(len(images), -1), (1, 2, 3) if each else None, 1 if each else None
    steps = np.square(np.diff(images, axis=2)).mean(over) + np.square(np.diff(images, axis=3)).mean(over)
    return {
        "bright": (flat > TONE).mean(over_pixels),
        "dark": (flat < -TONE).mean(over_pixels),
        "roughness": steps / np.maximum(flat.var(over_pixels), np.float32(1e-6)),
    }


def single_image_limits(real: np.ndarray) -> Dict[Tuple[str, bool], float]:
    """{(sign, too_low): limit} for `single_image_signs`, moved out to where few real images lie.

    Args:
        real: uint8 [M, C, H, W], M >= 1.

    Raises:
        ValueError: not uint8 images, or none.
    """
    if not len(checked_images("real images", real)):
        raise ValueError("limits need at least one real image")
    measured = single_image_signs(real)
    limits = {}
    for sign in IMAGE_SIGNS:
        values = measured[sign.name]
        edge, mean = np.quantile(values, RARE if sign.too_low else 1 - RARE), values.mean()
        sides = (edge, mean * sign.factor, mean - sign.margin) if sign.too_low else (edge, mean * sign.factor, mean + sign.margin)
        limits[sign.name, sign.too_low] = float(min(sides) if sign.too_low else max(sides))
    return limits


def _equal_images(images: np.ndarray, tones: Tuple[float, float]) -> np.ndarray:
    """The sizes of all groups of two and more images that are equal, int64."""
    n, c, h, w = images.shape
    small = images[:, :, : h - h % 4, : w - w % 4].reshape(n, c, h // 4, 4, w // 4, 4).mean((3, 5)).reshape(n, -1)
    low, high = tones
    small = np.clip((small - low) / (high - low), 0, 1) if high > low else np.sign(small - low) / 2 + 0.5
    levels = np.round(small * (GREY_LEVELS - 1)).astype(np.uint8)
    _, counts = np.unique(levels, axis=0, return_counts=True)
    return counts[counts > 1]


class Limits:
    """What is still natural for sets of `count` images of this data.

    A generator draws the classes evenly, or, if it knows none, by their shares: sets of both kinds are drawn from the real
    images, and the looser limit holds. Where there are few real images, sets with repetitions are drawn: a generator that draws
    the training images themselves has not failed.

    Args:
        real: float32 [M, C, H, W] in [-1, 1], training images, M >= 1.
        count: the size of the sets that will be judged, >= 4.
        rng: the numpy Generator that draws real sets.
        labels: int [M], the classes of the real images; None = one class.

    Attributes:
        limits: {(name, too_low): limit}.
        tones: the darkest and the brightest value of the real images, but for one in a thousand pixels.
    """

    def __init__(self, real: np.ndarray, count: int, rng: np.random.Generator, labels: Optional[np.ndarray] = None) -> None:
        self.tones = tuple(float(tone) for tone in np.quantile(real, (0.001, 0.999)))
        labels = np.zeros(len(real), np.int64) if labels is None else np.asarray(labels)
        classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        sizes = [len(members) for members in classes]
        ways = [[np.arange(len(real))], *([classes] if max(sizes) >= EVEN * min(sizes) else [])]
        drawn = [self._signs_of_sets(real, groups, count, rng) for groups in ways]
        self.limits = {}
        for sign in SIGNS:
            limits = [_limit(sign, signs[sign.name], *doubts) for signs, *doubts in drawn]
            self.limits[sign.name, sign.too_low] = min(limits) if sign.too_low else max(limits)
        # However unlike the real images are, half of a set is not paler than the palest of them.
        palest = min(_palest(real[members]) for members in classes)
        mean = min(signs["contrast"].mean() for signs, *_ in drawn)
        self.limits["contrast", True] = max(self.limits["contrast", True], float(min(palest / 2, SIGNS[0].factor * mean)))

    def _signs_of_sets(
        self, real: np.ndarray, groups: List[np.ndarray], count: int, rng: np.random.Generator
    ) -> Tuple[Dict[str, np.ndarray], float, float]:
        """Of sets with as many images of each group of indices: {name: float [SUBSETS]}, how much wider unseen sets spread, and what
        share of them may be of a kind that the members do not show."""
        each = [count // len(groups) + (position < count % len(groups)) for position in range(len(groups))]
        found = [self.signs(real[np.concatenate([_drawn(members, n, rng) for members, n in zip(groups, each)])]) for _ in range(SUBSETS)]
        each, sizes = np.array(each), np.array([len(members) for members in groups])
        unknown = float(each @ np.minimum(1, 3 / sizes) / count)  # the rule of three: what none of n shows is, at 95 %, rarer than 3 / n
        return {name: np.array([signs[name] for signs in found]) for name in found[0]}, _widening(each, sizes), unknown

    def signs(self, images: np.ndarray) -> Dict[str, float]:
        """`image_signs` in the tones of this data."""
        return image_signs(images, self.tones)

    def alarms(self, signs: Dict[str, float]) -> List[str]:
        """What is wrong with a set of images, by its signs: a list of texts, empty when nothing is."""
        if any(np.isnan(value) for value in signs.values()):
            return ["values that are not finite"]
        wrong = []
        for sign in SIGNS:
            value, limit = signs[sign.name], self.limits[sign.name, sign.too_low]
            if (value < limit) if sign.too_low else (value > limit):
                wrong.append(f"{sign.alarm} ({sign.name} {value:.3g}, limit {limit:.3g})")
        return wrong


def _palest(images: np.ndarray) -> float:
    """The contrast that nine of ten images have; where few tell, a fifth of what all have."""
    contrasts = images.reshape(len(images), -1).std(1)
    return np.quantile(contrasts, 0.1) if len(images) >= FEWEST else contrasts.min() / 5


def _drawn(members: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(members, count, replace=2 * count > len(members))


def _widening(counts: np.ndarray, members: np.ndarray) -> float:
    """How much wider unseen sets of so many images of each group spread about the mean of sets that were drawn from the members.

    Unseen sets differ from the drawn ones by chance, and those from what all such images would be: the fewer there are the more. Student's
    factor (with Welch's degrees of freedom) is for the standard deviation, of which few members tell little.
    """
    counts, members = counts[counts > 0].astype(float), members[counts > 0]
    unseen = np.square(counts) * (1 / counts + 1 / members)
    drawn = np.square(counts) * (1 / counts - np.where(2 * counts > members, 0, 1 / members))
    freedom = unseen.sum() ** 2 / (unseen**2 / np.maximum(members - 1, 1)).sum()
    return stdtrit(freedom, 0.99) / ndtri(0.99) * np.sqrt(unseen.sum() / drawn.sum())


def _limit(sign: Sign, values: np.ndarray, wider: float, unknown: float) -> float:
    mean, spread = values.mean(), sign.spread * wider * values.std()
    distance = max(sign.margin and max(sign.margin, unknown), spread)
    if sign.too_low:
        return float(min(mean * sign.factor, mean - distance))
    limit = max(mean * sign.factor, mean + distance)
    return float(min(limit, (mean + sign.worst) / 2) if mean < 0.75 * sign.worst else limit)
