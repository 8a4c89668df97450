"""Where cells run: here, on joblib's workers, or on a Dask cluster. The rows are the store: what has a row is done.

Workers are fresh processes whose thread counts are in their environment before Paddle is imported. A worker that is killed costs the
cell that it was computing, which is run again; a cell whose workers are always killed becomes a failed row.
"""

from __future__ import annotations

import os
import time
import warnings
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence

from ..errors import InputError, RunFailed
from ..machine import MB, available_mb, resident_mb
from .cells import Cell, Settings, key_of, names_of, store
from .splits import StudyData, cell_images
from .work import compute

ANSWERS_WITHIN = 10  # seconds, of a cluster
TRIES = 3  # of a cell whose worker was killed
ENVIRONMENT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def cell_task(cell: Cell, images: Any, settings: Settings, folder: str, fingerprint: str) -> Dict[str, Any]:
    """Compute a cell in a worker; see `work.compute`."""
    return compute(cell, images, settings, Path(folder), fingerprint)


def memory_of_a_worker(image_size: int, channels: int, gan: bool) -> int:
    """An estimate of the bytes that a worker takes: Paddle and its libraries, and the buffers of a batch of 64."""
    return 700_000_000 + (150_000 if gan else 30_000) * image_size * image_size * max(1, channels) * 64 // 28


