"""Filters in the flow: what a filter looks at is computed here, piece by piece, from the training images of the same experiment alone."""

import copy
import difflib

import numpy as np

from ..data import to_network
from ..errors import InputError, NoSuchPart
from ..runs.opened import open_run
from .candidates import Candidates, Reference
from .filters import FILTERS, OPINIONS, FilterChain, full_settings
from .held_out import held_out

LOOKED_AT = 5000  # real images from which the limits of the signs come
CALIBRATED_ON = 1000  # scores of each kind
READ_AT_ONCE = 2000


def chosen_filters(names, has_classifier):
    """The filters that `--filters` and `--filter` name: "default", "none", or names of `FILTERS`; [] = none.

    Raises:
        InputError: an unknown name, or a filter that needs a classifier where none is given.
    """
    if names is None:
        names = "default" if has_classifier else "none"
    names = [names] if isinstance(names, str) else list(names)
    if names == ["none"]:
        return []
    found = [row.name for row in FILTERS.values() if row.default] if names == ["default"] else names
    for name in found:
        if name not in FILTERS:
            near = difflib.get_close_matches(name, FILTERS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(FILTERS)}"
            raise InputError(f"--filter {name}: there is none of that name; {hint}")
        if needs_classifier(FILTERS[name]) and not has_classifier:
            raise InputError(
                f"filter {name} reads images with a classifier: give one that learnt the same data, --classifier RUN "
                "(train it with classify), or leave filters out with --filters none"
            )
    return found


def open_reader(name, real, device="auto", threads=0):
    """A run of `classify` that has learnt the images `real` and nothing else.

    Raises:
        InputError: it reads no images, or has learnt other ones, or generated ones.
    """
    run = open_run(name, device=device, threads=threads)
    if not run.algorithm.reads_images:
        raise InputError(f"run {run.folder} reads no images: it trained the algorithm {run.config.algorithm}; give a run of classify")
    if run.state.get("generated"):
        raise InputError(f"the classifier {run.folder} has learnt from generated images: give one that learnt real images alone")
    learnt = run.state["data"]
    if learnt["fingerprint"] != real.fingerprint():
        raise InputError(
            f"the classifier {run.folder} learnt {learnt['count']} images of {learnt['source']}, not these {len(real)} images "
            f"of {real.source}: filters want a classifier of exactly the images that the GAN learnt; train one on them"
        )
    return run


def needs_classifier(row):
    """Whether a row of `FILTERS` looks at features or probabilities."""
    return bool({"features", "probabilities"} & set(row.needs))


