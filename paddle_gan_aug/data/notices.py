"""Notices about what a reader decided by itself, so that nobody has to find it out from the results."""

from .. import console
from ..files import printable

_printed = set()


def notice_once(text: str) -> None:
    """Print a line, unless this process has printed it before: one command may read data several times."""
    if text not in _printed:
        _printed.add(text)
        console.tell(printable(text))


def warn(text: str) -> None:
    """Print a warning on standard error."""
    console.warn(printable(text))
