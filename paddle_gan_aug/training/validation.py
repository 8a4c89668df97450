"""A classifier's accuracy on the validation images while it trains: the best checkpoint is kept, and a run that no longer gains ends."""

from ..data import to_network
from .loop import Callback


class Validation(Callback):
    """Every `eval.every_steps` steps, and at the run's last: `eval/accuracy` joins the step's values.

    After `classifier.patience` validations without a better one the run ends.

    Args:
        config: the run's configuration.
        images: the validation images, `LabelledImages`.
    """

    def __init__(self, config, images):
        self.every, self.patience, self.images = config.eval.every_steps, config.classifier.patience, images
        self.best, self.without = None, 0

    def state(self):
        return {"best": self.best, "without": self.without}

    def load_state(self, state):
        self.best, self.without = state["best"], state["without"]

    @property
    def _exhausted(self):
        return self.patience is not None and self.without >= self.patience

    def on_begin(self, progress):
        progress.stopped = progress.stopped or self._exhausted  # a run that had ended so stays ended

    def on_step(self, progress):
        if progress.step % self.every and not progress.complete:
            return
        probabilities, _ = progress.algorithm.read(to_network(self.images.images))
        accuracy = float((probabilities.argmax(1) == self.images.labels).mean())
        progress.values["eval/accuracy"] = accuracy
        if self.best is None or accuracy > self.best:
            self.best, self.without = accuracy, 0
            progress.best = {"metric": "accuracy", "value": accuracy}
        else:
            self.without += 1
        progress.stopped = self._exhausted
