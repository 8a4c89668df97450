"""About how long a study takes: seconds of its classifiers, GANs and filters, from what steps took on one core."""

from dataclasses import replace
from typing import Dict, List, Sequence

from ..config.loading import load_config
from .arm import PSEUDO, Arm, is_gan
from .cells import Cell, Settings, learner_settings
from .plan import Plan
from .splits import Scenario, StudyData
from .unlabelled import ROUNDS

SECONDS = {  # of a step of 64 grey images of 28×28 pixels on one core of a fast machine; `speed` says how many times as long it takes here
    "lenet": 0.017,
    "lenet-pooled": 0.015,
    "resnet": 0.13,
    "changes": 0.003,  # classical ones
    "digits": 0.013,  # those of the policy of that name, which bend
    "gan": 0.13,
    "dagan": 0.043,
    "learned-augmenter": 0.075,
    "semi-supervised": 0.044,
    "semi-supervised-conv": 0.13,
}
GROWTH = {"lenet": 1.2, "lenet-pooled": 1.2, "gan": 0.8, "semi-supervised-conv": 0.6}  # exponent of an image's size; 1 of the others
LABELLED, GENERATED, ADVERSARIAL, TAUGHT = 0.25, 0.75, 0.6, 0.3  # of a step of semi-supervised: its labelled images, GAN, VAT, FixMatch
START, FILTERING = 3.0, 10.0  # seconds: of a cell's own (Paddle, files, test images), of drawing and reading the candidates
CROSSED, CROSSED_EPOCHS, MOST_CROSSED = 5, 100, 5000  # as in synthesis: networks, epochs of each, labels up to which they are trained


def label_count(data: StudyData, scenario: Scenario) -> int:
    """How many labels a cell of a scenario has."""
    counts = data.pool.counts() if scenario.draws else data.labels.counts()
    cut = dict(scenario.cut)
    return sum(min(int(n), cut.get(name, scenario.per_class or int(n))) for name, n in zip(data.pool.class_names, counts) if n)


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
    if arm.learner:  # its training is counted where it is shared
        return START
    step = _classifier_seconds(data, settings, bool(arm.settings.get("classifier.augmentation")))
    tested = 1e-4 * _size(data) * (len(data.test) if data.test is not None else 100) * (10 if settings.architecture == "resnet" else 1)
    members = settings.members if arm.ensemble else 1 + ROUNDS * (arm.maker == PSEUDO)
    return members * (settings.steps * step + tested) + START


def classifier_seconds(data: StudyData, plan: Plan) -> float:
    """The seconds of one classifier of a plan."""
    return _arm_seconds(data, plan.settings, plan.arms[0]) * plan.slowness


def _maker_seconds(data: StudyData, settings: Settings, maker: str) -> float:
    """The seconds of one training of what makes images: all its steps, though it may stop before."""
    return settings.gan_steps * _step_seconds(data, "gan" if is_gan(maker) else maker)


def _learner_seconds(data: StudyData, settings: Settings, arm: Arm) -> float:
    """The seconds of one training of what learns images without labels."""
    keys = learner_settings(arm, settings, 0)
    options = load_config(keys.pop("preset"), keys).semi_supervised
    parts = LABELLED + GENERATED * options.gan + ADVERSARIAL * bool(options.vat_weight)
    parts += TAUGHT * bool(options.teacher_weight and options.teacher_augmentation != "none")
    return settings.steps_of(arm.learner) * _step_seconds(data, arm.learner) * parts


def cell_seconds(data: StudyData, plan: Plan, cells: Sequence[Cell]) -> List[float]:
    """The seconds of cells that run one after the other, each with the shared parts that it is the first to need."""
    own = {arm.name: _arm_seconds(data, plan.settings, arm) for arm in plan.arms}
    shared = {arm.name: _shared_seconds(data, plan, arm) for arm in plan.arms}
    made, found = set(), []
    for cell in cells:
        of_cell = {(part, cell.scenario.name, cell.seed, cell.role): seconds for part, seconds in shared[cell.arm.name].items()}
        found.append((own[cell.arm.name] + sum(seconds for part, seconds in of_cell.items() if part not in made)) * plan.slowness)
        made.update(of_cell)
    return found


def estimate(data: StudyData, plan: Plan) -> float:
    """The seconds that a plan takes, roughly."""
    return sum(cell_seconds(data, plan, [*plan.choosing(), *plan.testing()])) / max(1, plan.jobs)


def _shared_seconds(data: StudyData, plan: Plan, arm: Arm) -> Dict[str, float]:
    """{part: seconds} of what an arm needs and shares with other arms of the same labels."""
    found, first = {}, arm.first_learner  # the learner of the images without labels, for the arm itself or for its classifier
    if arm.makes:
        found[arm.maker] = _maker_seconds(data, plan.settings, arm.maker)
    if first:
        found[f"learner {first.name}"] = _learner_seconds(data, plan.settings, first)
    if arm.reads:
        found["reader"] = _reader_seconds(data, plan)
    return found


def _reader_seconds(data: StudyData, plan: Plan) -> float:
    """Of the classifier that filters and teaches, and of the five that read each of its images without having learnt it."""
    settings = plan.settings
    labels = min(label_count(data, scenario) for scenario in plan.scenarios)
    crossed = min(settings.steps, CROSSED_EPOCHS * max(1, labels // settings.batch_size)) if labels <= MOST_CROSSED else 0
    return FILTERING + _classifier_seconds(data, settings, True) * (settings.steps + CROSSED * crossed)


def voters(data: StudyData, plan: Plan) -> int:
    """Classifiers of the arm `ensemble`: as many as train in the time of a GAN, from 3 to 20."""
    one = _arm_seconds(data, replace(plan.settings, members=1), plan.arms[0])
    return int(min(20, max(3, round(_maker_seconds(data, plan.settings, "gan") / one))))
