"""Tests of gmmhet.engine.io."""
