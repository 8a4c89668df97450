"""Why splits are decided in one place: a test image that slips into training makes every later number worthless.

A source offers the parts `train`, `eval` and perhaps `valid`. Where it has no `valid`, the last sixth of its training images is
held out: for MNIST that gives the 50,000 + 10,000 of mnist.json.gz, whose validation images are the last 10,000 too.
"""

import difflib

from ..errors import InputError
from .images import concatenate

SPLITS = ("standard", "full")
HELD_OUT = 6  # one image in so many


def check_choice(value, choices, what):
    """Raise an InputError that names the nearest of `choices` if `value` is none of them."""
    if value not in choices:
        nearest = difflib.get_close_matches(str(value), choices, n=1, cutoff=0)[0]
        raise InputError(f"unknown {what} {value!r}: choose one of {', '.join(choices)} (nearest: {nearest})")


def check_split(mode, split):
    """Raise an InputError if there is no such split, or it has no images for `mode`."""
    check_choice(split, SPLITS, "split")
    if split == "full" and mode == "valid":
        raise InputError("mode 'valid' has no images with split 'full', which trains on them: use split 'standard' or mode 'eval'")


def hold_out(data):
    """Split `LabelledImages` of n images into (the first n - n // 6, the last n // 6), in file order; below 6 images the last is empty."""
    kept = len(data) - len(data) // HELD_OUT
    return (
        data.subset(slice(0, kept), f"images 0 to {kept - 1} of {len(data)}"),
        data.subset(slice(kept, None), f"images {kept} to {len(data) - 1} of {len(data)}"),
    )


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
    data = read_part("eval") if mode == "eval" else _training_part(read_part, mode, split)
    if data is None or not len(data):
        raise InputError(f"{name} has no images for mode {mode!r}: give data that has some, or use another mode")
    return data


def _training_part(read_part, mode, split):
    train, valid = read_part("train"), read_part("valid")
    if split == "full":
        return train if valid is None else concatenate(train, valid)
    if valid is None:
        train, valid = hold_out(train)
    return train if mode == "train" else valid
