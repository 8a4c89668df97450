"""One run's part of a VisualDL log folder: which folder and tag each number, picture and text gets, and the writers for them."""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterable, Mapping, Sequence, Tuple, Union

import numpy as np

from ..files import atomic_write, make_folder, printable
from .curves import curve_points
from .visualdl_file import cut_records, log_writer_class, read_records, rewrite_records

LOSS = "loss"
SCALAR_PLACES = {  # name -> (folder, tag); sibling folders that share a tag overlay their curves in one chart
    "d_real_loss": ("d_real_loss", LOSS),
    "d_fake_loss": ("d_fake_loss", LOSS),
    "d_loss": ("d_loss", LOSS),
    "g_loss": ("g_loss", LOSS),
}
OTHER_SCALARS = "metrics"  # the folder of every other scalar; its tag: see `scalar_place`
TEXTS = "text"  # a folder per kind of record: in one folder, VisualDL takes a tag's kind from the tag's first record
HYPERPARAMETERS = "hparams"
EMBEDDINGS = "embeddings"
HISTOGRAMS = "histograms"
PRECISION_RECALL = "precision-recall"
ROC = "roc"
BUCKETS = 30  # of a histogram
RESULT_TAG = "result/{}"
RUN_ON_PAGE = "{folder} @ {run}"  # the folder first: the page shows some twenty letters, and they must tell the curves apart

TAG_CAPACITY = 10  # VisualDL's server keeps this many pictures or texts of a tag, drawn at random, out of order
LARGEST = 3.4e38  # VisualDL keeps 32-bit floats, and its page fails on a point that is not finite


def scalar_place(name: str) -> Tuple[str, str]:
    """The folder and the tag of a scalar. The part of a tag before its first slash is the title of a group of charts.

    "group/name" is its own tag; a plain name becomes "train/name". The page opens only the alphabetically first group, which
    must be the losses: "health/x", which would come before them, becomes "run health/x".
    """
    if name in SCALAR_PLACES:
        return SCALAR_PLACES[name]
    tag = _tag(name if "/" in name else f"train/{name}")
    return OTHER_SCALARS, f"run {tag}" if tag.upper() < LOSS.upper() else tag


