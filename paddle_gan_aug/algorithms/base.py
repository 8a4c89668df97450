"""What every training algorithm has in common: named networks and optimizers, and their state as plain arrays."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import paddle
from paddle import Tensor, nn

from .. import processes
from ..config.sections import Config
from ..data import Batch, Batches
from ..errors import InputError
from ..leading import Spread
from .inference import InferenceModel
from .optimizer_state import LossScale, arrays_of, set_arrays
from .ports import NORMAL

AT_ONCE, LEAST_AT_ONCE, LARGE = 500, 16, 32  # images that are drawn at once up to 32 pixels, and at least; larger ones take more memory
STATISTICS = ("._mean", "._variance", ".mean", ".variance")  # how the names of running statistics of normalisation end
REDRAWS = 1000  # the most redraws of numbers beyond the truncation
Values = Dict[str, Union[Tensor, float]]
SCHEDULES: Dict[str, Callable[[float], float]] = {  # share of the run that is done -> factor on the learning rate
    "constant": lambda done: 1.0,
    "linear": lambda done: min(1.0, 2.0 * (1.0 - done)),
    "cosine": lambda done: 0.5 * (1.0 + np.cos(np.pi * done)),
}


def moved(start: float, end: Optional[float], done: float) -> float:
    """The value between `start` and `end`, along half a cosine, at the share `done` of the way, 0 to 1; `start` if `end` is None."""
    return start if end is None else float(end + (start - end) * SCHEDULES["cosine"](done))


class Algorithm:
    """Base of all algorithms.

    Subclasses fill `networks` and `optimizers` (dicts by name, insertion order is the order on disk) and implement
    `step`. The attributes from `makes_images` to `conditional` say what else an algorithm can do.

    Attributes:
        makes_images: whether it samples: it sets `latent_dim` and implements `images`.
        reads_images: whether it classifies: it implements `read`.
        varies_images: whether it makes variations of real images: it implements `vary`.
        conditional: whether its samples can be asked for by class: it also sets `classes`, how many there are.
        averaged: {network: the network of its average weights, which samples or reads in its place}. Only training needs the former.
    """

    makes_images = False
    reads_images = False
    varies_images = False
    conditional = False

    batches_per_step = 1  # the number of batches of real data that one step takes
    pairs = False  # whether its batches must hold a partner of the same class for each image
    losses: Tuple[str, ...] = ()  # the names among `step`'s values that the progress line shows
    latent_dim: Optional[int] = None  # the size of a latent, of an algorithm that makes images
    view: Any = None  # what its discriminator sees of an image, a `view.View`
    at_once = AT_ONCE  # the images that are drawn at once
    learns_images = True  # whether the step under way trains what makes images
    findings: Tuple[str, ...] = ()  # what the last step found out that a user is to be told
    learnt_classes: Optional[List[int]] = None  # indices of the classes that had images, of a conditional one; None: all of them

    def __init__(self, config: Config) -> None:
        self.config = config
        self.networks: Dict[str, nn.Layer] = {}
        self.optimizers: Dict[str, paddle.optimizer.Optimizer] = {}
        self.loss_scales: Dict[str, LossScale] = {}  # of the optimizers, in float16
        self.averaged: Dict[str, str] = {}
        self._base_rates: Dict[str, float] = {}
        self.step_number = 0  # the step under way, counted from 1
        self.done = 0.0  # how far the settings of `config.schedule` have moved, 0 to 1
        self.measure_gradients = False  # whether `step` also returns the norms of its gradients

    def add_adam(self, name: str, network: nn.Layer, learning_rate: float, beta1: Optional[float] = None, epsilon: float = 1e-8) -> None:
        """Add an Adam optimizer over the trainable parameters of `network` under `name`."""
        options = self.config.optimizer
        self._base_rates[name] = learning_rate
        if self.config.runtime.precision == "float16":
            self.loss_scales[name] = LossScale()
        self.optimizers[name] = paddle.optimizer.Adam(
            learning_rate,
            beta1=options.beta1 if beta1 is None else beta1,
            beta2=options.beta2,
            epsilon=epsilon,
            parameters=trainable(network),
        )

    def backward(self, name: str, loss: Tensor) -> None:
        """Add the gradients of a loss, for the optimizer `name`; of several processes each adds its part of those of their mean loss.

        Raises:
            InputError: the loss is not a single number.
        """
        if loss.size != 1:
            raise InputError(f"a loss of {type(self).__name__} has the shape {list(loss.shape)}: it must be one number, as mean() gives it")
        loss = loss if processes.count() == 1 else loss / processes.count()
        (loss * self.loss_scales[name].scale if name in self.loss_scales else loss).backward()

    def descend(self, name: str, network: nn.Layer) -> Values:
        """Take the step of the optimizer `name` by the gradients of all processes, and free those of `network`.

        In float16 a step whose gradients are not finite is left out, see `LossScale`.

        Returns:
            {"<first letter of `network`'s name in `networks`>_gradient": the norm of its gradients} with `measure_gradients`, else {}.
        """
        if processes.count() > 1:
            processes.add_up([p.grad for p in self.optimizers[name]._parameter_list if p.grad is not None])
        if name in self.loss_scales and not self.loss_scales[name].unscale(self.optimizers[name]._parameter_list):
            clear_gradients(network)
            return {}
        norms = {}
        if self.measure_gradients:
            owner = next(key for key, value in self.networks.items() if value is network)
            norms[f"{owner[0]}_gradient"] = gradient_norm(network)
        self.optimizers[name].step()
        clear_gradients(network)
        return norms

    def prepare(self, batches: Batches) -> None:
        """Set what depends on the data before the first step of a new run; a run that continues has it in its weights."""

    def scale_learning_rates(self, factor: float, names: Sequence[str]) -> None:
        """Multiply the learning rates of the optimizers `names` for all steps to come."""
        for name in names:
            self._base_rates[name] *= factor

    def begin_step(self, step: int, total_steps: int) -> None:
        """Prepare for step `step` (1 for the first): set every learning rate."""
        self.step_number, schedule = step, self.config.schedule
        done = (step - 1) / total_steps
        factor = SCHEDULES[self.config.optimizer.schedule](done)
        if schedule.images:
            done = min(1.0, (step - 1) * self.images_per_step / schedule.images)
        self.done = done
        factor *= moved(1.0, schedule.learning_rate, done)
        for name, optimizer in self.optimizers.items():
            optimizer.set_lr(float(self._base_rates[name] * factor))
            optimizer._beta2 = moved(self.config.optimizer.beta2, schedule.beta2, done)  # read by each step

    @property
    def images_per_step(self) -> int:
        """The real images that a step takes."""
        return self.batches_per_step * self.config.train.batch_size

    def steps_per_epoch(self, batches: Batches) -> int:
        """The number of steps that go once over the data of `batches`, at least 1."""
        return max(1, batches.steps_per_epoch // self.batches_per_step)

    def step(self, batches: Sequence[Batch], rng: np.random.Generator) -> Values:
        """Take one training step.

        Args:
            batches: `batches_per_step` batches.
            rng: the numpy Generator of this step.

        Returns:
            {name: 0-D tensor or float}, tensors on the device.
        """
        raise NotImplementedError

    def images(self, latents: np.ndarray, labels: Optional[np.ndarray] = None) -> np.ndarray:
        """Make images float32 [N, C, H, W] in [-1, 1] of latents float32 [N, latent_dim], in evaluation mode.

        Args:
            labels: int64 [N], the class that each image is to show; a `conditional` algorithm needs them, others ignore them.
        """
        raise NotImplementedError

    def realness(self, images: np.ndarray, labels: Optional[np.ndarray] = None) -> np.ndarray:
        """Logits of "real", float32 [N], that the discriminator gives images float32 [N, C, H, W] in [-1, 1], in evaluation mode.

        Args:
            labels: int64 [N], the class that each image is meant to show; a `conditional` algorithm needs them, others ignore them.
        """
        raise NotImplementedError

    def latents(self, count: int, rng: np.random.Generator, truncation: Optional[float] = None) -> np.ndarray:
        """Draw `count` latent vectors z ~ N(0, 1), float32 [count, latent_dim].

        Args:
            truncation: numbers of the noise farther from 0 are drawn anew (the truncation trick, Brock et al. 2018, arXiv:1809.11096);
                None = all stay. What else an algorithm's latents hold is left alone.
        """
        return noise((count, self.latent_dim), rng, truncation)

    def sample(
        self, count: int, rng: np.random.Generator, batch_size: Optional[int] = None, labels: Optional[np.ndarray] = None
    ) -> np.ndarray:
        """Make `count` images float32 [count, C, H, W] in [-1, 1]; a conditional algorithm takes its classes in turn without `labels`."""
        return self.draw(self.latents(count, rng), self.default_labels(count) if labels is None else labels, batch_size)

    def draw_fewer_of(self, image_size: int) -> None:
        """Draw fewer images at once the larger they are, so that drawing takes no more memory than at 32 pixels."""
        self.at_once = max(LEAST_AT_ONCE, AT_ONCE * LARGE**2 // max(LARGE, image_size) ** 2)

    def draw(
        self,
        latents: np.ndarray,
        labels: Optional[np.ndarray] = None,
        batch_size: Optional[int] = None,
        spread: Spread = itertools.starmap,
    ) -> np.ndarray:
        """Make `images` of any number of latents, `batch_size` at a time; None = `at_once`. `spread`: see `leading.spread`."""
        batch_size = batch_size or self.at_once
        parts = [slice(start, start + batch_size) for start in range(0, len(latents), batch_size)]
        pieces = ([latents[part]] if labels is None else [latents[part], labels[part]] for part in parts)
        return np.concatenate([images for (images,) in spread(lambda *piece: (self.images(*piece),), pieces)])

    def categories(self, latents: np.ndarray) -> Optional[np.ndarray]:
        """The category that each of `latents` asks for, int64 [N]; None for an algorithm that finds no categories by itself."""

    def default_labels(self, count: int) -> Optional[np.ndarray]:
        """The labels that `count` images are asked for by unless said otherwise: `labels_in_turn`, or None if not `conditional`."""
        return self.labels_in_turn(count) if self.conditional else None

    def latent_parts(self) -> List[Tuple[int, str]]:
        """What a latent holds, in its order: (how many numbers, how they are drawn: a name of `inference.DRAWN`)."""
        return [(self.latent_dim, NORMAL)]

    def inference_models(self, shape: Sequence[int]) -> List[InferenceModel]:
        """The networks for use, which can be exported; `shape` is that of an image, (C, H, W)."""
        raise NotImplementedError

    def grid_labels(self, count: int, columns: int) -> Optional[np.ndarray]:
        """The labels of a grid's images: one learnt class a row, or None if not `conditional`."""
        return self._learnt(np.arange(count) // columns) if self.conditional else None

    def sweeps(self, columns: int, rng: np.random.Generator) -> Dict[str, np.ndarray]:
        """Latents whose images show what single numbers among them do, `columns` a row: {name: float32 [N, latent_dim]}; {} by default."""
        return {}

    def labels_in_turn(self, count: int) -> np.ndarray:
        """Labels int64 [count] that ask for every learnt class equally often: 0, 1, …, 0, 1, …"""
        return self._learnt(np.arange(count))

    def _learnt(self, turns: np.ndarray) -> np.ndarray:
        """The class whose turn it is, for each of `turns`."""
        if self.learnt_classes is None:
            return turns % self.classes
        return np.asarray(self.learnt_classes, np.int64)[turns % len(self.learnt_classes)]

    def state(self) -> Dict[str, Any]:
        """All that changes in training beside weights and optimizers, as plain JSON."""
        return {}

    def load_state(self, state: Dict[str, Any]) -> None:
        """Set what `state` returned."""

    def weights(self) -> Dict[str, np.ndarray]:
        """All weights and buffers: {"network/parameter": array}."""
        return {name: tensor.numpy() for name, tensor in self._tensors().items()}

    def _tensors(self) -> Dict[str, Tensor]:
        return {f"{name}/{key}": tensor for name, network in self.networks.items() for key, tensor in network.state_dict().items()}

    def level(self, values: Mapping[str, Any]) -> None:
        """Make the processes alike after a step: the statistics of normalisation, and the losses among `values`, become their means.

        Every process has the norms of gradients already, or did not measure them.
        """
        if processes.count() > 1:
            tensors = [t for name, t in self._tensors().items() if name.endswith(STATISTICS)]
            losses = [value for name, value in values.items() if isinstance(value, Tensor) and not name.endswith("_gradient")]
            processes.mean_of([*tensors, *losses])

    def share_state(self) -> None:
        """Give all processes the weights, optimizers and state of process 0."""
        if processes.count() > 1:
            self.load_weights(processes.arrays_of_first(self.weights() if processes.first() else None))
            self.load_optimizer_state(processes.arrays_of_first(self.optimizer_state() if processes.first() else None))
            self.load_state(processes.of_first(self.state()))

    def light_weights(self, arrays: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """Those of `weights` that sampling and reading need: without networks in whose place their average stands."""
        return {name: array for name, array in arrays.items() if name.split("/")[0] not in self.averaged}

    def load_weights(self, arrays: Mapping[str, np.ndarray], light: bool = False) -> None:
        """Set all weights and buffers from what `weights` returned.

        Args:
            arrays: What `weights` returned.
            light: `arrays` is what `light_weights` returned; networks that it lacks are set to their average.

        Raises:
            ValueError: a name is missing or superfluous, or a shape differs.
        """
        if light:
            networks = {average: name for name, average in self.averaged.items()}
            parts = [(*key.partition("/"), array) for key, array in arrays.items()]
            arrays = {**arrays, **{networks[owner] + slash + key: array for owner, slash, key, array in parts if owner in networks}}
        expected = self._tensors()
        _check_names(expected, arrays)
        for key, tensor in expected.items():
            if list(tensor.shape) != list(arrays[key].shape):
                raise ValueError(f"{key}: shape {list(arrays[key].shape)}, the network has {list(tensor.shape)}")
            tensor.set_value(arrays[key])

    def adopt_weights(self, arrays: Dict[str, np.ndarray]) -> int:
        """Set what fits from the weights of a run whose networks differ in their normalisation; the rest stays as initialised.

        Spectral normalisation keeps a layer's weight as `weight_orig`. Returns how many arrays were taken.
        """
        taken = 0
        for name, tensor in self._tensors().items():
            value = arrays.get(name, arrays.get(name.replace("weight_orig", "weight")))
            if value is not None and list(tensor.shape) == list(value.shape):
                tensor.set_value(value)
                taken += 1
        return taken

    def optimizer_state(self) -> Dict[str, np.ndarray]:
        """All optimizer moments: {"optimizer/parameter index/kind": array}; see `optimizer_state.arrays_of`."""
        return arrays_of(self.optimizers, self.loss_scales)

    def load_optimizer_state(self, arrays: Dict[str, np.ndarray]) -> None:
        """Set all optimizer moments from what `optimizer_state` returned.

        Raises:
            ValueError: an entry does not belong to any optimizer here.
        """
        set_arrays(self.optimizers, self.loss_scales, arrays)
        _check_names(self.optimizers, {key.split("/")[0] for key in arrays} | set(self.optimizers))


def noise(shape: Tuple[int, ...], rng: np.random.Generator, truncation: Optional[float] = None) -> np.ndarray:
    """Draw float32 numbers ~ N(0, 1) of a shape; with `truncation` T > 0 those beyond ±T are drawn anew until they lie within."""
    numbers = rng.standard_normal(shape, dtype=np.float32)
    if truncation is None:
        return numbers
    for _ in range(REDRAWS):
        beyond = np.abs(numbers) > truncation
        if not beyond.any():
            return numbers
        numbers[beyond] = rng.standard_normal(shape, dtype=np.float32)[beyond]
    beyond = np.abs(numbers) > truncation  # T is so small that the density within ±T is flat
    numbers[beyond] = rng.uniform(-truncation, truncation, shape)[beyond]
    return numbers


@contextlib.contextmanager
def evaluating(network: nn.Layer) -> Iterator[nn.Layer]:
    """Within, `network` is in evaluation mode and no gradients are recorded."""
    training = network.training
    network.eval()
    try:
        with paddle.no_grad():
            yield network
    finally:
        if training:
            network.train()


def _check_names(expected: Collection[str], found: Collection[str]) -> None:
    missing, superfluous = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or superfluous:
        raise ValueError(f"missing {missing[:3]}, superfluous {superfluous[:3]}")


def trainable(network: nn.Layer) -> List[Tensor]:
    """The parameters that learn. Paddle counts BatchNorm's running statistics among a network's parameters; they do not."""
    return [p for p in network.parameters() if not p.stop_gradient]


def gradient_norm(network: nn.Layer) -> Tensor:
    """The Euclidean norm of all of a network's present gradients, 0-D tensor."""
    return paddle.add_n([p.grad.square().sum() for p in trainable(network) if p.grad is not None]).sqrt()


@contextlib.contextmanager
def frozen(network: nn.Layer) -> Iterator[None]:
    """Within, `network` lets gradients through but collects none: its weight gradients are not computed."""
    parameters = trainable(network)
    for parameter in parameters:
        parameter.stop_gradient = True
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.stop_gradient = False


def clear_gradients(*networks: nn.Layer) -> None:
    """Free the gradients of all parameters (a freed gradient counts as zero)."""
    for network in networks:
        network.clear_gradients()
