"""One command from a labelled data set to an augmented one: train the GAN and the filters' classifier, generate what is wanted, and
put it beside the real images.

Every stage leaves something on the disk that a later `--resume` finds: runs, the unfinished set, copied files. The manifest comes
last: a folder that has one is complete.
"""

import dataclasses
import itertools
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .. import runtime
from ..algorithms import build
from ..algorithms.checks import check_config
from ..augment.policies import Policy, choice_of, policy_for
from ..augment.preview import before_and_after, shown_images
from ..config.loading import GAN_OF_ALL_CLASSES, GAN_OF_ONE_CLASS, load_config, to_flat
from ..console import listed, one_line
from ..data import DataSpec, LabelledImages, check_overlap, load, test_part
from ..data.load import place_of
from ..data.written_set import DESCRIPTION, MANIFEST, read_manifest
from ..errors import InputError, NoSuchPart, RunFailed
from ..files import atomic_write, find_path, make_folder, project_root, remove_temporaries, write_json
from ..pictures import save_png
from ..runs.batch_size import fit_batch_size
from ..runs.batches import training_images
from ..runs.opened import open_run
from ..runs.per_class import train_per_class
from ..runs.places import check_run_name, is_run, run_folder, run_folders
from ..runs.run import train
from .estimate import estimate
from .filter_runner import aside_lines, chosen_filters, open_reader
from .generate import DROPPED, GRID, Filters, QuotaNotMet, count_by_class, generate, worth
from .held_out import FOLDS, held_out, needs_folds
from .quotas import lacking
from .real_files import GENERATED, left_to_readers, on_disk, real_parts
from .sampler import Samplers, expand
from .writers import WRITTEN, json_line, write_lists

WORK = ".generated"
MOST_EPOCHS = 100  # of the filters' classifier, where data is small
OF_USE = ("runtime.", "log.", "train.seed", "data.policy")  # settings that also a trained GAN leaves open


@dataclass
class Plan:
    """What `augment` is about to do.

    Attributes:
        config: of the GAN. runs: trained ones to use, or None. per_class_runs: whether to train one for each class.
        filters: their names. classifier: a run, or None. wanted: {class name: images to generate}.
        parts: `real_files.RealPart`s. learnt: the images that the runs learn. name: of the runs that are trained.
        seed: of the latents. policy: of classical augmentation, for whoever reads the set. note: what is to be said, or None.
    """

    config: Any
    runs: Optional[list]
    per_class_runs: bool
    filters: list
    classifier: Optional[object]
    wanted: dict
    parts: list
    learnt: LabelledImages
    name: str
    seed: int
    policy: Policy
    note: Optional[str] = None

    def planned(self, to):
        """What `augment_data` returns before anything is made."""
        real = zip(self.parts[0].class_names, self.parts[0].counts())
        return self._result(to, {name: (int(count), self.wanted.get(name, 0)) for name, count in real})

    def done(self, to):
        """What `augment_data` returns in the end: the counts are those of the files on the disk."""
        return {**self._result(to, on_disk(to, self.parts[0].class_names)), "worth": worth(to)}

    def _result(self, to, counts):
        """counts: {class name: (real, generated) training images}."""
        short = {name: n - counts[name][1] for name, n in self.wanted.items() if n > counts[name][1]}
        rows = [(name, real, made, real + made) for name, (real, made) in counts.items()]
        table = [*rows, ("all", *(sum(row[i] for row in rows) for i in (1, 2, 3)))]
        return {
            "to": str(to),
            "table": table,
            "short": short,
            "reading": self._reading(),
            "policy": choice_of(self.policy),
            "note": self.note,
            "source": self.config.data.source,
        }

    def _reading(self):
        """{setting of `data`: value}: how the set must be read again, since the real files are copied as they are."""
        usual, source = DataSpec(), DataSpec.of(self.config.data)
        in_the_set = ("name", "place", "valid_share", "seed", "classes", "per_class", "skip_bad", "class_name", "split")
        names = [field.name for field in dataclasses.fields(DataSpec) if field.name not in in_the_set]
        return {name: getattr(source, name) for name in names if getattr(source, name) != getattr(usual, name)}


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
    seed=None,
    truncation=None,
    resume=False,
    dry_run=False,
    quiet=False,
):
    """Write a labelled data set with generated images beside its real ones.

    `to/train/<class>/` gets the real training images, untouched, and generated-000000.png …; `to/valid` and `to/test` the data's other
    real images; manifest.jsonl names the generated ones. By default every class becomes as large as the largest; where all are equally
    large, twice as large. Lists for other programs lie beside, see `writers.write_lists`.

    Args:
        to: a folder that is missing or empty, or with `resume` one that was begun by the same command.
        config, overrides: of the GAN, as for `train`; `data.*` is the data. Images that are held out for validation are not learnt. Of
            class folders without a validation part they go into `to/train` with the others, and whoever reads the set holds the same ones
            out again.
        runs: trained runs of this data to use instead of training; they leave no setting of the GAN open.
        per_class_runs: train one GAN for each class that lacks images; None = where the algorithm cannot be asked by class.
        per_class: images of each class, real and generated together. ratio: generated images for each real one, see `quotas.lacking`.
        filters: `generate.Filters`; without a classifier one is trained on the same images.
        output, log: the folders of runs and of records, as for `train`.
        seed: of the latents; None = `train.seed` of the configuration, and 0 with `runs`.
        dry_run: write nothing but a picture of what the policy does, in the cache, and say what would be done and how long it would take.

    Returns:
        A dict: to, table, short ({class: images missing}), reading (settings of `data` such as image_size: the real files are copied as
        they are, so the set must be read with them again), policy, note (what else is to be said, or None), and in the end worth, see
        `generate.worth`; for a dry run picture (of the policy) and the steps with their estimated seconds.

    Raises:
        InputError: as `train` and `generate`; runs of other data; settings that trained runs would ignore; a class that is to get
            images and of which none are learnt. RunFailed: a class stayed short, or a run collapsed.
    """
    to = Path(to).expanduser()
    _check_target(to, resume)
    plan = _plan(to, config, overrides or {}, runs, per_class_runs, per_class, ratio, filters or Filters(), seed)
    if not resume:
        _refuse_old_runs(plan, run_folders(output, log)[0])
    if dry_run:
        return {**plan.planned(to), "picture": str(_draw_policy(plan)), "steps": _estimate(plan)}
    if resume and (to / MANIFEST).is_file() and not (to / WORK).is_dir():
        _check_same(to, plan)
        print(f"{to} is complete: nothing left to do; another set needs another --to", file=sys.stderr)
        return {**plan.done(to), "note": None}
    make_folder(to / WORK)
    _train_what_is_missing(plan, output, log, resume, quiet)
    failure = _generate(to / WORK / "set", plan, truncation, filters or Filters(), resume, quiet)
    for part in plan.parts:
        part.write(to)
    _move(to, plan)
    _check_complete(to, plan)
    if failure:
        raise RunFailed(
            f"{failure.reason}; the real images and what could be generated are in {to}, {DROPPED} says why; "
            "go on with --resume and more --attempts or other filters, or begin anew with a longer training (--steps) and another --to"
        )
    remove_temporaries(to, WRITTEN)
    shutil.rmtree(to / WORK)
    return plan.done(to)


