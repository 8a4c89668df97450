"""The filters: which there are, in which order they run, and which of them a request chooses.

A generated image that is blank, off its class or a copy teaches a classifier something wrong or nothing. Each filter is
one row of `FILTERS`. Filters run in the order of the table, the cheap and unmistakable ones first, and an image counts
under the first reason that drops it. This module imports neither NumPy nor Paddle.
"""

import importlib
import math
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union, get_type_hints

from ..config.arguments import check_fields
from ..errors import InputError, did_you_mean

KEPT = ""  # the reason of an image that no filter dropped
ATTEMPTS = 50


@dataclass(frozen=True)
class Filter:
    """One row of `FILTERS`.

    Attributes:
        name: what users call it.
        function: "module:function", where a module that begins with a dot lies in this package. The function takes
            (candidates, reference, rng, **settings) and returns a keep-mask, bool [N], see `filter_functions`.
        reason: the code under which the images that it drops are counted.
        description: what it keeps, in one sentence.
        needs: the attributes of `candidates.Candidates` that it reads.
        learns: what the reference must have been given, see `candidates.Reference.has`.
        settings: its settings with their defaults.
        limits: {setting: (lowest, highest value)}, or the words that it may be.
        default: whether it runs when nobody chooses filters.
        stateful: whether it compares with the images kept before; its function then also takes `earlier`. It
            must need features.
        relaxed: the round in which it is left out when a class stays short of its quota, see `drawing.best_dropped`; 0
            = never.
    """

    name: str
    function: str
    reason: str
    description: str
    needs: Tuple[str, ...]
    learns: Tuple[str, ...] = ()
    settings: Dict[str, Any] = field(default_factory=dict)
    limits: Dict[str, Tuple[Any, ...]] = field(default_factory=dict)
    default: bool = True
    stateful: bool = False
    relaxed: int = 0

    @property
    def keep(self) -> Callable[..., Any]:
        """The function itself; its module is imported on first use."""
        module, _, name = self.function.partition(":")
        return getattr(importlib.import_module(module, __package__), name)

    @property
    def needs_reader(self) -> bool:
        """Whether it needs a classifier that reads the images."""
        return bool({"probabilities", "features"} & set(self.needs))

    @property
    def is_opinion(self) -> bool:
        """Whether it repeats what a classifier thinks: it steps aside for a class that the classifier does not know."""
        return "probabilities" in self.needs


_SHARE = {"share": (0, 1)}
_ROWS = (
    Filter(
        "contrast", ".filter_functions:not_blank", "blank", "Keeps images with as much contrast as real ones.", ("images",), ("images",)
    ),
    Filter(
        "bright",
        ".filter_functions:not_saturated",
        "saturated",
        "Keeps images with no more bright pixels than real ones.",
        ("images",),
        ("images",),
    ),
    Filter(
        "dark",
        ".filter_functions:has_background",
        "no-background",
        "Keeps images with as many dark pixels as real ones.",
        ("images",),
        ("images",),
    ),
    Filter("roughness", ".filter_functions:not_noise", "noise", "Keeps images that are as smooth as real ones.", ("images",), ("images",)),
    Filter(
        "agreement",
        ".filter_functions:agrees",
        "other-class",
        "Keeps images that the classifier assigns to the class they were made for.",
        ("probabilities",),
        relaxed=1,
    ),
    Filter(
        "confidence",
        ".filter_functions:confident",
        "unsure",
        "Keeps images whose class the classifier predicts with a probability above the threshold.",
        ("probabilities",),
        settings={"threshold": None},
        limits={"threshold": (0, 1)},
        relaxed=1,
    ),
    Filter(
        "entropy",
        ".filter_functions:certain",
        "ambiguous",
        "Keeps images whose prediction has a low entropy.",
        ("probabilities",),
        settings={"limit": None},
        limits={"limit": (0, math.inf)},
        relaxed=1,
    ),
    Filter(
        "score",
        ".filter_functions:above",
        "low-score",
        "Keeps images whose discriminator score is above the threshold.",
        ("scores",),
        settings={"threshold": 0.0},
        limits={"threshold": (-math.inf, math.inf)},
        default=False,
    ),
    Filter(
        "outliers",
        ".filter_functions:no_outliers",
        "outlier",
        "Keeps images that are as close to training images of their class as real ones are.",
        ("features",),
        ("features",),
        {"share": 0.005},
        _SHARE,
        relaxed=2,
    ),
    Filter(
        "copies",
        ".filter_functions:no_copies",
        "training-copy",
        "Keeps images that do not repeat a training image.",
        ("features",),
        ("features",),
        {"share": 0.001},
        _SHARE,
    ),
    # The next two choose among good images and drop most of them: they come late, and run only when they are asked for.
    Filter(
        "rejection",
        ".filter_functions:rejection_sampled",
        "rejected",
        "Keeps images by discriminator rejection sampling.",
        ("scores",),
        settings={"percentile": 80.0},
        limits={"percentile": (0, 100)},
        default=False,
    ),
    Filter(
        "metropolis-hastings",
        ".filter_functions:chain_sampled",
        "not-chosen",
        "Keeps images by Metropolis-Hastings sampling with calibrated scores of the discriminator.",
        ("scores",),
        ("scores",),
        {"chain": 50, "method": "isotonic"},
        {"chain": (1, math.inf), "method": ("isotonic", "logistic")},
        default=False,
    ),
    Filter(
        "boundary",
        ".filter_functions:near_boundary",
        "far-from-boundary",
        "Keeps the half of each class that is nearest to another class.",
        ("probabilities",),
        settings={"share": 0.5},
        limits=_SHARE,
        default=False,
    ),
    Filter(
        "centre",
        ".filter_functions:near_centre",
        "far-from-centre",
        "Keeps the half of each class that is farthest from other classes.",
        ("probabilities",),
        settings={"share": 0.5},
        limits=_SHARE,
        default=False,
    ),
    Filter(
        "duplicates",
        ".filter_functions:no_duplicates",
        "duplicate",
        "Keeps images that do not repeat an image kept before.",
        ("features",),
        ("features",),
        {"share": 0.001},
        _SHARE,
        stateful=True,
    ),
)
FILTERS: Dict[str, Filter] = {row.name: row for row in _ROWS}


