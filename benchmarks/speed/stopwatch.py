"""Where the time of a step goes."""

import contextlib
import time
from collections import defaultdict


class Stopwatch:
    """Adds up milliseconds by stage; a stage inside another counts for the inner one alone."""

    def __init__(self):
        self.milliseconds = defaultdict(float)
        self._inner = [0.0]

    @contextlib.contextmanager
    def stage(self, name):
        """Within, time counts for stage `name`."""
        self._inner.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            elapsed = 1000 * (time.perf_counter() - began)
            self.milliseconds[name] += elapsed - self._inner.pop()
            self._inner[-1] += elapsed

    def wrap(self, owner, method, name):
        """From now on each call of `owner.method` counts for stage `name`."""
        call = getattr(owner, method)

        def timed(*args, **kwargs):
            with self.stage(name):
                return call(*args, **kwargs)

        setattr(owner, method, timed)

    def read(self):
        """The milliseconds by stage since the last reading."""
        read, self.milliseconds = dict(self.milliseconds), defaultdict(float)
        return read
