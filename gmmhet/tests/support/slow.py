"""Tests that take long and look again at what others look at: only where GMMHET_SLOW is set."""

import os
import unittest

__all__ = ["slow"]

slow = unittest.skipUnless(os.environ.get("GMMHET_SLOW"),
                         "GMMHET_SLOW is not set: an analysis of half a minute or more")
