"""What D gets to see: images behind instance noise and DiffAugment, reals and fakes alike, in D's step and in G's."""

import paddle

from ..augment.diffaugment import AdaptiveProbability, diffaugment


class View:
    """Shows images to D. `config.train` says how much instance noise there is, `config.diffaugment` which changes.

    Attributes:
        controller: the `AdaptiveProbability` of ADA or APA, or None.
        fill: what comes in from beyond the images' edges, a number or one for each channel; of the setting `auto` the data's, once a
            run has set it.
        probability: of each change, where no controller says it.
    """

    def __init__(self, config):
        self.noise, self.changes, self.controller = config.train, config.diffaugment, None
        self.fill = -1.0 if self.changes.fill == "auto" else self.changes.fill
        self.probability = self.changes.probability
        if self.changes.adaptive != "none":
            start = self.changes.probability if self.changes.adaptive == "ada" else 0.0
            self.controller = AdaptiveProbability(self.changes.target, self.changes.images_to_one, p=start)

    def __call__(self, images, rng, step):
        """`images` [N, C, H, W] as D sees them at `step`; what it draws, `rng` and Paddle's generator decide."""
        return self._with_noise(self._changed(images, rng), step)

    def _changed(self, images, rng):
        options = self.changes
        if options.policy == "none":
            return images
        probability = self.controller.p if options.adaptive == "ada" else self.probability
        return diffaugment(images, rng, options.policy, options.strength, probability, self.fill)

    def _with_noise(self, images, step):
        """Instance noise (Sønderby et al. 2017): all that D sees is blurred by noise that fades within the first steps."""
        options = self.noise
        left = 1 - (step - options.instance_noise_start) / options.instance_noise_steps
        if not options.instance_noise or left <= 0:
            return images
        return images + paddle.randn(images.shape) * (options.instance_noise * min(1.0, left))
