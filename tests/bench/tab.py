"""A tab of a real Chromium that nobody inspects.

Playwright has every message of a page's sockets copied to itself: at twenty pictures of 0.8 MB a second that takes a
third of a core in Chromium and a sixth in its own driver, which nobody pays who simply opens the page. So rates are
measured in a tab that is only asked for values and sent keys and a mouse, over the DevTools protocol and without its
network domain.
"""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import psutil
from websockets.sync.client import connect

from tests.browser.house import CHROMIUM_ARGUMENTS, chromium_path, wait_until

__all__ = ["Chromium", "Tab"]

WIDTH, HEIGHT = 1366, 768
ANSWER_TIME = 30.0
KEYS = {" ": ("Space", 32), "v": ("KeyV", 86)}


class Chromium:
    """The browser's process, headless, with a profile of its own in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._profile = folder / "chromium"

    def __enter__(self) -> Self:
        options = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={self._profile}", "--no-first-run"]
        command = [str(chromium_path()), *CHROMIUM_ARGUMENTS, *options, "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        told = self._profile / "DevToolsActivePort"
        wait_until(lambda: told.exists() and told.read_text().count("\n"), 20, "Chromium did not start")
        self._port = int(told.read_text().split()[0])
        return self

    def tab(self) -> Tab:
        """The one it began with."""
        with urlopen(f"http://127.0.0.1:{self._port}/json/list") as answer:
            pages = [page for page in json.load(answer) if page["type"] == "page"]
        return Tab(str(pages[0]["webSocketDebuggerUrl"]))

    def processes(self) -> list[psutil.Process]:
        """All of them: browser, renderers, compositor."""
        browser = psutil.Process(self._process.pid)
        return [browser, *browser.children(recursive=True)]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)


class Tab:
    """The Train page as a newcomer has it: looked at through its data attributes, steered with keys and the mouse."""

    def __init__(self, address: str) -> None:
        self._socket = connect(address, max_size=None)
        self._asked = 0
        self._call("Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._asked += 1
        self._socket.send(json.dumps({"id": self._asked, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=ANSWER_TIME))
            if answer.get("id") == self._asked:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def goto(self, url: str) -> None:
        """Leave for another page."""
        self._call("Page.navigate", url=url)

    def open(self, url: str) -> Self:
        """Go there and wait for the first picture."""
        self.goto(url)
        wait_until(lambda: self.number("pictures") > 0, 30, f"{url} showed no picture")
        return self

    def shown(self, name: str) -> str:
        """One of the live view's data attributes; see `tests.browser.house.LivePage.shown`."""
        return str(self.evaluate(f"document.querySelector('.ps-root')?.dataset[{name!r}] ?? ''"))

    def number(self, name: str) -> float:
        """The same as a number; 0 where nothing is shown yet."""
        return float(self.shown(name) or 0)

    @property
    def run(self) -> str:
        """The id of the run that is shown."""
        return self.shown("run")

    def press(self, key: str) -> None:
        """A key, down and up."""
        code, number = KEYS[key]
        for kind in ("keyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=key, code=code, text=key, windowsVirtualKeyCode=number)

    def play(self) -> None:
        """Press Space, as the first line says."""
        self.press(" ")

    def drag_dial(self, start: float, end: float, seconds: float) -> None:
        """Take the first dial's handle from one share of its track to another."""
        box = "document.querySelector('.ps-track').getBoundingClientRect()"
        left, width, y = self.evaluate(f"(({{x, y, width, height}}) => [x, width, y + height / 2])({box})")
        moves = max(2, int(seconds * 30))
        self._mouse("mousePressed", left + start * width, y)
        for i in range(1, moves + 1):
            self._mouse("mouseMoved", left + (start + (end - start) * i / moves) * width, y)
            time.sleep(seconds / moves)
        self._mouse("mouseReleased", left + end * width, y)

    def _mouse(self, kind: str, x: float, y: float) -> None:
        self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def heap(self) -> float:
        """Bytes of JavaScript objects that are in use."""
        self._call("HeapProfiler.collectGarbage")
        return float(self.evaluate("performance.memory.usedJSHeapSize"))
