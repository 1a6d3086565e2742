"""The published single-step method: Fourier ring correlation and its gradients."""
