"""What a study is about to do, and about how long it takes: arms, scenarios, seeds and lengths, chosen from the data and the budget."""

import re
from dataclasses import dataclass, field, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..config.loading import load_config
from ..data import without_labels
from ..errors import InputError
from .arms import BASELINE, GAN_ARM, MAKERS, PSEUDO, RIVALS, STRONGER, TRANSFER_ARMS, Arm, chosen_arms, default_arms, is_gan, with_shares
from .cells import Cell, Settings
from .splits import CHOOSE, CHOOSES_FROM, FEWEST, TEST, Scenario, StudyData
from .statistics import LEAST_SEEDS
from .unlabelled import ROUNDS

IMBALANCED = 1.5  # the largest class over the smallest
FEW = 2000  # labels up to which a study takes all of them as they are
CHOICES = 4  # splits on which arms are chosen, and a recipe with a GAN must show its gain
OTHER_SEEDS = 3  # of arms that are not compared, where the study has chosen them itself
FEWEST_CHOICES = 3  # two splits could hardly show a gain: Student's t wants 14 times the standard error of it
PATIENCE = 3  # measurements of a GAN without a better one, after which it stops
STOPPABLE = 20  # labels of the smallest class from which on a fifth of them is held out to measure the GAN
STEPS = ((10_000, 1200), (10**9, 1600))  # labels up to -> steps of a classifier
GAN_STEPS = ((200, 400), (1000, 600), (10_000, 1500), (10**9, 4000))
SHORTEST_GAN = 200  # steps, below which images are noise
PER_CLASS = 200
FEWEST_SEEDS = 2
SECONDS = {  # of a step of 64 grey images of 28×28 pixels on one core of a 2020s machine; what is measured corrects the estimate
    "lenet": 0.017,
    "lenet-pooled": 0.015,
    "resnet": 0.13,
    "changes": 0.003,  # classical ones
    "digits": 0.013,  # those of the policy of that name, which bend
    "gan": 0.13,
    "dagan": 0.043,
    "learned-augmenter": 0.075,
    "semi-supervised": 0.044,
    "semi-supervised-conv": 0.032,
}
GROWTH = {"lenet": 1.2, "lenet-pooled": 1.2, "gan": 0.8}  # exponent of the size of an image; 1 of the others
START, FILTERING = 3.0, 10.0  # seconds: of a cell's own (Paddle, files, test images), of drawing and reading the candidates
CROSSED, CROSSED_EPOCHS, MOST_CROSSED = 5, 100, 5000  # as in synthesis: networks, epochs of each, labels up to which they are trained
NEW_IMAGES = 5  # of each new class
UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, eq=False)
class Plan:
    """What a study does.

    Attributes:
        arms, scenarios, seeds: every arm runs in every scenario with every seed. other_seeds: of the arms that are not named, but for
            `real`; None = all. settings: of all cells. choices: splits on which the named arms are chosen.
        gan_arm, rival: named beforehand, or None where they are to be chosen. notes: sentences for people.
        jobs: worker processes. seconds: estimated. budget: seconds, or None.
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

    def choosing(self) -> List[Cell]:
        """The cells on which the named arms are chosen, in the order in which they run."""
        arms = {arm.name: range(CHOOSES_FROM, CHOOSES_FROM + self.choices) for arm in self.arms if not arm.upper}
        return self._ordered(arms, CHOOSE)

    def testing(self) -> List[Cell]:
        """The cells that test images score, of each seed first those of the named arms."""
        return self._ordered({arm.name: range(self.seeds_of(arm)) for arm in self.arms}, TEST)

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
            + (f" ({self.other_seeds} of arms that are not compared)" if len(set(map(self.seeds_of, self.arms))) > 1 else "")
            + (f", and {self.choices} splits that choose the arms to compare" if self.choices else ""),
            f"classifier  {s.architecture}, {s.steps} steps of {s.batch_size} images",
        ]
        if any(arm.generates for arm in self.arms):
            steps = f"up to {s.gan_steps} steps, while held-out labels say that it improves" if s.patience else f"{s.gan_steps} steps"
            lines.append(f"GAN         {s.gan}, {steps}; {s.per_class} images of each class")
        lines.append(f"time        about {told_time(self.seconds)} for {cells} cells, {self.jobs} at a time")
        return [*lines, *(f"note        {note}" for note in self.notes)]


def told_time(seconds: float) -> str:
    """A duration for people: "40 s", "12 min", "2.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def parse_budget(text: Any) -> float:
    """ "30m", "2h" or "90s" as seconds.

    Raises:
        InputError: none of these, or no time at all.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])(?:in)?", str(text).strip().lower())
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not seconds:
        raise InputError(f"budget: {text} is no time: give a number with s, m or h, such as 30m or 2h")
    return seconds


def make_plan(  # long: its parameters are those of `study.run_study`
    data: StudyData,
    *,
    arms: Optional[Sequence[str]] = None,
    labels: Sequence[int] = (),
    cut: Optional[Dict[str, int]] = None,
    seeds: Optional[int] = None,
    choices: Optional[int] = None,
    steps: Optional[int] = None,
    gan_steps: Optional[int] = None,
    per_class: Optional[int] = None,
    architecture: str = "lenet",
    gan: Optional[str] = None,
    gan_arm: Optional[str] = None,
    rival: Optional[str] = None,
    budget: Optional[float] = None,
    jobs: int = 1,
    threads: int = 1,
    allow_overlap: bool = False,
    overrides: Optional[Dict[str, Any]] = None,
    gan_overrides: Optional[Dict[str, Any]] = None,
    new_classes: Sequence[str] = (),
    new_images: Sequence[int] = (NEW_IMAGES,),
    shares: Sequence[float] = (),
    other_seeds: Optional[int] = None,
    patience: Optional[int] = None,
    learner_steps: Optional[int] = None,
    learner_overrides: Optional[Dict[str, Any]] = None,
) -> Plan:
    """Look at the data and choose what to do; see `study.run_study` for the arguments.

    Raises:
        InputError: an unknown arm, or one that cannot work on this data; arms that are named and not among them.
    """
    scenarios = _scenarios(labels, cut, new_classes, new_images)
    properties = _properties(data, scenarios)
    chosen = chosen_arms(with_shares(arms if arms else _default_arms(data, scenarios, properties), shares), **properties)
    smallest = min(_count(data, scenario) for scenario in scenarios)
    settings = Settings(
        steps=steps or _by_count(STEPS, smallest),
        architecture=architecture,
        gan_steps=gan_steps or _by_count(GAN_STEPS, smallest),
        per_class=per_class or PER_CLASS,
        policy=data.policy,
        threads=threads,
        allow_overlap=allow_overlap,
        overrides=overrides,
        gan_overrides=gan_overrides,
        learner_steps=learner_steps,
        learner_overrides=learner_overrides,
        unlabelled=None if data.unlabelled is None else without_labels(data.unlabelled, "given").fingerprint(),
        patience=_patience(data, scenarios) if patience is None else patience or None,
        **({"gan": gan} if gan else {}),
    )
    wanted = LEAST_SEEDS if seeds is None else seeds
    if data.test is None and seeds is None:
        counts = data.labels.counts()
        wanted = max(FEWEST, min(wanted, int(counts[counts > 0].min())))
    asked_choices = choices
    choices = (CHOICES if any(arm.generates for arm in chosen) and data.test is not None else 0) if choices is None else choices
    optional = [] if arms else [arm for arm in chosen if arm.name in STRONGER and arm.name not in (gan_arm, rival)]
    chosen = chosen if choices else [arm for arm in chosen if arm not in optional]  # by rule none of them would be named
    for what, name in (("gan_arm", gan_arm), ("rival", rival)):
        if name is not None and name not in {arm.name for arm in chosen}:
            raise InputError(f"{what}: {name} is not among the arms {', '.join(arm.name for arm in chosen)}")
    for what, name, fitting in (("gan_arm", gan_arm, _with_gan(chosen)), ("rival", rival, _without_gan(chosen))):
        if name is not None and name not in fitting:
            kind = "makes no images with a GAN" if what == "gan_arm" else "is no rival: it has generated images, or labels that others lack"
            raise InputError(f"{what}: {name} {kind}; choose one of {', '.join(fitting) or 'none that takes part'}")
    folds = wanted if data.test is None else Settings.folds  # they play no part, and more seeds leave the keys of the others alone
    plan = Plan(chosen, scenarios, wanted, replace(settings, folds=folds), choices, gan_arm, rival, jobs, 0.0, budget)
    plan = replace(plan, other_seeds=OTHER_SEEDS if other_seeds is None and optional else other_seeds)
    plan = replace(plan, settings=replace(plan.settings, members=_members(data, plan)), seconds=estimate(data, plan))
    plan = _within(data, plan, seeds, asked_choices, gan_steps, optional) if budget else plan
    left_out = [arm.name for arm in optional if arm not in chosen]
    hint = [f"{' and '.join(left_out)} take no part, since no splits choose which one is compared: name them with arms"] if left_out else []
    return replace(plan, notes=[*plan.notes, *hint, *_claims(plan, data)])


def _scenarios(labels: Sequence[int], cut: Optional[Dict[str, int]], new: Sequence[str], images: Sequence[int]) -> List[Scenario]:
    """The scenarios of a study: one for each number of labels and, with new classes, of their images."""
    if new and cut:
        raise InputError("`cut` and new_classes both say how many images some classes keep: give one of them")
    if not new:
        cuts = tuple((str(name), few) for name, few in (cut or {}).items())
        return [Scenario(count, cuts) for count in (labels or [None])]
    names = list(dict.fromkeys(map(str, new)))
    return [Scenario(count, tuple((name, few) for name in names), True) for count in (labels or [None]) for few in images]


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
    draws = all(scenario.draws for scenario in scenarios)
    imbalanced = any(s.cut for s in scenarios) or (not draws and counts.max() >= IMBALANCED * counts.min())
    return {"imbalanced": bool(imbalanced), "spare": draws, "pairs": fewest >= FEWEST, "unlabelled": draws or data.unlabelled is not None}


def _count(data: StudyData, scenario: Scenario) -> int:
    counts = data.pool.counts() if scenario.draws else data.labels.counts()
    cut = dict(scenario.cut)
    return sum(min(int(n), cut.get(name, scenario.per_class or int(n))) for name, n in zip(data.pool.class_names, counts) if n)


def _by_count(table: Tuple[Tuple[int, int], ...], count: int) -> int:
    return next(value for most, value in table if count <= most)


def _size(data: StudyData) -> float:
    """The numbers of an image, of those of a grey one of 28×28 pixels."""
    return data.pool.image_size**2 * data.pool.channels / 784


def _step_seconds(data: StudyData, what: str) -> float:
    return SECONDS[what] * _size(data) ** GROWTH.get(what, 1.0)


def _classifier_seconds(data: StudyData, settings: Settings, changed: bool) -> float:
    """The seconds of a step of a classifier."""
    changes = _step_seconds(data, "digits" if settings.policy == "digits" else "changes") if changed else 0.0
    return _step_seconds(data, settings.architecture) + changes


def _arm_seconds(data: StudyData, settings: Settings, arm: Arm) -> float:
    """The seconds of an arm's classifiers."""
    if arm.learner:
        return (settings.learner_steps or load_config(arm.learner).train.steps) * _step_seconds(data, arm.learner) + START
    step = _classifier_seconds(data, settings, bool(arm.settings.get("classifier.augmentation")))
    tested = 1e-4 * _size(data) * (len(data.test) if data.test is not None else 100) * (10 if settings.architecture == "resnet" else 1)
    members = settings.members if arm.ensemble else 1 + ROUNDS * (arm.maker == PSEUDO)
    return members * (settings.steps * step + tested) + START


