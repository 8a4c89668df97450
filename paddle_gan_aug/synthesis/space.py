"""How much memory and disk `augment_data` will take."""

from __future__ import annotations

from typing import Dict, List, Tuple

from ..config.loading import Config, load_config
from ..data import LabelledImages
from ..machine import MB
from ..runs.memory import Needs, needs_that_fit
from .plan import Plan
from .writers import png_bytes

LOOKED_AT = 50  # images whose files are measured


def estimated_space(plan: Plan) -> Dict[str, float]:
    """{"memory_mb": the most that the process will hold, 0 where that is not known; "runs_mb": of all checkpoints; "set_mb": of the set}.

    Raises:
        InputError: a training needs more memory than there is.
    """
    needs: List[Needs] = []
    runs_mb = 0.0
    for config, images, count in _trainings(plan):
        found = needs_that_fit(config, images)
        if found is not None:
            needs.append(found)
            runs_mb += count * found.checkpoint_mb * config.checkpoint.keep
    some = plan.learnt.images[:LOOKED_AT]
    file_mb = sum(len(png_bytes(image)) for image in some) / len(some) / MB
    images = sum(plan.quotas.values()) + sum(int(part.counts().sum()) for part in plan.parts)
    return {"memory_mb": max((found.memory_mb for found in needs), default=0), "runs_mb": runs_mb, "set_mb": images * file_mb}


def _trainings(plan: Plan) -> List[Tuple[Config, LabelledImages, int]]:
    """[(configuration, images, how often)] of what is trained."""
    found = []
    if plan.samplers is None:
        config, images, count = plan.config, plan.learnt, 1
        if plan.per_class_runs:
            images, count = max((images.of_class(name) for name in plan.quotas), key=len), len(plan.quotas)
            config = load_config(config, {"train.batch_size": min(config.train.batch_size, len(images))})
        found.append((config, images, count))
    if plan.filters.names and plan.reader is None:
        found.append((plan.classifier_config(), plan.learnt, 1))
    return found
