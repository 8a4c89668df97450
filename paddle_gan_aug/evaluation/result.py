"""What an evaluation found, as text: a line that says what the numbers stand on, and a table of the metrics beside their real floors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from ..errors import InputError
from .registry import METRICS

KINDS = {"test": "test", "eval": "test", "valid": "validation"}  # older results call the test part eval


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        result: the dict of `evaluate_images`, as it is in evaluation.json.
        page: the path of the page of pictures, index.html; None where none was drawn.
        dry_run: what an evaluation would do that was only tried, a `DryRun`; else None. There is no result then.
    """

    result: Dict[str, Any]
    page: Optional[Path] = None
    dry_run: Any = None

    @property
    def values(self) -> Dict[str, Optional[float]]:
        """{metric: value}; None for what could not be measured."""
        return {name: self.result[name]["value"] for name in METRICS if name in self.result}

    def table(self) -> str:
        """The result as a table for a terminal."""
        return table(self.result)

    def compare(self, other: Evaluation) -> Dict[str, Tuple[Optional[float], Optional[float]]]:
        """{metric: (value here, value of the other)}: see `compare`, which refuses results that say nothing about each other."""
        return compare(self.result, other.result)


def compare(first: Dict[str, Any], second: Dict[str, Any]) -> Dict[str, Tuple[Optional[float], Optional[float]]]:
    """Set two results of `evaluate_images` side by side.

    Returns:
        {metric: (value of the first, value of the second)} of the metrics that both have.

    Raises:
        InputError: they were measured by different feature networks, against different real images, or at different counts;
            then the numbers say nothing about each other.
    """
    names = [result["feature_network"]["name"] for result in (first, second)]
    if names[0] != names[1]:
        raise InputError(f"results of the feature networks {names[0]} and {names[1]} cannot be compared: evaluate both with one")
    for key, what in (("fingerprint", "real images"), ("count", "numbers of real images")):
        sides = [result["reference"][key] for result in (first, second)]
        if sides[0] != sides[1]:
            raise InputError(f"results against different {what} ({sides[0]} and {sides[1]}) cannot be compared: evaluate both alike")
    if first["count"] != second["count"]:
        raise InputError(f"results of {first['count']} and {second['count']} images cannot be compared: evaluate both with one count")
    return {name: (first[name]["value"], second[name]["value"]) for name in METRICS if name in first and name in second}


def rows_of(result: Dict[str, Any]) -> List[Tuple[str, str, str, str]]:
    """The metrics of a result as rows of text: (name, value with its error, floor, what it says)."""
    rows, further = [], []
    for name, metric in METRICS.items():
        if name in result:
            entry = result[name]
            error = f" ± {entry['error']:.4g}" if entry.get("error") is not None else ""
            says = f"not measured: {entry['why']}" if "why" in entry else metric.says
            rows.append((metric.title, _number(entry["value"]) + error, _number(entry.get("floor")), says))
            further += metric.function("rows")(entry) if metric.rows else []
    return [*rows, *further]


def _number(value: Optional[float]) -> str:
    return "–" if value is None else f"{value:.4g}"


def summary(result: Dict[str, Any]) -> str:
    """What the numbers stand on, in a line."""
    network, reference = result["feature_network"], result["reference"]
    accuracy = "unknown" if network["accuracy"] is None else f"{100 * network['accuracy']:.2f} %"
    of_class = f", class {reference['class_name']}" if reference["class_name"] else ""
    return (
        f"{result['count']} images against {reference['count']} {KINDS[reference['part']]} images of {reference['source']}{of_class}; "
        f"features of {network['name']} (accuracy {accuracy}); floor: {result['floor_count']} real training images in their place"
    )


def table(result: Dict[str, Any]) -> str:
    """A result as a table for a terminal."""
    rows = [("metric", "value", "real floor"), *(row[:3] for row in rows_of(result))]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    if "classification" in result:  # of a run that reads images
        error, count = (result["classification"][name] for name in ("error", "count"))
        lines.append(f"as a classifier: error {100 * error:.2f} % of {count} {KINDS[result['reference']['part']]} images")
    return "\n".join([summary(result), *lines, *(f"not measured: {', '.join(names)}: {why}" for why, names in _missing(result).items())])


def _missing(result: Dict[str, Any]) -> Dict[str, List[str]]:
    """{why: [metrics that could not be measured for that]}."""
    missing: Dict[str, List[str]] = {}
    for name in METRICS:
        if "why" in result.get(name, {}):
            missing.setdefault(result[name]["why"], []).append(name)
    return missing
