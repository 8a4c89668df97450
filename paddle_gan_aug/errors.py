"""The ways in which a command may end badly, and how their messages name settings.

A message names a setting as Python does, and the command line shows its flag in place of that name:

- a configuration key by its dotted name, anywhere: `data.image_size` is shown as `--image-size (data.image_size)`;
- a parameter at the beginning, alone or with its value, and a colon: `count 0: ask for at least one image`;
- a parameter of several words anywhere (`per_class`), one of a single word elsewhere in backticks: `` `balance` ``;
- advice as an assignment: `resume=True`, `per_class=N`, `data.split=full`.

What a command has no flag for is shown as it stands; so is everything in Python.
"""

import difflib
from typing import Iterable, Optional


class InputError(Exception):
    """Bad input or arguments: the message is one line that says what is wrong, where, and what to do. Exit code 2."""


class NoSuchPart(InputError):
    """The data is sound, and has no images of the part that was asked for (train, valid, test)."""


class LoneImage(InputError):
    """A class has a single image, which cannot both train and validate.

    Args:
        problem: The message without the cure that not every caller has.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}, or train on all images: data.split full")
        self.problem = problem


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop button, and the message says what is left. A notebook shows the message without a traceback."""

    def _render_traceback_(self) -> list:
        return [str(self)]


class RunFailed(Exception):
    """The input was good and the work still failed; the message says how. Exit code 1."""


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> Optional[str]:
    """The known name that a misspelt one is most like, or None; from `cutoff` 0 (any) to 1 (equal) alike."""
    return next(iter(difflib.get_close_matches(str(name), list(map(str, known)), n=1, cutoff=cutoff)), None)


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "", cutoff: float = 0.6, before: str = "") -> str:
    """What a message says of a name that is not known: "did you mean NAME?", after `before`; or `otherwise` if none is like it."""
    near = nearest(name, known, cutoff)
    return f"{before}did you mean {near}?" if near else otherwise
