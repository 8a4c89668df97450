"""Where the time of a step goes."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import Any, Dict, Iterator


class Stopwatch:
    """Adds up milliseconds by stage; a stage inside another counts for the inner one alone."""

    def __init__(self) -> None:
        self.milliseconds = defaultdict(float)
        self._inner = [0.0]

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Within, time counts for stage `name`."""
        self._inner.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            elapsed = 1000 * (time.perf_counter() - began)
            self.milliseconds[name] += elapsed - self._inner.pop()
            self._inner[-1] += elapsed

    def wrap(self, owner: Any, method: str, name: str) -> None:
        """From now on each call of `owner.method` counts for stage `name`."""
        call = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.stage(name):
                return call(*args, **kwargs)

        setattr(owner, method, timed)

    def read(self) -> Dict[str, float]:
        """The milliseconds by stage since the last reading."""
        read, self.milliseconds = dict(self.milliseconds), defaultdict(float)
        return read
