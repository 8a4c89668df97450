"""One command from a labelled data set to an augmented one: train the GAN and the filters' classifier, generate what is wanted, and
put it beside the real images.

Every stage leaves something on the disk that a later `--resume` finds: runs, the unfinished set, copied files. The manifest comes
last: a folder that has one is complete.
"""

import json
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .. import runtime
from ..algorithms import build
from ..config import load_config
from ..data import Source, load
from ..errors import InputError, RunFailed
from ..files import atomic_write, find_path, make_folder
from ..training import open_run, train, train_per_class
from ..training.places import check_run_name, is_run, run_folders
from ..training.run import planned_steps, training_batches, training_images
from .gate import chosen_filters, open_reader, told_aside
from .generate import DROPPED, GRID, MANIFEST, Filters, Short, count_by_class, generate
from .held_out import held_out
from .quotas import lacking
from .real_files import GENERATED, is_undivided, real_parts
from .sources import expand

WORK = ".generated"
DEFAULT, DEFAULT_OF_ONE_CLASS = "sngan-projection", "fast"  # presets: one GAN for all classes, or one for each
MOST_EPOCHS = 100  # of the filters' classifier, where data is small
TIMED_STEPS = 4
PICTURES_PER_SECOND = 5000  # PNG files written, for the estimate


@dataclass
class Plan:
    """What `augment` is about to do.

    Attributes:
        config: of the GAN. runs: trained ones to use, or None. per_class_runs: whether to train one for each class.
        filters: their names. classifier: a run, or None. wanted: {class name: images to generate}.
        parts: `real_files.RealPart`s. learnt: how many images the runs learn. name: of the runs that are trained.
    """

    config: Any
    runs: Optional[list]
    per_class_runs: bool
    filters: list
    classifier: Optional[object]
    wanted: dict
    parts: list
    learnt: int
    name: str

    def result(self, to, made=None):
        """What `augment_data` returns; made: {class name: generated images}, None = all that are wanted."""
        made = self.wanted if made is None else made
        short = {name: n - made.get(name, 0) for name, n in self.wanted.items() if n > made.get(name, 0)}
        data = self.config.data
        reading = {name: getattr(data, name) for name in ("image_size", "channels") if getattr(data, name)}
        return {"to": str(to), "table": self._table(made), "short": short, "reading": reading}

    def _table(self, made):
        """[(class, real training images, generated, both)], with a last row for all."""
        real, names = self.parts[0].counts(), self.parts[0].class_names
        rows = [(name, int(count), made.get(name, 0), int(count) + made.get(name, 0)) for name, count in zip(names, real)]
        return [*rows, ("all", *(sum(row[i] for row in rows) for i in (1, 2, 3)))]


