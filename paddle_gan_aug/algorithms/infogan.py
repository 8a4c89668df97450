"""InfoGAN (Chen et al. 2016): a generator whose latents hold a code, and a second head of D that reads it back.

A part of each latent is a category and continuous codes. D's second head, Q, reads them back from the image, and D's features and G
learn to make that possible. G then varies its images by these codes: the category becomes the digit, the continuous codes become slant
and stroke. The algorithm looks at no label.

The first hundred steps settle which category a kind of image gets, on fakes that show little, and two digits that share a category never
part again. So Q first learns to sort real images by itself (Hu et al. 2017, "IMSAT", arXiv:1702.08720): surely, into categories that are
equally frequent, and alike whether an image is turned, slanted, scaled and moved or not. It does so alone for `code.sorting_rounds`
rounds, each judged without labels and mended if it went wrong (see `sorting`). Then the codes come in slowly: all at once they would
overwhelm G, because by then Q is sure.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import paddle
from paddle import Tensor
from paddle.nn import functional as F

from ..augment.affine import random_affine
from ..config.sections import Config
from ..data import Batch, Batches
from .adversarial import AdversarialGAN, Extra, Fakes
from .base import Values, evaluating
from .base import noise as draw_noise
from .losses import clustering_loss
from .optimizer_state import LossScale, forget
from .ports import AROUND_ZERO, CATEGORY, NORMAL
from .sorting import Sortings, lopsided, sorting_score, split

HEAD_START = 10  # the factor on the weight of the sorting before the codes come in
FIRST_LOGITS = 0.1  # the factor on Q's first weights: a Q that is sure at once puts all images into one category
JUDGED = 2048  # real images by which a round of sorting is judged


class InfoGAN(AdversarialGAN):
    """See the module. Latents are [noise N(0, 1) (`generator.latent_dim`), category one-hot (`code.categories`), codes U(-1, 1)]."""

    def __init__(self, config: Config, channels: int, image_size: int, class_names: Sequence[str]) -> None:
        self.sortings = Sortings(config.code.sorting_rounds)
        super().__init__(config, channels, image_size, class_names)
        if self.sortings.rounds:
            self.networks["best_sorting"] = self.make_discriminator(channels, image_size)
            self.losses = (*self.losses, "clustering_loss")

    def latent_size(self) -> int:
        """See `GAN.latent_size`."""
        return self.config.generator.latent_dim + self.auxiliary_size()

    def auxiliary_size(self) -> int:
        """See `AdversarialGAN.auxiliary_size`: one for each category and each continuous code."""
        return self.config.code.categories + self.config.code.continuous

    def latents(self, count: int, rng: np.random.Generator, truncation: Optional[float] = None) -> np.ndarray:
        """Return `count` latents, float32 [count, latent_dim]; see the class. Truncation applies to the noise alone."""
        noise = draw_noise((count, self.config.generator.latent_dim), rng, truncation)
        categories = rng.integers(self.config.code.categories, size=count)
        codes = rng.uniform(-1, 1, (count, self.config.code.continuous))
        return self.compose(noise, categories, codes)

    def latent_parts(self) -> List[Tuple[int, str]]:
        """See `Algorithm.latent_parts`."""
        options = self.config.code
        return [(self.config.generator.latent_dim, NORMAL), (options.categories, CATEGORY), (options.continuous, AROUND_ZERO)]

    def compose(self, noise: np.ndarray, categories: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Latents of these parts: noise [N, D], categories int [N], codes [N, continuous]."""
        one_hot = np.eye(self.config.code.categories)[categories]
        return np.concatenate([noise, one_hot, codes], axis=1).astype(np.float32)

    def categories(self, latents: np.ndarray) -> np.ndarray:
        """The category in each of `latents`, int64 [N]."""
        start = self.config.generator.latent_dim
        return latents[:, start : start + self.config.code.categories].argmax(1)

    def sweeps(self, columns: int, rng: np.random.Generator) -> Dict[str, np.ndarray]:
        """Latents whose images show what each code does: {name: float32 [rows · columns, latent_dim]}.

        "category": a row each, the noise of a column the same in all rows. "code-1", …: that code goes from -2 to 2 along a row of each
        category, all else of the row fixed (the paper's figure 2 shows as much beyond the trained ±1).
        """
        rows, options = self.config.code.categories, self.config.code
        categories = np.repeat(np.arange(rows), columns)
        noise = rng.standard_normal((columns, self.config.generator.latent_dim))
        codes = rng.uniform(-1, 1, (columns, options.continuous))
        found = {"category": self.compose(np.tile(noise, (rows, 1)), categories, np.tile(codes, (rows, 1)))}
        still = np.repeat(noise[np.arange(rows) % columns], columns, axis=0)
        for number in range(options.continuous):
            swept = np.zeros((rows * columns, options.continuous))
            swept[:, number] = np.tile(np.linspace(-2, 2, columns), rows)
            found[f"code-{number + 1}"] = self.compose(still, categories, swept)
        return found

    # ---- sorting without G -----------------------------------------------------------------------------------------------

    @property
    def learns_images(self) -> bool:
        """See `Algorithm.learns_images`: not before the sorting has ended."""
        return self.step_number > self.sortings.last_step

    def prepare(self, batches: Batches) -> None:
        """See `Algorithm.prepare`: the first batches judge the sorting."""
        self._judging = batches

    def begin_step(self, step: int, total_steps: int) -> None:
        """See `Algorithm.begin_step`; schedules and averages stand still until the sorting has ended. Instance noise fades all the same."""
        alone = self.sortings.last_step
        super().begin_step(max(1, step - alone), max(1, total_steps - alone))
        self.step_number = step

    def step(self, batches: Sequence[Batch], rng: np.random.Generator) -> Values:
        """See `AdversarialGAN.step`. Before the sorting has ended, D alone learns, and `clustering_loss` is all there is."""
        self.findings = ()
        if self.learns_images:
            return super().step(batches, rng)
        self._rng = rng
        if self.step_number == 1 and self.config.discriminator.init_std is None:
            self._weaken_categories()
        for batch in batches:
            values = self._sort(paddle.to_tensor(batch.images))
        if self.sortings.ends(self.step_number):
            self._end_round()
        return values

    def _sort(self, images: Tensor) -> Values:
        """Take one step of D towards a better sorting of real images."""
        moved = random_affine(images, self._rng, fill=self.view.fill)
        _, read = self.discriminator.read(self.seen(paddle.concat([images, moved])))
        read = read[:, : self.config.code.categories]
        loss = clustering_loss(read[: len(images)], read[len(images) :])
        self.backward("d", loss)
        self.descend("d", self.discriminator)
        return {"clustering_loss": loss}

    def _category_weights(self) -> Tuple[Tensor, Tensor]:
        """The parameters of Q: weight [features, categories and codes] and bias."""
        head = self.discriminator.auxiliary
        return getattr(head, "weight_orig", head.weight), head.bias

    def _weaken_categories(self) -> None:
        weight, _ = self._category_weights()
        weight.set_value(weight * FIRST_LOGITS)

    def _end_round(self) -> None:
        """Judge the round of sorting that has ended: keep it or undo it, and mend what is kept if it is lopsided."""
        best, (features, logits, moved) = self.networks["best_sorting"], self._readings()
        if self.sortings.judge(sorting_score(logits, moved)):
            best.set_state_dict(self.discriminator.state_dict())
        else:
            self.discriminator.set_state_dict(best.state_dict())
            forget(self.optimizers["d"])
            if "d" in self.loss_scales:
                self.loss_scales["d"] = LossScale()
            features, logits, _ = self._readings()
        found = logits.argmax(1).numpy()
        shares = np.bincount(found, minlength=self.config.code.categories) / len(found)
        self.findings = (self.sortings.finding(shares),)
        if lopsided(shares) and self.sortings.mends:
            large = shares.argmax()
            weight, bias = self._category_weights()
            new = split(weight.numpy(), bias.numpy(), features.numpy()[found == large], large, shares.argmin())
            weight.set_value(new[0])
            bias.set_value(new[1])

    def _readings(self) -> Tuple[Tensor, Tensor, Tensor]:
        """What D reads of real images: features [N, F], the logits of the categories [N, K], and those of the images changed [N, K].

        The images and the changes are the same for all rounds of a run.
        """
        rng, batches, found = np.random.default_rng(0), self._judging, []
        count = self.config.code.categories
        with evaluating(self.discriminator):
            for index in range(min(batches.steps_per_epoch, -(-JUDGED // batches.batch_size))):
                images = paddle.to_tensor(batches.batch(index).images)
                moved = random_affine(images, rng, fill=self.view.fill)
                features = self.discriminator.body.features(paddle.concat([images, moved]))
                logits = self.discriminator.auxiliary(features)[:, :count]
                found.append((features[: len(images)], logits[: len(images)], logits[len(images) :]))
        return tuple(paddle.concat(part) for part in zip(*found))

    # ---- codes -------------------------------------------------------------------------------------------------------------

    def _d_extra(self, images: Tensor, real_read: Tensor, labels: Optional[Tensor], fake_read: Tensor, fake: Fakes) -> Extra:
        found = self._information(fake_read, fake)
        weight = self.config.loss.clustering_weight
        if weight:
            moved = random_affine(images, self._rng, fill=self.view.fill)
            count = self.config.code.categories
            _, moved_read = self.discriminator.read(self.seen(moved), labels)
            weight *= HEAD_START if self.step_number - self.sortings.last_step <= self.config.code.sorting_steps else 1
            found["clustering_loss"] = weight, clustering_loss(real_read[:, :count], moved_read[:, :count])
        return found

    def _g_extra(self, fake_read: Tensor, fake: Fakes) -> Extra:
        return self._information(fake_read, fake)

    def _information(self, read: Tensor, fake: Fakes) -> Extra:
        """The two terms of the lower bound on the mutual information (eq. 5), negated: cross-entropy, and half the squared error."""
        options, count, share = self.config.loss, self.config.code.categories, self._codes_share()
        categories = paddle.to_tensor(self.categories(fake.latents))
        found = {"category_loss": (share * options.category_weight, F.cross_entropy(read[:, :count], categories))}
        if self.config.code.continuous:
            codes = paddle.to_tensor(fake.latents[:, -self.config.code.continuous :]).astype(read.dtype)
            found["continuous_loss"] = share * options.continuous_weight, 0.5 * (read[:, count:] - codes).square().mean()
        return found

    def _codes_share(self) -> float:
        """The share of their weight that the codes have at this step.

        It is 0 until G has learnt without codes for `code.sorting_steps` steps, and 1 after as many more.
        """
        alone = self.config.code.sorting_steps
        return min(1.0, max(0.0, (self.step_number - self.sortings.last_step) / alone - 1)) if alone else 1.0

    def _parts_with_state(self) -> Dict[str, Any]:
        return {**super()._parts_with_state(), "sortings": self.sortings if self.sortings.rounds else None}