def _check_same(to, plan):
    """Raise an InputError if the complete set `to` is not what is asked for: other data, or other numbers."""
    source = plan.config.data.source
    there = on_disk(to, plan.parts[0].class_names)
    strange = next((name for part in plan.parts for name in part.lacking(to)), None)
    if strange is None and any(there[name][0] != count for name, count in zip(plan.parts[0].class_names, plan.parts[0].counts())):
        strange = "train"
    if strange is not None:
        raise InputError(f"{to} is complete, and its {strange} is not that of {source}: choose another --to")
    held = count_by_class(to)
    if held != plan.wanted:
        told, asked = (listed(f"{name}: {n}" for name, n in counts.items()) for counts in (held, plan.wanted))
        raise InputError(f"{to} is complete with other numbers of generated images ({told}; asked for {asked}): choose another --to")


def _estimate(plan):
    if not plan.filters:
        return estimate(plan)
    return estimate(plan, classifier_config(plan), FOLDS if needs_folds(plan.learnt, _validation(plan)) else 0)


def _check_target(to, resume):
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not to.is_dir():
        raise InputError(f"{to} is a file: choose a new or empty folder")
    if not ((to / WORK).is_dir() or (to / MANIFEST).is_file()):
        raise InputError(f"{to} is not empty, and not of augment: nothing is overwritten; choose an empty or new folder")
    if not resume and (to / WORK).is_dir():
        raise InputError(f"{to} holds an interrupted augment: go on with --resume, or choose an empty or new folder")
    if not resume:
        raise InputError(f"{to} is not empty: nothing is overwritten; choose an empty or new folder, or go on with --resume")


# ---- the plan ----------------------------------------------------------------------------------------------------------


