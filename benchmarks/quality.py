"""Every metric of trained runs, with the time and the memory that measuring takes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from benchmarks.speed.worker import peak_memory
from benchmarks.tables import quality_table


def quality(runs: Sequence[str], count: int = 10_000, part: str = "test") -> Tuple[List[Dict[str, Any]], str]:
    """`quality`: every metric of trained runs as a table."""
    from paddle_gan_aug.runs.evaluate import evaluate

    rows = []
    for name in runs:
        began = time.perf_counter()
        result = evaluate(name, count=count, part=part).result
        seconds = round(time.perf_counter() - began, 1)
        rows.append({"run": Path(name).name, **result, "seconds": seconds, "peak_mb": peak_memory()})
        print(f"{name}: {seconds} s, {rows[-1]['peak_mb']} MB", file=sys.stderr, flush=True)
    return rows, quality_table(rows)
