"""Filters at work: what they look at is computed here, chunk by chunk, from the training images of the same experiment
alone.
"""

import copy
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..data import LabelledImages
from ..data.rows import Array, rows
from ..errors import InputError
from .candidates import Candidates, Reference
from .filter_chain import FilterChain
from .filters import FILTERS, full_settings
from .held_out import MOST_HELD_OUT, some_of_each_class
from .reader import Reader
from .sampler import Sampler, Samplers

NEAREST = 60_000  # training images among which the nearest ones are looked for; of more, some of each class
LOOKED_AT = 5000  # real images from which the limits of the signs come
CALIBRATED_ON = 1000  # scores of each kind


class FilterRunner:
    """Filters with everything that they need to judge the images of some samplers.

    Args:
        samplers: the `Samplers`.
        names: the filters, as `filters.chosen_filters` gives them.
        reader: the classifier, which learnt the same data as the samplers; None where no filter needs one.
        settings: {filter: {setting: value}} in place of the defaults.

    Attributes:
        names: the filters, as given.
        chain: the `FilterChain`.
        asks_held_out: whether a filter asks how well the classifier reads real images.
        held_out: how well it does, a `HeldOut`; None where no filter asks for it.

    Raises:
        InputError: data that has changed; wrong settings; a filter that needs images which the GAN did not learn, where
            there are none.
    """

    def __init__(
        self, samplers: Samplers, names: Sequence[str], reader: Optional[Reader] = None, settings: Optional[Dict[str, dict]] = None
    ) -> None:
        self.samplers, self.names, self.reader = samplers, list(names), reader
        try:
            full_settings(names, settings or {})  # before anything is read
        except ValueError as error:
            raise InputError(f"settings: {error}") from None
        rows = [FILTERS[name] for name in names]
        self._needs = {need for row in rows for need in row.needs}
        self._calibrates = any("scores" in row.learns for row in rows)
        measures, has_opinions = any("features" in row.learns for row in rows), any(row.is_opinion for row in rows)
        real = samplers.parts.read("train")
        samplers.check_data(real)
        valid = samplers.parts.find("valid") if measures or has_opinions or self._calibrates else None
        self.asks_held_out = reader is not None and (measures or has_opinions)
        self.held_out = reader.held_out if reader is not None and self.asks_held_out else None
        self._reference = self._learn(real, valid, measures, any("images" in row.learns for row in rows))
        self._calibrated: Dict[Sampler, Reference] = {}
        self.chain = FilterChain(self.reference(next(iter(samplers))), samplers.class_names, names, settings)

    @property
    def classifier(self) -> Optional[dict]:
        """What the records of a set say of the classifier; None without one."""
        return None if self.reader is None else self.reader.origin

    def _learn(self, real: LabelledImages, valid: Optional[LabelledImages], measures: bool, looks: bool) -> Reference:
        unseen, natural = None, None
        near = some_of_each_class(real, NEAREST)
        if measures and valid is not None:
            valid = some_of_each_class(valid, MOST_HELD_OUT)
            unseen = (self.reader.read_real(valid)[1], valid.labels)
        elif self.held_out is not None and self.held_out.distances is not None:
            natural = (self.held_out.distances, self.held_out.training_labels)
        return Reference(
            images=_spread(real.images, LOOKED_AT) if looks else None,
            features=self.reader.read_real(near)[1] if measures else None,
            labels=near.labels,
            held_out=unseen,
            natural=natural,
            reading=self.held_out,
        )

    def reference(self, sampler: Sampler) -> Reference:
        """The `Reference` for a class: the same for all, but for the scores, which are those of its own discriminator."""
        if not self._calibrates:
            return self._reference
        if sampler not in self._calibrated:
            valid = self.samplers.parts.find("valid")
            if valid is None:
                raise InputError(
                    "this filter is calibrated on real images that the GAN did not learn: train the GAN with data.split standard"
                )
            unseen = valid if sampler.name is None else valid.of_class(sampler.name)
            real = _spread(unseen.images, CALIBRATED_ON)
            reference = self._calibrated[sampler] = copy.copy(self._reference)
            reference.real_scores = sampler.scores(real)
            reference.fake_scores = sampler.scores(sampler.sample(range(len(real)), 0, stream="calibration"))
        return self._calibrated[sampler]

    def begin_class(self, sampler: Sampler, earlier: Optional[Tuple[np.ndarray, np.ndarray]] = None) -> None:
        """Begin with the images of a class; `earlier` as for `FilterChain.begin_class`."""
        self.chain.begin_class(self.reference(sampler), earlier)

    def candidates(self, sampler: Sampler, images: np.ndarray, everything: bool = False) -> Candidates:
        """Look at uint8 images [N, C, H, W] of a class as far as the filters need it.

        An image of a GAN without classes counts as of the class that the classifier reads.

        Args:
            everything: look at them with all the networks that there are.
        """
        reads = self.reader is not None and (everything or self._needs & {"features", "probabilities"})
        probabilities, features = self.reader.read(images) if reads else (None, None)
        scores = sampler.scores(images) if everything or "scores" in self._needs else None
        labels = np.full(len(images), sampler.label)
        if sampler.index is None and reads:
            labels = probabilities.argmax(1)
        return Candidates(images, labels, features, probabilities, scores)

    def aside(self, sampler: Sampler) -> List[str]:
        """The filters that step aside for a class, in the order of the table."""
        if self.held_out is None or sampler.index is None or self.held_out.knows(sampler.index):
            return []
        return [row.name for row in self.chain.filters if row.is_opinion]

    def passed(self, sampler: Sampler, left_out: Sequence[str] = ()) -> List[str]:
        """The filters that an image of a class has passed if it is kept although `left_out` were left out."""
        passed_over = {*left_out, *self.aside(sampler)}
        return [name for name in self.names if name not in passed_over]

    def account(self, samplers: Sequence[Sampler]) -> dict:
        """What dropped.json says of the filters: the report, how well the classifier reads the classes, and what
        stepped aside.
        """
        found = self.chain.report.to_json()
        if self.held_out is not None:
            counts = {sampler.name: self.held_out.counts(sampler.index) for sampler in samplers if sampler.index is not None}
            found["held_out"] = {name: {"images": count, "read_right": right} for name, (count, right) in counts.items()}
            aside = {sampler.name: self.aside(sampler) for sampler in samplers}
            found["stepped_aside"] = {name: filters for name, filters in aside.items() if filters}
        return found


def _spread(images: Array, most: int) -> np.ndarray:
    """At most so many images, spread evenly over all of them, so that files which are sorted by class serve too."""
    count = min(most, len(images))
    return np.asarray(rows(images, np.arange(count) * len(images) // max(1, count)))
