"""One command from a labelled data set to an augmented one: train the GAN and the filters' classifier, generate images,
and put them beside the real ones.

Every stage leaves something on the disk that a later call with `resume` finds: runs, the partial set, copied files. The
folder `.generated` goes last: a set without it that has a manifest is complete.
"""

import dataclasses
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from .. import runtime
from ..augment.policies import choice_of
from ..augment.preview import before_and_after, shown_images
from ..config.arguments import checked
from ..config.loading import Config, hyperparameters, load_config
from ..console import listed, one_line, tell
from ..data import DataSpec, LabelledImages, load
from ..data.cache import told_if_not_kept
from ..data.written_set import DROPPED, MANIFEST
from ..errors import InputError, RunFailed
from ..files import cache_folder, check_makeable, expanded, is_in_use, make_folder
from ..pictures import save_png
from ..runs.continuing import CONTINUE_MAY_CHANGE
from ..runs.opened import Run
from ..runs.per_class import train_per_class
from ..runs.places import is_run, run_folders
from ..runs.run import train
from .estimate import estimated_steps
from .filter_runner import FilterRunner
from .filters import Filters
from .generate import QuotaNotMet, check_same, check_truncation, drawn_set
from .plan import Plan, make_plan
from .reader import Reader, aside_lines
from .real_files import on_disk
from .sampler import Runs, Samplers
from .set_folder import AUGMENTED, SetRequest
from .space import estimated_space
from .summary import count_by_class, worth

SIZES = ("image_size", "channels")
READING = (*SIZES, "window", "background", "fit")  # how the images of the data must be read


@dataclass(frozen=True)
class AugmentedSet:
    """A labelled data set with generated images beside its real ones, or what a dry run says of it.

    Attributes:
        folder: where it lies.
        table: a row (class name, real, generated, both) of training images for each class, and one named "all".
        short: {class name: images missing}.
        reading: {field of `DataSpec`: value}, with which the set must be read again, since real files are copied as
            they are. Pictures that were drawn from the data are read as they are.
        policy: the policy of classical augmentation that fits the images.
        note: what the user should know, or None.
        source: the data set that was augmented.
        worth: what the filters tell of the GAN, see `summary.worth`; None for a dry run.
        picture: of the policy, for a dry run; else None, also where the cache cannot be written.
        steps: what would be done, and how long it would take, see `estimate.estimated_steps`, for a dry run; else None.
        space: the memory and the disk that it would take, see `space.estimated_space`, for a dry run; else None.
        source_reading: {field of `DataSpec`: value}, with which the data that was augmented is read.
    """

    folder: Path
    table: List[Tuple[str, int, int, int]]
    short: Dict[str, int]
    reading: Dict[str, Any]
    policy: str
    note: Optional[str]
    source: str
    worth: Optional[Dict[str, dict]] = None
    picture: Optional[Path] = None
    steps: Optional[List[Dict[str, Any]]] = None
    space: Optional[Dict[str, float]] = None
    source_reading: Dict[str, Any] = field(default_factory=dict)

    def images(self, part: str = "train") -> LabelledImages:
        """Load one part: "train" (real and generated images), "valid" or "test" (real ones alone).

        Raises:
            InputError: there is no such part, or the set has changed since it was made.
        """
        return load(DataSpec(str(self.folder), **self.reading), part)


