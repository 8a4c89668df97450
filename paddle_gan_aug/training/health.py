"""Watches a run's samples and gradients, and says so when it has failed.

Losses alone do not tell: a dead generator was seen behind healthy ones. So the samples are looked at, every so many steps, and
held against limits that the real training images set (`metrics.health`). Two bad looks in a row are an alarm; before a run's
samples have looked healthy for the first time, they are given `settle_steps` steps. Losses and gradients that tell beyond doubt
are an alarm at once: the samples come from averaged weights and look well for a hundred steps more.
"""

import math
from collections import deque

import numpy as np

from .. import runtime
from ..data import to_network
from ..metrics.health import Limits
from .loop import Callback

LARGEST_GRADIENT = 1e3
SMALLEST_GRADIENT = 1e-7
CHANCE = math.log(2)  # D's loss when it cannot tell
WON_LOSS, WON_SCORE = 0.02, 0.98  # D has won when both its losses stay below and its score of reals above
LOST_LOSS = 10.0  # or when G's loss stays above: D calls its images fake with odds of 20,000 to 1
WATCHED = ("d_real_loss", "d_fake_loss", "d_real", "g_loss")
REAL_IMAGES = 2000  # looked at to set the limits


def _some_of_each_class(real, count, rng):
    """The indices of real images for the limits: `REAL_IMAGES` at random, and of rare classes as many as even sets of `count` want."""
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
        step: at which step it was seen.
        alarms: what was seen, a list of texts.
        healthy_step: the last step at which everything looked right, 0 if none.
    """

    def __init__(self, step, alarms, healthy_step):
        super().__init__(f"step {step}: {'; '.join(alarms)}")
        self.step, self.alarms, self.healthy_step = step, alarms, healthy_step


class HealthMonitor(Callback):
    """See the module.

    Args:
        settings: the section `health` of the configuration.
        real: the training images, LabelledImages.
        latents: float32 [N, latent_dim], the run's fixed latents; half of what is looked at.
        seed: the run's root seed.
        first_step: where this training begins (0, or the step of a checkpoint it was rolled back to).
        records: gets every alarm as a text; the signs join the step's values as `health/*`, alarms its notes.
        say: told every alarm in a line.

    An alarm becomes the training's `failure`, a `Collapsed`, when `settings.recover`.
    """

    def __init__(self, settings, real, latents, seed, first_step, records, say):
        self.settings, self.latents, self.seed, self.records, self.say = settings, latents, seed, records, say
        rng = runtime.rng(seed, "health limits")
        some = _some_of_each_class(real, settings.samples, rng)
        self.limits = Limits(to_network(real.images[some]), settings.samples, rng, real.labels[some])
        self.began, self.settled, self.bad_looks, self.healthy_step = first_step, False, 0, 0
        self.alarm_count = 0
        self.bad_signs = []  # of the last look
        self._recent = deque(maxlen=max(2, settings.every_steps // 5))  # losses and scores of the last steps

    def state(self):
        """What a resumed run must know, as plain values."""
        names = ("began", "settled", "bad_looks", "healthy_step", "alarm_count")
        return {"recent": [list(row) for row in self._recent], **{name: getattr(self, name) for name in names}}

    def load_state(self, state):
        """Go on from what `state` returned."""
        state = dict(state)
        self._recent.extend(tuple(row) for row in state.pop("recent"))
        for name, value in state.items():
            setattr(self, name, value)

    def on_step(self, progress):
        values, look = progress.values, progress.step % self.settings.every_steps == 0
        if progress.step % 5 == 0 or look:
            row = tuple(float(values[name]) for name in WATCHED if name in values)
            self._recent.append(row)
            if not np.isfinite([float(value) for value in values.values()]).all():
                self._raise_alarm(progress, ["a loss that is not finite"])
        if look:
            self._look(progress)
        elif progress.complete and not self.settled:
            self.bad_signs = self.limits.alarms(self._signs(progress))  # shorter runs than a look away end with one, for on_end
        progress.algorithm.measure_gradients = (progress.step + 1) % self.settings.every_steps == 0

    def on_end(self, progress):
        if progress.complete and not self.settled and self.bad_signs:
            self.say(
                f"the samples have not looked healthy yet: {'; '.join(self.bad_signs)}. Look at the pictures in samples; "
                "a longer training may help (--steps), or settings that suit the data better"
            )

    def _signs(self, progress):
        algorithm, half = progress.algorithm, self.settings.samples // 2
        fresh = algorithm.latents(self.settings.samples - half, runtime.rng(self.seed, "health", progress.step))
        latents = np.concatenate([self.latents[:half], fresh])
        return self.limits.signs(algorithm.images(latents, algorithm.default_labels(len(latents))))

    def _look(self, progress):
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

    def _training_alarms(self, values):
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

    def _raise_alarm(self, progress, alarms):
        self.alarm_count += 1
        self.bad_looks = 0
        text = f"step {progress.step}: {'; '.join(alarms)}"
        self.say(f"health alarm at {text}")
        self.records.text(progress.step, "health", text)
        progress.notes["alarm"] = alarms
        if self.settings.recover:
            progress.failure = Collapsed(progress.step, alarms, self.healthy_step)
