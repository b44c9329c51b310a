"""The patient's screen, in every state and language."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from states import KIOSK, NOBODY, state

LANGUAGES = ["ja", "easy", "en", "zh", "ko", "vi", "pt"]
SIZES = {"landscape": (1280, 800), "portrait": (800, 1280)}
TABLES = Path(__file__).resolve().parents[2] / "reader" / "pages" / "assets" / "languages"

# What does not fit or cannot be touched, by the rules that every screen must keep.
FAULTS = """() => {
  const seen = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) seen.push(`wider than the screen by ${root.scrollWidth - root.clientWidth}`);
  if (root.scrollHeight > root.clientHeight + 1) seen.push(`higher than the screen by ${root.scrollHeight - root.clientHeight}`);
  for (const node of document.querySelectorAll("button, h1, h2, p, li, dd, b, small, span")) {
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if (node.tagName === "BUTTON" && (box.width < 44 || box.height < 44)) seen.push(`small button ${node.textContent} ${box.width}x${box.height}`);
    if (node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== "inline") seen.push(`cut off: ${node.textContent}`);
  }
  for (const node of document.querySelectorAll("main h1, main p, main button")) if (/[a-z]+\\.[a-z]/i.test(node.textContent)) seen.push(`no message: ${node.textContent}`);
  return seen;
}"""


def tables():
    """Keys of each language's messages, with the names to fill in."""
    line = re.compile(r'"([\w.]+)": "([^"]*)"')
    read = lambda name: dict(line.findall((TABLES / f"{name}.js").read_text()))
    return {name: read(name) for name in LANGUAGES}


def open_kiosk(page, bridge, new):
    bridge.show("kiosk", new)
    page.goto(f"{bridge.url}/kiosk")
    await_screen(page, new["screen"])


def await_screen(page, screen):
    page.wait_for_selector(f"main.{screen}")


def choose(page, language):
    page.locator("#languages button").nth(LANGUAGES.index(language)).click()