def affordable_jobs(jobs: int, image_size: int, channels: int, gan: bool) -> int:
    """The workers that fit into the memory that is free, at least one and at most `jobs`."""
    most, held = available_mb(), resident_mb()
    if most is None or held is None:
        return jobs
    return max(1, min(jobs, (most - held) * MB // memory_of_a_worker(image_size, channels, gan)))


class Engine:
    """Runs cells and stores their rows as they end; a context manager, which leaves the cluster at its end.

    Args:
        data: of the study. settings: of all cells. folder: of the study. jobs: worker processes; 1 = this process. cluster: the
            address of a Dask scheduler, or None. deadline: the `time.monotonic()` from which on no cell begins, or None.
        latest: when all cells should have ended: none begins that would take longer, as long as the longest so far; None = no matter.
        on_row: called with each row.

    Raises:
        InputError: a cluster that does not answer, or Dask is not installed.
    """

    def __init__(
        self,
        data: StudyData,
        settings: Settings,
        folder: Path,
        *,
        jobs: int = 1,
        cluster: Optional[str] = None,
        deadline: Optional[float] = None,
        latest: Optional[float] = None,
        on_row: Callable[[Dict[str, Any]], None] = lambda row: None,
    ) -> None:
        self.data, self.settings, self.folder, self.jobs = data, settings, Path(folder), jobs
        self.latest, self.longest = latest, 0.0
        self.deadline, self.on_row, self.fingerprint = deadline, on_row, data.fingerprint()
        self.client = connect(cluster) if cluster else None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: Any) -> None:
        if self.client is not None:
            self.client.close()

    def run(self, cells: Sequence[Cell]) -> List[Cell]:
        """Run cells, the first ones first; returns those for which no time was left."""
        if self.client is not None:
            rows = self._on_cluster(cells)
        elif self.jobs > 1:
            rows = self._on_workers(cells)
        else:
            rows = (self._compute(cell) for cell in self._in_time(cells))
        done = set()
        for row in rows:
            store(self.folder, row)
            done.add(row["key"])
            self.longest = max(self.longest, row["seconds"])
            self.on_row(row)
        return [cell for cell in cells if key_of(cell, self.settings, self.fingerprint) not in done]

    def _in_time(self, cells: Sequence[Cell]) -> Iterator[Cell]:
        for cell in cells:
            now = time.monotonic()
            if self.deadline is not None and now > self.deadline:
                return
            if self.latest is not None and now + self.longest > self.latest:
                return
            yield cell

    def _arguments(self, cell: Cell) -> tuple:
        images = cell_images(self.data, cell.scenario, cell.seed, cell.role, self.settings.folds, unlabelled=cell.arm.unlabelled)
        if cell.arm.maker != "spare":
            images = replace(images, spare=None)  # nothing is sent in vain
        return cell, images, self.settings, str(self.folder), self.fingerprint

    def _compute(self, cell: Cell) -> Dict[str, Any]:
        return cell_task(*self._arguments(cell))

    def _on_workers(self, cells: Sequence[Cell]) -> Iterator[Dict[str, Any]]:
        """Rows from joblib's workers, in the order in which they end."""
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        left = {key_of(cell, self.settings, self.fingerprint): cell for cell in in_turn(cells, self.jobs)}
        killed: Counter = Counter()
        with _environment(self.settings.threads):
            while left:
                try:
                    for row in self._parallel(self._in_time(list(left.values()))):
                        left.pop(row["key"], None)
                        yield row
                    return
                except TerminatedWorkerError:  # all workers are ended when one is killed: any cell under way may be the reason
                    under_way = list(left.items())[: self.jobs]
                    killed.update(key for key, _ in under_way)
                for key, cell in under_way:
                    if killed[key] >= TRIES:
                        del left[key]
                        yield from self._by_itself(cell)

    def _parallel(self, cells: Iterable[Cell]) -> Iterator[Dict[str, Any]]:
        from joblib import Parallel, delayed

        workers = Parallel(n_jobs=self.jobs, return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1)
        return workers(delayed(cell_task)(*self._arguments(cell)) for cell in cells)

    def _by_itself(self, cell: Cell) -> Iterator[Dict[str, Any]]:
        """The row of a cell while no other runs; a failed one if its worker is killed even then, or nothing if there is no time left."""
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        try:
            yield from self._parallel(self._in_time([cell]))
        except TerminatedWorkerError:
            error = RunFailed(f"the worker was killed {TRIES + 1} times, perhaps for lack of memory: go on with fewer workers (jobs)")
            yield _failed(cell, self.settings, self.fingerprint, error)

    def _on_cluster(self, cells: Sequence[Cell]) -> Iterator[Dict[str, Any]]:
        """Rows from a Dask cluster. A cell takes its images along, so that another worker can run it again when its own dies."""
        from dask.distributed import as_completed

        warnings.filterwarnings("ignore", message="Sending large graph")  # some megabytes of images, on purpose
        slots = max(1, len(self.client.nthreads()))  # a worker computes one cell at a time, however many threads it has
        waiting = self._in_time(in_turn(cells, slots))
        pool = as_completed()
        of = {}

        def submit() -> bool:
            cell = next(waiting, None)
            if cell is not None:
                key = key_of(cell, self.settings, self.fingerprint)
                future = self.client.submit(_task_of, self._arguments(cell), key=f"cell-{key}-{time.time_ns()}", retries=TRIES, pure=False)
                of[future] = cell
                pool.add(future)
            return cell is not None

        for _ in range(slots + 1):  # one waits, so that no worker is idle
            submit()
        for future in pool:
            cell = of.pop(future)
            if future.status == "error" and isinstance(future.exception(), RunFailed):
                raise future.exception()  # what the next cells would fail by too, such as a full disk
            if future.status == "error":
                yield _failed(cell, self.settings, self.fingerprint, future.exception())
            else:
                yield future.result()
            submit()


def in_turn(cells: Sequence[Cell], workers: int) -> List[Cell]:
    """Cells in an order in which workers seldom wait for each other.

    Cells of one scenario and seed share GANs and other parts, and the first that needs one makes it while others wait. So the cells of as
    many seeds as there are workers take turns.
    """
    groups: Dict[Any, deque] = {}
    for cell in cells:
        groups.setdefault((cell.role, cell.scenario, cell.seed), deque()).append(cell)
    waiting, found = deque(groups.values()), []
    turns = deque(waiting.popleft() for _ in range(min(workers, len(waiting))))
    while turns:
        group = turns.popleft()
        found.append(group.popleft())
        if group:
            turns.append(group)
        elif waiting:
            turns.append(waiting.popleft())
    return found


def _task_of(arguments: tuple) -> Dict[str, Any]:
    return cell_task(*arguments)


def _failed(cell: Cell, settings: Settings, fingerprint: str, error: BaseException) -> Dict[str, Any]:
    reason = f"{type(error).__name__}: {error}"
    return {"key": key_of(cell, settings, fingerprint), **names_of(cell), "seconds": 0.0, "error": reason}


def connect(address: str) -> Any:
    """A client of a Dask scheduler.

    Raises:
        InputError: Dask is not installed, or nothing answers within ten seconds.
    """
    try:
        from dask.distributed import Client
    except ImportError:
        raise InputError("cluster: dask.distributed is not installed: pip install 'distributed>=2023'") from None
    import logging

    logging.getLogger("distributed").setLevel(logging.ERROR)
    client = None
    try:
        client = Client(address, timeout=ANSWERS_WITHIN)
        if not client.nthreads():
            client.wait_for_workers(1, timeout=ANSWERS_WITHIN)
    except (OSError, ValueError, TimeoutError) as error:
        if client is not None:
            client.close()
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"cluster: {address} does not answer within {ANSWERS_WITHIN} seconds ({reason})") from None
    return client


class _environment:
    """A context in which new processes find their thread counts in the environment, before they import anything."""

    def __init__(self, threads: int) -> None:
        self.wanted = {name: str(max(1, threads)) for name in ENVIRONMENT}
        self.before: Dict[str, Optional[str]] = {}

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.wanted}
        os.environ.update(self.wanted)

    def __exit__(self, *_: Any) -> None:
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
