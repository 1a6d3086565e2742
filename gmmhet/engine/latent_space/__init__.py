"""Where particles lie in latent space, and analyses read back from their files."""
