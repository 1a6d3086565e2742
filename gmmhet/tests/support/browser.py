"""A real browser for tests of pages."""

import importlib.util
import shutil
from typing import Any

__all__ = ["CHROMIUM", "NO_AXE", "WHY_NOT", "launch"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: why pages cannot be driven; empty where they can
WHY_NOT = ("" if CHROMIUM and importlib.util.find_spec("playwright") else
           "chromium and playwright are needed to drive the pages; they are NOT tested")
#: why accessibility cannot be tested; empty where it can
NO_AXE = "" if importlib.util.find_spec("axe_playwright_python") else (
    "axe-playwright-python is needed to test accessibility; it is NOT tested")
_SOFTWARE_GL = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")


def launch(driver: Any) -> Any:
    """Chromium without a window, which draws in software."""
    return driver.chromium.launch(executable_path=CHROMIUM, args=list(_SOFTWARE_GL))
