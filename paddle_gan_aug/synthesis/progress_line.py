"""The progress of a long piece of work: a moving line on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from typing import Any, Optional, TextIO

from tqdm import tqdm

PLAIN_EVERY_SECONDS = 10.0


class ProgressLine:
    """Counts towards a total; a context manager.

    Args:
        total: how many there will be. initial: how many there are already.
        unit: what is counted. quiet: print nothing. stream: where to print; None = stderr.
    """

    def __init__(self, total: int, unit: str = "image", initial: int = 0, quiet: bool = False, stream: Optional[TextIO] = None) -> None:
        self.total, self.unit, self.quiet, self.stream = total, unit, quiet, stream or sys.stderr
        self.done = self._initial = initial
        self._began = self._printed = time.monotonic()
        self._bar = None
        if not quiet and self.stream.isatty():
            self._bar = tqdm(total=total, initial=initial, unit=f" {unit}s", file=self.stream, dynamic_ncols=True, mininterval=0.5)

    def add(self, count: int, text: str = "") -> None:
        """Count `count` more; `text` says what is under way."""
        self.done += count
        if self._bar is not None:
            self._bar.set_description_str(text, refresh=False)
            self._bar.update(count)
        elif not self.quiet and time.monotonic() - self._printed >= PLAIN_EVERY_SECONDS:
            self._printed = time.monotonic()
            rate = (self.done - self._initial) / max(1e-9, self._printed - self._began)
            print(f"{text} {self.done}/{self.total} {self.unit}s, {rate:.0f} a second".strip(), file=self.stream, flush=True)

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.close()
