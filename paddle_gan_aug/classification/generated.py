"""A classifier that learns from real and generated images together: from a set on the disk, or from a GAN that makes it anew now and then.

A renewed part is a function of (seed, round): a run that resumes sees the same images, and nothing of them needs to be stored.
"""

import sys

import numpy as np

from .. import runtime
from ..data import DataSpec, LabelledImages, load
from ..errors import InputError, RunFailed
from ..files import find_path, listed
from ..runs.places import is_run
from ..synthesis.drawing import draw_set
from ..synthesis.filter_runner import FilterRunner
from ..synthesis.filters import ATTEMPTS, chosen_filters
from ..synthesis.quotas import equal
from ..synthesis.reader import Reader, open_reader
from ..synthesis.sampler import Samplers, open_runs
from .classify import classify as learn


def classify(config=None, test=None, **options):
    """Train a classifier, with a generated part if `generated.source` names one, and test it; see `training.classify`."""
    return learn(config, test, generated=generated_part, **options)


def generated_part(config, real):
    """What `generated.*` of a configuration describes.

    Args:
        real: `LabelledImages`, what the classifier trains on; the generated images must be of the same classes and shape.

    Returns:
        An object with `images` (round -> `LabelledImages`), `read` (None, or float32 images [N, C, H, W] -> their targets float32
        [N, classes]) and `description`, plain values for the checkpoints.

    Raises:
        InputError: no such set or run; other classes, another size; settings that only runs have.
    """
    options = config.generated
    path = find_path(options.source)
    if is_run(options.source) or (path.is_dir() and any(path.glob("*/config.yaml"))):
        part = _Renewed(config, real)
    elif options.every_steps or options.classifier:
        raise InputError(f"generated.source {options.source} is no run: every_steps and classifier are for images that a GAN makes")
    else:
        part = _Stored(options.source, real)
    part.read = None
    if options.teacher:
        teacher = open_reader(options.teacher, real, config.runtime.device, config.runtime.threads)
        part.read = lambda images: teacher.algorithm.read(images)[0]
        part.description["teacher"] = {"run": teacher.folder.name, "step": teacher.step}
    return part


class _Stored:
    """A set on the disk; manifest and form are the reader's business."""

    def __init__(self, name, real):
        source = DataSpec(str(name), image_size=real.image_size, channels=real.channels)
        self._images = as_classes(load(source, "train", split="full"), real)
        self.description = {"source": str(name), "fingerprint": self._images.fingerprint(), "count": len(self._images)}

    filtered = None

    def images(self, number):
        return self._images


class _Renewed:
    """Images of a GAN, so many of each class at once."""

    def __init__(self, config, real):
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
    def filtered(self):
        """What the filters have dropped so far, as in dropped.json; None without filters."""
        return self._runner and self._runner.chain.report.to_json()

    def images(self, number):
        quotas = equal(self._samplers, self._per_class)
        seed = int(runtime.rng(self._seed, "renewed", number).integers(2**31))
        images, missing = draw_set(self._samplers, self._runner, quotas, seed, ATTEMPTS)
        if missing:
            short = listed(missing)
            raise RunFailed(f"classes stayed short of {self._per_class} generated images: {short}; filter less, or train the GAN longer")
        return images


def as_classes(images, real):
    """`LabelledImages` with the classes of `real`, which may be more, and in another order.

    Raises:
        InputError: a class that `real` has not; another shape.
    """
    strange = [name for name in images.class_names if name not in real.class_names]
    if strange or images.shape != real.shape:
        problem = f"have a class {strange[0]}" if strange else f"are {list(images.shape)}"
        told = f"classes {listed(real.class_names)}, {list(real.shape)}"
        raise InputError(f"the images of {images.source} {problem}, and do not fit {real.source} ({told})")
    indices = [real.class_names.index(name) for name in images.class_names]
    labels = np.array(indices, dtype=np.int64)[images.labels]
    return LabelledImages(images.images, labels, real.class_names, images.source)
