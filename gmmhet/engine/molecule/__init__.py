"""The molecule: Gaussians, symmetry, maps and rigid bodies."""