def classifier_seconds(data: StudyData, plan: Plan) -> float:
    """The seconds of one classifier of a plan."""
    return _arm_seconds(data, plan.settings, plan.arms[0])


def _maker_seconds(data: StudyData, settings: Settings, maker: str) -> float:
    """The seconds of one training of what makes images: all its steps, though it may stop before."""
    return settings.gan_steps * _step_seconds(data, "gan" if is_gan(maker) else maker) if maker in MAKERS else 0.0


def estimate(data: StudyData, plan: Plan) -> float:
    """The seconds that a plan takes, roughly: shared parts are counted once for each seed and scenario."""
    settings, total = plan.settings, 0.0
    testing = {arm.name: plan.seeds_of(arm) for arm in plan.arms}
    choosing = {arm.name: plan.choices for arm in plan.arms if not arm.upper}
    for seeds in (testing, choosing):
        arms = [arm for arm in plan.arms if arm.name in seeds]
        makers = {arm.maker: max(seeds[other.name] for other in arms if other.maker == arm.maker) for arm in arms}
        total += sum(seeds[arm.name] * _arm_seconds(data, settings, arm) for arm in arms)
        total += sum(makers[maker] * _maker_seconds(data, settings, maker) for maker in makers)
        total += max([seeds[arm.name] for arm in arms if arm.reads], default=0) * _reader_seconds(data, plan)
    return len(plan.scenarios) * total / max(1, plan.jobs)


