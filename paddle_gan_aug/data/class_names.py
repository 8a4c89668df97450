"""The one rule for which class names can be the names of folders."""

import os
from pathlib import Path
from typing import Dict, Iterable, Union

from ..errors import InputError
from ..files import ignores_case, is_portable
from .written_set import OWN_FILES

INSTEAD = "rename it in the data, or write the set as npz (generate --format npz)"


def class_folder(name: str) -> str:
    """Return the name of a class as the name of its folder in a set.

    Raises:
        InputError: the name cannot be that of a folder, is that of a file in every set, or begins with a dot: readers of class
            folders leave out hidden folders.
    """
    if name in ("", ".", "..", *OWN_FILES) or any(sign in name for sign in "/\\\0") or not _can_be_written(name):
        raise InputError(f"class {name!r} cannot be the name of a folder: {INSTEAD}")
    if name.startswith("."):
        raise InputError(f"class {name!r} would be a hidden folder, which readers leave out: rename the class in the data")
    if os.name == "nt" and not is_portable(name):
        raise InputError(f"class {name!r} cannot be the name of a folder on Windows: {INSTEAD}")
    return name


def _can_be_written(name: str) -> bool:
    """Whether the file system's encoding has all characters of a name."""
    try:
        return bool(os.fsencode(name))
    except UnicodeEncodeError:
        return False


def check_class_folders(names: Iterable[str], to: Union[str, Path]) -> None:
    """Check that each class can have a folder of its own in the set `to`, which need not exist; nothing is made.

    Raises:
        InputError: see `class_folder`; or two names differ by case alone where the disk takes them for one, as on Windows and macOS.
    """
    found: Dict[str, str] = {}
    for name in names:
        other = found.setdefault(class_folder(name).casefold(), name)
        if other != name and ignores_case(to):
            raise InputError(f"classes {other!r} and {name!r} would share a folder, for {to} does not tell cases apart: {INSTEAD}")
