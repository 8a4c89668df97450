"""One contender's process: it reads a job from its argument, then requests from its input, a JSON object a line each way."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any, Dict, Optional

from paddle_gan_aug import runtime

CONTENDERS = {  # what a job's "contender" may be -> the class that does it
    "paddle preset": ("paddle_steps", "Preset"),
    "paddle layers": ("paddle_steps", "Layers"),
    "paddle mlp": ("paddle_steps", "SemiSupervisedMLP"),
    "paddle run": ("paddle_steps", "WholeRun"),
    "paddle as installed": ("plain_paddle", "OriginalClassic"),
    "pytorch classic": ("pytorch_steps", "Classic"),
    "pytorch gan": ("pytorch_steps", "Projection"),
    "pytorch paired": ("pytorch_steps", "Paired"),
    "pytorch classifier": ("pytorch_steps", "Classifier"),
    "pytorch layers": ("pytorch_steps", "Layers"),
    "pytorch mlp": ("pytorch_steps", "SemiSupervisedMLP"),
}


def main(job: Dict[str, Any]) -> None:
    """Serve `job`: {"contender", …}. A request is {"do": method, …arguments}; the answer is what the method returns."""
    file, name = CONTENDERS[job["contender"]]
    process = None if file == "pytorch_steps" else vars(runtime.start("cpu"))
    module = importlib.import_module(f"{__package__}.{file}")
    contender = getattr(module, name)(job)
    answer(process or module.process())
    for line in sys.stdin:
        request = json.loads(line)
        began = time.perf_counter()
        reply = getattr(contender, request.pop("do"))(**request) or {}
        answer({**reply, "seconds": time.perf_counter() - began, "peak_mb": peak_memory()})


def answer(reply: Dict[str, Any]) -> None:
    print(json.dumps(reply), flush=True)


def peak_memory() -> Optional[int]:
    """The most memory this process has held, in MB (VmHWM), or None elsewhere than on Linux."""
    try:
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return None
    return round(int(line.split()[1]) / 1024)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
