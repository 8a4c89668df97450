"""The generated part of a classifier's training images: a set on the disk, or images that a GAN draws again every so many steps.

What a GAN draws is a function of (seed, round). A run that resumes sees the same images, and none of them need to be stored.
"""

import sys
from typing import Any, Callable, Dict, Optional, Union

import numpy as np

from .. import runtime
from ..config.loading import Config
from ..console import listed
from ..data import DataSpec, LabelledImages, load
from ..data.load import NAMED
from ..data.notices import notice_once
from ..data.overlap import check_overlap, repeated
from ..data.written_set import MANIFEST
from ..errors import InputError, NoSuchPart, RunFailed
from ..files import find_path
from ..runs.places import check_run_or_images, is_run
from ..synthesis.drawing import draw_set
from ..synthesis.filter_runner import FilterRunner
from ..synthesis.filters import ATTEMPTS, chosen_filters
from ..synthesis.quotas import equal
from ..synthesis.reader import Reader, open_reader
from ..synthesis.sampler import Samplers, open_runs


def generated_part(config: Config, real: LabelledImages) -> "Union[_Renewed, _Stored]":
    """The images that `generated.*` of a configuration describes.

    Args:
        config: The configuration of a classifier.
        real: The images on which the classifier trains. The generated images must have the same classes and shape.

    Returns:
        An object with `images` (round -> `LabelledImages`), `read` (None, or float32 images [N, C, H, W] -> their soft labels float32
        [N, classes]), `filtered` (what the filters have dropped, or None), `stored` (the images if they lie on the disk, else None) and
        `description`, plain values for the checkpoints.

    Raises:
        InputError: There is no such set or run; it has other classes or another size; settings that only runs have are set for a set.
    """
    options, process = config.generated, config.runtime
    source = str(options.source)
    runtime.start(process.device, process.threads, process.cpu_tuning)
    path = find_path(source)
    if source not in NAMED:
        check_run_or_images(source)
    part: Union[_Renewed, _Stored]
    if is_run(source) or (path.is_dir() and any(path.glob("*/config.yaml"))):
        part = _Renewed(config, real)
    elif options.every_steps or options.classifier:
        settings = "generated.every_steps and generated.classifier"
        raise InputError(f"generated.source {source} is no run: {settings} are for images that a GAN draws")
    else:
        part = _Stored(source, real, _held_out(config))
    if options.teacher:
        teacher = open_reader(options.teacher, real, process.device, process.threads)
        part.read = lambda images: teacher.algorithm.read(images)[0]
        part.description["teacher"] = {"run": teacher.folder.name, "step": teacher.step}
    return part


def check_generated(part: "Union[_Renewed, _Stored, None]", tested: LabelledImages, config: Config) -> None:
    """Check that no test image is in the generated part; errors as of `check_overlap`."""
    if part is not None and part.stored is not None:
        check_overlap(part.stored, tested, config.data.allow_overlap, "images of the generated part")


def _held_out(config: Config) -> Optional[LabelledImages]:
    """The validation images of the data that a classifier learns; None where all of them train."""
    try:
        return load(DataSpec.of(config.data), "valid")
    except NoSuchPart:
        return None


class _Stored:
    """A set on the disk, in any form that `load` reads.

    Validation images of the data stay out, and of a set that `augment` wrote the training images too: they are no generated ones.
    """

    filtered = None
    read: Optional[Callable[[np.ndarray], np.ndarray]] = None
    description: Dict[str, Any]

    def __init__(self, name: str, real: LabelledImages, held_out: Optional[LabelledImages] = None) -> None:
        source = DataSpec(str(name), image_size=real.image_size, channels=real.channels)
        images = load(source, "train", split="full")
        known = np.zeros(len(images), bool)
        for own in (real if (find_path(name) / MANIFEST).is_file() else None, held_out):
            if own is not None and own.shape == images.shape:
                known |= repeated(images.images, own.images)
        if known.all():
            raise InputError(f"generated.source {name} holds no generated image: all of its {len(images)} images are in {real.source} too")
        if known.any():
            notice_once(f"{name}: {known.sum()} of its {len(images)} images are in {real.source} too; the others are the generated part")
        self._images = as_classes(images.subset(~known) if known.any() else images, real)
        self.description = {"source": str(name), "fingerprint": self._images.fingerprint(), "count": len(self._images)}

    @property
    def stored(self) -> LabelledImages:
        """The images, which lie on the disk."""
        return self._images

    def images(self, number: int) -> LabelledImages:
        """The images, the same in every round."""
        return self._images


class _Renewed:
    """Images that a GAN draws, `generated.per_class` of each class at once."""

    stored = None
    read: Optional[Callable[[np.ndarray], np.ndarray]] = None
    description: Dict[str, Any]

    def __init__(self, config: Config, real: LabelledImages) -> None:
        options, process = config.generated, config.runtime
        self._seed, self._per_class = config.train.seed, options.per_class
        self._samplers = Samplers(open_runs(options.source, "last", process.device, process.threads))
        if not self._samplers.labelled:
            raise InputError(
                f"generated.source {options.source} makes images without classes: give a conditional run, or one for each class"
            )
        if self._samplers.class_names != real.class_names or self._samplers.shape != real.shape:
            raise InputError(f"generated.source {options.source} makes images of other classes or another size than {real.source}")
        fingerprints = {self._samplers.parts.read("train").fingerprint(), real.fingerprint()}
        if len(fingerprints) > 1:
            print(f"warning: {options.source} learnt other images than this classifier does", file=sys.stderr)
        self._runner = None
        if options.classifier:
            names = chosen_filters(None, True)
            parts = self._samplers.parts
            reader = Reader(open_reader(options.classifier, parts.read("train"), process.device, process.threads), parts)
            self._runner = FilterRunner(self._samplers, names, reader)
        self.description = {
            "runs": self._samplers.origins,
            "filters": self._runner and {"classifier": self._runner.classifier, "names": names},
        }

    @property
    def filtered(self) -> Optional[Dict[str, Any]]:
        """What the filters have dropped so far, as in dropped.json; None without filters."""
        return None if self._runner is None else self._runner.chain.report.to_json()

    def images(self, number: int) -> LabelledImages:
        """The images of a round, counted from 0."""
        quotas = equal(self._samplers, self._per_class)
        seed = int(runtime.rng(self._seed, "renewed", number).integers(2**31))
        images, missing = draw_set(self._samplers, self._runner, quotas, seed, ATTEMPTS)
        if missing:
            short = listed(missing)
            raise RunFailed(
                f"the GAN made fewer than {self._per_class} images (generated.per_class) of the classes {short} that pass the filters: "
                "filter less, or train the GAN longer"
            )
        return images


def as_classes(images: LabelledImages, real: LabelledImages) -> LabelledImages:
    """The images with the class names of `real`, which may be more, and in another order.

    Raises:
        InputError: A class that `real` does not have, or another shape.
    """
    strange = [name for name in images.class_names if name not in real.class_names]
    if strange or images.shape != real.shape:
        problem = f"have a class {strange[0]}" if strange else f"are {list(images.shape)}"
        expected = f"classes {listed(real.class_names)}, {list(real.shape)}"
        raise InputError(f"the images of {images.source} {problem}, and do not fit {real.source} ({expected})")
    indices = [real.class_names.index(name) for name in images.class_names]
    labels = np.array(indices, dtype=np.int64)[images.labels]
    return LabelledImages(images.images, labels, real.class_names, images.source)
