"""What `classify` would do, and about how long it would take."""

from dataclasses import replace
from typing import Any, Dict, List

from ..config.loading import load_config
from ..data import LabelledImages
from ..runs.dry_run import DryRun
from ..runs.opened import Run
from ..runs.prepare import Prepared
from ..runs.reading import READ_AT_ONCE, read_probabilities
from ..runs.run import train_prepared
from ..runs.timing import once, rate
from .generated import check_generated, generated_part

FEW = 20  # generated images of each class that are drawn to time them


def rehearse(prepared: Prepared, test: LabelledImages) -> Run:
    """Find out what a training and the test after it would do; a `Run` with `dry_run`.

    Args:
        prepared: What the training needs. test: The test images.

    Raises:
        InputError: As `classify`.
    """
    config = prepared.config
    generated, drawing = None, []
    if config.generated.source:
        few = max(FEW, -(-config.train.batch_size // max(1, int((prepared.images.counts() > 0).sum()))))
        few = min(few, config.generated.per_class)
        generated = generated_part(load_config(config, {"generated.per_class": few}), prepared.images)
        drawing = _drawing(prepared, generated, few)
        check_generated(generated, test, config)
    run = train_prepared(prepared, generated=generated, dry_run=True)
    views = rate(lambda images: read_probabilities(run, images), test.images[: READ_AT_ONCE // (5 if config.classifier.test_views else 1)])
    testing = views.times(len(test)).step(f"read {len(test)} test images")
    planned = run.dry_run
    first, *training = planned.steps
    about = {**planned.about, "test": f"{len(test)} images of {test.source}"}
    about = {**about, "generated": generated and generated.description}
    return replace(run, dry_run=DryRun(about, [first, *drawing, *training, testing]))


def _drawing(prepared: Prepared, generated: Any, few: int) -> List[Dict[str, Any]]:
    """The step that draws the generated images of all rounds; [] where they lie on the disk."""
    config = prepared.config
    if "runs" not in generated.description:
        return []
    every, steps = config.generated.every_steps, config.train.steps or 0
    rounds = -(-steps // every) if every and steps else 1
    generated.images(0)
    seconds = once(lambda: generated.images(1)).times(config.generated.per_class / few * rounds)
    often = f", {rounds} times" if rounds > 1 else ""
    return [seconds.step(f"generate {config.generated.per_class} images of each class{often}")]
