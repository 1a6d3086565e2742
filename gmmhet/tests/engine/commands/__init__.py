"""Tests of gmmhet.engine.commands."""
