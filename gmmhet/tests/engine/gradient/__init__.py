"""Tests of gmmhet.engine.gradient."""
