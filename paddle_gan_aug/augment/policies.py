"""Policies: the transforms that leave the labels of a kind of data right, how often and how strongly; and automatic policies over them.

Every policy is a callable (image uint8 [C, H, W], rng) -> image, so that `transforms.transform_batch` takes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple, Union

import numpy as np

from ..data.written_set import DESCRIPTION, MANIFEST, read_description
from ..errors import InputError
from ..files import find_path
from .checks import checked_batch
from .geometric import rotate, scale, shift
from .transforms import CLOTHES, DIGITS, OBJECTS, PHOTOGRAPHS, Range, transform

LEVELS = 30  # strengths of RandAugment, and 31 with zero of TrivialAugment


@dataclass(frozen=True)
class Step:
    """A transform of the table as a policy uses it.

    Attributes:
        name: of the transform. probability: how often it happens.
        ranges: {parameter: Range} in place of the table's.
    """

    name: str
    probability: float = 1.0
    ranges: Dict[str, Range] = field(default_factory=dict)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() >= self.probability:
            return image
        return transform(self.name)(image, rng, ranges=self.ranges)


@dataclass(frozen=True)
class Policy:
    """The transforms that one kind of data can take.

    Attributes:
        name: as in `POLICIES`. kind: of `transforms.KINDS`. says: what its standard augmentation does, in words.
        steps: the standard augmentation: all of them in this order, each with its probability.
        space: what RandAugment and TrivialAugment choose from.
    """

    name: str
    kind: str
    says: str
    steps: Tuple[Step, ...]
    space: Tuple[Step, ...]

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The standard augmentation of one image."""
        for step in self.steps:
            image = step(image, rng)
        return image


# Narrower than the table's: a policy is applied to every image, a preview to a few.
_LIGHT = {"factor": Range(0.7, 1.3, 1.0)}
_FOCUS = {"factor": Range(0.2, 2.0, 1.0)}
_PIXELS = (Step("brightness", ranges=_LIGHT), Step("contrast"), Step("sharpness", ranges=_FOCUS))
_NOISE = (Step("gaussian_noise"), Step("blur"))
_FORM = (Step("shift"), Step("rotate"), Step("scale"), Step("shear"), Step("perspective"))
_FOUR_PIXELS = {"down": Range(-4 / 28, 4 / 28), "right": Range(-4 / 28, 4 / 28)}
_ERASING = {"area": Range(0.02, 0.25)}
_MIRROR = {"chance": Range(0.5, 0.5)}  # half of the images

_FLIP = Step("flip_horizontal", ranges=_MIRROR)
_FOUR_OF_32 = {"down": Range(-1 / 8, 1 / 8), "right": Range(-1 / 8, 1 / 8)}
_GREY = (Step("shift", ranges=_FOUR_PIXELS), Step("random_erasing", 0.5, _ERASING))
_GREY_SPACE = (*_FORM, *_PIXELS, *_NOISE)
_COLOUR = (
    Step("shift", ranges=_FOUR_OF_32),
    Step("color", 0.5, _FOCUS),
    Step("brightness", 0.5, _LIGHT),
    Step("contrast", 0.5, _LIGHT),
    Step("random_erasing", 0.25, _ERASING),
)
_COLOUR_SPACE = (*_FORM, Step("color", ranges=_FOCUS), *_PIXELS, *_NOISE)
_MOVED, _LIT = "moved, partly covered", "moved, in other light and colours, partly covered"

POLICIES: Dict[str, Policy] = {
    row.name: row
    for row in (
        Policy(
            "digits",
            DIGITS,
            "turned, scaled, moved and bent a little; never mirrored",
            steps=(Step("rotate"), Step("scale"), Step("shift"), Step("elastic", 0.5)),
            space=(*_FORM, Step("elastic"), *_PIXELS, *_NOISE),
        ),
        Policy("objects", OBJECTS, f"{_MOVED}; never mirrored", _GREY, (*_GREY_SPACE, Step("cutout"))),
        Policy("mirrored", CLOTHES, f"mirrored, {_MOVED}", (_FLIP, *_GREY), (*_GREY_SPACE, Step("flip_horizontal"), Step("cutout"))),
        Policy("colour objects", OBJECTS, f"{_LIT}; never mirrored", _COLOUR, (*_COLOUR_SPACE, Step("cutout"))),
        Policy(
            "colour mirrored",
            PHOTOGRAPHS,
            f"mirrored, {_LIT}",
            (_FLIP, *_COLOUR),
            (*_COLOUR_SPACE, Step("flip_horizontal"), Step("cutout")),
        ),
    )
}
CHOICES = ("digits", "objects", "mirrored")  # of `data.policy`, beside auto
SHIPPED = {"fashionmnist": "mirrored", "mnist": "digits"}  # known by name, however it is joined; the longer name first


