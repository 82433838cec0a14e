"""Headless Chromium, as a person uses it."""

import itertools
import json
import subprocess

from foreign import HERE, NODE
from waiting import TIMEOUT, wait_until

LOOK_S = 0.05  # seconds between two looks at a page, each of which goes through three processes


class Browser:
    """One process; its pages share nothing with each other."""

    def __init__(self):
        self._numbers = itertools.count(1)
        self._process = subprocess.Popen(
            [NODE, HERE / "browser.js"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def ask(self, op, **fields):
        number = next(self._numbers)
        self._process.stdin.write(json.dumps({"id": number, "op": op, **fields}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "Chromium's driver has ended"
        answer = json.loads(line)
        assert answer["id"] == number
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["result"]

    def open(self, width=1280, height=800, dark=False, **options):
        """An empty page; `options` as those of Playwright's newContext."""
        options.setdefault("reducedMotion", "no-preference")
        options |= {
            "viewport": {"width": width, "height": height},
            "colorScheme": "dark" if dark else "light",
        }
        return Page(self, self.ask("open", options=options, timeout=TIMEOUT * 1000))

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Page:
    def __init__(self, browser, number):
        self._browser = browser
        self._number = number

    def _do(self, name, *values):
        return self._browser.ask("do", page=self._number, name=name, values=values)

    def goto(self, url):
        self._do("goto", url)

    def reload(self):
        self._do("reload")

    def click(self, selector):
        self._do("click", selector)

    def fill(self, selector, text):
        self._do("fill", selector, text)

    def press(self, key):
        self._browser.ask("press", page=self._number, key=key)

    def run(self, expression):
        """The value of a JavaScript expression."""
        return self._do("evaluate", expression)

    def wait(self, expression):
        """Until the expression is true. (Playwright's own way needs eval, which the page forbids.)"""
        wait_until(lambda: self.run(expression), expression, every=LOOK_S)

    def text(self, selector):
        return self._do("innerText", selector)

    def texts(self, selector):
        return self.run(f"Array.from(document.querySelectorAll({json.dumps(selector)}), (e) => e.innerText ?? e.textContent)")

    def wait_for_text(self, selector, text):
        """Until an element that matches shows the text."""
        wanted, where = json.dumps(text), json.dumps(selector)
        self.wait(f"[...document.querySelectorAll({where})].some((e) => e.innerText.includes({wanted}))")

    def attribute(self, selector, name):
        return self._do("getAttribute", selector, name)

    def screenshot(self, path, full=False):
        self._do("screenshot", {"path": str(path), "fullPage": full})

    def emulate(self, **media):
        self._do("emulateMedia", media)

    def axe(self):
        """What axe-core finds wrong for those who cannot see or use a mouse."""
        return self._browser.ask("axe", page=self._number)

    def log(self):
        """{"errors": console's, "violations": of the CSP, "requests": addresses}"""
        return self._browser.ask("log", page=self._number)

    def close(self):
        self._browser.ask("close", page=self._number)
