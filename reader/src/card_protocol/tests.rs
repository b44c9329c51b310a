//! Conversations with the software card, and with hands that swap, cut and corrupt.

use super::*;
use crate::session::Photo;
use proptest::prelude::*;
use shikaku_card::{
    Answer, CardOrder, Holder, IssuedCard, Issuer, Memory, Profile, SoftwareCard, photo_authority,
    portrait,
};
use shikaku_domain::{Day, Sex};
use std::sync::{Arc, LazyLock};

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::new(5).unwrap());
/// Who signs the photographs of its cards.
static AUTHORITY: LazyLock<Vec<u8>> = LazyLock::new(|| photo_authority(5).unwrap());

fn issued(index: u64, profile: Profile) -> IssuedCard {
    let holder = Holder {
        index,
        name: Personal::new("資格　花子".to_owned()),
        address: Personal::new("架空県架空市一丁目1".to_owned()),
        birth: Day::parse("19800217").unwrap(),
        sex: Sex::Female,
        municipality: 99_999,
    };
    ISSUER.card(&CardOrder::new(holder, profile, Day::parse("20261101").unwrap())).unwrap()
}

/// A card in a reader: counts, and does what a test wants before a command.
struct Desk {
    card: SoftwareCard,
    /// Put in place of the card at the command of this instruction.
    swap: Option<(u8, SoftwareCard)>,
    sent: Vec<Vec<u8>>,
    /// Instead of the card's answer to this instruction.
    instead: Option<(u8, Vec<u8>)>,
}

impl Desk {
    fn new(issued: &IssuedCard) -> Self {
        Self { card: powered(issued), swap: None, sent: Vec::new(), instead: None }
    }

    fn count(&self, ins: u8) -> usize {
        self.sent.iter().filter(|command| command[1] == ins && command.len() > 5).count()
    }
}

fn powered(issued: &IssuedCard) -> SoftwareCard {
    issued.insert(Memory::volatile())
}

impl CardTransport for Desk {
    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFailure> {
        if let Some((_, card)) =
            self.swap.take_if(|(ins, _)| *ins == command[1] && command.len() > 5)
        {
            self.card = card;
        }
        self.sent.push(command.to_vec());
        if let Some((ins, answer)) = &self.instead
            && *ins == command[1]
        {
            return Ok(Zeroizing::new(answer.clone()));
        }
        match self.card.transmit(command) {
            Answer::Bytes(bytes) => Ok(Zeroizing::new(bytes)),
            Answer::Silence => Err(CardFailure::Hung),
            Answer::Gone => Ok(Zeroizing::new(Vec::new())),
        }
    }
}

fn with_pin(pin: &str) -> Proof {
    Proof::Pin { pin: Pin::new(pin.to_owned()).unwrap(), use_last_try: false }
}

fn attempt(
    desk: &mut Desk,
    seen: &CardSeen,
    proof: &Proof,
) -> (Result<Signed, CardFailure>, Spent) {
    let mut spent = Spent::Nothing;
    let until = Day::parse("20271231").unwrap();
    let terminal = ISSUER.terminals().terminal(9, 1, until).unwrap();
    let terminal = SimTerminal { terminal, photo_authority: AUTHORITY.clone() };
    let end = authenticate(desk, seen, proof, &[7; 32], Some(&terminal), &mut spent);
    (end, spent)
}

#[test]
fn an_adults_card_is_identified_and_signs_once_by_pin() {
    let mut desk = Desk::new(&issued(1, Profile::Adult));
    let seen = identify(&mut desk).unwrap();
    assert_eq!((seen.kind, seen.tries), (TokenKind::Card, Some(3)));
    let (signed, spent) = attempt(&mut desk, &seen, &with_pin("1234"));
    let signed = signed.unwrap();
    assert_eq!(Some(&signed.certificate), seen.certificate.as_ref());
    assert!(is_signature_of(&signed.certificate, &[7; 32], &signed.signature));
    assert_eq!(spent, Spent::Something);
    assert_eq!((desk.count(0x20), desk.count(0x2A)), (1, 1));
}

