"""What people read on a console: any text in any encoding, long lists cut short, and a line that shows the progress."""

from __future__ import annotations

import codecs
import sys
import time
import unicodedata
from typing import Any, Callable, Iterable, Optional, Sequence, TextIO, Tuple

LISTED = 30  # names in a line, or rows in a table, for people; beyond that a count


def prepare_console() -> None:
    """Make standard output and standard error print any text: what their encoding lacks is written as \\u and four digits.

    Without this, a console that is not UTF-8 would end a command with a traceback as soon as it names a class or a file in
    other letters. The escapes are those of JSON, so printed JSON stays valid.
    """
    codecs.register_error("json-escape", _escape)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a notebook's streams take any text already
            stream.reconfigure(errors="json-escape")


def _escape(error: UnicodeError) -> Tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4)), error.end


def one_line(text: str) -> str:
    """`text` with line breaks and other control characters written as escapes."""
    return "".join(repr(letter)[1:-1] if unicodedata.category(letter) == "Cc" else letter for letter in text)


def listed(names: Iterable[Any], most: int = LISTED) -> str:
    """Names in one line for people: "a, b, c", and beyond `most` names "a, b, … and 970 more"."""
    names = [one_line(str(name)) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def shortened(rows: Sequence[Any], most: int = LISTED) -> Tuple[Sequence[Any], Optional[str]]:
    """The first rows of a table for people, and "… and 970 more" or None."""
    return (rows, None) if len(rows) <= most else (rows[:most], f"… and {len(rows) - most} more")


def duration(low: float, high: float) -> str:
    """A range of seconds in words: one number where both ends round to the same."""
    unit, each = ("min", 60) if high >= 90 else ("s", 1)
    first, last = (max(1, round(seconds)) if each == 1 else round(seconds / each, 1) for seconds in (low, high))
    return f"about {first} {unit}" if first == last else f"about {first} to {last} {unit}"


class ProgressLine:
    """Shows how far a piece of work is: one moving line on a terminal, a plain line every few seconds elsewhere.

    A context manager. Outside a terminal (a file, a job's log) the first line comes after `plain_every_seconds`.

    Args:
        total: how many units the whole work has.
        unit: the name of one of them, such as "image" or "step".
        initial: how many were done before.
        quiet: show nothing.
        stream: where the line goes; None = standard error.
    """

    plain_every_seconds = 10.0

    def __init__(self, total: int, unit: str = "image", initial: int = 0, quiet: bool = False, stream: Optional[TextIO] = None) -> None:
        self.total, self.unit, self.quiet, self.stream = total, unit, quiet, stream or sys.stderr
        self.done = self._initial = initial
        self._began = self._printed = time.monotonic()
        self.bar = None
        if not quiet and self.stream.isatty():
            from tqdm import tqdm

            self.bar = tqdm(
                total=total,
                initial=initial,
                file=self.stream,
                unit=unit,
                dynamic_ncols=True,
                mininterval=0.5,
                bar_format="{desc}|{bar:12}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}",
            )

    def add(self, count: int, text: str = "", numbers: Optional[Callable[[], str]] = None, now: bool = False) -> None:
        """Count `count` more units as done.

        Args:
            text: what is under way; it stands before the count.
            numbers: called when the line is drawn, for what stands behind the count; None = units per second.
            now: outside a terminal, print a line at once.
        """
        self.done += count
        if self.bar is not None:
            self.bar.update(count)
            if self.bar.n == self.bar.last_print_n:  # tqdm has just drawn: renew the texts for its next drawing
                self.bar.set_description_str(text, refresh=False)
                self.bar.set_postfix_str((numbers or self._rate)(), refresh=False)
        elif not self.quiet and (now or time.monotonic() - self._printed >= self.plain_every_seconds):
            self._printed = time.monotonic()
            line = f"{text} {self.unit} {self.done}/{self.total} {(numbers or self._rate)()} ETA {self._eta()}"
            print(line.strip(), file=self.stream, flush=True)

    def close(self) -> None:
        """Leave the line behind as it is."""
        if self.bar is not None:
            self.bar.close()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _seconds_each(self) -> float:
        return (time.monotonic() - self._began) / max(1, self.done - self._initial)

    def _rate(self) -> str:
        return f"{1 / max(1e-9, self._seconds_each()):.0f} {self.unit}s/s"

    def _eta(self) -> str:
        minutes, seconds = divmod(int(self._seconds_each() * (self.total - self.done)), 60)
        return f"{minutes}:{seconds:02d}"
