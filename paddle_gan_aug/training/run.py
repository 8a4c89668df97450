"""A run on disk: started, continued, opened again. A run is never overwritten."""

import datetime
import itertools
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .. import __version__, runtime
from ..algorithms import build
from ..config import Config, load_config, to_flat, to_yaml
from ..data import Batches, load
from ..errors import InputError, RunFailed
from ..files import atomic_write, find_path, make_folder, project_root
from ..records import Records
from .callbacks import Checkpoints, Grids, ProgressLine, Recorder
from .checkpoint import load_newest, steps_on_disk
from .loop import run_steps

CONTINUE_MAY_CHANGE = ("train.steps", "train.epochs", "checkpoint.", "log.", "runtime.")
HYPERPARAMETERS = ("algorithm", "data.", "generator.", "discriminator.", "classifier.", "optimizer.", "train.")


@dataclass
class Run:
    """A trained (or interrupted) run: its folder, its configuration and its algorithm, ready to sample."""

    folder: Path
    config: Config
    algorithm: Any
    step: int
    state: dict
    interrupted: Optional[str] = None  # the signal that ended this training, if one did


def train(config="classic", run=None, output=None, log=None, resume=False, overrides=None, callbacks=(), quiet=False):
    """Train a run, or go on with one.

    Args:
        config: a `Config`, a preset's name or a YAML file. With `resume` it is read from the run.
        run: the run's name; default: preset-data-date-time. With `resume`: the run to go on with; default: the newest unfinished.
        output: the folder of runs (default `output`). log: the folder of VisualDL records (default `log`).
        resume: go on from the newest checkpoint; `train.steps` and `train.epochs` are totals and may be raised.
        overrides: {"section.key": value} laid over the configuration.
        callbacks: further `training.loop.Callback`s.
        quiet: no progress line.

    Returns:
        A `Run`.

    Raises:
        InputError: anything wrong with the arguments or the data, before anything is written.
    """
    say = (lambda *_: None) if quiet else (lambda text: print(text, file=sys.stderr, flush=True))
    output, log = _runs_folder(output, "output"), _runs_folder(log, "log")
    folder = None
    if resume:
        folder = _resumable(run, output)
        if folder is None:
            say("nothing to resume: no unfinished run; starting afresh")
        else:
            config = continued_config(folder, overrides or {})
    if folder is None:
        config = load_config(config, overrides)
        folder = output / check_run_name(run) if run else unused_folder(output, default_name(config))
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"run {folder.name} exists in {output}: choose another --run, or go on with it: --run {folder.name} --resume")
    return _train_in(folder, config, log, resume, callbacks, quiet, say)


