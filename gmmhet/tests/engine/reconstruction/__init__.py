"""Tests of gmmhet.engine.reconstruction."""
