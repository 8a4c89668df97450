"""A study in VisualDL: one run for each arm with a point for each seed, its settings, the verdict as a text, and the charts."""

import shutil
from pathlib import Path
from typing import Any, Dict, Sequence

from ..pictures import read_png
from ..records.run_records import Records
from ..runs.places import log_name
from .folder import CHARTS
from .splits import TEST

RECORDS, VERDICT = "records", "verdict"


def show_study(folder: Path, log: Path, results: Dict[str, Any], rows: Sequence[Dict[str, Any]]) -> None:
    """Write the records of a study into a folder of its own in `log`, in place of its earlier ones.

    Args:
        folder: of the study. results: of results.json. rows: of its cells.
    """
    name = log_name(folder, log, began=(folder / RECORDS).exists())
    for earlier in (folder / RECORDS).glob("*"):
        shutil.rmtree(log / name / earlier.name, ignore_errors=True)
        shutil.rmtree(earlier, ignore_errors=True)
    for arm in dict.fromkeys(row["arm"] for row in results["arms"]):
        mine = [row for row in rows if row["arm"] == arm and row["role"] == TEST and not row["error"]]
        with Records(folder / RECORDS / arm, log, f"{name}/{arm}") as records:
            records.cut(-1)
            settings = {"arm": arm, "plan": "; ".join(results["plan"] or [])}
            records.hyperparameters(settings, ["accuracy", "balanced_accuracy"])
            for number, row in enumerate(sorted(mine, key=lambda row: (row["scenario"], row["seed"]))):
                values = {f"study/{measure}": row[measure] for measure in ("accuracy", "balanced_accuracy")}
                records.scalars(number, {**values, "study/seconds": row["seconds"]}, scenario=row["scenario"], seed=row["seed"])
            means = [sum(row[measure] for row in mine) / len(mine) for measure in ("accuracy", "balanced_accuracy") if mine]
            records.hyperparameter_results(dict(zip(("accuracy", "balanced_accuracy"), means)))
    with Records(folder / RECORDS / VERDICT, log, f"{name}/{VERDICT}") as records:
        records.cut(-1)
        kept = results["recommended"]
        records.text(0, VERDICT, f"{results['verdict']} Recipe: {kept['arm'] or 'none'}, because {kept['why']}.")
        for path in sorted((folder / CHARTS).glob("*.png")):
            records.image(0, read_png(path), tag=path.stem, folder="charts")