def _train_in(folder, config, log, resume, callbacks, quiet, say):
    images = training_images(config)
    process = runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    seed = config.train.seed
    batches = Batches(images, config.train.batch_size, lambda epoch: runtime.rng(seed, "shuffle", epoch))
    runtime.seed_paddle(seed, "initial weights")
    algorithm = build(config, images.images.shape[1:], images.class_names)
    total_steps = planned_steps(config, batches.steps_per_epoch // algorithm.batches_per_step)

    make_folder(folder.parent)
    make_folder(log)
    make_folder(folder)
    make_folder(folder / "checkpoints")
    latents, first_step = None, 0
    if algorithm.latent_dim:
        latents = algorithm.latents(config.log.grid_images, runtime.rng(seed, "fixed latents"))
    found = load_newest(folder / "checkpoints", lambda _: algorithm, warn=say) if resume else None
    if found:
        _, state, latents = found
        first_step = state["step"]
    elif resume:
        say(f"run {folder.name} has no checkpoint yet: starting it afresh")
    if first_step >= total_steps:
        say(f"run {folder.name} is at step {first_step} of {total_steps}: nothing left to do; raise --steps or --epochs to go on")
        return Run(folder, config, algorithm, first_step, state)

    with atomic_write(folder / "config.yaml", "w") as file:
        file.write(to_yaml(config))
    records = Records(folder, log, folder.name, visualdl=config.log.visualdl, resume_step=first_step if resume else None)
    records.hyperparameters(_hyperparameters(config), list(algorithm.losses))
    provenance = {
        "seed": seed,
        "data": {
            "source": images.source,
            "fingerprint": images.fingerprint(),
            "count": len(images),
            "class_names": list(images.class_names),
        },
        "image_shape": list(images.images.shape[1:]),
        "version": __version__,
        "process": vars(process).copy(),
    }
    everyday = [] if quiet else [ProgressLine()]
    everyday.append(Recorder(records, config.log.every_steps))
    if latents is not None:
        everyday.append(Grids(make_folder(folder / "samples"), records, latents, config.log.grid_every_steps))
    everyday.append(Checkpoints(folder / "checkpoints", latents, provenance, config.checkpoint.every_steps, config.checkpoint.keep))
    say(f"run {folder}  ·  {len(images)} images of {images.source}  ·  {total_steps} steps  ·  {process.device}, {process.threads} threads")
    progress = run_steps(algorithm, batches, total_steps, seed, [*everyday, *callbacks], first_step)
    return Run(folder, config, algorithm, progress.step, {"step": progress.step, **provenance}, progress.interrupted)


def training_images(config):
    """The images a configuration trains on."""
    data = config.data
    if data.class_name is not None:
        return load(data.source, "single", digit=data.class_name, split=data.split)
    return load(data.source, "train", split=data.split)


def planned_steps(config, steps_per_epoch):
    """The run's total of steps: `train.steps`, or `train.epochs` times the steps of an epoch, or the smaller of both."""
    steps, epochs = config.train.steps, config.train.epochs
    if steps is None and epochs is None:
        raise InputError("neither train.steps nor train.epochs is set: say how long to train, for example --epochs 5")
    return min(n for n in (steps, epochs and epochs * steps_per_epoch) if n)


def _hyperparameters(config):
    return {key: value for key, value in to_flat(config).items() if key.startswith(HYPERPARAMETERS)}


# ---- names and folders -------------------------------------------------------------------------------------------------


def _runs_folder(given, default):
    """The folder as given, from where the user stands; the default one in the project."""
    return Path(given).expanduser() if given else project_root() / default


def check_run_name(name):
    """A run's name is one folder name.

    Raises:
        InputError: it holds a path separator or starts with a dot.
    """
    if not re.fullmatch(r"[^\s/\\.%:][^/\\%:]*", name):
        raise InputError(f"--run {name}: a run's name is one folder name without / \\ % : and not starting with a dot")
    return name


def default_name(config):
    """preset-data-date-time, such as classic-mnist-20260131-120000."""
    data = re.sub(r"[^\w-]+", "-", Path(config.data.source).name.split(".")[0]).strip("-") or "data"
    if config.data.class_name is not None:
        data += "-" + re.sub(r"[^\w-]+", "-", config.data.class_name)
    return f"{config.preset}-{data}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def unused_folder(output, name):
    """`output/name`, or the first of name-2, name-3, … that does not exist (two runs may begin within one second)."""
    candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(output / candidate for candidate in candidates if not (output / candidate).exists())


def _is_run(folder):
    return (folder / "config.yaml").is_file()


def run_folder(name):
    """The folder of a run as the user names it: a path, or a name in `output`.

    Raises:
        InputError: there is no run there.
    """
    for path in (find_path(name), project_root() / "output" / str(name)):
        if path.is_dir() and _is_run(path):
            return path
    raise InputError(f"no run at {name}: a run is a folder such as output/my-run with a config.yaml in it")


def _resumable(run, output):
    """The run to go on with: the named one (None when it does not exist yet), else the newest unfinished (None: there is none)."""
    if run:
        folder = output / check_run_name(run)
        return folder if _is_run(folder) else None
    runs = [path.parent for path in output.glob("*/config.yaml")]
    unfinished = [folder for folder in runs if not _finished(folder)]
    return max(unfinished, key=lambda folder: (folder / "config.yaml").stat().st_mtime, default=None)


def _finished(folder):
    steps = steps_on_disk(folder / "checkpoints")
    if not steps:
        return False
    try:
        state = json.loads((folder / "checkpoints" / f"step-{steps[-1]}" / "state.json").read_text(encoding="utf-8"))
        return steps[-1] >= state["total_steps"]
    except (OSError, ValueError, KeyError):
        return False


def continued_config(folder, overrides):
    """A run's own configuration with what may change on `--resume` laid over it.

    Raises:
        InputError: an override would change what has been learnt so far.
    """
    config = load_config(folder / "config.yaml", overrides)
    before, after = to_flat(load_config(folder / "config.yaml")), to_flat(config)
    for key, value in after.items():
        if value != before[key] and not key.startswith(CONTINUE_MAY_CHANGE):
            raise InputError(f"--resume: {key} was {before[key]} in run {folder.name} and cannot become {value}; start a new run for that")
    return config


def open_run(run, checkpoint="last", device="auto", threads=0):
    """Open a trained run to sample from it or to read images with it.

    Args:
        run: the run's folder, or its name in `output`.
        checkpoint: "last", or a step.

    Returns:
        A `Run`.

    Raises:
        InputError: no run, or no such checkpoint. RunFailed: every checkpoint is damaged.
    """
    folder = run_folder(run)
    config = load_config(folder / "config.yaml")
    steps = steps_on_disk(folder / "checkpoints")
    if not steps:
        raise InputError(f"run {folder} has no checkpoint yet: train it first (--run {folder.name} --resume)")
    if checkpoint != "last" and str(checkpoint) not in map(str, steps):
        raise InputError(f"run {folder} has no checkpoint {checkpoint}; it has {', '.join(map(str, steps))} (--checkpoint last or a step)")
    runtime.start(device, threads, config.runtime.cpu_tuning)

    def algorithm_for(state):
        return build(config, state["image_shape"], state["data"]["class_names"])

    wanted = steps if checkpoint == "last" else [int(checkpoint)]
    found = load_newest(folder / "checkpoints", algorithm_for, wanted, optimizers=False)
    if found is None:
        raise RunFailed(f"run {folder}: no undamaged checkpoint is left; train it again under another name")
    algorithm, state, _ = found
    return Run(folder, config, algorithm, state["step"], state)
