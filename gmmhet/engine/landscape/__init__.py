"""Any point of latent space: how many particles are near it, what the model looks like there, paths through it."""