def augment_data(
    to,
    config=None,
    overrides=None,
    runs=None,
    per_class_runs=None,
    per_class=None,
    ratio=None,
    filters=None,
    output=None,
    log=None,
    seed=0,
    truncation=None,
    resume=False,
    dry_run=False,
    quiet=False,
):
    """Write a labelled data set with generated images beside its real ones.

    `to/train/<class>/` gets the real training images, untouched, and generated-000000.png …; `to/valid` and `to/test` the data's other
    real images; manifest.jsonl names the generated ones. By default every class becomes as large as the largest.

    Args:
        to: a folder that is missing or empty, or with `resume` one that was begun by the same command.
        config, overrides: of the GAN, as for `train`; `data.*` is the data. Images that are held out for validation are not learnt. Of
            data without parts they go into `to/train` with the others, and whoever reads the set holds the same ones out again.
        runs: trained runs of this data to use instead of training. per_class_runs: train one GAN for each class that lacks images; None =
            where the algorithm cannot be asked by class.
        per_class: images of each class, real and generated together. ratio: generated images for each real one, see `quotas.lacking`.
        filters: `generate.Filters`; without a classifier one is trained on the same images.
        output, log: the folders of runs and of records, as for `train`.
        dry_run: write nothing, but say what would be done and about how long it would take.

    Returns:
        A dict: to, table, short ({class: images missing}), reading (image_size and channels, where set: the real files are copied as they
        are, so the set must be read with them again), and for a dry run the steps with their estimated seconds.

    Raises:
        InputError: as `train` and `generate`; runs of other data. RunFailed: a class stayed short, or a run collapsed.
    """
    to = Path(to).expanduser()
    _check_target(to, resume)
    plan = _plan(to, config, overrides or {}, runs, per_class_runs, per_class, ratio, filters or Filters())
    if not resume:
        _refuse_old_runs(plan, run_folders(output, log)[0])
    if plan.runs is None and not plan.per_class_runs:
        training_batches(plan.config, training_images(plan.config))  # what the GAN cannot learn from is said before anything is written
    if dry_run:
        return {**plan.result(to), "steps": _estimate(plan)}
    if resume and (to / MANIFEST).is_file() and not (to / WORK).is_dir():
        print(f"{to} is complete: nothing left to do", file=sys.stderr)
        return plan.result(to, count_by_class(to))
    make_folder(to / WORK)
    _train_what_is_missing(plan, output, log, resume, quiet)
    failure = _generate(to / WORK / "set", plan, seed, truncation, filters or Filters(), resume, quiet)
    for part in plan.parts:
        part.write(to)
    _move(to)
    if failure:
        raise RunFailed(
            f"{failure.told}; the real images and what could be generated are in {to}, {DROPPED} says why; "
            "go on with --resume and more --attempts or other filters, or begin anew with a longer training (--steps) and another --to"
        )
    shutil.rmtree(to / WORK)
    return plan.result(to, count_by_class(to))


def _check_target(to, resume):
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not to.is_dir():
        raise InputError(f"{to} is a file: choose a new or empty folder")
    if not ((to / WORK).is_dir() or (to / MANIFEST).is_file()):
        raise InputError(f"{to} is not empty, and not of augment: nothing is overwritten; choose an empty or new folder")
    if not resume:
        raise InputError(f"{to} is not empty: nothing is overwritten; choose an empty or new folder, or go on with --resume")


# ---- the plan ----------------------------------------------------------------------------------------------------------


def _plan(to, config, overrides, runs, per_class_runs, per_class, ratio, filters):
    if runs:
        if config is not None or per_class_runs:
            raise InputError("--run uses trained GANs; leave --gan and --per-class-runs, which train some, out")
        opened = open_run(expand(runs)[0])
        before = opened.config.data
        if "data.source" in overrides and Source.of(load_config(opened.config, overrides).data) != Source.of(before):
            raise InputError(f"run {opened.folder} learnt {before.source}, not {overrides['data.source']}: leave --run out to train one")
        config = load_config(opened.config)
        config.data.class_name = None
    else:
        config = load_config(config or (DEFAULT_OF_ONE_CLASS if per_class_runs else DEFAULT), overrides)
        if config.data.class_name is not None:
            raise InputError("augment makes all classes: leave --digit or --class out")
    names = chosen_filters(filters.names if filters.names is not None else "default", True)
    _check_beside(to, config.data.source)
    source = Source.of(config.data)
    parts = real_parts(source, "full" if not runs and "data.split" not in overrides and is_undivided(source) else config.data.split)
    learnt = load(source, "train", split=config.data.split)
    if filters.classifier is not None and names:
        open_reader(filters.classifier, learnt, config.runtime.device, config.runtime.threads)
    counts = parts[0].counts()
    wanted = {name: int(n) for name, n, c in zip(parts[0].class_names, lacking(counts, per_class, ratio), counts) if n and c}
    if not wanted:
        alone = (
            f"; {config.data.source} is one class alone: is the folder one level too deep, or without class folders?"
            if len(counts) == 1
            else ""
        )
        raise InputError(f"no class of {config.data.source} lacks an image: give --per-class or --ratio to add some{alone}")
    if not runs:
        conditional = _algorithm(config).conditional
        per_class_runs = not conditional if per_class_runs is None else per_class_runs
    return Plan(
        config,
        runs,
        bool(per_class_runs),
        names,
        filters.classifier,
        wanted,
        parts,
        len(learnt),
        check_run_name(to.resolve().name.lstrip(".") or "augmented"),
    )


