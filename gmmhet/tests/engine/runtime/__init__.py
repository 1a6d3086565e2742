"""Tests of gmmhet.engine.runtime."""
