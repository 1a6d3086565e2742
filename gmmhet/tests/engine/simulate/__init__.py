"""Tests of gmmhet.engine.simulate."""
