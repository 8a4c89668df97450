"""How a long piece of work tells where it is: a moving line on a terminal, a plain line every few seconds elsewhere."""

import sys
import time

from tqdm import tqdm

PLAIN_EVERY_SECONDS = 10.0


class ProgressLine:
    """Counts towards a total; a context manager.

    Args:
        total: how many there will be. unit: what is counted. initial: how many there are already. quiet: says nothing.
    """

    def __init__(self, total, unit="image", initial=0, quiet=False, stream=None):
        self.total, self.unit, self.quiet, self.stream = total, unit, quiet, stream or sys.stderr
        self.done = self._initial = initial
        self._began = self._printed = time.monotonic()
        self._bar = None
        if not quiet and self.stream.isatty():
            self._bar = tqdm(total=total, initial=initial, unit=f" {unit}s", file=self.stream, dynamic_ncols=True, mininterval=0.5)

    def add(self, count, text=""):
        """`count` more are done; `text` says what is under way."""
        self.done += count
        if self._bar is not None:
            self._bar.set_description_str(text, refresh=False)
            self._bar.update(count)
        elif not self.quiet and time.monotonic() - self._printed >= PLAIN_EVERY_SECONDS:
            self._printed = time.monotonic()
            rate = (self.done - self._initial) / max(1e-9, self._printed - self._began)
            print(f"{text} {self.done}/{self.total} {self.unit}s, {rate:.0f} a second".strip(), file=self.stream, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()
