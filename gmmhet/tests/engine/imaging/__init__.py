"""Tests of gmmhet.engine.imaging."""
