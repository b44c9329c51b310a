"""The pages for staff: counter, self-test, test cards."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from states import COUNTER, TEST_CARDS

ROOT = Path(__file__).resolve().parents[2]


def open_counter(page, bridge, name):
    page.set_viewport_size({"width": 1366, "height": 768})
    bridge.show("counter", COUNTER[name])
    page.goto(f"{bridge.url}/counter")
    page.wait_for_selector("#results > *")


def is_clean(page):
    results = Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("name", COUNTER)
def test_every_state_of_the_counter_is_clear(page, bridge, screenshots, name):
    open_counter(page, bridge, name)
    page.screenshot(path=screenshots / f"counter-{name}.png", full_page=True)
    is_clean(page)


def test_results_show_their_sign_and_what_to_do(page, bridge):
    open_counter(page, bridge, "results")
    signs = [text.split("\n")[1] for text in page.locator("#results .sign").all_inner_texts()]
    assert signs == ["有効・医療券なし", "複数該当", "該当なし", "無効・新資格あり", "無効", "有効", "回答なし"]
    assert page.locator("#results .act").count() == 8
    page.get_by_role("button", name="確認済み").last.click()
    assert bridge.await_sent() == ("/counter/intents", {"intent": "dismiss", "id": 0})


@pytest.mark.parametrize(
    ("name", "button", "same"),
    [("visual", "本人です", True), ("visual", "本人ではありません", False), ("registration", "登録してよい", True), ("registration", "違う人です", False)],
)
def test_a_decision_needs_a_name_and_is_sent_with_it(page, bridge, name, button, same):
    open_counter(page, bridge, name)
    page.get_by_role("button", name=button).click()
    assert bridge.sent == []
    assert page.evaluate("document.activeElement.id") == "staff"
    page.fill("#staff", "desk-1")
    page.get_by_role("button", name=button).click()
    assert bridge.await_sent()[1] == {"intent": name, "session": "s1", "same": same, "staff": "desk-1"}


def test_staff_enter_the_insurance_card_of_a_first_registration(page, bridge):
    open_counter(page, bridge, "registrationData")
    form = page.locator("#waiting form")
    for name, value in [("insurerNumber", "01040013"), ("number", "5678"), ("birthdate", "19800217")]:
        form.locator(f"[name={name}]").fill(value)
    bridge.show("counter", COUNTER["registrationData"] | {"seq": 4})
    form.get_by_role("button", name="送る").click()
    _, body = bridge.await_sent()
    card = {"insurerNumber": "01040013", "number": "5678", "birthdate": "19800217"}
    assert body == {"intent": "registrationData", "session": "s1", "insuranceCard": card}


def ask(page):
    form = page.locator("#lookup")
    form.locator("[name=insurerNumber]").fill("01040013")
    form.locator("[name=insuredIdentificationNumber]").fill("5678")
    form.locator("[name=birthdate]").fill("1980-02-17")
    form.get_by_role("button", name="照会する").click()


def test_a_lookup_by_insurance_card_is_answered_in_large_signs(page, bridge, screenshots):
    person = {"name": "資格　花子", "birthdate": "1980-02-17", "insurerName": "架空健康保険組合", "insurerNumber": "01040013"}
    bridge.reply = (200, {"qualificationValidity": "1", "eligibility": person})
    open_counter(page, bridge, "nothing")
    ask(page)
    path, body = bridge.await_sent()
    assert path == "/counter/lookups"
    expected = {"insurerNumber": "01040013", "insuredIdentificationNumber": "5678", "birthdate": "1980-02-17"}
    assert body == expected | {"limitApplicationCertificateConsent": False}
    page.wait_for_selector("#found .sign.good")
    assert "資格　花子" in page.inner_text("#found")
    page.screenshot(path=screenshots / "counter-lookup.png", full_page=True)
    is_clean(page)
    page.get_by_role("button", name="消す").click()
    assert "花子" not in page.content()


def test_a_refused_lookup_says_which_field_is_wrong(page, bridge):
    problem = {"code": "SHK-ENG-014", "fields": [{"field": "insurerNumber", "code": "SHK-VAL-001", "ja": "検証番号が合いません。"}]}
    bridge.reply = (503, problem)
    open_counter(page, bridge, "nothing")
    ask(page)
    page.wait_for_selector("#found .panel")
    assert "検証番号が合いません。" in page.inner_text("#found")


def test_the_self_test_says_what_to_do(page, bridge, screenshots):
    page.goto(f"{bridge.url}/self-test")
    page.wait_for_selector("#checks tr")
    assert page.locator("#checks .light.good").count() == 3
    assert "残り 12 日" in page.inner_text("#checks")
    page.screenshot(path=screenshots / "self-test.png")
    is_clean(page)


def test_every_kind_of_card_is_explained():
    names = re.search(r"NAMES: .*?= \[(.*?)\];", (ROOT / "reader/card/src/profile.rs").read_text(), re.DOTALL)[1]
    explained = re.findall(r'^  "([\w-]+)": \[', (ROOT / "reader/pages/assets/test-cards.js").read_text(), re.MULTILINE)
    assert explained == re.findall(r'\("([\w-]+)",', names)


def test_test_cards_are_placed_and_taken(page, bridge, screenshots):
    page.goto(f"{bridge.url}/test-cards")
    page.wait_for_selector(".testcard")
    page.frame_locator("iframe").locator("main.empty").wait_for()
    page.screenshot(path=screenshots / "test-cards.png")
    is_clean(page)
    assert page.locator(".testcard").count() == len(TEST_CARDS)
    assert page.locator(".testcard[aria-pressed=true]").count() == 1
    page.locator(".testcard").nth(1).click()
    assert bridge.await_sent() == ("/test-cards/insert", {"id": "child"})
    page.get_by_role("button", name="カードを取る").click()
    assert bridge.await_sent() == ("/test-cards/remove", {})
