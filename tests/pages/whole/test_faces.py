"""顔認証 with everything real behind the pages; Chromium's camera plays films of rendered people."""

import hashlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from desk import Desk
from place import FACE_SERVICE, FACES_AT_ENGINE, PROGRAMS

FILMS = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "pages-films"
# The one line that is left of a try.
AUDIT = re.compile(r"A face was compared with its card's photograph\.")


@pytest.fixture(scope="module")
def films(browser, place, screenshots):
    """Films of the person on the shown cards; made once for each build of the renderer."""
    desk = Desk(browser, place, screenshots)
    seed = desk.listed("shown-same")["faceSeed"]
    desk.close()
    renderer = PROGRAMS / "shikaku-render"
    folder = FILMS / f"{hashlib.sha256(renderer.read_bytes()).hexdigest()[:12]}-{seed}"
    if not (folder / "eyes-closed.mjpeg").exists():
        subprocess.run([renderer, "samples", folder, "--seed", str(seed), "--people", "0"], check=True, capture_output=True)
    return folder


@pytest.fixture
def before(browser, place, screenshots, films):
    """Begins a desk whose camera plays a film."""
    opened = []

    def open_desk(film, *arguments):
        arguments = ["--no-sandbox", "--use-fake-device-for-media-stream", *(arguments or ["--use-fake-ui-for-media-stream"])]
        film = [f"--use-file-for-fake-video-capture={films / film}.mjpeg"] if film else []
        own = browser.browser_type.launch(executable_path=shutil.which("chromium"), args=[*arguments, *film])
        desk = Desk(own, place, screenshots)
        opened.append((own, desk))
        return desk

    yield open_desk
    for own, desk in opened:
        desk.close()
        own.close()


def says(desk, advice):
    """Waits for the words of an advice, in Japanese."""
    desk.kiosk.locator("#advice:not(.good)", has_text=advice).wait_for()


