"""The page of a study: the verdict first, then what it rests on. Drawn from results.json and the rows alone."""

import base64
import csv
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from ..files import atomic_write, distinct_names, make_folder, regular
from . import figures
from .arms import arm_of
from .folder import CHARTS
from .splits import TEST
from .statistics import HELPS, HURTS
from .summary import WORDS

TEMPLATE = Path(__file__).with_name("report.html")
COLOURS = {HELPS: "#3a9a5b", HURTS: "#b3261e"}
MOST_CLASSES = 40  # drawn in a chart


def write_report(folder: Path, results: Dict[str, Any], rows: Sequence[Dict[str, Any]]) -> Path:
    """Write report.html, cells.csv and the charts as PNG files into a study's folder; returns the page."""
    from jinja2 import Environment

    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    values = _page(folder, results, [row for row in rows if row["role"] == TEST])
    drawn = {f"{chart['name']}.png" for part in (values, *values["scenarios"]) for chart in part["charts"]}
    for path in (folder / CHARTS).glob("*.png"):
        if path.name not in drawn:  # of other scenarios or arms, which the folder had before
            path.unlink()
    with atomic_write(folder / "report.html", "w") as file:
        file.write(page.render(**values))
    _write_csv(folder / "cells.csv", rows)
    return folder / "report.html"


def _page(folder: Path, results: Dict[str, Any], rows: Sequence[Dict[str, Any]]) -> Dict[str, Any]:
    measure, rival = results["measure"], results["rival"]
    named = next((row for row in results["comparisons"] if row["named"]), None)
    names = list(dict.fromkeys(row["scenario"] for row in results["arms"]))
    return {
        **{key: results[key] for key in ("data", "verdict", "recommended", "notes", "version", "rival")},
        "word": WORDS[measure],
        "colour": COLOURS.get(named["verdict"] if named else "", "#8a8f98"),
        "scenarios": [_scenario(folder, name, slug, results, rows) for name, slug in distinct_names(names, _slug).items()],
        "charts": _charts(folder, results, rival),
        "made": [_made(row) for row in rows if row.get("made")],
        "grid": _grid(folder, rows, results["gan_arm"]),
        "method": _method(results),
        "cells": [_cell(row, measure) for row in rows],
    }


def _percent(value: Optional[float], signed: bool = False) -> str:
    if value is None:
        return "–"
    return f"{100 * value:+.2f}" if signed else f"{100 * value:.2f}"


def _scenario(folder: Path, name: str, slug: str, results: Dict[str, Any], rows: Sequence[Dict[str, Any]]) -> Dict[str, Any]:
    compared = {row["arm"]: row for row in results["comparisons"] if row["scenario"] == name}
    mine = [row for row in results["arms"] if row["scenario"] == name]
    table = []
    for row in sorted(mine, key=lambda row: -(row["mean"] or 0)):
        one = compared.get(row["arm"])
        word = "the rival" if row["arm"] == results["rival"] else ""
        if one:
            word = one["verdict"] if one["named"] else f"{one['verdict']} (not named beforehand)"
        minutes = None if row["classifier_minutes"] is None else row["classifier_minutes"] + (row["maker_minutes"] or 0)
        table.append(
            {
                **row,
                "mean": _percent(row["mean"]),
                "spread": _percent(row["spread"]),
                "accuracy": _percent(row["accuracy"]),
                "difference": _percent(one and one["mean"], True),
                "interval": "–" if not one or one["low"] is None else f"{_percent(one['low'], True)} to {_percent(one['high'], True)}",
                "verdict": word,
                "minutes": "–" if minutes is None else f"{minutes:.1f}",
            }
        )
    return {"name": name, "table": table, "charts": _scenario_charts(folder, name, slug, results, rows), "noise": _noise(compared, results)}


def _noise(compared: Dict[str, Dict[str, Any]], results: Dict[str, Any]) -> str:
    row = compared.get(results["gan_arm"])
    if not row or row["seed_noise"] is None:
        return ""
    smallest = (
        "" if row["smallest"] is None else f" A true difference of {_percent(row['smallest'])} points is found in 80 % of such studies."
    )
    return (
        f"One difference of accuracies of {row['arm']} and {row['rival']} varies by {_percent(row['seed_noise'])} points from seed to seed "
        f"and by {_percent(row['image_noise'])} because the test set is finite.{smallest}"
    )


def _chart(folder: Path, name: str, title: str, text: str, drawn: Any) -> Dict[str, str]:
    figures.png(drawn, make_folder(folder / CHARTS) / f"{name}.png")
    return {"name": name, "title": title, "text": text, "svg": figures.svg(drawn)}


