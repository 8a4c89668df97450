"""The memory of this machine: what the process holds, what is left, and networks that do not fit into it."""

from __future__ import annotations

import contextlib
import functools
import math
import re
import sys
import threading
from pathlib import Path
from typing import Any, Iterator, List, Optional

from .errors import InputError
from .runtime import import_paddle

MB = 2**20
SMALLER = (
    "use narrower networks (generator.width, discriminator.width, classifier.width), "
    "fewer blocks (generator.blocks, discriminator.blocks) or a smaller generator.latent_dim"
)


def resident_mb() -> Optional[int]:
    """The memory that this process holds, in MB; None elsewhere than on Linux."""
    return _line("/proc/self/status", "VmRSS")


def available_mb() -> Optional[int]:
    """The memory that this process may hold, in MB: what it holds and what is left, within a container's limit; None if not known."""
    held, free = resident_mb(), _line("/proc/meminfo", "MemAvailable")
    if held is None or free is None:
        return None
    return min([held + free, *_of_container()])


def most_mb(limit: Optional[int]) -> Optional[int]:
    """As `available_mb`, or `limit` where more is promised."""
    left = available_mb()
    return left and max(left, limit or 0)


def _line(path: str, name: str) -> Optional[int]:
    """The MB that a line of a file of the system states in kB."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        line = next(line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) // 1024
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def _of_container() -> List[int]:
    """[the MB that the container may hold], or [] where there is no limit."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return [int(Path(path).read_text(encoding="utf-8")) // MB]
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return []


def asked_for(error: MemoryError) -> str:
    """How much memory an error says was asked for; of Paddle's several lines the number alone."""
    size = re.search(r"Fail to alloc memory of (\d+) size", str(error))
    return f"{max(1, int(size[1]) // MB)} MB more were asked for" if size else str(error)


# ---- networks ----------------------------------------------------------------------------------------------------------


def refuse_networks(needed_mb: int, there_mb: int, by_limit: bool) -> None:
    """Refuse networks that need more memory than there is.

    Args:
        by_limit: it is `runtime.memory_limit` that says how much there is.

    Raises:
        InputError: they do.
    """
    if needed_mb > there_mb:
        where = "runtime.memory_limit allows" if by_limit else "this machine has left"
        raise InputError(f"the networks need more than {needed_mb} MB of memory, and {where} {there_mb} MB: {SMALLER}")


class _Budget(threading.local):
    """What the networks may take that this thread builds: `most` bytes, with what the process holds; None where nobody counts."""

    most: Optional[int] = None
    taken = 0
    by_limit = False


_budget = _Budget()


@contextlib.contextmanager
def networks_that_fit(limit: Optional[int]) -> Iterator[None]:
    """Within this context, refuse weights for which there is not the memory, before it is asked for: a system that promises more
    than it has would end the process.

    Args:
        limit: the memory that the machine will have, in MB, if that is more than it has now; None = what it has. Whether training
            fits into a smaller limit is estimated once the networks are there.

    Raises:
        InputError: there is not the memory.
    """
    _count_parameters()
    on_cpu = import_paddle().device.get_device() == "cpu"
    most, held = most_mb(limit), resident_mb()
    known = most is not None and held is not None and on_cpu
    _budget.most, _budget.taken = (most * MB, held * MB) if known else (None, 0)
    _budget.by_limit = most == limit
    try:
        yield
    except MemoryError as error:
        raise InputError(f"the networks do not fit into memory ({asked_for(error)}): {SMALLER}") from None
    finally:
        _budget.most = None


@functools.cache
def _count_parameters() -> None:
    """Let every layer say how large a weight is before it makes it."""
    layer = import_paddle().nn.Layer
    create = layer.create_parameter

    @functools.wraps(create)
    def counted(self: Any, shape: Any, *args: Any, **kwargs: Any) -> Any:
        if _budget.most is not None:
            _budget.taken += 4 * math.prod(int(size) for size in shape)
            refuse_networks(_budget.taken // MB, _budget.most // MB, _budget.by_limit)
        return create(self, shape, *args, **kwargs)

    layer.create_parameter = counted
