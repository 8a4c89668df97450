"""Watches the samples and the gradients of a run, and raises an alarm when the run has failed.

Losses alone do not show it: a dead generator can have healthy losses. So the monitor draws samples every `health.every_steps`
steps and compares them with limits that the real training images set (`metrics.health`). Two bad looks in a row are an alarm;
before the samples have looked healthy for the first time, they are given `health.settle_steps` steps, or in a run that has collapsed
before at most the steps to its end. Losses and gradients that leave no doubt are an alarm at once, because the samples come from
averaged weights and still look healthy for a hundred steps.
"""

import math
from collections import deque
from typing import Any, Callable, Deque, Dict, List, Mapping, Tuple

import numpy as np

from .. import runtime
from ..config.sections import Health
from ..data import LabelledImages, to_network
from ..errors import RunFailed
from ..metrics.health import Limits
from ..records.run_records import Records
from .loop import Callback, Progress

LARGEST_GRADIENT = 1e3
SMALLEST_GRADIENT = 1e-7
CHANCE = math.log(2)  # D's loss when it cannot tell real images from fakes
WON_LOSS, WON_SCORE = 0.02, 0.98  # D has won if both its losses stay below, and its score of real images above
LOST_LOSS = 10.0  # or if G's loss stays above: D calls its images fake with odds of 20,000 to 1
WATCHED = ("d_real_loss", "d_fake_loss", "d_real", "g_loss")
REAL_IMAGES = 2000  # set the limits


