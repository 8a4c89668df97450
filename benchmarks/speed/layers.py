"""The layers of a network one by one, forward and forward with backward, beside PyTorch's: what stands in the way of a faster step."""

from __future__ import annotations

import contextlib
import importlib.util
import statistics
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from benchmarks.speed.compare import LAYOUTS, Contender, machine, paddle_environment, plain_environment
from paddle_gan_aug import runtime
from paddle_gan_aug.errors import InputError

BATCH, CALLS, WARM_UP = 64, 15, 3
# Of sngan-projection at 28 pixels: (name, kind, arguments, shape of the input without the batch, whether the input's gradient is wanted)
LAYERS = [
    ("G: Linear 100→6272", "linear", [100, 6272], [100], False),
    ("G: conditional BatchNorm, 6272", "conditional_norm", [6272], [6272], True),
    ("G: transposed convolution 128→64, 7→14 pixels", "up", [128, 64], [128, 7, 7], True),
    ("G: conditional BatchNorm, 64 maps of 14", "conditional_norm", [64], [64, 14, 14], True),
    ("G: leaky ReLU, 64 maps of 14", "leaky_relu", [], [64, 14, 14], True),
    ("G: transposed convolution 64→32, 14→28 pixels", "up", [64, 32], [64, 14, 14], True),
    ("G: conditional BatchNorm, 32 maps of 28", "conditional_norm", [32], [32, 28, 28], True),
    ("G: leaky ReLU, 32 maps of 28", "leaky_relu", [], [32, 28, 28], True),
    ("G: convolution 32→1, k3", "conv", [32, 1, 3, 1], [32, 28, 28], True),
    ("D: convolution 1→32, k4 s2", "conv", [1, 32, 4, 2], [1, 28, 28], False),
    ("D: convolution 32→64, k4 s2", "conv", [32, 64, 4, 2], [32, 14, 14], True),
    ("D: convolution 64→128, k3", "conv", [64, 128, 3, 1], [64, 7, 7], True),
]


def median_ms(call: Callable[[], Any]) -> float:
    """The median time of a call in milliseconds."""
    found = []
    for _ in range(WARM_UP + CALLS):
        began = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - began))
    return statistics.median(found[WARM_UP:])


def layers(threads: Optional[int]) -> Tuple[Dict[str, Any], str]:
    """`layers`: every layer of `LAYERS` in both frameworks, PyTorch's in the better layout.

    Raises:
        InputError: PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise InputError("layers: PyTorch is not installed here; pip install torch")
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(contextlib.closing(Contender(paddle_environment(threads), contender="paddle layers")))
        plain = plain_environment(threads or runtime.default_threads())
        peers = [stack.enter_context(contextlib.closing(Contender(plain, contender="pytorch layers", layout=name))) for name in LAYOUTS]
        rows = []
        for name, kind, arguments, shape, wanted in LAYERS:
            asked = {"kind": kind, "arguments": arguments, "shape": [BATCH, *shape], "wanted": wanted}
            mine, *theirs = (contender.ask("time", **asked) for contender in (ours, *peers))
            best = min(theirs, key=lambda answer: answer["both"])
            rows.append({"layer": name, "paddle": _rounded(mine), "pytorch": _rounded(best)})
        result = {"machine": machine(), "batch": BATCH, "process": ours.process, "peer": peers[0].process, "layers": rows}
    return result, layer_table(rows)


def _rounded(answer: Dict[str, Any]) -> Dict[str, float]:
    return {name: round(answer[name], 2) for name in ("forward", "both")}


def layer_table(rows: List[Dict[str, Any]]) -> str:
    """The rows of `layers` as Markdown, in milliseconds."""
    lines = ["| layer | forward, Paddle | PyTorch | with backward, Paddle | PyTorch |", "|---|---|---|---|---|"]
    for row in rows:
        mine, theirs = row["paddle"], row["pytorch"]
        lines.append(f"| {row['layer']} | {mine['forward']} | {theirs['forward']} | {mine['both']} | {theirs['both']} |")
    return "\n".join(lines)
