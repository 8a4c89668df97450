"""Types of flags."""

import argparse

from ..errors import InputError
from ..runtime import check_seed


def seed(text):
    """A seed as a number; argparse says why it is none."""
    try:
        return check_seed(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def positive(text):
    """A whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: at least 1")
    return number