def wait_until(holds, seconds=10):
    """Looks again and again."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.1)


def audits(place):
    return [line for line in place.log("bridge").splitlines() if AUDIT.search(line)]


def test_the_holder_is_recognised_and_answered_at_the_counter(before, place):
    desk = before("same")
    files, told = place.files(), len(audits(place))
    desk.shows_face("shown-same")
    desk.kiosk.wait_for_selector(".preview.live")
    desk.photograph("face-camera")
    desk.registers("shown-same")
    desk.consents()
    desk.sees("done")
    row = desk.newest("shown-same")
    assert "有効" in row and "顔認証" in row
    [file] = place.files() - files
    assert place.holders["shown-same"][1].name in file.read_text()
    [audit] = audits(place)[told:]
    assert "Match" in audit and "score" not in audit
    assert place.holders["shown-same"][1].name not in place.log("bridge")
    desk.take()
    desk.shows_face("shown-same")
    desk.sees("consentMedical")


def test_somebody_else_is_not_recognised_and_is_offered_pin_and_staff(before, place):
    desk = before("other")
    files = place.files()
    desk.shows_face("shown-other")
    desk.sees("faceUnknown")
    desk.photograph("face-unknown")
    assert Axe().run(desk.kiosk).violations_count == 0
    desk.chooses_again(2)
    desk.sees("faceCamera")
    desk.sees("faceUnknown")
    desk.kiosk.locator("main .choices button:disabled").wait_for()
    # Taking the card off gives no new tries.
    desk.take()
    desk.put("shown-other")
    desk.sees("chooseMethod")
    methods = desk.kiosk.locator("main .choices button")
    assert methods.nth(2).is_disabled() and methods.nth(0).is_enabled() and methods.nth(1).is_enabled()
    assert place.files() == files


def test_a_printed_photograph_of_the_holder_is_not_recognised(before, place):
    desk = before("printed")
    desk.shows_face("shown-printed")
    desk.kiosk.wait_for_selector("main.visualWaiting, main.faceUnknown")
    desk.photograph("face-printed")
    assert not any("outcome=Match" in audit for audit in audits(place)[-1:])


LACKS = [
    ("nobody", "お顔が映っていません"), ("two", "お一人だけで"), ("dark", "暗いようです"),
    ("masked", "マスクを外して"), ("dark-glasses", "サングラスを外して"), ("eyes-closed", "目を開けて"),
]


@pytest.mark.parametrize(("film", "advice"), LACKS)
def test_what_the_camera_lacks_is_said_in_words(before, film, advice):
    desk = before(film)
    desk.shows_face(f"shown-{film}")
    says(desk, advice)
    desk.photograph(f"face-{film}")
    desk.kiosk.click("#other")
    desk.sees("chooseMethod")
    assert desk.kiosk.locator("video").count() == 0


def test_a_camera_that_the_browser_refuses_leaves_pin_and_staff(before):
    desk = before(None, "--deny-permission-prompts")
    desk.put("shown-refused")
    desk.chooses(2)
    desk.types_card_face("shown-refused")
    desk.sees("cameraRefused")
    assert "SHK-RDR-301" in desk.kiosk.inner_text("main .code")
    desk.photograph("camera-refused")
    assert Axe().run(desk.kiosk).violations_count == 0
    desk.chooses_again(0)
    desk.sees("enterPin")


def test_a_wrong_number_on_the_card_is_asked_for_again(before):
    desk = before("same")
    desk.put("shown-wrong-number")
    desk.chooses(2)
    desk.sees("faceNumber")
    for digits in ["19000101", "2030", "0000"]:
        desk.types(digits)
    desk.kiosk.locator("main.faceNumber .look").wait_for()
    desk.types_card_face("shown-wrong-number")
    desk.sees("faceCamera")


def test_a_card_that_is_taken_before_the_camera_ends_it_and_stops_the_camera(before):
    desk = before("nobody")
    desk.shows_face("shown-taken")
    desk.kiosk.wait_for_selector(".preview.live")
    assert desk.post("/test-cards/remove", {}) == 204
    desk.sees("removedTooEarly")
    assert desk.kiosk.locator("video").count() == 0


def test_a_frame_of_no_screen_is_nobodys(before):
    desk = before("nobody")
    post = """async (query) => (await fetch(`/kiosk/frame?${query}`,
      { method: "POST", headers: { "content-type": "image/jpeg" }, body: new Uint8Array(2000) })).status"""
    send = lambda query: desk.counter.evaluate(post, query)
    assert send("session=none&seq=1") == 409
    assert send("session=none") == 400
    desk.shows_face("shown-taken")
    assert send("session=none&seq=1") == 409
    large = post.replace("2000", "1100000")
    assert desk.counter.evaluate(large, "session=none&seq=1") == 413


@pytest.fixture
def at_engine(place):
    """The engine compares, and the facility's program has no models."""
    place.stop("bridge")
    place.stop("engine")
    place.start_engine(FACE_SERVICE)
    place.start_bridge(FACES_AT_ENGINE)
    yield place
    place.stop("bridge")
    place.stop("engine")
    place.start_engine()
    place.start_bridge()


def faces_held(place):
    """How many faces the engine holds."""
    held = re.search(r"^oqs_faces_held (\d+)", place.metrics(), re.MULTILINE)
    return int(held[1])


def test_where_the_engine_compares_the_patient_is_told_and_nothing_is_left_there(at_engine, before):
    desk = before("same")
    desk.put("shown-engine")
    desk.chooses(2)
    desk.sees("faceNumber")
    assert "センターへ送り" in desk.kiosk.inner_text("#lead")
    desk.photograph("face-number-at-centre")
    desk.types_card_face("shown-engine")
    desk.sees("faceCamera")
    desk.registers("shown-engine")
    assert "The engine compared a face" in at_engine.log("bridge")
    assert "A face was compared" in at_engine.log("engine")
    wait_until(lambda: faces_held(at_engine) == 0)
    checks = desk.counter.evaluate("async () => (await (await fetch('/self-test.json')).json()).checks")
    assert next(check for check in checks if check["name"] == "faceService")["ok"]


def test_the_engine_takes_somebody_else_for_nobody_and_lets_go_of_a_card_that_is_taken(at_engine, before):
    desk = before("other")
    desk.shows_face("shown-engine-other")
    desk.sees("faceUnknown")
    # For the second try; what is held is counted once a second.
    wait_until(lambda: faces_held(at_engine) == 1)
    desk.take()
    wait_until(lambda: faces_held(at_engine) == 0)
