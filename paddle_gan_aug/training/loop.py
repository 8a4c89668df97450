"""The training loop. Nothing in this file has anything to do with GANs, files or records: callbacks add those."""

import contextlib
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Optional

from .. import runtime


@dataclass
class Progress:
    """Where a run stands; every callback gets it after every step."""

    algorithm: Any
    step: int  # steps done so far, from the beginning of the run
    total_steps: int
    steps_per_epoch: int
    batch_size: int  # real images a step
    values: dict = field(default_factory=dict)  # what the last step returned, and numbers that callbacks found in it
    notes: dict = field(default_factory=dict)  # what else is to be recorded of the last step
    best: Optional[dict] = None  # set by a callback when this step is the best so far: {"metric", "value"}; its checkpoint is kept
    stopped: bool = False  # set by a callback: there is nothing to be gained by further steps, the run counts as complete
    failure: Optional[Exception] = None  # set by a callback: ends the training with this error once all callbacks have seen the step
    started: float = field(default_factory=time.perf_counter)
    first_step: int = 0  # steps that were already done when this process began
    interrupted: Optional[str] = None  # the signal that ends the run after this step
    spent: dict = field(default_factory=dict)  # seconds in this process by callback

    @property
    def epoch(self):
        """The epoch of the last step, counted from 1."""
        return max(0, self.step - 1) // self.steps_per_epoch + 1

    @property
    def images_per_second(self):
        """Real images used per second since this process began training."""
        return (self.step - self.first_step) * self.batch_size / max(1e-9, time.perf_counter() - self.started)

    @property
    def complete(self):
        """Whether the run has all its steps, or all that it wants."""
        return self.stopped or self.step >= self.total_steps

    @property
    def last(self):
        """Whether no step follows in this process."""
        return self.complete or self.interrupted is not None


class Callback:
    """What may be added around a run. Every hook is optional.

    Callbacks see a step one after the other. A run puts those that it is given behind its own measures and before those that
    write: what they set in `Progress` (`values`, `notes`, `best`, `stopped`, `failure`) is recorded and acted on at that very step.
    """

    state_name: Optional[str] = None  # what its state is called in checkpoints; None: as its class

    def on_begin(self, progress):
        """Before the first step of this process."""

    def on_step(self, progress):
        """After every step."""

    def on_end(self, progress):
        """After the last step, also when interrupted; not after an error."""

    def state(self):
        """What a resumed run must know, as plain JSON values; it is saved with every checkpoint. {} = nothing."""
        return {}

    def load_state(self, state):
        """Go on from what `state` returned; called before `on_begin`, and not when there was nothing."""

    def close(self):
        """Always, at the very end, also after an error."""


def run_steps(algorithm, batches, total_steps, seed, callbacks, first_step=0):
    """Train `algorithm` from step `first_step` + 1 to `total_steps`.

    Args:
        batches: a `paddle_gan_aug.data.Batches`.
        seed: the root seed; step n's randomness is a function of (seed, n) alone.
        callbacks: `Callback`s, called in this order.

    Returns:
        The final `Progress`. SIGINT or SIGTERM end the run after the step under way; `interrupted` then names the signal.
    """
    real_per_step = batches.batch_size * algorithm.batches_per_step
    progress = Progress(algorithm, first_step, total_steps, algorithm.steps_per_epoch(batches), real_per_step, first_step=first_step)
    with contextlib.ExitStack() as stack:
        for callback in callbacks:
            stack.callback(callback.close)
        stack.enter_context(_signals_noted(progress))
        for callback in callbacks:
            callback.on_begin(progress)
        progress.started = time.perf_counter()
        while not progress.last:
            number = progress.step + 1
            algorithm.begin_step(number, total_steps)
            wanted = algorithm.batches_per_step
            real = [batches.batch((number - 1) * wanted + i) for i in range(wanted)]
            with runtime.drawing_alone():
                runtime.seed_paddle(seed, "inside paddle", number)
                progress.values = algorithm.step(real, runtime.rng(seed, "step", number))
            progress.notes, progress.best = {}, None
            progress.step = number
            for callback in callbacks:
                began = time.perf_counter()
                callback.on_step(progress)
                name = type(callback).__name__
                progress.spent[name] = progress.spent.get(name, 0.0) + time.perf_counter() - began
            if progress.failure:
                raise progress.failure
        for callback in callbacks:
            callback.on_end(progress)
    return progress


@contextlib.contextmanager
def _signals_noted(progress):
    """Turn the first SIGINT or SIGTERM into a note, so that no step is cut in half; a second one acts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {}

    def note(number, frame):
        progress.interrupted = signal.Signals(number).name
        for signal_number, handler in previous.items():
            signal.signal(signal_number, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        previous[number] = signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
