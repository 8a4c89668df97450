"""From trained runs to labelled, filtered sets of images on disk."""
