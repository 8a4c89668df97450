"""Records: what a run measured, kept twice, because a curve is only worth watching if the numbers behind it cannot be lost.

`metrics.jsonl` in the run folder is the record that counts: one JSON object per logged step, on its way to the disk before
`scalars` returns. VisualDL shows the same numbers, the pictures and the settings live. Everything known of VisualDL is here
and in `record_files`, every defect of it is worked around there, and its failures never stop a run: they print one warning and turn it off.
"""

import contextlib
import json
import math
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from ..files import make_folder, naming, printable
from ..pictures import as_rgb
from .record_files import cut_metrics, cut_visualdl_records, log_writer_class, read_records, rewrite_records

METRICS_FILE = "metrics.jsonl"

# Where a scalar goes in VisualDL: name -> (folder, tag). Sibling folders that share a tag overlay their curves in one chart.
LOSS = "loss"
SCALAR_PLACES = {
    "d_real_loss": ("d_real_loss", LOSS),
    "d_fake_loss": ("d_fake_loss", LOSS),
    "d_loss": ("d_loss", LOSS),
    "g_loss": ("g_loss", LOSS),
}
OTHER_SCALARS = "metrics"  # the folder of every other scalar; its tag: see `scalar_place`
TEXTS = "text"  # a folder per kind of record: in one folder, VisualDL takes a tag's kind from the tag's first record
HYPERPARAMETERS = "hparams"
EMBEDDINGS = "embeddings"
RESULT_TAG = "result/{}"
RUN_ON_PAGE = "{folder} @ {run}"  # the folder first: the page shows some twenty letters, and they must tell the curves apart

TAG_CAPACITY = 10  # VisualDL's server keeps this many pictures or texts of a tag, drawn at random, out of order
LARGEST = 3.4e38  # VisualDL keeps 32-bit floats, and its page fails on a point that is not finite
OWN_KEYS = frozenset(("step", "time", "epoch", "nonfinite"))


def scalar_place(name):
    """(folder, tag) of a scalar in VisualDL. What precedes a tag's first slash is the title of a group of charts.

    "group/name" is its own tag, a plain name goes to "train/name". The page opens only the alphabetically first group, and that
    is to be the losses: "health/x", which would come before them, becomes "run health/x".
    """
    if name in SCALAR_PLACES:
        return SCALAR_PLACES[name]
    tag = _tag(name if "/" in name else f"train/{name}")
    return OTHER_SCALARS, f"run {tag}" if tag.upper() < LOSS.upper() else tag


