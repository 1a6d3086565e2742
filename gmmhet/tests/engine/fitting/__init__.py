"""Tests of gmmhet.engine.fitting."""
