"""How a notebook shows a run: its last grid of samples, its losses, and the settings that differ from its preset."""

from __future__ import annotations

import base64
from html import escape
from typing import Any, Dict, List, Tuple

import numpy as np

from ..config.loading import Config, load_config, to_flat
from ..errors import InputError
from ..files import regular

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd")
WIDTH, HEIGHT = 420, 160  # of the chart, in pixels
POINTS = 300  # of a curve, at most
UNSAID = ("description", "preset", "algorithm")


def changed_settings(config: Config) -> Dict[str, Any]:
    """Return the settings that differ from the preset a configuration began with, or from the defaults if that is gone."""
    try:
        begun = load_config(config.preset)
    except InputError:
        begun = Config()
    before = to_flat(begun)
    return {key: value for key, value in to_flat(config).items() if key not in UNSAID and value != before.get(key)}


def run_html(run: Any) -> str:
    """Return the HTML of a run; what it has not recorded is left out."""
    best = f", best {escape(str(run.best['metric']))} {run.best['value']:.4g} at step {run.best['step']}" if run.best else ""
    state = f" (interrupted: {escape(run.interrupted)})" if run.interrupted else ""
    parts = [f"<b>{escape(run.folder.name)}</b>: {escape(run.config.preset)}, step {run.step}{best}{state}", _grid(run), _chart(run)]
    rows = "".join(f"<tr><td>{escape(key)}</td><td>{escape(str(value))}</td></tr>" for key, value in changed_settings(run.config).items())
    parts.append(f"<table><tr><th>setting</th><th>other than in the preset</th></tr>{rows}</table>" if rows else "")
    return "<div>" + "<br>".join(part for part in parts if part) + "</div>"


def _grid(run: Any) -> str:
    numbers = {int(path.stem[5:]): path for path in (run.folder / "samples").glob("step-*.png") if path.stem[5:].isdecimal()}
    pictures = [numbers[step] for step in sorted(numbers) if step <= run.step]  # later ones are of a stretch that was given up
    if not pictures:
        return ""
    data = base64.b64encode(regular(pictures[-1]).read_bytes()).decode("ascii")
    return f'<img alt="samples, {escape(pictures[-1].stem)}" style="max-width: 700px" src="data:image/png;base64,{data}">'


def _chart(run: Any) -> str:
    """The losses over the steps as SVG; a value that was not finite is left out."""
    curves: List[Tuple[str, np.ndarray, np.ndarray]] = []
    for name in run.algorithm.losses:
        try:
            steps, values = run.curve(name)
        except InputError:
            continue
        finite = np.isfinite(values)
        if finite.any():
            curves.append((name, steps[finite], values[finite]))
    if not curves:
        return ""
    first, last = min(steps[0] for _, steps, _ in curves), max(steps[-1] for _, steps, _ in curves)
    low, high = min(values.min() for _, _, values in curves), max(values.max() for _, _, values in curves)
    lines = []
    for index, (name, steps, values) in enumerate(curves):
        chosen = np.unique(np.linspace(0, len(steps) - 1, POINTS).astype(int))
        across = (steps[chosen] - first) / max(last - first, 1) * WIDTH
        down = (high - values[chosen]) / max(high - low, 1e-12) * HEIGHT
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down))
        colour = COLOURS[index % len(COLOURS)]
        lines.append(f'<polyline fill="none" stroke="{colour}" points="{points}"/>')
        lines.append(f'<text x="{WIDTH + 8}" y="{16 * (index + 1)}" font-size="12" fill="{colour}">{escape(name)}</text>')
    scale = f"losses, {low:.3g} to {high:.3g}, steps {first} to {last}"
    return f'{scale}<br><svg width="{WIDTH + 120}" height="{HEIGHT + 2}" viewBox="0 -1 {WIDTH + 120} {HEIGHT + 2}">{"".join(lines)}</svg>'
