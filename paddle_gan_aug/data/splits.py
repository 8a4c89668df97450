"""Why splits are decided in one place: a test image that slips into training makes every later number worthless.

A source offers the parts `train`, `eval` and perhaps `valid`. Where it has no `valid`, the last sixth of its training images is
held out: for MNIST that gives the 50,000 + 10,000 of mnist.json.gz, whose validation images are the last 10,000 too. Undivided
data, such as class folders, is sorted by class, so there a share of each class is held out, by a seed.
"""

import difflib

import numpy as np

from .. import runtime
from ..errors import InputError
from .images import concatenate

SPLITS = ("standard", "full")
HELD_OUT = 6  # one image in so many
WITHOUT = {  # what to do where a part is missing
    "train": "give data that has training images",
    "valid": "give data with more images, or with a validation part (folder valid)",
    "eval": "give some in a folder test beside train, or name them (classify --test DIR); "
    "train --gan classifier and evaluate --part valid do without",
}
PART_NAMES = {"train": "training", "valid": "validation", "eval": "test"}


def check_choice(value, choices, what):
    """Raise an InputError that names the nearest of `choices` if `value` is none of them."""
    if value not in choices:
        nearest = difflib.get_close_matches(str(value), choices, n=1, cutoff=0)[0]
        raise InputError(f"unknown {what} {value!r}: choose one of {', '.join(choices)} (nearest: {nearest})")


def check_split(mode, split):
    """Raise an InputError if there is no such split, or it has no images for `mode`."""
    check_choice(split, SPLITS, "split")
    if split == "full" and mode == "valid":
        raise InputError("there are no validation images with split 'full', which trains on them: use split 'standard', or the test images")


def hold_out(data):
    """Split `LabelledImages` of n images into (the first n - n // 6, the last n // 6), in file order; below 6 images the last is empty."""
    kept = len(data) - len(data) // HELD_OUT
    return (
        data.subset(slice(0, kept), f"images 0 to {kept - 1} of {len(data)}"),
        data.subset(slice(kept, None), f"images {kept} to {len(data) - 1} of {len(data)}"),
    )


def stratified(data, share=None, seed=0):
    """Split `LabelledImages` into (training, validation): the same share of every class, chosen by the seed; file order stays.

    Args:
        share: 0 to 1; None = a sixth. Of a class with images enough for both at least one goes to each side.

    Raises:
        InputError: a class with a single image.
    """
    share = 1 / HELD_OUT if share is None else share
    held = []
    for label, name in enumerate(data.class_names):
        of_class = np.flatnonzero(data.labels == label)
        if len(of_class) == 1:
            raise InputError(f"class {name} of {data.source} has one image: none is left to validate with; add some, or remove the class")
        if len(of_class):
            count = min(len(of_class) - 1, max(1, round(share * len(of_class))))
            held.append(runtime.rng(seed, "validation share", label).permutation(of_class)[:count])
    out = np.zeros(len(data), dtype=bool)
    out[np.concatenate(held)] = True
    note = f"{share:.3g} of each class by seed {seed}"
    return data.subset(~out, f"without {note}"), data.subset(out, note)


def few_of_each_class(data, count, seed=0):
    """`count` images of every class that has any, chosen by the seed, in their order; a smaller count gives some of the same.

    Raises:
        InputError: a class has fewer.
    """
    shares = {int(label): count for label in np.flatnonzero(data.counts())}
    return data.subset(_some_of_each_class(data, shares, seed, f"data.per_class {count}"), f"{count} of each class by seed {seed}")


def keep_labels(data, count, seed=0):
    """`count` images in all, equally many of every class that has any, chosen by the seed, in their order.

    Where the classes do not divide the count, some of them, chosen by the seed too, get one more. The images of a class are those that
    `few_of_each_class` takes.

    Raises:
        InputError: fewer labels than classes; a class has too few images.
    """
    filled = np.flatnonzero(data.counts())
    each, rest = divmod(count, len(filled))
    if not each:
        raise InputError(f"data.labels {count} is too few for the {len(filled)} classes of {data.source}: each needs one at least")
    favoured = set(runtime.rng(seed, "labels beyond equal shares").permutation(filled)[:rest].tolist())
    shares = {int(label): each + (int(label) in favoured) for label in filled}
    return data.subset(_some_of_each_class(data, shares, seed, f"data.labels {count}"), f"{count} with labels by seed {seed}")


def _some_of_each_class(data, shares, seed, setting):
    """Indices, ascending, of as many images of each class as {label: count} says."""
    chosen = []
    for label, count in shares.items():
        of_class = np.flatnonzero(data.labels == label)
        if len(of_class) < count:
            few = f"class {data.class_names[label]} of {data.source} has {len(of_class)} training images"
            raise InputError(f"{few}: {setting} is too many")
        chosen.append(runtime.rng(seed, "images per class", label).permutation(of_class)[:count])
    return np.sort(np.concatenate(chosen))


def select(read_part, mode, split="standard", name="this data"):
    """The images of a source for a mode.

    Args:
        read_part: called with `train`, `valid` or `eval`; gives `LabelledImages`, or None where the source has no such part.
            Only the parts that are needed are asked for.
        mode: `train`, `valid` or `eval`.
        split: `standard`, or `full`: train on the validation images too.
        name: of the source, for the messages.

    Returns:
        LabelledImages. `standard`: train is the source's training images without the validation ones. `eval` is the same in both.

    Raises:
        InputError: the source lacks what is asked for, or `valid` is asked of the split `full`.
    """
    check_split(mode, split)
    data = read_part("eval") if mode == "eval" else _training_part(read_part, mode, split, name)
    if data is None or not len(data):
        raise InputError(f"{name} has no {PART_NAMES[mode]} images: {WITHOUT[mode]}")
    return data


def _training_part(read_part, mode, split, name):
    train, valid = read_part("train"), read_part("valid")
    if split == "full":
        return train if valid is None else concatenate(train, valid, f"{name}, training and validation images")
    if valid is None:
        train, valid = hold_out(train)
    return train if mode == "train" else valid
