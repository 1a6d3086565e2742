"""Tests of what comes and goes."""
