"""One GAN for each class, for data whose classes are too different, or too small, for one conditional GAN.

The runs lie side by side in one folder, `<output>/<name>/<name>-<class>`, which `generate` takes like a run.
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from ..algorithms.checks import check_config
from ..config.arguments import checked
from ..config.loading import Config, load_config
from ..data import DataSpec, load
from ..errors import InputError, RunFailed
from ..files import distinct_names, is_in_use, printable
from ..training.callbacks import ProgressCallback
from ..training.checkpoint import whole_steps
from ..training.recovery import Recovery
from .batches import planned_steps
from .dry_run import DryRun
from .opened import Run
from .places import check_run_name, default_name, is_run, is_run_folder, run_folders, unused_folder
from .prepare import prepare
from .run import train


@dataclass(frozen=True)
class PerClassRuns:
    """What `train_per_class` has trained.

    Attributes:
        folder: The folder of the runs.
        runs: The trained runs. After an interruption, the last one has `interrupted` set.
        dry_run: What a training would do that was only tried, a `DryRun`; else None. There are no runs then.
    """

    folder: Path
    runs: List[Run]
    dry_run: Optional[DryRun] = None

    @property
    def interrupted(self) -> Optional[str]:
        """The name of the signal that ended the training early, or None."""
        return self.runs[-1].interrupted if self.runs else None


@checked
def train_per_class(
    config: Union[Config, str, Path, None] = None,
    *,
    run: Optional[str] = None,
    output: Union[str, Path, None] = None,
    log: Union[str, Path, None] = None,
    resume: bool = False,
    overrides: Optional[Mapping[str, Any]] = None,
    quiet: bool = False,
    classes: Optional[Sequence[str]] = None,
    allow_changed_data: bool = False,
    dry_run: bool = False,
) -> PerClassRuns:  # long: most of it is the signature and its documentation
    """Train a run for each class that has images, one after the other.

    A batch is never larger than the class: small classes train with smaller batches.

    Args:
        config: A `Config`, the name of a preset, or a YAML file. None means the preset `classic`, or with `resume` what the runs
            have been trained with.
        run: The name of the folder of runs, and the beginning of each run's name. None means preset-data-date-time.
        output, log, overrides, quiet, allow_changed_data: As for `train`.
        resume: Continue the runs of the folder `run`. Runs that are finished stay as they are.
        classes: The names of the classes to train; None means all.
        dry_run: As for `train`; that of the largest class is timed.

    Raises:
        InputError: As `train`; also if `data.class_name` is set, or `resume` has no `run`.
        RunFailed: Runs collapsed beyond recovery; the others are trained. A dry run only says so.

    Example:
        >>> result = train_per_class("fast", overrides={"data.source": "my-folder"})
        >>> generate(result.folder, to="generated", per_class=500)
    """
    output, log = run_folders(output, log)
    if resume and run is None:
        raise InputError("cannot resume runs of single classes without a name: set `run` to the name of their folder")
    begun = _begun(output / check_run_name(run)) if resume and config is None else None
    settings = load_config(begun or ("classic" if config is None else config), overrides)
    check_config(settings, before=begun)
    if settings.data.class_name is not None:
        raise InputError("data.class_name: runs of single classes train every class: leave it out")
    folder = output / check_run_name(run) if run is not None else unused_folder(output, default_name(settings))
    _check_folder(folder, resume)
    images = load(DataSpec.of(settings.data), "train")
    wanted = images.class_names if classes is None else [images.class_names[images.class_index(name)] for name in classes]
    counts = {name: int(count) for name, count in zip(images.class_names, images.counts()) if count and name in wanted}
    if not counts:
        raise InputError("classes: none that has images is given")
    runs, failures = [], []
    parts = distinct_names(images.class_names, _as_file_name)
    options: Dict[str, Any] = {"output": folder, "log": log, "allow_changed_data": allow_changed_data, "quiet": True}
    names = {name: f"{folder.name}-{parts[name]}" for name in counts}
    for name, count in counts.items():  # before the first of them trains
        try:
            check_run_name(names[name])
            check_config(_of_class(settings, name, count))
        except InputError as error:
            raise InputError(f"the run of class {name}: {error}") from None
    if resume:
        _check_begun(names, overrides, options)
    if dry_run:
        return PerClassRuns(folder, [], _rehearse(settings, counts, names, resume, overrides, options))
    for number, (name, count) in enumerate(counts.items(), 1):
        options["run"] = names[name]
        options["callbacks"] = [] if quiet else [ProgressCallback(f"class {name} ({number} of {len(counts)}) · ")]
        try:
            runs.append(_train_class(settings, name, count, resume, overrides, options))
        except RunFailed as error:
            failures.append(name)
            print(f"class {name}: {error}", file=sys.stderr, flush=True)
        if runs and runs[-1].interrupted:
            return PerClassRuns(folder, runs)
    if failures:
        raise RunFailed(f"no run for {', '.join(failures)} in {folder}: they collapsed; the other {len(runs)} are trained")
    return PerClassRuns(folder, runs)


def _check_begun(names: Dict[str, str], overrides: Optional[Mapping[str, Any]], options: Dict[str, Any]) -> None:
    """Check that every run that has begun may go on, before the first of them does.

    Args:
        names: {class name: name of its run}.

    Raises:
        InputError: One may not: other settings or other data than it has learnt.
    """
    for name, run in names.items():
        if is_run_folder(options["output"] / run):
            try:
                prepare(run=run, resume=True, overrides=_continuing(overrides), **options)
            except InputError as error:
                raise InputError(f"class {name}: {error}") from None


def _rehearse(
    config: Config, counts: Dict[str, int], names: Dict[str, str], resume: bool, overrides: Any, options: Dict[str, Any]
) -> DryRun:
    """What the runs would do: that of the largest class that is not finished is tried, and the others take as long for each step.

    Args:
        counts: {class name: its images}. names: {class name: name of its run}.
    """
    lost = {name: failed for name, run in names.items() if (failed := Recovery(options["output"] / run).failed)}
    if lost:
        said = ", ".join(f"that of class {name} ({why})" for name, why in lost.items())
        raise RunFailed(f"runs have failed for good: {said}; train these classes again under another name")
    left = {}
    for name, count in counts.items():
        total = planned_steps(config, max(1, count // _of_class(config, name, count).train.batch_size))
        left[name] = max(0, total - max(whole_steps(options["output"] / names[name] / "checkpoints"), default=0))
    tried = max(counts, key=lambda name: (left[name] > 0, counts[name]))
    own = {**options, "run": names[tried], "dry_run": True}
    planned = _train_class(config, tried, counts[tried], resume, overrides, own).dry_run
    factor = left[tried] and sum(left.values()) / left[tried]
    about = {**planned.about, "run": str(options["output"]), "runs": len(names), "disk_mb": len(names) * planned.about["disk_mb"]}
    start, *others = planned.steps
    what = f"one run for each of {len(names)} classes"
    scaled = [{"what": f"{step['what']}, {what}", **{key: factor * step[key] for key in ("seconds", "low", "high")}} for step in others]
    return DryRun(about, [start, *scaled])


def _train_class(
    config: Config, name: str, count: int, resume: bool, overrides: Optional[Mapping[str, Any]], options: Dict[str, Any]
) -> Run:
    """Train the run of a class, or continue it if it has begun."""
    if resume and is_run_folder(options["output"] / options["run"]):
        return train(resume=True, overrides=_continuing(overrides), **options)
    return train(_of_class(config, name, count), **options)


def _of_class(config: Config, name: str, count: int) -> Config:
    """The configuration of the run of a class with so many images: its batch is no larger, and D's packs are full."""
    size, pack = config.train.batch_size, config.discriminator.pack
    fitting = size if size <= count else max(count - count % pack, 1)
    return load_config(config, {"data.class_name": name, "train.batch_size": fitting})


def _check_folder(folder: Path, resume: bool) -> None:
    if is_in_use(folder) and not (resume and folder.is_dir()):
        raise InputError(f"{folder} exists: choose another name for the runs, or continue them with resume=True")
    if is_run(folder):
        raise InputError(f"{folder} is a run and not a folder of runs: choose another name")


def _begun(folder: Path) -> Optional[Config]:
    """The configuration of all runs in `folder`, read from those that have begun; None if none has."""
    configs = [load_config(path) for path in sorted(folder.glob("*/config.yaml"))]
    if not configs:
        return None
    return load_config(configs[0], {"data.class_name": None, "train.batch_size": max(config.train.batch_size for config in configs)})


def _continuing(overrides: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    """The overrides without the settings that each run has of its own."""
    return {key: value for key, value in (overrides or {}).items() if key not in ("train.batch_size", "data.class_name")}


def _as_file_name(name: str) -> str:
    return re.sub(r'[\s/\\%:<>"|?*\0-\x1f]+|[ .]+$', "-", printable(name)) or "class"
