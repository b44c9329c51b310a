"""Every screen of the kiosk and the counter, as the bridge sends it (`session/view.rs`)."""

METHODS = [
    {"method": "pin", "available": True},
    {"method": "visual", "available": True},
    {"method": "face", "available": True},
]
NO_FACE = [*METHODS[:2], {"method": "face", "available": False, "reason": "notInstalled"}]
UNUSABLE = [*METHODS[:2], {"method": "face", "available": False, "reason": "photoUnusable"}]
TRIED = [*METHODS[:2], {"method": "face", "available": False, "reason": "triedEnough"}]
ADVICE = [
    "nobody", "several", "tooNear", "tooFar", "offCentre", "tooBright", "tooDark", "holdStill",
    "takeOffMask", "takeOffGlasses", "openEyes", "holdUpright", "turnToCamera",
]
MEDICAL = ["medication", "checkup", "diagnosis", "operation"]
PERSON = {"name": "資格　花子", "insurerName": "架空健康保険組合"}


def state(screen, step=None, session="s1", **more):
    """A whole state; what the screen does not need is there and empty."""
    return {
        "seq": 7,
        "screen": screen,
        "step": step,
        "session": session,
        "secondsLeft": 60,
        "methods": [],
        "triesLeft": None,
        "ask": [],
        "askPrescription": False,
        "canRegisterByCard": False,
        "faceAtCentre": False,
        "camera": None,
        "candidate": None,
        "validity": None,
        "notice": None,
        "days": None,
        "code": None,
        "reader": "Virtual PCD 00 00",
    } | more


def camera(advice=None, used=0, of=0):
    """How far the camera has come."""
    return {"advice": advice, "used": used, "of": of}


NOBODY = {"session": None, "secondsLeft": None}
# The patient is forgotten, and the last screen stays a while.
ENDED = {"session": None}

# By a name of the case: most are their screen's name.
KIOSK = {
    "noReader": state("noReader", 1, **NOBODY),
    "empty": state("empty", 1, **NOBODY),
    "reading": state("reading", 1, secondsLeft=None),
    "notMyNumberCard": state("notMyNumberCard", 1, **ENDED),
    "phoneLocked": state("phoneLocked", code="SHK-RDR-113", **ENDED),
    "chooseMethod": state("chooseMethod", 2, methods=METHODS, notice="certificateExpiresSoon", days=60),
    "chooseMethodNoFace": state("chooseMethod", 2, methods=NO_FACE),
    "enterPin": state("enterPin", 3, triesLeft=3),
    "wrongPin": state("wrongPin", 3, triesLeft=2),
    "lastTryConfirm": state("lastTryConfirm", 3, triesLeft=1),
    "pinBlocked": state("pinBlocked", 3, triesLeft=0, methods=[METHODS[0] | {"available": False, "reason": "blocked"}, *METHODS[1:]]),
    "visualWaiting": state("visualWaiting", 3),
    "faceNumber": state("faceNumber", 3),
    "faceNumberAtCentre": state("faceNumber", 3, faceAtCentre=True),
    "faceNumberAgain": state("faceNumber", 3, notice="wrongCardFace"),
    "faceCamera": state("faceCamera", 3, camera=camera()),
    "faceCameraAdvice": state("faceCamera", 3, camera=camera("tooFar", 1, 3)),
    "faceCameraProgress": state("faceCamera", 3, camera=camera(None, 2, 3)),
    "faceUnknown": state("faceUnknown", 3, methods=METHODS),
    "faceUnknownForGood": state("faceUnknown", 3, methods=TRIED),
    "cameraRefused": state("cameraRefused", 3, methods=METHODS, code="SHK-RDR-301"),
    "cameraTrouble": state("cameraTrouble", 3, methods=METHODS, code="SHK-RDR-302"),
    "faceTrouble": state("faceTrouble", 3, methods=METHODS, code="SHK-RDR-304"),
    "photoUnusable": state("photoUnusable", 3, methods=UNUSABLE, code="SHK-RDR-305"),
    "checking": state("checking", 3, secondsLeft=None),
    "registerOffer": state("registerOffer", canRegisterByCard=True),
    "registerOfferAgain": state("registerOffer", canRegisterByCard=True, notice="wrongNumber"),
    "registerOfferPhone": state("registerOffer"),
    "registerConfirm": state("registerConfirm", candidate=PERSON),
    "registerWaitingStaff": state("registerWaitingStaff"),
    "registered": state("registered"),
    "consentMedical": state("consentMedical", 4, ask=MEDICAL),
    "consentProvide": state("consentProvide", 5, ask=["limitApplicationCertificate", "specificDiseases"], askPrescription=True),
    "done": state("done", 6, validity="1", **ENDED),
    "doneLost": state("done", 6, validity="2", **ENDED),
    "doneInGrace": state("done", 6, validity="1", notice="grace", days=40, **ENDED),
    "removedTooEarly": state("removedTooEarly", **ENDED),
    "cardChanged": state("cardChanged", **ENDED),
    "cardTrouble": state("cardTrouble", code="SHK-RDR-031", **ENDED),
    "readerBusy": state("readerBusy"),
    "certificateExpired": state("certificateExpired", code="SHK-CRD-014", **ENDED),
    "certificateNotYetValid": state("certificateNotYetValid", **ENDED),
    "certificateRevoked": state("certificateRevoked", **ENDED),
    "certificateUntrusted": state("certificateUntrusted", **ENDED),
    "notFound": state("notFound", validity="4", **ENDED),
    "engineDown": state("engineDown", code="SHK-RDR-020", **ENDED),
    "timedOut": state("timedOut", **ENDED),
    "cancelled": state("cancelled", **ENDED),
}


