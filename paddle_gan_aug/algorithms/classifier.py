"""Supervised classification, trained by the same loop as the GANs. Trained on real images it is the judge of every sample."""

import numpy as np
import paddle
from paddle.nn import functional as F

from ..networks import LeNet
from .base import Algorithm, clear_gradients, evaluating


class SupervisedClassifier(Algorithm):
    """LeNet with softmax cross-entropy and Adam. `config.classifier` and `config.optimizer` describe it."""

    losses = ("loss",)

    def __init__(self, config, channels, image_size, class_names):
        super().__init__(config)
        self.class_names = tuple(class_names)
        self.classifier = self.make_classifier(channels, image_size)
        self.networks = {"classifier": self.classifier}
        self.add_adam("classifier", self.classifier, config.optimizer.classifier_lr)

    def make_classifier(self, channels, image_size):
        """A new classifier as the configuration describes it."""
        options = self.config.classifier
        return LeNet(len(self.class_names), image_size, channels, options.width, options.dropout)

    def step(self, batches, rng):
        """One step on one batch; returns the loss in nats and the accuracy on the batch (0 to 1)."""
        images, labels = paddle.to_tensor(batches[0].images), paddle.to_tensor(batches[0].labels)
        logits = self.classifier(images)
        loss = F.cross_entropy(logits, labels)
        loss.backward()
        self.optimizers["classifier"].step()
        clear_gradients(self.classifier)
        return {"loss": loss.detach(), "accuracy": (logits.argmax(1) == labels).astype("float32").mean()}

    def read(self, images, batch_size=500):
        """Read images, in evaluation mode.

        Args:
            images: float32 [N, C, H, W] in [-1, 1].

        Returns:
            (probabilities float32 [N, classes], features float32 [N, 84]).
        """
        probabilities, features = [], []
        with evaluating(self.classifier) as classifier:
            for start in range(0, len(images), batch_size):
                hidden = classifier.features(paddle.to_tensor(images[start : start + batch_size]))
                features.append(hidden.numpy())
                probabilities.append(F.softmax(classifier.fc2(hidden), axis=1).numpy())
        return np.concatenate(probabilities), np.concatenate(features)
