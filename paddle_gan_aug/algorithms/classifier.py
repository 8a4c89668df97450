"""Supervised classification, trained by the same loop as the GANs. A classifier that learnt real images judges every sample."""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from ..augment.feature_mixing import manifold_mixup, mixstyle
from ..augment.mixing import cutmix, mixup, one_hot
from ..augment.policies import policy_for
from ..config.sections import Config
from ..data import Batch
from ..networks import infer
from .augmentation import Augmentation
from .base import Algorithm, evaluating
from .inference import InferenceModel, classifier_model
from .registry import CLASSIFIERS, resolve


class SupervisedClassifier(Algorithm):
    """A classifier with softmax cross-entropy and Adam. `config.classifier` and `config.optimizer` describe it."""

    reads_images = True
    losses = ("loss",)

    def __init__(self, config: Config, channels: int, image_size: int, class_names: Sequence[str]) -> None:
        super().__init__(config)
        self.options = options = config.classifier
        self.channels, self.image_size = channels, image_size
        self.class_names = tuple(class_names)
        self.counts = [1] * len(self.class_names)  # training images of each class, for `classifier.logit_adjustment`; set by `build`
        self.classifier = self.make_classifier(channels, image_size)
        self.networks = {"classifier": self.classifier}
        self.policy = policy_for(config.data.source, channels, config.data.policy)
        self.augmentation = Augmentation(options.augmentation, self.policy)
        self.add_adam("classifier", self.classifier, config.optimizer.classifier_lr)

    def make_classifier(self, channels: int, image_size: int, patch: Optional[int] = None) -> nn.Layer:
        """Return a new classifier as the configuration describes it; `patch`: as for `networks.LeNet`."""
        options = self.config.classifier
        network = resolve(CLASSIFIERS[options.architecture])
        further = {} if patch is None else {"patch": patch}
        return network(len(self.class_names), image_size, channels, options.width, options.dropout, **further)

    def first_channels(self) -> int:
        """The channels that the classifier's first convolution sees; of a network of one's own those of the images."""
        return self.channels * getattr(self.classifier, "patch", 1) ** 2

    def load_weights(self, arrays: Mapping[str, np.ndarray], light: bool = False) -> None:
        """See `Algorithm.load_weights`; also takes weights of version 0.1.0, which took no patches of large images."""
        first = next((arrays[key] for key in ("classifier/conv1.weight", "classifier/conv.weight") if key in arrays), None)
        if list(self.networks) == ["classifier"] and first is not None and first.shape[1] == self.channels < self.first_channels():
            self.classifier = self.networks["classifier"] = self.make_classifier(self.channels, self.image_size, patch=1)
            self.add_adam("classifier", self.classifier, self.config.optimizer.classifier_lr)
        super().load_weights(arrays, light)

    def step(self, batches: Sequence[Batch], rng: np.random.Generator) -> Dict[str, Tensor]:
        """Take one step on one batch; returns the loss in nats and the accuracy on the batch (0 to 1).

        The accuracy is that of the images as they were learnt, augmented and mixed, against the labels of the images themselves.
        """
        batch = batches[0]
        logits, loss = self._learn(self.augmentation(batch.images, rng), batch, rng)
        self.backward("classifier", loss)
        self.descend("classifier", self.classifier)
        right = logits.argmax(1) == paddle.to_tensor(batch.labels)
        return {"loss": loss.detach(), "accuracy": right.astype("float32").mean()}

    def _learn(self, images: np.ndarray, batch: Batch, rng: np.random.Generator) -> Tuple[Tensor, Tensor]:
        """(logits, loss). Hard labels of equal weight take Paddle's own cross-entropy, everything else the one with soft labels."""
        hard = batch.weights is None and batch.targets is None
        if hard and self.options.mixing == "none" and not self.options.label_smoothing:
            logits = self.classifier(paddle.to_tensor(images))
            return logits, F.cross_entropy(self._adjusted(logits), paddle.to_tensor(batch.labels))
        count = len(self.class_names)
        targets = one_hot(batch.labels, count) if batch.targets is None else batch.targets
        targets = targets * (1 - self.options.label_smoothing) + np.float32(self.options.label_smoothing / count)
        if batch.weights is not None:  # mixtures mix the weights as they mix the targets
            targets = targets * batch.weights[:, None]
        images, targets, change = self._mixed(images, targets, rng)
        logits = self.classifier(paddle.to_tensor(images), change)
        if callable(targets):
            targets = targets()
        return logits, soft_cross_entropy(self._adjusted(logits), targets)

    def _adjusted(self, logits: paddle.Tensor) -> paddle.Tensor:
        """The logits as the loss sees them: with tau times the log of each class's share of the training images added.

        The logit-adjusted loss of Menon et al. 2021 (arXiv:2007.07314, equation 10): a rare class must win by a larger margin. What the
        classifier reads is not adjusted.
        """
        if not self.options.logit_adjustment:
            return logits
        counts = np.maximum(np.asarray(self.counts, np.float64), 1)  # a class without images is never a label
        prior = self.options.logit_adjustment * np.log(counts / counts.sum())
        return logits + paddle.to_tensor(prior.astype(np.float32))

    def _mixed(
        self, images: np.ndarray, targets: np.ndarray, rng: np.random.Generator
    ) -> Tuple[np.ndarray, Union[Tensor, Callable[[], Tensor]], Optional[Tuple[int, Callable[[Tensor], Tensor]]]]:
        """(images, targets or a function that gives them after the pass, what happens to the features of which layer)."""
        mixing = self.options.mixing
        if mixing in ("mixup", "cutmix"):
            images, targets = {"mixup": mixup, "cutmix": cutmix}[mixing](images, targets, rng)
            return images, paddle.to_tensor(targets), None
        targets = paddle.to_tensor(targets)
        if mixing == "mixstyle":
            return images, targets, (1, lambda features: mixstyle(features, rng))
        if mixing != "manifold":
            return images, targets, None
        mixed = []

        def mix(features: Tensor) -> Tensor:
            features, found = manifold_mixup(features, targets, rng)
            mixed.append(found)
            return features

        return images, lambda: mixed[0], (int(rng.integers(self.classifier.layers)), mix)

    def inference_models(self, shape: Sequence[int]) -> List[InferenceModel]:
        """See `Algorithm.inference_models`: the classifier."""
        return [classifier_model(self, self.classifier, shape)]

    def read(self, images: np.ndarray, batch_size: int = 500) -> Tuple[np.ndarray, np.ndarray]:
        """Read images, in evaluation mode.

        Args:
            images: float32 [N, C, H, W] in [-1, 1].

        Returns:
            (probabilities float32 [N, classes], features float32 [N, width], 84 of a LeNet).
        """
        probabilities, features = [], []
        with evaluating(self.classifier) as classifier:
            for start in range(0, len(images), batch_size):
                hidden = infer(classifier.features, paddle.to_tensor(images[start : start + batch_size]))
                features.append(hidden.numpy())
                probabilities.append(F.softmax(classifier.logits(hidden), axis=1).numpy())
        return np.concatenate(probabilities), np.concatenate(features)


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over the batch of -sum_k target_k log softmax(logits)_k, in nats; rows of targets may sum to a weight other than 1.

    Args:
        logits, targets: float32 tensors [N, K].

    Returns:
        0-D tensor.
    """
    return -(targets * F.log_softmax(logits, axis=1)).sum(axis=1).mean()
