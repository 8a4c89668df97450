"""What a run does when it has collapsed: it goes back to the last healthy checkpoint and continues with the next rung of a ladder.

A rung is a change of settings. The rungs go from the mildest change to the strongest and add up; only the last one starts the run
again. Each use of a rung is written to `recovery.json` in the run's folder before anything else happens. A run that is killed at
any moment afterwards therefore resumes with the settings that it had, and everyone can see what became of the settings in
`config.yaml`. Every checkpoint names the rungs under which it was made, so the files on the disk say how to continue from it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional

from ..algorithms.checks import is_read
from ..algorithms.registry import LOSSES
from ..config.loading import Config, load_config
from ..errors import InputError, RunFailed
from ..files import read_json, write_json
from .checkpoint import MALFORMED, DamagedCheckpoint, peek, remove_checkpoint, steps_on_disk
from .health import Collapsed

FILE = "recovery.json"
NEW_SEED = 1_000_003  # added to the root seed


@dataclass(frozen=True)
class Rung:
    """One way to continue.

    Attributes:
        name: Its name in recovery.json.
        key: The setting that it changes; the rung is left out where training does not read it.
        text: What it does, in words.
        overrides: (configuration, step from which the run continues) -> {"section.key": value}.
        keeps_optimizers: Whether the moments of the optimizers still fit.
        from_start: Start the run again instead of going back to a checkpoint.
        changes: Configuration -> whether the rung changes the setting; otherwise it is left out.
    """

    name: str
    key: str
    text: str
    overrides: Callable[[Config, int], Dict[str, Any]]
    keeps_optimizers: bool = True
    from_start: bool = False
    changes: Callable[[Config], bool] = lambda config: True

    def applies(self, config: Config) -> bool:
        """Whether training with `config` reads the setting, and the rung changes it."""
        return is_read(config, self.key) and self.changes(config)


def _smaller_d_step(config: Config, step: int) -> Dict[str, Any]:
    halved = {"optimizer.discriminator_lr": config.optimizer.discriminator_lr / 2}
    return {**halved, "train.real_target": 0.9} if LOSSES[config.loss.name].smooths else halved


LADDER = [
    Rung(
        "smaller-d-step",
        "optimizer.discriminator_lr",
        "halve D's learning rate, and smooth the labels of real images if the loss has labels",
        _smaller_d_step,
    ),
    Rung(
        "instance-noise",
        "train.instance_noise",
        "add noise to all images that D sees, fading within 500 steps",
        lambda config, step: {"train.instance_noise": 0.3, "train.instance_noise_start": step, "train.instance_noise_steps": 500},
    ),
    Rung(
        "spectral-norm",
        "discriminator.norm",
        "normalise D spectrally (its weights are kept, the optimizers start again)",
        lambda config, step: {"discriminator.norm": "spectral"},
        keeps_optimizers=False,
        changes=lambda config: config.discriminator.norm != "spectral",
    ),
    Rung(
        "new-seed",
        "train.seed",
        "start again with another seed",
        lambda config, step: {"train.seed": config.train.seed + NEW_SEED, "train.instance_noise_start": 0},
        keeps_optimizers=False,
        from_start=True,
    ),
]
RUNGS = {rung.name: rung for rung in LADDER}


class Recovery:
    """The uses of rungs of a run, in memory and in `recovery.json`: all that a collapse changes in how the run continues.

    Args:
        folder: The run's folder.

    Attributes:
        used: One dict per use: rung, alarm_step, alarms, from_step.
        failed: Why the run has failed for good, or None.

    Raises:
        InputError: recovery.json is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.used: List[Dict[str, Any]] = []
        self.failed: Optional[str] = None
        if self.path.exists():
            try:
                found = read_json(self.path)
                self.used, self.failed = _checked(found["used"]), found["failed"]
            except MALFORMED as error:
                raise InputError(f"{self.path} is damaged ({error}): restore it, or train under another name") from None

    @property
    def rungs(self) -> List[str]:
        """The names of the used rungs, in order."""
        return [use["rung"] for use in self.used]

    def config(self, config: Config, count: Optional[int] = None) -> Config:
        """The configuration with all used rungs, or the first `count` of them, applied."""
        for use in self.used[:count]:
            config = load_config(config, RUNGS[use["rung"]].overrides(config, use["from_step"]))
        return config

    def count_of(self, state: Mapping[str, Any]) -> int:
        """Under how many of the used rungs a checkpoint was made.

        Args:
            state: The checkpoint's state. If it names no rungs, the checkpoint was made after every use that went back to before it.

        Raises:
            DamagedCheckpoint: It was made under other rungs than those in recovery.json.
        """
        if "rungs" not in state:
            return max((number for number, use in enumerate(self.used, 1) if use["from_step"] < state["step"]), default=0)
        count = len(state["rungs"]) if isinstance(state["rungs"], list) else 0
        if state["rungs"] != self.rungs[:count]:
            raise DamagedCheckpoint(f"the checkpoint of step {state['step']} was made under other rungs than those in {self.path}")
        return count

    def steps(self, checkpoints: Path) -> List[int]:
        """The steps of the checkpoints that count, ascending: without those of a stretch that a later use of a rung has given up."""
        return [step for step in steps_on_disk(checkpoints) if not self._given_up({**peek(checkpoints, step), "step": step})]

    def remove_given_up(self, checkpoints: Path) -> None:
        """Remove the checkpoints that `steps` leaves out."""
        for step in set(steps_on_disk(checkpoints)) - set(self.steps(checkpoints)):
            remove_checkpoint(checkpoints, step)

    def _given_up(self, state: Mapping[str, Any]) -> bool:
        try:
            return any(use["from_step"] < state["step"] for use in self.used[self.count_of(state) :])
        except DamagedCheckpoint:
            return False  # loading it says so

    def adopts(self, state: Mapping[str, Any]) -> bool:
        """Whether a rung that was used after a checkpoint gives up the moments of its optimizers."""
        return not all(RUNGS[use["rung"]].keeps_optimizers for use in self.used[self.count_of(state) :])

    def climb(self, collapse: Collapsed, checkpoint_step: int, tries: int, config: Config) -> Rung:
        """Use the next rung that applies, and write that down.

        Args:
            collapse: The collapse of the run.
            checkpoint_step: The step of the checkpoint to go back to, 0 for the start.
            tries: How many rungs may be used in all.
            config: The configuration of the run.

        Raises:
            RunFailed: No rung is left, or `tries` are used up. The run is marked as failed.
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

    def _write(self) -> None:
        write_json(self.path, {"used": self.used, "failed": self.failed})


def _checked(used: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """`used`, if it is a list of uses of rungs."""
    for use in used:
        if use["rung"] not in RUNGS or type(use["from_step"]) is not int or use["from_step"] < 0:
            raise ValueError(f"this is no use of a rung: {use}")
    return list(used)
