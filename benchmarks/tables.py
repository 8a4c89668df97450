"""The tables of the benchmarks, as Markdown: of rows that were just measured, and of stored ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Collection, Dict, List, Optional, Tuple

from paddle_gan_aug.evaluation.registry import METRICS

Row = Dict[str, Any]
SAME = ("data", "goal", "framework", "network", "steps", "every", "machine", "process", "version")  # what times of a mean have in common
HEALTHY_SHARE, HEALTHY_DIVERSITY = 0.9, 0.5  # read as the digit; of the real digit's diversity
ZOO = {  # key in a mark -> how it is shown
    **{name: metric.format for name, metric in METRICS.items() if metric.headline},
    "copied": "",
    "seconds": ".0f",
}

AUGMENT = {  # of the GANs that `augment` might train
    "frechet": ".3f",
    **{name: METRICS[name].format for name in ("precision", "recall", "coverage", "memorisation")},
    "copied": "",
    "near_duplicates": ".2%",
    "accuracy_score": ".2%",
    "ms_a_step": ".0f",
    "seconds": ".0f",
}


def quality_table(rows: List[Row]) -> str:
    """Every run as a line, below the real floor of the first; a column for each metric that one of them has."""
    names = [name for name in METRICS if any(name in row for row in rows)]
    lines = ["| run | " + " | ".join(name.replace("_", " ") for name in names) + " |", "|---|" + "---|" * len(names)]
    floor = {name: rows[0].get(name, {}).get("floor") for name in names}
    values = [(row["run"], {name: row.get(name, {}).get("value") for name in names}) for row in rows]
    for label, of_run in [("*real floor*", floor), *values]:
        lines.append(f"| {label} | " + " | ".join("–" if of_run[name] is None else f"{of_run[name]:.3g}" for name in names) + " |")
    return "\n".join(lines)


def is_healthy(row: Row) -> bool:
    """Whether a row of single digits ended with samples one can use."""
    if "failed" in row or not row["marks"]:
        return False
    last = row["marks"][-1]
    return last["read_as_class"] >= HEALTHY_SHARE and last["diversity"] >= HEALTHY_DIVERSITY


def collapse_table(rows: List[Row]) -> str:
    """Every run of `collapse` as a line, and the sums by preset of those without a planted fault."""
    lines = ["| run | seed | healthy | read as the digit | diversity | alarms | rungs |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        last = row["marks"][-1] if row["marks"] else {"read_as_class": float("nan"), "diversity": float("nan")}
        rungs = ", ".join(alarm["rung"] for alarm in row["alarms"] if alarm["rung"]) or "–"
        lines.append(
            f"| {row['name']} | {row['seed']} | {'yes' if is_healthy(row) else 'no'} | {last['read_as_class']:.3f} | "
            f"{last['diversity']:.2f} | {len(row['alarms'])} | {rungs} |"
        )
    for preset in dict.fromkeys(row["preset"] for row in rows):
        mine = [row for row in rows if row["preset"] == preset and not row.get("plant")]
        lines.append(f"\n{preset}: {sum(map(is_healthy, mine))} of {len(mine)} runs end healthy")
    return "\n".join(lines)


def augment_table(rows: List[Row]) -> str:
    """As `zoo_table`, with the columns by which the GAN of `augment` is chosen."""
    return zoo_table(rows, AUGMENT)


def zoo_table(rows: List[Row], columns: Dict[str, str] = ZOO) -> str:
    """Every row as a line, its seeds beside each other, each at its best mark by Fréchet distance. A column for each headline metric of
    the registry that a row has, or for each of `columns`.
    """
    best: Dict[str, List[Row]] = {}
    for row in rows:
        mark = min(row["marks"], key=lambda mark: mark.get("frechet", 0), default={"step": "failed"})
        best.setdefault(row["name"], []).append({**mark, "seed": row["seed"]})
    columns = {"seed": "", "step": "", **columns}
    columns = {name: kind for name, kind in columns.items() if any(name in mark for marks in best.values() for mark in marks)}
    lines = ["| row | " + " | ".join(name.replace("_", " ") for name in columns) + " |", "|---|" + "---|" * len(columns)]
    for name, marks in best.items():
        lines.append(f"| {name} | " + " | ".join(_cell(marks, key, kind) for key, kind in columns.items()) + " |")
    return "\n".join(lines)


def _cell(marks: List[Row], name: str, kind: str) -> str:
    """What the seeds of a row have, "–" for what they have not."""
    values = [mark.get(name) for mark in marks]
    return ", ".join(_shown(value, kind) for value in values) if any(value is not None for value in values) else "–"


def _shown(value: Optional[Any], kind: str) -> str:
    if value is None:
        return "–"
    return ("yes" if value else "no") if isinstance(value, bool) else format(value, kind)


def recipe_table(rows: List[Row]) -> str:
    """Every mark of every row; the alarm is the first that the health monitor raised."""
    lines = ["| row | seed | step | seconds | confident | smallest class | diversity | alarm at |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        alarm = min((alarm["step"] for alarm in row["alarms"]), default="–") if "alarms" in row else "not looked for"
        for mark in row["marks"]:
            measured = f"{mark['confident']:.2f} | {mark['smallest_class']:.3f} | {mark['diversity']:.2f}"
            lines.append(f"| {row['name']} | {row['seed']} | {mark['step']} | {mark['seconds']:.0f} | {measured} | {alarm} |")
    return "\n".join(lines)


def modes_table(rows: List[Row]) -> str:
    """Every mark of every row of Stacked MNIST, below what real stacks have."""
    lines = ["| row | seed | step | CPU seconds | modes of 1,000 | KL |", "|---|---|---|---|---|---|"]
    if rows:
        floor = rows[0]["floor"]
        lines.append(f"| *real stacks* | – | – | – | {floor['modes']:,} | {floor['kl']:.3f} |")
    for row in rows:
        for mark in row["marks"]:
            of_mark = f"{mark['step']} | {mark['cpu_seconds']:.0f} | {mark['modes']:,} | {mark['kl']:.3f}"
            lines.append(f"| {row['name']} | {row['seed']} | {of_mark} |")
    return "\n".join(lines)


def leaderboard_table(rows: List[Row]) -> str:
    """The lines of the leaderboard, by data; of each the fastest first, and last those that missed the goal."""
    header = "| data | goal | preset | CPU seconds | step | best Fréchet | date | commit | machine | Paddle |"
    lines = [header, "|---" * header.count(" | ") + "|---|"]
    never = float("inf")
    for row in sorted(rows, key=lambda row: (row["data"], never if row["cpu_seconds"] is None else row["cpu_seconds"])):
        best = min((mark["frechet"] for mark in row["marks"]), default=never)
        last = row["marks"][-1] if row["marks"] else {"cpu_seconds": 0, "step": 0}
        reached = row["cpu_seconds"] is not None
        taken = f"{last['cpu_seconds']:.0f} | {last['step']}" if reached else f"not in {last['cpu_seconds']:.0f} | – ({last['step']})"
        origin = f"{row['date']} | {row['commit']} | {row['machine']} | {row['paddle']}"
        lines.append(f"| {row['data']} | {row['goal']:.3f} | `{row['preset']}` | {taken} | {best:.3f} | {origin} |")
    return "\n".join(lines)


def accuracy_table(rows: List[Row]) -> str:
    """Times to an accuracy: a row's seeds beside each other, and their mean over PyTorch's, of its LeNet and of the same network.

    Only seeds of the same settings, process and machine are averaged; only rows of the same machine, device and threads are compared.
    """
    lines = [
        "| data | goal | network | CPU seconds | mean | step | / PyTorch's LeNet | / PyTorch's own |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: Dict[str, List[Row]] = {}
    for row in rows:
        groups.setdefault(json.dumps([row["name"], *map(row.get, SAME)], sort_keys=True), []).append(row)
    names = [of[0]["name"] for of in groups.values()]
    for of in groups.values():
        first, mean = of[0], _mean_seconds(of)
        ratios = [_ratio(mean, _pytorch_seconds(first, groups.values(), network)) for network in ("lenet", first["network"])]
        seconds = ", ".join("–" if row["cpu_seconds"] is None else f"{row['cpu_seconds']:.1f}" for row in of)
        steps = ", ".join(_reached(row) for row in of)
        shown = "–" if mean is None else f"{mean:.1f}"
        who = f"PyTorch, `{first['network']}`" if first["framework"] == "pytorch" else f"`{first['network']}`"
        who += f" ({_settings(first)})" if names.count(first["name"]) > 1 else ""
        aim = f"{Path(first['data']).name} | {first['goal']:.1%}"
        lines.append(f"| {aim} | {who} | {seconds} | {shown} | {steps} | {ratios[0]} | {ratios[1]} |")
    return "\n".join(lines)


def _place(row: Row) -> List[Any]:
    """Where a time was measured: machine, device and threads."""
    process = row.get("process") or {}
    return [row.get("machine"), process.get("device"), process.get("threads")]


def _settings(row: Row) -> str:
    """How seeds of one name differ that are not averaged, in words."""
    machine, _, threads = _place(row)
    paddle = (row.get("process") or {}).get("paddle")
    return f"{row['steps']} steps, {threads} thread{'s' * (threads != 1)}, {machine}, Paddle {paddle}, version {row.get('version')}"


def _pytorch_seconds(row: Row, groups: Collection[List[Row]], network: str) -> Optional[float]:
    """The mean time of PyTorch's network to a row's goal, in the same place: of as many steps, or the only one there is."""
    wanted = [row["data"], row["goal"], "pytorch", network, _place(row)]
    there = [of for of in groups if [*(of[0][key] for key in ("data", "goal", "framework", "network")), _place(of[0])] == wanted]
    alike = [of for of in there if of[0]["steps"] == row["steps"]] or there
    return _mean_seconds(alike[0]) if len(alike) == 1 else None


def _reached(row: Row) -> str:
    """The step at which a classifier reached its goal, or how far it came."""
    return f"{row['marks'][-1]['accuracy']:.2%} after {row['steps']}" if row["step"] is None else str(row["step"])


def _mean_seconds(rows: List[Row]) -> Optional[float]:
    """The mean time of a row's seeds; None if one of them missed the goal."""
    seconds = [row["cpu_seconds"] for row in rows]
    return None if None in seconds else sum(seconds) / len(seconds)


