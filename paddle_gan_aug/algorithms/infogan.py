"""InfoGAN (Chen et al. 2016): a generator whose latents hold a code, and a second head of D that reads it back.

Part of the latents are a category and continuous codes; D's second head, Q, says what they were, and D's features and G learn to make
that possible. What G can be read by is what it varies by: the category becomes the digit, the continuous codes slant and stroke.
No label is looked at.

Which category a kind of image gets is settled in the first hundred steps, on fakes that show little, and two digits that share one
never part. So Q first learns from real images to sort them by itself (Hu et al. 2017, "IMSAT", arXiv:1702.08720): surely, into categories
that are equally frequent, and alike whether an image is turned, slanted, scaled and moved or not. Then the codes come in, slowly: at once
they would overwhelm G, for by then Q is sure.
"""

import numpy as np
import paddle
from paddle.nn import functional as F

from ..augment.affine import random_affine
from .adversarial import AdversarialGAN
from .base import noise as draw_noise
from .losses import clustering_loss

HEAD_START = 10  # times its weight counts the sorting before the codes come in


class InfoGAN(AdversarialGAN):
    """See the module. Latents are [noise N(0, 1) (`generator.latent_dim`), category one-hot (`code.categories`), codes U(-1, 1)]."""

    def _latent_size(self):
        return self.config.generator.latent_dim + self._auxiliary_size()

    def _auxiliary_size(self):
        return self.config.code.categories + self.config.code.continuous

    def latents(self, count, rng, truncation=None):
        """`count` latents, float32 [count, latent_dim]; see the class. Truncation is of the noise alone."""
        noise = draw_noise((count, self.config.generator.latent_dim), rng, truncation)
        categories = rng.integers(self.config.code.categories, size=count)
        codes = rng.uniform(-1, 1, (count, self.config.code.continuous))
        return self.compose(noise, categories, codes)

    def compose(self, noise, categories, codes):
        """Latents of these parts: noise [N, D], categories int [N], codes [N, continuous]."""
        one_hot = np.eye(self.config.code.categories)[categories]
        return np.concatenate([noise, one_hot, codes], axis=1).astype(np.float32)

    def categories(self, latents):
        """The category in each of `latents`, int64 [N]."""
        start = self.config.generator.latent_dim
        return latents[:, start : start + self.config.code.categories].argmax(1)

    def sweeps(self, columns, rng):
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

    def _d_extra(self, images, real_read, labels, fake_read, fake):
        found = self._information(fake_read, fake)
        weight = self.config.loss.clustering_weight
        if weight:
            moved = random_affine(images, self._rng, fill=self.view.fill)
            count = self.config.code.categories
            _, moved_read = self.discriminator.read(self._seen(moved), labels)
            weight *= HEAD_START if self.step_number <= self.config.code.sorting_steps else 1
            found["clustering_loss"] = weight, clustering_loss(real_read[:, :count], moved_read[:, :count])
        return found

    def _g_extra(self, fake_read, fake):
        return self._information(fake_read, fake)

    def _information(self, read, fake):
        """The two terms of the lower bound on the mutual information (eq. 5), negated: cross-entropy, and half the squared error."""
        options, count, share = self.config.loss, self.config.code.categories, self._codes_count()
        categories = paddle.to_tensor(self.categories(fake.latents))
        found = {"category_loss": (share * options.category_weight, F.cross_entropy(read[:, :count], categories))}
        if self.config.code.continuous:
            codes = paddle.to_tensor(fake.latents[:, -self.config.code.continuous :]).astype(read.dtype)
            found["continuous_loss"] = share * options.continuous_weight, 0.5 * (read[:, count:] - codes).square().mean()
        return found

    def _codes_count(self):
        """How much of their weight the codes have at this step: 0 while Q sorts alone, 1 after as long again."""
        alone = self.config.code.sorting_steps
        return min(1.0, max(0.0, self.step_number / alone - 1)) if alone else 1.0