def _scenario_charts(folder: Path, name: str, slug: str, results: Dict[str, Any], rows: Sequence[Dict[str, Any]]) -> List[Dict[str, str]]:
    compared = [row for row in results["comparisons"] if row["scenario"] == name]
    rival, gan_arm = results["rival"], results["gan_arm"]
    charts = []
    if compared:
        text = (
            f"A dot is one seed, trained and tested with the same labels as {rival}; a diamond is the mean, a bar its 95 % interval. The "
            f"grey band ({_percent(results['margin'])} points either side) is too small to care about. Blue was named beforehand."
        )
        ordered = sorted(compared, key=lambda row: (not row["named"], -row["mean"]))
        charts.append(_chart(folder, f"differences-{slug}", "Differences", text, figures.differences(ordered, results["margin"])))
    shown = gan_arm or next((row["arm"] for row in compared), None)
    one = next((row for row in compared if row["arm"] == shown), None)
    if one and len(one["classes"]) <= MOST_CLASSES:
        text = "A gain of one class may be paid for by another. Intervals are of each class by itself: no claims."
        charts.append(_chart(folder, f"classes-{slug}", "Classes", text, figures.classes(one["classes"], shown, rival)))
    before, after = (_matrix(rows, name, arm) for arm in (rival, shown))
    if before is not None and after is not None and len(before) <= MOST_CLASSES:
        class_names = next(row["class_names"] for row in rows if row["scenario"] == name and not row["error"])
        drawn = figures.confusion(before, after, class_names, (rival, shown))
        charts.append(_chart(folder, f"confusion-{slug}", "What is mistaken for what", "In % of each true class, over all seeds.", drawn))
    shares = {arm_of(row["arm"]).share for row in results["arms"] if row["scenario"] == name and arm_of(row["arm"]).makes}
    if len(shares) > 1:
        mine = [row for row in results["arms"] if row["scenario"] == name]
        drawn = figures.against_share(mine, WORDS[results["measure"]], rival)
        charts.append(_chart(folder, f"shares-{slug}", "Share of generated images", "Bands are one standard deviation over seeds.", drawn))
    return charts


def _charts(folder: Path, results: Dict[str, Any], rival: str) -> List[Dict[str, str]]:
    if len({row["labels"] for row in results["arms"] if row["labels"]}) < 2:
        return []
    drawn = figures.against_labels(results["arms"], WORDS[results["measure"]])
    return [_chart(folder, "labels", "More labels", "Bands are one standard deviation over seeds.", drawn)]


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)[:60]


def _matrix(rows: Sequence[Dict[str, Any]], scenario: str, arm: Optional[str]) -> Optional[np.ndarray]:
    found = [np.array(row["confusion_matrix"]) for row in rows if (row["scenario"], row["arm"]) == (scenario, arm) and not row["error"]]
    return np.sum(found, axis=0) if found else None


def _made(row: Dict[str, Any]) -> Dict[str, Any]:
    made, memorised = row["made"], row["made"].get("memorisation")
    dropped = _reasons(made.get("dropped"))
    kept = (made.get("dropped") or {}).get("kept")
    filled = f", {made['accepted'] - kept} of them to fill up" if kept is not None and made.get("accepted", 0) > kept else ""
    used = "" if made.get("used", True) else " (too few: learnt without)"
    return {
        **{key: row[key] for key in ("scenario", "arm", "seed")},
        "accepted": f"{made.get('accepted', '–')}{filled}{used}",
        "dropped": sum(dropped.values()) if made.get("dropped") else "–",
        "reasons": ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items(), key=lambda item: -item[1])),
        "copies": "–" if not memorised else _percent(memorised["duplicates"]),
        "closer": "–" if not memorised else f"{memorised['closer']:.2f}",
        "minutes": f"{made['maker_seconds'] / 60:.1f}",
    }


def _reasons(dropped: Any) -> Dict[str, int]:
    """{reason: images} of what dropped.json says, over all classes; reasons without images are left out."""
    found: Dict[str, int] = {}
    for of_class in ((dropped or {}).get("classes") or {}).values():
        for reason, count in (of_class.get("dropped") or {}).items():
            if count:
                found[reason] = found.get(reason, 0) + count
    return found


def _grid(folder: Path, rows: Sequence[Dict[str, Any]], gan_arm: Optional[str]) -> Optional[str]:
    """The first grid of generated images, of the compared arm if it has one, as a data address."""
    work = (folder / "work").resolve()
    ordered = sorted(rows, key=lambda row: (row["arm"] != gan_arm, row["seed"]))
    paths = [(work / row["made"]["set"] / "grid.png").resolve() for row in ordered if (row.get("made") or {}).get("set")]
    paths += sorted(work.glob("*/gan-*/set/grid.png"))  # rows of earlier versions do not name their sets
    for path in paths:
        if path.is_relative_to(work) and path.exists():
            return "data:image/png;base64," + base64.b64encode(regular(path).read_bytes()).decode()
    return None


def _cell(row: Dict[str, Any], measure: str) -> Dict[str, Any]:
    name = f"{row['arm']}, {row['scenario']}, seed {row['seed']}"
    return {"name": name, "score": _percent(None if row["error"] else row[measure]), "command": row.get("command"), "error": row["error"]}


def _method(results: Dict[str, Any]) -> str:
    plan = " · ".join(results["plan"] or [])
    return (
        "Every arm trains the same classifier for the same number of steps on the same labels of a seed, and all arms of a seed are "
        "tested on the same images. Only the labels of a cell reach its GAN, its filters and its teacher. A claim needs 8 paired seeds, "
        "a BCa bootstrap 95 % interval of the paired difference without 0, and a sign-flip permutation p below .05 after Holm's "
        f"correction over the comparisons that were named beforehand. {plan}"
    )


def _write_csv(path: Path, rows: Sequence[Dict[str, Any]]) -> None:
    columns = ("role", "scenario", "arm", "seed", "labels", "tested", "accuracy", "balanced_accuracy", "seconds", "error", "key")
    with atomic_write(path, "w") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([row.get(column) for column in columns] for row in rows)


def write_configs(folder: Path, rows: List[Dict[str, Any]]) -> None:
    """The configuration of every cell's classifier, as a file that `classify -c` reads."""
    make_folder(folder / "configs")
    for row in rows:
        if row.get("config"):
            with atomic_write(folder / "configs" / f"{row['key']}.yaml", "w") as file:
                file.write(row["config"])
