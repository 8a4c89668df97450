"""Measures a classifier's accuracy on the validation images while it trains, and ends the run when it no longer improves."""

from typing import Any, Dict, Optional

from ..algorithms.reading import read_in_pieces
from ..config.loading import Config
from ..data import LabelledImages
from .loop import Callback, Progress


class Validation(Callback):
    """Every `eval.every_steps` steps, and at the last step of the run, `eval/accuracy` joins the values of the step.

    The checkpoint of the best accuracy is kept. After `classifier.patience` validations without a better one the run ends.

    Args:
        config: The run's configuration.
        images: The validation images.
    """

    stage = "measure"
    state_name = "Validation"

    def __init__(self, config: Config, images: LabelledImages) -> None:
        self.every: int = config.eval.every_steps or 1
        self.patience, self.images = config.classifier.patience, images
        self.best: Optional[float] = None
        self.without = 0  # validations since the best one

    def state(self) -> Dict[str, Any]:
        return {"best": self.best, "without": self.without}

    def load_state(self, state: Dict[str, Any]) -> None:
        self.best, self.without = state["best"], state["without"]

    @property
    def _exhausted(self) -> bool:
        return self.patience is not None and self.without >= self.patience

    def on_begin(self, progress: Progress) -> None:
        progress.stopped = progress.stopped or self._exhausted  # a run that ended for this reason stays ended

    def on_step(self, progress: Progress) -> None:
        if progress.step % self.every and not progress.complete:
            return
        probabilities, _ = read_in_pieces(progress.algorithm, self.images.images)
        accuracy = float((probabilities.argmax(1) == self.images.labels).mean())
        progress.values["eval/accuracy"] = accuracy
        if self.best is None or accuracy > self.best:
            self.best, self.without = accuracy, 0
            progress.best = {"metric": "accuracy", "value": accuracy}
        else:
            self.without += 1
        progress.stopped = self._exhausted