#[test]
fn tokens_of_telephones_are_told_apart() {
    for (profile, kind) in
        [(Profile::Android, TokenKind::Android), (Profile::Iphone, TokenKind::Iphone)]
    {
        let mut desk = Desk::new(&issued(1, profile));
        let seen = identify(&mut desk).unwrap();
        assert_eq!((seen.kind, seen.certificate.is_none()), (kind, kind == TokenKind::Android));
        if kind == TokenKind::Android {
            assert!(attempt(&mut desk, &seen, &with_pin("1234")).0.is_ok());
        }
    }
}

#[test]
fn an_iphone_signs_without_any_pin_once_it_has_recognised_its_owner() {
    let mut desk = Desk::new(&issued(1, Profile::Iphone));
    let seen = identify(&mut desk).unwrap();
    assert_eq!(seen.tries, None);
    let signed = attempt(&mut desk, &seen, &Proof::Phone).0.unwrap();
    assert!(is_signature_of(&signed.certificate, &[7; 32], &signed.signature));
    assert_eq!((desk.count(0x20), desk.count(0x2A)), (0, 1));
    assert_eq!(desk.sent.last().unwrap(), &[0x80, 0xFC, 0, 0], "it may be put away now");
    let mut desk = Desk::new(&issued(1, Profile::IphoneLocked));
    let seen = identify(&mut desk).unwrap();
    let (end, _) = attempt(&mut desk, &seen, &Proof::Phone);
    assert_eq!((end, desk.count(0x2A)), (Err(CardFailure::OwnerUnproven), 1));
    // A plastic card is not talked into signing without its PIN.
    let mut desk = Desk::new(&issued(1, Profile::Adult));
    let seen = identify(&mut desk).unwrap();
    assert!(attempt(&mut desk, &seen, &Proof::Phone).0.is_err());
}

#[test]
fn a_wrong_pin_is_sent_once_and_says_what_is_left() {
    let mut desk = Desk::new(&issued(1, Profile::Adult));
    let seen = identify(&mut desk).unwrap();
    assert_eq!(
        attempt(&mut desk, &seen, &with_pin("0000")).0,
        Err(CardFailure::WrongPin { left: 2 })
    );
    assert_eq!(
        attempt(&mut desk, &seen, &with_pin("0000")).0,
        Err(CardFailure::WrongPin { left: 1 })
    );
    assert_eq!(desk.count(0x20), 2);
    let refused = attempt(&mut desk, &seen, &with_pin("1234"));
    assert_eq!(refused, (Err(CardFailure::LastTry), Spent::Nothing), "not without a yes");
    let yes = Proof::Pin { pin: Pin::new("0000".to_owned()).unwrap(), use_last_try: true };
    assert_eq!(attempt(&mut desk, &seen, &yes).0, Err(CardFailure::PinBlocked));
    assert_eq!(attempt(&mut desk, &seen, &yes), (Err(CardFailure::PinBlocked), Spent::Nothing));
    assert_eq!((desk.count(0x20), desk.count(0x2A)), (3, 0));
}

#[test]
fn a_swapped_card_gets_neither_the_pin_nor_a_signature() {
    let (mine, other) = (issued(1, Profile::Adult), issued(2, Profile::Adult));
    let mut desk = Desk::new(&mine);
    let seen = identify(&mut desk).unwrap();
    desk.card = powered(&other);
    assert_eq!(
        attempt(&mut desk, &seen, &with_pin("1234")),
        (Err(CardFailure::Changed), Spent::Nothing)
    );
    assert_eq!(desk.count(0x20), 0);
    // Swapped while the PIN is being checked: unlocked or not, it does not sign.
    let mut desk = Desk::new(&mine);
    let mut second = powered(&other);
    let mut first = Desk::new(&other);
    let _ = identify(&mut first);
    for command in &first.sent {
        let _ = second.transmit(command);
    }
    desk.swap = Some((0x20, second));
    let (end, _) = attempt(&mut desk, &seen, &with_pin("1234"));
    assert_eq!((end, desk.count(0x2A)), (Err(CardFailure::Changed), 0));
}

