"""Tests of gmmhet.engine.analysis."""
