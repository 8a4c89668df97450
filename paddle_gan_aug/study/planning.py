"""How a study is planned: arms, scenarios, seeds and lengths are chosen from the data, the wishes and the budget."""

import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ..console import listed
from ..data import without_labels
from ..errors import InputError
from .arm import Arm
from .arms import RIVALS, STRONGER, TRANSFER_ARMS, arm_of, chosen_arms, default_arms, with_shares
from .cells import Settings
from .estimate import estimate, label_count, voters
from .plan import Plan, named_arms, with_gan, without_gan
from .splits import CHOOSES_FROM, FEWEST, Scenario, StudyData, class_of, is_imbalanced
from .statistics import LEAST_SEEDS

FEW = 2000  # labels up to which a study takes all of them as they are
CHOICES = 4  # splits on which arms are chosen, and a recipe with a GAN must show its gain
OTHER_SEEDS = 3  # of arms that are not compared, where the study has chosen them itself
FEWEST_CHOICES = 3  # two splits could hardly show a gain: Student's t wants 14 times the standard error of it
PATIENCE = 3  # measurements of a GAN without a better one, after which it stops
STOPPABLE = 20  # labels of the smallest class from which on a fifth of them is held out to measure the GAN
STEPS = ((10_000, 1200), (10**9, 1600))  # labels up to -> steps of a classifier
GAN_STEPS = ((200, 400), (1000, 600), (10_000, 1500), (10**9, 4000))
SHORTEST_GAN = 200  # steps, below which images are noise
SHORTEST_LEARNER = 500  # steps of what learns images without labels
PER_CLASS = 200
FEWEST_SEEDS = 2
NEW_IMAGES = 5  # of each new class
UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


def parse_budget(text: Any) -> float:
    """ "30m", "2h" or "90s" as seconds.

    Raises:
        InputError: none of these, or no time at all.
    """
    found = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*({'|'.join(UNITS)})", str(text).strip().lower())
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not seconds:
        raise InputError(f"budget: {text} is no time: give a number with s, m or h, such as 30m or 2h")
    return seconds


@dataclass(frozen=True)
class Request:
    """What a study is asked for: arguments of `study.run_study`, which explains them; `budget` is in seconds.

    Raises:
        InputError: there is no arm of a name, or no share as it is given.
    """

    arms: Optional[Sequence[str]] = None
    labels: Sequence[int] = ()
    cut: Optional[Dict[str, int]] = None
    new_classes: Sequence[str] = ()
    new_images: Sequence[int] = (NEW_IMAGES,)
    shares: Sequence[float] = ()
    seeds: Optional[int] = None
    other_seeds: Optional[int] = None
    first_seed: int = 0
    choices: Optional[int] = None
    steps: Optional[int] = None
    gan: Optional[str] = None
    gan_steps: Optional[int] = None
    patience: Optional[int] = None
    per_class: Optional[int] = None
    architecture: str = "lenet"
    gan_arm: Optional[str] = None
    rival: Optional[str] = None
    budget: Optional[float] = None
    jobs: int = 1
    threads: int = 1
    allow_overlap: bool = False
    learner_steps: Optional[int] = None
    learner_overrides: Optional[Dict[str, Any]] = None
    overrides: Optional[Dict[str, Any]] = None
    gan_overrides: Optional[Dict[str, Any]] = None

    def __post_init__(self) -> None:
        for name in self.arms or ():
            arm_of(name)

    @property
    def may_learn_unlabelled(self) -> bool:
        """Whether an arm may learn images without labels: of arms that are chosen from the data that is not known before."""
        return not self.arms or any(arm_of(name).unlabelled for name in self.arms)

    @property
    def may_generate(self) -> bool:
        """Whether an arm may have generated images, see `may_learn_unlabelled`."""
        return not self.arms or any(arm_of(name).generates for name in self.arms)


def make_plan(data: StudyData, request: Request, slowness: Callable[[float], float] = lambda seconds: 1.0) -> Plan:
    """Look at the data and choose what to do.

    Args:
        slowness: how many times as long work takes here that is estimated to take so many seconds.

    Raises:
        InputError: an arm that cannot work on this data; `gan_arm` or `rival` is not among the arms.
    """
    scenarios = _scenarios(data, request)
    properties = _properties(data, scenarios)
    names = request.arms or _default_arms(data, scenarios, properties)
    chosen = chosen_arms(with_shares(names, request.shares), **properties)
    wanted = LEAST_SEEDS if request.seeds is None else request.seeds
    if data.test is None and request.seeds is None:
        counts = data.labels.counts()
        wanted = max(FEWEST, min(wanted, int(counts[counts > 0].min())))
    choices = request.choices
    if choices and data.test is None:
        raise InputError("choices: without test images the folds test all labels, and no split can choose beforehand: leave it out")
    if choices is None:
        choices = CHOICES if any(arm.generates for arm in chosen) and data.test is not None else 0
    named = (request.gan_arm, request.rival)
    optional = [] if request.arms else [arm for arm in chosen if arm.name in STRONGER and arm.name not in named]
    left_out = [] if choices else optional  # by rule none of them would be named
    chosen = [arm for arm in chosen if arm not in left_out]
    _check_named(request, chosen)
    folds = wanted if data.test is None else Settings.folds  # they play no part, and more seeds leave the keys of the others alone
    settings = replace(_settings(data, request, scenarios), folds=folds)
    plan = Plan(chosen, scenarios, wanted, settings, choices, *named, request.jobs, 0.0, request.budget, first_seed=request.first_seed)
    plan = replace(plan, other_seeds=OTHER_SEEDS if request.other_seeds is None and optional and choices else request.other_seeds)
    _check_seeds(data, plan)
    plan = replace(plan, settings=replace(plan.settings, members=voters(data, plan)))
    plan = replace(plan, slowness=slowness(estimate(data, plan)))
    plan = replace(plan, seconds=estimate(data, plan))
    plan = _within(data, plan, request, [] if left_out else optional) if request.budget else plan
    return replace(plan, notes=[*plan.notes, *_hints(left_out), *_by_rule(plan, data), *_claims(plan, data)])


