"""Tests of gmmhet.engine.options."""
