"""The documents for developers name files and folders that are there."""

import re
import unittest
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = ("README.rst", "ARCHITECTURE.rst", "CONTRIBUTING.rst",
             *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.rst")))
#: literals and links that look like a path of the source tree; NAME and VERSION stand for something to be chosen
_PATH = re.compile(r"(?:``|<)((?:gmmhet|docs|benchmarks|examples)/[\w./-]+|[\w.-]+\.(?:rst|txt|toml|yaml))(?:``|>)")

pytestmark = pytest.mark.skipif(not (ROOT / "README.rst").is_file(), reason=f"no {ROOT}/README.rst: not a source tree")


class TestPaths(unittest.TestCase):

    def test_files_that_documents_name_exist(self):
        missing = [f"{name}: {path}" for name in DOCUMENTS
                   for path in _PATH.findall((ROOT / name).read_text(encoding="utf-8"))
                   if not {"NAME", "VERSION"} & set(re.split(r"[_./]", path)) and not (ROOT / path).exists()]
        self.assertEqual(missing, [])

    def test_the_pattern_sees_paths_and_links(self):
        text = "``gmmhet/engine/io`` and `cluster <docs/cluster.rst>`_, ``CHANGES.txt`` but not ``a/b`` or ``run.json``"
        self.assertEqual(_PATH.findall(text), ["gmmhet/engine/io", "docs/cluster.rst", "CHANGES.txt"])


if __name__ == "__main__":
    unittest.main()
