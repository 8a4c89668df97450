"""Why filters: a generated image that is blank, off its class or a copy teaches a classifier something wrong or nothing.

Each filter is a row of `FILTERS`: a function from candidates to a keep-mask, a reason code, and what it must be given. They run in the
table's order, the cheap and unmistakable ones first, and an image counts under the first reason that drops it. What is natural is
learnt from real training images alone; a filter that saw other labels would smuggle them into the experiment.
"""

from dataclasses import dataclass, field
from typing import Callable, Dict, Tuple

import numpy as np

from ..metrics.health import IMAGE_SIGNS, single_image_signs
from .held_out import CERTAIN, CONFIDENT, entropies
from .scores import calibration, metropolis_hastings, rejection_probabilities

# The filters: (candidates, reference, rng, **settings) -> keep-mask, bool [N].


def _natural_sign(alarm):
    signs = [sign for sign in IMAGE_SIGNS if sign.alarm == alarm]

    def keep(candidates, reference, rng):
        found, kept = single_image_signs(candidates.images), np.ones(len(candidates), dtype=bool)
        for sign in signs:
            values, limit = found[sign.name], reference.sign_limits[sign.name, sign.too_low]
            kept &= values >= limit if sign.too_low else values <= limit
        return kept

    return keep


def agrees(candidates, reference, rng):
    """The classifier's first choice is the class that the image was made for."""
    return candidates.probabilities.argmax(1) == candidates.labels


def confident(candidates, reference, rng, threshold=None):
    """p(class) > t, the second half of the rule of Lampis, Lomurno & Matteucci 2023 (arXiv:2305.10118).

    Without a threshold it is .5, or less where the classifier is less sure of rightly read real images that it has not learnt.
    """
    if threshold is None:
        reading = reference.reading
        threshold = CONFIDENT if reading is None else reading.confidence_limits(candidates.labels)
    return candidates.probabilities[np.arange(len(candidates)), candidates.labels] > threshold


def certain(candidates, reference, rng, limit=None):
    """The entropy of the class probabilities is at most `limit`, as a share of its largest value, log K.

    Without a limit it is .3, or more where the classifier is less sure of rightly read real images that it has not learnt.
    """
    if limit is None:
        limit = CERTAIN if reference.reading is None else reference.reading.entropy_limits(candidates.labels)
    return entropies(candidates.probabilities) <= limit + 1e-12


def above(candidates, reference, rng, threshold):
    """D's logit is above the threshold; 0 means "more real than generated"."""
    return candidates.scores > threshold


def rejection_sampled(candidates, reference, rng, percentile):
    """Kept with the probability of discriminator rejection sampling, class by class; see `scores.rejection_probabilities`."""

    largest = None if reference.fake_scores is None else np.max(reference.fake_scores)

    def keep(scores):
        return rng.random(len(scores)) < rejection_probabilities(scores, largest, percentile)

    return _class_by_class(candidates, keep)


def chain_sampled(candidates, reference, rng, chain, method):
    """The ends of calibrated Metropolis–Hastings chains, class by class; see `scores.metropolis_hastings`."""
    probability = calibration(reference.real_scores, reference.fake_scores, method)
    start = probability(reference.real_scores)
    return _class_by_class(candidates, lambda scores: metropolis_hastings(probability(scores), rng, start, chain))


def no_copies(candidates, reference, rng, share):
    """Farther from the nearest training image of its class than the closest `share` of real images are."""
    labels = candidates.labels
    return reference.space.distances(candidates.features, labels)[:, 0] > reference.space.limits(labels, 0, share)


def no_outliers(candidates, reference, rng, share):
    """No farther from the fifth nearest training image of its class than all but `share` of real images are."""
    labels = candidates.labels
    return reference.space.distances(candidates.features, labels)[:, 1] <= reference.space.limits(labels, 1, 1 - share)


def no_duplicates(candidates, reference, rng, share, earlier=None):
    """Farther from every kept candidate of its class before it than the closest `share` of real images are from training ones.

    Args:
        earlier: (features, labels) of what is already in the set, or None.
    """
    limits = reference.space.limits(candidates.labels, 0, share)
    keep = np.ones(len(candidates), dtype=bool)
    for c in np.unique(candidates.labels):
        mine = np.flatnonzero(candidates.labels == c)
        before = None if earlier is None else earlier[0][earlier[1] == c].astype(np.float64)
        keep[mine] = _first_of_their_kind(candidates.features[mine], limits[mine[0]], before)
    return keep


def _first_of_their_kind(features, limit, before):
    from sklearn.neighbors import NearestNeighbors

    keep = np.ones(len(features), dtype=bool)
    if before is not None and len(before):
        nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(before).kneighbors(features)[0][:, 0]
        keep = nearest > limit
    close = NearestNeighbors(radius=limit, algorithm="brute").fit(features).radius_neighbors(features, return_distance=False)
    for index, others in enumerate(close):
        # In order: only an image that is itself in the set can make a later one a duplicate.
        keep[index] &= not keep[others[others < index]].any()
    return keep


