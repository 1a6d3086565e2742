"""Tests of gmmhet.engine.optics."""
