"""Augmentation: random changes of images, in NumPy for classifiers, in Paddle where gradients must pass (`diffaugment`)."""
