"""The crash matrix: every operator, killed at every point, with every fault; see `__main__`."""
