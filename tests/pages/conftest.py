"""A browser, a page and a bridge for each test; the page must stay free of errors."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright
from server import Bridge

SCREENSHOTS = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "pages-screenshots"
# Chromium's own camera: a moving test picture, granted to every page.
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        assert program, "chromium is missing; run ./dev pages"
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *CAMERA])
        yield browser
        browser.close()


@pytest.fixture
def bridge():
    bridge = Bridge()
    yield bridge
    bridge.hang_up()
    bridge.server.shutdown()


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page.set_default_timeout(10_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    # The browser itself reports answers that a test asked the bridge to refuse with.
    is_ours = lambda line: line.type == "error" and "the server responded with a status of" not in line.text
    page.on("console", lambda line: errors.append(line.text) if is_ours(line) else None)
    yield page
    page.close()
    assert errors == []


@pytest.fixture(scope="session")
def screenshots():
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS
