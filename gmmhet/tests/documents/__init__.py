"""Tests of the documents beside the package: what they name is there, and what they show runs."""
