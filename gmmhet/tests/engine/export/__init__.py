"""Tests of gmmhet.engine.export."""
