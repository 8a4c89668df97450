"""Augmentation: classical changes of images (NumPy and Pillow), mixtures, policies, and the differentiable changes of GAN training."""