def row(number, validity, **more):
    """A result at the counter."""
    return {
        "id": number,
        "at": f"2026-11-02T09:{10 + number:02}:00+09:00",
        "method": "pin",
        "validity": validity,
        "name": "資格　花子",
        "birthdate": "1980-02-17",
        "insurerName": "架空健康保険組合",
        "notices": [],
        "file": f"OQSsiquc01res_face_1310000001{number:014}_20261102091000.xml",
        "code": None,
    } | more


NO_PERSON = {"name": None, "birthdate": None, "insurerName": None}


def counter(waiting=(), results=(), reader=True, engine=True, code=None, clock=None):
    """What the counter shows."""
    return {
        "seq": 3,
        "reader": {"ok": reader, "names": ["Virtual PCD 00 00"] if reader else []},
        "engine": {"ok": engine, "code": code, "clockMinutes": clock},
        "waiting": list(waiting),
        "results": list(results),
    }


def waiting(what, candidate=None):
    """A patient who waits for staff."""
    return {"session": "s1", "what": what, "since": "2026-11-02T09:09:00+09:00", "candidate": candidate}


COUNTER = {
    "nothing": counter(),
    "results": counter(
        results=[
            row(6, "6"),
            row(5, "5", **NO_PERSON),
            row(4, "4", **NO_PERSON),
            row(3, "3", **NO_PERSON),
            row(2, "2", notices=["certificateExpiresSoon"], method="visual"),
            row(1, "1"),
            row(0, None, code="SHK-RDR-020", file=None, **NO_PERSON),
        ]
    ),
    "visual": counter([waiting("visual")], [row(1, "1")]),
    "registration": counter([waiting("registration", PERSON)], [row(1, "1")]),
    "registrationData": counter([waiting("registrationData")]),
    "trouble": counter(reader=False, engine=False, code="SHK-RDR-201"),
    "clockIsWrong": counter(clock=-95),
    "datesDoNotFit": counter(engine=False, code="SHK-RDR-206"),
}

SELF_TEST = {
    "checks": [
        {"name": "reader", "ok": True, "detail": "Virtual PCD 00 00"},
        {"name": "card", "ok": True, "detail": "0"},
        {"name": "engine", "ok": False, "detail": "SHK-RDR-020"},
        {"name": "cardService", "ok": False, "detail": "SHK-RDR-020"},
        {"name": "faceService", "ok": False, "detail": "SHK-RDR-020"},
        {"name": "clock", "ok": False, "detail": "-5700 s"},
        {"name": "certificate", "ok": False, "detail": "", "days": 12},
        {"name": "folder", "ok": True, "detail": ""},
    ]
}


def test_card(name, profile, inserted=False):
    """A card as the test-card page lists it."""
    return {
        "id": profile,
        "profile": profile,
        "name": name,
        "birthdate": "19800217",
        "pin": "1234",
        "cardFace": {"expiryYear": "2035", "securityCode": "2285"},
        "faceSeed": 2,
        "inserted": inserted,
    }


TEST_CARDS = [
    test_card("資格　花子", "adult", inserted=True),
    test_card("資格　太郎", "child"),
    test_card("見本　次郎", "pin-blocked"),
    test_card("見本　三郎", "revoked"),
]
