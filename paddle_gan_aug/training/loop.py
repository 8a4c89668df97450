"""The training loop. Nothing in this file has anything to do with GANs, files or records: callbacks add those."""

import contextlib
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence

from .. import processes, runtime

STAGES = ("show", "measure", "caller", "record", "save")  # the order in which callbacks see a step; see `Callback`


@dataclass
class Progress:
    """Where a run stands. Every callback gets it after every step.

    Attributes:
        algorithm: The `Algorithm` that is trained.
        step: Steps done so far, from the beginning of the run.
        total_steps: Steps that the run is to have in the end.
        steps_per_epoch: Steps that go once over the data.
        batch_size: Real images of a step.
        values: What the last step returned, and numbers that callbacks found in it. They are recorded.
        notes: Whatever else is to be recorded of the last step.
        best: Set by a callback if this step is the best so far: {"metric", "value"}. Its checkpoint is kept.
        stopped: Set by a callback if further steps gain nothing. The run then counts as complete.
        failure: Set by a callback. It is raised once all callbacks have seen the step.
        healthy_step: Set by a callback: a run that fails now goes back to this step, or to a checkpoint before it.
        started: When this process began training, `time.perf_counter()`.
        first_step: Steps that were already done when this process began.
        interrupted: The name of the signal that ends the run after this step.
        signalled: The name of the signal that this one of several processes got; they all end after the next step.
        spent: Seconds spent in each callback by this process.
    """

    algorithm: Any
    step: int
    total_steps: int
    steps_per_epoch: int
    batch_size: int
    values: Dict[str, Any] = field(default_factory=dict)
    notes: Dict[str, Any] = field(default_factory=dict)
    best: Optional[Dict[str, Any]] = None
    stopped: bool = False
    failure: Optional[Exception] = None
    healthy_step: Optional[int] = None
    started: float = field(default_factory=time.perf_counter)
    first_step: int = 0
    interrupted: Optional[str] = None
    signalled: Optional[str] = None
    spent: Dict[str, float] = field(default_factory=dict)

    @property
    def epoch(self) -> int:
        """The epoch of the last step, counted from 1."""
        return max(0, self.step - 1) // self.steps_per_epoch + 1

    @property
    def images_per_second(self) -> float:
        """Real images used per second since this process began training."""
        return (self.step - self.first_step) * self.batch_size / max(1e-9, time.perf_counter() - self.started)

    @property
    def complete(self) -> bool:
        """Whether the run has all its steps, or a callback has stopped it."""
        return self.stopped or self.step >= self.total_steps

    @property
    def last(self) -> bool:
        """Whether no step follows in this process."""
        return self.complete or self.interrupted is not None


class Callback:
    """What can be added around the steps of a run. Every hook is optional.

    Callbacks see a step one after the other, in the order of `STAGES`; those of the same stage in the order in which they are
    given. Measures come before the caller's callbacks, and both before what records and saves: what they set in `Progress`
    (`values`, `notes`, `best`, `stopped`, `failure`) is recorded, and acted on, at that very step. Checkpoints are saved last, so
    that a checkpoint on the disk has all its records.

    Attributes:
        stage: One of `STAGES`.
        state_name: The name under which checkpoints keep the callback's state; None means the name of its class. A callback whose
            class may be renamed has a name of its own.
    """

    stage: str = "caller"
    state_name: Optional[str] = None

    def on_begin(self, progress: Progress) -> None:
        """Called before the first step of this process."""

    def measures_gradients(self, step: int) -> bool:
        """Whether the values of a step, counted from 1, are to hold the norms of the gradients."""
        return False

    def on_step_begin(self, progress: Progress, step: int) -> None:
        """Called before every step; `step` is its number, `progress` still that of the step before."""

    def on_step(self, progress: Progress) -> None:
        """Called after every step."""

    def on_end(self, progress: Progress) -> None:
        """Called after the last step, also when the run was interrupted, but not after an error."""

    def state(self) -> Dict[str, Any]:
        """What a resumed run must know, as plain JSON values. It is saved with every checkpoint; {} means nothing."""
        return {}

    def load_state(self, state: Dict[str, Any]) -> None:
        """Continue from what `state` returned. Called before `on_begin`, and only if there was something."""

    def close(self) -> None:
        """Called at the very end, also after an error."""