#[test]
fn a_terminal_lets_a_card_without_pin_sign_and_others_refuse_it() {
    let mut desk = Desk::new(&issued(1, Profile::FaceOnly));
    let seen = identify(&mut desk).unwrap();
    assert_eq!(seen.tries, Some(0));
    assert!(attempt(&mut desk, &seen, &Proof::Terminal).0.is_ok());
    assert_eq!(desk.count(0x20), 0);
    let mut spent = Spent::Nothing;
    let mut desk = Desk::new(&issued(1, Profile::FaceOnly));
    let seen = identify(&mut desk).unwrap();
    let end = authenticate(&mut desk, &seen, &Proof::Terminal, &[7; 32], None, &mut spent);
    assert_eq!(end, Err(CardFailure::TerminalRefused));
}

#[test]
fn attributes_come_from_the_same_card_with_the_number_on_its_face() {
    let issued = issued(1, Profile::Adult);
    let mut desk = Desk::new(&issued);
    let seen = identify(&mut desk).unwrap();
    let number = |text: &str| MatchingNumber::new(text.to_owned()).unwrap();
    let right = number(issued.check_number_b().expose());
    let read = read_attributes(&mut desk, &seen, &right, &mut Spent::Nothing).unwrap();
    assert_eq!(read.name.expose(), "資格　花子");
    assert_eq!((read.birthdate.expose().as_str(), read.sex.expose().as_str()), ("19800217", "2"));
    let wrong = number("00000000000000");
    for _ in 0..9 {
        let end = read_attributes(&mut desk, &seen, &wrong, &mut Spent::Nothing);
        assert_eq!(end, Err(CardFailure::WrongNumber));
    }
    let sent = desk.count(0x20);
    let end = read_attributes(&mut desk, &seen, &wrong, &mut Spent::Nothing);
    assert_eq!(end, Err(CardFailure::WrongNumber));
    assert_eq!(desk.count(0x20), sent, "the last try is not used for this");
}

fn photograph(
    desk: &mut Desk,
    seen: &CardSeen,
    number: &MatchingNumber,
) -> Result<Photo, CardFailure> {
    read_photo(desk, seen, number, &AUTHORITY, &[3; 32], &mut Spent::Nothing)
}

fn number_of(issued: &IssuedCard) -> MatchingNumber {
    MatchingNumber::new(issued.check_number_b().expose().clone()).unwrap()
}

#[test]
fn the_photograph_comes_from_the_same_card_with_the_number_on_its_face() {
    let issued = issued(1, Profile::FaceOnly);
    let mut desk = Desk::new(&issued);
    let seen = identify(&mut desk).unwrap();
    let photo = photograph(&mut desk, &seen, &number_of(&issued)).unwrap();
    assert_eq!(format!("{photo:?}"), "Photo(***)");
    assert_eq!(&photo.into_bytes()[..], portrait(1));
    // The card that was photographed signs: the conversation left it as it was.
    assert!(attempt(&mut desk, &seen, &Proof::Terminal).0.is_ok());
    let wrong = MatchingNumber::new("00000000000000".to_owned()).unwrap();
    for _ in 0..9 {
        assert_eq!(photograph(&mut desk, &seen, &wrong), Err(CardFailure::WrongNumber));
    }
    let sent = desk.count(0x20);
    assert_eq!(photograph(&mut desk, &seen, &wrong), Err(CardFailure::WrongNumber));
    assert_eq!(desk.count(0x20), sent, "the last try is not used for this");
}