def _known(reading, labels):
    known = {label: reading.knows(label) for label in np.unique(labels)}
    return np.array([known[label] for label in labels], dtype=bool)


def _class_by_class(candidates, keep_scores):
    keep = np.zeros(len(candidates), dtype=bool)
    for c in np.unique(candidates.labels):
        mine = candidates.labels == c
        keep[mine] = keep_scores(candidates.scores[mine])
    return keep


@dataclass(frozen=True)
class Filter:
    """One row of the table.

    Attributes:
        name: as in `FILTERS`. reason: the code under which dropped images are counted.
        keep: (candidates, reference, rng, **settings) -> bool [N].
        needs: attributes of the candidates. learns: what the reference must have been given (`Reference.has`).
        settings: its settings with their defaults.
        default: whether it runs when nobody chooses.
    """

    name: str
    reason: str
    keep: Callable
    needs: Tuple[str, ...]
    learns: Tuple[str, ...] = ()
    settings: Dict[str, object] = field(default_factory=dict)
    default: bool = True


_ROWS = [
    Filter("contrast", "blank", _natural_sign("blank images"), ("images",), ("images",)),
    Filter("bright", "saturated", _natural_sign("saturated images"), ("images",), ("images",)),
    Filter("dark", "no-background", _natural_sign("images without background"), ("images",), ("images",)),
    Filter("roughness", "noise", _natural_sign("noise or a checkerboard"), ("images",), ("images",)),
    Filter("agreement", "other-class", agrees, ("probabilities",)),
    Filter("confidence", "unsure", confident, ("probabilities",), settings={"threshold": None}),
    # at least 0.3 log K: two classes at 50 % each of ten, as it were
    Filter("entropy", "ambiguous", certain, ("probabilities",), settings={"limit": None}),
    Filter("score", "low-score", above, ("scores",), settings={"threshold": 0.0}, default=False),
    Filter("outliers", "outlier", no_outliers, ("features",), ("features",), {"share": 0.005}),
    Filter("copies", "training-copy", no_copies, ("features",), ("features",), {"share": 0.001}),
    # These two choose among good ones and throw away most: they come late, and only when asked for.
    Filter("rejection", "rejected", rejection_sampled, ("scores",), settings={"percentile": 80.0}, default=False),
    Filter("metropolis-hastings", "not-chosen", chain_sampled, ("scores",), ("scores",), {"chain": 50, "method": "isotonic"}, False),
    Filter("duplicates", "duplicate", no_duplicates, ("features",), ("features",), {"share": 0.001}),
]
FILTERS = {row.name: row for row in _ROWS}
OPINIONS = [row.name for row in _ROWS if "probabilities" in row.needs]  # they step aside for a class that the classifier does not know
REMEMBERED = 20_000  # kept images among which duplicates are looked for
KEPT = ""  # the reason of an image that nothing dropped


class FilterReport:
    """How many candidates of each class were tried, kept, and dropped for each reason; sets add up.

    Args:
        class_names: the names of all classes.
        reasons: the codes of the filters that run; they are listed even where nothing was dropped.
    """

    def __init__(self, class_names, reasons):
        self.class_names = tuple(class_names)
        self._counts = {reason: np.zeros(len(self.class_names), dtype=np.int64) for reason in (KEPT, *reasons)}

    def add(self, labels, reasons):
        """Count candidates: int labels [N] and their reasons, N strings, "" for kept ones.

        Raises:
            ValueError: counts that differ, a reason that no filter here gives, a label outside the classes.
        """
        labels, reasons = np.asarray(labels), np.asarray(reasons)
        if len(labels) != len(reasons) or not set(reasons) <= set(self._counts):
            raise ValueError(f"{len(labels)} labels and {len(reasons)} reasons, of {sorted(set(reasons))}, do not fit this report")
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.class_names):
            raise ValueError(f"labels from {labels.min()} to {labels.max()} do not fit {len(self.class_names)} classes")
        for reason, counts in self._counts.items():
            counts += np.bincount(labels[reasons == reason].astype(np.int64), minlength=len(self.class_names))

    def restore(self, saved):
        """Go on from what `to_json` gave.

        Raises:
            ValueError: of other classes or reasons.
        """
        if tuple(saved["classes"]) != self.class_names or set(saved["dropped"]) | {KEPT} != set(self._counts):
            raise ValueError("the report is of other classes or filters")
        for index, part in enumerate(saved["classes"].values()):
            for reason, counts in self._counts.items():
                counts[index] = part["kept"] if reason == KEPT else part["dropped"][reason]

    def to_json(self):
        """A plain dict for dropped.json: tried, kept, accept_rate (None where nothing was tried) and dropped, in all and per class."""
        return {
            **self._summary(slice(None)),
            "classes": {name: self._summary(slice(i, i + 1)) for i, name in enumerate(self.class_names)},
        }

    def _summary(self, part):
        counts = {reason: int(values[part].sum()) for reason, values in self._counts.items()}
        tried, kept = sum(counts.values()), counts.pop(KEPT)
        return {"tried": tried, "kept": kept, "accept_rate": kept / tried if tried else None, "dropped": counts}


