"""What people read on a console or in a notebook: any text in any encoding, long lists cut short, and how far a piece of work is."""

from __future__ import annotations

import codecs
import contextlib
import io
import sys
import time
import unicodedata
import warnings
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence, TextIO, Tuple

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


def in_notebook() -> bool:
    """Whether standard error is shown in a notebook, where it is red and looks like a failure."""
    streams = sys.modules.get("ipykernel.iostream")
    return streams is not None and isinstance(sys.stderr, streams.OutStream)


_named: Callable[[str], str] = str  # how what is told names settings; see `naming_settings`


@contextlib.contextmanager
def naming_settings(names: Callable[[str], str]) -> Iterator[None]:
    """Within this context, print what is told as `names` gives it: the command line shows flags in place of settings."""
    global _named
    former, _named = _named, names
    try:
        yield
    finally:
        _named = former


def tell(text: str) -> None:
    """Print what people want to know on the way to a result: on standard error, in a notebook on standard output."""
    print(_named(text), file=sys.stdout if in_notebook() else sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a warning on standard error, in a notebook too: something was done that is perhaps not meant."""
    print(f"warning: {_named(text)}", file=sys.stderr, flush=True)


class Shown:
    """Something that a notebook shows in one place, each time as it is then. A stored notebook has its last state."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, text: str, html: Optional[str] = None) -> None:
        """Show a text, or HTML where it can be shown, in place of what was there."""
        from IPython.display import display

        data = {"text/plain": text, **({"text/html": html} if html else {})}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


class ShownLine(io.TextIOBase):
    """A stream for a moving line: a notebook shows the last one that was written."""

    def __init__(self) -> None:
        self._shown = Shown()

    def write(self, text: str) -> int:
        if text.strip():
            self._shown.show(text.strip())
        return len(text)


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
    """Shows how far a piece of work is: one moving line on a terminal, a bar in a notebook, a plain line every few seconds elsewhere.

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
        notebook = stream is None and in_notebook()
        self.total, self.unit, self.quiet, self.stream = total, unit, quiet, stream or sys.stderr
        self.done = self._initial = initial
        self._began = self._printed = time.monotonic()
        self.bar: Any = None
        self._texts: Tuple[str, Callable[[], str]] = ("", self._rate)
        if not quiet and (notebook or self.stream.isatty()):
            self.bar = (_bar_of_notebook if notebook else _bar_of_terminal)(self.stream, total=total, initial=initial, unit=unit)

    def add(self, count: int, text: str = "", numbers: Optional[Callable[[], str]] = None, now: bool = False) -> None:
        """Count `count` more units as done.

        Args:
            text: what is under way; it stands before the count.
            numbers: called when the line is drawn, for what stands behind the count; None = units per second.
            now: outside a terminal, print a line at once.
        """
        self.done += count
        if self.bar is not None:
            self._texts = text, numbers or self._rate
            self.bar.update(count)
            if self.bar.n == self.bar.last_print_n:  # tqdm has just drawn: renew the texts for its next drawing
                self._renew_texts()
        elif not self.quiet and (now or time.monotonic() - self._printed >= self.plain_every_seconds):
            self._printed = time.monotonic()
            line = f"{text} {self.unit} {self.done}/{self.total} {(numbers or self._rate)()} ETA {self._eta()}"
            print(line.strip(), file=self.stream, flush=True)

    def close(self) -> None:
        """Leave the line behind, with its last texts."""
        if self.bar is not None:
            self._renew_texts()
            self.bar.close()

    def _renew_texts(self) -> None:
        text, numbers = self._texts
        self.bar.set_description_str(text, refresh=False)
        self.bar.set_postfix_str(numbers(), refresh=False)

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


BAR = "{desc}|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}"


def _bar_of_terminal(stream: TextIO, **options: Any) -> Any:
    from tqdm import tqdm

    bar = BAR.replace("{bar}", "{bar:12}")
    return tqdm(**options, file=stream, dynamic_ncols=True, mininterval=0.5, bar_format=bar)


def _bar_of_notebook(_: TextIO, **options: Any) -> Any:
    """A widget, where there are any, or a line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tqdm would ask for widgets, in red
        from tqdm.auto import tqdm

    return tqdm(**options, file=ShownLine(), mininterval=0.5, bar_format=BAR)
