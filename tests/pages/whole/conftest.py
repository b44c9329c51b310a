"""A place for all tests of this folder, with a card of its own for each of them."""

import pytest
from desk import Desk
from place import Place

# Names of cards whose holders can be shown to a camera: `SHOWN` of `place.py` is on their photographs.
SHOWN_CARDS = {
    "shown-same": "face-only", "shown-other": "adult", "shown-printed": "adult", "shown-nobody": "adult", "shown-two": "adult", "shown-dark": "adult",
    "shown-masked": "adult", "shown-dark-glasses": "adult", "shown-eyes-closed": "adult",
    "shown-wrong-number": "adult", "shown-refused": "adult", "shown-taken": "adult",
    "shown-engine": "adult", "shown-engine-other": "adult",
}
# Name of a card: kind of card. Names are used once, so that no test meets what another left.
CARDS = {
    **{f"walk-{language}": "adult" for language in ["ja", "easy", "en", "zh", "ko", "vi", "pt"]},
    "again": "adult", "blocked": "adult", "taken": "adult", "reloaded": "adult", "next": "adult", "at-the-counter": "adult",
    "refuses": "adult", "timed-out": "adult", "no-engine": "adult", "forgotten": "adult",
    "face-only": "face-only", "stranger": "face-only", "expires-soon": "expires-soon",
    "not-a-card": "foreign-card", "expired": "expired", "not-yet": "not-yet-valid", "revoked": "revoked", "untrusted": "foreign-authority",
    "mute": "mute", "gone": "gone-while-reading", "pin-blocked": "pin-blocked", "android": "android", "iphone": "iphone", "iphone-locked": "iphone-locked",
    **SHOWN_CARDS,
}


@pytest.fixture(scope="session")
def place():
    place = Place(CARDS)
    yield place
    place.close()


@pytest.fixture
def desk(browser, place, screenshots):
    desk = Desk(browser, place, screenshots)
    yield desk
    desk.close()
