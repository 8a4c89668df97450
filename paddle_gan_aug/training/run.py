"""A run on disk: started, continued, opened again. A run is never overwritten."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .. import __version__, runtime
from ..algorithms import CLASSIFIERS, build
from ..config import Config, load_config, to_flat, to_yaml
from ..config_sections import Generated
from ..data import Batches, MixedBatches, PartlyLabelledBatches, Source, balanced_weights, load, unlabelled_images
from ..errors import InputError, RunFailed
from ..files import atomic_write, lock_folder, make_folder
from ..records import Records
from .callbacks import Checkpoints, Grids, ProgressLine, Recorder
from .checkpoint import best_step, load_newest, remove_checkpoints, steps_on_disk
from .health import Collapsed, HealthMonitor
from .loop import run_steps
from .places import check_run_name, continued_config, default_name, resumable, run_folder, run_folders, unused_folder
from .recovery import Recovery
from .validation import Validation

HYPERPARAMETERS = (
    *("algorithm", "data.", "generator.", "discriminator.", "loss.", "code.", "regularizer.", "diffaugment."),
    *("classifier.", "generated.", "variation.", "semi_supervised.", "optimizer.", "train."),
)


@dataclass
class Run:
    """A trained (or interrupted) run: its folder, its configuration and its algorithm, ready to sample."""

    folder: Path
    config: Config
    algorithm: Any
    step: int
    state: dict
    interrupted: Optional[str] = None  # the signal that ended this training, if one did


def train(
    config=None,
    run=None,
    output=None,
    log=None,
    resume=False,
    overrides=None,
    callbacks=(),
    quiet=False,
    default="classic",
    generated=None,
):
    """Train a run, or go on with one.

    Args:
        config: a `Config`, a preset's name or a YAML file; None = `default`. With `resume` it is read from the run.
        run: the run's name; default: preset-data-date-time. With `resume`: the run to go on with; default: the newest unfinished
            classifier if `default` is one, else the newest unfinished run of another kind.
        output: the folder of runs (default `output`). log: the folder of VisualDL records (default `log`).
        resume: go on from the newest checkpoint; `train.steps` and `train.epochs` are totals and may be raised.
        overrides: {"section.key": value} laid over the configuration.
        callbacks: further `training.loop.Callback`s.
        quiet: no progress line.
        default: the preset that is meant when `config` is None.
        generated: for a classifier whose configuration has a `generated.source`: (config, training images) -> the generated part, an
            object with `images` (round -> `LabelledImages`) and `description` (plain values).

    Returns:
        A `Run`.

    Raises:
        InputError: anything wrong with the arguments or the data, before anything is written.
    """
    say = (lambda *_: None) if quiet else (lambda text: print(text, file=sys.stderr, flush=True))
    output, log = run_folders(output, log)
    folder = None
    if resume:
        folder = resumable(run, output, classifiers=default == "classifier")
        if folder is None:
            say(f"nothing to resume: {f'there is no run {run} in {output}' if run else f'no run in {output}'}; starting afresh")
        else:
            config = continued_config(folder, overrides or {}, config)
    if folder is None:
        config = load_config(config or default, overrides)
        folder = output / check_run_name(run) if run else unused_folder(output, default_name(config))
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"run {folder.name} exists in {output}: choose another --run, or go on with it: --run {folder.name} --resume")
    return _train_in(folder, config, log, resume, callbacks, quiet, say, generated)


def _train_in(folder, config, log, resume, callbacks, quiet, say, generated):
    """Train in `folder`, recovering as often as the configuration allows."""
    if not config.generated.source and config.generated != Generated():
        raise InputError("generated.*: there are no generated images to which these settings could apply; name some with --generated")
    images = training_images(config)
    process = runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    made = None
    if config.generated.source:
        if generated is None or config.algorithm != "classifier":
            raise InputError("generated.source is for classifiers: train this one with classify")
        made = generated(config, images)
    unlabelled = None
    if config.algorithm == "semi-supervised":
        unlabelled = unlabelled_images(Source.of(config.data), images, config.data.split, config.data.unlabelled)
    session = _Session(folder, config, log, images, process, callbacks, quiet, say, made, unlabelled)
    recovery = Recovery(folder)
    if recovery.failed:
        raise RunFailed(f"run {folder.name} has failed for good ({recovery.failed}); train again under another name")
    parts = session.build(recovery.config(config))  # whatever is wrong with the settings comes out before anything is written
    with lock_folder(make_run_folders(folder, log)):
        while True:
            try:
                return session.train(*parts, resume, bool(recovery.used))
            except Collapsed as collapse:
                steps = [step for step in steps_on_disk(folder / "checkpoints") if step <= collapse.healthy_step]
                rung = recovery.climb(collapse, max(steps, default=0), config.health.tries, config)
                back_to = recovery.used[-1]["from_step"]
                remove_checkpoints(folder / "checkpoints", after=back_to)
                session.keep_optimizers, resume = rung.keeps_optimizers, True
                parts = session.build(recovery.config(config))
                say(f"recovery {len(recovery.used)} of {config.health.tries}, from step {back_to}: {rung.text}")


@dataclass
class _Session:
    """What stays the same when a run goes back and on with other settings."""

    folder: Path
    base: Config
    log: Path
    images: Any
    process: Any
    callbacks: Any
    quiet: bool
    say: Any
    generated: Any = None
    unlabelled: Any = None  # images without labels, for an algorithm that learns from such
    keep_optimizers: bool = True  # of the checkpoint that training goes on from

    def build(self, config):
        """(config, batches, algorithm, total steps) of a stretch of training with these settings."""
        seed = config.train.seed
        batches = training_batches(config, self.images, self.generated, self.unlabelled)
        runtime.seed_paddle(seed, "initial weights")
        algorithm = build(config, self.images.images.shape[1:], self.images.class_names)
        batches.pairs = algorithm.pairs
        algorithm.prepare(batches)
        if algorithm.latent_dim and config.eval.every_steps and config.algorithm not in CLASSIFIERS:
            from .evaluation import check_measurable  # scikit-learn takes a second to import

            check_measurable(
                self.images.shape, config.eval.count, Source.of(config.data), "valid", config.data.class_name, config.data.split
            )
        return config, batches, algorithm, planned_steps(config, algorithm.steps_per_epoch(batches))

    def train(self, config, batches, algorithm, total_steps, resume, recovering):
        """One stretch of training, from the newest checkpoint when `resume`; see `_train_in`."""
        folder, say, seed = self.folder, self.say, config.train.seed
        latents, first_step = None, 0
        if algorithm.latent_dim:
            latents = algorithm.latents(config.log.grid_images, runtime.rng(seed, "fixed latents"))
        found = self._newest(algorithm) if resume else None
        if found:
            _, state, latents = found
            first_step = state["step"]
        elif steps_on_disk(folder / "checkpoints"):
            raise RunFailed(f"run {folder}: no undamaged checkpoint is left; train it again under another name")
        elif resume and not recovering and (folder / "config.yaml").exists():
            say(f"run {folder.name} has no checkpoint yet: starting it afresh")
        if first_step >= total_steps:
            done = f"run {folder.name} is at step {first_step}, and {total_steps} are asked for"
            say(f"{done}: nothing left to do; raise --steps or --epochs to go on")
            return Run(folder, config, algorithm, first_step, state)

        with atomic_write(folder / "config.yaml", "w") as file:
            file.write(to_yaml(self.base))
        records = Records(folder, self.log, folder.name, visualdl=config.log.visualdl, resume_step=first_step if resume else None)
        records.hyperparameters(_hyperparameters(config), list(algorithm.losses))
        provenance = self._provenance(seed)
        everyday = self._everyday(config, records, latents, first_step, provenance)
        if found:
            for callback in everyday:
                if type(callback).__name__ in state.get("callbacks", {}):
                    callback.load_state(state["callbacks"][type(callback).__name__])
        what = f"{len(self.images)} images of {self.images.source}"
        if self.unlabelled is not None:
            what += f", {len(self.unlabelled)} without labels"
        say(f"run {folder}  ·  {what}  ·  {total_steps} steps  ·  {self.process.device}, {self.process.threads} threads")
        progress = run_steps(algorithm, batches, total_steps, seed, [*everyday, *self.callbacks], first_step)
        return Run(folder, config, algorithm, progress.step, {"step": progress.step, **provenance}, progress.interrupted)

    def _newest(self, algorithm):
        found = load_newest(self.folder / "checkpoints", lambda _: algorithm, warn=self.say, adopt=not self.keep_optimizers)
        self.keep_optimizers = True
        return found

    def _provenance(self, seed):
        images = self.images
        data = {"source": images.source, "fingerprint": images.fingerprint(), "count": len(images), "class_names": list(images.class_names)}
        shape = list(images.images.shape[1:])
        made = {} if self.generated is None else {"generated": self.generated.description}
        if self.unlabelled is not None:
            rest = self.unlabelled
            made["unlabelled"] = {"source": rest.source, "fingerprint": rest.fingerprint(), "count": len(rest)}
        return {**made, "seed": seed, "data": data, "image_shape": shape, "version": __version__, "process": vars(self.process).copy()}

    def _everyday(self, config, records, latents, first_step, provenance):
        """The callbacks of every run, in the order in which they see a step."""
        callbacks = [] if self.quiet else [ProgressLine()]
        with_state = []
        if latents is not None:
            real = self.images if self.unlabelled is None else self.unlabelled
            with_state = [HealthMonitor(config.health, real, latents, config.train.seed, first_step, records, self.say)]
            if config.eval.every_steps and config.algorithm not in CLASSIFIERS:
                from .evaluating import Evaluation  # as in build

                with_state.append(Evaluation(config, records, self.say))
        if config.algorithm in CLASSIFIERS and config.eval.every_steps:
            with_state.append(Validation(config))
        callbacks += [*with_state, Recorder(records, config.log.every_steps)]
        if latents is not None:
            callbacks.append(Grids(make_folder(self.folder / "samples"), records, latents, config.log.grid_every_steps, config.train.seed))
        options = config.checkpoint
        return [*callbacks, Checkpoints(self.folder / "checkpoints", latents, provenance, options.every_steps, options.keep, with_state)]


def training_batches(config, images, generated=None, unlabelled=None):
    """The batches of a configuration: real images, for a classifier perhaps with generated ones, with unlabelled ones or with weights."""
    seed, options = config.train.seed, config.generated
    weights = None
    if config.algorithm == "classifier" and config.classifier.class_weights == "balanced":
        weights = balanced_weights(images.counts())

    def order(epoch):
        return runtime.rng(seed, "shuffle", epoch)

    if unlabelled is not None:
        return PartlyLabelledBatches(
            images, unlabelled, config.train.batch_size, lambda kind, number: runtime.rng(seed, f"shuffle {kind}", number)
        )
    if generated is None and weights is None:
        return Batches(images, config.train.batch_size, order)
    return MixedBatches(
        images,
        config.train.batch_size,
        order,
        generated and generated.images,
        options.every_steps,
        options.share,
        options.weight,
        weights,
        lambda number, epoch: runtime.rng(seed, f"shuffle generated {number}", epoch),
        generated and generated.read,
    )


def make_run_folders(folder, log):
    """Make what a run needs in `output` and `log`; returns the run's folder."""
    for path in (folder.parent, log, folder, folder / "checkpoints"):
        make_folder(path)
    return folder


