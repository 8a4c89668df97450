"""The one rule for which class names can be the names of folders."""

from ..errors import InputError
from .written_set import OWN_FILES


def class_folder(name: str) -> str:
    """Return the name of a class as the name of its folder in a set.

    Raises:
        InputError: the name cannot be that of a folder, is that of a file in every set, or begins with a dot: readers of class
            folders leave out hidden folders.
    """
    if name in ("", ".", "..", *OWN_FILES) or any(sign in name for sign in "/\\\0"):
        raise InputError(
            f"class {name!r} cannot be the name of a folder: rename it in the data, or write the set as npz (generate --format npz)"
        )
    if name.startswith("."):
        raise InputError(f"class {name!r} would be a hidden folder, which readers leave out: rename the class in the data")
    return name
