"""One GAN for each class: what a data set wants whose classes are too different, or too few, for one conditional GAN.

The runs lie side by side in one folder, `<output>/<name>/<name>-<class>`, which `generate` takes as it takes a run.
"""

import itertools
import re
import sys

from ..config.loading import load_config
from ..data import DataSpec, load
from ..errors import InputError, RunFailed
from ..files import printable
from ..training.callbacks import ProgressCallback
from .places import check_run_name, default_name, is_run, run_folders, unused_folder
from .run import train


def train_per_class(
    config=None,
    run=None,
    output=None,
    log=None,
    resume=False,
    overrides=None,
    quiet=False,
    default="classic",
    classes=None,
    allow_changed_data=False,
):
    """Train a run for each class that has images, one after the other.

    A batch is never larger than the class: small classes train with smaller batches.

    Args:
        config, output, log, resume, overrides, quiet, default, allow_changed_data: as for `train`. With `resume`, finished runs
            are left alone.
        run: the name of the folder of runs, and the beginning of each run's name; default: preset-data-date-time.
        classes: the names of those to train; None = all.

    Returns:
        (the folder of runs, their `Run`s); after an interruption the last one says so in `interrupted`.

    Raises:
        InputError: as `train`; a class is named; `resume` without a name.
        RunFailed: runs that collapsed beyond recovery; the others are trained.
    """
    if resume and run and config is None:
        config = _begun(run_folders(output, log)[0] / check_run_name(run))
    config = load_config(config or default, overrides)
    if config.data.class_name is not None:
        raise InputError("--per-class-runs trains every class: leave --digit or --class out")
    if resume and not run:
        raise InputError("--resume with --per-class-runs: name the runs to go on with, --run NAME")
    output, log = run_folders(output, log)
    folder = output / check_run_name(run) if run else unused_folder(output, default_name(config))
    if folder.exists() and any(folder.iterdir()) and not resume:
        raise InputError(f"{folder} exists: choose another --run, or go on with it: --run {folder.name} --resume")
    if is_run(folder):
        raise InputError(f"{folder} is a run and not a folder of runs: choose another --run")
    images = load(DataSpec.of(config.data), "train")
    counts = {
        name: int(count) for name, count in zip(images.class_names, images.counts()) if count and (classes is None or name in classes)
    }
    parts = _file_names(images.class_names)
    runs, failures = [], []
    for number, (name, count) in enumerate(counts.items(), 1):
        own = {"data.class_name": name, "train.batch_size": min(config.train.batch_size, count)}
        part = f"{folder.name}-{parts[name]}"
        begun = resume and (folder / part / "config.yaml").is_file()
        line = [] if quiet else [ProgressCallback(f"class {name} ({number} of {len(counts)}) · ")]
        try:
            trained = train(
                None if begun else load_config(config, own),
                run=part,
                output=folder,
                log=log,
                resume=begun,
                overrides=_continuing(overrides) if begun else None,
                callbacks=line,
                quiet=True,
                default=config.preset,
                allow_changed_data=allow_changed_data,
            )
        except RunFailed as error:
            failures.append(name)
            print(f"class {name}: {error}", file=sys.stderr, flush=True)
            continue
        runs.append(trained)
        if trained.interrupted:
            return folder, runs
    if failures:
        raise RunFailed(f"no run for {', '.join(failures)} in {folder}: they collapsed; the other {len(runs)} are trained")
    return folder, runs


def _begun(folder):
    """The configuration of all runs in `folder`, from what the first of them that has begun says; None if none has."""
    begun = sorted(path for path in folder.glob("*/config.yaml"))
    if not begun:
        return None
    configs = [load_config(path) for path in begun]
    return load_config(configs[0], {"data.class_name": None, "train.batch_size": max(config.train.batch_size for config in configs)})


def _continuing(overrides):
    """Without what is the run's own."""
    return {key: value for key, value in (overrides or {}).items() if key not in ("train.batch_size", "data.class_name")}


def _file_names(names):
    """{class name: part of a file name}, no two alike: of "a b" and "a/b" the second is "a-b-2"."""
    found = {}
    for name in names:
        own = _as_file_name(name)
        choices = itertools.chain([own], (f"{own}-{number}" for number in itertools.count(2)))
        found[name] = next(choice for choice in choices if choice not in found.values())
    return found


def _as_file_name(name):
    return re.sub(r"[\s/\\%:]+", "-", printable(name)) or "class"
