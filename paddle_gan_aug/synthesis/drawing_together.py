"""Chunks of images that other processes draw ahead, and their PNG files, for a set that process 0 writes.

A chunk is a function of its latents' numbers alone, so that it does not matter who draws it. Process 0 asks for the chunks that come
next, keeps the filters and the account, and writes all files.
"""

from __future__ import annotations

import contextlib
from typing import Iterator, List, Optional, Tuple

import numpy as np

from .. import processes
from .drawing import CHUNK, Take
from .sampler import Sampler
from .set_folder import SetRequest
from .writers import FORMATS, png_bytes

ROUNDS = 2  # chunks that each other process is asked for ahead
Numbers = Tuple[int, int]  # of latents: the first, and how many


class Ahead:
    """Draws chunks of the samplers of a request, with the help of other processes. See `drawn_ahead`."""

    def __init__(self, request: SetRequest) -> None:
        self.request = request
        self.samplers: List[Sampler] = list(request.quotas)
        self._open: List[Tuple[int, int, Numbers]] = []  # (process, position of the class, numbers), in the order of asking
        self._turn = 0

    def take(self, sampler: Sampler, start: int, size: int, limit: int) -> Tuple[np.ndarray, Optional[List[bytes]]]:
        """Images number `start` to `start` + `size` - 1 of a class, uint8 [size, C, H, W], and their PNG files if another made them.

        Args:
            limit: where the class ends at the latest.
        """
        position = self.samplers.index(sampler)
        self._forget_other_than(position, start)
        self._ask_for_next(position, start, size, limit)
        if self._open and self._open[0][2] == (start, size):
            helper, _, _ = self._open.pop(0)
            (shape, with_pictures), contents = processes.answer(helper)
            return np.frombuffer(contents[0], np.uint8).reshape(shape), contents[1:] if with_pictures else None
        return self.draw(position, start, size), None

    def draw(self, position: int, start: int, size: int) -> np.ndarray:
        """The images, drawn by this process."""
        return self.samplers[position].sample(np.arange(start, start + size), self.request.seed, self.request.truncation)

    def serve(self) -> None:
        """Draw what process 0 asks for until it has all it wants."""

        def work(asked: List[int]) -> Tuple[list, List[bytes]]:
            images = self.draw(*asked)
            plain = not FORMATS[self.request.form].file and not self.request.filters
            pictures = [png_bytes(image) for image in images] if plain else []
            return [list(images.shape), plain], [images.tobytes(), *pictures]

        processes.serve(work)

    def dismiss(self) -> None:
        """Let the other processes go."""
        self._forget_other_than(-1, 0)
        for helper in range(1, processes.count()):
            processes.ask(helper, None)

    def _ask_for_next(self, position: int, start: int, size: int, limit: int) -> None:
        last = self._open[-1][2] if self._open else (start, size)
        first = sum(last)
        while first < limit and len(self._open) < ROUNDS * (processes.count() - 1):
            self._turn += 1
            numbers = first, min(CHUNK, limit - first)
            helper = 1 + self._turn % (processes.count() - 1)
            processes.ask(helper, [position, *numbers])
            self._open.append((helper, position, numbers))
            first = sum(numbers)

    def _forget_other_than(self, position: int, start: int) -> None:
        """Read and drop answers that are no longer wanted: a class was full before its limit."""
        while self._open and (self._open[0][1] != position or self._open[0][2][0] < start):
            processes.answer(self._open.pop(0)[0])


@contextlib.contextmanager
def drawn_ahead(request: SetRequest) -> Iterator[Optional[Take]]:
    """What draws chunks for process 0 of several with the help of the others, see `Ahead.take`; None for a single one."""
    if processes.count() == 1:
        yield None
        return
    ahead = Ahead(request)
    try:
        yield ahead.take
    finally:
        ahead.dismiss()
