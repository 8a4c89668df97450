"""What every training algorithm has in common: named networks and optimizers, and their state as plain arrays."""

import contextlib

import numpy as np
import paddle

SCHEDULES = {  # the factor on a learning rate, as a function of the share of the run that is done
    "constant": lambda done: 1.0,
    "linear": lambda done: min(1.0, 2.0 * (1.0 - done)),
    "cosine": lambda done: 0.5 * (1.0 + np.cos(np.pi * done)),
}


class Algorithm:
    """Base of all algorithms.

    Subclasses fill `networks` and `optimizers` (dicts by name, insertion order is the order on disk) and implement
    `step`; those that can sample set `latent_dim` and implement `images`, those that sample by class set `conditional` and
    `classes` (how many there are), those with a discriminator implement `realness`.
    """

    batches_per_step = 1  # how many batches of real data one step wants
    pairs = False  # whether its batches must hold a partner of the same class for each image
    losses = ()  # the names among `step`'s values that the progress line shows
    latent_dim = None  # None: it makes no images
    conditional = False  # whether its images can be asked for by class

    def __init__(self, config):
        self.config = config
        self.networks, self.optimizers, self._base_rates = {}, {}, {}
        self.step_number = 0  # the step under way, counted from 1
        self.measure_gradients = False  # whether `step` also returns the norms of its gradients

    def add_adam(self, name, network, learning_rate, beta1=None, epsilon=1e-8):
        """Add an Adam optimizer over the trainable parameters of `network` under `name`."""
        options = self.config.optimizer
        self._base_rates[name] = learning_rate
        self.optimizers[name] = paddle.optimizer.Adam(
            learning_rate,
            beta1=options.beta1 if beta1 is None else beta1,
            beta2=options.beta2,
            epsilon=epsilon,
            parameters=trainable(network),
        )

    def scale_learning_rates(self, factor, names):
        """Multiply the learning rates of the optimizers `names` for all steps to come."""
        for name in names:
            self._base_rates[name] *= factor

    def prepare(self, batches):
        """Take what a new run needs of the data before its first step; a run that goes on has it in its weights. Nothing by default."""

    def begin_step(self, step, total_steps):
        """Say which step comes (1 for the first) and set every learning rate for it."""
        self.step_number = step
        factor = SCHEDULES[self.config.optimizer.schedule]((step - 1) / total_steps)
        for name, optimizer in self.optimizers.items():
            optimizer.set_lr(float(self._base_rates[name] * factor))

    def steps_per_epoch(self, batches):
        """The steps that go once over the data of `batches` (a `paddle_gan_aug.data.Batches`), at least 1."""
        return max(1, batches.steps_per_epoch // self.batches_per_step)

    def step(self, batches, rng):
        """One training step.

        Args:
            batches: `batches_per_step` batches (`paddle_gan_aug.data.Batch`).
            rng: the numpy Generator of this step.

        Returns:
            {name: 0-D tensor or float}; nothing is read back from the device.
        """
        raise NotImplementedError

    def images(self, latents, labels=None):
        """Latents float32 [N, latent_dim] -> images float32 [N, C, H, W] in [-1, 1], as NumPy arrays, in evaluation mode.

        Args:
            labels: int64 [N], the class each image is to show; for a `conditional` algorithm alone, which needs them.
        """
        raise NotImplementedError

    def realness(self, images, labels=None):
        """What the discriminator says of images float32 [N, C, H, W] in [-1, 1]: logits of "real", float32 [N], in evaluation mode.

        Args:
            labels: int64 [N], the class each is meant to show; for a `conditional` algorithm alone, which needs them.
        """
        raise NotImplementedError

    def latents(self, count, rng):
        """`count` latent vectors z ~ N(0, 1), float32 [count, latent_dim]."""
        return rng.standard_normal((count, self.latent_dim), dtype=np.float32)

    def sample(self, count, rng, batch_size=500, labels=None):
        """`count` images float32 [count, C, H, W] in [-1, 1]; `labels` as for `images`, for a conditional algorithm by default in turn."""
        return self.draw(self.latents(count, rng), self.default_labels(count) if labels is None else labels, batch_size)

    def draw(self, latents, labels=None, batch_size=500):
        """`images` of any number of latents, `batch_size` at a time."""
        parts = [slice(start, start + batch_size) for start in range(0, len(latents), batch_size)]
        return np.concatenate([self.images(latents[part], None if labels is None else labels[part]) for part in parts])

    def default_labels(self, count):
        """The labels that `count` images are asked for by unless said otherwise: `labels_in_turn`, or None if not `conditional`."""
        return self.labels_in_turn(count) if self.conditional else None

    def grid_labels(self, count, columns):
        """The labels of a grid's images: one class a row, or None if not `conditional`."""
        return np.arange(count) // columns % self.classes if self.conditional else None

    def sweeps(self, columns, rng):
        """Latents whose images show what single numbers among them do, `columns` a row: {name: float32 [N, latent_dim]}; {} by default."""
        return {}

    def labels_in_turn(self, count):
        """Labels int64 [count] that ask for every class equally often: 0, 1, …, 0, 1, …"""
        return np.arange(count) % self.classes

    def state(self):
        """What changes in training beside weights and optimizers, as plain JSON."""
        return {}

    def load_state(self, state):
        """Set what `state` returned."""

    def weights(self):
        """All weights and buffers: {"network/parameter": array}."""
        return {f"{name}/{key}": value.numpy() for name, network in self.networks.items() for key, value in network.state_dict().items()}

    def load_weights(self, arrays):
        """Set all weights and buffers from what `weights` returned.

        Raises:
            ValueError: a name is missing or superfluous, or a shape differs.
        """
        expected = {f"{name}/{key}": value for name, network in self.networks.items() for key, value in network.state_dict().items()}
        _check_names(expected, arrays)
        for key, tensor in expected.items():
            if list(tensor.shape) != list(arrays[key].shape):
                raise ValueError(f"{key}: shape {list(arrays[key].shape)}, the network has {list(tensor.shape)}")
            tensor.set_value(arrays[key])

    def adopt_weights(self, arrays):
        """Set what fits from the weights of a run whose networks differ in their normalisation; the rest stays as initialised.

        Spectral normalisation keeps a layer's weight as `weight_orig`. Returns how many arrays were taken.
        """
        taken = 0
        for name, network in self.networks.items():
            for key, tensor in network.state_dict().items():
                value = arrays.get(f"{name}/{key}", arrays.get(f"{name}/{key}".replace("weight_orig", "weight")))
                if value is not None and list(tensor.shape) == list(value.shape):
                    tensor.set_value(value)
                    taken += 1
        return taken

    def optimizer_state(self):
        """All optimizer moments: {"optimizer/parameter index/kind": array}.

        Paddle names them after process-global parameter names, which differ as soon as another network was built
        earlier in the process; the order of the parameters does not.
        """
        state = {}
        for name, optimizer in self.optimizers.items():
            for key, value in optimizer.state_dict().items():
                if isinstance(value, paddle.Tensor):
                    index, kind = _locate(key, optimizer._parameter_list)
                    state[f"{name}/{index}/{kind}"] = value.numpy()
        return state

    def load_optimizer_state(self, arrays):
        """Set all optimizer moments from what `optimizer_state` returned.

        Raises:
            ValueError: an entry does not belong to any optimizer here.
        """
        for name, optimizer in self.optimizers.items():
            state = {}
            for key, value in arrays.items():
                owner, index, kind = key.split("/")
                if owner == name:
                    if int(index) >= len(optimizer._parameter_list):
                        raise ValueError(f"{key}: {name} has {len(optimizer._parameter_list)} parameters")
                    state[f"{optimizer._parameter_list[int(index)].name}_{kind}"] = paddle.to_tensor(value)
            optimizer.set_state_dict(state)
        _check_names(self.optimizers, {key.split("/")[0] for key in arrays} | set(self.optimizers))


@contextlib.contextmanager
def evaluating(network):
    """Within, `network` is in evaluation mode and no gradients are recorded."""
    training = network.training
    network.eval()
    try:
        with paddle.no_grad():
            yield network
    finally:
        if training:
            network.train()


def _check_names(expected, found):
    missing, superfluous = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or superfluous:
        raise ValueError(f"missing {missing[:3]}, superfluous {superfluous[:3]}")


def _locate(key, parameters):
    """An optimizer's entry "conv2d_5.w_0_moment1_0" -> (index of parameter conv2d_5.w_0, "moment1_0")."""
    owners = [(len(p.name), index) for index, p in enumerate(parameters) if key.startswith(p.name + "_")]
    length, index = max(owners)
    return index, key[length + 1 :]


def trainable(network):
    """The parameters that learn. Paddle counts BatchNorm's running statistics among a network's parameters; they do not."""
    return [p for p in network.parameters() if not p.stop_gradient]


def gradient_norm(network):
    """The Euclidean norm of all of a network's present gradients, 0-D tensor."""
    return paddle.add_n([p.grad.square().sum() for p in trainable(network) if p.grad is not None]).sqrt()


@contextlib.contextmanager
def frozen(network):
    """Within, `network` lets gradients through but collects none: its weight gradients are not computed."""
    parameters = trainable(network)
    for parameter in parameters:
        parameter.stop_gradient = True
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.stop_gradient = False


def clear_gradients(*networks):
    """Free the gradients of all parameters (a freed gradient counts as zero)."""
    for network in networks:
        network.clear_gradients()