def _check_seeds(data: StudyData, plan: Plan) -> None:
    if plan.first_seed and data.test is None:
        raise InputError("first_seed: without test images the seeds are the folds, which begin at 0: leave it out")
    if plan.first_seed + plan.seeds > CHOOSES_FROM:
        most = CHOOSES_FROM - plan.seeds
        raise InputError(f"first_seed: expected at most {most} with {plan.seeds} seeds, got {plan.first_seed}: splits that choose follow")


def _settings(data: StudyData, request: Request, scenarios: Sequence[Scenario]) -> Settings:
    """What all cells have in common; how many folds and voters there are is not known yet."""
    smallest = min(label_count(data, scenario) for scenario in scenarios)
    return Settings(
        steps=request.steps or _by_count(STEPS, smallest),
        architecture=request.architecture,
        gan_steps=request.gan_steps or _by_count(GAN_STEPS, smallest),
        per_class=request.per_class or PER_CLASS,
        policy=data.policy,
        threads=request.threads,
        allow_overlap=request.allow_overlap,
        overrides=request.overrides,
        gan_overrides=request.gan_overrides,
        learner_steps=request.learner_steps,
        learner_overrides=request.learner_overrides,
        unlabelled=None if data.unlabelled is None else without_labels(data.unlabelled, "given").fingerprint(),
        patience=_patience(data, scenarios) if request.patience is None else request.patience or None,
        gan=request.gan or Settings.gan,
    )


def _check_named(request: Request, chosen: Sequence[Arm]) -> None:
    """Check that the arms which are named to be compared are among the chosen ones, and of the right kind."""
    for what, name in (("gan_arm", request.gan_arm), ("rival", request.rival)):
        if name is not None and name not in {arm.name for arm in chosen}:
            raise InputError(f"{what}: {name} is not among the arms {', '.join(arm.name for arm in chosen)}")
    for what, name, fitting in (("gan_arm", request.gan_arm, with_gan(chosen)), ("rival", request.rival, without_gan(chosen))):
        if name is not None and name not in fitting:
            kind = "makes no images with a GAN" if what == "gan_arm" else "is no rival: it has generated images, or labels that others lack"
            raise InputError(f"{what}: {name} {kind}; choose one of {', '.join(fitting) or 'none that takes part'}")


def _scenarios(data: StudyData, request: Request) -> List[Scenario]:
    """The scenarios of a study: one for each number of labels and, with new classes, of their images.

    Raises:
        InputError: classes are cut and new; there is no such class; one is cut twice.
    """
    if request.new_classes and request.cut:
        raise InputError("`cut` and new_classes both say how many images some classes keep: give one of them")
    labels = request.labels or [None]
    if not request.new_classes:
        cuts = tuple((class_of(data, str(name), "cut"), few) for name, few in (request.cut or {}).items())
        if len(dict(cuts)) < len(cuts):
            raise InputError(f"`cut` names a class twice: {listed(request.cut)}; give each once")
        return [Scenario(count, cuts) for count in labels]
    names = list(dict.fromkeys(class_of(data, str(name), "new_classes") for name in request.new_classes))
    return [Scenario(count, tuple((name, few) for name in names), True) for count in labels for few in request.new_images]


def _default_arms(data: StudyData, scenarios: Sequence[Scenario], properties: Dict[str, bool]) -> List[str]:
    names = default_arms(**{**properties, "unlabelled": data.unlabelled is not None})
    return [*names[:-1], *TRANSFER_ARMS] if all(scenario.new for scenario in scenarios) else names


def _patience(data: StudyData, scenarios: Sequence[Scenario]) -> Optional[int]:
    """Where every class has labels to spare, a GAN stops by those that are held out of it."""
    return PATIENCE if all(_fewest(data, scenario) >= STOPPABLE for scenario in scenarios) else None


def _fewest(data: StudyData, scenario: Scenario) -> int:
    counts = data.pool.counts() if scenario.draws else data.labels.counts()
    return min([scenario.per_class or int(counts[counts > 0].min()), *(n for _, n in scenario.cut)])


