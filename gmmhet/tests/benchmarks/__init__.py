"""Tests of the measures that benchmarks print."""
