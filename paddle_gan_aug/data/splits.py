"""The split of a data set into training, validation and test images, decided in one place.

A data set has the parts `train`, `test` and perhaps `valid`. If it has no `valid`, the last sixth of its training images is held
out: for MNIST that gives the 50,000 + 10,000 of mnist.json.gz, whose validation images are the last 10,000 too. Undivided data,
such as class folders, is sorted by class, so a share of each class is held out by a seed. The same is done if the last sixth of a
file would not hold every class in its proportion.
"""

from typing import Callable, Dict, Optional, Sequence, Tuple

import numpy as np

from .. import runtime
from ..errors import InputError, LoneImage, NoSuchPart, nearest
from .images import LabelledImages, concatenate

SPLITS = ("standard", "full")
HELD_OUT = 6  # one image in six
ADVICE = {  # what to do if a part is missing
    "train": "give data that has training images",
    "valid": "give data with more images, or with a validation part (folder valid)",
    "test": "give some in a folder test beside train, or as a set of their own (classify --test DIR); "
    "training needs none (of a classifier: train --gan classifier), and an evaluation can use the part valid (evaluate --part valid)",
}
PART_NAMES = {"train": "training", "valid": "validation", "test": "test"}


def check_choice(value: object, choices: Sequence[str], what: str) -> None:
    """Raise an InputError that names the nearest of `choices` if `value` is none of them."""
    if value not in choices:
        near = nearest(str(value), choices, 0)
        raise InputError(f"unknown {what} {value!r}: choose one of {', '.join(choices)} (nearest: {near})")


def check_split(part: str, split: str) -> None:
    """Raise an InputError if there is no such split, or it has no images for `part`."""
    check_choice(split, SPLITS, "split")
    if split == "full" and part == "valid":
        raise NoSuchPart("there are no validation images with split 'full', which trains on them: use split 'standard', or the test images")


def hold_out(data: LabelledImages) -> Tuple[LabelledImages, LabelledImages]:
    """Split `LabelledImages` of n images into (the first n - n // 6, the last n // 6), in file order; below 6 images the last is empty."""
    kept = len(data) - len(data) // HELD_OUT
    return (
        data.subset(slice(0, kept), f"images 0 to {kept - 1} of {len(data)}"),
        data.subset(slice(kept, None), f"images {kept} to {len(data) - 1} of {len(data)}"),
    )


