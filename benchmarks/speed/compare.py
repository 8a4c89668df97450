"""The measuring side: starts the contenders, asks them in turn, and puts their answers together."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence

from benchmarks.speed import worker
from benchmarks.speed.steps import PEER_STEPS, peer_config, preset_and_variant
from paddle_gan_aug import runtime
from paddle_gan_aug.config.loading import load_config, to_tree
from paddle_gan_aug.errors import InputError, RunFailed

CHECKED_STEPS = 3  # from equal weights, before any timing
WARM_UP = 3
TURNS = 6
STEPS_PER_TURN = {"classic": 4, "gan": 4, "paired": 4, "classifier": 8, "mlp": 20}  # about a second
PAUSE = 0.3  # seconds between turns: the idle threads of a pool spin for up to 0.2 s and would slow the next contender
GENERATED = 2000  # images in one measurement of sampling
RUN_STEPS = 200  # of the run whose records, memory and start are measured
LAYOUTS = ("contiguous", "channels_last")
# The original's networks in the preset `classic`, which has other ones.
ORIGINAL = {
    "train.batch_size": 128,
    "generator.width": 1.0,
    "discriminator.width": 1.0,
    "discriminator.norm": "none",
    "discriminator.minibatch_std": False,
}


class Contender:
    """A worker process that is asked one thing at a time.

    Args:
        environment: of the process.
        job: see `worker.main`.

    Raises:
        RunFailed: the process ended early; the message holds the end of what it said.
    """

    def __init__(self, environment: Dict[str, str], **job: Any) -> None:
        self.milliseconds, self.stages = [], []
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `close`)
        self._process = subprocess.Popen(
            [sys.executable, "-m", worker.__name__, json.dumps({**job, "launched": time.time()})],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )
        self.process = self._answer()

    def ask(self, do: str, **arguments: Any) -> Dict[str, Any]:
        """Have the worker do something and wait for its answer, a dict."""
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Dict[str, Any]:
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self._said.seek(0)
        raise RunFailed("a measured process ended early: " + " ".join(self._said.read().split())[-600:])

    def time_steps(self, numbers: Iterable[int]) -> None:
        """Time the steps of these numbers."""
        for number in numbers:
            answer = self.ask("step", number=number)
            self.milliseconds.append(answer["ms"])
            self.stages.append(answer.get("stages", {}))

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)
        self._said.close()


# ---- beside another framework ------------------------------------------------------------------------------------------


def against_pytorch(
    steps: Sequence[str] = PEER_STEPS,
    threads: Optional[int] = None,
    turns: int = TURNS,
    say: Callable[[str], None] = print,
    overrides: Optional[Dict[str, Any]] = None,
    compiled: bool = False,
) -> List[Dict[str, Any]]:
    """Steps (and, of the classic GAN, samples) beside the same in PyTorch.

    Args:
        steps: "preset variant", "lenet", "lenet-pooled", "resnet", or "mlp" for the semi-supervised network.
        threads: of both; None = one per physical core.
        turns: how often each contender is asked for `STEPS_PER_TURN` steps.
        say: told about each step's entry as it ends.
        overrides: {configuration key: value}, laid over each preset; not over "mlp".
        compiled: whether PyTorch's networks also run as torch.compile makes them.

    Returns:
        A list of entries: {"step", "paddle_ms", "pytorch_ms", "peers_ms" by layout, "ratio" = PyTorch's best time / ours, …}.

    Raises:
        InputError: PyTorch is not installed; a preset that the peer does not know. RunFailed: a process ended early.
    """
    if importlib.util.find_spec("torch") is None:
        raise InputError("--against pytorch: PyTorch is not installed here; pip install torch")
    entries = []
    for step in steps:
        entries.append(_beside_pytorch(step, threads, turns, overrides or {}, compiled))
        say(step_line(entries[-1]))
    return entries


def _beside_pytorch(step: str, threads: Optional[int], turns: int, overrides: Dict[str, Any], compiled: bool) -> Dict[str, Any]:
    with contextlib.ExitStack() as stack:
        weights = str(Path(stack.enter_context(tempfile.TemporaryDirectory()), "weights.safetensors"))
        kind, config = ("mlp", None) if step == "mlp" else peer_config(step, overrides)
        job = {"config": to_tree(config)} if config else {}
        name = "paddle preset" if config else "paddle mlp"
        ours = stack.enter_context(contextlib.closing(Contender(paddle_environment(threads), contender=name, **job)))
        ours.ask("save_weights", to=weights)
        environment = plain_environment(threads or runtime.default_threads())
        peers = {}
        for layout in LAYOUTS if config else LAYOUTS[:1]:
            for faster in (False, True) if compiled and config else (False,):
                peer = Contender(environment, contender=f"pytorch {kind}", layout=layout, weights=weights, compiled=faster, **job)
                peers[f"{layout} compiled" if faster else layout] = stack.enter_context(contextlib.closing(peer))
        contenders = [ours, *peers.values()]
        if kind == "mlp":
            for contender in contenders:
                contender.ask("set_noise", on=False)
        difference = _largest_difference(contenders)
        if kind == "mlp":
            for contender in contenders:
                contender.ask("set_noise", on=True)
        _time_in_turn(contenders, turns, STEPS_PER_TURN[kind])
        entry = {"step": step, "batch": config.train.batch_size if config else 100, "overrides": overrides if config else {}}
        entry.update(_entry(ours, peers, "pytorch", turns, difference))
        if kind in ("classic", "mlp"):
            entry.update(_limit(ours))
        if kind == "classic":
            entry["generation"] = _generation(ours, {key: peer for key, peer in peers.items() if key in LAYOUTS}, turns)
        return entry


def against_original(
    steps: Sequence[str] = PEER_STEPS[:2],
    threads: Optional[int] = None,
    turns: int = TURNS,
    say: Callable[[str], None] = print,
    overrides: Optional[Dict[str, Any]] = None,
) -> List[Dict[str, Any]]:
    """Steps beside the original's on Paddle as installed; arguments and entries as for `against_pytorch`."""
    entries = []
    for step in steps:
        with contextlib.ExitStack() as stack:
            _, config = peer_config(step, {**ORIGINAL, **(overrides or {})})
            job = {"config": to_tree(config)}
            ours = stack.enter_context(contextlib.closing(Contender(paddle_environment(threads), contender="paddle preset", **job)))
            theirs = stack.enter_context(contextlib.closing(Contender(plain_environment(), contender="paddle as installed", **job)))
            _time_in_turn([ours, theirs], turns, STEPS_PER_TURN["classic"])
            entries.append({"step": step, "batch": config.train.batch_size, **_entry(ours, {"plain layers": theirs}, "original", turns)})
        say(step_line(entries[-1]))
    return entries


def settings_on_and_off(step: str = PEER_STEPS[0], turns: int = TURNS) -> Dict[str, Any]:
    """A step at batch 128 with the process settings on, and beside it with them off; an entry as for `against_pytorch`."""
    with contextlib.ExitStack() as stack:
        job = {"contender": "paddle preset", "config": to_tree(peer_config(step, {"train.batch_size": 128})[1])}
        contenders = [
            stack.enter_context(contextlib.closing(Contender(environment, **job)))
            for environment in (paddle_environment(), plain_environment())
        ]
        difference = _largest_difference(contenders, steps=5)
        _time_in_turn(contenders, turns, STEPS_PER_TURN["classic"])
        return {"step": step, "batch": 128, **_entry(contenders[0], {"off": contenders[1]}, "settings", turns, difference)}


def _largest_difference(contenders: List[Contender], steps: int = CHECKED_STEPS) -> float:
    """The largest difference of any loss in the first steps, which all contenders make from equal weights, relative above 1."""
    losses = [[contender.ask("step", number=number)["losses"] for number in range(1, steps + 1)] for contender in contenders]
    return max(abs(a - b) / max(1.0, abs(a)) for other in losses[1:] for x, y in zip(losses[0], other) for a, b in zip(x, y))


def _time_in_turn(contenders: List[Contender], turns: int, steps: int) -> None:
    first = 10
    for contender in contenders:
        contender.time_steps(range(first, first + WARM_UP))
        contender.milliseconds.clear()
        contender.stages.clear()
        time.sleep(PAUSE)
    for turn in range(turns):
        begin = first + WARM_UP + turn * steps
        for contender in contenders:
            contender.time_steps(range(begin, begin + steps))
            time.sleep(PAUSE)


def _entry(ours: Contender, peers: Dict[str, Contender], name: str, turns: int, difference: Optional[float] = None) -> Dict[str, Any]:
    """Medians, and the ratio with its spread over the turns."""
    medians = {key: statistics.median(peer.milliseconds) for key, peer in peers.items()}
    best = min(medians, key=medians.get)
    steps = len(ours.milliseconds) // turns
    ratios = [
        statistics.median(peers[best].milliseconds[i : i + steps]) / statistics.median(ours.milliseconds[i : i + steps])
        for i in range(0, steps * turns, steps)
    ]
    entry = {
        "against": name,
        "paddle_ms": round(statistics.median(ours.milliseconds), 1),
        f"{name}_ms": round(medians[best], 1),
        "peers_ms": {key: round(value, 1) for key, value in medians.items()},
        "ratio": round(medians[best] / statistics.median(ours.milliseconds), 3),
        "ratio_of_turns": {"smallest": round(min(ratios), 3), "largest": round(max(ratios), 3)},
        "steps": len(ours.milliseconds),
        "process": ours.process,
        "peer": peers[best].process,
    }
    if ours.stages[0]:
        entry["stages_ms"] = _median_stages(ours.stages)
    if difference is not None:
        entry["largest_loss_difference"] = difference
    return entry


def _limit(ours: Contender) -> Dict[str, Any]:
    """How far a step is from its products at the rate of a large one, measured in the same process."""
    limit = ours.ask("limit")
    milliseconds = 1000 * limit["gflop"] / limit["gflops"]
    return {"gflop": round(limit["gflop"], 2), "matrix_gflops": round(limit["gflops"]), "limit_ms": round(milliseconds, 1)}


def _median_stages(stages: List[Dict[str, float]]) -> Dict[str, float]:
    return {name: round(statistics.median(step[name] for step in stages), 2) for name in stages[0]}


def _generation(ours: Contender, peers: Dict[str, Contender], turns: int) -> Dict[str, Any]:
    """Images a second into memory, in turn."""
    contenders = {"paddle": ours, **peers}
    seconds = {name: [] for name in contenders}
    for _ in range(turns + 1):
        for name, contender in contenders.items():
            seconds[name].append(contender.ask("generate", count=GENERATED)["seconds"])
            time.sleep(PAUSE)
    rates = {name: round(GENERATED / statistics.median(found[1:])) for name, found in seconds.items()}
    return {**rates, "ratio": round(rates["paddle"] / max(rates[name] for name in peers), 3)}


def step_line(entry: Dict[str, Any]) -> str:
    """One entry for people."""
    peers = ", ".join(f"{name} {value:.0f} ms" for name, value in entry["peers_ms"].items())
    text = f"{entry['step']}, batch {entry['batch']}: {entry['paddle_ms']:.0f} ms; {entry['against']}: {peers}; ratio {entry['ratio']:.2f}"
    if "largest_loss_difference" in entry:
        text += f"; losses of the first steps differ by at most {entry['largest_loss_difference']:.0e}"
    if "generation" in entry:
        text += "; images/s " + ", ".join(f"{key} {value}" for key, value in entry["generation"].items() if key != "ratio")
    return text


# ---- by itself ---------------------------------------------------------------------------------------------------------


def alone(step: str, overrides: Optional[Dict[str, Any]] = None, threads: Optional[int] = None, turns: int = TURNS) -> Dict[str, Any]:
    """The step "preset variant" by stage, its sampling, and a short whole run: start, memory, what records and pictures take.

    Returns:
        {"preset", "variant", "batch", "step_ms", "images_per_second", "stages_ms", "generation_images_per_second", "run", "process"}.
    """
    preset, variant = preset_and_variant(step)
    overrides = {**variant, **(overrides or {})}
    config = load_config(preset, overrides)
    if config.algorithm != "classic":
        raise InputError(f"bench: {preset} trains {config.algorithm}; the step of classic presets is measured")
    job = {"config": to_tree(config), "overrides": overrides}
    environment = paddle_environment(threads)
    with contextlib.closing(Contender(environment, contender="paddle preset", **job)) as steps:
        _time_in_turn([steps], turns, STEPS_PER_TURN["classic"])
        seconds = [steps.ask("generate", count=GENERATED)["seconds"] for _ in range(turns + 1)]
    with contextlib.closing(Contender(environment, contender="paddle run", **job)) as run:
        whole = run.ask("train", steps=RUN_STEPS)
    median = statistics.median(steps.milliseconds)
    return {
        "preset": preset,
        "variant": config.generator.variant,
        "batch": config.train.batch_size,
        "step_ms": round(median, 1),
        "images_per_second": round(1000 * config.train.batch_size / median),
        "stages_ms": _median_stages(steps.stages),
        "generation_images_per_second": round(GENERATED / statistics.median(seconds[1:])),
        "run": {
            "steps": RUN_STEPS,
            "first_step_seconds": round(whole["first_step_seconds"], 2),
            "step_ms": round(whole["step_ms"], 1),
            "peak_mb": whole["peak_mb"],
            "shares": {name: round(share, 4) for name, share in whole["shares"].items()},
        },
        "process": steps.process,
    }


def table(entries: List[Dict[str, Any]]) -> str:
    """The entries of `alone` as lines for people."""
    lines = []
    for entry in entries:
        run = entry["run"]
        stages = ", ".join(f"{name} {value:.1f}" for name, value in entry["stages_ms"].items())
        shares = ", ".join(f"{name} {100 * share:.1f} %" for name, share in run["shares"].items())
        step = f"{entry['preset']} {entry['variant']}, batch {entry['batch']}"
        lines += [
            f"{step}: {entry['step_ms']:.1f} ms a step, {entry['images_per_second']} images/s",
            f"  ms by stage: {stages}",
            f"  samples {entry['generation_images_per_second']} images/s; first step after {run['first_step_seconds']:.1f} s; "
            f"memory {run['peak_mb']} MB; of a run's time: {shares}",
        ]
    return "\n".join(lines)


# ---- processes ---------------------------------------------------------------------------------------------------------


def plain_environment(threads: Optional[int] = None) -> Dict[str, str]:
    """The environment without this project's settings; `threads` for a contender that wants them set."""
    environment = {name: value for name, value in os.environ.items() if name not in runtime.TUNED_VARIABLES}
    environment[runtime.TUNING_SWITCH] = "off"
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    return environment


def paddle_environment(threads: Optional[int] = None) -> Dict[str, str]:
    """The environment in which this project chooses its own settings."""
    return {**plain_environment(threads), runtime.TUNING_SWITCH: "on"}


def machine() -> Dict[str, Any]:
    """What the figures were measured on."""
    model, kilobytes = _field("/proc/cpuinfo", "model name") or platform.processor(), _field("/proc/meminfo", "MemTotal") or "0"
    memory = round(int(kilobytes.split()[0]) / 2**20)
    return {"cpu": model, "cores": runtime.default_threads(), "memory_gib": memory, "python": platform.python_version()}


def _field(path: str, name: str) -> Optional[str]:
    """The value of the first line "name: value" of a file of /proc, or None."""
    with contextlib.suppress(OSError):
        for line in Path(path).read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return None
