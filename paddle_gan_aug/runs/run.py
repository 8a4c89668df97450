"""A run on disk: started, continued, opened again. A run is never overwritten."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .. import __version__, runtime
from ..algorithms import build
from ..augment.policies import recorded_policy
from ..config.loading import Config, load_config, to_flat, to_yaml
from ..config.sections import Generated
from ..data import Batches, DataSpec, MixedBatches, Pretraining, balanced_weights, load, oversampled
from ..errors import InputError, RunFailed
from ..files import atomic_write, lock_folder, make_folder
from ..records.run_records import Records
from ..training.callbacks import Checkpoints, Grids, ProgressLine, Recorder, named
from ..training.checkpoint import MALFORMED, best_noted, best_of, best_step, load_newest, steps_on_disk
from ..training.health import Collapsed, HealthMonitor
from ..training.loop import run_steps
from ..training.recovery import Recovery
from ..training.validation import Validation
from .batch_size import fit_batch_size
from .places import (
    check_free,
    check_run_name,
    check_same_data,
    check_same_generated,
    check_writable,
    continued_config,
    default_name,
    place_of_data,
    resumable,
    run_folder,
    run_folders,
    take_folder,
    unused_folder,
)

HYPERPARAMETERS = (
    *("algorithm", "data.", "generator.", "discriminator.", "loss.", "code.", "regularizer.", "diffaugment."),
    *("classifier.", "generated.", "variation.", "optimizer.", "schedule.", "train."),
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

    @property
    def best(self):
        """The best measure on validation images so far, {"step", "metric", "value"}; None where none was taken (`eval.every_steps`)."""
        return best_of(self.folder / "checkpoints")


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
    allow_changed_data=False,
    check=None,
):
    """Train a run, or go on with one.

    Args:
        config: a `Config`, a preset's name or a YAML file; None = `default`. With `resume` it is read from the run.
        run: the run's name; default: preset-data-date-time. With `resume`: the run to go on with; default: the newest unfinished
            classifier if `default` is one, else the newest unfinished run of another kind.
        output: the folder of runs (default `output`). log: the folder of VisualDL records (default `log`).
        resume: go on from the newest checkpoint; `train.steps` and `train.epochs` are totals and may be raised.
        overrides: {"section.key": value} laid over the configuration.
        callbacks: further `training.loop.Callback`s; they see each step before it is recorded and saved.
        quiet: no progress line.
        default: the preset that is meant when `config` is None.
        generated: for a classifier whose configuration has a `generated.source`: (config, training images) -> the generated part, an
            object with `images` (round -> `LabelledImages`) and `description` (plain values).
        allow_changed_data: with `resume`, go on although the images are not those that the run has learnt so far; their classes and
            their shape must be.
        check: (config, training images) -> None; what the caller wants to be sure of before anything is written. It raises an InputError.

    Returns:
        A `Run`.

    Raises:
        InputError: anything wrong with the arguments or the data, before anything is written. RunFailed: it collapsed for good.
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
    anew = folder is None
    if anew:
        config = load_config(config or default, overrides)
        if config.data.policy == "auto":  # a set that says so keeps its policy, also for a run that is opened when the set is gone
            config.data.policy = recorded_policy(config.data.source) or "auto"
        if config.data.place is None:
            config = load_config(config, {"data.place": place_of_data(config.data.source)})
        folder = output / check_run_name(run) if run else unused_folder(output, default_name(config))
        check_free(folder)
    images = training_images(config)
    if not anew:
        check_same_data(folder, config.data.source, images, allow_changed_data)
    if check:
        check(config, images)
    config = fit_batch_size(config, images, overrides, quiet)
    made = _generated_part(config, images, generated)
    if made is not None and not anew and not allow_changed_data:
        check_same_generated(folder, made.description)
    session = _Session(folder, config, log, images, callbacks, quiet, say, made)
    return session.run(anew, named=bool(run))


