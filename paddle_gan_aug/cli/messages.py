"""Messages name settings as Python does (see `paddle_gan_aug.errors`); here their names are replaced by flags."""

from __future__ import annotations

import re
import shlex
from typing import Mapping

_VALUE = r"""(?:"[^"]*"|'[^']*'|\[[^\]]*\]|[^\s,;:)`]+)"""
_KEPT = ("-o ", "did you mean ")  # after these a name is what it should be
PROGRAM = ["python -m paddle_gan_aug"]  # how this process was started
ANY_KEY = "-o"  # in the table of flags: the key has no flag of its own, and is set with -o


def started_as(script: str) -> None:
    """Take down the script by which this process was started: a program of the user's own may have parts that the package has not."""
    if script.endswith(".py") and not script.endswith("__main__.py"):
        PROGRAM[0] = f"python {shlex.quote(script)}"


def program() -> str:
    """How a command begins in a message that names one."""
    return PROGRAM[0]


def with_flags(message: str, flags: Mapping[str, str]) -> str:
    """Replace the names of settings by the flags of a command.

    Args:
        message: of an error of the library.
        flags: {configuration key or parameter: its flag, or `ANY_KEY`}.
    """
    names = "|".join(map(re.escape, sorted(flags, key=len, reverse=True)))
    pattern = rf"(?<![\w./\\-])(?P<tick>`?)(?P<name>{names})(?:=(?P<value>{_VALUE}))?(?P=tick)(?![\w/\\-]|\.\w)"
    return re.sub(pattern, lambda match: _shown(match, flags[match["name"]]), message) if flags else message


def _shown(match: re.Match, flag: str) -> str:
    """What stands in place of one name."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    name, value = match["name"], match["value"]
    if before.endswith((*_KEPT, f"{flag} (", f"{flag}, ")):
        return match[0]
    if flag == ANY_KEY:
        return match[0] if value is None else "-o {}={}".format(name, value.replace(", ", ","))
    if value is not None:
        value = value.strip("\"'")
        return flag if value == "True" else f"{flag} {value}"
    if "." in name:
        return f"{flag}, {name}" if before.endswith("(") else f"{flag} ({name})"
    at_beginning = not before and re.match(rf"(?:(?: is)? {_VALUE})?: ", after)
    return flag if match["tick"] or "_" in name or at_beginning else match[0]
