"""What a written set says of itself: the rows of its manifest.jsonl, and paddle_gan_aug.json, what it is. Both may come from anywhere."""

import json

from ..errors import InputError

MANIFEST, DESCRIPTION = "manifest.jsonl", "paddle_gan_aug.json"
UNFINISHED = (".partial", ".generated")  # folders of a set that is being made
LONGEST_LINE = 1 << 20  # characters of a manifest's line: none that is honest comes near


def check_finished(folder):
    """Check that a folder holds no set that was interrupted before it had a manifest.

    Raises:
        InputError: it does.
    """
    if not (folder / MANIFEST).is_file() and any((folder / name).is_dir() for name in UNFINISHED):
        raise InputError(f"{folder} holds a set that is not finished: resume what makes it, or make it again in another folder")


def read_manifest(folder):
    """The rows of a set's manifest, one after the other: dicts with a text `file`, and a `class` that is a text or None.

    Raises:
        InputError: it cannot be read, or a line is no such row; the message names the line.
    """
    path = folder / MANIFEST
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), ""), 1):
                if line.strip():
                    yield _checked(line, path, number)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is damaged: it is not UTF-8 text; make the set again") from None


def _checked(line, path, number):
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged: line {number} is no JSON; make the set again, or remove the line") from None
    fits = isinstance(row, dict) and isinstance(row.get("file"), str) and isinstance(row.get("class"), (str, type(None)))
    if not fits or not row["file"] or "\0" in row["file"]:
        raise InputError(f"{path} is damaged: line {number} names no file and class; make the set again, or remove the line")
    return row


def file_in(folder, name, what):
    """The path of a file that `what` names inside `folder`, which must be there.

    Raises:
        InputError: it is missing, or lies outside.
    """
    file = folder / name
    try:
        inside, found = file.resolve().is_relative_to(folder.resolve()), file.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a loop of links
        raise InputError(f"{what} names {name[:80]}, which cannot be a file: {getattr(error, 'strerror', None) or error}") from None
    if not inside:
        raise InputError(f"{what} names {file}, which lies outside the folder")
    if not found:
        raise InputError(f"{file} is missing: {what} names it")
    return file


def read_description(folder):
    """What `DESCRIPTION` says of a set: a dict, empty where there is none.

    Raises:
        InputError: it is damaged.
    """
    return read_json_object(folder / DESCRIPTION)


def read_json_object(path):
    """A JSON file that holds an object, as a dict; {} where there is no such file.

    Raises:
        InputError: it is damaged.
    """
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    except (OSError, ValueError, RecursionError):
        pass
    raise InputError(f"{path} is damaged: make the set again")
