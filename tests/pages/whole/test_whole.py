"""Patients and staff in a browser, with the real card, pcscd, bridge and engine behind the pages."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

LANGUAGES = ["ja", "easy", "en", "zh", "ko", "vi", "pt"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_first_visit_takes_six_steps_and_ends_at_the_counter(desk, place, language):
    name = f"walk-{language}"
    before = place.files()
    desk.put(name)
    desk.sees("chooseMethod")
    desk.speaks(LANGUAGES.index(language))
    desk.chooses(0)
    desk.sees("enterPin")
    desk.types("1234")
    desk.registers(name)
    desk.consents()
    desk.sees("done")
    desk.photograph(f"done-{language}")
    assert desk.spoken() == LANGUAGES.index(language)
    assert place.holders[name][1].name not in desk.kiosk.content()
    row = desk.newest(name)
    assert "有効" in row and "暗証番号" in row
    [file] = place.files() - before
    message = file.read_text()
    assert place.holders[name][1].name in message
    assert re.search(r"<ReferenceClassification>1<", message)
    desk.take()
    assert desk.kiosk.get_attribute("html", "lang") == "ja"


def test_a_second_visit_needs_no_registration_and_shares_nothing_that_was_not_chosen(desk, place):
    desk.proves("again")
    desk.registers("again")
    desk.consents()
    desk.sees("done")
    desk.take()
    desk.proves("again")
    desk.sees("consentMedical")
    desk.presses(".row button >> nth=0")
    desk.sees("consentProvide")
    desk.presses(".row >> nth=-1 >> button >> nth=0")
    desk.sees("done")
    desk.newest("again")


def test_wrong_pins_lead_to_the_last_try_and_to_a_block_that_says_where_to_go(desk):
    desk.proves("blocked", "0000")
    desk.sees("wrongPin")
    assert "2" in desk.kiosk.inner_text("main .tries")
    desk.types("0000")
    desk.kiosk.locator("main.wrongPin .tries", has_text="1").wait_for()
    desk.types("0000")
    desk.sees("lastTryConfirm")
    desk.photograph("last-try")
    desk.presses(".row button >> nth=0")
    desk.chooses(0)
    desk.sees("lastTryConfirm")
    desk.presses(".row button >> nth=1")
    desk.sees("enterPin")
    desk.types("0000")
    desk.sees("pinBlocked")
    assert "市区町村" in desk.kiosk.inner_text("main")
    desk.photograph("pin-blocked")
    desk.take()
    desk.put("blocked")
    desk.sees("chooseMethod")
    assert desk.kiosk.locator("main .choices button").first.is_disabled()


@pytest.mark.parametrize(
    ("name", "screen"),
    [
        ("not-a-card", "notMyNumberCard"), ("mute", "cardTrouble"), ("expired", "certificateExpired"), ("not-yet", "certificateNotYetValid"),
        ("revoked", "certificateRevoked"), ("untrusted", "certificateUntrusted"), ("gone", "cardTrouble"),
    ],
)
def test_each_kind_of_card_that_cannot_be_used_says_so(desk, place, name, screen):
    before = place.files()
    if name in ("not-a-card", "mute", "gone"):
        desk.put(name)
    else:
        desk.proves(name)
    desk.sees(screen)
    desk.photograph(screen)
    assert Axe().run(desk.kiosk).violations_count == 0
    assert place.files() == before


def test_a_certificate_near_its_end_works_and_says_so(desk):
    desk.proves("expires-soon")
    desk.registers("expires-soon")
    desk.consents()
    desk.sees("done")
    assert desk.kiosk.locator("main .look").count() >= 1
    desk.photograph("expires-soon")
    desk.newest("expires-soon")


def test_a_card_without_pin_is_recognised_by_staff(desk):
    desk.put("face-only")
    desk.chooses(1)
    desk.sees("visualWaiting")
    desk.counter.get_by_role("button", name="本人です").wait_for()
    desk.photograph("counter-visual", desk.counter)
    desk.decides("本人です")
    desk.registers("face-only")
    desk.consents()
    desk.sees("done")
    assert "目視確認" in desk.newest("face-only")


def test_staff_who_do_not_recognise_the_holder_end_it(desk, place):
    before = place.files()
    desk.put("stranger")
    desk.chooses(1)
    desk.sees("visualWaiting")
    desk.decides("本人ではありません")
    desk.sees("cancelled")
    assert place.files() == before


def test_staff_register_by_the_insurance_card_and_look_it_up(desk, place):
    name = "at-the-counter"
    row = place.holders[name][1].row
    desk.proves(name)
    desk.sees("registerOffer")
    desk.presses(".choices button >> nth=1")
    desk.enters_insurance_card(name)
    desk.confirms(name)
    desk.consents()
    desk.sees("done")
    desk.newest(name)

    form = desk.counter.locator("#lookup")
    for field, column in [("insurerNumber", "InsurerNumber"), ("insuredCardSymbol", "InsuredCardSymbol"), ("insuredIdentificationNumber", "InsuredIdentificationNumber"),
                          ("insuredBranchNumber", "InsuredBranchNumber")]:
        form.locator(f"[name={field}]").fill(row[column])
    born = row["Birthdate"]
    form.locator("[name=birthdate]").fill(f"{born[:4]}-{born[4:6]}-{born[6:]}")
    form.get_by_role("button").click()
    desk.counter.wait_for_selector("#found .sign.good")
    assert row["Name"] in desk.counter.inner_text("#found")
    desk.photograph("counter-lookup", desk.counter)


def test_a_patient_who_is_somebody_else_is_not_registered(desk):
    desk.proves("refuses")
    desk.sees("registerOffer")
    desk.presses(".choices button >> nth=0")
    for digits in desk.card_face("refuses"):
        desk.types(digits)
    desk.sees("registerConfirm")
    desk.presses(".row button >> nth=0")
    desk.sees("notFound")


def test_a_card_that_is_taken_away_ends_every_step_and_nobody_sees_who_it_was(desk, place):
    name = place.holders["taken"][1].name

    def is_over():
        assert desk.post("/test-cards/remove", {}) == 204
        desk.sees("removedTooEarly")
        assert name not in desk.kiosk.content() and name not in desk.counter.inner_text("#waiting")
        desk.sees("empty")

    desk.put("taken")
    desk.sees("chooseMethod")
    is_over()
    desk.put("taken")
    desk.chooses(0)
    desk.sees("enterPin")
    is_over()
    desk.proves("taken")
    desk.sees("registerOffer")
    is_over()
    desk.proves("taken")
    desk.sees("registerOffer")
    desk.presses(".choices button >> nth=0")
    for digits in desk.card_face("taken"):
        desk.types(digits)
    desk.sees("registerConfirm")
    is_over()
    desk.proves("taken")
    desk.registers("taken")
    desk.sees("consentMedical")
    is_over()


def test_a_reload_in_each_step_shows_the_same_screen(desk):
    def reload(screen):
        desk.sees(screen)
        desk.kiosk.reload()
        desk.sees(screen)

    reload("empty")
    desk.put("reloaded")
    reload("chooseMethod")
    desk.chooses(0)
    reload("enterPin")
    desk.types("1234")
    reload("registerOffer")
    desk.registers("reloaded")
    reload("consentMedical")
    desk.presses(".row button >> nth=0")
    reload("consentProvide")
    desk.presses(".row >> nth=-1 >> button >> nth=0")
    reload("done")


def test_the_next_patient_sees_nothing_of_the_one_before(desk, place):
    desk.put("again")
    desk.sees("chooseMethod")
    desk.speaks(LANGUAGES.index("en"))
    desk.kiosk.click("#large")
    desk.put("next")
    desk.kiosk.wait_for_selector("html[lang=ja]")
    desk.sees("chooseMethod")
    assert desk.kiosk.get_attribute("html", "class") in ("", None)


def test_an_android_phone_has_a_pin_and_no_photo_to_compare(desk):
    desk.put("android")
    desk.sees("chooseMethod")
    assert desk.kiosk.locator("main .choices button").nth(1).is_disabled()
    desk.chooses(0)
    desk.sees("enterPin")
    desk.types("1234")
    desk.sees("registerOffer")


def test_an_iphone_that_has_recognised_its_owner_is_asked_for_no_pin(desk):
    desk.put("iphone")
    desk.sees("registerOffer")
    assert desk.kiosk.locator("main .choices button").count() == 2, "a phone has no numbers printed on it"
    desk.presses(".choices button >> nth=0")
    desk.enters_insurance_card("iphone")
    desk.confirms("iphone")
    desk.consents()
    desk.sees("done")
    assert "スマートフォンの本人確認" in desk.newest("iphone")


def test_an_iphone_that_has_not_recognised_its_owner_is_to_be_unlocked_first(desk, place):
    before = place.files()
    desk.put("iphone-locked")
    desk.sees("phoneLocked")
    desk.photograph("phone-locked")
    assert Axe().run(desk.kiosk).violations_count == 0
    assert place.files() == before


def test_a_locked_pin_offers_other_ways(desk):
    desk.put("pin-blocked")
    desk.sees("chooseMethod")
    methods = desk.kiosk.locator("main .choices button")
    assert methods.first.is_disabled() and methods.nth(1).is_enabled()


def test_a_centre_that_is_gone_is_said_and_found_again(desk, place):
    place.stop("engine")
    desk.proves("no-engine")
    desk.sees("engineDown")
    assert "SHK-" in desk.kiosk.inner_text("main .code")
    desk.counter.locator("#engine:not(.good)").wait_for()
    place.start_engine()
    desk.take()
    desk.proves("no-engine")
    desk.sees("registerOffer")
    desk.counter.locator("#engine.good").wait_for()


def test_readers_that_are_gone_are_said_and_found_again(desk, place):
    place.stop("readers")
    desk.sees("noReader")
    desk.photograph("no-reader")
    desk.counter.locator("#reader:not(.good)").wait_for()
    place.start_readers()
    desk.sees("empty")
    # The virtual readers have another port now, where only a new bridge holds cards.
    desk.restart()


def test_a_bridge_that_restarts_forgets_the_patient(desk, place):
    desk.proves("forgotten")
    desk.sees("registerOffer")
    place.stop("bridge")
    desk.sees("offline")
    desk.photograph("offline")
    place.start_bridge()
    desk.visit()
    desk.sees("empty")


def test_time_runs_out_with_a_warning_and_wipes_the_screen(desk, place):
    place.seconds = 16
    desk.restart()
    desk.proves("timed-out")
    desk.sees("registerOffer")
    desk.presses(".choices button >> nth=0")
    for digits in desk.card_face("timed-out"):
        desk.types(digits)
    desk.sees("registerConfirm")
    name = place.holders["timed-out"][1].name
    desk.kiosk.locator("#warning:not([hidden])").wait_for()
    desk.photograph("warning")
    assert name in desk.kiosk.content()
    desk.sees("timedOut")
    assert name not in desk.kiosk.content()
    place.seconds = 60
    desk.restart()


def test_the_self_test_finds_everything_there(desk):
    page = desk.open("/self-test")
    page.wait_for_selector("#checks tr")
    assert page.locator("#checks .light:not(.good)").count() == 0, page.inner_text("#checks")


def test_a_test_card_is_held_beside_the_kiosk(desk, place):
    page = desk.open("/test-cards")
    page.wait_for_selector(".testcard")
    assert page.locator(".testcard").count() == len(place.holders)
    page.locator(".testcard").first.click()
    kiosk = page.frame_locator("iframe")
    kiosk.locator("main:not(.empty)").wait_for()
    desk.photograph("test-cards", page)
    page.locator("#remove").click()
    kiosk.locator("main.empty").wait_for()
