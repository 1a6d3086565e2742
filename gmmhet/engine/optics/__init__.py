"""Contrast transfer function and aberrations."""
