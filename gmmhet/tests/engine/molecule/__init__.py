"""Tests of gmmhet.engine.molecule."""
