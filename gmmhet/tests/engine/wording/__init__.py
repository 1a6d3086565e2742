"""Tests of gmmhet.engine.wording."""
