"""The published study: its cells beside each other, judged as one family of comparisons that were named beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
from scipy import stats

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import find_path
from paddle_gan_aug.study.statistics import LEVEL, compare
from paddle_gan_aug.study.stored import read_results

Row = Dict[str, Any]
RESULTS = "results.json"


def study_cells(folders: Sequence[str]) -> Tuple[Row, str]:
    """`study-cells`: read the results of studies and judge them together; see `judged`.

    Raises:
        InputError: a folder without results, or without a comparison that was named.
    """
    result = judged({Path(folder).name: _read(folder) for folder in folders})
    return result, cells_table(result)


def _read(folder: str) -> Row:
    path = find_path(folder) / RESULTS
    if not path.is_file():
        raise InputError(f"{folder} is no study that has ended: it has no {RESULTS}")
    return read_results(path)


def judged(studies: Dict[str, Row]) -> Row:
    """The named comparison of every study, with p values corrected over all of them (Holm 1979), and the bound of "never worse".

    Args:
        studies: {name: what results.json holds}.

    Returns:
        {"cells": a dict for each comparison, "never_worse": see `never_worse`, "without_gan": recipes without a GAN, "recipes": all}.
    """
    named = [(name, study, row) for name, study in studies.items() for row in study["comparisons"] if row["named"]]
    lacking = set(studies) - {name for name, _, _ in named}
    if lacking:
        raise InputError(f"{sorted(lacking)[0]} has no comparison that was named: no arm with generated images has ended in it")
    family = compare([(row["arm"], row["rival"], np.array(row["differences"])) for _, _, row in named])
    cells = []
    for (name, study, row), one in zip(named, family):
        means = {arm["arm"]: arm["mean"] for arm in study["arms"] if arm["scenario"] == row["scenario"]}
        recipe = study["recommended"]["arm"]
        cells.append(
            {
                "study": name,
                "scenario": row["scenario"],
                "measure": study["measure"],
                "arm": one.arm,
                "rival": one.rival,
                "means": {arm: means.get(arm) for arm in ("real", one.rival, one.arm)},
                **{key: getattr(one, key) for key in ("count", "mean", "low", "high", "p", "p_holm", "verdict")},
                "recipe": recipe,
                "gain_of_recipe": list(one.differences) if recipe == one.arm else [0.0] * one.count,
            }
        )
    recipes = {cell["study"]: cell["recipe"] == cell["arm"] for cell in cells}
    return {"cells": cells, "never_worse": never_worse(cells), "without_gan": list(recipes.values()).count(False), "recipes": len(recipes)}


def never_worse(cells: Sequence[Row]) -> Optional[float]:
    """The one-sided 95 % bound, by Student's t, below the mean gain of the recipes over their rivals, over all seeds of all cells."""
    gains = np.concatenate([cell["gain_of_recipe"] for cell in cells]) if cells else np.zeros(0)
    if len(gains) < 2:
        return None
    return float(gains.mean() - stats.t.ppf(1 - LEVEL, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains)))


def cells_table(result: Row) -> str:
    """A line of Markdown for each cell, and what they say together."""
    lines = [
        "| study | real | rival | with generated images | difference (95 %) | p, Holm | verdict | recipe |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cell in result["cells"]:
        real, rival, ours = (_percent(cell["means"][arm]) for arm in ("real", cell["rival"], cell["arm"]))
        limits = "" if cell["low"] is None else f" ({100 * cell['low']:+.2f} to {100 * cell['high']:+.2f})"
        what = f"{cell['study']}, {cell['scenario']}, {cell['measure'].replace('_', ' ')}, {cell['count']} seeds"
        lines.append(
            f"| {what} | {real} | {cell['rival']} {rival} | {cell['arm']} {ours} | {100 * cell['mean']:+.2f}{limits} | "
            f"{cell['p_holm']:.3f} | {cell['verdict']} | {cell['recipe']} |"
        )
    bound = result["never_worse"]
    if bound is not None:
        lines.append(f"\nThe recipe against the best arm without a GAN, pooled: one-sided 95 % bound {100 * bound:+.2f} points.")
    lines.append(f"{result['without_gan']} of {result['recipes']} recipes are without a GAN.")
    return "\n".join(lines)


def _percent(value: Optional[float]) -> str:
    return "–" if value is None else f"{100 * value:.2f}"