def training_images(config):
    """The images a configuration trains on."""
    data = config.data
    return load(Source.of(data), "train", digit=data.class_name, split=data.split)


def planned_steps(config, steps_per_epoch):
    """The run's total of steps: `train.steps`, or `train.epochs` times the steps of an epoch, or the smaller of both."""
    steps, epochs = config.train.steps, config.train.epochs
    if steps is None and epochs is None:
        raise InputError("neither train.steps nor train.epochs is set: say how long to train, for example --epochs 5")
    return min(n for n in (steps, epochs and epochs * steps_per_epoch) if n)


def _hyperparameters(config):
    return {key: value for key, value in to_flat(config).items() if key.startswith(HYPERPARAMETERS)}


def open_run(run, checkpoint="last", device="auto", threads=0):
    """Open a trained run to sample from it or to read images with it.

    Args:
        run: the run's folder, or its name in `output`.
        checkpoint: "last", "best" (by what `eval.best` names), or a step.

    Returns:
        A `Run`.

    Raises:
        InputError: no run, or no such checkpoint. RunFailed: every checkpoint is damaged.
    """
    folder = run_folder(run)
    recovery = Recovery(folder)
    if recovery.failed:
        raise RunFailed(f"run {folder} has failed ({recovery.failed}): no samples are made from it")
    config = recovery.config(load_config(folder / "config.yaml"))
    steps = steps_on_disk(folder / "checkpoints")
    if not steps:
        raise InputError(f"run {folder} has no checkpoint yet: train it first (--run {folder.name} --resume)")
    if checkpoint == "best":
        checkpoint = best_step(folder / "checkpoints")
        if checkpoint is None:
            raise InputError(f"run {folder} has no best checkpoint: it was trained without --eval-every; use --checkpoint last or a step")
    if checkpoint != "last" and str(checkpoint) not in map(str, steps):
        there = ", ".join(map(str, steps))
        raise InputError(f"run {folder} has no checkpoint {checkpoint}; it has {there} (--checkpoint last, best or a step)")
    runtime.start(device, threads, config.runtime.cpu_tuning)

    def algorithm_for(state):
        return build(config, state["image_shape"], state["data"]["class_names"])

    wanted = steps if checkpoint == "last" else [int(checkpoint)]
    found = load_newest(folder / "checkpoints", algorithm_for, wanted, optimizers=False)
    if found is None:
        raise RunFailed(f"run {folder}: no undamaged checkpoint is left; train it again under another name")
    algorithm, state, _ = found
    return Run(folder, config, algorithm, state["step"], state)
