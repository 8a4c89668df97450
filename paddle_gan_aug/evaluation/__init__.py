"""How good generated images are: the feature network, the real images beside them, and every metric."""