def _generated_part(config, images, generated):
    """What `generated.*` describes, or None."""
    if not config.generated.source:
        if config.generated != Generated():
            raise InputError("generated.*: there are no generated images to which these settings could apply; name some with --generated")
        return None
    if generated is None or config.algorithm != "classifier":
        raise InputError("generated.source is for classifiers: train this one with classify")
    runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    return generated(config, images)


@dataclass
class _Session:
    """What stays the same when a run goes back and on with other settings."""

    folder: Path
    base: Config
    log: Path
    images: Any
    callbacks: Any
    quiet: bool
    say: Any
    generated: Any = None
    process: Any = None
    validation: Any = None  # the validation images of a classifier
    recovery: Any = None
    initial: Any = ()  # (callback of the caller, its first state as JSON)

    def run(self, anew, named):
        """Train in `folder`, recovering as often as the configuration allows.

        Args:
            anew: begin, and do not go on with what is there. named: the folder must be this one; without it the next free one is taken.
        """
        runtime_settings = self.base.runtime
        self.process = runtime.start(runtime_settings.device, runtime_settings.threads, runtime_settings.cpu_tuning)
        self.recovery = Recovery(self.folder)
        if self.recovery.failed:
            raise RunFailed(f"run {self.folder.name} has failed for good ({self.recovery.failed}); train again under another name")
        parts = self.build(self.recovery.config(self.base))  # whatever is wrong with the settings comes out before anything is written
        check_writable(self.folder, self.log)
        if anew and not named:
            self.folder = take_folder(self.folder.parent, self.folder.name)
        checkpoints = self.folder / "checkpoints"
        with lock_folder(make_run_folders(self.folder, self.log)):
            if anew:
                check_free(self.folder)  # again: another process may have been quicker
            self.initial = [(callback, json.dumps(callback.state())) for callback in self.callbacks]
            used, self.recovery = self.recovery.used, Recovery(self.folder)
            if used != self.recovery.used:
                parts = self.build(self.recovery.config(self.base))
            resume = not anew
            while True:
                self.recovery.remove_given_up(checkpoints)
                try:
                    return self.train(*parts, resume)
                except Collapsed as collapse:
                    self._climb(collapse)
                parts, resume = self.build(self.recovery.config(self.base)), True

    def _climb(self, collapse):
        steps = [step for step in steps_on_disk(self.folder / "checkpoints") if step <= collapse.healthy_step]
        tries = self.base.health.tries
        rung = self.recovery.climb(collapse, max(steps, default=0), tries, self.base)
        back_to = self.recovery.used[-1]["from_step"]
        self.say(f"recovery {len(self.recovery.used)} of {tries}, from step {back_to}: {rung.text}")

    def build(self, config):
        """(config, batches, algorithm, total steps) of a stretch of training with these settings."""
        seed = config.train.seed
        batches = training_batches(config, self.images, self.generated)
        with runtime.drawing_alone():
            runtime.seed_paddle(seed, "initial weights")
            algorithm = build(config, self.images.shape, self.images.class_names, self.images.counts())
        batches.pairs = algorithm.pairs
        if config.diffaugment.fill == "auto" and hasattr(algorithm, "view"):
            from ..augment.diffaugment import background  # Paddle takes seconds to import, and what is refused needs none

            algorithm.view.fill = background(self.images.images)
        if algorithm.latent_dim and config.eval.every_steps:
            from ..evaluation.measure import check_measurable  # scikit-learn takes a second to import

            check_measurable(self.images.shape, config.eval.count, DataSpec.of(config.data), "valid")
        if not algorithm.latent_dim and config.algorithm == "classifier" and config.eval.every_steps:
            self.validation = load(DataSpec.of(config.data), "valid")
        return config, batches, algorithm, planned_steps(config, algorithm.steps_per_epoch(batches))

    def train(self, config, batches, algorithm, total_steps, resume):
        """One stretch of training, from the newest checkpoint when `resume`; see `run`."""
        folder, say, seed = self.folder, self.say, config.train.seed
        latents, first_step = None, 0
        if algorithm.latent_dim:
            latents = algorithm.latents(config.log.grid_images, runtime.rng(seed, "fixed latents"))
        checkpoints = folder / "checkpoints"
        found = load_newest(checkpoints, self._fitting(algorithm), warn=say, adopts=self.recovery.adopts) if resume else None
        if found:
            _, state, latents = found
            first_step = state["step"]
        elif steps_on_disk(checkpoints):
            raise RunFailed(f"run {folder}: no undamaged checkpoint is left; train it again under another name")
        elif resume and not self.recovery.used:
            say(f"run {folder.name} has no checkpoint yet: starting it afresh")
        if first_step >= total_steps:
            done = f"run {folder.name} is at step {first_step}, and {total_steps} are asked for"
            say(f"{done}: nothing left to do; raise --steps or --epochs to go on")
            self._note_place()
            return Run(folder, config, algorithm, first_step, state)

        self._write_config(self.base)
        records = Records(folder, self.log, folder.name, visualdl=config.log.visualdl, resume_step=first_step if resume else None)
        records.hyperparameters(_hyperparameters(config), list(algorithm.losses))
        provenance = self._provenance(seed)
        with_state = named([*self._measures(config, records, latents, first_step), *self.callbacks])
        if self.recovery.used:  # also what began anew
            for callback, state_then in self.initial:
                callback.load_state(json.loads(state_then))
        if found:
            _load_states(with_state, state.get("callbacks", {}), checkpoints / f"step-{first_step}")
        best = state.get("best", best_noted(checkpoints, first_step)) if found else None
        callbacks = self._writers(config, records, latents, provenance, with_state, best)
        what = f"{len(self.images)} images of {self.images.source}"
        say(f"run {folder}  ·  {what}  ·  {total_steps} steps  ·  {self.process.device}, {_counted(self.process.threads, 'thread')}")
        line = [] if self.quiet else [ProgressLine()]
        progress = run_steps(algorithm, batches, total_steps, seed, [*line, *with_state.values(), *callbacks], first_step)
        return Run(folder, config, algorithm, progress.step, {"step": progress.step, **provenance}, progress.interrupted)

    def _fitting(self, algorithm):
        """state -> `algorithm`, for checkpoints that this run can go on from."""

        def algorithm_for(state):
            self.recovery.count_of(state)
            return algorithm

        return algorithm_for

    def _write_config(self, config):
        with atomic_write(self.folder / "config.yaml", "w") as file:
            file.write(to_yaml(config))

    def _note_place(self):
        """Keep where the data is now, of a run that has nothing else to do."""
        before = load_config(self.folder / "config.yaml")
        if self.base.data.place != before.data.place:
            self._write_config(load_config(before, {"data.place": self.base.data.place}))

    def _provenance(self, seed):
        images = self.images
        data = {"source": images.source, "fingerprint": images.fingerprint(), "count": len(images), "class_names": list(images.class_names)}
        data["counts"] = images.counts().tolist()  # per class: what has none was not learnt
        shape = list(images.images.shape[1:])
        made = {} if self.generated is None else {"generated": self.generated.description}
        made["rungs"] = self.recovery.rungs
        return {**made, "seed": seed, "data": data, "image_shape": shape, "version": __version__, "process": vars(self.process).copy()}

    def _measures(self, config, records, latents, first_step):
        """The callbacks that look at a step: they come first, those of the caller behind them."""
        if latents is None:
            return [] if self.validation is None else [Validation(config, self.validation)]
        measures = [HealthMonitor(config.health, self.images, latents, config.train.seed, first_step, records, self.say)]
        if config.eval.every_steps:
            from ..evaluation.callback import Evaluation  # as in build

            measures.append(Evaluation(config, records, self.say))
        return measures

    def _writers(self, config, records, latents, provenance, with_state, best):
        """The callbacks that write what those before them found; the checkpoint last, so that one on the disk has all its records."""
        writers = [Recorder(records, config.log.every_steps)]
        if latents is not None:
            writers.append(Grids(make_folder(self.folder / "samples"), records, latents, config.log.grid_every_steps, config.train.seed))
        folder, every, keep = self.folder / "checkpoints", config.checkpoint.every_steps, config.checkpoint.keep
        return [*writers, Checkpoints(folder, latents, provenance, every, keep, with_state, best)]


