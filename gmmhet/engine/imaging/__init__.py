"""Images of the molecule: Fourier half plane, projector, image model and the cache of particles."""