class Records:
    """The records of one run, `run_folder/metrics.jsonl` and `log_folder/<run_name>/<folder>/vdlrecords.<run_name>.log`.

    Args:
        run_folder: where metrics.jsonl is; made if need be.
        log_folder: the folder that VisualDL is pointed at; what is missing in it is made when it is first needed.
        run_name: the run's folder in it, and its name on the page.
        visualdl: False writes metrics.jsonl only and leaves the log folder alone.
        resume_step: the run goes on after this step; whatever was recorded of later steps is cut. None keeps all there is.

    Raises:
        InputError: the run folder cannot be written to.
        OSError: metrics.jsonl cannot be written, here or in any later call. VisualDL never raises, it warns once.
    """

    def __init__(self, run_folder, log_folder, run_name, visualdl=True, resume_step=None):
        self.metrics_path = make_folder(run_folder) / METRICS_FILE
        self._metrics = None
        self._board = _Board(Path(log_folder) / printable(str(run_name)), printable(str(run_name))) if visualdl else None
        self._last_step = 0
        self.cut(math.inf if resume_step is None else resume_step)

    def cut(self, step):
        """Forget what was recorded after `step` (a run that resumes or rolls back says those steps again), and mend torn ends."""
        self._close_files()
        cut_metrics(self.metrics_path, step)
        self._metrics = open(self.metrics_path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - open for the whole run
        self._on_board("cut", step)
        if step < math.inf:
            self._last_step = int(step)

    def scalars(self, step, values, epoch=None, **extra):
        """Record the numbers of one step.

        Args:
            step: int.
            values: {name: number}: Python, NumPy or Paddle, of one element. They become curves.
            epoch: int or float, or None where there is none.
            extra: anything JSON can hold; metrics.jsonl only.

        NaN and infinity become null in metrics.jsonl, their names are listed there under "nonfinite", and VisualDL skips them.

        Raises:
            ValueError, TypeError: a value that is no number, or a name that is given twice or that metrics.jsonl uses itself.
            OSError: metrics.jsonl cannot be written.
        """
        clash = (OWN_KEYS & (values.keys() | extra.keys())) | (values.keys() & extra.keys())
        if clash:
            raise ValueError(f"these names are taken in {METRICS_FILE}: {', '.join(sorted(clash))}")
        numbers = {name: _number(value) for name, value in values.items()}
        now = time.time()
        line = {"step": int(step), "time": round(now, 3)}
        if epoch is not None:
            line["epoch"] = epoch
        line.update(numbers, **extra)
        nonfinite = [name for name, value in line.items() if isinstance(value, float) and not math.isfinite(value)]
        if nonfinite:
            line["nonfinite"] = nonfinite
        with naming(self.metrics_path):
            self._metrics.write(json.dumps(_plain(line), ensure_ascii=False, allow_nan=False) + "\n")
            self._metrics.flush()
        drawable = {name: value for name, value in numbers.items() if abs(value) <= LARGEST}
        self._on_board("scalars", self._step(step), drawable, round(now * 1000))

    def image(self, step, image, tag="numbers", folder="imgs"):
        """Show a picture: uint8 [H, W], [H, W, C] or [C, H, W], C = 1 or 3. The caller's array is left alone.

        Of one tag VisualDL's server keeps ten pictures only, so the eleventh goes to "<tag>/011-020", the 21st to "<tag>/021-030",
        and so on; the count goes on where a resumed run left off.

        Raises:
            ValueError: another dtype or shape.
        """
        self._on_board("image", self._step(step), as_rgb(image), tag, folder)

    def text(self, step, tag, text):
        """Show a text (Markdown is not rendered). Tags go on after ten texts as those of `image` do."""
        self._on_board("text", self._step(step), tag, printable(str(text)))

    def embedding(self, tag, features, labels):
        """Show points for the projection page: features float [N, width], labels N strings. A tag is shown as it was first given."""
        self._on_board("embedding", tag, np.asarray(features, dtype=np.float32), [str(label) for label in labels])

    def hyperparameters(self, flat, metric_names):
        """Fill the run's row in the hyper-parameter table; a second call, as after a resume, replaces the first.

        Args:
            flat: {name: value}; what is not an int, a finite float or a string is shown as text.
            metric_names: the names that `hyperparameter_results` will fill.
        """
        # the page takes a dot or a bracket in a name for a path into the row, and shows an empty column
        entries = {re.sub(r"[.\[\]]", "/", name): _table_entry(value) for name, value in flat.items()}
        self._on_board("hyperparameters", entries, [_result_tag(name) for name in metric_names])

    def hyperparameter_results(self, values, step=None):
        """Fill the row's metric columns: {name: number}, at `step` or the last one recorded. The last value of each name shows."""
        numbers = {name: _number(value) for name, value in values.items()}
        drawable = {_result_tag(name): value for name, value in numbers.items() if abs(value) <= LARGEST}
        self._on_board("results", self._step(self._last_step if step is None else step), drawable)

    def flush(self):
        """Put metrics.jsonl on the disk (VisualDL's records are handed to the system as they are made)."""
        self._metrics.flush()
        os.fsync(self._metrics.fileno())

    def close(self):
        """Close every file; nothing can be recorded after that."""
        self._close_files()
        self._board = None

    def _close_files(self):
        if self._metrics is not None:
            self._metrics.close()
        self._on_board("close")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _step(self, step):
        self._last_step = max(self._last_step, int(step))
        return int(step)

    def _on_board(self, method, *arguments):
        if self._board is None:
            return
        try:
            getattr(self._board, method)(*arguments)
        except Exception as error:  # whatever it is, a run is worth more than its live curves
            board, self._board = self._board, None
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            print(f"warning: VisualDL is off for the rest of this run ({reason}); {self.metrics_path} goes on", file=sys.stderr)
            with contextlib.suppress(Exception):
                board.close()


class _Board:
    """One run's part of a VisualDL log folder: a LogWriter per sibling folder, opened when first needed. Anything may raise."""

    def __init__(self, folder, run_name):
        self._folder = folder
        self._run_name = run_name
        # One fixed name per run: VisualDL reads a single file per folder, and a writer that is given an old name appends to it
        self._file_name = f"vdlrecords.{run_name.replace('/', '-')}.log"
        self._writers = {}
        self._counts = {}

    def scalars(self, step, values, walltime):
        for name, value in values.items():
            folder, tag = scalar_place(name)
            self._writer(folder).add_scalar(tag, value, step, walltime)

    def image(self, step, image, tag, folder):
        if image.max() <= 1:
            image[:] = 0  # VisualDL takes such a picture for one in [0, 1] and would show its ones, black to the eye, as white
        self._writer(folder).add_image(self._next_tag(folder, _tag(tag)), image, step)

    def text(self, step, tag, text):
        self._writer(TEXTS).add_text(self._next_tag(TEXTS, _tag(tag)), text, step)

    def embedding(self, tag, features, labels):
        self._writer(EMBEDDINGS).add_embeddings(tag, features.tolist(), [[label] for label in labels], ["label"])

    def hyperparameters(self, flat, tags):
        path = self._path(HYPERPARAMETERS)
        if path.exists():  # only a folder's first record of this kind is shown, so the old one has to go
            self._close(HYPERPARAMETERS)
            rewrite_records(path, lambda value: value.WhichOneof("one_value") != "hparam")
        self._writer(HYPERPARAMETERS).add_hparams(flat, tags)

    def results(self, step, values):
        for tag, value in values.items():
            self._writer(HYPERPARAMETERS).add_scalar(tag, value, step)

    def cut(self, step):
        self.close()
        for path in sorted(self._folder.glob(f"*/{self._file_name}")):
            cut_visualdl_records(path, step)

    def close(self):
        for folder in list(self._writers):
            self._close(folder)

    def _close(self, folder):
        self._counts.pop(folder, None)
        if folder in self._writers:
            self._writers.pop(folder).close()

    def _path(self, folder):
        return self._folder / folder / self._file_name

    def _writer(self, folder):
        if folder not in self._writers:
            name = self._run_name if folder == HYPERPARAMETERS else RUN_ON_PAGE.format(folder=folder, run=self._run_name)
            self._writers[folder] = log_writer_class()(logdir=str(self._folder / folder), file_name=self._file_name, display_name=name)
        return self._writers[folder]

    def _next_tag(self, folder, tag):
        """The tag that still has a place, given how many records of this series are in the file."""
        if folder not in self._counts:
            tags = (value.tag for _, value in read_records(self._path(folder)))
            self._counts[folder] = Counter(re.sub(r"/\d{3,}-\d{3,}$", "", tag) for tag in tags)
        count = self._counts[folder][tag]
        self._counts[folder][tag] += 1
        first = count - count % TAG_CAPACITY + 1
        return tag if first == 1 else f"{tag}/{first:03d}-{first + TAG_CAPACITY - 1:03d}"


def _number(value):
    """A float from a number of any library, or an array of one element."""
    item = getattr(value, "item", None)
    return float(item() if item else value)


def _plain(value):
    """`value` as strict JSON can hold it: NumPy's types become Python's, and what is not finite becomes None."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table_entry(value):
    """A value for the hyper-parameter table, which holds int64, finite floats and strings only, and drops or rejects the rest."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    return value if isinstance(value, float) and math.isfinite(value) else printable(str(value))


def _result_tag(name):
    return _tag(RESULT_TAG.format(name)).replace(".", "_")  # a dot: as in the names of the settings


def _tag(tag):
    return tag.replace("%", "_")  # VisualDL rejects it