def _reader_seconds(data: StudyData, plan: Plan) -> float:
    """Of the classifier that filters and teaches, and of the five that read each of its images without having learnt it."""
    settings = plan.settings
    labels = min(_count(data, scenario) for scenario in plan.scenarios)
    crossed = min(settings.steps, CROSSED_EPOCHS * max(1, labels // settings.batch_size)) if labels <= MOST_CROSSED else 0
    return FILTERING + _classifier_seconds(data, settings, True) * (settings.steps + CROSSED * crossed)


def _members(data: StudyData, plan: Plan) -> int:
    """Classifiers of the arm `ensemble`: as many as train in the time of a GAN, from 3 to 20."""
    one = _arm_seconds(data, replace(plan.settings, members=1), plan.arms[0])
    return int(min(20, max(3, round(_maker_seconds(data, plan.settings, "gan") / one))))


def _within(
    data: StudyData, plan: Plan, seeds: Optional[int], choices: Optional[int], gan_steps: Optional[int], optional: Sequence[Arm]
) -> Plan:
    """A plan that fits its budget: fewer arms, fewer splits that choose, a shorter GAN, fewer seeds, in this order, and says so."""
    notes = []

    def fits(one: Plan) -> bool:
        return estimate(data, one) <= 0.85 * plan.budget  # the rest is for the report and the classifier that is kept

    if optional and not fits(plan):
        plan = replace(plan, arms=[arm for arm in plan.arms if arm not in optional])
        notes.append(f"the budget leaves out the arms {' and '.join(arm.name for arm in optional)}")
    before = plan.choices
    while not fits(plan) and plan.choices > 0 and choices is None:
        plan = replace(plan, choices=plan.choices - 1 if plan.choices > FEWEST_CHOICES else 0)
    if plan.choices < before:
        notes.append(
            f"the budget leaves {plan.choices or 'no'} splits of {before} to choose the arms on"
            + (": they are named by rule" * (not plan.choices))
        )
    if gan_steps is None and not fits(plan) and plan.settings.gan_steps > SHORTEST_GAN and any(a.generates for a in plan.arms):
        before = plan.settings.gan_steps
        while not fits(plan) and plan.settings.gan_steps > SHORTEST_GAN:
            plan = replace(plan, settings=replace(plan.settings, gan_steps=max(SHORTEST_GAN, int(plan.settings.gan_steps * 0.8))))
        notes.append(f"the budget shortens the GAN from {before} to {plan.settings.gan_steps} steps: a longer one may do better")
    before = plan.seeds
    while not fits(plan) and plan.seeds > FEWEST_SEEDS and seeds is None:
        plan = replace(plan, seeds=plan.seeds - 1)
    if plan.seeds < before:
        notes.append(f"the budget leaves {plan.seeds} seeds of {before}")
    if not fits(plan):
        notes.append("even so the estimate exceeds the budget: what does not fit is left out, and the report says what")
    return replace(plan, seconds=estimate(data, plan), notes=[*plan.notes, *notes])


def _claims(plan: Plan, data: StudyData) -> List[str]:
    notes = []
    if plan.seeds < LEAST_SEEDS:
        notes.append(
            f"{plan.seeds} seeds are not enough for a claim, which needs {LEAST_SEEDS}: the report shows differences, and no verdict"
        )
    if plan.choices < 2 and data.test is not None and any(arm.generates for arm in plan.arms):
        notes.append(
            "without splits that choose (choices) generated images can show no gain on held-out labels, so the recipe will have none"
        )
    return notes


def named_arms(plan: Plan, scores: Dict[str, float]) -> Tuple[Optional[str], str]:
    """(the arm with a GAN, its rival without one) that a study compares, named before any test image is scored.

    Args:
        scores: {arm: mean score on the splits that choose}; {} = the rule decides.
    """
    with_gan, without = _with_gan(plan.arms), _without_gan(plan.arms)
    preferred = [name for name in RIVALS if name in without]
    gan_arm = plan.gan_arm or _best(with_gan, scores) or (GAN_ARM if GAN_ARM in with_gan else next(iter(with_gan), None))
    return gan_arm, plan.rival or _best(without, scores) or preferred[0]


def _with_gan(arms: Sequence[Arm]) -> List[str]:
    return [arm.name for arm in arms if arm.generates]


def _without_gan(arms: Sequence[Arm]) -> List[str]:
    return [arm.name for arm in arms if not arm.generates and not arm.upper]


def _best(names: Sequence[str], scores: Dict[str, float]) -> Optional[str]:
    scored = [name for name in names if name in scores]
    return max(scored, key=lambda name: scores[name]) if scored else None
