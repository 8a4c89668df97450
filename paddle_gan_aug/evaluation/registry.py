"""Every metric is one row here, and every list of metrics follows from the rows: what is measured, which way is better, what the best
checkpoint may be chosen by, the tables, the page and the tests. Nothing here needs Paddle or NumPy.

To add a metric write a function `measure_<name>(sides)` (see `metrics.sides.Sides`) and a row; from outside the package call `register`.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Collection, Dict, List, Optional, Tuple

from ..errors import InputError, nearest

if TYPE_CHECKING:
    from ..config.sections import Config

ARROWS = {"lower": "↓", "higher": "↑"}
FLOORS = ("training", "reference")
NEEDS = ("labels", "codes")
OTHER_KEYS = (
    "count",
    "reference",
    "floor_count",
    "in_pairs",
    "feature_network",
    "seed",
    "page",
)  # of a result, which no metric may be called


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: its key in a result, a lower-case identifier.
        compute: "module:function" of (sides: `metrics.sides.Sides`) -> a dict of plain values with `value` (a float, or None with a
            `why`) and whatever else it has to say, such as the `error` of an estimate.
        better: "lower" or "higher", or in words which values are good.
        says: what it says, in one sentence.
        floor: what real images give: "training" or "reference" computes the metric with images of that part in place of the generated
            ones; "module:function" of (sides) -> {"floor": value} says it otherwise; None: there is none.
        needs: what must be known of the generated images: "labels" (the class each was asked for), "codes" (the category each was
            made from).
        during_training: taken at every `eval.every_steps`, as `eval/<name>` of the run's records.
        chooses: `eval.best` may name it.
        on_request: taken only where it is asked for, because it takes minutes.
        headline: a column of tables that set many runs side by side.
        format: of its values in such tables.
        rows: "module:function" of (its entry in a result) -> further rows of the table, (name, value, floor, what it says).

    Raises:
        ValueError: an attribute that is none of these.
    """

    name: str
    compute: str
    better: str
    says: str
    floor: Optional[str] = "training"
    needs: Tuple[str, ...] = ()
    during_training: bool = False
    chooses: bool = False
    on_request: bool = False
    headline: bool = False
    format: str = ".3f"
    rows: Optional[str] = None

    def __post_init__(self) -> None:
        functions = [self.compute, self.rows, None if self.floor in FLOORS else self.floor]
        wrong = {
            "name": not re.fullmatch(r"[a-z][a-z0-9_]*", self.name) or self.name in OTHER_KEYS,
            "better": not self.better,
            "says": not self.says.endswith("."),
            "needs": not set(self.needs) <= set(NEEDS),
            "chooses": self.chooses and (self.better not in ARROWS or not self.during_training),
            "on_request": self.on_request and self.during_training,
            "compute, rows or floor": not all(re.fullmatch(r"[\w.]+:\w+", text) for text in functions if text is not None),
        }
        for attribute, is_wrong in wrong.items():
            if is_wrong:
                raise ValueError(f"metric {self.name}: its {attribute} is none, see `evaluation.registry.Metric`")

    @property
    def title(self) -> str:
        """Its name in words, with an arrow to the better values."""
        return f"{self.name.replace('_', ' ')} {ARROWS.get(self.better, f'({self.better})')}"

    def is_better(self, value: float, other: float) -> bool:
        """Whether `value` is better than `other`."""
        return value < other if self.better == "lower" else value > other

    def function(self, attribute: str) -> Callable[..., Any]:
        """The function that `compute`, `floor` or `rows` names."""
        module, name = getattr(self, attribute).split(":")
        return getattr(importlib.import_module(module), name)


METRICS: Dict[str, Metric] = {}  # by name, in the order of all tables


def register(metric: Metric) -> Metric:
    """Add a metric behind the others.

    Raises:
        ValueError: there is one of that name.
    """
    if metric.name in METRICS:
        raise ValueError(f"there are two metrics {metric.name}: give one of them another name")
    METRICS[metric.name] = metric
    return metric


