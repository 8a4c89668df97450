"""Learning from few labels and many images without any, by a GAN whose discriminator is the classifier (Salimans et al. 2016,
arXiv:1606.03498, sections 3.1 and 5).

D has a logit l_k for each of the K classes. With Z = sum_k exp l_k it takes an image for real with the probability Z / (Z + 1), and
reads its class with softmax(l). It learns the classes of the labelled images, that unlabelled images are real, and that generated ones
are not. G learns to match the mean of D's features over a batch of real images: its images are no beauties, but D must then look at what
real images have in common, which serves the classes. D's averaged weights are what reads.
"""

import numpy as np
import paddle
from paddle.nn import functional as F

from .. import runtime
from ..augment.policies import policy_for
from ..networks import infer
from ..networks.semi_supervised import READERS, DenseGenerator
from .base import Algorithm, clear_gradients, evaluating, frozen, gradient_norm
from .building import make_generator
from .consistency import conditional_entropy, pi_loss, virtual_adversarial_loss
from .ema import SteadyAverage

ADAM_EPSILON = 1e-4  # the published Adam adds 1e-8 below the square root: where a gradient is tiny, it is left so
INITIAL_IMAGES = 500  # whose statistics D's layers begin with


class SemiSupervised(Algorithm):
    """See the module. `config.semi_supervised`, `.generator`, `.optimizer` and `.train` describe it."""

    def __init__(self, config, channels, image_size, class_names):
        super().__init__(config)
        options = self.options = config.semi_supervised
        self.class_names, self.policy = tuple(class_names), policy_for(config.data.source, channels)
        self.discriminator, self.reader = (
            READERS[options.architecture](
                len(self.class_names), image_size, channels, options.width, options.input_noise, options.hidden_noise
            )
            for _ in range(2)
        )
        self.networks = {"discriminator": self.discriminator, "reader": self.reader}
        self.average = SteadyAverage(self.discriminator, self.reader, options.average_rate)
        self.losses = ("labelled_loss",)
        self.add_adam("d", self.discriminator, config.optimizer.discriminator_lr, epsilon=ADAM_EPSILON)
        if options.gan:
            self.latent_dim = config.generator.latent_dim
            if options.architecture == "mlp":
                self.generator = DenseGenerator(image_size, channels, self.latent_dim, config.generator.width)
            else:
                self.generator = make_generator(config.generator, channels, image_size, self.latent_dim)
            self.networks["generator"] = self.generator
            self.losses += ("unlabelled_loss", "generated_loss", "matching_loss")
            self.add_adam("g", self.generator, config.optimizer.generator_lr, epsilon=ADAM_EPSILON)

    def prepare(self, batches):
        """Set the scales of D's layers: those that standardise their outputs on some of the unlabelled images, or 1."""
        if self.options.scales == "one":
            self.discriminator.set_scales(1.0)
        else:
            some = batches.some(INITIAL_IMAGES, runtime.rng(self.config.train.seed, "images to begin with"))
            self.discriminator.initialise(paddle.to_tensor(some))
        self.reader.set_state_dict(self.discriminator.state_dict())

    # ---- a step --------------------------------------------------------------------------------------------------------

    def step(self, batches, rng):
        """One step of D on labelled, unlabelled and generated images, one of G on the same generated images.

        Returns:
            `labelled_loss` in nats and the accuracy on the labelled batch (0 to 1). With a generator `unlabelled_loss`, `generated_loss`,
            `matching_loss`, and `d_real` and `d_fake`, the mean probabilities of real. As far as they are in use `pi_loss`, `vat_loss`
            and `entropy`. With `measure_gradients` also `d_gradient` and `g_gradient`.
        """
        batch = batches[0]
        labelled, labels, unlabelled = map(paddle.to_tensor, (batch.images, batch.labels, batch.unlabelled))
        fakes = self.generator(paddle.to_tensor(self.latents(len(batch), rng))) if self.options.gan else None
        values = self.learn_discriminator(labelled, labels, unlabelled, fakes, rng)
        if fakes is not None:
            values.update(self.learn_generator(paddle.to_tensor(batch.matched), fakes))
        self.average.update(self.step_number)
        return values

    def learn_discriminator(self, labelled, labels, unlabelled, fakes, rng):
        """D's step; returns its values."""
        options, count = self.options, len(labelled)
        parts = [labelled]
        if fakes is not None:
            parts += [unlabelled, fakes.detach()]
        elif options.pi_weight or options.entropy_weight:
            parts += [unlabelled]
        logits = self.discriminator(paddle.concat(parts) if len(parts) > 1 else labelled)
        of_labelled, of_unlabelled = logits[:count], logits[count : 2 * count]
        evidence = paddle.logsumexp(logits, axis=1)
        loss = labelled_loss(of_labelled, labels)
        values = {"labelled_loss": loss}
        if fakes is not None:
            real, fake = evidence[count : 2 * count], evidence[2 * count :]
            values["unlabelled_loss"], values["generated_loss"] = unlabelled_loss(real), generated_loss(fake)
            loss = loss + options.unlabelled_weight * (values["unlabelled_loss"] + values["generated_loss"])
        for name, (weight, value) in self._consistency(unlabelled, of_unlabelled, rng).items():
            loss, values[name] = loss + weight * value, value
        loss.backward()
        values = {name: value.detach() for name, value in values.items()}
        values["accuracy"] = (of_labelled.detach().argmax(1) == labels).astype("float32").mean()
        if fakes is not None:
            values["d_real"], values["d_fake"] = F.sigmoid(real.detach()).mean(), F.sigmoid(fake.detach()).mean()
        if self.measure_gradients:
            values["d_gradient"] = gradient_norm(self.discriminator)
        self.optimizers["d"].step()
        clear_gradients(self.discriminator)
        return values

    def _consistency(self, unlabelled, logits, rng):
        """The consistency terms in use: {name: (weight now, value)}."""
        options, found = self.options, {}
        ramp = min(1.0, self.step_number / options.ramp_steps)
        if options.pi_weight:
            found["pi_loss"] = ramp * options.pi_weight, pi_loss(logits, self.discriminator(unlabelled))
        if options.vat_weight:
            value = virtual_adversarial_loss(self.discriminator, unlabelled, 2 * options.vat_radius, rng)
            found["vat_loss"] = ramp * options.vat_weight, value
        if options.entropy_weight:
            found["entropy"] = ramp * options.entropy_weight, conditional_entropy(logits)
        return found

    def learn_generator(self, real, fakes):
        """G's step: the generated images' mean features go towards those of the real ones. Returns its values."""
        with paddle.no_grad():
            wanted = self.discriminator.features(real).mean(0)
        with frozen(self.discriminator):
            loss = matching_loss(self.discriminator.features(fakes), wanted)
            loss.backward()
        values = {"matching_loss": loss.detach()}
        if self.measure_gradients:
            values["g_gradient"] = gradient_norm(self.generator)
        self.optimizers["g"].step()
        clear_gradients(self.generator)
        return values

    # ---- reading and sampling ------------------------------------------------------------------------------------------

    def read(self, images, batch_size=500):
        """Read images with the averaged weights; see `SupervisedClassifier.read`. The features are D's last hidden layer."""
        probabilities, features = [], []
        with evaluating(self.reader) as reader:
            for start in range(0, len(images), batch_size):
                hidden = infer(reader.features, paddle.to_tensor(images[start : start + batch_size]))
                features.append(hidden.numpy())
                probabilities.append(F.softmax(reader.logits(hidden), axis=1).numpy())
        return np.concatenate(probabilities), np.concatenate(features)

    def latents(self, count, rng):
        """`count` latent vectors z ~ U(0, 1), float32 [count, latent_dim]."""
        return rng.random((count, self.latent_dim), dtype=np.float32)

    def images(self, latents, labels=None):
        """See `Algorithm.images`."""
        with evaluating(self.generator) as generator:
            return infer(generator, paddle.to_tensor(latents)).numpy()

    def realness(self, images, labels=None):
        """See `Algorithm.realness`: log Z, by the averaged weights."""
        with evaluating(self.reader) as reader:
            return paddle.logsumexp(infer(reader, paddle.to_tensor(images)), axis=1).numpy()


def labelled_loss(logits, labels):
    """The mean of log Z - l_y, the cross-entropy of the classes; logits float32 [N, K], labels int64 [N]."""
    return F.cross_entropy(logits, labels)


def unlabelled_loss(evidence):
    """Half the mean of -log(Z / (Z + 1)): real images are to be taken for real. `evidence` is log Z, float32 [N]."""
    return 0.5 * F.softplus(-evidence).mean()


def generated_loss(evidence):
    """Half the mean of -log(1 / (Z + 1)): generated images are not."""
    return 0.5 * F.softplus(evidence).mean()


def matching_loss(features, wanted):
    """The mean square distance of the mean of `features`, float32 [N, F], to `wanted`, float32 [F]."""
    return (features.mean(0) - wanted).square().mean()