@checked
def augment_data(  # long: it explains every parameter
    data: Union[str, Path, DataSpec, None] = None,
    *,
    to: Union[str, Path],
    config: Union[Config, str, Path, None] = None,
    overrides: Optional[Dict[str, Any]] = None,
    runs: Optional[Runs] = None,
    per_class_runs: Optional[bool] = None,
    per_class: Optional[int] = None,
    ratio: Optional[float] = None,
    new_classes: Sequence[str] = (),
    filters: Optional[Filters] = None,
    seed: Optional[int] = None,
    truncation: Optional[float] = None,
    output: Union[str, Path, None] = None,
    log: Union[str, Path, None] = None,
    resume: bool = False,
    dry_run: bool = False,
    quiet: bool = False,
) -> AugmentedSet:
    """Write a labelled data set with generated images beside its real ones.

    `to/train/<class>/` gets the real training images, untouched, and generated-000000.png …; `to/valid` and `to/test`
    get the other real images of the data. manifest.jsonl names the generated images. By default every class becomes as
    large as the largest; where all are equally large, they become twice as large. Lists for other programs lie beside,
    see `writers.write_lists`.

    Args:
        data: the data set, by name, path or `DataSpec`; None = what the configuration says. Images that are held out
            for validation are not learnt. Those of class folders without a validation part go into `to/train` with the
            others, and whoever reads the set holds the same images out again.
        to: a folder that is missing or empty, or with `resume` one that was begun by the same call.
        config, overrides: of the GAN, as for `train`.
        runs: trained runs of this data to use instead of training, as for `generate`; they leave no setting of the GAN
            open.
        per_class_runs: train one GAN for each class that lacks images; None = if the algorithm cannot be asked by
            class.
        per_class: images of each class, real and generated together. ratio: generated images for each real one, see
            `quotas.lacking`.
        new_classes: classes with few images beside others with many; they alone get images. By default a `dagan` learns from the
            others what may differ within a class, and varies the images of these (Antoniou et al. 2017, arXiv:1711.04340). A
            conditional GAN learns all classes alike.
        filters: which images are kept. Without a classifier one is trained on the same images.
        seed: of the latents; None = `train.seed` of the configuration, and 0 with `runs`. truncation: as for
            `generate`.
        output, log: the folders of runs and of records, as for `train`.
        resume: go on with what was interrupted, or with classes that stayed short.
        dry_run: write nothing but a picture of what the policy does, in the cache, and estimate how long each step
            would take.
        quiet: print no progress.

    Returns:
        An `AugmentedSet`.

    Raises:
        InputError: as `train` and `generate`; runs of other data; settings that trained runs would ignore; a class that
            is to get images and of which none are learnt.
        RunFailed: a class stayed short, or a run collapsed.
    """
    to, filters = expanded(to), filters or Filters()
    _check_target(to, resume)
    check_truncation(truncation)
    if data is not None and "data.source" in (overrides or {}):
        raise InputError("`data` and the override data.source both name the data: give one of them")
    overrides = {**(overrides or {}), **_settings_of(data)}
    plan = make_plan(to, config, overrides, runs, per_class_runs, per_class, ratio, filters, seed, new_classes)
    if not resume:
        _refuse_old_runs(plan, run_folders(output, log)[0])
    if dry_run:
        planned = {name: (count, plan.quotas.get(name, 0)) for name, count in plan.counts.items()}
        space = estimated_space(plan)  # first: it refuses what does not fit
        return _result(to, plan, planned, picture=_draw_policy(plan), steps=estimated_steps(plan), space=space)
    if resume and AUGMENTED.is_complete(to):
        _check_same(to, plan, truncation)
        shutil.rmtree(to / AUGMENTED.partial, ignore_errors=True)
        if not quiet:
            tell(f"{to} is complete: nothing left to do; choose another folder for another set")
        return dataclasses.replace(_done(to, plan), note=None)
    make_folder(to / AUGMENTED.partial)
    _train_what_is_missing(plan, output, log, resume, quiet)
    _write(to, plan, truncation, resume, quiet)
    return _done(to, plan)


def _settings_of(data: Union[str, Path, DataSpec, None]) -> Dict[str, Any]:
    """{"data.<field>": value} of a data set: those settings that it does not leave at their defaults."""
    if data is None:
        return {}
    if not isinstance(data, DataSpec):
        return {"data.source": str(data)}
    usual, fields = DataSpec(), [field.name for field in dataclasses.fields(DataSpec) if field.name != "name"]
    return {
        "data.source": data.name,
        **{f"data.{name}": getattr(data, name) for name in fields if getattr(data, name) != getattr(usual, name)},
    }


# ---- checks ------------------------------------------------------------------------------------------------------------


