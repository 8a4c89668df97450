"""What `augment_data` is about to do: which GAN it trains or uses, on which images, and how many images of each class
it makes.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from .. import runtime
from ..algorithms import build
from ..algorithms.registry import ALGORITHMS
from ..augment.policies import Policy, policy_for
from ..config.loading import GAN_OF_ALL_CLASSES, GAN_OF_ONE_CLASS, VARYING, Config, load_config, to_flat
from ..console import listed
from ..data import DataSpec, LabelledImages, check_overlap
from ..data.class_names import check_class_folders
from ..data.load import place_of
from ..errors import InputError
from ..files import check_outside, find_path, use_cache
from ..runs.batch_size import fit_batch_size
from ..runs.opened import Run
from ..runs.places import check_run_name, run_folder
from .data_parts import DataParts
from .filters import Filters
from .held_out import FOLDS, needs_folds
from .quotas import lacking
from .reader import Reader, open_reader
from .real_files import RealPart, left_to_readers, real_parts
from .sampler import Runs, Samplers, expand, open_runs

MOST_EPOCHS = 100  # of the filters' classifier, where data is small
OF_USE = ("runtime.", "log.", "train.seed", "data.policy")  # settings that also a trained GAN leaves open


@dataclass
class Plan:
    """What `augment_data` is about to do.

    Attributes:
        config: of the GAN. data: the images that it learns, with the other parts of the data.
        parts: what becomes the real part of the set. quotas: {class name: images to generate}.
        filters: which images are kept; its names are those of the filters that run.
        name: of the runs that are trained. seed: of the latents.
        policy: of classical augmentation, for whoever reads the set.
        per_class_runs: whether to train one GAN for each class.
        note: what the user should know, or None.
        new_classes: they alone get images. What varies images learns the others; another GAN learns all classes alike.
        samplers: of trained runs; None = the GAN is still to be trained.
        reader: the filters' classifier; None = it is still to be trained, or no filter needs one.
    """

    config: Config
    data: DataParts
    parts: List[RealPart]
    quotas: Dict[str, int]
    filters: Filters
    name: str
    seed: int
    policy: Policy
    per_class_runs: bool = False
    note: Optional[str] = None
    new_classes: Tuple[str, ...] = ()
    samplers: Optional[Samplers] = None
    reader: Optional[Reader] = None

    @property
    def learnt(self) -> LabelledImages:
        """The images that the GAN and the filters' classifier learn."""
        return self.data.read("train")

    @property
    def class_names(self) -> Tuple[str, ...]:
        """The classes of the data."""
        return self.parts[0].class_names

    @property
    def counts(self) -> Dict[str, int]:
        """{class name: real training images}."""
        return dict(zip(self.class_names, map(int, self.parts[0].counts())))

    @property
    def folds(self) -> int:
        """How many networks beside the filters' classifier learn parts of the images, see `held_out`."""
        return FOLDS if self.filters.names and needs_folds(self.learnt, self.data.find("valid")) else 0

    def gan_config(self) -> Config:
        """The configuration of the GAN that is trained: with new classes it learns those that have many images, or all alike."""
        if not self.new_classes:
            return self.config
        if not ALGORITHMS[self.config.algorithm].varies:
            return load_config(self.config, {"classifier.sampling": "balanced"})
        return load_config(self.config, {"data.classes": self._base()})

    def _base(self) -> List[str]:
        return [name for name in self.learnt.filled_classes if name not in self.new_classes]

    def learnt_by_gan(self) -> LabelledImages:
        """The images that the GAN learns: with new classes and what varies images, those of the other classes."""
        varies = self.new_classes and ALGORITHMS[self.config.algorithm].varies
        return self.learnt.of_classes(self._base()) if varies else self.learnt

    def classifier_config(self) -> Config:
        """The configuration of the filters' classifier: the preset `classifier` on the GAN's images, shorter where
        there are few.
        """
        count = len(self.learnt)
        config = load_config("classifier", {"train.seed": self.config.train.seed, "train.batch_size": min(128, count)})
        config.data, config.runtime, config.log = self.config.data, self.config.runtime, self.config.log
        config.train.steps = min(config.train.steps, MOST_EPOCHS * (count // config.train.batch_size))
        return config


def make_plan(
    to: Path,
    config: Union[Config, str, Path, None],
    overrides: Dict[str, Any],
    runs: Optional[Runs],
    per_class_runs: Optional[bool],
    per_class: Optional[int],
    ratio: Optional[float],
    filters: Filters,
    seed: Optional[int],
    new_classes: Sequence[str] = (),
) -> Plan:
    """Find out what `augment_data` has to do; its arguments are explained there.

    Raises:
        InputError: as `augment_data`.
    """
    if runs:
        if config is not None or per_class_runs:
            raise InputError("runs: these are trained GANs: leave `config` and per_class_runs out")
        config, opened = _opened(runs, overrides)
        seed = overrides.get("train.seed", 0) if seed is None else seed
    else:
        usual = VARYING if new_classes else GAN_OF_ONE_CLASS if per_class_runs else GAN_OF_ALL_CLASSES
        config, opened = load_config(config or usual, overrides), None
        _check_all_classes(config)
    seed = runtime.check_seed(config.train.seed if seed is None else seed)
    use_cache(config.runtime.cache)
    filters = _complete(filters)
    data = DataParts(DataSpec.of(config.data))
    check_outside(to, place_of(data.spec))
    parts = real_parts(data, not runs and "data.split" not in overrides and left_to_readers(data.spec))
    learnt = data.read("train")
    check_class_folders(learnt.filled_classes, to)
    if (test := data.find("test", "standard")) is not None:
        check_overlap(learnt, test, config.data.allow_overlap)
    process, reader = config.runtime, None
    if filters.classifier is not None and filters.names:
        reader = Reader(open_reader(filters.classifier, learnt, process.device, process.threads), data)
    quotas, note = _quotas(parts[0], config.data.source, per_class, ratio)
    if new_classes:
        (quotas, new_classes), note = _of_new(quotas, new_classes, learnt), None
    policy, new = policy_for(config.data.source, learnt.channels, config.data.policy), tuple(dict.fromkeys(new_classes))
    name = check_run_name(to.resolve().name.lstrip(".") or "augmented")
    plan = Plan(config, data, parts, quotas, filters, name, seed, policy, bool(per_class_runs), note, new, reader=reader)
    if opened:
        plan.samplers = Samplers(opened, data, varying=bool(new))
        _check_asked_by_class(plan.samplers)
        _check_learnt(quotas, plan.samplers.names, f"the run {opened[0].folder}")
    else:
        _check_learnt(quotas, learnt.filled_classes, "the GAN")
        conditional = _is_conditional(config, learnt, bool(new))
        plan.per_class_runs = not conditional if per_class_runs is None else per_class_runs
        if not plan.per_class_runs:  # those of one class have batches of their own size
            plan.config = fit_batch_size(config, plan.learnt_by_gan(), overrides)
        if new and plan.per_class_runs:
            raise InputError(
                "new_classes need one GAN that learns from the other classes: leave per_class_runs out, or choose another preset"
            )
    return plan


def _check_all_classes(config: Config) -> None:
    if config.data.class_name is not None:
        raise InputError(f"data.class_name is {config.data.class_name}, and all classes are augmented: leave it out")


def _complete(filters: Filters) -> Filters:
    """The filters with the names of those that run. A classifier is trained if none is given."""
    names = "default" if filters.names is None else filters.names
    chosen = replace(filters, names=names, classifier=filters.classifier or "to be trained").chosen()
    return replace(filters, names=chosen, relax=names == "default")  # filters that nobody chose do not keep a class from being filled


def _opened(runs: Runs, overrides: Dict[str, Any]) -> Tuple[Config, List[Run]]:
    """(the configuration of trained runs, with what they leave open laid over it; the opened runs).

    Raises:
        InputError: other data, or settings that have no effect any more.
    """
    found = expand(runs)
    folder = found[0].folder if isinstance(found[0], Run) else run_folder(found[0])
    of_process = {key: value for key, value in overrides.items() if key.startswith("runtime.")}
    process = load_config(folder / "config.yaml", of_process).runtime  # Paddle starts once, with what was asked for
    opened = open_runs(found, "last", process.device, process.threads)
    first = opened[0]
    before, asked = to_flat(load_config(first.config)), to_flat(load_config(first.config, overrides))
    given, learnt = overrides.get("data.source", before["data.source"]), before["data.source"]
    if given != learnt and find_path(given).resolve() != place_of(DataSpec.of(first.config.data)).resolve():
        raise InputError(f"run {first.folder} learnt {learnt}, not {given}: train a GAN instead of giving a run")
    ignored = [key for key in overrides if not key.startswith(OF_USE) and key != "data.source" and asked[key] != before[key]]
    if ignored:
        kept = ", ".join(f"{key} is {before[key]}" for key in ignored)
        raise InputError(
            f"trained runs keep their settings: {kept} in {first.folder}; leave it out, or train a GAN instead of giving a run"
        )
    config = load_config(first.config, {key: value for key, value in overrides.items() if key.startswith(OF_USE)})
    config.data.class_name = None
    return config, opened


def _quotas(train: RealPart, source: str, per_class: Optional[int], ratio: Optional[float]) -> Tuple[Dict[str, int], Optional[str]]:
    """({class name: images to generate}, what the user should know of it or None) for the real training part."""
    counts, note = train.counts(), None
    filled = counts[counts > 0]
    if per_class is None and ratio is None and len(filled) > 1 and filled.min() == filled.max():
        ratio = 1.0
        note = (
            f"no class lacks an image, all have {filled[0]}: as many again are generated of each, from which a classifier may learn "
            "more where images are few; per_class (real and generated together) or `ratio` (generated for each real one) change that"
        )
    quotas = {name: int(n) for name, n, count in zip(train.class_names, lacking(counts, per_class, ratio), counts) if n and count}
    if not quotas and len(filled) == 1:
        problem = f"{source} is one class alone: is the folder one level too deep, or without class folders?"
        raise InputError(f"{problem} If it is meant, no class lacks an image: give `per_class` or `ratio` to add some")
    if not quotas:
        raise InputError(f"no class of {source} has fewer than {per_class} images: give a larger per_class, real and generated together")
    return quotas, note


def _of_new(quotas: Dict[str, int], new: Sequence[str], learnt: LabelledImages) -> Tuple[Dict[str, int], List[str]]:
    """(what new classes lack, their names: one may be given by its number).

    Raises:
        InputError: no such class, no other class to learn from, or none of them lacks an image.
    """
    new = [learnt.class_names[learnt.class_index(name)] for name in new]
    if set(learnt.filled_classes) <= set(new):
        raise InputError("new_classes: all classes are new: leave at least one from which variation can be learnt")
    found = {name: count for name, count in quotas.items() if name in new}
    if not found:
        raise InputError(f"new_classes: {listed(new)} lack no image: name classes with few, or give per_class")
    return found, new


def _check_asked_by_class(samplers: Samplers) -> None:
    if not samplers.labelled:
        folder = samplers.runs[0].folder
        raise InputError(f"run {folder} cannot be asked for a class: give a conditional run, or one run for each class")


def _check_learnt(quotas: Dict[str, int], learnt: Sequence[str], who: str) -> None:
    strange = [name for name in quotas if name not in learnt]
    if strange:
        raise InputError(f"{who} learns no image of the class {strange[0]}, and cannot make any: it learns {', '.join(learnt)}")


def _is_conditional(config: Config, images: LabelledImages, varying: bool = False) -> bool:
    """Whether a configuration's GAN can be asked for images by class; with `varying` also one that varies real images.

    Raises:
        InputError: it is no GAN that draws new images.
    """
    runtime.start(config.runtime.device, config.runtime.threads, config.runtime.cpu_tuning)
    algorithm = build(config, images.shape, images.class_names)
    if not algorithm.makes_images:
        raise InputError(f"{config.preset} makes no images: choose a GAN (train --list-presets prints them)")
    if algorithm.varies_images and not varying:
        raise InputError(
            f"{config.preset} varies real images: choose a GAN that draws new ones, or train it and use it by itself "
            "(`vary`; generate --from DATA)"
        )
    return algorithm.conditional or algorithm.varies_images
