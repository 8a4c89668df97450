"""What a reader of data decided by itself is told on standard error, so that nobody has to find it out from the results."""

import sys

from ..files import printable

_told = set()


def tell_once(text):
    """Print a line on standard error, once per process: data is read many times in one command."""
    if text not in _told:
        _told.add(text)
        print(printable(text), file=sys.stderr, flush=True)