class FilterRunner:
    """The filters of a set, with the networks and real images that they need.

    Args:
        samplers: `Samplers`. names: of `FILTERS`, as `chosen_filters` gives them.
        classifier: a run of `classify` that learnt the same data as the samplers; None where no filter needs one.
        settings: {filter name: {setting: value}} in place of the table's.

    Attributes:
        chain: the `FilterChain`. classifier: {"run", "fingerprint"} for the record, or None. reading: the classifier's `HeldOut`, or None.

    Raises:
        InputError: a classifier of other data, or that has seen generated images; data that has changed; wrong settings.
    """

    def __init__(self, samplers, names, classifier=None, settings=None, device="auto", threads=0):
        self.samplers, self.network, self.classifier, self.reading = samplers, None, None, None
        try:
            full_settings(names, settings or {})  # before anything is read
        except ValueError as error:
            raise InputError(f"filters: {error}") from None
        rows = [FILTERS[name] for name in names]
        self._needs = {need for row in rows for need in row.needs}
        self._calibrates = any("scores" in row.learns for row in rows)
        real = samplers.real()
        samplers.check_data(real)
        if classifier is not None:
            self._open(classifier, real, device, threads)
        reads = any("features" in row.learns for row in rows)
        self._valid = _or_none(lambda: samplers.real("valid")) if reads or self._calibrates or set(names) & set(OPINIONS) else None
        if self.network is not None and (reads or set(names) & set(OPINIONS)):
            self.reading = held_out(self._run, real, self._valid)
        self._reference = self._learn(real, reads, any("images" in row.learns for row in rows))
        self._calibrated = {}
        self.chain = FilterChain(self.reference(samplers.classes[0]), samplers.class_names, names, settings)

    def _open(self, name, real, device, threads):
        run = self._run = open_reader(name, real, device, threads)
        self.network = run.algorithm
        self.classifier = {"run": run.folder.name, "step": run.step, "data_fingerprint": run.state["data"]["fingerprint"]}

    def _learn(self, real, reads, looks):
        unseen, natural = None, None
        if reads and self._valid is not None:
            unseen = (self._read(self._valid.images)[1], self._valid.labels)
        elif self.reading is not None and self.reading.distances is not None:
            natural = (self.reading.distances, self.reading.training_labels)
        step = max(1, len(real) // LOOKED_AT)  # spread over the whole, so that files sorted by class serve too
        return Reference(
            images=real.images[::step][:LOOKED_AT] if looks else None,
            features=self._read(real.images)[1] if reads else None,
            labels=real.labels,
            held_out=unseen,
            natural=natural,
            reading=self.reading,
        )

    def reference(self, class_index):
        """The `Reference` for a class: the same for all, but for the scores, which are those of the class and its discriminator."""
        if not self._calibrates:
            return self._reference
        if class_index not in self._calibrated:
            if self._valid is None:
                raise InputError("this filter is calibrated on real images that the GAN did not learn: train it with --split standard")
            held_out = self._valid if class_index is None else self._valid.of_class(self._valid.class_names[class_index])
            count = min(len(held_out), CALIBRATED_ON)
            reference = self._calibrated[class_index] = copy.copy(self._reference)
            reference.real_scores = self.samplers.scores(class_index, held_out.images[:count])
            generated = self.samplers.sample(class_index, range(count), 0, "calibration")
            reference.fake_scores = self.samplers.scores(class_index, generated)
        return self._calibrated[class_index]

    def _read(self, images):
        """(probabilities, features) of uint8 images."""
        pieces = [self.network.read(to_network(images[i : i + READ_AT_ONCE])) for i in range(0, len(images), READ_AT_ONCE)]
        return tuple(map(np.concatenate, zip(*pieces)))

    def candidates(self, class_index, images, everything=False):
        """Look at uint8 images made for a class as far as the filters need it; with `everything`, with all the networks there are.

        Of a GAN without classes an image counts as of the class that the classifier reads.
        """
        reads = self.network is not None and (everything or self._needs & {"features", "probabilities"})
        probabilities, features = self._read(images) if reads else (None, None)
        scores = self.samplers.scores(class_index, images) if everything or "scores" in self._needs else None
        labels = np.full(len(images), class_index or 0)
        if class_index is None and reads:
            labels = probabilities.argmax(1)
        return Candidates(images, labels, features, probabilities, scores)

    def judge(self, class_index, candidates, rng, wanted=None):
        """`FilterChain.judge` with the reference of the class."""
        self.chain.reference = self.reference(class_index)
        return self.chain.judge(candidates, rng, wanted)

    def aside(self, class_index):
        """The filters that step aside for a class, in the table's order."""
        if self.reading is None or class_index is None or self.reading.knows(class_index):
            return []
        return [row.name for row in self.chain.filters if row.name in OPINIONS]


def aside_lines(reading, names, class_names, classes=None):
    """A line for each class whose images a classifier does not read better than chance, with the filters that step aside for it.

    Args:
        reading: a `HeldOut`, or None. names: of the filters that run. classes: indices; None = all.
    """
    opinions = [name for name in OPINIONS if name in names]
    lines = []
    for c in range(len(class_names)) if classes is None else classes:
        if reading is not None and opinions and c is not None and not reading.knows(c):
            count, right = reading.counts(c)
            lines.append(
                f"class {class_names[c]}: the filters' classifier reads {right} of {count} real images that it did not learn right, "
                f"no better than chance; {', '.join(opinions)} step aside for it"
            )
    return lines


def _or_none(read):
    try:
        return read()
    except NoSuchPart:
        return None