def _check_target(to: Path, resume: bool) -> None:
    if not is_in_use(to):
        check_makeable(to)
        return
    if not to.is_dir():
        raise InputError(f"{to} is a file: choose a new or empty folder")
    begun = (to / AUGMENTED.partial).is_dir()
    if begun and (to / AUGMENTED.partial / "set").is_dir():
        raise InputError(
            f"{to} holds an augmentation that an earlier version of this program began and cannot go on here: "
            "choose a new or empty folder; the runs that it trained can be used again"
        )
    if not (begun or (to / MANIFEST).is_file()):
        raise InputError(f"{to} is not empty, and not of augment: nothing is overwritten; choose an empty or new folder")
    if not resume:
        what = "holds an interrupted augmentation" if begun else "is not empty: nothing is overwritten"
        raise InputError(f"{to} {what}; choose an empty or new folder, or continue it with resume=True")


def _check_same(to: Path, plan: Plan, truncation: Optional[float]) -> None:
    """Check that the complete set `to` is what is asked for.

    Raises:
        InputError: it is of other data, has other numbers of images, or was made with another seed or other filters.
    """
    there = on_disk(to, plan.class_names)
    strange = next((name for part in plan.parts for name in part.lacking(to)), None)
    if strange is None and any(there[name][0] != count for name, count in plan.counts.items()):
        strange = "train"
    if strange is not None:
        raise InputError(f"{to} is complete, and its {strange} is not that of {plan.config.data.source}: choose another folder")
    held = count_by_class(to)
    if held != plan.quotas:
        there, asked = (listed(f"{name}: {n}" for name, n in counts.items()) for counts in (held, plan.quotas))
        raise InputError(f"{to} is complete with other numbers of generated images ({there}; asked for {asked}): choose another folder")
    if held:
        filters = {"names": list(plan.filters.names), "settings": plan.filters.settings or {}}
        check_same(to, {"seed": plan.seed, "truncation": truncation, "filters": filters})


def _refuse_old_runs(plan: Plan, output: Path) -> None:
    """Refuse runs that exist where new ones would be trained: nothing is overwritten, and an old run may be of other
    data.
    """
    trains_classifier = plan.reader is None and bool(plan.filters.names)
    for name in [f"{plan.name}-gan"] * (plan.samplers is None) + [f"{plan.name}-classifier"] * trains_classifier:
        if (output / name).exists():
            raise InputError(f"{output / name} exists: choose another folder, or use resume=True if the run is from this augmentation")


# ---- training ----------------------------------------------------------------------------------------------------------


def _train_what_is_missing(plan: Plan, output: Union[str, Path, None], log: Union[str, Path, None], resume: bool, quiet: bool) -> None:
    """Train the filters' classifier and the GAN, unless they are there."""
    where = {"output": output, "log": log, "quiet": quiet}
    folder, gan = run_folders(output, log)[0], f"{plan.name}-gan"
    if plan.reader is None and plan.filters.names:
        plan.reader = Reader(_train(plan.classifier_config(), f"{plan.name}-classifier", folder, resume, where), plan.data)
    if plan.filters.names and not quiet:  # before the GAN takes its time
        classes = [plan.class_names.index(name) for name in plan.quotas]
        for line in aside_lines(plan.reader, plan.filters.names, plan.class_names, classes):
            tell(one_line(line))
    if plan.samplers is None:
        if plan.per_class_runs:
            going_on = resume and (folder / gan).is_dir()
            runs = _not_interrupted(train_per_class(plan.config, run=gan, resume=going_on, classes=list(plan.quotas), **where).runs)
        else:
            runs = [_train(plan.gan_config(), gan, folder, resume, where)]
        plan.samplers = Samplers(sorted(runs, key=lambda run: run.folder), plan.data, varying=bool(plan.new_classes))


def _train(config: Config, name: str, folder: Path, resume: bool, where: Dict[str, Any]) -> Run:
    """Train a run, or go on with it."""
    begun = resume and is_run(folder / name)
    if begun:
        before = load_config(folder / name / "config.yaml")
        if DataSpec.of(before.data) != DataSpec.of(config.data):
            raise InputError(f"run {folder / name}, which would be resumed, learns other data: choose another folder")
        if (before.train.steps, before.train.epochs) != (config.train.steps, config.train.epochs):
            raise InputError(
                f"run {folder / name}, which would be resumed, was begun with another length of training: train it on by itself, and "
                "augment into another folder with this run"
            )
        was, asked = hyperparameters(before), hyperparameters(config)
        changed = next((key for key in asked if asked[key] != was[key] and not key.startswith(CONTINUE_MAY_CHANGE)), None)
        if changed:
            begun_with = f"was begun with {changed} {was[changed]}, not {asked[changed]}"
            raise InputError(f"run {folder / name}, which would be resumed, {begun_with}: choose another folder")
    return _not_interrupted([train(None if begun else config, run=name, resume=begun, **where)])[0]


