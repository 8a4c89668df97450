"""What a run does when it has collapsed: back to the last healthy checkpoint, one rung up the ladder, and on.

The rungs go from the mildest change to the strongest and add up; only the last begins anew. Each use is written to
`recovery.json` in the run's folder before anything else happens, so that a run which is interrupted afterwards, at whatever
moment, resumes with the settings it had, and everyone can see what became of the settings in `config.yaml`. Every checkpoint
names the rungs it was made under: what lies on the disk tells how to go on from it.
"""

import json
from dataclasses import dataclass
from typing import Callable

from ..algorithms.checks import is_read
from ..algorithms.registry import LOSSES
from ..config.loading import load_config
from ..errors import InputError, RunFailed
from ..files import write_json
from .checkpoint import MALFORMED, DamagedCheckpoint, peek, remove_checkpoint, steps_on_disk

FILE = "recovery.json"
NEW_SEED = 1_000_003  # added to the root seed


@dataclass(frozen=True)
class Rung:
    """One way to go on.

    Args:
        name: as it stands in recovery.json.
        key: the setting that it turns; the rung is passed over where training does not read it.
        text: what it does, for people.
        overrides: (configuration, step it goes on from) -> {"section.key": value}.
        keeps_optimizers: whether the optimizers' moments still fit.
        from_start: begin anew instead of going back to a checkpoint.
        changes: configuration -> whether the rung changes the setting; it is passed over otherwise.
    """

    name: str
    key: str
    text: str
    overrides: Callable
    keeps_optimizers: bool = True
    from_start: bool = False
    changes: Callable = lambda config: True

    def applies(self, config):
        """Whether training with `config` reads the setting, and the rung changes it."""
        return is_read(config, self.key) and self.changes(config)


def _smaller_d_step(config, step):
    halved = {"optimizer.discriminator_lr": config.optimizer.discriminator_lr / 2}
    return {**halved, "train.real_target": 0.9} if LOSSES[config.loss.name].smooths else halved


LADDER = [
    Rung(
        "smaller-d-step",
        "optimizer.discriminator_lr",
        "half D's learning rate, and one-sided label smoothing where the loss has labels",
        _smaller_d_step,
    ),
    Rung(
        "instance-noise",
        "train.instance_noise",
        "noise on all that D sees, fading within 500 steps",
        lambda config, step: {"train.instance_noise": 0.3, "train.instance_noise_start": step, "train.instance_noise_steps": 500},
    ),
    Rung(
        "spectral-norm",
        "discriminator.norm",
        "spectral normalisation in D (its weights are kept, the optimizers begin anew)",
        lambda config, step: {"discriminator.norm": "spectral"},
        keeps_optimizers=False,
        changes=lambda config: config.discriminator.norm != "spectral",
    ),
    Rung(
        "new-seed",
        "train.seed",
        "from the start with another seed",
        lambda config, step: {"train.seed": config.train.seed + NEW_SEED, "train.instance_noise_start": 0},
        keeps_optimizers=False,
        from_start=True,
    ),
]
RUNGS = {rung.name: rung for rung in LADDER}


class Recovery:
    """The rungs that a run has used, in its folder.

    Args:
        folder: the run's folder.

    Raises:
        InputError: recovery.json is not what was written there.
    """

    def __init__(self, folder):
        self.path = folder / FILE
        self.used, self.failed = [], None
        if self.path.exists():
            try:
                found = json.loads(self.path.read_text(encoding="utf-8"))
                self.used, self.failed = _checked(found["used"]), found["failed"]
            except MALFORMED as error:
                raise InputError(f"{self.path} is damaged ({error}): restore it, or train under another name") from None

    @property
    def rungs(self):
        """The names of the used rungs, in order."""
        return [use["rung"] for use in self.used]

    def config(self, config, count=None):
        """The configuration with the used rungs, or the first `count` of them, laid over it."""
        for use in self.used[:count]:
            config = load_config(config, RUNGS[use["rung"]].overrides(config, use["from_step"]))
        return config

    def count_of(self, state):
        """Under how many of the used rungs a checkpoint was made.

        Args:
            state: what the checkpoint says of itself. One that names no rungs was made after every use that went back to before it.

        Raises:
            DamagedCheckpoint: it was made under other rungs than recovery.json tells of.
        """
        if "rungs" not in state:
            return max((number for number, use in enumerate(self.used, 1) if use["from_step"] < state["step"]), default=0)
        count = len(state["rungs"]) if isinstance(state["rungs"], list) else 0
        if state["rungs"] != self.rungs[:count]:
            raise DamagedCheckpoint(f"the checkpoint of step {state['step']} was made under rungs that {self.path} does not tell of")
        return count

    def steps(self, checkpoints):
        """The steps of the checkpoints that count: without those of a stretch that a later use of a rung has given up."""
        return [step for step in steps_on_disk(checkpoints) if not self._given_up({**peek(checkpoints, step), "step": step})]

    def remove_given_up(self, checkpoints):
        """Remove the checkpoints that `steps` leaves out."""
        for step in set(steps_on_disk(checkpoints)) - set(self.steps(checkpoints)):
            remove_checkpoint(checkpoints, step)

    def _given_up(self, state):
        try:
            return any(use["from_step"] < state["step"] for use in self.used[self.count_of(state) :])
        except DamagedCheckpoint:
            return False  # whoever loads it will say so

    def adopts(self, state):
        """Whether a rung that was taken after a checkpoint leaves its optimizers' moments behind."""
        return not all(RUNGS[use["rung"]].keeps_optimizers for use in self.used[self.count_of(state) :])

    def climb(self, collapse, checkpoint_step, tries, config):
        """Take the next rung that applies to `config` after `collapse`, back to `checkpoint_step`, and write it down; returns the `Rung`.

        Raises:
            RunFailed: no rung is left, or `tries` are used up; the run is marked as failed.
        """
        names = self.rungs
        left = LADDER[LADDER.index(RUNGS[names[-1]]) + 1 :] if names else LADDER
        left = [rung for rung in left if rung.applies(config)]
        if len(names) >= tries or not left:
            self.failed = str(collapse)
            self._write()
            tried = ", ".join(names) or "nothing"
            raise RunFailed(f"run {self.path.parent.name} collapsed and could not be recovered ({collapse}); tried: {tried}")
        rung = left[0]
        from_step = 0 if rung.from_start else checkpoint_step
        self.used.append({"rung": rung.name, "alarm_step": collapse.step, "alarms": collapse.alarms, "from_step": from_step})
        self._write()
        return rung

    def _write(self):
        write_json(self.path, {"used": self.used, "failed": self.failed})


def _checked(used):
    """`used`, if it is a list of uses of rungs."""
    for use in used:
        if use["rung"] not in RUNGS or type(use["from_step"]) is not int or use["from_step"] < 0:
            raise ValueError(f"no use of a rung: {use}")
    return list(used)