_HERE = "paddle_gan_aug.metrics"
_ROWS = (
    Metric(
        "frechet",
        f"{_HERE}.frechet:measure_frechet",
        "lower",
        "How far the features of all generated images are from those of the real ones, in mean and covariance.",
        during_training=True,
        chooses=True,
        headline=True,
        format=".2f",
    ),
    Metric(
        "kid",
        f"{_HERE}.kid:measure_kid",
        "lower",
        "The same question without a bias at small counts: it is 0 for equal sets.",
        during_training=True,
        chooses=True,
        format=".4f",
    ),
    Metric(
        "inception_score",
        f"{_HERE}.inception:measure_inception_score",
        "higher",
        "Whether each generated image looks like one class, and whether all classes come.",
        floor="reference",  # the network learnt the training images and is surer of them
        during_training=True,
        format=".2f",
    ),
    Metric(
        "precision",
        f"{_HERE}.prdc:measure_precision",
        "higher",
        "The share of generated images that lie where real images are.",
        during_training=True,
        chooses=True,
    ),
    Metric(
        "recall",
        f"{_HERE}.prdc:measure_recall",
        "higher",
        "The share of real images that lie where generated images are.",
        during_training=True,
        chooses=True,
        headline=True,
    ),
    Metric(
        "density",
        f"{_HERE}.prdc:measure_density",
        "higher",
        "How deep the generated images lie among real images.",
        during_training=True,
        chooses=True,
    ),
    Metric(
        "coverage",
        f"{_HERE}.prdc:measure_coverage",
        "higher",
        "The share of real images that have a generated image near them.",
        during_training=True,
        chooses=True,
        headline=True,
    ),
    Metric(
        "class_histogram",
        f"{_HERE}.classification:measure_class_histogram",
        "lower",
        "How far the shares of the classes are from those of the real images, in nats.",
        during_training=True,
        format=".4f",
    ),
    Metric(
        "diversity",
        f"{_HERE}.diversity:measure_diversity",
        "higher",
        "The mean distance of two generated images; 1 is that of two real images.",
        during_training=True,
        headline=True,
        format=".2f",
    ),
    Metric(
        "memorisation",
        f"{_HERE}.memorisation:measure_memorisation",
        "0.5 or less",
        "How often a generated image is nearer to the training images than an unseen real image is; 1 means copies.",
        floor=f"{_HERE}.memorisation:memorisation_floor",
        during_training=True,
        headline=True,
        format=".2f",
        rows=f"{_HERE}.memorisation:memorisation_rows",
    ),
    Metric(
        "confident",
        f"{_HERE}.classification:measure_confident",
        "higher",
        "The share of generated images that the feature network reads as one class with a probability of at least 0.9.",
        floor="reference",
        headline=True,
    ),
    Metric(
        "smallest_class",
        f"{_HERE}.classification:measure_smallest_class",
        "higher",
        "The share of generated images that are read as the rarest class.",
        floor="reference",
        headline=True,
    ),
    Metric(
        "agreement",
        f"{_HERE}.classification:measure_agreement",
        "higher",
        "The share of generated images that are read as the class that they were asked for.",
        floor="reference",
        needs=("labels",),
        headline=True,
    ),
    Metric(
        "diversity_within",
        f"{_HERE}.diversity:measure_diversity_within",
        "higher",
        "The mean distance of two generated images of one class; 1 is that of two real images of it.",
        needs=("labels",),
        headline=True,
        format=".2f",
    ),
    Metric(
        "code_accuracy",
        f"{_HERE}.classification:measure_code_accuracy",
        "higher",
        "The share of generated images that are read as the class that their category stands for.",
        floor=None,
        needs=("codes",),
        headline=True,
    ),
    Metric(
        "classifier_accuracy_score",
        "paddle_gan_aug.evaluation.classifier_accuracy:measure_classifier_accuracy_score",
        "higher",
        "What a classifier that learnt from the generated images alone reads right of the real images.",
        needs=("labels",),
        on_request=True,
    ),
)
for _row in _ROWS:
    register(_row)
INSTEAD_OF_BEST = ("kid", "coverage")  # what chooses the best checkpoint where images are too few for `eval.best`


def select(names: Optional[Collection[str]] = None, also: Collection[str] = (), known: Collection[str] = ()) -> List[Metric]:
    """The metrics to take, in the order of the registry.

    Args:
        names: these alone; None = all but those that are taken on request, as far as what they need is known.
        also: these too.
        known: what is known of the generated images, of `NEEDS`.

    Raises:
        InputError: no such metric, or one that needs what is not known.
    """
    asked = [*(names or ()), *also]
    for name in asked:
        if name not in METRICS:
            known = ", ".join(METRICS)
            raise InputError(f"there is no metric {name}: choose of {known} (nearest: {nearest(name, METRICS, 0)})")
        missing = [need for need in METRICS[name].needs if need not in known]
        if missing:
            raise InputError(f"the metric {name.replace('_', ' ')} needs the {missing[0]} of the generated images")
    by_default = () if names is not None else [row.name for row in METRICS.values() if not row.on_request and set(row.needs) <= set(known)]
    return [row for name, row in METRICS.items() if name in asked or name in by_default]


def during_training() -> List[str]:
    """The names of the metrics that a run's samples are measured by while it trains."""
    return [name for name, row in METRICS.items() if row.during_training]


def check_measures(config: Config) -> None:
    """See that `eval.best` of a configuration names a metric that may choose the best checkpoint.

    Raises:
        InputError: it does not.
    """
    choices = [name for name, row in METRICS.items() if row.chooses]
    if config.eval.best not in choices:
        raise InputError(f"{config.preset}: eval.best: expected one of {', '.join(choices)}, got {config.eval.best!r}")