#[test]
fn a_photograph_that_is_not_signed_for_this_chip_is_not_believed() {
    let (mine, other) = (issued(1, Profile::Adult), issued(2, Profile::Adult));
    let mut desk = Desk::new(&mine);
    let seen = identify(&mut desk).unwrap();
    // Of another authority than the one that is trusted.
    let strange = photo_authority(6).unwrap();
    let number = number_of(&mine);
    let end = read_photo(&mut desk, &seen, &number, &strange, &[3; 32], &mut Spent::Nothing);
    assert_eq!(end, Err(CardFailure::PhotoUntrusted));
    // The chip cannot prove that it is the one of the photograph.
    let mut desk = Desk::new(&mine);
    desk.instead = Some((0x2A, [&[1; 256][..], &[0x90, 0x00]].concat()));
    assert_eq!(photograph(&mut desk, &seen, &number), Err(CardFailure::PhotoUntrusted));
    desk.instead = Some((0x2A, vec![0x69, 0x85]));
    assert_eq!(photograph(&mut desk, &seen, &number), Err(CardFailure::PhotoUntrusted));
    // Another card, from the start or while the number is being checked.
    let mut desk = Desk::new(&other);
    assert_eq!(photograph(&mut desk, &seen, &number), Err(CardFailure::Changed));
    assert_eq!(desk.count(0x20), 0);
    let mut desk = Desk::new(&mine);
    desk.swap = Some((0x20, powered(&other)));
    assert!(photograph(&mut desk, &seen, &number).is_err());
}

#[test]
fn other_cards_and_broken_ones_end_in_words() {
    for (name, wanted) in [
        ("foreign-card", CardFailure::NotMyNumberCard),
        ("mute", CardFailure::Hung),
        ("one-byte-answers", CardFailure::Removed),
        ("empty-answers", CardFailure::Removed),
        ("gone-while-reading", CardFailure::Removed),
    ] {
        let mut desk = Desk::new(&issued(1, Profile::from_name(name).unwrap()));
        assert_eq!(identify(&mut desk), Err(wanted), "{name}");
    }
}

#[test]
fn a_signature_that_does_not_fit_never_leaves_the_reader() {
    let mut desk = Desk::new(&issued(1, Profile::Adult));
    let seen = identify(&mut desk).unwrap();
    desk.instead = Some((0x2A, [&[1; 256][..], &[0x90, 0x00]].concat()));
    let (end, spent) = attempt(&mut desk, &seen, &with_pin("1234"));
    assert_eq!((end, spent), (Err(CardFailure::BadSignature), Spent::Something));
}

/// A card that says anything.
struct Liar(Vec<Vec<u8>>, usize);

impl CardTransport for Liar {
    fn transmit(&mut self, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFailure> {
        self.1 += 1;
        let answer = self.0.get(self.1 % self.0.len().max(1)).cloned().unwrap_or_default();
        Ok(Zeroizing::new(answer))
    }
}

proptest! {
    #[test]
    fn no_answers_make_a_conversation_panic_or_last_for_ever(
        answers in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..8),
                Just(vec![0x90, 0x00]),
                Just(vec![0x63, 0xC3]),
                Just(vec![0x30, 0x82, 0x10, 0x00, 0x00, 0x90, 0x00]),
                prop::collection::vec(any::<u8>(), 0..300)
                    .prop_map(|data| [data, vec![0x90, 0x00]].concat()),
            ],
            1..12,
        )
    ) {
        let mut card = Liar(answers, 0);
        let seen = CardSeen {
            kind: TokenKind::Card, token: Arc::from([0; 4]), certificate: None, tries: None,
        };
        let _ = identify(&mut card);
        let _ = attempt_with(&mut card, &seen);
        let number = MatchingNumber::new("00000000000000".to_owned()).unwrap();
        let _ = read_attributes(&mut card, &seen, &number, &mut Spent::Nothing);
        let _ = read_photo(&mut card, &seen, &number, &[1; 256], &[3; 32], &mut Spent::Nothing);
        prop_assert!(card.1 < 80_000, "{} commands", card.1);
    }
}

fn attempt_with(card: &mut Liar, seen: &CardSeen) -> Result<Signed, CardFailure> {
    authenticate(card, seen, &with_pin("1234"), &[7; 32], None, &mut Spent::Nothing)
}
