"""Tests of gmmhet.engine.report."""
