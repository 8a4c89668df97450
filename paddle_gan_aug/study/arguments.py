"""What the arguments of a study may be: `run_study` is checked against these, from Python, the command line and a file alike."""

import functools
from pathlib import Path
from typing import Annotated, Any, Dict, Literal, Mapping, Optional, Sequence, Union

import msgspec

from ..config.arguments import ONCE, checked
from ..config.fields import Count, Policy, Positive, Probability, Share
from ..data import DataSpec
from ..runtime import MOST_THREADS

MOST_SEEDS = 1000  # a plan lists every cell, and a claim needs eight
Seeds = Annotated[int, msgspec.Meta(ge=1, le=MOST_SEEDS)]
Choices = Annotated[int, msgspec.Meta(ge=0, le=MOST_SEEDS)]
Threads = Annotated[int, msgspec.Meta(ge=0, le=MOST_THREADS)]
Counts = Annotated[Sequence[Positive], ONCE]  # each is a scenario
Measure = Literal["accuracy", "balanced_accuracy", "cut_recall"]
_PLACE, _SETTINGS = Union[str, Path, None], Optional[Mapping[str, Any]]

HINTS: Dict[str, Any] = {  # narrower than those of the signature
    "data": Union[str, Path, DataSpec],
    **dict.fromkeys(("test", "unlabelled", "to", "output", "log"), _PLACE),
    **dict.fromkeys(("overrides", "gan_overrides", "learner_overrides"), _SETTINGS),
    **dict.fromkeys(("seeds", "other_seeds"), Optional[Seeds]),
    **dict.fromkeys(("steps", "gan_steps", "learner_steps", "per_class"), Optional[Positive]),
    **dict.fromkeys(("labels", "new_images"), Counts),
    "cut": Optional[Mapping[Union[str, int], Positive]],
    "new_classes": Sequence[Union[str, int]],  # a name that is a number may be given as one
    "shares": Annotated[Sequence[Share], ONCE],
    "first_seed": Choices,
    "choices": Optional[Choices],
    "patience": Optional[Count],
    "architecture": Literal["lenet", "lenet-pooled", "resnet"],
    "measure": Optional[Measure],
    "margin": Probability,
    "jobs": Positive,
    "threads": Threads,
    "policy": Policy,
}

checked_study = functools.partial(checked, narrower=HINTS)
