"""Filters one after the other, and an account of what each of them dropped."""

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from .candidates import Candidates, Reference
from .filters import FILTERS, KEPT, full_settings
from .held_out import HeldOut

REMEMBERED = 20_000  # kept images among which duplicates are looked for


class FilterReport:
    """Counts of the candidates of each class that were tried, kept, and dropped for each reason.

    Args:
        class_names: the names of all classes.
        reasons: the codes of the filters that run; they are listed even where nothing was dropped.
    """

    def __init__(self, class_names: Sequence[str], reasons: Sequence[str]) -> None:
        self.class_names = tuple(class_names)
        self._counts = {reason: np.zeros(len(self.class_names), dtype=np.int64) for reason in (KEPT, *reasons)}

    def add(self, labels: np.ndarray, reasons: Sequence[str]) -> None:
        """Count candidates: int labels [N] and their reasons, N strings, "" for those that were kept.

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

    def restore(self, saved: dict) -> None:
        """Take over the counts that `to_json` gave.

        Raises:
            ValueError: they are of other classes or reasons.
        """
        if tuple(saved["classes"]) != self.class_names or set(saved["dropped"]) | {KEPT} != set(self._counts):
            raise ValueError("the report is of other classes or filters")
        for index, part in enumerate(saved["classes"].values()):
            for reason, counts in self._counts.items():
                counts[index] = part["kept"] if reason == KEPT else part["dropped"][reason]

    def to_json(self) -> dict:
        """The counts as plain values: tried, kept, accept_rate (None if nothing was tried) and dropped, in all and for
        each class.
        """
        return {
            **self._summary(slice(None)),
            "classes": {name: self._summary(slice(i, i + 1)) for i, name in enumerate(self.class_names)},
        }

    def _summary(self, part: slice) -> dict:
        counts = {reason: int(values[part].sum()) for reason, values in self._counts.items()}
        tried, kept = sum(counts.values()), counts.pop(KEPT)
        return {"tried": tried, "kept": kept, "accept_rate": kept / tried if tried else None, "dropped": counts}


class FilterChain:
    """Filters that run one after the other over a set that comes in chunks.

    The images of one class follow each other: `begin_class` begins one, and `judge` takes its chunks.

    Args:
        reference: the `Reference` of the first class.
        class_names: the classes of the data set.
        names: names of `FILTERS`, in any order; None = the default filters. Without a name everything is kept.
        settings: {filter name: {setting: value}} in place of the table's.

    Attributes:
        report: a `FilterReport` of everything judged so far.

    Raises:
        ValueError: an unknown filter or setting, or a reference that lacks what a chosen filter learns from.
    """

    def __init__(
        self,
        reference: Reference,
        class_names: Sequence[str],
        names: Optional[Sequence[str]] = None,
        settings: Optional[Dict[str, dict]] = None,
    ) -> None:
        names = [row.name for row in FILTERS.values() if row.default] if names is None else list(names)
        self._settings = full_settings(names, settings or {})
        self.reference, self.filters = reference, [row for row in FILTERS.values() if row.name in names]
        for row in self.filters:
            missing = [name for name in row.learns if not reference.has(name)]
            if missing:
                raise ValueError(f"filter {row.name} learns from real {', '.join(missing)}, which the reference was not given")
        self.report = FilterReport(class_names, [row.reason for row in self.filters])
        self._kept: Optional[Tuple[np.ndarray, np.ndarray]] = None  # (features, labels) of the class's images that were kept so far

    def begin_class(self, reference: Reference, earlier: Optional[Tuple[np.ndarray, np.ndarray]] = None) -> None:
        """Begin the next class.

        Args:
            reference: its `Reference`.
            earlier: (features float [N, width], labels int [N]) of its images that were kept before an interruption.
        """
        self.reference, self._kept = reference, None
        if earlier is not None and self.remembers:
            self._remember(*earlier)

    def reduced(self, names: Sequence[str]) -> "FilterChain":
        """A chain of those of its filters that are among `names`. It remembers the same images, and has a report of its
        own.
        """
        chosen = [row.name for row in self.filters if row.name in names]
        settings = {name: self._settings[name] for name in chosen}
        chain = FilterChain(self.reference, self.report.class_names, chosen, settings)
        chain._kept = self._kept
        return chain

    def judge(self, candidates: Candidates, rng: Optional[np.random.Generator], quota: Optional[int] = None) -> List[str]:
        """Judge a chunk of a class and count it in the report.

        Args:
            candidates: the chunk.
            rng: the generator of the filters that draw at random; None if none does.
            quota: how many are to be kept. What comes after the last of them counts as not looked at. None = no limit.

        Returns:
            The reason of each, N strings; "" for those to keep. With a quota the list ends with the last that was
            looked at.

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
                more = {"earlier": self._kept} if row.stateful else {}
                keep = row.keep(candidates.subset(alive), self.reference, rng, **self._settings[row.name], **more)
                if row.is_opinion and self.reference.reading is not None:
                    keep = keep | ~_known(self.reference.reading, candidates.labels[alive])
                reasons[alive[~keep]] = row.reason
        kept = np.flatnonzero(reasons == KEPT)
        if quota is not None and len(kept) >= quota:
            kept = kept[:quota]
            reasons = reasons[: kept[-1] + 1] if quota else reasons[:0]
        if self.remembers:
            self._remember(candidates.features[kept], candidates.labels[kept])
        self.report.add(candidates.labels[: len(reasons)], reasons)
        return reasons.tolist()

    @property
    def remembers(self) -> bool:
        """Whether one of the filters compares with the images kept before."""
        return any(row.stateful for row in self.filters)

    def _remember(self, features: np.ndarray, labels: np.ndarray) -> None:
        """Remember kept images. Only the newest `REMEMBERED` stay: a set of any size is filtered in the same memory."""
        pair = np.asarray(features, dtype=np.float32), np.asarray(labels)
        joined = pair if self._kept is None else tuple(map(np.concatenate, zip(self._kept, pair)))
        self._kept = tuple(values[-REMEMBERED:] for values in joined)

    def _check_classes(self, candidates: Candidates) -> None:
        labels, count = candidates.labels, len(self.report.class_names)
        if len(labels) and not 0 <= labels.min() <= labels.max() < count:
            raise ValueError(f"labels from {labels.min()} to {labels.max()} do not fit the {count} classes")
        p = candidates.probabilities
        if p is not None and len(p) and p.shape[1] != count:
            raise ValueError(f"the classifier knows {p.shape[1]} classes, the data has {count}")


def _known(reading: HeldOut, labels: np.ndarray) -> np.ndarray:
    """Whether the classifier knows the class of each label: bool [N]."""
    known = {label: reading.knows(label) for label in np.unique(labels)}
    return np.array([known[label] for label in labels], dtype=bool)
