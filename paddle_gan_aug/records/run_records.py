"""The records of a run, kept twice: a curve is only worth watching if the numbers behind it cannot be lost.

`metrics.jsonl` in the run folder is the record that counts: one JSON object per logged step, on its way to the disk before
`scalars` returns. VisualDL shows the same numbers, the pictures and the settings live. Every defect of VisualDL is worked
around in this room; a failure of it never stops a run, it prints one warning and turns VisualDL off.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

import numpy as np

from ..files import make_folder, naming, printable
from ..pictures import as_rgb
from .layer_graph import layer_graph
from .metrics_file import METRICS_FILE, cut_metrics
from .visualdl_board import Board

OWN_KEYS = frozenset(("step", "time", "epoch", "nonfinite"))


class Records:
    """The records of one run, `run_folder/metrics.jsonl` and `log_folder/<run_name>/<folder>/vdlrecords.<run_name>.log`.

    Args:
        run_folder: the folder of metrics.jsonl; it is created where it is missing.
        log_folder: the folder that VisualDL is pointed at; what is missing in it is created when it is first needed.
        run_name: the run's folder in it, and its name on the page.
        visualdl: False writes metrics.jsonl only and leaves the log folder alone.
        resume_step: the run goes on after this step, and records of later steps are cut. None keeps all records.

    Raises:
        InputError: the run folder cannot be written to.
        OSError: metrics.jsonl cannot be written, here or in any later call. VisualDL never raises, it warns once.
    """

    def __init__(
        self,
        run_folder: Union[str, Path],
        log_folder: Union[str, Path],
        run_name: str,
        visualdl: bool = True,
        resume_step: Optional[int] = None,
    ) -> None:
        self.metrics_path = make_folder(run_folder) / METRICS_FILE
        self._metrics = None
        self._board = Board(log_folder, str(run_name)) if visualdl else None
        self._last_step = 0
        self.cut(math.inf if resume_step is None else resume_step)

    def cut(self, step: float) -> None:
        """Drop what was recorded after `step` (a resumed or rolled-back run repeats those steps), and records cut short."""
        self._close_files()
        cut_metrics(self.metrics_path, step)
        self._metrics = open(self.metrics_path, "a", encoding="utf-8", errors="backslashreplace", newline="\n")  # noqa: SIM115 - for the run
        self._on_board("cut", step)
        if step < math.inf:
            self._last_step = int(step)

    def scalars(self, step: int, values: Mapping[str, Any], epoch: Optional[float] = None, **extra: Any) -> None:
        """Record the numbers of one step.

        NaN and infinity become null in metrics.jsonl, where "nonfinite" lists their names; VisualDL skips them.

        Args:
            values: {name: number}: Python, NumPy or Paddle, of one element. They become curves.
            epoch: the epoch, if there are any.
            extra: anything JSON can hold; metrics.jsonl only.

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
        self._on_board("scalars", self._step(step), numbers, round(now * 1000))

    def image(self, step: int, image: np.ndarray, tag: str = "numbers", folder: str = "imgs") -> None:
        """Show a picture: uint8 [H, W], [H, W, C] or [C, H, W], C = 1 or 3. The caller's array is left alone.

        VisualDL's server keeps only ten pictures of a tag. So the eleventh goes to "<tag>/011-020", the 21st to
        "<tag>/021-030", and so on; a resumed run goes on counting where it left off.

        Raises:
            ValueError: another dtype or shape.
        """
        self._on_board("image", self._step(step), as_rgb(image), tag, folder)

    def text(self, step: int, tag: str, text: Any) -> None:
        """Show a text (Markdown is not rendered). After ten texts of a tag the next tag begins, as for `image`."""
        self._on_board("text", self._step(step), tag, printable(str(text)))

    def embedding(self, tag: str, features: np.ndarray, labels: Mapping[str, Sequence[Any]]) -> None:
        """Show points on the projection page, in place of earlier points of that tag.

        Args:
            features: float [N, width].
            labels: {what a label says: N labels}; the page colours the points by the one that is chosen there.
        """
        columns = {name: [str(label) for label in column] for name, column in labels.items()}
        self._on_board("embedding", tag, np.asarray(features, dtype=np.float32), columns)

    def histogram(self, step: int, tag: str, values: np.ndarray) -> None:
        """Show how numbers are distributed: float, any shape. What is not finite is left out; without finite numbers nothing is shown."""
        values = np.asarray(values, dtype=np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            self._on_board("histogram", self._step(step), tag, values)

    def curves(self, step: int, tag: str, labels: np.ndarray, scores: np.ndarray) -> None:
        """Show a precision-recall curve and an ROC curve of labels [N], 0 or 1, and scores float [N] in [0, 1]."""
        self._on_board("curves", self._step(step), tag, labels, scores)

    def graph(self, name: str, network: Any, inputs: Sequence[np.ndarray]) -> None:
        """Show the layers of a network, or warn that this one cannot be shown.

        A second call with the name of the first, as after a resume, replaces it.

        Args:
            network: a `paddle.nn.Layer`; it is run once, in evaluation mode, and left as it was.
            inputs: the arrays that its `forward` takes.
        """
        if self._board is None:
            return
        try:
            graph = layer_graph(network, inputs)
        except Exception as error:  # whatever it is, a run is worth more than a drawing
            print(f"warning: no graph of the {name} ({type(error).__name__}: {' '.join(str(error).split())[:200]})", file=sys.stderr)
        else:
            self._on_board("graph", name, graph)

    def hyperparameters(self, settings: Mapping[str, Any], metric_names: Iterable[str]) -> None:
        """Fill the run's row in the table of hyper-parameters. A second call, as after a resume, replaces the first.

        Args:
            settings: {name: value}; what is not an int, a finite float or a string is shown as text.
            metric_names: the names that `hyperparameter_results` will fill.
        """
        self._on_board("hyperparameters", settings, metric_names)

    def hyperparameter_results(self, values: Mapping[str, Any], step: Optional[int] = None) -> None:
        """Fill the row's metric columns, {name: number}, at `step` or the last one recorded. The last value of each name shows."""
        numbers = {name: _number(value) for name, value in values.items()}
        self._on_board("results", self._step(self._last_step if step is None else step), numbers)

    def flush(self) -> None:
        """Put metrics.jsonl on the disk (VisualDL's records are with the operating system as soon as they are made)."""
        self._metrics.flush()
        os.fsync(self._metrics.fileno())

    def close(self) -> None:
        """Close every file; nothing can be recorded after that."""
        self._close_files()
        self._board = None

    def _close_files(self) -> None:
        if self._metrics is not None:
            self._metrics.close()
        self._on_board("close")

    def __enter__(self) -> Records:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _step(self, step: int) -> int:
        self._last_step = max(self._last_step, int(step))
        return int(step)

    def _on_board(self, method: str, *arguments: Any) -> None:
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


def _number(value: Any) -> float:
    """A float from a number of any library, or an array of one element."""
    item = getattr(value, "item", None)
    return float(item() if item else value)


def _plain(value: Any) -> Any:
    """`value` as strict JSON can hold it: NumPy's types become Python's, and what is not finite becomes None."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