def policy_for(source: Union[str, Path], channels: int, choice: str = "auto") -> Policy:
    """Return the policy of a data set: the chosen one, in colour for three channels.

    Args:
        source: the data set's name or path. channels: 1 or 3.
        choice: one of `CHOICES`, or "auto": the policy that a set written by `augment` records, else that of MNIST or Fashion-MNIST by
            name, else one that mirrors nothing: "objects" for colour, "digits" for grey.

    Raises:
        InputError: a written set whose description is damaged.
    """
    if choice == "auto":
        choice = recorded_policy(source) or _by_name(source) or ("objects" if channels == 3 else "digits")
    return POLICIES[f"colour {choice}" if channels == 3 and choice != "digits" else choice]


def choice_of(policy: Policy) -> str:
    """Return the value of `data.policy` that means a policy of `POLICIES`."""
    return policy.name.removeprefix("colour ")


def recorded_policy(source: Union[str, Path]) -> Optional[str]:
    """Return the policy that a set written by `augment` records, one of `CHOICES`; None if it records none.

    Raises:
        InputError: its description is damaged.
    """
    path = find_path(source)
    folder = path if path.is_dir() else path.parent
    if not path.exists() or not (folder / MANIFEST).is_file():
        return None
    found = read_description(folder).get("policy")
    if found is not None and found not in CHOICES:
        raise InputError(f"{folder / DESCRIPTION} names the policy {str(found)[:80]!r}: known are {', '.join(CHOICES)} (data.policy)")
    return found


def _by_name(source: Union[str, Path]) -> Optional[str]:
    name = str(source).rstrip("/").replace("\\", "/").rsplit("/", 1)[-1].lower()
    name = re.sub("[-_ ]", "", name)
    return next((choice for known, choice in SHIPPED.items() if known in name), None)


class RandAugment:
    """`count` transforms of a space, each at the same strength (Cubuk et al. 2019, arXiv:1909.13719).

    Args:
        space: `Step`s; their probabilities play no part.
        count: N of the paper; 2 is common for CIFAR-10. magnitude: M, 0 to 30; 9 is common.

    Raises:
        ValueError: an empty space, a negative count, a magnitude outside 0..30.
    """

    def __init__(self, space: Sequence[Step], count: int = 2, magnitude: int = 9) -> None:
        if not space or count < 0 or not 0 <= magnitude <= LEVELS:
            raise ValueError(f"RandAugment needs a space, a count and a magnitude from 0 to {LEVELS}, not {space}, {count}, {magnitude}")
        self.space, self.count, self.strength = tuple(space), count, magnitude / LEVELS

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for _ in range(self.count):
            image = _at_strength(self.space, image, rng, self.strength)
        return image


class TrivialAugment:
    """One transform of a space, at one of 31 strengths, both by chance (Müller & Hutter 2021, arXiv:2103.10158): nothing to tune.

    Raises:
        ValueError: an empty space.
    """

    def __init__(self, space: Sequence[Step]) -> None:
        if not space:
            raise ValueError("TrivialAugment needs a space to choose from")
        self.space = tuple(space)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return _at_strength(self.space, image, rng, float(rng.integers(LEVELS + 1)) / LEVELS)


def _at_strength(space: Sequence[Step], image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    step = space[int(rng.integers(len(space)))]
    return transform(step.name).at_end(image, rng, strength, step.ranges)


def views_at_test_time(images: np.ndarray, policy: Policy) -> np.ndarray:
    """Return the views of each image whose readings a classifier averages. Nothing is random, so a prediction is repeatable.

    Args:
        images: uint8 [N, C, H, W]. policy: a `Policy`; mirrored views are made only where its labels survive them.

    Returns:
        uint8 [V, N, C, H, W]: the images themselves, four shifts by a pixel of 28, two turns by 5 degrees, two sizes 5 % apart, and,
        where safe, the mirror image.

    Raises:
        ValueError: other images.
    """
    checked_batch(images)
    pixel = 1 / 28
    views = [images]
    changes = [(shift, (pixel, 0)), (shift, (-pixel, 0)), (shift, (0, pixel)), (shift, (0, -pixel))]
    changes += [(rotate, (-5,)), (rotate, (5,)), (scale, (0.95,)), (scale, (1.05,))]
    for change, values in changes:
        views.append(np.stack([change(image, None, *values) for image in images]) if len(images) else images)
    if policy.kind in transform("flip_horizontal").safe_for:
        views.append(images[..., ::-1])
    return np.stack(views)


def averaged(probabilities: Any) -> np.ndarray:
    """Average the class probabilities of the views, float [V, N, K], into one reading for each image, float [N, K]."""
    return np.asarray(probabilities).mean(axis=0)