def by_state_name(callbacks: Iterable[Callback]) -> Dict[str, Callback]:
    """{name of the state: callback}, in order; a second callback of the same name is called <name>-2."""
    names: Dict[str, Callback] = {}
    for callback in callbacks:
        name = own = callback.state_name or type(callback).__name__
        number = 1
        while name in names:
            number += 1
            name = f"{own}-{number}"
        names[name] = callback
    return names


def in_order(callbacks: Iterable[Callback]) -> List[Callback]:
    """The callbacks in the order of their stages."""
    return sorted(callbacks, key=lambda callback: STAGES.index(callback.stage))


def run_steps(
    algorithm: Any, batches: Any, total_steps: int, seed: int, callbacks: Sequence[Callback] = (), first_step: int = 0
) -> Progress:
    """Train `algorithm` from step `first_step` + 1 to `total_steps`.

    Args:
        algorithm: An `Algorithm`; of several processes all have the same, see `processes`, and process 0 alone has callbacks.
        batches: A `paddle_gan_aug.data.Batches`.
        total_steps: The last step's number.
        seed: The root seed; the randomness of step n is a function of (seed, n) alone.
        callbacks: `Callback`s, called in the order of their stages.
        first_step: Steps that are already done.

    Returns:
        The final `Progress`. SIGINT or SIGTERM end the run after the current step; `interrupted` then names the signal.
    """
    callbacks = in_order(callbacks)
    real_per_step = batches.batch_size * algorithm.batches_per_step
    progress = Progress(algorithm, first_step, total_steps, algorithm.steps_per_epoch(batches), real_per_step, first_step=first_step)
    with contextlib.ExitStack() as stack:
        for callback in callbacks:
            stack.callback(callback.close)
        stack.enter_context(_signals_noted(progress))
        with processes.alone():
            for callback in callbacks:
                callback.on_begin(progress)
        _agree(progress)
        progress.started = time.perf_counter()
        while not progress.last:
            number = progress.step + 1
            algorithm.measure_gradients = any([callback.measures_gradients(number) for callback in callbacks])
            for callback in callbacks:
                callback.on_step_begin(progress, number)
            algorithm.begin_step(number, total_steps)
            count = algorithm.batches_per_step
            real = [processes.share_of_batch(batches.batch((number - 1) * count + i)) for i in range(count)]
            with runtime.drawing_alone():
                runtime.seed_paddle(seed, "inside paddle" + (f" {processes.rank()}" if processes.rank() else ""), number)
                progress.values = algorithm.step(real, processes.share_of_draws(runtime.rng(seed, "step", number)))
            algorithm.level(progress.values)
            progress.notes, progress.best = {}, None
            progress.step = number
            _agree_on_signal(progress)
            with processes.alone():
                for callback in callbacks:
                    began = time.perf_counter()
                    callback.on_step(progress)
                    name = type(callback).__name__
                    progress.spent[name] = progress.spent.get(name, 0.0) + time.perf_counter() - began
            _agree(progress)
            if progress.failure:
                raise progress.failure
        with processes.alone():
            for callback in callbacks:
                callback.on_end(progress)
    return progress


def _agree_on_signal(progress: Progress) -> None:
    """End the training of all processes if any of them got a signal; before the callbacks, so that the step is saved."""
    if processes.count() > 1:
        progress.interrupted = processes.of_first(next(filter(None, processes.of_all(progress.signalled)), None))


def _agree(progress: Progress) -> None:
    """Let all processes stop or fail as process 0 does."""
    failed = progress.failure is not None
    progress.stopped, fails = processes.of_first([progress.stopped, failed])
    if fails and not failed:
        progress.failure = processes.FailedElsewhere()


@contextlib.contextmanager
def _signals_noted(progress: Progress) -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into a note, so that no step is cut in half; a second one acts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous: Dict[int, Any] = {}
    shared = processes.count() > 1

    def note(number: int, frame: Any) -> None:
        progress.signalled = signal.Signals(number).name
        if not shared:
            progress.interrupted = progress.signalled
        for signal_number, handler in previous.items():
            signal.signal(signal_number, handler)

    for watched in (signal.SIGINT, signal.SIGTERM):
        previous[watched] = signal.signal(watched, note)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
