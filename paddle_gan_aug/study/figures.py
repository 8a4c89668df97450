"""The charts of a study, as matplotlib figures; the report writes them as SVG into its page and as PNG beside it."""

import io
import re
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from ..files import atomic_write
from ..fonts import LETTER, class_labels, fonts_of
from .arms import arm_of

BLUE, ORANGE, GREY, GREEN = "#2a6fbb", "#d9742b", "#8a8f98", "#3a9a5b"
SIDE = 6.4  # inches
FEWEST_SHOWN = 4  # seeds whose interval is drawn: that of fewer is so wide that nothing else could be seen


def figure(width: float, height: float) -> Tuple[Any, Any]:
    """A figure with one plain pair of axes."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained")
    axes = drawn.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return drawn, axes


def svg(drawn: Any) -> str:
    """A figure as SVG to be put into a page."""
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "study", "font.family": "sans-serif"}):
        buffer = io.StringIO()
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', 'class="chart"', text[text.index("<svg") :], count=1)


def differences(rows: Sequence[Dict[str, Any]], margin: float) -> Any:
    """A dot for each paired seed, the mean with its interval, the zero line and the band that is too small to care about.

    Args:
        rows: of `summary.comparisons`, of one scenario.
    """
    drawn, axes = figure(SIDE, 1.0 + 0.55 * len(rows))
    axes.axvspan(-100 * margin, 100 * margin, color="#e9ecf1", zorder=0)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    for place, row in enumerate(rows):
        points = 100 * np.array(row["differences"])
        colour = BLUE if row["named"] else GREY
        offsets = np.linspace(-0.16, 0.16, len(points)) if len(points) > 1 else np.zeros(1)
        axes.plot(points, place + 0.02 + offsets, "o", color=colour, alpha=0.45, markersize=4, zorder=2)
        if row["count"] >= FEWEST_SHOWN:
            axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=colour, linewidth=2.4, zorder=3)
        axes.plot(100 * row["mean"], place, "D", color=colour, markersize=7, markeredgecolor="white", zorder=4)
    axes.set_yticks(range(len(rows)), [row["arm"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(f"points above (right) or below (left) {rows[0]['rival']}")
    return drawn


def against_labels(arms: Sequence[Dict[str, Any]], word: str) -> Any:
    """The score of every arm against the number of labels, with a band of one standard deviation over seeds."""
    drawn, axes = figure(SIDE, 4.0)
    _lines(axes, arms, lambda row: row["labels"], lambda row: row["arm"])
    axes.set_xscale("log")
    ticks = sorted({row["labels"] for row in arms if row["mean"] is not None})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("labels")
    axes.set_ylabel(f"{word}, %")
    return drawn


def against_share(arms: Sequence[Dict[str, Any]], word: str, rival: str) -> Any:
    """The score against the share of generated images in a batch; the rival's is a level line."""
    drawn, axes = figure(SIDE, 3.6)
    generating = [row for row in arms if arm_of(row["arm"]).makes]
    _lines(axes, generating, lambda row: 100 * arm_of(row["arm"]).share, lambda row: row["arm"].partition("@")[0])
    level = next((row["mean"] for row in arms if row["arm"] == rival), None)
    if level is not None:
        axes.axhline(100 * level, color="black", linestyle="--", linewidth=1, label=rival)
        axes.legend(frameon=False, fontsize=8)
    axes.set_xlabel("generated images in a batch, %")
    axes.set_ylabel(f"{word}, %")
    return drawn


def _lines(axes: Any, arms: Sequence[Dict[str, Any]], place: Any, group: Any) -> None:
    groups: Dict[str, List[Dict[str, Any]]] = {}
    for row in arms:
        if row["mean"] is not None:
            groups.setdefault(group(row), []).append(row)
    for name, rows in groups.items():
        rows = sorted(rows, key=place)
        x, mean = [place(row) for row in rows], 100 * np.array([row["mean"] for row in rows])
        spread = 100 * np.array([row["spread"] or 0.0 for row in rows])
        (line,) = axes.plot(x, mean, "--" if rows[0]["upper"] else "-", marker="o", markersize=4, label=name)
        axes.fill_between(x, mean - spread, mean + spread, color=line.get_color(), alpha=0.12, linewidth=0)
    axes.legend(frameon=False, fontsize=8)


def confusion(before: np.ndarray, after: np.ndarray, names: Sequence[str], titles: Tuple[str, str]) -> Any:
    """Two confusion matrices side by side, in % of each true class, over all seeds."""
    from matplotlib.figure import Figure

    size = min(5.0, 1.6 + 0.32 * len(names))
    drawn = Figure(figsize=(2 * size, size), layout="constrained")
    labels, longest = class_labels(names)
    fonts = fonts_of("".join(labels))
    for axes, matrix, title in zip(drawn.subplots(1, 2), (before, after), titles):
        shares = 100 * matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        axes.set_title(title, fontsize=9)
        axes.set_xticks(range(len(names)), labels, fontsize=7, fontfamily=fonts, rotation=90 if longest > 3 * LETTER else 0)
        axes.set_yticks(range(len(names)), labels, fontsize=7, fontfamily=fonts)
        axes.set_xlabel("read as", fontsize=8)
        axes.set_ylabel("is", fontsize=8)
        if len(names) <= 12:
            for i, j in zip(*np.nonzero(shares >= 0.5)):
                axes.text(
                    j, i, f"{shares[i, j]:.0f}", ha="center", va="center", fontsize=6, color="white" if shares[i, j] > 55 else "black"
                )
    return drawn


def classes(rows: Sequence[Dict[str, Any]], arm: str, rival: str) -> Any:
    """The difference of each class's recall with its interval."""
    drawn, axes = figure(SIDE, 1.0 + 0.28 * len(rows))
    axes.axvline(0, color="black", linewidth=0.8)
    for place, row in enumerate(rows):
        colour = GREEN if row["mean"] > 0 else ORANGE
        axes.barh(place, 100 * row["mean"], color=colour, height=0.55)
        if row["count"] >= FEWEST_SHOWN:
            axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color="#333333", linewidth=1)
    labels, _ = class_labels([row["class"] for row in rows])
    axes.set_yticks(range(len(rows)), labels, fontsize=8, fontfamily=fonts_of("".join(labels)))
    axes.invert_yaxis()
    axes.set_xlabel(f"recall of {arm} - {rival}, points")
    return drawn


def png(drawn: Any, path: Path) -> None:
    """Write a figure as a PNG file, whole or not at all."""
    with atomic_write(path) as file:
        drawn.savefig(file, format="png", dpi=130)