def _plan(to, config, overrides, runs, per_class_runs, per_class, ratio, filters, seed):
    if runs:
        if config is not None or per_class_runs:
            raise InputError("--run uses trained GANs; leave --gan and --per-class-runs, which train some, out")
        config = _config_of_runs(runs, overrides)
        seed = overrides.get("train.seed", 0) if seed is None else seed
    else:
        config = load_config(config or (GAN_OF_ONE_CLASS if per_class_runs else GAN_OF_ALL_CLASSES), overrides)
        check_config(config)
        if config.data.class_name is not None:
            raise InputError("augment makes all classes: leave --digit or --class out")
    seed = config.train.seed if seed is None else seed
    if not isinstance(seed, int) or seed < 0:
        raise InputError(f"--seed {seed}: a seed is a whole number from 0")
    names = chosen_filters(filters.names if filters.names is not None else "default", True)
    _check_beside(to, config.data.source)
    source = DataSpec.of(config.data)
    parts = real_parts(source, not runs and "data.split" not in overrides and left_to_readers(source))
    learnt = training_images(config)
    if (test := test_part(source)) is not None:
        check_overlap(learnt, test, config.data.allow_overlap)
    if filters.classifier is not None and names:
        open_reader(filters.classifier, learnt, config.runtime.device, config.runtime.threads)
    wanted, note = _wanted(parts[0], config.data.source, per_class, ratio)
    if runs:
        samplers = Samplers(runs, "last", config.runtime.device, config.runtime.threads)
        _check_learnt(wanted, [samplers.name(c) for c in samplers.classes] if samplers.labelled else wanted, f"the run {runs[0]}")
    else:
        _check_learnt(wanted, [name for name, count in zip(learnt.class_names, learnt.counts()) if count], "the GAN")
        conditional = _algorithm(config, learnt).conditional
        per_class_runs = not conditional if per_class_runs is None else per_class_runs
        if not per_class_runs:  # those of one class have batches of their own size
            config = fit_batch_size(config, learnt, overrides)
    policy = policy_for(config.data.source, learnt.channels, config.data.policy)
    name = check_run_name(to.resolve().name.lstrip(".") or "augmented")
    return Plan(config, runs, bool(per_class_runs), names, filters.classifier, wanted, parts, learnt, name, seed, policy, note)


def _config_of_runs(runs, overrides):
    """The configuration of trained runs, with what they leave open laid over it.

    Raises:
        InputError: other data, or settings that have no effect any more.
    """
    first, of_process = expand(runs)[0], {key: value for key, value in overrides.items() if key.startswith("runtime.")}
    process = load_config(run_folder(first) / "config.yaml", of_process).runtime  # Paddle starts once, with what was asked for
    opened = open_run(first, device=process.device, threads=process.threads)
    before, asked = to_flat(load_config(opened.config)), to_flat(load_config(opened.config, overrides))
    given = overrides.get("data.source", before["data.source"])
    if given != before["data.source"] and find_path(given).resolve() != place_of(DataSpec.of(opened.config.data)).resolve():
        learnt, other = before["data.source"], asked["data.source"]
        raise InputError(f"run {opened.folder} learnt {learnt}, not {other}: leave --run out to train one")
    ignored = [key for key in overrides if not key.startswith(OF_USE) and key != "data.source" and asked[key] != before[key]]
    if ignored:
        told = ", ".join(f"{key} is {before[key]}" for key in ignored)
        raise InputError(f"--run uses trained GANs, whose settings stay: {told} in {opened.folder}; leave it out, or train without --run")
    config = load_config(opened.config, {key: value for key, value in overrides.items() if key.startswith(OF_USE)})
    config.data.class_name = None
    return config


def _wanted(train, source, per_class, ratio):
    """({class name: images to generate}, what is to be said of it or None) for the real training part."""
    counts, note = train.counts(), None
    filled = counts[counts > 0]
    if per_class is None and ratio is None and len(filled) > 1 and filled.min() == filled.max():
        ratio = 1.0
        note = (
            f"no class lacks an image, all have {filled[0]}: as many again are generated of each, from which a classifier may learn "
            "more where images are few; --per-class N (real and generated together) or --ratio R (generated for each real one) change that"
        )
    wanted = {name: int(n) for name, n, count in zip(train.class_names, lacking(counts, per_class, ratio), counts) if n and count}
    if not wanted and len(filled) == 1:
        alone = f"{source} is one class alone: is the folder one level too deep, or without class folders?"
        raise InputError(f"{alone} If it is meant, no class lacks an image: give --per-class or --ratio to add some")
    if not wanted:
        raise InputError(f"no class of {source} has fewer than {per_class} images: give a larger --per-class, real and generated together")
    return wanted, note


def _check_learnt(wanted, learnt, who):
    strange = [name for name in wanted if name not in learnt]
    if strange:
        raise InputError(f"{who} learns no image of the class {strange[0]}, and cannot make any: it learns {', '.join(learnt)}")


