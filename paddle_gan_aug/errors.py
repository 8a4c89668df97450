"""The ways in which a command may end badly."""


class InputError(Exception):
    """Bad input or arguments: the message is one line that says what, where and what to do. Exit code 2."""


class NoSuchPart(InputError):
    """The data is sound, and has no images of the part that was asked for (training, validation, test)."""


class RunFailed(Exception):
    """The input was fine and the work still failed; the message says how. Exit code 1."""
