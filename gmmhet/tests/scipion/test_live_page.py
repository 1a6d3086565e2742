"""The viewer's live page: a server of the engine that opens the browser, and ends with the viewer."""

import http.client
import os
import socket
import sys
import tempfile
import time
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from urllib.parse import urlsplit

from gmmhet.plugin import Plugin
from gmmhet.tests.support.viewed_result import write_result
from gmmhet.viewers.viewer_analyze import GmmHetAnalyzeViewer

SECONDS = 120


class TestLivePage(unittest.TestCase):

    def test_the_browser_is_given_a_page_that_answers_until_it_is_closed(self):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        result = write_result(folder / "run", particles=40, images=False)
        opened, browser = folder / "opened", folder / "browser"
        browser.write_text(f"#!/bin/sh\necho \"$1\" > {opened}.part\nmv {opened}.part {opened}\n")
        browser.chmod(0o755)
        viewer = mock.Mock(spec=GmmHetAnalyzeViewer)
        viewer.protocol = SimpleNamespace(getAnalysisFolder=lambda: str(result / "analysis"))
        environ = {**os.environ, "BROWSER": f"{browser} %s"}
        with mock.patch.object(Plugin, "getEngineProgram", return_value=f"{sys.executable} -m gmmhet.engine"), \
                mock.patch.object(Plugin, "getEnviron", return_value=environ):
            view, = GmmHetAnalyzeViewer._showPage(viewer)
        view.show()
        self.addCleanup(view.close)
        until = time.monotonic() + SECONDS
        while not opened.exists():
            self.assertIsNone(view.process.poll(), "the server ended")
            self.assertLess(time.monotonic(), until, "no page was opened")
            time.sleep(0.05)
        address = urlsplit(opened.read_text().strip())
        page = http.client.HTTPConnection(address.hostname, address.port, timeout=SECONDS)
        page.request("GET", f"/?{address.query}")
        answer = page.getresponse()
        self.assertEqual((answer.status, b"Where the particles are" in answer.read()), (200, True))
        page.close()
        view.close()
        self.assertIsNotNone(view.process.returncode)
        while self.answers(address.hostname, address.port):  # the server ends what it does
            self.assertLess(time.monotonic(), until, "the server stays")
            time.sleep(0.05)

    @staticmethod
    def answers(host: str, port: int) -> bool:
        """Whether anything listens there."""
        try:
            socket.create_connection((host, port), timeout=5).close()
        except OSError:
            return False
        return True


if __name__ == "__main__":
    unittest.main()
