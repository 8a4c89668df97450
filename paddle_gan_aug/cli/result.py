"""What a command hands back, and how it is printed."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Mapping, NamedTuple, Optional

from ..files import naming

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Result(NamedTuple):
    """The result of a command.

    Attributes:
        value: what `--json` prints: anything JSON can hold.
        text: what is printed without `--json`.
        code: the exit code.
        then: called once the result is printed, by a command that goes on afterwards.
    """

    value: Any
    text: str
    code: int = DONE
    then: Optional[Callable[[], None]] = None


def of_dry_run(planned: Any) -> Result:
    """The result of a command that was only tried, from its `DryRun`."""
    return Result(planned.to_json(), planned.told())


def named_lines(rows: Mapping[str, str]) -> str:
    """A line for each name with its description, the descriptions below each other."""
    width = max(map(len, rows))
    return "\n".join(f"{name:{width}}  {text}" for name, text in rows.items())


def show(result: Result, as_json: bool) -> None:
    """Print a result, and make sure that it has left this process."""
    with naming("standard output"):
        print(json.dumps(result.value, ensure_ascii=False) if as_json else result.text)
        sys.stdout.flush()  # or a full disk would be noticed after the command has ended
