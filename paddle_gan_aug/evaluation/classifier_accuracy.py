"""The classifier accuracy score: train on generated images, test on real ones (Ravuri & Vinyals 2019, arXiv:1905.10887)."""

from typing import Any, Dict

from ..algorithms.reading import read_in_pieces
from ..data import LabelledImages
from ..metrics.sides import Sides
from .feature_network import train_classifier


def measure_classifier_accuracy_score(sides: Sides) -> Dict[str, Any]:
    """`value`: the accuracy on the reference. `floor_count`: how many real images the classifier of the floor learns, as many as there
    are generated ones or all there are.
    """
    generated = LabelledImages(sides.generated.images, sides.generated.labels, sides.class_names, "generated images")
    _, algorithm = train_classifier(generated, sides.seed)
    probabilities, _ = read_in_pieces(algorithm, sides.reference.images)
    accuracy = float((probabilities.argmax(1) == sides.reference.labels).mean())
    return {"value": accuracy, "floor_count": min(len(sides.generated), len(sides.training))}