def _check_beside(to, data):
    """Raise an InputError if the set would lie inside the folder of its own data."""
    folder = find_path(data)
    if folder.is_dir() and to.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{to} lies inside the data {data}, where it would be taken for a part of it: choose another --to")


def _algorithm(config):
    """The untrained algorithm of a configuration, to ask what it can do."""
    images = training_images(config)
    runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    algorithm = build(config, images.shape, images.class_names)
    if not algorithm.latent_dim:
        raise InputError(f"{config.preset} makes no images: choose a GAN, train --list-presets prints them")
    if hasattr(algorithm, "vary"):
        raise InputError(f"{config.preset} varies real images: choose a GAN that draws new ones, or train it and generate --from DATA")
    return algorithm


def _refuse_old_runs(plan, output):
    """What would be trained must not exist: nothing is overwritten, and an old run may be of other data."""
    names = [f"{plan.name}-gan"] * (plan.runs is None) + [f"{plan.name}-classifier"] * (plan.classifier is None and bool(plan.filters))
    for name in names:
        if (output / name).exists():
            raise InputError(f"{output / name} exists: choose another --to or --output, or go on with --resume if it is from this command")


# ---- training ----------------------------------------------------------------------------------------------------------


def _train_what_is_missing(plan, output, log, resume, quiet):
    """Train the GAN and the filters' classifier, unless they are there."""
    where = {"output": output, "log": log, "quiet": quiet}
    folder = run_folders(output, log)[0]
    if plan.classifier is None and plan.filters:
        plan.classifier = _train(classifier_config(plan), f"{plan.name}-classifier", folder, resume, where).folder
    if plan.filters and not quiet:  # before the GAN takes its time
        _say_what_steps_aside(plan)
    if plan.runs is None:
        name = f"{plan.name}-gan"
        if plan.per_class_runs:
            going_on = resume and (folder / name).is_dir()
            plan.runs = [train_per_class(plan.config, run=name, resume=going_on, classes=plan.wanted, **where)[0]]
        else:
            plan.runs = [_train(plan.config, name, folder, resume, where).folder]


def _say_what_steps_aside(plan):
    data, process = plan.config.data, plan.config.runtime
    real = training_images(plan.config)
    try:
        valid = load(Source.of(data), "valid", split=data.split)
    except InputError:  # it has no such part
        valid = None
    reading = held_out(open_run(plan.classifier, device=process.device, threads=process.threads), real, valid)
    for line in told_aside(reading, plan.filters, real.class_names, [real.class_names.index(name) for name in plan.wanted]):
        print(line, file=sys.stderr, flush=True)


def _train(config, name, folder, resume, where):
    begun = resume and is_run(folder / name)
    if begun:
        before = load_config(folder / name / "config.yaml")
        if Source.of(before.data) != Source.of(config.data):
            raise InputError(f"--resume: run {folder / name} learns other data: choose another --to")
        if (before.train.steps, before.train.epochs) != (config.train.steps, config.train.epochs):
            anew = f"train it on (train --run {name} --resume --steps N) and give it with --run to another --to"
            raise InputError(f"--resume: run {folder / name} was begun with another length of training; {anew}")
    run = train(None if begun else config, run=name, resume=begun, **where)
    if run.interrupted:
        raise KeyboardInterrupt(run.interrupted)
    return run