def full_settings(names, settings):
    """{filter: all of its settings} for the filters `names`, those of `settings` in place of the table's.

    Raises:
        ValueError: an unknown filter or setting.
    """
    for name in (*names, *settings):
        if name not in FILTERS:
            raise ValueError(f"no filter {name!r}: choose from {', '.join(FILTERS)}")
    for name, values in settings.items():
        if not set(values) <= set(FILTERS[name].settings):
            raise ValueError(f"filter {name} knows the settings {sorted(FILTERS[name].settings)}, not {sorted(values)}")
    return {name: {**FILTERS[name].settings, **settings.get(name, {})} for name in names}


class FilterChain:
    """Filters one after the other, over a set that comes in pieces: duplicates are looked for across all of them.

    Args:
        reference: a `Reference`. class_names: of the data set.
        names: of `FILTERS`, in any order; None = the default ones. An empty list keeps everything.
        settings: {filter name: {setting: value}} in place of the table's.

    Attributes:
        report: a `FilterReport` of everything judged so far.

    Raises:
        ValueError: an unknown filter or setting, or a reference that lacks what a chosen filter learns from.
    """

    def __init__(self, reference, class_names, names=None, settings=None):
        names = [row.name for row in _ROWS if row.default] if names is None else list(names)
        self._settings = full_settings(names, settings or {})
        self.reference, self.filters = reference, [row for row in _ROWS if row.name in names]
        for row in self.filters:
            missing = [name for name in row.learns if not reference.has(name)]
            if missing:
                raise ValueError(f"filter {row.name} learns from real {', '.join(missing)}, which the reference was not given")
        self.report = FilterReport(class_names, [row.reason for row in self.filters])
        self._kept = None  # (features, labels) of what is in the set so far, for the search for duplicates

    def reduced(self, names):
        """Those filters alone that are among `names`, as a chain with a report of its own that remembers what this one does."""
        chosen = [row.name for row in self.filters if row.name in names]
        settings = {name: self._settings[name] for name in chosen}
        chain = FilterChain(self.reference, self.report.class_names, chosen, settings)
        chain._kept = self._kept
        return chain

    def judge(self, candidates, rng, wanted=None):
        """Judge a piece and remember it in the report.

        Args:
            candidates: `Candidates`. rng: the numpy Generator of the filters that draw.
            wanted: how many are to be kept; what comes after the last of them counts as not looked at. None = no limit.

        Returns:
            The reason of each, N strings; "" for those to keep. With `wanted` the list ends with the last that was looked at.

        Raises:
            ValueError: candidates without what a filter needs, or of other classes than those named.
        """
        self._check_classes(candidates)
        reasons = np.full(len(candidates), KEPT, dtype=object)
        for row in self.filters:
            missing = [name for name in row.needs if getattr(candidates, name) is None]
            if missing:
                raise ValueError(f"filter {row.name} needs the candidates' {', '.join(missing)}")
            alive = np.flatnonzero(reasons == KEPT)
            if len(alive):
                more = {"earlier": self._kept} if row.keep is no_duplicates else {}
                keep = row.keep(candidates.subset(alive), self.reference, rng, **self._settings[row.name], **more)
                if row.name in OPINIONS and self.reference.reading is not None:
                    keep = keep | ~_known(self.reference.reading, candidates.labels[alive])
                reasons[alive[~keep]] = row.reason
        kept = np.flatnonzero(reasons == KEPT)
        if wanted is not None and len(kept) >= wanted:
            kept = kept[:wanted]
            reasons = reasons[: kept[-1] + 1] if wanted else reasons[:0]
        if self.remembers:
            self.remember(candidates.features[kept], candidates.labels[kept])
        self.report.add(candidates.labels[: len(reasons)], reasons)
        return reasons.tolist()

    @property
    def remembers(self):
        """Whether a filter here looks at what was kept before."""
        return any(row.keep is no_duplicates for row in self.filters)

    def remember(self, features, labels):
        """Count images as kept before, as after an interruption: features float [N, width], labels int [N].

        The newest `REMEMBERED` are looked at: a set of any size is filtered in the same memory.
        """
        pair = np.asarray(features, dtype=np.float32), np.asarray(labels)
        joined = pair if self._kept is None else tuple(map(np.concatenate, zip(self._kept, pair)))
        self._kept = tuple(values[-REMEMBERED:] for values in joined)

    def forget(self):
        """Forget what was kept before: the next class begins."""
        self._kept = None

    def _check_classes(self, candidates):
        labels, count = candidates.labels, len(self.report.class_names)
        if len(labels) and not 0 <= labels.min() <= labels.max() < count:
            raise ValueError(f"labels from {labels.min()} to {labels.max()} do not fit the {count} classes")
        p = candidates.probabilities
        if p is not None and len(p) and p.shape[1] != count:
            raise ValueError(f"the classifier knows {p.shape[1]} classes, the data has {count}")
