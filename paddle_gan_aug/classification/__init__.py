"""Classifiers: trained on real and generated images, tested, and asked what they read."""