def classifier_config(plan):
    """The filters' classifier: the preset `classifier` on the GAN's images, shorter where there are few."""
    config = load_config("classifier", {"train.seed": plan.config.train.seed, "train.batch_size": min(128, plan.learnt)})
    config.data, config.runtime, config.log = plan.config.data, plan.config.runtime, plan.config.log
    config.train.steps = min(config.train.steps, MOST_EPOCHS * (plan.learnt // config.train.batch_size))
    return config


# ---- the set -----------------------------------------------------------------------------------------------------------


def _generate(folder, plan, seed, truncation, filters, resume, quiet):
    """Make the generated part; returns the failure of a class that stayed short, or None."""
    process = plan.config.runtime
    # Filters that nobody chose do not keep a class from being filled.
    relax = filters.names is None or filters.names == "default"
    chosen = filters._replace(names=plan.filters or "none", classifier=plan.classifier, relax=relax)
    try:
        generate(
            plan.runs,
            None,
            folder,
            seed,
            "last",
            process.device,
            process.threads,
            quotas=plan.wanted,
            truncation=truncation,
            filters=chosen,
            resume=resume and folder.is_dir(),
            quiet=quiet,
        )
    except Short as failure:
        return failure
    return None


def _move(to):
    """Put the generated images beside the real ones, and the manifest over them all."""
    made = to / WORK / "set"
    lines = []
    if (made / MANIFEST).is_file():
        with open(made / MANIFEST, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
    for row in lines:
        folder, _, number = row["file"].partition("/")
        row["file"] = f"train/{folder}/{GENERATED}{number}"
        if (made / folder / number).exists():
            shutil.copyfile(made / folder / number, to / row["file"])
    for name in (DROPPED, GRID):
        if (made / name).is_file():
            shutil.copyfile(made / name, to / name)
    with atomic_write(to / MANIFEST, "w") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in lines)


# ---- the estimate ------------------------------------------------------------------------------------------------------


def _estimate(plan):
    """[{"what", "seconds"}] of each stage, from a few steps of each network on this machine."""
    steps = []
    if plan.runs is None:
        images = training_images(plan.config)
        seconds, total = _timed(plan.config, images)
        runs = len(plan.wanted) if plan.per_class_runs else 1
        what = f"train {runs} GANs, one for each class that lacks images" if plan.per_class_runs else "train a GAN"
        steps.append(
            {"what": f"{what} ({plan.config.preset}, {total} steps{' each' if runs > 1 else ''})", "seconds": runs * total * seconds}
        )
    if plan.filters and plan.classifier is None:
        config = classifier_config(plan)
        seconds, total = _timed(config, training_images(config))
        steps.append({"what": f"train the filters' classifier ({total} steps)", "seconds": total * seconds})
    count = sum(plan.wanted.values())
    if count:
        steps.append(
            {"what": f"generate, filter and write {count} images (if two of three pass)", "seconds": 1.5 * count / _drawn_per_second(plan)}
        )
    real = int(sum(part.counts().sum() for part in plan.parts))
    steps.append({"what": f"copy {real} real images", "seconds": real / PICTURES_PER_SECOND})
    return steps


def _timed(config, images):
    """(seconds of a step on this machine, steps in all)."""
    runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    config = load_config(config, {"train.batch_size": min(config.train.batch_size, len(images))})
    batches = training_batches(config, images)
    algorithm = build(config, images.shape, images.class_names)
    total = planned_steps(config, algorithm.steps_per_epoch(batches))
    taken = []
    for number in range(1, TIMED_STEPS + 1):
        algorithm.begin_step(number, total)
        wanted = algorithm.batches_per_step
        began = time.perf_counter()
        values = algorithm.step([batches.batch(number * wanted + i) for i in range(wanted)], runtime.rng(0, "estimate", number))
        float(next(iter(values.values())))
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[1:])), total


def _drawn_per_second(plan):
    """Images that an untrained generator of this configuration makes in a second."""
    algorithm = open_run(expand(plan.runs)[0]).algorithm if plan.runs else _algorithm(plan.config)
    algorithm.sample(100, runtime.rng(0, "estimate"))
    began = time.perf_counter()
    algorithm.sample(200, runtime.rng(0, "estimate", 1))
    return 200 / (time.perf_counter() - began)