@dataclass(frozen=True)
class Filters:
    """Which generated images are kept.

    Attributes:
        names: names of `FILTERS`, "default" or "none"; None = the default filters if there is a classifier, else none.
        classifier: a run of `classify` that learnt the same data: its name, its folder, or an opened `Run`.
        settings: {filter: {setting: value}} in place of the defaults.
        attempts: how many images may be tried for each image of a class that is asked for.
        relax: fill a class that stays short with the best of the images that filters dropped, see
            `drawing.best_dropped`.
    """

    names: Union[str, Sequence[str], None] = None
    classifier: Any = None
    settings: Optional[Dict[str, Dict[str, Any]]] = None
    attempts: int = ATTEMPTS
    relax: bool = False

    def __post_init__(self) -> None:
        for name, value in check_fields(vars(self), get_type_hints(Filters)).items():
            object.__setattr__(self, name, value)

    def chosen(self) -> List[str]:
        """The names of the filters that run.

        Raises:
            InputError: an unknown filter or setting, a filter that needs a classifier where there is none, settings
                without a filter, attempts below 1.
        """
        names = chosen_filters(self.names, self.classifier is not None)
        if self.attempts < 1:
            raise InputError(f"attempts is {self.attempts}: allow at least 1 for each image")
        if self.settings and not names:
            raise InputError("filters have settings, but no filter is on: choose some by name, or give a classifier")
        try:
            full_settings(names, self.settings or {})
        except ValueError as error:
            raise InputError(f"settings: {error}") from None
        return names


def chosen_filters(names: Union[str, Sequence[str], None], has_classifier: bool) -> List[str]:
    """The filters that a user means: "default", "none", names of `FILTERS`, or None, see `Filters`; [] = none.

    Raises:
        InputError: an unknown name, or a filter that needs a classifier where none is given.
    """
    if names is None:
        names = "default" if has_classifier else "none"
    names = [names] if isinstance(names, str) else list(names)
    if names == ["none"]:
        return []
    chosen = [row.name for row in FILTERS.values() if row.default] if names == ["default"] else names
    for name in chosen:
        if name not in FILTERS:
            raise InputError(f"there is no filter {name}: {did_you_mean(name, FILTERS, 'choose from ' + ', '.join(FILTERS))}")
        if FILTERS[name].needs_reader and not has_classifier:
            raise InputError(
                f"filter {name} reads images with a classifier: give a run of classify that learnt the same data as classifier, "
                "or choose the filters none"
            )
    return chosen


def full_settings(names: Sequence[str], settings: Dict[str, Dict[str, Any]]) -> Dict[str, Dict[str, Any]]:
    """{filter: all of its settings} for the filters `names`, those of `settings` in place of the defaults.

    Raises:
        ValueError: an unknown filter or setting, or a value that the setting cannot have.
    """
    for name in (*names, *settings):
        if name not in FILTERS:
            raise ValueError(f"there is no filter {name!r}: choose from {', '.join(FILTERS)}")
    for name, values in settings.items():
        if not set(values) <= set(FILTERS[name].settings):
            raise ValueError(f"filter {name} knows the settings {sorted(FILTERS[name].settings)}, not {sorted(values)}")
        for setting, value in values.items():
            _check_value(FILTERS[name], setting, value)
    return {name: {**FILTERS[name].settings, **settings.get(name, {})} for name in names}


def _check_value(row: Filter, setting: str, value: Any) -> None:
    """Raise ValueError for a value that a setting of a filter cannot have. What has neither limits nor a number as its default is free."""
    usual, limits = row.settings[setting], row.limits.get(setting, (-math.inf, math.inf))
    is_number = isinstance(usual, (int, float)) and not isinstance(usual, bool)
    if value == usual or not (setting in row.limits or is_number):
        return
    if isinstance(limits[0], str):
        fits, expected = value in limits, f"one of {', '.join(limits)}"
    else:
        kinds = (int,) if isinstance(usual, int) and setting in row.limits else (int, float)
        fits = isinstance(value, kinds) and not isinstance(value, bool) and limits[0] <= value <= limits[1] and abs(value) < math.inf
        ends = [f"{sign} {end}" for sign, end in ((">=", limits[0]), ("<=", limits[1])) if abs(end) < math.inf]
        expected = " ".join(["a whole number" if kinds == (int,) else "a number", " and ".join(ends)]).strip()
    if not fits:
        raise ValueError(f"{row.name}.{setting}: expected {expected}, got {value!r}")
