"""Measures a run's samples while it trains, and says which step was the best so far.

Validation images are the reference: the best checkpoint is a choice, and no choice may see a test image.
"""

import numpy as np

from .. import runtime
from ..data import DataSpec, load, to_uint8
from ..training.loop import Callback
from .feature_network import feature_network, read_real
from .measure import METRICS, evaluate_images

LOWER_IS_BETTER = ("frechet", "kid")
IN_ITS_PLACE = ("kid", "coverage")  # what the best checkpoint is best by where images are too few for `eval.best`
PLOTTED = 500  # real and generated images each on the dashboard's projection page


class Evaluation(Callback):
    """Every `eval.every_steps` steps, and at the run's last: `eval/*` join the step's values.

    Args:
        config: the run's configuration.
        records: gets a summary as a text each time, and real and generated features for the projection page at the end.
        say: takes the same summary, as a line.
    """

    stage = "measure"
    state_name = "Evaluation"

    def __init__(self, config, records, say):
        self.config, self.records, self.say, self.best = config, records, say, None

    def state(self):
        return {"best": self.best}

    def load_state(self, state):
        self.best = state["best"]

    def on_step(self, progress):
        if progress.step % self.config.eval.every_steps and not progress.complete:
            return
        options, source = self.config.eval, DataSpec.of(self.config.data)
        rng = runtime.rng(self.config.train.seed, "evaluation", progress.step)
        images = to_uint8(progress.algorithm.sample(options.count, rng))
        result = evaluate_images(images, source, "valid")
        values = {name: result[name]["value"] for name in METRICS if name in result}
        progress.values.update({f"eval/{name}": np.nan if value is None else value for name, value in values.items()})
        progress.notes["feature_network"] = result["feature_network"]["name"]
        chosen = next((name for name in (options.best, *IN_ITS_PLACE) if values.get(name) is not None), None)
        value = values.get(chosen)
        if chosen and (self.best is None or (value < self.best if chosen in LOWER_IS_BETTER else value > self.best)):
            self.best = value
            progress.best = {"metric": chosen, "value": value}
        shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items() if value is not None)
        summary = f"step {progress.step}: {shown}" + (f"; the best {chosen} so far" if progress.best else "")
        if chosen != options.best:
            summary += f"; {options.best} was not measured: {result[options.best].get('why', 'it is not finite')}"
        self.records.text(progress.step, "evaluation", summary)
        self.say(f"evaluation at {summary}")
        if progress.complete:
            self._project(images[:PLOTTED])

    def _project(self, images):
        data = self.config.data
        network = feature_network(DataSpec.of(data), quiet=True)
        real = read_real(network, load(DataSpec.of(data), "valid"))[0][: len(images)]
        features = np.concatenate([real, network.read(images)[0]])
        self.records.embedding("features", features, ["real"] * len(real) + ["generated"] * len(images))