def _check_beside(to, data):
    """Raise an InputError if the set would lie inside the folder of its own data."""
    folder = find_path(data)
    if folder.is_dir() and to.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{to} lies inside the data {data}, where it would be taken for a part of it: choose another --to")


def _algorithm(config, images):
    """The untrained algorithm of a configuration for training images, to ask what it can do."""
    runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    algorithm = build(config, images.shape, images.class_names)
    if not algorithm.makes_images:
        raise InputError(f"{config.preset} makes no images: choose a GAN, train --list-presets prints them")
    if algorithm.varies_images:
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
            plan.runs = [train_per_class(plan.config, run=name, resume=going_on, classes=plan.wanted, **where).folder]
        else:
            plan.runs = [_train(plan.config, name, folder, resume, where).folder]


def _say_what_steps_aside(plan):
    process, real = plan.config.runtime, plan.learnt
    reading = held_out(open_run(plan.classifier, device=process.device, threads=process.threads), real, _validation(plan))
    for line in aside_lines(reading, plan.filters, real.class_names, [real.class_names.index(name) for name in plan.wanted]):
        print(one_line(line), file=sys.stderr, flush=True)


def _validation(plan):
    """The images that neither GAN nor classifier learns, or None."""
    try:
        return load(DataSpec.of(plan.config.data), "valid")
    except NoSuchPart:
        return None


def _train(config, name, folder, resume, where):
    begun = resume and is_run(folder / name)
    if begun:
        before = load_config(folder / name / "config.yaml")
        if DataSpec.of(before.data) != DataSpec.of(config.data):
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
    config = load_config("classifier", {"train.seed": plan.config.train.seed, "train.batch_size": min(128, len(plan.learnt))})
    config.data, config.runtime, config.log = plan.config.data, plan.config.runtime, plan.config.log
    config.train.steps = min(config.train.steps, MOST_EPOCHS * (len(plan.learnt) // config.train.batch_size))
    return config


# ---- the set -----------------------------------------------------------------------------------------------------------


def _generate(folder, plan, truncation, filters, resume, quiet):
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
            plan.seed,
            "last",
            process.device,
            process.threads,
            quotas=plan.wanted,
            truncation=truncation,
            filters=chosen,
            resume=resume and folder.is_dir(),
            quiet=quiet,
        )
    except QuotaNotMet as failure:
        return failure
    return None


def _move(to, plan):
    """Put the generated images beside the real ones, and over them all what is known of them; the manifest comes last."""
    made = to / WORK / "set"
    rows = []
    for row in read_manifest(made) if (made / MANIFEST).is_file() else ():
        folder, _, number = row["file"].partition("/")
        rows.append({**row, "file": f"train/{folder}/{GENERATED}{number}"})
        if (made / folder / number).exists():
            shutil.copyfile(made / folder / number, to / rows[-1]["file"])
    for name in (DROPPED, GRID):
        if (made / name).is_file():
            shutil.copyfile(made / name, to / name)
    write_lists(to, lambda: itertools.chain(_real_rows(plan), ((row["file"], row["class"], "train", True) for row in rows)), _splits(plan))
    write_json(to / DESCRIPTION, {"version": 1, "policy": choice_of(plan.policy)})
    with atomic_write(to / MANIFEST, "w") as file:
        file.writelines(map(json_line, rows))


def _real_rows(plan):
    """(path, class, split, False) of every real image, in the split in which a reader of the set finds it."""
    for part in plan.parts:
        for i, (name, label) in enumerate(zip(part.names, part.labels)):
            held_out = part.held_out is not None and part.held_out[i]
            yield name, part.class_names[label], "valid" if held_out else part.folder, False


def _splits(plan):
    found = {split for _, _, split, _ in _real_rows(plan)}
    return [split for split in ("train", "valid", "test") if split in found]


def _check_complete(to, plan):
    """Every real training image is on the disk.

    Raises:
        RunFailed: one is not.
    """
    there = on_disk(to, plan.parts[0].class_names)
    for name, count in zip(plan.parts[0].class_names, plan.parts[0].counts()):
        if there[name][0] != count:
            raise RunFailed(f"{to / 'train' / name} holds {there[name][0]} real images, not {count}: has something else written there?")


def _draw_policy(plan):
    """A picture of what the policy makes of some of the images, in the cache; returns its path."""
    folder = make_folder(project_root() / "output" / ".cache")
    sheet = before_and_after(shown_images(plan.learnt), {plan.policy.name: plan.policy}, runtime.rng(plan.seed, "preview policies"))
    save_png(folder / f"policy-{plan.name}.png", sheet)
    return folder / f"policy-{plan.name}.png"
