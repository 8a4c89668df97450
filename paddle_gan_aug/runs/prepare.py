"""What a training needs before it begins: its folder, its configuration and its images, each read once and checked."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple, Union

from ..algorithms.checks import check_config
from ..algorithms.registry import ALGORITHMS
from ..augment.policies import recorded_policy
from ..config.loading import Config, load_config, preset_of_classifier
from ..config.sections import Generated
from ..console import tell
from ..data import DataSpec, LabelledImages, load
from ..data.load import place_of
from ..errors import InputError
from ..evaluation.real_images import RealImages, read_real_images
from ..evaluation.registry import check_measures
from ..files import check_outside, use_cache
from .batch_size import fit_batch_size
from .batches import training_images, unlabelled_images
from .continuing import check_same_data, check_same_unlabelled, continued_config, place_of_data, resumable
from .places import check_free, check_run_name, default_name, run_folders, unused_folder

FORMER_SHARE = 0.5  # the default of `generated.share` that configurations of former versions state


@dataclass(frozen=True)
class Prepared:
    """A training that may begin. Nothing has been written for it.

    Attributes:
        folder: The run's folder, which exists if the run is continued.
        log: The folder of VisualDL records.
        config: The configuration.
        images: The training images.
        validation: The validation images of a classifier with `eval.every_steps`, else None.
        unlabelled: The images that are learnt without a label, or None.
        real: The real images beside which the samples of a GAN with `eval.every_steps` are measured, else None.
        former: What config.yaml said of a run that is continued; None for a new run.
        named: The caller has named the run; without a name a new run takes the next free folder.
        quiet: Print nothing.
        allow_changed_data: The run may continue with other images than it has learnt.
        seconds: How long it took to read and check all this.
    """

    folder: Path
    log: Path
    config: Config
    images: LabelledImages
    validation: Optional[LabelledImages] = None
    unlabelled: Optional[LabelledImages] = None
    real: Optional[RealImages] = None
    former: Optional[Config] = None
    named: bool = False
    quiet: bool = False
    allow_changed_data: bool = False
    seconds: float = 0.0

    @property
    def new(self) -> bool:
        """Whether the run has not begun yet."""
        return self.former is None

    def report(self, text: str) -> None:
        """Print a line for the user."""
        if not self.quiet:
            tell(text)


def prepare(
    config: Union[Config, str, Path, None] = None,
    *,
    run: Optional[str] = None,
    output: Union[str, Path, None] = None,
    log: Union[str, Path, None] = None,
    resume: bool = False,
    overrides: Optional[Mapping[str, Any]] = None,
    quiet: bool = False,
    allow_changed_data: bool = False,
    classifier: bool = False,
) -> Prepared:
    """Read and check what a training needs.

    Args:
        classifier: The training is that of `classify`: the preset is `classifier` where none is given, or `semi-supervised-conv` if
            `data.unlabelled` is set, a run without a name is
            looked for among the classifiers, and `generated.*` may be set. The other arguments are those of `train`.

    Raises:
        InputError: The name, the configuration or the data is wrong.
    """
    began = time.perf_counter()
    output, log = run_folders(output, log)
    folder, former = resumable(run, output, classifiers=classifier) if resume else None, None
    if resume and folder is None and not quiet:
        tell(f"nothing to resume: {f'there is no run {run} in {output}' if run else f'no run in {output}'}; starting afresh")
    if folder is not None:
        former, config = continued_config(folder, overrides or {}, config)
    else:
        config = _new_config(config or (preset_of_classifier(overrides or {}) if classifier else "classic"), overrides)
        folder = output / check_run_name(run) if run is not None else unused_folder(output, default_name(config))
        check_free(folder)
        for place in (folder, log):
            check_outside(place, place_of(DataSpec.of(config.data)))
    use_cache(config.runtime.cache)
    check_measures(config)
    if classifier and not ALGORITHMS[config.algorithm].reads_images:
        able = ", ".join(name for name, row in ALGORITHMS.items() if row.reads_images)
        raise InputError(f"algorithm {config.algorithm}: it trains no classifier; classify takes presets and files of {able}")
    _check_generated(config, classifier)
    images = training_images(config)
    unlabelled = unlabelled_images(config, images)
    if former is not None:
        check_same_data(folder, config.data.source, images, allow_changed_data)
        check_same_unlabelled(folder, unlabelled, allow_changed_data)
    validation, real = _validation_images(config, images)
    config = fit_batch_size(config, images if unlabelled is None else unlabelled, overrides, quiet)
    seconds = time.perf_counter() - began
    return Prepared(folder, log, config, images, validation, unlabelled, real, former, bool(run), quiet, allow_changed_data, seconds)


def _new_config(source: Union[Config, str, Path], overrides: Optional[Mapping[str, Any]]) -> Config:
    """The configuration of a new run, with what a later reader of the run cannot find out: where the data was and its policy."""
    config = load_config(source, overrides)
    check_config(config)
    if config.data.policy == "auto":
        config.data.policy = recorded_policy(config.data.source) or "auto"
    if config.data.place is None:
        config.data.place = place_of_data(config.data.source)
    return config


def _validation_images(config: Config, images: LabelledImages) -> Tuple[Optional[LabelledImages], Optional[RealImages]]:
    """What is measured at `eval.every_steps`: the validation images that a classifier reads, or those beside a GAN's samples."""
    if not config.eval.every_steps:
        return None, None
    spec = DataSpec.of(config.data)
    if not ALGORITHMS[config.algorithm].classifies:
        return None, read_real_images(spec, "valid", training=images)
    return load(spec, "valid"), None


def _check_generated(config: Config, classifier: bool) -> None:
    """Refuse settings of generated images that would not be used."""
    if not config.generated.source:
        if config.generated not in (Generated(), Generated(share=FORMER_SHARE)):
            raise InputError("generated.*: these settings apply to generated images, but there are none: set generated.source")
    elif not classifier or config.algorithm != "classifier":
        raise InputError("generated.source: only a classifier learns from generated images: train it with classify")
