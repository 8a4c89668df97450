"""The published study: its cells beside each other, judged as one family of comparisons that were named beforehand, and what generated
images bring to a classifier that has the same settings and none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from scipy import stats

from paddle_gan_aug.errors import InputError
from paddle_gan_aug.files import find_path
from paddle_gan_aug.study.arm import Arm
from paddle_gan_aug.study.arms import ARMS, arm_of
from paddle_gan_aug.study.cells import read_rows
from paddle_gan_aug.study.splits import CHOOSE, TEST
from paddle_gan_aug.study.statistics import LEVEL, compare
from paddle_gan_aug.study.stored import read_results

Row = Dict[str, Any]
RESULTS = "results.json"


def study_cells(folders: Sequence[str]) -> Tuple[Row, str]:
    """`study-cells`: read the results of studies and judge them together; see `judged` and `with_and_without`.

    Raises:
        InputError: a folder without results, or without a comparison that was named.
    """
    studies = {Path(folder).name: _read(folder) for folder in folders}
    result = judged(studies)
    for folder, (name, study) in zip(folders, studies.items()):
        result.setdefault("pairs", []).extend(with_and_without(name, study["measure"], read_rows(find_path(folder))))
    result["shares"] = {share: of_share(result["pairs"], float(share)) for share in sorted({str(row["share"]) for row in result["pairs"]})}
    return result, cells_table(result) + "\n\n" + pairs_table(result)


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
    return lower_bound([gain for cell in cells for gain in cell["gain_of_recipe"]])


def lower_bound(gains: Sequence[float]) -> Optional[float]:
    """The one-sided 95 % bound, by Student's t, below the mean of some gains; None of less than two."""
    if len(gains) < 2:
        return None
    return float(np.mean(gains) - stats.t.ppf(1 - LEVEL, len(gains) - 1) * np.std(gains, ddof=1) / np.sqrt(len(gains)))


def with_and_without(study: str, measure: str, rows: Sequence[Row]) -> List[Row]:
    """For each arm with generated images, its differences to the arm that has the same settings and none, paired by seed.

    Args:
        study: the name. measure: "accuracy" or another score of a row. rows: of all its cells.

    Returns:
        {"study", "arm", "without", "share", "plain": whether the images are filtered ones with their own labels beside the real ones,
        "choosing", "testing": the differences on held-out labels and on test images, in the order of the seeds} for each.
    """
    scores: Dict[Tuple[str, str], Dict[Any, float]] = {}
    for row in rows:
        if not row["error"] and row[measure] is not None:
            scores.setdefault((row["arm"], row["role"]), {})[row["scenario"], row["seed"]] = row[measure]
    found = []
    for arm in sorted({name for name, _ in scores}):
        mine, other = arm_of(arm), _same_without(arm_of(arm))
        if not mine.makes or other is None:
            continue
        parts = {}
        for part, role in (("choosing", CHOOSE), ("testing", TEST)):
            ours, theirs = scores.get((arm, role), {}), scores.get((other, role), {})
            parts[part] = [ours[place] - theirs[place] for place in sorted(set(ours) & set(theirs))]
        plain = mine.filters == "default" and mine.maker in ("gan", "gan-balanced") and not (mine.teacher or mine.renewed or mine.pretrains)
        found.append({"study": study, "arm": arm, "without": other, "share": mine.share, "plain": plain, **parts})
    return found


def _same_without(arm: Arm) -> Optional[str]:
    """The arm with the same settings that learns real images alone."""
    plain = (row for row in ARMS.values() if not (row.maker or row.learner or row.ensemble))
    return next((row.name for row in plain if row.settings == arm.settings), None)


def of_share(pairs: Sequence[Row], share: float) -> Row:
    """What filtered images of a GAN bring as this share of each batch, over all cells: {"choosing", "testing": {"count", "mean",
    "bound": see `lower_bound`}}.
    """
    found = {}
    for part in ("choosing", "testing"):
        gains = [gain for row in pairs if row["plain"] and row["share"] == share for gain in row[part]]
        found[part] = {"count": len(gains), "mean": float(np.mean(gains)) if gains else None, "bound": lower_bound(gains)}
    return found


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


def pairs_table(result: Row) -> str:
    """A line of Markdown for each arm with generated images of each study, and for each share of them."""
    lines = ["| study | arm | without them | held-out labels: points, pairs | test images: points, pairs |", "|---|---|---|---|---|"]
    for row in result["pairs"]:
        parts = " | ".join(_points(row[part]) for part in ("choosing", "testing"))
        lines.append(f"| {row['study']} | {row['arm']} | {row['without']} | {parts} |")
    for share, parts in result["shares"].items():
        told = [f"{what} {_bounded(parts[part])}" for part, what in (("choosing", "held-out labels"), ("testing", "test images"))]
        lines.append(f"\nFiltered images of a GAN as {share} of each batch, all cells: {'; '.join(told)}.")
    return "\n".join(lines)


def _points(gains: Sequence[float]) -> str:
    if not gains:
        return "–"
    spread = f" ± {100 * np.std(gains, ddof=1):.2f}" if len(gains) > 1 else ""
    return f"{100 * np.mean(gains):+.2f}{spread}, {len(gains)}"


def _bounded(part: Row) -> str:
    if part["bound"] is None:
        return "too few pairs"
    return f"{100 * part['mean']:+.2f} points over {part['count']} pairs, one-sided 95 % bound {100 * part['bound']:+.2f}"


def _percent(value: Optional[float]) -> str:
    return "–" if value is None else f"{100 * value:.2f}"
