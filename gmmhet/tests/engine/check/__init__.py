"""Tests of gmmhet.engine.check."""