class Board:
    """Writes the records of one run for VisualDL. Any method may raise.

    Args:
        log_folder: the folder that VisualDL is pointed at.
        run_name: the run's folder in it, and its name on the page.
    """

    def __init__(self, log_folder: Union[str, Path], run_name: str) -> None:
        self._run_name = printable(run_name)
        self._folder = Path(log_folder) / self._run_name
        # One fixed name per run: VisualDL reads a single file per folder, and a writer that is given an old name appends to it
        self._file_name = f"vdlrecords.{self._run_name.replace('/', '-')}.log"
        self._writers: Dict[str, Any] = {}  # a LogWriter for each folder, opened when it is first needed
        self._counts: Dict[str, Counter] = {}

    def scalars(self, step: int, values: Mapping[str, float], walltime: int) -> None:
        """Add a point to the curve of each value. `walltime` is in milliseconds."""
        for name, value in _drawable(values).items():
            folder, tag = scalar_place(name)
            self._writer(folder).add_scalar(tag, value, step, walltime)

    def image(self, step: int, image: np.ndarray, tag: str, folder: str) -> None:
        """Add a picture, uint8 [H, W, 3], which may be changed."""
        if image.max() <= 1:
            image[:] = 0  # VisualDL takes such a picture for one in [0, 1] and would show its ones, black to the eye, as white
        self._writer(folder).add_image(self._next_tag(folder, _tag(tag)), image, step)

    def text(self, step: int, tag: str, text: str) -> None:
        """Add a text."""
        self._writer(TEXTS).add_text(self._next_tag(TEXTS, _tag(tag)), text, step)

    def embedding(self, tag: str, features: np.ndarray, labels: Mapping[str, Sequence[str]]) -> None:
        """Add points [N, width] with N labels of each kind, in place of earlier points, of which the page would show the first."""
        path = self._path(EMBEDDINGS)
        if path.exists():
            self._close(EMBEDDINGS)
            rewrite_records(path, lambda value: value.WhichOneof("one_value") != "embeddings" or value.tag != tag)
        self._writer(EMBEDDINGS).add_embeddings(tag, features.tolist(), [list(column) for column in labels.values()], list(labels))

    def histogram(self, step: int, tag: str, values: np.ndarray) -> None:
        """Add a histogram of finite values, with `BUCKETS` equal buckets."""
        self._writer(HISTOGRAMS).add_histogram(_tag(tag), values, step, buckets=BUCKETS)

    def curves(self, step: int, tag: str, labels: np.ndarray, scores: np.ndarray) -> None:
        """Add the precision-recall curve and the ROC curve of labels [N], 0 or 1, and scores [N] in [0, 1]."""
        from visualdl.component.base_component import pr_curve_raw, roc_curve_raw

        drawn, now = curve_points(labels, scores), round(time.time() * 1000)
        for folder, record, points in ((PRECISION_RECALL, pr_curve_raw, drawn[0]), (ROC, roc_curve_raw, drawn[1])):
            self._writer(folder)._get_file_writer().add_record(record(tag=_tag(tag), step=step, walltime=now, **points))

    def graph(self, name: str, graph: Mapping[str, Any]) -> None:
        """Show a network, as `layer_graph` describes it, in place of an earlier one of that name."""
        folder = make_folder(self._folder / f"{name} of {self._run_name.replace('/', '-')}")  # the page shows this name alone
        with atomic_write(folder / f"vdlgraph.{name}.log", "w") as file:
            json.dump(graph, file)

    def hyperparameters(self, settings: Mapping[str, Any], metric_names: Iterable[str]) -> None:
        """Fill the run's row in the table of hyper-parameters, in place of an earlier row."""
        path = self._path(HYPERPARAMETERS)
        if path.exists():  # only a folder's first record of this kind is shown, so the old one has to go
            self._close(HYPERPARAMETERS)
            rewrite_records(path, lambda value: value.WhichOneof("one_value") != "hparam")
        # the page takes a dot or a bracket in a name for a path into the row, and shows an empty column
        entries = {re.sub(r"[.\[\]]", "/", name): _table_entry(value) for name, value in settings.items()}
        self._writer(HYPERPARAMETERS).add_hparams(entries, [_result_tag(name) for name in metric_names])

    def results(self, step: int, values: Mapping[str, float]) -> None:
        """Fill the metric columns of that row."""
        for name, value in _drawable(values).items():
            self._writer(HYPERPARAMETERS).add_scalar(_result_tag(name), value, step)

    def cut(self, step: float) -> None:
        """Drop what was recorded after `step`."""
        self.close()
        for path in sorted(self._folder.glob(f"*/{self._file_name}")):
            cut_records(path, step)

    def close(self) -> None:
        """Close every writer; the next record opens its own again."""
        for folder in list(self._writers):
            self._close(folder)

    def _close(self, folder: str) -> None:
        self._counts.pop(folder, None)
        if folder in self._writers:
            self._writers.pop(folder).close()

    def _path(self, folder: str) -> Path:
        return self._folder / folder / self._file_name

    def _writer(self, folder: str) -> Any:
        if folder not in self._writers:
            name = self._run_name if folder == HYPERPARAMETERS else RUN_ON_PAGE.format(folder=folder, run=self._run_name)
            self._writers[folder] = log_writer_class()(logdir=str(self._folder / folder), file_name=self._file_name, display_name=name)
        return self._writers[folder]

    def _next_tag(self, folder: str, tag: str) -> str:
        """The tag that still has a place, given how many records of this series are in the file."""
        if folder not in self._counts:
            tags = (value.tag for _, value in read_records(self._path(folder)))
            self._counts[folder] = Counter(re.sub(r"/\d{3,}-\d{3,}$", "", tag) for tag in tags)
        count = self._counts[folder][tag]
        self._counts[folder][tag] += 1
        first = count - count % TAG_CAPACITY + 1
        return tag if first == 1 else f"{tag}/{first:03d}-{first + TAG_CAPACITY - 1:03d}"


def _drawable(values: Mapping[str, float]) -> Dict[str, float]:
    return {name: value for name, value in values.items() if abs(value) <= LARGEST}


def _table_entry(value: Any) -> Union[int, float, str]:
    """A value for the table of hyper-parameters, which takes int64, finite floats and strings only."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    return value if isinstance(value, float) and math.isfinite(value) else printable(str(value))


def _result_tag(name: str) -> str:
    return _tag(RESULT_TAG.format(name)).replace(".", "_")  # a dot: as in the names of the settings


def _tag(tag: str) -> str:
    return tag.replace("%", "_")  # VisualDL rejects it
