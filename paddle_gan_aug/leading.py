"""Work that process 0 leads: it does all of it, and the other processes take turns with it where pieces of it are alike.

The others know nothing but what process 0 hands out. So they need not read the data, and whatever is decided is decided once.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

import numpy as np

from . import processes
from .errors import InputError, RunFailed

Arrays = Sequence[np.ndarray]
Work = Callable[..., Arrays]  # (arrays) -> arrays
Spread = Callable[[Work, Iterable[Arrays]], Iterator[Arrays]]  # (work, pieces) -> what the work gives for each piece, in their order
ERRORS = {"InputError": InputError, "RunFailed": RunFailed}

_works: Optional[Set[str]] = None  # while this process leads others: the names of the works that they can do


def led(lead: Callable[[], Any], kinds: Mapping[str, Callable[[Any, Arrays], Work]]) -> Any:
    """What `lead()` returns, a plain value, in every process. All must call it.

    Process 0 calls `lead`, by itself; the others meanwhile do the works that it hands out.

    Args:
        lead: may call `hand_out` and `spread`.
        kinds: {kind of work: (a plain value, arrays) -> the work}, see `hand_out`.

    Raises:
        What `lead` raises, an InputError or RunFailed in every process. RunFailed: another process has ended.
    """
    if processes.count() == 1:
        return lead()
    if processes.rank():
        return _follow(kinds)
    global _works
    _works = set()
    try:
        with processes.alone():
            value = lead()
    except (InputError, RunFailed) as error:
        kind = "InputError" if isinstance(error, InputError) else "RunFailed"
        with contextlib.suppress(RunFailed):
            _tell_others({"error": [kind, str(error)]})
        raise
    finally:
        _works = None
    _tell_others({"value": value})
    return value


def _follow(kinds: Mapping[str, Callable[[Any, Arrays], Work]]) -> Any:
    works: Dict[str, Work] = {}
    while True:
        asked, contents = processes.received(processes.lines()[0])
        if "value" in asked:
            return asked["value"]
        if "error" in asked:
            kind, text = asked["error"]
            raise ERRORS[kind](text)
        given = _unpacked(asked["arrays"], contents)
        if "kind" in asked:
            works[asked["name"]] = kinds[asked["kind"]](asked["with"], given)
        else:
            processes.send(processes.lines()[0], *_packed(works[asked["name"]](*given)))


def hand_out(name: str, kind: str, value: Any, arrays: Arrays = ()) -> None:
    """Let the others be able to do a work from now on; outside a function that is `led` nothing happens.

    Args:
        name: of the work, for `spread`.
        kind, value, arrays: how the others make it, see `led`.
    """
    if _works is not None:
        described, contents = _packed(arrays)
        _tell_others({"name": name, "kind": kind, "with": value, "arrays": described}, contents)
        _works.add(name)


def spread(name: str) -> Spread:
    """What applies a work to pieces, one after the other. The others take turns with this process if they can do the work."""
    if not _works or name not in _works:
        return itertools.starmap

    def apply(work: Work, pieces: Iterable[Arrays]) -> Iterator[Arrays]:
        pieces = iter(pieces)
        while together := list(itertools.islice(pieces, 1 + len(processes.lines()))):
            lines = processes.lines()[: len(together) - 1]
            for line, piece in zip(lines, together[1:]):  # one question at a time, or both ends could wait until the other reads
                described, contents = _packed(piece)
                processes.send(line, {"name": name, "arrays": described}, contents)
            yield work(*together[0])
            for line in lines:
                yield _unpacked(*processes.received(line))

    return apply


def _tell_others(value: Any, contents: Sequence[bytes] = ()) -> None:
    for line in processes.lines():
        processes.send(line, value, contents)


def _packed(arrays: Arrays) -> Tuple[List[Any], List[bytes]]:
    return [[list(array.shape), str(array.dtype)] for array in arrays], [np.ascontiguousarray(array).tobytes() for array in arrays]


def _unpacked(described: Sequence[Any], contents: Sequence[bytes]) -> List[np.ndarray]:
    return [np.frombuffer(content, dtype).reshape(shape) for (shape, dtype), content in zip(described, contents)]
