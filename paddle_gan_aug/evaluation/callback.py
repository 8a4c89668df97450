"""Measures a run's samples while it trains, and says which step was the best so far.

Validation images are the reference: the best checkpoint is a choice, and no choice may see a test image.
"""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np

from .. import runtime
from ..config.sections import Config
from ..training.loop import Callback, Progress
from .measure import measure
from .real_images import RealImages
from .reference import Reference, reference_of
from .registry import INSTEAD_OF_BEST, METRICS, during_training
from .samples import Samples, draw_samples

PLOTTED = 500  # real and generated images each on the dashboard's projection page


class EvaluationCallback(Callback):
    """Every `eval.every_steps` steps, and at the run's last: `eval/*` join the step's values.

    Args:
        config: the run's configuration.
        real: the real images of the run, with validation images as the reference.
        records: gets a summary as a text each time, and real and generated features for the projection page at the end.
        say: takes the same summary, as a line.
    """

    stage = "measure"
    state_name = "Evaluation"  # in checkpoints

    def __init__(self, config: Config, real: RealImages, records: Any, say: Callable[[str], None]) -> None:
        self.config, self.real, self.records, self.say, self.best = config, real, records, say, None

    def state(self) -> Dict[str, Any]:
        return {"best": self.best}

    def load_state(self, state: Dict[str, Any]) -> None:
        self.best = state["best"]

    def on_begin(self, progress: Progress) -> None:
        reference_of(self.real)  # it may train a feature network: before the first step an interruption loses nothing

    def on_step(self, progress: Progress) -> None:
        if progress.step % self.config.eval.every_steps and not progress.complete:
            return
        rng = runtime.rng(self.config.train.seed, "evaluation", progress.step)
        samples, reference = draw_samples(progress.algorithm, self.config.eval.count, rng), reference_of(self.real)
        result = measure(samples, reference, metrics=during_training())
        values = {name: result[name]["value"] for name in METRICS if name in result}
        progress.values.update({f"eval/{name}": np.nan if value is None else value for name, value in values.items()})
        progress.notes["feature_network"] = result["feature_network"]["name"]
        summary = f"step {progress.step}: {self._choose(progress, result, values)}"
        self.records.text(progress.step, "evaluation", summary)
        self.say(f"evaluation at {summary}")
        if progress.complete:
            self._project(reference, samples)

    def _choose(self, progress: Progress, result: Dict[str, Any], values: Dict[str, Any]) -> str:
        """Note in `progress` whether this step is the best so far; returns the values and the choice as text."""
        wanted = self.config.eval.best
        chosen = next((name for name in (wanted, *INSTEAD_OF_BEST) if values.get(name) is not None), None)
        if chosen and (self.best is None or METRICS[chosen].is_better(values[chosen], self.best)):
            self.best = values[chosen]
            progress.best = {"metric": chosen, "value": self.best}
        text = ", ".join(f"{name} {value:.4g}" for name, value in values.items() if value is not None)
        text += f"; the best {chosen} so far" if progress.best else ""
        if chosen != wanted:
            text += f"; {wanted} was not measured: {result[wanted].get('why', 'it is not finite')}"
        return text

    def _project(self, reference: Reference, samples: Samples) -> None:
        real = reference.images.subset(np.arange(min(PLOTTED, len(reference.images))))
        generated = reference.read(samples.first(len(real)))
        names = self.real.network_training.class_names
        read = [names[index] for side in (real, generated) for index in side.probabilities.argmax(1)]
        origins = ["real"] * len(real) + ["generated"] * len(generated)
        labels = {"origin": origins, "class": [f"{name} ({origin})" for name, origin in zip(read, origins)], "read as": read}
        self.records.embedding("features", np.concatenate([real.features, generated.features]), labels)
