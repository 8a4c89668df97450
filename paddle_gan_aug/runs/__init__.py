"""A run on disk: begun, gone on with, opened again, one for each class."""
