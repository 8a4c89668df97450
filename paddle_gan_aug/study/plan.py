"""What a study is about to do: arms, scenarios, seeds and lengths, and which two arms it compares."""

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

from .arm import Arm, is_gan
from .arms import BASELINE, GAN_ARM, RIVALS
from .cells import Cell, Settings
from .splits import CHOOSE, CHOOSES_FROM, TEST, Scenario


@dataclass(frozen=True, eq=False)
class Plan:
    """What a study does.

    Attributes:
        arms, scenarios, seeds: every arm runs in every scenario with every seed, from `first_seed` on. settings: of all cells.
        other_seeds: of the arms that are not named, but for `real`; None = all. choices: splits on which the named arms are chosen.
        gan_arm, rival: named beforehand, or None where they are to be chosen. notes: sentences for people.
        jobs: worker processes. seconds: estimated. budget: seconds, or None. slowness: how many times as long as in the tables of
            `estimate` everything takes here.
    """

    arms: List[Arm]
    scenarios: List[Scenario]
    seeds: int
    settings: Settings
    choices: int
    gan_arm: Optional[str]
    rival: Optional[str]
    jobs: int
    seconds: float
    budget: Optional[float] = None
    notes: List[str] = field(default_factory=list)
    other_seeds: Optional[int] = None
    first_seed: int = 0
    slowness: float = 1.0

    def choosing(self) -> List[Cell]:
        """The cells on which the named arms are chosen, in the order in which they run."""
        arms = {arm.name: range(CHOOSES_FROM, CHOOSES_FROM + self.choices) for arm in self.arms if not arm.upper}
        return self._ordered(arms, CHOOSE)

    def testing(self) -> List[Cell]:
        """The cells that test images score, of each seed first those of the named arms."""
        return self._ordered({arm.name: range(self.first_seed, self.first_seed + self.seeds_of(arm)) for arm in self.arms}, TEST)

    def seeds_of(self, arm: Arm) -> int:
        """The seeds of an arm: fewer of one that is neither named nor `real`. Before arms are named, those count that are so by rule."""
        gan_arm, rival = named_arms(self, {})
        return self.seeds if arm.name in (BASELINE, gan_arm, rival) else min(self.seeds, self.other_seeds or self.seeds)

    def _ordered(self, seeds_of: Dict[str, Sequence[int]], role: str) -> List[Cell]:
        """Some seeds at a time, of them one arm after the other: whatever ends early leaves whole seeds, and workers share no GAN."""
        named = (self.gan_arm, self.rival) if role == TEST else ()
        arms = sorted((arm for arm in self.arms if arm.name in seeds_of), key=lambda arm: arm.name not in named)
        everything = sorted({seed for seeds in seeds_of.values() for seed in seeds})
        found = []
        for scenario in self.scenarios:
            for start in range(0, len(everything), self.jobs):
                block = everything[start : start + self.jobs]
                found += [Cell(arm, scenario, seed, role) for arm in arms for seed in block if seed in seeds_of[arm.name]]
        return found

    def told(self) -> List[str]:
        """The plan in lines for people."""
        s = self.settings
        scenarios = "; ".join(scenario.name for scenario in self.scenarios)
        cells = len(self.choosing()) + len(self.testing())
        lines = [
            f"scenario    {scenarios}",
            f"arms        {', '.join(arm.name for arm in self.arms)}",
            f"seeds       {self.seeds}"
            + (f", {self.first_seed} to {self.first_seed + self.seeds - 1}" if self.first_seed else "")
            + (f" ({self.other_seeds} of arms that are not compared)" if len(set(map(self.seeds_of, self.arms))) > 1 else "")
            + (f", and {self.choices} splits that choose the arms to compare" if self.choices else ""),
            f"classifier  {s.architecture}, {s.steps} steps of {s.batch_size} images",
        ]
        if any(is_gan(arm.maker) for arm in self.arms):
            steps = f"up to {s.gan_steps} steps, while held-out labels say that it improves" if s.patience else f"{s.gan_steps} steps"
            lines.append(f"GAN         {s.gan}, {steps}; {s.per_class} images of each class")
        learners = {arm.first_learner.name: arm.first_learner.learner for arm in self.arms if arm.first_learner}
        for preset in dict.fromkeys(learners.values()):  # what learns images without labels in place of the classifier
            names = ", ".join(name for name in learners if learners[name] == preset)
            lines.append(f"learners    {names}: {s.steps_of(preset)} steps (preset {preset})")
        lines.append(f"time        about {told_time(self.seconds)} for {cells} cells, {self.jobs} at a time")
        return [*lines, *(f"note        {note}" for note in self.notes)]


def told_time(seconds: float) -> str:
    """A duration for people: "40 s", "12 min", "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def named_arms(plan: Plan, scores: Dict[str, float]) -> Tuple[Optional[str], str]:
    """(the arm with a GAN, its rival without one) that a study compares, named before any test image is scored.

    Args:
        scores: {arm: mean score on the splits that choose}; {} = the rule decides.
    """
    generating, without = with_gan(plan.arms), without_gan(plan.arms)
    preferred = [name for name in RIVALS if name in without]
    gan_arm = plan.gan_arm or _best(generating, scores) or (GAN_ARM if GAN_ARM in generating else next(iter(generating), None))
    return gan_arm, plan.rival or _best(without, scores) or preferred[0]


def with_gan(arms: Sequence[Arm]) -> List[str]:
    """The names of the arms with generated images."""
    return [arm.name for arm in arms if arm.generates]


def without_gan(arms: Sequence[Arm]) -> List[str]:
    """The names of those that may be a rival: without generated images, and without labels that others lack."""
    return [arm.name for arm in arms if not arm.generates and not arm.upper]


def _best(names: Sequence[str], scores: Dict[str, float]) -> Optional[str]:
    scored = [name for name in names if name in scores]
    return max(scored, key=lambda name: scores[name]) if scored else None