def _ratio(ours: Optional[float], theirs: Optional[float]) -> str:
    return "–" if ours is None or theirs is None else f"{ours / theirs:.2f}"


def rare_table(rows: List[Row]) -> str:
    """Samples of a rare class: for each class the share that judges read as it, and the diversity within it, real images first."""
    names = list(rows[0]["real"]) if rows else []
    shown = "".join(f" read as {name} | diversity within |" for name in names)
    lines = [f"| row | seed | steps | CPU seconds |{shown}", "|---|---|---|---|" + "---|---|" * len(names)]
    if rows:
        lines.append("| *real, not seen by the judges* | – | – | – |" + "".join(f" {rows[0]['real'][name]:.1%} | 1.00 |" for name in names))
    for row in rows:
        of_classes = "".join(f" {row['read'][name]:.1%} | {row['diversity'][name]:.2f} |" for name in names)
        lines.append(f"| {row['name']} | {row['seed']} | {row['step']} | {row['cpu_seconds']:.0f} |{of_classes}")
    return "\n".join(lines)


def guide_table(rows: List[Row], left_out: List[Tuple[str, str]]) -> str:
    """The commands that were run, a line each, and (command, reason) of those that are not."""
    lines = ["| page | command | exit code | seconds | CPU seconds | Paddle | cores |", "|---|---|--:|--:|--:|---|--:|"]
    for row in rows:
        command = row["command"].replace("|", "\\|")
        times = f"{row['seconds']:.1f} | {row['cpu_seconds']:.1f}"
        lines.append(f"| {row['page']} | `{command}` | {row['exit_code']} | {times} | {row['paddle']} | {row['cores']} |")
    lines += ["", *(f"not run: {command} ({reason})" for command, reason in left_out)] if left_out else []
    return "\n".join(lines)
