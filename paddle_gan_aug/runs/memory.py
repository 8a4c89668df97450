"""What a training will need of memory and disk, before it begins.

Two steps with a few images are taken by networks that are thrown away. Paddle counts what it allocates, so two such batches of different
size tell what the networks take and what each further image adds: through every loss, penalty and architecture alike.
"""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, NamedTuple, Optional

import numpy as np

from .. import runtime
from ..algorithms import build
from ..config.loading import Config, load_config
from ..data import LabelledImages
from ..errors import InputError
from ..training.loop import run_steps
from .batches import training_batches

FEW, MORE = 8, 16  # images of the two small batches, times the images that D judges at once
STEPS = 2  # an optimizer has its moments from the second step on
MARGIN = 1.2  # for what the allocator cannot use again
LIBRARIES_MB = 100  # that the first steps of a process load
LOOKED_AT = 2**18  # numbers in a batch of images; training with less is not estimated by itself
MB = 2**20


@dataclass(frozen=True)
class Needs:
    """What a training needs.

    Attributes:
        memory_mb: the most that the process will hold, in MB. checkpoint_mb: of one checkpoint on the disk, in MB.
    """

    memory_mb: int
    checkpoint_mb: float


def check_memory(config: Config, images: LabelledImages, unlabelled: Optional[LabelledImages] = None) -> Optional[int]:
    """Estimate the memory that a training needs, and refuse one that does not fit; small ones are not looked at.

    Args:
        config, images, unlabelled: as for `estimate_needs`.

    Returns:
        The most memory that the process will hold, in MB; None where it was not estimated.

    Raises:
        InputError: it needs more than `runtime.memory_limit`, or without that than the machine has left.
    """
    limit = config.runtime.memory_limit
    if limit is None and config.train.batch_size * int(np.prod(images.shape)) < LOOKED_AT:
        return None
    needs = needs_that_fit(config, images, unlabelled)
    return needs and needs.memory_mb


def needs_that_fit(config: Config, images: LabelledImages, unlabelled: Optional[LabelledImages] = None) -> Optional[Needs]:
    """What `estimate_needs` gives, of a training of any size.

    Raises:
        InputError: as `estimate_needs`; it needs more memory than there is.
    """
    needs = estimate_needs(config, images, unlabelled)
    if needs is not None:
        refuse_beyond(config.runtime.memory_limit, needs.memory_mb, config.train.batch_size)
    return needs


def refuse_beyond(limit: Optional[int], memory_mb: int, batch_size: int) -> None:
    """Refuse a training that needs more memory than there is.

    Raises:
        InputError: it needs more than `limit` MB, or without a limit than the machine has left.
    """
    there = limit or available_mb()
    if there is not None and memory_mb > there:
        where = "runtime.memory_limit allows" if limit else "this machine has left"
        raise InputError(
            f"train.batch_size {batch_size}: training needs about {memory_mb} MB of memory, and {where} {there} MB: "
            "use smaller batches, narrower networks (generator.width, discriminator.width, classifier.width) or smaller images"
            + ("" if limit else "; if memory is freed meanwhile, set runtime.memory_limit to what there will be, in MB")
        )


def estimate_needs(config: Config, images: LabelledImages, unlabelled: Optional[LabelledImages] = None) -> Optional[Needs]:
    """Estimate what training will need on a CPU.

    Args:
        config: the configuration. images: the images that are learnt. unlabelled: the images without labels, or None.

    Returns:
        The `Needs`; None on a GPU, and where the process has held more memory before than the estimate would need.

    Raises:
        InputError: the networks cannot be built.
    """
    process = runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    held = resident_mb()
    if process.device != "cpu" or held is None:
        return None
    batch_size, pack = config.train.batch_size, config.discriminator.pack
    sizes = [min(size * pack, batch_size) for size in (FEW, MORE)]
    with runtime.drawing_alone():
        found = [_first_steps(config, images, unlabelled, size) for size in sorted(set(sizes))]
    if None in found:
        return None
    peaks = [first.steps for first in found]
    each = (peaks[-1] - peaks[0]) / max(1, sizes[1] - sizes[0])
    growth = max(found[0].building, peaks[0] + max(0.0, each) * (batch_size - sizes[0]))
    return Needs(round(held + LIBRARIES_MB + MARGIN * growth / MB), round(found[0].checkpoint / MB, 1))


class _FirstSteps(NamedTuple):
    """The most bytes that Paddle allocates while it builds an algorithm, and in its first steps; the bytes of its checkpoint."""

    building: int
    steps: int
    checkpoint: int


def _first_steps(config: Config, images: LabelledImages, unlabelled: Optional[LabelledImages], size: int) -> Optional[_FirstSteps]:
    """Build an algorithm and take its first steps with batches of `size`; None where Paddle held more before and cannot forget it.

    Building is counted apart: its check of second derivatives has a batch of its own, which may take more than the small batches do.
    """
    config = load_config(config, {"train.batch_size": size, "regularizer.every_steps": 1})
    gc.collect()  # networks that nobody holds any more
    _forget_highest()
    before, highest = _allocated(), _highest()
    runtime.seed_paddle(0, "estimate")
    algorithm = build(config, images.shape, images.class_names, images.counts())
    batches = training_batches(config, images, pairs=algorithm.pairs, unlabelled=unlabelled)
    building = _highest()
    _forget_highest()
    progress = run_steps(algorithm, batches, STEPS, 0)
    if progress.interrupted:
        raise KeyboardInterrupt(progress.interrupted)
    if max(building, _highest()) <= highest:
        return None
    return _FirstSteps(building - before, _highest() - before, checkpoint_bytes(algorithm))


def _allocated() -> int:
    return runtime.import_paddle().base.core.host_memory_stat_current_value("Allocated", 0)


def _highest() -> int:
    """The most bytes that Paddle has held since `_forget_highest`."""
    return runtime.import_paddle().base.core.host_memory_stat_peak_value("Allocated", 0)


def _forget_highest() -> None:
    """Count anew from what is held now, if this Paddle can (3.x)."""
    core = runtime.import_paddle().base.core
    if hasattr(core, "host_memory_stat_reset_peak_value"):
        core.host_memory_stat_reset_peak_value("Allocated", 0)


def checkpoint_bytes(algorithm: Any) -> int:
    """The bytes of a whole checkpoint, of an algorithm that has taken its first steps."""
    moments = [state for optimizer in algorithm.optimizers.values() for state in optimizer.state_dict().values()]
    tensors = [tensor for network in algorithm.networks.values() for tensor in network.state_dict().values()]
    return sum(4 * int(np.prod(tensor.shape)) for tensor in [*tensors, *moments] if hasattr(tensor, "shape"))


# ---- the machine -------------------------------------------------------------------------------------------------------


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
