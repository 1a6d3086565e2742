"""Tests; run by pytest, unittest, and the runner of Scipion."""
