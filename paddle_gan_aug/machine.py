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


def _line(path: str, name: str) -> Optional[int]:
    """The MB that a line of a file of the system states in kB."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        line = next(line for line in Path(path).read_text().splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) // 1024
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def _of_container() -> List[int]:
    """[the MB that the container may hold], or [] where there is no limit."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return [int(Path(path).read_text()) // MB]
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return []


def asked_for(error: MemoryError) -> str:
    """How much memory an error says was asked for; of Paddle's several lines the number alone."""
    size = re.search(r"Fail to alloc memory of (\d+) size", str(error))
    return f"{max(1, int(size[1]) // MB)} MB more were asked for" if size else str(error)


# ---- networks ----------------------------------------------------------------------------------------------------------


class _Budget(threading.local):
    """The bytes that the networks which this thread builds may still take; None where nobody counts."""

    left: Optional[int] = None
    taken = 0


_budget = _Budget()


@contextlib.contextmanager
def networks_that_fit(limit: Optional[int]) -> Iterator[None]:
    """Within this context, refuse weights for which there is not the memory, before it is asked for: a system that promises more
    than it has would end the process.

    Args:
        limit: the memory that this process may hold, in MB; None = as much as the machine has.

    Raises:
        InputError: there is not the memory.
    """
    _count_parameters()
    on_cpu = import_paddle().device.get_device() == "cpu"
    most, held = limit or available_mb(), resident_mb()
    _budget.left, _budget.taken = None if most is None or held is None or not on_cpu else (most - held) * MB, 0
    try:
        yield
    except MemoryError as error:
        raise InputError(f"the networks do not fit into memory ({asked_for(error)}): {SMALLER}") from None
    finally:
        _budget.left = None


@functools.cache
def _count_parameters() -> None:
    """Let every layer say how large a weight is before it makes it."""
    layer = import_paddle().nn.Layer
    create = layer.create_parameter

    @functools.wraps(create)
    def counted(self: Any, shape: Any, *args: Any, **kwargs: Any) -> Any:
        if _budget.left is not None:
            _budget.taken += 4 * math.prod(int(size) for size in shape)
            if _budget.taken > _budget.left:
                left = max(0, _budget.left // MB)
                raise InputError(f"the networks need more than {_budget.taken // MB} MB of memory, and {left} MB are left: {SMALLER}")
        return create(self, shape, *args, **kwargs)

    layer.create_parameter = counted