def _some_of_each_class(real: LabelledImages, count: int, rng: np.random.Generator) -> np.ndarray:
    """The indices of the real images that set the limits: `REAL_IMAGES` at random, and enough of rare classes for even sets of `count`."""
    some = rng.choice(len(real), min(REAL_IMAGES, len(real)), replace=False)
    chosen, classes = np.isin(np.arange(len(real)), some), np.unique(real.labels)
    for label in classes:
        members = np.flatnonzero(real.labels == label)
        lacking = min(len(members), 2 * count // len(classes)) - chosen[members].sum()
        if lacking > 0:
            some = np.append(some, rng.choice(members[~chosen[members]], lacking, replace=False))
    return some


class Collapsed(Exception):
    """A run has failed.

    Args:
        step: The step at which the alarms were raised.
        alarms: What is wrong, a list of texts.
        healthy_step: The last step at which everything looked right, 0 if none.
    """

    def __init__(self, step: int, alarms: List[str], healthy_step: int) -> None:
        super().__init__(f"step {step}: {'; '.join(alarms)}")
        self.step, self.alarms, self.healthy_step = step, alarms, healthy_step


def _all_finite(values: Mapping[str, Any]) -> bool:
    return bool(np.isfinite([float(value) for value in values.values()]).all())


class FiniteLosses(Callback):
    """Ends the training of a network that does not recover once a loss is not a finite number: nothing brings it back.

    It looks at every fifth step, at the last one, and at one that is called the best.

    Args:
        setting: The learning rate that may be too large, a key of the configuration.
    """

    stage = "measure"

    def __init__(self, setting: str) -> None:
        self.setting = setting

    def on_step(self, progress: Progress) -> None:
        if (progress.step % 5 == 0 or progress.complete or progress.best) and not _all_finite(progress.values):
            progress.failure = RunFailed(
                f"step {progress.step}: a loss is not a finite number, the training has diverged: train again under another name "
                f"with a smaller learning rate ({self.setting})"
            )


class HealthMonitor(Callback):
    """Raises an alarm when a run has failed; see the module.

    The signs join the step's values as `health/*`, alarms join its notes. With `settings.recover` an alarm becomes the failure of the
    training, a `Collapsed`.

    Args:
        settings: The section `health` of the configuration.
        real: The training images.
        latents: float32 [N, latent_dim], the fixed latents of the run; half of the samples are made of them.
        seed: The run's root seed.
        first_step: The step at which this training begins (0, or the step of the checkpoint it went back to).
        records: Takes every alarm as a text.
        report: Takes every alarm as a line for the user.
        recovers: Whether the run has collapsed before.
    """

    stage = "measure"
    state_name = "HealthMonitor"

    def __init__(
        self,
        settings: Health,
        real: LabelledImages,
        latents: np.ndarray,
        seed: int,
        first_step: int,
        records: Records,
        report: Callable[[str], Any],
        recovers: bool = False,
    ) -> None:
        self.settings, self.latents, self.seed, self.records, self.report = settings, latents, seed, records, report
        self.recovers = recovers
        rng = runtime.rng(seed, "health limits")
        some = _some_of_each_class(real, settings.samples, rng)
        self.limits = Limits(to_network(real.images[some]), settings.samples, rng, real.labels[some])
        self.began, self.settled, self.bad_looks, self.healthy_step = first_step, False, 0, 0
        self.alarm_count, self.finite = 0, True
        self.bad_signs: List[str] = []  # of the last look
        self._recent: Deque[Tuple[float, ...]] = deque(maxlen=max(2, settings.every_steps // 5))  # losses and scores of the last steps

    def state(self) -> Dict[str, Any]:
        names = ("began", "settled", "bad_looks", "healthy_step", "alarm_count")
        return {"recent": [list(row) for row in self._recent], **{name: getattr(self, name) for name in names}}

    def load_state(self, state: Dict[str, Any]) -> None:
        state = dict(state)
        self._recent.extend(tuple(row) for row in state.pop("recent"))
        for name, value in state.items():
            setattr(self, name, value)

    def on_begin(self, progress: Progress) -> None:
        if self.settings.recover:
            progress.healthy_step = self.healthy_step

    def measures_gradients(self, step: int) -> bool:
        return step % self.settings.every_steps == 0

    def on_step(self, progress: Progress) -> None:
        values, look = progress.values, progress.step % self.settings.every_steps == 0
        if progress.step % 5 == 0 or look or progress.complete:
            row = tuple(float(values[name]) for name in WATCHED if name in values)
            self._recent.append(row)
            finite = _all_finite(values)
            if not finite and self.finite:  # said once: it does not come back
                self._raise_alarm(progress, ["a loss that is not finite"])
            self.finite = finite
        for text in progress.algorithm.findings:
            self.report(f"step {progress.step}: {text}")
            self.records.text(progress.step, "health", f"step {progress.step}: {text}")
            progress.notes.setdefault("findings", []).append(text)
        if not progress.algorithm.learns_images:
            self.began = progress.step  # there is nothing to see yet
            return
        if look:
            self._look(progress)
            self.on_begin(progress)
        elif progress.complete and not self.settled:
            self.bad_signs = self.limits.alarms(self._signs(progress))  # for on_end: the run may be too short for a look
        if progress.complete and self.recovers and self.bad_looks >= 2 and self.bad_signs:
            self._raise_alarm(progress, self.bad_signs)

    def on_end(self, progress: Progress) -> None:
        if progress.complete and not self.settled and self.bad_signs:
            self.report(
                f"the samples have not looked healthy yet: {'; '.join(self.bad_signs)}. Look at the pictures in samples; "
                "a longer training may help (train.steps), or settings that suit the data better"
            )

    def _signs(self, progress: Progress) -> Dict[str, float]:
        algorithm, half = progress.algorithm, self.settings.samples // 2
        fresh = algorithm.latents(self.settings.samples - half, runtime.rng(self.seed, "health", progress.step))
        latents = np.concatenate([self.latents[:half], fresh])
        return self.limits.signs(algorithm.images(latents, algorithm.default_labels(len(latents))))

    def _look(self, progress: Progress) -> None:
        signs = self._signs(progress)
        certain = self._training_alarms(progress.values)
        found = self.limits.alarms(signs) + certain
        progress.values.update({f"health/{name}": value for name, value in signs.items()})
        progress.notes["health"] = self.bad_signs = found
        if not found:
            self.settled, self.bad_looks, self.healthy_step = True, 0, progress.step
            return
        self.bad_looks += 1
        waited = progress.step - self.began >= self.settings.settle_steps
        if certain or (self.bad_looks >= 2 and (self.settled or waited)):
            self._raise_alarm(progress, found)

    def _training_alarms(self, values: Mapping[str, Any]) -> List[str]:
        found = []
        for name in ("d_gradient", "g_gradient"):
            norm = float(values.get(name, 1.0))
            if not norm <= LARGEST_GRADIENT:
                found.append(f"the gradients blow up ({name} {norm:.3g})")
        if len(self._recent) == self._recent.maxlen and len(self._recent[0]) == len(WATCHED):
            real, fake, score, of_g = np.array(self._recent).T
            if max(real.max(), fake.max()) < WON_LOSS and score.min() > WON_SCORE:
                found.append(f"D has won (losses below {WON_LOSS})")
            elif np.median(of_g) > LOST_LOSS:
                found.append(f"D has won (G's loss {np.median(of_g):.3g})")
            dead = np.abs(np.concatenate([real, fake]) - CHANCE).max() < 0.01
            if dead and float(values.get("g_gradient", 1.0)) < SMALLEST_GRADIENT:
                found.append("D is dead (it cannot tell, and G gets no gradient)")
        return found

    def _raise_alarm(self, progress: Progress, alarms: List[str]) -> None:
        self.alarm_count += 1
        self.bad_looks = 0
        text = f"step {progress.step}: {'; '.join(alarms)}"
        self.report(f"health alarm at {text}")
        self.records.text(progress.step, "health", text)
        progress.notes["alarm"] = alarms
        if self.settings.recover:
            progress.failure = Collapsed(progress.step, alarms, self.healthy_step)
