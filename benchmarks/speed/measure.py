"""The speed of training steps as commands: by stage, beside other implementations, and with the run-time settings on and off."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Sequence, Tuple

from benchmarks.speed import compare
from paddle_gan_aug.config.loading import parse_overrides

OWN_STEPS = ("classic transpose", "classic upsample", "fast transpose", "fast upsample")


def speed(
    against: Optional[str],
    steps: Optional[Sequence[str]],
    threads: Optional[int],
    turns: int,
    override: Sequence[str],
    compiled: bool,
    say: Callable[[str], None],
) -> Tuple[Dict[str, Any], str]:
    """Without a kind: the steps of presets by stage, or with `against` beside PyTorch or the original's step."""
    overrides = parse_overrides(override)
    if against == "pytorch":
        entries = compare.against_pytorch(steps or compare.PEER_STEPS, threads, turns, say, overrides, compiled)
    elif against == "original":
        entries = compare.against_original(steps or compare.PEER_STEPS[:2], threads, turns, say, overrides)
    else:
        entries = []
        for step in steps or OWN_STEPS:
            say(f"{step} …")
            entries.append(compare.alone(step, overrides, threads, turns))
    text = "\n".join(map(compare.step_line, entries)) if against else compare.table(entries)
    return {"machine": compare.machine(), "entries": entries}, text


def tuning(steps: str, turns: int) -> Tuple[Dict[str, Any], str]:
    """`tuning`: the classic step with the run-time settings on and off."""
    entry = compare.settings_on_and_off(steps, turns)
    return {"machine": compare.machine(), **entry}, compare.step_line(entry)