def last_sixth_is_fair(labels: np.ndarray) -> bool:
    """Return whether the last sixth of int64 labels [N] holds every class in about its proportion, as it does in a mixed order.

    It does not if every class lies in one piece, if a class of several images lies wholly in it, or if the count of a class differs
    from its proportion by more than chance (four standard deviations of a random order) and by more than half.
    """
    counts = np.bincount(labels)
    due = counts / HELD_OUT
    held = np.bincount(labels[len(labels) - len(labels) // HELD_OUT :], minlength=len(counts))
    sorted_by_class = np.count_nonzero(np.diff(labels)) + 1 == np.count_nonzero(counts) > 1 and counts.max() > 1
    never_learnt = (held == counts) & (counts > 1)
    allowed = np.maximum(due / 2, 4 * np.sqrt(due * (1 - 1 / HELD_OUT)))
    return not (sorted_by_class or never_learnt.any() or (abs(held - due) > allowed).any())


def stratified(
    data: LabelledImages, share: Optional[float] = None, seed: int = 0, lone_trains: bool = False
) -> Tuple[LabelledImages, LabelledImages]:
    """Split `LabelledImages` into (training, validation): the same share of every class, chosen by the seed. The order stays.

    Args:
        data: the images.
        share: the share that validates, 0 to 1; None = a sixth. Of a class of two or more images at least one goes to each side.
        seed: of the choice.
        lone_trains: the image of a class with a single one trains; without it such a class is refused.

    Raises:
        LoneImage: a class has a single image.
    """
    share = 1 / HELD_OUT if share is None else share
    out = np.zeros(len(data), dtype=bool)
    for label, name in enumerate(data.class_names):
        of_class = np.flatnonzero(data.labels == label)
        if len(of_class) == 1 and not lone_trains:
            raise LoneImage(f"class {name} of {data.source} has one image: none is left to validate with; add some or remove the class")
        if len(of_class) > 1:
            count = min(len(of_class) - 1, max(1, round(share * len(of_class))))
            out[runtime.rng(seed, "validation share", label).permutation(of_class)[:count]] = True
    note = f"{share:.3g} of each class by seed {seed}"
    return data.subset(~out, f"without {note}"), data.subset(out, note)


def few_of_each_class(data: LabelledImages, count: int, seed: int = 0) -> LabelledImages:
    """Return `count` images of every class that has any, chosen by the seed, in their order. A smaller count gives some of the same.

    Raises:
        InputError: a class has fewer images.
    """
    shares = {int(label): count for label in np.flatnonzero(data.counts())}
    return data.subset(_some_of_each_class(data, shares, seed, f"data.per_class {count}"), f"{count} of each class by seed {seed}")


def keep_labels(data: LabelledImages, count: int, seed: int = 0) -> LabelledImages:
    """Return the `count` images that keep their labels, equally many of every class that has any, chosen by the seed, in their order.

    If the classes do not divide the count, some of them, chosen by the seed too, get one more. The images of a class are those that
    `few_of_each_class` takes.

    Raises:
        InputError: there are fewer labels than classes, or a class has too few images.
    """
    filled = np.flatnonzero(data.counts())
    each, rest = divmod(count, len(filled))
    if not each:
        raise InputError(f"data.labels {count} is too few for the {len(filled)} classes of {data.source}: each needs at least one")
    favoured = set(runtime.rng(seed, "labels beyond equal shares").permutation(filled)[:rest].tolist())
    shares = {int(label): each + (int(label) in favoured) for label in filled}
    return data.subset(_some_of_each_class(data, shares, seed, f"data.labels {count}"), f"{count} with labels by seed {seed}")


def _some_of_each_class(data: LabelledImages, shares: Dict[int, int], seed: int, setting: str) -> np.ndarray:
    """Return the indices, ascending, of as many images of each class as {label: count} says."""
    chosen = []
    for label, count in shares.items():
        of_class = np.flatnonzero(data.labels == label)
        if len(of_class) < count:
            few = f"class {data.class_names[label]} of {data.source} has {len(of_class)} training images"
            raise InputError(f"{few}: {setting} is too many")
        chosen.append(runtime.rng(seed, "images per class", label).permutation(of_class)[:count])
    return np.sort(np.concatenate(chosen))


def select(
    read_part: Callable[[str], Optional[LabelledImages]], part: str, split: str = "standard", name: str = "this data"
) -> LabelledImages:
    """Return the images of a data set for a part.

    Args:
        read_part: called with `train`, `valid` or `test`; gives `LabelledImages`, or None if the data has no such part. Only
            the parts that are needed are asked for.
        part: `train`, `valid` or `test`.
        split: `standard`, or `full`: train on the validation images too.
        name: of the data, for the messages.

    Returns:
        LabelledImages. With `standard`, train is the training images without the validation images. `test` is the same in both.

    Raises:
        NoSuchPart (an InputError): the data has no such images, or `valid` is asked of the split `full`.
    """
    check_split(part, split)
    data = read_part("test") if part == "test" else _training_part(read_part, part, split, name)
    if data is None or not len(data):
        raise NoSuchPart(f"{name} has no {PART_NAMES[part]} images: {ADVICE[part]}")
    return data


def _training_part(read_part: Callable[[str], Optional[LabelledImages]], part: str, split: str, name: str) -> Optional[LabelledImages]:
    train, valid = read_part("train"), read_part("valid")
    if train is None:
        return valid if part == "valid" else None
    if split == "full":
        return train if valid is None else concatenate(train, valid, f"{name}, training and validation images")
    if valid is None:
        train, valid = hold_out(train)
    return train if part == "train" else valid