def _properties(data: StudyData, scenarios: Sequence[Scenario]) -> Dict[str, bool]:
    counts = data.labels.counts()
    counts = counts[counts > 0]
    fewest = min(int(counts.min()), *(_fewest(data, scenario) for scenario in scenarios))
    left = [_left(data, scenario) for scenario in scenarios]
    unlabelled = data.unlabelled is not None or all(any(of) for of in left)
    spare = all(all(of) for of in left)
    return {"imbalanced": is_imbalanced(scenarios, counts), "spare": spare, "pairs": fewest >= FEWEST, "unlabelled": unlabelled}


def _left(data: StudyData, scenario: Scenario) -> List[int]:
    """How many images of each class a scenario leaves."""
    cut = dict(scenario.cut)
    filled = [(name, int(count)) for name, count in zip(data.pool.class_names, data.pool.counts()) if count]
    return [max(0, count - cut.get(name, scenario.per_class or count)) for name, count in filled]


def _by_count(table: Tuple[Tuple[int, int], ...], count: int) -> int:
    return next(value for most, value in table if count <= most)


def _within(data: StudyData, plan: Plan, request: Request, optional: Sequence[Arm]) -> Plan:
    """A plan that fits its budget: fewer arms, fewer splits that choose, shorter training, fewer seeds, in this order, and says so."""
    notes = []

    def fits(one: Plan) -> bool:
        return estimate(data, one) <= 0.85 * plan.budget  # the rest is for the report and the classifier that is kept

    if optional and not fits(plan):
        plan = replace(plan, arms=[arm for arm in plan.arms if arm not in optional])
        notes.append(f"the budget leaves out the arms {' and '.join(arm.name for arm in optional)}")
    before = plan.choices
    while not fits(plan) and plan.choices > 0 and request.choices is None:
        plan = replace(plan, choices=plan.choices - 1 if plan.choices > FEWEST_CHOICES else 0)
    if plan.choices < before:
        notes.append(
            f"the budget leaves {plan.choices or 'no'} splits of {before} to choose the arms on"
            + (": they are named by rule" * (not plan.choices))
        )
    if request.gan_steps is None and not fits(plan) and plan.settings.gan_steps > SHORTEST_GAN and any(a.generates for a in plan.arms):
        before = plan.settings.gan_steps
        plan = _shortened(plan, fits, "gan_steps", before, SHORTEST_GAN)
        notes.append(f"the budget shortens the GAN from {before} to {plan.settings.gan_steps} steps: a longer one may do better")
    learners = {arm.first_learner.learner for arm in plan.arms if arm.first_learner}
    if request.learner_steps is None and learners and not fits(plan):
        before = min(map(plan.settings.steps_of, learners))
        plan = _shortened(plan, fits, "learner_steps", before, SHORTEST_LEARNER)
        after = plan.settings.learner_steps
        notes.append(f"the budget shortens what learns images without labels from {before} to {after} steps: more may do better")
    before = plan.seeds
    while not fits(plan) and plan.seeds > FEWEST_SEEDS and request.seeds is None:
        plan = replace(plan, seeds=plan.seeds - 1)
    if plan.seeds < before:
        notes.append(f"the budget leaves {plan.seeds} seeds of {before}")
    if not fits(plan):
        notes.append("even so the estimate exceeds the budget: what does not fit is left out, and the report says what")
    return replace(plan, seconds=estimate(data, plan), notes=[*plan.notes, *notes])


def _shortened(plan: Plan, fits: Callable[[Plan], bool], key: str, steps: int, least: int) -> Plan:
    """The plan with so few of its steps, a setting, that it fits, or with the least."""
    while not fits(plan) and steps > least:
        steps = max(least, int(steps * 0.8))
        plan = replace(plan, settings=replace(plan.settings, **{key: steps}))
    return plan


def _hints(left_out: Sequence[Arm]) -> List[str]:
    names = " and ".join(arm.name for arm in left_out)
    return [f"{names} take no part, as no splits choose between them, unless you name them among the arms"] if names else []


def _by_rule(plan: Plan, data: StudyData) -> List[str]:
    """That nothing which is measured decides between the arms without generated images, one of which is compared and recommended."""
    without = without_gan(plan.arms)
    if plan.choices or plan.rival or set(without) <= set(RIVALS):
        return []
    how = "--rival names another" + (", --choices N lets N splits choose" if data.test is not None else "")
    return [f"no splits choose between {' and '.join(without)}: by rule {named_arms(plan, {})[1]} is compared and recommended ({how})"]


def _claims(plan: Plan, data: StudyData) -> List[str]:
    notes = []
    if plan.seeds < LEAST_SEEDS:
        notes.append(
            f"{plan.seeds} seeds are not enough for a claim, which needs {LEAST_SEEDS}: the report shows differences, and no verdict"
        )
    if plan.choices < 2 and data.test is not None and any(arm.generates for arm in plan.arms):
        notes.append(
            "without splits that choose (choices) generated images can show no gain on held-out labels, so the recommended classifier "
            "will use none"
        )
    return notes