def _counted(number, word):
    return f"{number} {word}" + ("" if number == 1 else "s")


def _load_states(callbacks, states, path):
    for name, callback in callbacks.items():
        if name in states:
            try:
                callback.load_state(states[name])
            except MALFORMED as error:
                raise InputError(f"{path / 'state.json'} has no state for {name} ({type(error).__name__}: {error})") from None


def training_batches(config, images, generated=None):
    """The batches of a configuration: real images, for a classifier perhaps with generated ones or with weights."""
    seed, options = config.train.seed, config.generated
    weights = None
    if config.algorithm == "classifier" and config.classifier.class_weights == "balanced":
        weights = balanced_weights(images.counts())
    if config.algorithm == "classifier" and config.classifier.sampling == "balanced":
        images = oversampled(images, seed)

    def order(epoch):
        return runtime.rng(seed, "shuffle", epoch)

    def mixed(share, made):
        return MixedBatches(
            images,
            config.train.batch_size,
            order,
            made and made.images,
            options.every_steps,
            share,
            options.weight,
            weights,
            lambda number, epoch: runtime.rng(seed, f"shuffle generated {number}", epoch),
            made and made.read,
        )

    if generated is None and weights is None:
        return Batches(images, config.train.batch_size, order)
    if generated is not None and options.pretrain_steps:
        then = Batches(images, config.train.batch_size, order) if weights is None else mixed(options.share, None)
        return Pretraining(mixed(1.0, generated), then, options.pretrain_steps)
    return mixed(options.share, generated)


