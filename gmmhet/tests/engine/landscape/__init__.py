"""Tests of gmmhet.engine.landscape."""
