"""Tests of the plugin inside the real framework.

Under pytest and unittest nothing has set the framework up; its own test runner has.
"""

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

from gmmhet.headless import prepare

if "pyworkflow" not in sys.modules:
    _FOLDER = Path(tempfile.mkdtemp(prefix="gmmhet_scipion_"))
    atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
    prepare(_FOLDER)
