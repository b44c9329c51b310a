"""What stands on a counter: the kiosk, the staff's page, and somebody who puts cards onto the reader."""

from place import PIN

# A machine with two cores may be busy with other tests.
PATIENCE_MS = 40_000
STAFF = "desk-1"
# Fields of the form of a first registration, and the insurer's columns.
INSURANCE_CARD = {
    "insurerNumber": "InsurerNumber", "symbol": "InsuredCardSymbol", "number": "InsuredIdentificationNumber", "branch": "InsuredBranchNumber", "birthdate": "Birthdate",
}


class Desk:
    """The pages of one browser, and what patients and staff do there."""

    def __init__(self, browser, place, screenshots):
        self.place = place
        self.screenshots = screenshots
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        self.context.set_default_timeout(PATIENCE_MS)
        self.errors = []
        self.counter = self.open("/counter")
        self.kiosk = self.open("/kiosk")
        self.take()

    def visit(self):
        """Opens the pages of a bridge that was started anew, on a port of its own."""
        for page, path in [(self.counter, "/counter"), (self.kiosk, "/kiosk")]:
            page.goto(f"{self.place.url}{path}")

    def restart(self):
        """A new bridge, with the configuration of now."""
        self.place.stop("bridge")
        self.place.start_bridge()
        self.visit()

    def open(self, path):
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{self.place.url}{path}")
        return page

    def close(self):
        self.take()
        self.context.close()
        assert self.errors == []

    # ---- cards ----

    def post(self, path, body):
        send = """async ([path, body]) => (await fetch(path,
          { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).status"""
        return self.counter.evaluate(send, [path, body])

    def put(self, name):
        """Puts a card onto the reader, in place of the one that lies there."""
        assert self.post("/test-cards/insert", {"id": self.place.holders[name][0]}) == 204

    def take(self):
        """Takes the card away; the kiosk is as at the start then."""
        assert self.post("/test-cards/remove", {}) == 204
        self.sees("empty")

    # ---- the patient ----

    def sees(self, screen):
        self.kiosk.wait_for_selector(f"main.{screen}")

    def photograph(self, name, page=None):
        """Chromium draws only the page in front."""
        page = page or self.kiosk
        page.bring_to_front()
        page.screenshot(path=self.screenshots / f"whole-{name}.png")
        self.kiosk.bring_to_front()

    def presses(self, selector):
        self.kiosk.locator(f"main {selector}").click()

    def speaks(self, number):
        self.kiosk.locator("#languages button").nth(number).click()

    def spoken(self):
        """The number of the language that the kiosk speaks."""
        pressed = self.kiosk.locator("#languages button").evaluate_all("all => all.map((one) => one.ariaPressed)")
        return pressed.index("true")

    def types(self, digits):
        pad = self.kiosk.locator(".pad")
        for digit in digits:
            pad.get_by_role("button", name=digit, exact=True).click()
        pad.locator(".primary").click()

    def chooses(self, number):
        self.sees("chooseMethod")
        self.kiosk.locator("main .choices button").nth(number).click()

    def chooses_again(self, number):
        """Another way, or the same once more, after one that came to nothing."""
        self.kiosk.locator("main .choices button").nth(number).click()

    def proves(self, name, pin=PIN):
        """From an empty reader to what comes after the PIN."""
        self.put(name)
        self.chooses(0)
        self.sees("enterPin")
        self.types(pin)

    def listed(self, name):
        """What the test-card page says of a card."""
        listed = self.counter.evaluate("async () => (await fetch('/test-cards/list')).json()")
        return next(card for card in listed if card["id"] == self.place.holders[name][0])

    def card_face(self, name):
        """What stands on a card, as its holder reads it there."""
        card = self.listed(name)
        return [card["birthdate"], card["cardFace"]["expiryYear"], card["cardFace"]["securityCode"]]

    def types_card_face(self, name):
        self.sees("faceNumber")
        for digits in self.card_face(name):
            self.types(digits)

    def shows_face(self, name):
        """From an empty reader to the camera."""
        self.put(name)
        self.chooses(2)
        self.types_card_face(name)
        self.sees("faceCamera")

    def registers(self, name):
        """初回登録 by what stands on the card, confirmed by both sides."""
        self.sees("registerOffer")
        self.presses(".choices button >> nth=0")
        for digits in self.card_face(name):
            self.types(digits)
        self.confirms(name)

    def confirms(self, name):
        self.sees("registerConfirm")
        assert self.place.holders[name][1].name in self.kiosk.inner_text("main")
        self.presses(".row .primary")
        self.sees("registerWaitingStaff")
        assert self.place.holders[name][1].name not in self.kiosk.content()
        self.decides("登録してよい")

    def consents(self):
        self.sees("consentMedical")
        self.presses(".row button >> nth=2")
        self.sees("consentProvide")
        self.presses(".row >> nth=-1 >> button >> nth=2")

    # ---- staff ----

    def decides(self, answer):
        self.counter.fill("#staff", STAFF)
        self.counter.get_by_role("button", name=answer).click()

    def enters_insurance_card(self, name):
        """Staff type what a person's insurance card says, for a first registration."""
        self.sees("registerWaitingStaff")
        form = self.counter.locator("#waiting form")
        for field, column in INSURANCE_CARD.items():
            form.locator(f"[name={field}]").fill(self.place.holders[name][1].row[column])
        form.get_by_role("button").click()

    def newest(self, name):
        """The result of a person, once its file is there."""
        person = self.place.holders[name][1].name
        row = self.counter.locator("#results .result").filter(has_text=person).first
        row.filter(has_text="OQSsiquc01res_face_").wait_for()
        return row.inner_text()
