"""Tests of gmmhet.engine.subspace.passes."""
