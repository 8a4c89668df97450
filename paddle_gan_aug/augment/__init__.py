"""Augmentation: classical transforms of images, mixtures of them and of feature maps, and policies that say what a data set can bear."""