def make_run_folders(folder, log):
    """Make what a run needs in `output` and `log`; returns the run's folder."""
    for path in (folder.parent, log, folder, folder / "checkpoints"):
        make_folder(path)
    return folder


def training_images(config):
    """The images a configuration trains on."""
    data = config.data
    return load(DataSpec.of(data), "train")


def planned_steps(config, steps_per_epoch):
    """The run's total of steps: `train.steps`, or `train.epochs` times the steps of an epoch, or the smaller of both."""
    steps, epochs = config.train.steps, config.train.epochs
    if steps is None and epochs is None:
        raise InputError("neither train.steps nor train.epochs is set: say how long to train, for example --epochs 5")
    return min(n for n in (steps, epochs and epochs * steps_per_epoch) if n)


def _hyperparameters(config):
    return {key: value for key, value in to_flat(config).items() if key.startswith(HYPERPARAMETERS) and key != "data.place"}


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
    base = load_config(folder / "config.yaml")
    steps = recovery.steps(folder / "checkpoints")
    if not steps:
        raise InputError(f"run {folder} has no checkpoint yet: train it first (--run {folder.name} --resume)")
    if checkpoint == "best":
        checkpoint = best_step(folder / "checkpoints")
        if checkpoint is None:
            raise InputError(f"run {folder} has no best checkpoint: it was trained without --eval-every; use --checkpoint last or a step")
    if checkpoint != "last" and str(checkpoint) not in map(str, steps):
        there = ", ".join(map(str, steps))
        raise InputError(f"run {folder} has no checkpoint {checkpoint}; it has {there} (--checkpoint last, best or a step)")
    runtime.start(device, threads, base.runtime.cpu_tuning)

    def algorithm_for(state):
        data = state["data"]
        return build(recovery.config(base, recovery.count_of(state)), state["image_shape"], data["class_names"], data.get("counts"))

    wanted = steps if checkpoint == "last" else [int(checkpoint)]
    found = load_newest(folder / "checkpoints", algorithm_for, wanted, optimizers=False)
    if found is None:
        raise RunFailed(f"run {folder}: no undamaged checkpoint is left; train it again under another name")
    algorithm, state, _ = found
    for network in algorithm.networks.values():
        network.eval()  # nobody trains it: threads that draw at the same time need not switch it to and fro
    return Run(folder, algorithm.config, algorithm, state["step"], state)
