"""The kiosk's camera: what it sends, what it says, and that it stops."""

import pytest
from playwright.sync_api import expect
from states import ADVICE, KIOSK, camera
from test_kiosk import FAULTS, await_screen, choose, open_kiosk

JPEG = b"\xff\xd8\xff"
# Whether a stream that the page was given is still running.
WATCH = """
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  globalThis.given = [];
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await real(wanted);
    globalThis.given.push(...stream.getTracks());
    return stream;
  };
"""
RUNNING = "given.filter((track) => track.readyState === 'live').length"


def refuse(name):
    """A browser whose camera fails in this way."""
    return f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{name}'));"


def test_frames_are_jpeg_of_this_screen_and_at_most_four_a_second(page, bridge):
    open_kiosk(page, bridge, KIOSK["faceCamera"])
    page.wait_for_selector(".preview.live")
    begun = page.evaluate("performance.now()")
    frames = bridge.await_frames(5)
    assert page.evaluate("performance.now()") - begun > 900
    for query, body in frames:
        assert query == {"session": ["s1"], "seq": ["7"]}
        assert body.startswith(JPEG) and 2_000 < len(body) < 300_000
    assert bridge.sent == []


def test_the_picture_is_mirrored_and_lies_behind_the_guide(page, bridge, screenshots):
    open_kiosk(page, bridge, KIOSK["faceCameraProgress"])
    page.wait_for_selector(".preview.live")
    assert page.evaluate("getComputedStyle(document.querySelector('.preview video')).transform").startswith("matrix(-1,")
    assert page.evaluate("document.querySelector('.preview .done').style.strokeDasharray").startswith("0.66")
    page.screenshot(path=screenshots / "kiosk-faceCamera-live.png")


@pytest.mark.parametrize("advice", ADVICE)
def test_each_advice_is_said_in_words_on_the_running_picture(page, bridge, advice):
    open_kiosk(page, bridge, KIOSK["faceCamera"])
    page.wait_for_selector(".preview.live")
    before = page.inner_text("#advice")
    bridge.show("kiosk", KIOSK["faceCamera"] | {"camera": camera(advice, 1, 3)})
    expect(page.locator("#advice:not(.good)")).not_to_have_text(before)
    assert page.get_attribute("#advice", "role") == "status"
    for language in ["en", "easy", "vi"]:
        choose(page, language)
        assert "advice." not in page.inner_text("#advice")
    # The picture went on while the words were changed.
    bridge.await_frames(1)


@pytest.mark.parametrize("name", ["checking", "chooseMethod", "faceUnknown", "visualWaiting", "timedOut", "empty"])
def test_the_camera_stops_with_its_screen(page, bridge, name):
    page.add_init_script(WATCH)
    open_kiosk(page, bridge, KIOSK["faceCamera"])
    page.wait_for_selector(".preview.live")
    assert page.evaluate(RUNNING) == 1
    bridge.show("kiosk", KIOSK[name] | {"seq": 9})
    await_screen(page, KIOSK[name]["screen"])
    assert page.evaluate(RUNNING) == 0
    assert page.locator("video").count() == 0


def test_a_bridge_that_goes_away_stops_the_camera(page, bridge):
    page.add_init_script(WATCH)
    open_kiosk(page, bridge, KIOSK["faceCamera"])
    page.wait_for_selector(".preview.live")
    bridge.hang_up()
    await_screen(page, "offline")
    assert page.evaluate(RUNNING) == 0


def test_the_next_try_sends_frames_of_its_own_screen(page, bridge):
    open_kiosk(page, bridge, KIOSK["faceCamera"])
    page.wait_for_selector(".preview.live")
    bridge.show("kiosk", KIOSK["faceUnknown"] | {"seq": 8})
    await_screen(page, "faceUnknown")
    bridge.show("kiosk", KIOSK["faceCamera"] | {"seq": 9})
    page.wait_for_selector(".preview.live")
    assert all(query["seq"] == ["9"] for query, _ in bridge.await_frames(2))


@pytest.mark.parametrize(
    ("error", "trouble"),
    [("NotAllowedError", "refused"), ("NotFoundError", "missing"), ("OverconstrainedError", "missing"), ("NotReadableError", "broken")],
)
def test_a_camera_that_fails_is_told_once(page, bridge, error, trouble):
    page.add_init_script(refuse(error))
    open_kiosk(page, bridge, KIOSK["faceCamera"])
    assert bridge.await_sent() == ("/kiosk/intents", {"session": "s1", "seq": 7, "intent": "cameraFailed", "trouble": trouble})
    bridge.show("kiosk", KIOSK["cameraTrouble"] | {"seq": 8})
    await_screen(page, "cameraTrouble")
    assert bridge.sent == [] and bridge.frames == []


def test_the_cards_face_is_asked_for_and_is_nowhere_in_the_page(page, bridge, screenshots):
    open_kiosk(page, bridge, KIOSK["faceNumber"])
    for number in ["19800217", "2035", "2285"]:
        assert page.evaluate(FAULTS) == []
        page.keyboard.type(number)
        page.keyboard.press("Enter")
    _, body = bridge.await_sent()
    assert body == {"session": "s1", "seq": 7, "intent": "cardFace", "cardFace": {"birthdate": "19800217", "expiryYear": "2035", "securityCode": "2285"}}
    assert "2285" not in page.content()


@pytest.mark.parametrize("name", ["faceNumber", "faceCamera"])
def test_another_way_is_always_one_press_away(page, bridge, name):
    open_kiosk(page, bridge, KIOSK[name])
    page.get_by_role("button", name="別の方法にする").click()
    assert bridge.await_sent()[1] == {"session": "s1", "seq": 7, "intent": "otherWay"}
