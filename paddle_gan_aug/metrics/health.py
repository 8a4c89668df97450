"""Signs of a failed GAN in its samples, with limits taken from the real data.

A generator can fail behind healthy-looking losses: all black, a checkerboard, a labyrinth of stripes, one image again and
again. None of these needs a trained judge to be seen; six numbers of a hundred images tell them from digits, and real
images say where each number's limit lies.
"""

from dataclasses import dataclass

import numpy as np

GREY_LEVELS = 16  # images that agree in these steps at quarter size count as the same
SUBSETS = 40  # of real images, to learn each sign's natural spread


@dataclass(frozen=True)
class Sign:
    """One number of a set of images, and the alarm that it raises."""

    name: str
    alarm: str  # what a person would call it
    too_low: bool  # whether low values are the bad ones
    factor: float  # the limit, as a multiple of the real mean
    margin: float = 0.0  # and at least so far away from it
    spread: float = 6.0  # and at least so many standard deviations (over real sets of the same size)


SIGNS = [
    Sign("contrast", "blank images", too_low=True, factor=0.3),
    Sign("bright", "saturated images", too_low=False, factor=2.0, margin=0.1),
    Sign("dark", "images without background", too_low=True, factor=0.7),
    Sign("roughness", "noise or a checkerboard", too_low=False, factor=2.5),
    Sign("diversity", "all images alike", too_low=True, factor=0.5),
    Sign("repeats", "repeated images", too_low=False, factor=3.0, margin=0.05),
]


def image_signs(images):
    """The six numbers of a set of images.

    Args:
        images: float32 [N, C, H, W] in [-1, 1], N >= 4.

    Returns:
        {"contrast": median over images of the standard deviation of pixels, "bright" and "dark": share of pixels beyond 0.8 on
        either side, "roughness": mean squared step between neighbouring pixels over the pixels' variance, "diversity": mean
        distance between two images, "repeats": share of images that equal another one at quarter size in 16 grey levels}. A value
        that is not finite anywhere makes every number NaN.

    Raises:
        ValueError: fewer than four images, or not four axes.
    """
    images = np.asarray(images, dtype=np.float32)
    if images.ndim != 4 or len(images) < 4:
        raise ValueError(f"expected at least 4 images [N, C, H, W], got shape {images.shape}")
    if not np.isfinite(images).all():
        return {sign.name: float("nan") for sign in SIGNS}
    steps = np.square(np.diff(images, axis=2)).mean() + np.square(np.diff(images, axis=3)).mean()
    flat = images.reshape(len(images), -1)
    half = len(flat) // 2
    return {
        "contrast": float(np.median(flat.std(1))),
        "bright": float((flat > 0.8).mean()),
        "dark": float((flat < -0.8).mean()),
        "roughness": float(steps / max(flat.var(), 1e-6)),
        "diversity": float(np.linalg.norm(flat[:half] - flat[half : 2 * half], axis=1).mean()),
        "repeats": _repeated_share(images),
    }


def _repeated_share(images):
    n, c, h, w = images.shape
    small = images[:, :, : h - h % 4, : w - w % 4].reshape(n, c, h // 4, 4, w // 4, 4).mean((3, 5)).reshape(n, -1)
    levels = np.round((small + 1) / 2 * (GREY_LEVELS - 1)).astype(np.uint8)
    _, counts = np.unique(levels, axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / n)


class Limits:
    """What is still natural for sets of `count` images of this data.

    Args:
        real: float32 [M, C, H, W] in [-1, 1], training images, M >= 4.
        count: the size of the sets that will be judged.
        rng: the numpy Generator that draws real sets.
    """

    def __init__(self, real, count, rng):
        count = min(count, len(real))
        found = [image_signs(real[rng.choice(len(real), count, replace=False)]) for _ in range(SUBSETS)]
        self.limits = {}
        for sign in SIGNS:
            values = np.array([signs[sign.name] for signs in found])
            mean, distance = values.mean(), max(sign.margin, sign.spread * values.std())
            limit = min(mean * sign.factor, mean - distance) if sign.too_low else max(mean * sign.factor, mean + distance)
            self.limits[sign.name] = float(limit)

    def alarms(self, signs):
        """What is wrong with a set of images, by its signs: a list of texts, empty when nothing is."""
        if any(np.isnan(value) for value in signs.values()):
            return ["values that are not finite"]
        wrong = []
        for sign in SIGNS:
            value, limit = signs[sign.name], self.limits[sign.name]
            if (value < limit) if sign.too_low else (value > limit):
                wrong.append(f"{sign.alarm} ({sign.name} {value:.3g}, limit {limit:.3g})")
        return wrong
