//! Every screen and every way to it, then every history.

mod faces;
mod histories;
mod paths;

use super::*;
use shikaku_domain::Personal;
use shikaku_face::quality::Advice;
use shikaku_face::verify::Outcome;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const READER: &str = "Reader A";

pub(super) const fn limits() -> Limits {
    Limits {
        patient_ms: 60_000,
        staff_ms: 120_000,
        work_ms: 30_000,
        last_ms: 8_000,
        note_ms: 3_000,
        retry_ms: 2_000,
        face_memory_ms: 600_000,
        face_tries: 2,
        offer: Offer { visual: true, face: false, face_at_centre: false, prescription: true },
    }
}

/// A machine with the little that tests need to drive it.
pub(super) struct Place {
    pub(super) state: State,
    pub(super) now: Moment,
    pub(super) effects: Vec<Effect>,
}

impl Place {
    pub(super) fn new() -> Self {
        let mut place = Self { state: State::new(limits()), now: Moment(0), effects: Vec::new() };
        place.on(Event::ReadersChanged(vec![READER.to_owned()]));
        place
    }

    pub(super) fn on(&mut self, event: Event) -> &mut Self {
        let (state, effects) = step(self.state.clone(), event, self.now);
        self.state = state;
        self.effects = effects;
        self
    }

    pub(super) fn screen(&self) -> Screen {
        self.state.view(self.now).screen
    }

    pub(super) fn view(&self) -> View {
        self.state.view(self.now)
    }

    pub(super) fn insert(&mut self, name: &str) -> &mut Self {
        let session = SessionId(name.to_owned());
        self.on(Event::CardInserted { reader: READER.to_owned(), session })
    }

    pub(super) fn remove(&mut self) -> &mut Self {
        self.on(Event::CardRemoved { reader: READER.to_owned() })
    }

    pub(super) fn does(&mut self, intent: Intent) -> &mut Self {
        let (session, seq) = (self.view().session, self.state.seq);
        self.on(Event::Intended { session, seq, intent })
    }

    pub(super) fn staff(&mut self, intent: StaffIntent) -> &mut Self {
        let session = self.view().session.unwrap();
        self.on(Event::Decided { session, intent })
    }

    pub(super) fn after(&mut self, milliseconds: u64) -> &mut Self {
        self.now = self.now.after(milliseconds);
        self.on(Event::Ticked)
    }

    /// The ticket of the one effect that was asked for last.
    pub(super) fn ticket(&self) -> Ticket {
        self.effects.iter().find_map(ticket_of).expect("an effect with an end")
    }

    pub(super) fn identified(&mut self, card: CardSeen) -> &mut Self {
        let ticket = self.ticket();
        self.on(Event::Identified(ticket, Ok(card)))
    }

    /// A card that was read, at the choice of a method.
    pub(super) fn with_card(tries: u8) -> Self {
        let mut place = Self::new();
        place.insert("s1").identified(card(1, tries));
        place
    }

    /// At the PIN pad.
    pub(super) fn at_pin(tries: u8) -> Self {
        let mut place = Self::with_card(tries);
        place.does(Intent::ChooseMethod(Method::Pin));
        place
    }

    pub(super) fn signing(tries: u8) -> Self {
        let mut place = Self::at_pin(tries);
        place.does(Intent::Pin(pin()));
        let ticket = place.ticket();
        place.on(Event::Challenged(ticket, Ok(challenge())));
        place
    }

    pub(super) fn opened(opened: Opened) -> Self {
        let mut place = Self::signing(3);
        let ticket = place.ticket();
        place.on(Event::Authenticated(ticket, Ok(signed(1))));
        let ticket = place.ticket();
        place.on(Event::Opened(ticket, Ok(opened)));
        place
    }

    /// The answer is under way; the consents were given as said.
    pub(super) fn asking(medical: bool) -> Self {
        let mut place = Self::opened(registered());
        place.does(Intent::Consent(all(medical))).does(Intent::Provide(all(true), None));
        place
    }
}

pub(super) fn ticket_of(effect: &Effect) -> Option<Ticket> {
    match effect {
        Effect::Identify { ticket, .. }
        | Effect::Authenticate { ticket, .. }
        | Effect::ReadAttributes { ticket, .. }
        | Effect::ReadPhoto { ticket, .. }
        | Effect::PrepareFace { ticket, .. }
        | Effect::WatchFace(Watch { ticket, .. })
        | Effect::Challenge { ticket }
        | Effect::Open { ticket, .. }
        | Effect::Find { ticket, .. }
        | Effect::Bind { ticket, .. }
        | Effect::Ask { ticket, .. } => Some(*ticket),
        Effect::ForgetFace
        | Effect::Release { .. }
        | Effect::Push(_)
        | Effect::Report { .. }
        | Effect::ReportFailure { .. }
        | Effect::Stale => None,
    }
}

pub(super) fn pin() -> Pin {
    Pin::new("1234".to_owned()).unwrap()
}

pub(super) fn number() -> MatchingNumber {
    MatchingNumber::new("55021720352285".to_owned()).unwrap()
}

pub(super) fn staff() -> StaffId {
    StaffId::try_from("desk-1".to_owned()).unwrap()
}

pub(super) fn card(owner: u8, tries: u8) -> CardSeen {
    CardSeen {
        kind: TokenKind::Card,
        token: Arc::from([owner]),
        certificate: Some(Arc::from([owner])),
        tries: Some(tries),
    }
}

pub(super) fn challenge() -> Challenge {
    Challenge { bytes: [7; 32], id: "c".to_owned() }
}

pub(super) fn signed(owner: u8) -> Signed {
    Signed { certificate: Arc::from([owner]), signature: Arc::from([owner]) }
}

pub(super) fn registered() -> Opened {
    Opened {
        session: Personal::new("engine-session".to_owned()),
        registration: Registration::Registered,
        may_consent_to: Information::ALL.into(),
        expires_in_days: None,
        grace_days: None,
    }
}

pub(super) fn unregistered() -> Opened {
    Opened { registration: Registration::NotRegistered, ..registered() }
}

pub(super) fn all(yes: bool) -> BTreeMap<Information, bool> {
    Information::ALL.into_iter().map(|one| (one, yes)).collect()
}

pub(super) fn answer(owner: &str) -> Answer {
    Answer {
        validity: "1".to_owned(),
        name: Some(Personal::new(owner.to_owned())),
        birthdate: None,
        insurer_name: None,
        notices: Vec::new(),
        message: Personal::new(Arc::from(owner)),
    }
}

pub(super) fn candidate() -> Candidate {
    Candidate {
        token: Personal::new("t".to_owned()),
        name: Personal::new("資格　花子".to_owned()),
        insurer_name: Some(Personal::new("架空健康保険組合".to_owned())),
    }
}

/// A photograph with its owner's mark.
pub(super) fn photo(owner: u8) -> Photo {
    Photo::new(vec![owner].into())
}

pub(super) fn attributes() -> Attributes {
    let text = |text: &str| Personal::new(text.to_owned());
    Attributes {
        name: text("資格　花子"),
        address: text("架空県架空市1"),
        birthdate: text("19800217"),
        sex: text("2"),
    }
}

pub(super) fn insurance_card() -> InsuranceCard {
    let text = |text: &str| Personal::new(text.to_owned());
    InsuranceCard {
        insurer_number: text("01040013"),
        symbol: None,
        number: text("5678"),
        branch: None,
        birthdate: text("1980-02-17"),
    }
}

pub(super) fn failure(refusal: Refusal) -> EngineFailure {
    EngineFailure { refusal, code: "SHK-X".to_owned() }
}
