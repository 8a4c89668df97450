"""Sets of two classes that are no light strokes on black, made of what ships with the project and with scikit-learn, and ways to fail."""

import functools

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_sample_images

from paddle_gan_aug.data import load


@functools.lru_cache(maxsize=1)
def photographs():
    """scikit-learn's two photographs, uint8 [H, W, 3]: a Chinese temple and a flower."""
    return load_sample_images().images


def patches(label, count, rng, side=28, colour=False, shrunk=2):
    """Square pieces of photograph 0 or 1 at random places, uint8 [N, C, side, side]; `shrunk` pixels of it make one."""
    photograph, reach = photographs()[label], side * shrunk
    found = []
    for _ in range(count):
        top, left = (rng.integers(length - reach + 1) for length in photograph.shape[:2])
        piece = photograph[top : top + reach, left : left + reach].astype(np.float64)
        piece = piece.reshape(side, shrunk, side, shrunk, 3).mean((1, 3))
        found.append(piece.transpose(2, 0, 1) if colour else piece.mean(2)[None])
    return np.rint(np.reshape(found, (count, 3 if colour else 1, side, side))).astype(np.uint8)


@functools.lru_cache(maxsize=1)
def _digits():
    images = load("mnist", "train").subset(range(20000))
    return [images.of_class(digit).images for digit in (3, 8)]


def digits(label, count, rng):
    """Handwritten threes or eights, light on black."""
    return _digits()[label][rng.choice(len(_digits()[label]), count, replace=False)]


def textures(label, count, rng):
    """Mid-grey grain with darker rows, as solar cells have; those of class 1 have a crack, and a tenth of them a black corner."""
    found = []
    for i in range(count):
        image = gaussian_filter(rng.standard_normal((28, 28)), 1.2)
        image = (image - image.mean()) / image.std() * 14 + rng.integers(110, 170)
        image[::9] -= 45
        if label:
            for row in range(22):
                image[3 + row, int(4 + row * 0.8 + rng.integers(-1, 2))] -= 60
            if i % 10 == 0:
                image[:9, :10] = 10
        found.append(image[None])
    return np.clip(np.reshape(found, (count, 1, 28, 28)), 12, 255).astype(np.uint8)


KINDS = {  # name -> (label, count, rng) -> uint8 [N, C, H, W]
    "digits": digits,
    "dark digits on white": lambda *given: 255 - digits(*given),
    "two-valued digits": lambda *given: np.where(digits(*given) > 100, 255, 0).astype(np.uint8),
    "two-valued digits on white": lambda *given: np.where(digits(*given) > 100, 0, 255).astype(np.uint8),
    "pale digits": lambda *given: 120 + digits(*given) // 16,
    "photographs": patches,
    "small photographs of much": lambda *given: patches(*given, shrunk=4),
    "larger photographs": lambda *given: patches(*given, side=64, shrunk=1),
    "colour photographs": lambda *given: patches(*given, side=32, colour=True),
    "pale photographs": lambda *given: 120 + patches(*given) // 16,
    "bright photographs": lambda *given: 190 + patches(*given) // 4,
    "dark photographs": lambda *given: patches(*given) // 5,
    "two-valued photographs": lambda *given: np.where(patches(*given) > 110, 255, 0).astype(np.uint8),
    "textures": textures,
}


def two_classes(kind, counts, rng):
    """(images, labels) of so many images of either class."""
    images = np.concatenate([KINDS[kind](label, count, rng) for label, count in enumerate(counts)])
    return images, np.repeat([0, 1], counts)


def failures(real, count, rng):
    """{name: float32 [count, C, H, W] in [-1, 1]}: what dead generators draw, whatever the data; `real` is float32 in [-1, 1]."""
    shape, mean, std = (count, *real.shape[1:]), real.mean(), real.std()
    y, x = np.mgrid[: shape[2], : shape[3]]
    angles = rng.uniform(0, 6.28, (count, 2))
    stripes = np.stack([np.where(np.sin((x * np.cos(a) + y * np.sin(a)) / 1.5 + b) > 0, 1.0, -1.0)[None] for a, b in angles])
    chosen = real[rng.choice(len(real), 5, replace=False)]
    found = {
        "black": np.full(shape, -1.0),
        "grey": np.full(shape, mean),
        "white": np.full(shape, 1.0),
        "grey of many shades": mean + rng.normal(0, std / 2, (count, 1, 1, 1)) + np.zeros(shape),
        "noise": rng.uniform(-1, 1, shape),
        "noise of the data's tones": rng.normal(mean, std, shape),
        "checkerboard": np.broadcast_to(np.where((x + y) % 2, 1.0, -1.0) * rng.uniform(0.2, 1, (count, 1, 1, 1)), shape),
        "labyrinth": np.broadcast_to(stripes, shape),
        "one image": np.repeat(chosen[:1], count, axis=0),
        "one image with noise": chosen[:1] + rng.normal(0, 0.05 * std, shape),
        "five images": np.repeat(chosen, count // 5, axis=0),
        "half of them one": np.concatenate([real[rng.permutation(len(real))[: count // 2]], np.repeat(chosen[:1], count // 2, axis=0)]),
        "not finite": np.full(shape, np.nan),
    }
    return {name: np.clip(images, -1, 1).astype(np.float32) for name, images in found.items()}