def _not_interrupted(runs: List[Run]) -> List[Run]:
    for run in runs:
        if run.interrupted:
            raise KeyboardInterrupt(run.interrupted)
    return runs


# ---- the set -----------------------------------------------------------------------------------------------------------


def _write(to: Path, plan: Plan, truncation: Optional[float], resume: bool, quiet: bool) -> None:
    """Generate the images that are missing into their places, copy the real ones beside them, and write what is known
    of all.

    Raises:
        RunFailed: a class stayed short, or something else has written into the folder.
    """
    filters, samplers = plan.filters, plan.samplers
    quotas = {samplers.of_class(name): n for name, n in plan.quotas.items()}
    options = {"filters": filters.names, "settings": filters.settings or {}, "attempts": filters.attempts, "relax": filters.relax}
    request = SetRequest(quotas, plan.seed, truncation, **options)
    if filters.names and not quiet:
        tell(f"learning from the training images what {len(filters.names)} filters keep")
    runner = FilterRunner(samplers, filters.names, plan.reader, filters.settings) if filters.names else None
    with drawn_set(to, samplers, request, runner, resume, quiet, AUGMENTED) as made:
        for part in plan.parts:
            part.write(to)
        real = [row for part in plan.parts for row in part.rows()]
        splits = {split for _, _, split, _ in real}
        made.finish(choice_of(plan.policy), real, [split for split in ("train", "valid", "test") if split in splits])
        _check_whole(to, plan)
        made.close()
    if made.missing:
        raise RunFailed(
            f"{QuotaNotMet(made).reason}; the real images and what could be generated are in {to}, {DROPPED} says why; "
            "continue with resume=True and more `attempts`, or begin anew in another folder with other filters or a longer training"
        )


def _check_whole(to: Path, plan: Plan) -> None:
    """Check that every real training image is on the disk.

    Raises:
        RunFailed: one is not.
    """
    there = on_disk(to, plan.class_names)
    for name, count in plan.counts.items():
        if there[name][0] != count:
            raise RunFailed(f"{to / 'train' / name} holds {there[name][0]} real images, not {count}: has something else written there?")


# ---- the result --------------------------------------------------------------------------------------------------------


def _done(to: Path, plan: Plan) -> AugmentedSet:
    """The result in the end: its counts are those of the files on the disk."""
    return _result(to, plan, on_disk(to, plan.class_names), worth=worth(to))


def _result(to: Path, plan: Plan, counts: Dict[str, Tuple[int, int]], **more: Any) -> AugmentedSet:
    """The result with `counts`, {class name: (real, generated) training images}."""
    rows = [(name, real, made, real + made) for name, (real, made) in counts.items()]
    table = [*rows, ("all", *(sum(row[i] for row in rows) for i in (1, 2, 3)))]
    short = {name: n - counts[name][1] for name, n in plan.quotas.items() if n > counts[name][1]}
    usual, spec = DataSpec(), plan.data.spec
    source_reading = {name: getattr(spec, name) for name in READING if getattr(spec, name) != getattr(usual, name)}
    copied = plan.parts[0].files is not None
    reading = {name: value for name, value in source_reading.items() if copied or name in SIZES}
    more["source_reading"] = source_reading
    return AugmentedSet(to, table, short, reading, choice_of(plan.policy), plan.note, plan.config.data.source, **more)


def _draw_policy(plan: Plan) -> Optional[Path]:
    """Draw what the policy makes of some of the images, in the cache. Returns the path of the picture; None where it cannot be kept."""
    sheet = before_and_after(shown_images(plan.learnt), {plan.policy.name: plan.policy}, runtime.rng(plan.seed, "preview policies"))
    path = cache_folder() / f"policy-{plan.name}.png"
    with told_if_not_kept():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_png(path, sheet)
        return path
    return None
