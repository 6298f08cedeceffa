"""Headless Chromium for tests, driven over its own pipe: no driver, no server, no port."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--remote-debugging-pipe",
]


class Page:
    """One page. `requests` are the addresses asked for, `problems` what the console and uncaught errors say."""

    def __init__(self, to: int, back: int) -> None:
        self.to, self.back, self.rest, self.number = to, back, b"", 0
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol; returns its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def saved(self, path: Path) -> bytes:
        """Click the page's "save", and read what was downloaded to `path`."""
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(path.parent))
        self.evaluate("document.getElementById('save').click()")
        self.wait("document.getElementById('state').textContent.endsWith('saved')")
        for _ in range(100):
            if path.exists() and path.stat().st_size:
                break
            self.evaluate("new Promise(done => setTimeout(done, 50))")
        return path.read_bytes()

    def show(self, address: str, width: int = 1200, height: int = 900, scheme: str = "light") -> None:
        """Open `address` and wait until it has loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"].get("description"))
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = 30) -> None:
        """Wait until a JavaScript expression is true. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never true: {expression}; console: {self.problems}")
            time.sleep(0.05)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as a PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            if not select.select([self.back], [], [], 60)[0]:
                raise TimeoutError("Chromium does not answer")
            data = os.read(self.back, 1 << 20)
            if not data:
                raise RuntimeError("Chromium has ended")
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"]["exception"].get("description", "uncaught"))
        elif event["method"] == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])
        elif event["method"] == "Runtime.consoleAPICalled":
            self.problems.append(str([argument.get("value") for argument in params["args"]]))


@contextmanager
def open_browser() -> Iterator[Page]:
    """A fresh Chromium with one page. Without one the test is skipped; where CI is set it fails."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(
            "Chromium is not installed, so the report was not looked at. Install it: apt-get install chromium"
        )
    (their_in, to), (back, their_out) = os.pipe(), os.pipe()
    # Chromium reads commands from descriptor 3 and answers on 4; the shell must not find its own there.
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (their_in, their_out)]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = ["bash", "-c", f'exec "$0" "$@" 3<&{theirs[0]} 4>&{theirs[1]}', program, *FLAGS]
        browser = subprocess.Popen(
            [*command, f"--user-data-dir={home}"],
            pass_fds=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (their_in, their_out, *theirs):
            os.close(end)
        try:
            yield Page(to, back)
        finally:
            browser.kill()
            browser.wait()
            os.close(to)
            os.close(back)