def test_every_message_exists_in_every_language():
    all_tables = tables()
    names = lambda text: sorted(re.findall(r"\{\w+\}", text))
    for language, table in all_tables.items():
        assert table.keys() == all_tables["ja"].keys(), language
        for key, text in table.items():
            assert text.strip(), f"{language} {key}"
            assert names(text) == names(all_tables["ja"][key]), f"{language} {key}"
    for language in ["en", "vi", "pt"]:
        for key, text in all_tables[language].items():
            assert not re.search("[\u3040-\u30ff\u4e00-\u9fff]", text), f"{language} {key} is not translated"
    for screen in KIOSK.values():
        assert f"screen.{screen['screen']}.do" in all_tables["ja"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_every_screen_fits_in_every_language(page, bridge, screenshots, size, language):
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    open_kiosk(page, bridge, KIOSK["empty"])
    faults = {}
    for name, new in KIOSK.items():
        bridge.show("kiosk", new | {"seq": 1000 + len(faults)})
        await_screen(page, new["screen"])
        choose(page, language)
        found = page.evaluate(FAULTS)
        faults[name] = found
        page.screenshot(path=screenshots / f"kiosk-{name}-{language}-{size}.png")
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize("contrast", [False, True])
def test_every_screen_is_accessible(page, bridge, contrast):
    open_kiosk(page, bridge, KIOSK["empty"])
    axe = Axe()
    for number, new in enumerate(KIOSK.values()):
        bridge.show("kiosk", new | {"seq": 1000 + number, "session": "s1"})
        await_screen(page, new["screen"])
        if contrast and number == 0:
            page.click("#contrast")
        results = axe.run(page)
        assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize(("validity", "is_good"), [("1", True), ("2", False), ("3", False), ("5", False), ("6", True)])
def test_only_a_covered_patient_sees_the_green_sign(page, bridge, validity, is_good):
    open_kiosk(page, bridge, state("done", 6, validity=validity))
    assert page.locator("main.done:not(.attention)").count() == is_good


def test_a_chosen_language_keeps_the_keyboard(page, bridge):
    open_kiosk(page, bridge, KIOSK["chooseMethod"])
    choose(page, "vi")
    assert page.evaluate("document.activeElement.textContent") == "Tiếng Việt"


def test_nothing_is_urged_on_a_patient(page, bridge):
    open_kiosk(page, bridge, KIOSK["consentMedical"])
    assert page.locator("main .row .primary").count() == 0
    page.get_by_role("button", name="健診の結果").click()
    assert page.inner_text("main .row .primary") == "選んだものを提供する"
    bridge.show("kiosk", KIOSK["lastTryConfirm"] | {"seq": 9})
    await_screen(page, "lastTryConfirm")
    assert page.inner_text("main .row .primary") == "入力しない"


def test_large_type_and_high_contrast_are_for_this_patient_only(page, bridge, screenshots):
    open_kiosk(page, bridge, KIOSK["chooseMethod"])
    choose(page, "en")
    page.click("#large")
    page.click("#contrast")
    page.screenshot(path=screenshots / "kiosk-large-contrast.png")
    assert page.evaluate(FAULTS) == []
    assert page.get_attribute("html", "lang") == "en"
    bridge.show("kiosk", KIOSK["done"] | {"session": None, "seq": 8})
    await_screen(page, "done")
    assert page.get_attribute("html", "lang") == "en"
    bridge.show("kiosk", KIOSK["empty"])
    await_screen(page, "empty")
    assert page.get_attribute("html", "lang") == "ja"
    assert page.get_attribute("html", "class") in ("", None)


def test_a_pin_is_sent_once_and_is_nowhere_in_the_page(page, bridge):
    open_kiosk(page, bridge, KIOSK["enterPin"])
    for digit in "7391":
        page.locator(".pad").get_by_role("button", name=digit, exact=True).click()
    assert page.locator(".dots i.on").count() == 4
    assert "7391" not in page.content()
    page.locator(".pad .primary").click()
    path, body = bridge.await_sent()
    assert path == "/kiosk/intents"
    assert body == {"session": "s1", "seq": 7, "intent": "pin", "pin": "7391"}
    assert page.locator(".dots i.on").count() == 0
    assert page.evaluate("Object.values(localStorage).length + Object.values(sessionStorage).length") == 0
    page.locator(".pad .primary").click(force=True)
    bridge.show("kiosk", KIOSK["wrongPin"] | {"seq": 9})
    await_screen(page, "wrongPin")
    assert bridge.sent == []


def test_the_keyboard_is_enough(page, bridge):
    open_kiosk(page, bridge, KIOSK["chooseMethod"])
    assert page.evaluate("document.activeElement.tagName") == "H1"
    described = page.evaluate("document.activeElement.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent)")
    assert all(described), "the title is read with what to do, and with hints"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert bridge.await_sent()[1]["method"] == "pin"
    bridge.show("kiosk", KIOSK["enterPin"])
    await_screen(page, "enterPin")
    assert page.evaluate("document.activeElement.tagName") == "H1"
    page.keyboard.type("12")
    page.keyboard.press("Backspace")
    page.keyboard.type("345")
    page.keyboard.press("Enter")
    assert bridge.await_sent()[1]["pin"] == "1345"


@pytest.mark.parametrize(
    ("button", "expected"),
    [("提供しない", {}), ("すべて提供する", {"medication", "checkup", "diagnosis", "operation"}), ("選んだものを提供する", {"checkup"})],
)
def test_nothing_is_agreed_to_that_was_not_chosen(page, bridge, button, expected):
    open_kiosk(page, bridge, KIOSK["consentMedical"])
    if expected == {"checkup"}:
        assert page.get_by_role("button", name=button).is_disabled()
        page.get_by_role("button", name="健診の結果").click()
        page.get_by_role("button", name="お薬の情報").click()
        page.get_by_role("button", name="お薬の情報").click()
    page.get_by_role("button", name=button).click()
    _, body = bridge.await_sent()
    assert body["intent"] == "consent"
    assert body["consents"].keys() == {"medication", "checkup", "diagnosis", "operation"}
    assert {kind for kind, given in body["consents"].items() if given} == set(expected)


def test_choices_do_not_survive_their_patient(page, bridge):
    open_kiosk(page, bridge, KIOSK["consentMedical"])
    page.get_by_role("button", name="健診の結果").click()
    bridge.show("kiosk", KIOSK["consentMedical"] | {"session": "s2", "seq": 20})
    expect(page.locator("main [aria-pressed=true]")).to_have_count(0)
    page.get_by_role("button", name="提供しない").click()
    _, body = bridge.await_sent()
    assert body["session"] == "s2"
    assert not any(body["consents"].values())


def test_the_form_of_the_prescription_is_asked(page, bridge):
    open_kiosk(page, bridge, KIOSK["consentProvide"])
    page.get_by_role("button", name="電子処方箋").click()
    page.get_by_role("button", name="限度額の情報").click()
    page.get_by_role("button", name="選んだものを提供する").click()
    _, body = bridge.await_sent()
    assert body["prescriptionIssueSelect"] == 1
    assert body["consents"] == {"limitApplicationCertificate": True, "specificDiseases": False}


def test_the_cards_face_is_asked_number_by_number(page, bridge, screenshots):
    open_kiosk(page, bridge, KIOSK["registerOffer"])
    page.get_by_role("button", name="カードに書かれた数字で登録する").click()
    page.screenshot(path=screenshots / "kiosk-registerOffer-entry.png")
    assert page.evaluate(FAULTS) == []
    for number in ["19800217", "2035", "2285"]:
        page.keyboard.type(number)
        page.keyboard.press("Enter")
    _, body = bridge.await_sent()
    assert body["cardFace"] == {"birthdate": "19800217", "expiryYear": "2035", "securityCode": "2285"}
    assert body["yes"] is True
    assert "2285" not in page.content()


@pytest.mark.parametrize(
    ("name", "button", "intent"),
    [
        ("lastTryConfirm", "続けて入力する", {"intent": "useLastTry", "yes": True}),
        ("lastTryConfirm", "入力しない", {"intent": "useLastTry", "yes": False}),
        ("registerOffer", "窓口で登録する", {"intent": "register", "yes": True}),
        ("registerOffer", "登録しない", {"intent": "register", "yes": False}),
        ("registerConfirm", "はい、私です", {"intent": "confirmPerson", "yes": True}),
        ("registerConfirm", "いいえ、違います", {"intent": "confirmPerson", "yes": False}),
        ("visualWaiting", "中止する", {"intent": "cancel"}),
        ("pinBlocked", "窓口での目視確認", {"intent": "chooseMethod", "method": "visual"}),
    ],
)
def test_each_answer_says_what_was_pressed(page, bridge, name, button, intent):
    open_kiosk(page, bridge, KIOSK[name])
    page.get_by_role("button", name=button).click()
    _, body = bridge.await_sent()
    assert body == {"session": "s1", "seq": 7} | intent


def test_a_time_out_is_announced_can_be_put_off_and_wipes_the_screen(page, bridge, screenshots):
    open_kiosk(page, bridge, KIOSK["registerConfirm"] | {"secondsLeft": 16})
    assert page.locator("#warning").is_hidden()
    page.wait_for_selector("#warning:not([hidden])")
    said = page.inner_text("#announced")
    assert said, "a screen reader hears of it, once"
    page.screenshot(path=screenshots / "kiosk-warning.png")
    page.locator("#warning button").click()
    assert bridge.await_sent()[1]["intent"] == "more"
    bridge.show("kiosk", KIOSK["registerConfirm"] | {"secondsLeft": 2})
    expect(page.locator("main")).not_to_contain_text("花子")
    bridge.show("kiosk", state("timedOut", seq=30))
    await_screen(page, "timedOut")
    bridge.show("kiosk", KIOSK["empty"])
    await_screen(page, "empty")
    assert "花子" not in page.content()


def test_a_stale_answer_is_harmless(page, bridge):
    bridge.reply = (409, None)
    open_kiosk(page, bridge, KIOSK["lastTryConfirm"])
    page.get_by_role("button", name="入力しない").click()
    bridge.await_sent()
    bridge.show("kiosk", KIOSK["chooseMethod"] | {"seq": 8})
    await_screen(page, "chooseMethod")


def test_a_bridge_that_went_away_is_told_and_found_again(page, bridge, screenshots):
    open_kiosk(page, bridge, KIOSK["registerConfirm"])
    bridge.hang_up()
    await_screen(page, "offline")
    page.screenshot(path=screenshots / "kiosk-offline.png")
    assert "花子" not in page.content()
    bridge.hang_up(is_up=True)
    bridge.show("kiosk", KIOSK["empty"] | NOBODY)
    await_screen(page, "empty")


@pytest.mark.parametrize("name", KIOSK)
def test_a_reload_shows_the_same_screen(page, bridge, name):
    open_kiosk(page, bridge, KIOSK[name])
    title = page.inner_text("h1")
    page.reload()
    await_screen(page, KIOSK[name]["screen"])
    assert page.inner_text("h1") == title
