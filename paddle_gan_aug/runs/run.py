"""A training run, from `train` to the step: prepare, build, then train in stretches until the run is done.

A stretch ends with the last step, with an interruption, or with a collapse. After a collapse the run goes back to a healthy
checkpoint, with changed settings, and the next stretch begins. Which changes were made is the only thing that a stretch leaves
behind for the next one; `Recovery` holds it, in memory and in the run's folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from .. import processes, runtime
from ..algorithms import build
from ..algorithms.registry import ALGORITHMS
from ..config.arguments import checked
from ..config.loading import Config, hyperparameters
from ..console import listed
from ..data import Batches, MixedBatches
from ..errors import InputError, RunFailed
from ..evaluation.real_images import check_measurable
from ..files import lock_folder, make_folder, refuse_if_locked
from ..records.run_records import Records
from ..training.callbacks import Checkpoints, Grids, ProgressCallback, Recorder
from ..training.checkpoint import MALFORMED, best_noted, load_newest, steps_on_disk, whole_steps
from ..training.health import Collapsed, FiniteLosses, HealthMonitor
from ..training.inspection import Distributions, NetworkGraphs
from ..training.loop import Callback, by_state_name, run_steps
from ..training.recovery import Recovery
from ..training.validation import Validation
from .batches import planned_steps, training_batches
from .continuing import check_same_generated
from .dry_run import dry_run_of
from .interruption import trained_or_told
from .memory import check_memory, check_networks, needs_that_fit
from .opened import Run
from .places import check_free, check_writable, log_name, take_folder
from .prepare import Prepared, prepare
from .provenance import provenance, write_config

if TYPE_CHECKING:
    from ..algorithms.base import Algorithm


@checked
def train(
    config: Union[Config, str, Path, None] = None,
    *,
    run: Optional[str] = None,
    output: Union[str, Path, None] = None,
    log: Union[str, Path, None] = None,
    resume: bool = False,
    overrides: Optional[Mapping[str, Any]] = None,
    callbacks: Sequence[Callback] = (),
    quiet: bool = False,
    allow_changed_data: bool = False,
    dry_run: bool = False,
) -> Run:
    """Train a run, or continue one.

    Args:
        config: A `Config`, the name of a preset, or a YAML file. None means the preset `classic`. With `resume`, the run's own
            configuration is used.
        run: The run's name. None means preset-data-date-time. With `resume`, the run to continue; None means the newest
            unfinished run that is no classifier.
        output: The folder of runs; None means `output` in the project.
        log: The folder of VisualDL records; None means `log` in the project.
        resume: Continue from the newest checkpoint. `train.steps` and `train.epochs` are totals and may be raised.
        overrides: {"section.key": value}, laid over the configuration.
        callbacks: Further `training.loop.Callback`s. They see each step before it is recorded and saved.
        quiet: Print nothing.
        allow_changed_data: With `resume`, continue although the images differ from those that the run has learnt so far. Their
            classes and their shape must be the same.
        dry_run: Write nothing, and only find out what would be done, and how long it would take: a few steps are timed.

    Returns:
        The trained `Run`. Its attribute `interrupted` names the signal that ended the training early, if one did. That of a dry run
        has the attribute `dry_run`, and networks that have only taken those few steps.

    Raises:
        InputError: The arguments or the data are wrong; nothing has been written.
        RunFailed: The run collapsed and could not be recovered, or its checkpoints are damaged.
        Interrupted: A `KeyboardInterrupt`: Ctrl-C before the first step or for the second time; the message says how to continue.

    Example:
        >>> run = train("classic", overrides={"train.steps": 300})
        >>> run.sample(64).show()
    """
    options: Dict[str, Any] = {"run": run, "output": output, "log": log, "resume": resume, "overrides": overrides, "quiet": quiet}
    return trained_or_told(
        lambda: prepare(config, allow_changed_data=allow_changed_data, **options),
        lambda prepared: train_prepared(prepared, callbacks=callbacks, dry_run=dry_run),
    )


@dataclass(frozen=True)
class _Job:
    """What stays the same in all stretches of a run."""

    prepared: Prepared
    process: runtime.Process
    callbacks: Tuple[Callback, ...]  # the caller's
    first_states: Tuple[str, ...]  # what they were at the beginning, as JSON
    generated: Any  # the generated part of a classifier's batches, or None

    @property
    def folder(self) -> Path:
        return self.prepared.folder

    @property
    def checkpoints(self) -> Path:
        return self.prepared.folder / "checkpoints"


@dataclass(frozen=True)
class _Built:
    """What a stretch trains; it belongs to the uses of rungs under which it was built."""

    config: Config
    algorithm: Algorithm
    batches: Union[Batches, MixedBatches]
    total_steps: int
    uses: List[dict]


def train_prepared(prepared: Prepared, *, callbacks: Sequence[Callback] = (), generated: Any = None, dry_run: bool = False) -> Run:
    """Train what `prepare` returned; see `train`.

    Args:
        generated: The generated part of a classifier's batches: an object with `images` (round -> `LabelledImages`), `read`
            (None, or what gives their soft labels) and `description` (plain values). None means real images alone.
    """
    if generated is not None and not (prepared.new or prepared.allow_changed_data):
        check_same_generated(prepared.folder, generated.description)
    options = prepared.config.runtime
    process = runtime.start(options.device, options.threads, options.cpu_tuning)
    runtime.check_precision(options.precision)
    processes.join()
    prepared = replace(prepared, quiet=prepared.quiet or not processes.first())
    recovery = _recovery_of(prepared.folder)
    if dry_run:
        return _rehearse(_Job(prepared, process, (), (), generated), recovery)
    memory = check_memory(prepared.config, prepared.images, prepared.unlabelled)
    built = _build(prepared, recovery, generated)  # refuses wrong settings before anything is written
    check_networks(built.algorithm, built.config.runtime.memory_limit)
    if memory is not None:
        prepared.report(f"training needs about {memory} MB of memory")
    processes.meet()  # all have read what they need, and nothing is written so far
    if not processes.first():
        return _train_beside(prepared, recovery, built, generated)
    check_writable(prepared.folder, prepared.log)
    if prepared.new and not prepared.named:
        prepared = replace(prepared, folder=take_folder(prepared.folder.parent, prepared.folder.name))
    with lock_folder(_make_run_folders(prepared)):
        if prepared.new:
            check_free(prepared.folder)  # again: another process may have been quicker
        recovery = _recovery_of(prepared.folder)
        first_states = tuple(json.dumps(callback.state()) for callback in callbacks)
        job = _Job(prepared, process, tuple(callbacks), first_states, generated)
        went_back = None
        while True:
            if built.uses != recovery.used:
                built = _build(prepared, recovery, generated)
            recovery.remove_given_up(job.checkpoints)
            try:
                return _train_stretch(job, built, recovery, went_back)
            except Collapsed as collapse:
                went_back = f"alarm at {collapse}; {_go_back(job, recovery, collapse)}"


def _rehearse(job: _Job, recovery: Recovery) -> Run:
    """Find out what a training would do, after all that could refuse it. Nothing is written."""
    prepared = job.prepared
    needs = needs_that_fit(prepared.config, prepared.images, prepared.unlabelled)  # before other networks are there
    built = _build(prepared, recovery, job.generated)
    check_networks(built.algorithm, built.config.runtime.memory_limit)
    check_writable(prepared.folder, prepared.log)
    refuse_if_locked(prepared.folder)
    state = {} if prepared.new else _restore(job, built, recovery)[0]
    step = state.get("step", 0)
    planned = dry_run_of(prepared, built.config, built.algorithm, built.batches, step, needs)
    return Run(prepared.folder, built.config, built.algorithm, step, state, dry_run=planned)


def _train_beside(prepared: Prepared, recovery: Recovery, built: _Built, generated: Any) -> Run:
    """Train as another process than the first, which alone writes: it says where each stretch begins, and under which rungs."""
    while True:
        folder, used, first_step, state = processes.of_first()
        prepared = replace(prepared, folder=Path(folder))
        if built.uses != used:
            recovery.used = used
            built = _build(prepared, recovery, generated)
        built.algorithm.share_state()
        config, interrupted, step = built.config, None, first_step
        try:
            if first_step < built.total_steps:
                progress = run_steps(built.algorithm, built.batches, built.total_steps, config.train.seed, first_step=first_step)
                interrupted, step = progress.interrupted, progress.step
            return Run(prepared.folder, config, built.algorithm, step, {**state, "step": step}, interrupted)
        except processes.FailedElsewhere:
            continue


def _recovery_of(folder: Path) -> Recovery:
    recovery = Recovery(folder)
    if recovery.failed:
        raise RunFailed(f"run {folder.name} has failed for good ({recovery.failed}); train again under another name")
    return recovery


def _make_run_folders(prepared: Prepared) -> Path:
    folder = prepared.folder
    for path in (folder.parent, prepared.log, folder, folder / "checkpoints"):
        make_folder(path)
    return folder


def _go_back(job: _Job, recovery: Recovery, collapse: Collapsed) -> str:
    """Note in `recovery` with which changed settings, and from which checkpoint, the run continues; returns the same in words."""
    config = job.prepared.config
    healthy = [step for step in whole_steps(job.checkpoints) if step <= collapse.healthy_step]
    rung = recovery.climb(collapse, max(healthy, default=0), config.health.tries, config)
    said = f"recovery {len(recovery.used)} of {config.health.tries}, from step {recovery.used[-1]['from_step']}: {rung.text}"
    job.prepared.report(said)
    return said


def _build(prepared: Prepared, recovery: Recovery, generated: Any) -> _Built:
    """Build the networks and the batches of a stretch.

    Raises:
        InputError: Settings that do not fit together or do not fit the data.
    """
    config, images = recovery.config(prepared.config), prepared.images
    with runtime.drawing_alone():
        runtime.seed_paddle(config.train.seed, "initial weights")
        algorithm = build(config, images.shape, images.class_names, images.counts())
        batches = training_batches(config, images, generated, pairs=algorithm.pairs, unlabelled=prepared.unlabelled)
        algorithm.prepare(batches)
    if config.diffaugment.fill == "auto" and algorithm.view:
        from ..augment.diffaugment import background  # imports Paddle, which takes seconds

        algorithm.view.fill = background(images.images)
    if prepared.real is not None:
        check_measurable(images.shape, config.eval.count, prepared.real)
    total_steps = planned_steps(config, algorithm.steps_per_epoch(batches))
    return _Built(config, algorithm, batches, total_steps, list(recovery.used))


def _train_stretch(job: _Job, built: _Built, recovery: Recovery, went_back: Optional[str] = None) -> Run:
    """Train from the newest checkpoint, or from the start, to the last step, an interruption or a collapse; `went_back` says why there.

    Raises:
        Collapsed: The samples or the losses say that the run has failed.
    """
    prepared, config, algorithm = job.prepared, built.config, built.algorithm
    resumes = not prepared.new or bool(recovery.used)
    state, latents = _restore(job, built, recovery) if resumes else ({}, _fixed_latents(built))
    first_step = state.get("step", 0)
    processes.of_first([str(job.folder), recovery.used, first_step, state])
    algorithm.share_state()
    if first_step >= built.total_steps:
        return _nothing_left(job, built, state)
    write_config(job.folder, prepared.config)
    name = log_name(job.folder, prepared.log, began=not prepared.new) if config.log.visualdl else job.folder.name
    records = Records(job.folder, prepared.log, name, visualdl=config.log.visualdl, resume_step=first_step if resumes else None)
    records.hyperparameters(hyperparameters(config), list(algorithm.losses))
    if went_back:  # what the records said was given up with the steps
        records.text(first_step, "health", went_back)
    origin = provenance(prepared.images, config, recovery.rungs, job.process, job.generated, prepared.unlabelled)
    with_state = [*_measures(job, config, records, latents, first_step, bool(recovery.used)), *job.callbacks]
    _set_states(job, recovery, with_state, state)
    best = state.get("best", best_noted(job.checkpoints, first_step)) if state else None
    writers = _writers(job, config, records, latents, origin, with_state, best)
    what = f"{len(prepared.images)} images of {prepared.images.source}"
    if prepared.unlabelled is not None:
        what += f", {len(prepared.unlabelled)} without labels"
    threads = f"{job.process.threads} thread" + ("" if job.process.threads == 1 else "s")
    if processes.count() > 1:
        threads = f"{processes.count()} processes of {threads}"
    prepared.report(f"run {job.folder}  ·  {what}  ·  {built.total_steps} steps  ·  {job.process.device}, {threads}")
    progress = run_steps(algorithm, built.batches, built.total_steps, config.train.seed, [*with_state, *writers], first_step)
    if progress.step == first_step and progress.stopped and config.classifier.patience:
        prepared.report(f"classifier.patience has stopped this run at step {first_step}: train a new one, with a larger value or without")
    return Run(job.folder, config, algorithm, progress.step, {"step": progress.step, **origin}, progress.interrupted)


# ---- where a stretch begins --------------------------------------------------------------------------------------------


def _fixed_latents(built: _Built) -> Optional[np.ndarray]:
    """The latents of every grid of the run, float32 [log.grid_images, latent_dim]; None for what makes no images."""
    config, algorithm = built.config, built.algorithm
    return algorithm.latents(config.log.grid_images, runtime.rng(config.train.seed, "fixed latents")) if algorithm.makes_images else None


def _restore(job: _Job, built: _Built, recovery: Recovery) -> Tuple[Dict[str, Any], Optional[np.ndarray]]:
    """Set the networks from the newest checkpoint; returns its state, {} where there is no checkpoint yet, and the fixed latents."""

    def algorithm_for(state: dict) -> Algorithm:
        recovery.count_of(state)  # refuses checkpoints that were made under other rungs
        return built.algorithm

    steps = whole_steps(job.checkpoints)
    light = [step for step in steps_on_disk(job.checkpoints) if step not in steps]
    of_light = f"the light {'checkpoint' if len(light) == 1 else 'checkpoints'} of step {listed(light)}"
    if light and steps and light[-1] > steps[-1]:
        job.prepared.report(f"{of_light} cannot be continued from: continuing from the whole one of step {steps[-1]}")
    restored = load_newest(job.checkpoints, algorithm_for, steps, warn=job.prepared.report, adopts=recovery.adopts)
    if restored:
        return restored[1], restored[2]
    if light:
        whole = f"whole is that of step {steps[-1]} alone, which is damaged" if steps else "the whole one is gone"
        raise RunFailed(f"run {job.folder}: {of_light} cannot be continued from, only sampled from, and {whole}: restore it, or train anew")
    if steps:
        raise RunFailed(f"run {job.folder}: no undamaged checkpoint is left; train it again under another name")
    if not recovery.used:
        job.prepared.report(f"run {job.folder.name} has no checkpoint yet: starting it afresh")
    return {}, _fixed_latents(built)


def _nothing_left(job: _Job, built: _Built, state: Dict[str, Any]) -> Run:
    """A run that has all its steps; all that is kept is where its data is now."""
    done = f"run {job.folder.name} is at step {state['step']}, and {built.total_steps} are asked for"
    job.prepared.report(f"{done}: nothing left to do; raise train.steps or train.epochs to train further")
    former, place = job.prepared.former, job.prepared.config.data.place
    if former is not None and former.data.place != place:
        former.data.place = place
        write_config(job.folder, former)
    return Run(job.folder, built.config, built.algorithm, state["step"], state)


def _set_states(job: _Job, recovery: Recovery, callbacks: List[Callback], state: Dict[str, Any]) -> None:
    """Set the callbacks to what they were at the checkpoint with this state; a run that went back begins with their first states."""
    if recovery.used:
        for callback, first in zip(job.callbacks, job.first_states):
            callback.load_state(json.loads(first))
    saved = state.get("callbacks", {})
    for name, callback in by_state_name(callbacks).items():
        if name in saved:
            try:
                callback.load_state(saved[name])
            except MALFORMED as error:
                path = job.checkpoints / f"step-{state['step']}" / "state.json"
                raise InputError(f"{path} has no state for {name} ({type(error).__name__}: {error})") from None


# ---- what happens around the steps; `training.loop.STAGES` is the order --------------------------------------------------


def _measures(
    job: _Job, config: Config, records: Records, latents: Optional[np.ndarray], first_step: int, recovers: bool
) -> List[Union[HealthMonitor, Validation, Callback]]:
    """The callbacks that measure a step."""
    prepared = job.prepared
    measures: List[Callback] = []
    if latents is not None:
        learnt = prepared.images if prepared.unlabelled is None else prepared.unlabelled
        monitored = config.health, learnt, latents, config.train.seed, first_step, records, prepared.report
        measures.append(HealthMonitor(*monitored, recovers))
    if prepared.validation is not None:
        measures.append(Validation(config, prepared.validation))
    if prepared.real is not None:
        from ..evaluation.callback import EvaluationCallback  # imports scikit-learn, which takes a second

        measures.append(EvaluationCallback(config, prepared.real, records, prepared.report))
    row = ALGORITHMS[config.algorithm]
    if latents is None or (row.classifies and not config.health.recover):
        read = next(key for key in ("optimizer.classifier_lr", "optimizer.discriminator_lr") if row.reads_key(key))
        measures.append(FiniteLosses(read))  # last: it looks at what the others call the best
    return measures


def _writers(
    job: _Job,
    config: Config,
    records: Records,
    latents: Optional[np.ndarray],
    origin: Dict[str, Any],
    with_state: List[Callback],
    best: Optional[dict],
) -> List[Callback]:
    """The callbacks that show, record, draw and save a step."""
    writers: List[Callback] = [] if job.prepared.quiet else [ProgressCallback()]
    writers.append(Recorder(records, config.log.every_steps))
    if latents is not None:
        writers.append(Grids(make_folder(job.folder / "samples"), records, latents, config.log.grid_every_steps, config.train.seed))
    if config.log.visualdl:
        images = job.prepared.images
        writers.append(NetworkGraphs(records, images.shape))
        writers.append(Distributions(records, config.log.histograms_every_steps, config.train.seed, latents, images))
    options = config.checkpoint
    how = options.every_steps, options.keep, options.light
    writers.append(Checkpoints(job.checkpoints, latents, origin, *how, by_state_name(with_state), best))
    return writers
