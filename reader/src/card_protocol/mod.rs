//! What is said to a card, in which order, and when never again (card §1.3, §1.5, §7).
//!
//! Four conversations: [`identify`] reads what the card is, [`authenticate`] lets it sign a
//! challenge once, [`read_attributes`] reads the four attributes, [`read_photo`] the photograph. Each
//! later one first makes sure that the same card still lies there, and again right before what cannot
//! be taken back. VERIFY and the signature are sent at most once each in a conversation; nothing in
//! here repeats them.
//!
//! EF 0001 of the JPKI application and the My Number are never read: eligibility does not need them
//! (card §7 no. 9).

mod photo;
mod proof;
mod read;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use shikaku_card::StatusWord;
use shikaku_card::apdu::{Command, Response};
use shikaku_card::digest_info;
use shikaku_card::terminal::Terminal;
use shikaku_card::tlv::Tlv;
use shikaku_domain::Personal;
use zeroize::Zeroizing;

use crate::session::{
    Attributes, CardFailure, CardSeen, MatchingNumber, Pin, Proof, Signed, TokenKind,
};
use read::{read_certificate, read_object, read_token, select_application, select_file};

pub use photo::read_photo;
pub use proof::is_signature_of;

/// 公的個人認証AP.
const JPKI: &[u8] = &[0xD3, 0x92, 0xF0, 0x00, 0x26, 0x01, 0x00, 0x00, 0x00, 0x01];
/// 券面事項入力補助AP.
const TEXT: &[u8] = &[0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x08];
/// Token information.
const TOKEN_FILE: u16 = 0x0006;
/// 利用者証明用証明書.
const CERTIFICATE_FILE: u16 = 0x000A;
/// Reference of the terminals' authority.
const TERMINAL_FILE: u16 = 0x0016;
/// 利用者証明用秘密鍵.
const KEY_FILE: u16 = 0x0017;
/// 利用者証明用 PIN.
const PIN_FILE: u16 = 0x0018;
/// 照合番号B of the text application.
const TEXT_NUMBER_FILE: u16 = 0x0015;
/// The four attributes of the text application.
const ATTRIBUTES_FILE: u16 = 0x0002;
/// Bytes of the challenge that SIM-TA answers.
const TERMINAL_CHALLENGE_BYTES: usize = 32;
/// Largest signature: P-521 and RSA-4096 fit.
const SIGNATURE_BYTES_MAX: usize = 512;

/// A way to a card: commands in, answers out. Dropping it powers the card off.
pub trait CardTransport: Send {
    /// Sends one command and waits for its answer. Never sends it twice.
    ///
    /// # Errors
    /// When no answer came; the command may have been carried out all the same.
    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFailure>;
}

/// What makes cards sign without a PIN, where the operator has the right to it: the terminal's
/// certificate and key behind SIM-TA (card §1.7; the real protocol is not public).
pub trait TerminalKey: Send + Sync {
    /// The commands that show the certificate to the card.
    fn certificate_commands(&self) -> Vec<Vec<u8>>;
    /// The command that answers the card's challenge; `None` when the key cannot be used.
    fn authentication_command(&self, challenge: &[u8]) -> Option<Vec<u8>>;
    /// Modulus of the authority that certifies who signs cards' photographs.
    fn photo_authority(&self) -> &[u8];
}

/// SIM-TA of the software card, and the authority of its photographs.
pub struct SimTerminal {
    /// The terminal.
    pub terminal: Terminal,
    /// Modulus of the authority.
    pub photo_authority: Vec<u8>,
}

impl TerminalKey for SimTerminal {
    fn certificate_commands(&self) -> Vec<Vec<u8>> {
        self.terminal.certificate_commands().into()
    }

    fn authentication_command(&self, challenge: &[u8]) -> Option<Vec<u8>> {
        self.terminal.authentication_command(challenge).ok()
    }

    fn photo_authority(&self) -> &[u8] {
        &self.photo_authority
    }
}

/// Whether something was sent that must never be sent again for the same will.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spent {
    /// Nothing: the conversation may be begun again after a reconnect.
    #[default]
    Nothing,
    /// A VERIFY, a terminal authentication or a signature.
    Something,
}

/// Reads what the card is: token information, certificate where it is free, tries left.
///
/// # Errors
/// [`CardFailure`]; [`CardFailure::NotMyNumberCard`] without the application.
pub fn identify(card: &mut dyn CardTransport) -> Result<CardSeen, CardFailure> {
    select_application(card, JPKI)?;
    let token = read_token(card)?;
    let kind = kind_of(&token);
    let certificate = read_certificate(card)?;
    match kind {
        TokenKind::Card | TokenKind::Unknown if certificate.is_none() => {
            return Err(CardFailure::Malformed);
        }
        TokenKind::Iphone if certificate.is_none() => return Err(CardFailure::OwnerUnproven),
        TokenKind::Card | TokenKind::Unknown | TokenKind::Iphone | TokenKind::Android => {}
    }
    let tries = tries_left(card, PIN_FILE)?;
    let certificate = certificate.map(|der| Arc::from(&der[..]));
    Ok(CardSeen { kind, token: Arc::from(&token[..]), certificate, tries })
}

/// Lets the same card sign the challenge, once, and checks the signature.
///
/// # Errors
/// [`CardFailure`]. Whether the conversation may be begun again is in `spent`.
pub fn authenticate(
    card: &mut dyn CardTransport,
    expected: &CardSeen,
    proof: &Proof,
    challenge: &[u8; 32],
    terminal: Option<&dyn TerminalKey>,
    spent: &mut Spent,
) -> Result<Signed, CardFailure> {
    select_application(card, JPKI)?;
    confirm(card, expected)?;
    match proof {
        Proof::Pin { pin, use_last_try } => unlock(card, pin, *use_last_try, spent)?,
        Proof::Terminal => {
            unlock_by_terminal(card, terminal.ok_or(CardFailure::TerminalRefused)?, spent)?;
        }
        // Nothing is sent: the phone has recognised its owner, or it refuses to sign.
        Proof::Phone => {}
    }
    // The card can be swapped without any event; what signs must be what was read (card §4.4).
    let certificate = confirm(card, expected)?.ok_or(CardFailure::Malformed)?;
    *spent = Spent::Something;
    let refused = match proof {
        Proof::Phone => CardFailure::OwnerUnproven,
        Proof::Pin { .. } | Proof::Terminal => CardFailure::Malformed,
    };
    let signature = sign(card, challenge, refused)?;
    if !is_signature_of(&certificate, challenge, &signature) {
        return Err(CardFailure::BadSignature);
    }
    if *proof == Proof::Phone {
        say_goodbye(card);
    }
    Ok(Signed { certificate: Arc::from(&certificate[..]), signature: signature.into() })
}

/// Reads the four attributes of the same card, opened by 照合番号B.
///
/// # Errors
/// [`CardFailure`]; [`CardFailure::WrongNumber`] also when only the last try is left, which is
/// never used for this.
pub fn read_attributes(
    card: &mut dyn CardTransport,
    expected: &CardSeen,
    number: &MatchingNumber,
    spent: &mut Spent,
) -> Result<Attributes, CardFailure> {
    open_by_number(card, expected, TEXT, TEXT_NUMBER_FILE, number, spent)?;
    let file = read_object(card, ATTRIBUTES_FILE)?.ok_or(CardFailure::Malformed)?;
    let attributes = attributes_of(&file).ok_or(CardFailure::Malformed)?;
    // Name and certificate must be of one card.
    select_application(card, JPKI)?;
    confirm(card, expected)?;
    Ok(attributes)
}

/// Opens an application of the same card with 照合番号B. The last try is never used for this.
fn open_by_number(
    card: &mut dyn CardTransport,
    expected: &CardSeen,
    application: &[u8],
    number_file: u16,
    number: &MatchingNumber,
    spent: &mut Spent,
) -> Result<(), CardFailure> {
    select_application(card, JPKI)?;
    confirm(card, expected)?;
    select_application(card, application)?;
    if tries_left(card, number_file)?.is_some_and(|left| left <= 1) {
        return Err(CardFailure::WrongNumber);
    }
    *spent = Spent::Something;
    let status = verify(card, number.expose())?;
    if status == StatusWord::OK { Ok(()) } else { Err(CardFailure::WrongNumber) }
}

/// The certificate, if it can be read now; an error when it is not the card that was read first.
fn confirm(
    card: &mut dyn CardTransport,
    expected: &CardSeen,
) -> Result<Option<Zeroizing<Vec<u8>>>, CardFailure> {
    if read_token(card)?[..] != expected.token[..] {
        return Err(CardFailure::Changed);
    }
    let certificate = read_certificate(card)?;
    match (&expected.certificate, &certificate) {
        (Some(expected), Some(found)) if expected[..] == found[..] => Ok(certificate),
        (None, _) => Ok(certificate),
        (Some(_), _) => Err(CardFailure::Changed),
    }
}

fn unlock(
    card: &mut dyn CardTransport,
    pin: &Pin,
    use_last_try: bool,
    spent: &mut Spent,
) -> Result<(), CardFailure> {
    match tries_left(card, PIN_FILE)? {
        Some(0) => return Err(CardFailure::PinBlocked),
        Some(1) if !use_last_try => return Err(CardFailure::LastTry),
        Some(_) | None => {}
    }
    *spent = Spent::Something;
    let status = verify(card, pin.expose())?;
    match status.as_tries_left() {
        _ if status == StatusWord::OK => Ok(()),
        Some(0) => Err(CardFailure::PinBlocked),
        Some(left) => Err(CardFailure::WrongPin { left }),
        None if status == StatusWord::BLOCKED => Err(CardFailure::PinBlocked),
        None => Err(CardFailure::Malformed),
    }
}

fn unlock_by_terminal(
    card: &mut dyn CardTransport,
    terminal: &dyn TerminalKey,
    spent: &mut Spent,
) -> Result<(), CardFailure> {
    select_file(card, TERMINAL_FILE)?.ok_or(CardFailure::TerminalRefused)?;
    *spent = Spent::Something;
    let accepted = |response: &[u8]| match Response::parse(response) {
        Some(response) => response.ok().map(|_| ()).map_err(|_| CardFailure::TerminalRefused),
        None => Err(CardFailure::Removed),
    };
    for command in terminal.certificate_commands() {
        accepted(&card.transmit(&command)?)?;
    }
    let get = Command {
        cla: 0,
        ins: 0x84,
        p1: 0,
        p2: 0,
        data: &[],
        expected: Some(TERMINAL_CHALLENGE_BYTES),
    };
    let challenge = exchange(card, &get)?.map_err(|_| CardFailure::TerminalRefused)?;
    let command =
        terminal.authentication_command(&challenge).ok_or(CardFailure::TerminalRefused)?;
    accepted(&card.transmit(&command)?)
}

/// `refused` is what it means when the card says that nobody has unlocked its key.
fn sign(
    card: &mut dyn CardTransport,
    challenge: &[u8; 32],
    refused: CardFailure,
) -> Result<Vec<u8>, CardFailure> {
    select_file(card, KEY_FILE)?.ok_or(CardFailure::Malformed)?;
    let info = digest_info(ring::digest::digest(&ring::digest::SHA256, challenge).as_ref());
    let compute =
        Command { cla: 0x80, ins: 0x2A, p1: 0x00, p2: 0x80, data: &info, expected: Some(256) };
    let signature = exchange(card, &compute)?.map_err(|status| match status {
        StatusWord::SECURITY_STATUS => refused,
        _ => CardFailure::Malformed,
    })?;
    let fits = (1..=SIGNATURE_BYTES_MAX).contains(&signature.len());
    fits.then(|| signature.to_vec()).ok_or(CardFailure::Malformed)
}

/// Tells a phone that nothing comes after this, so that it need not be held there (card §2). What
/// it says to that changes nothing any more.
fn say_goodbye(card: &mut dyn CardTransport) {
    let last = Command { cla: 0x80, ins: 0xFC, p1: 0, p2: 0, data: &[], expected: None };
    let _ = exchange(card, &last);
}

/// Tries left for a password file, asked for without using one; `None` when the card does not say.
fn tries_left(card: &mut dyn CardTransport, file: u16) -> Result<Option<u8>, CardFailure> {
    if select_file(card, file)?.is_none() {
        return Ok(None);
    }
    let query = Command { cla: 0, ins: 0x20, p1: 0x00, p2: 0x80, data: &[], expected: None };
    Ok(match exchange(card, &query)? {
        Err(StatusWord::BLOCKED) => Some(0),
        Err(status) => status.as_tries_left(),
        Ok(_) => None,
    })
}

/// Sends a password to the current file. The bytes are erased afterwards.
fn verify(card: &mut dyn CardTransport, password: &str) -> Result<StatusWord, CardFailure> {
    let data = password.as_bytes();
    let command = Command { cla: 0, ins: 0x20, p1: 0x00, p2: 0x80, data, expected: None };
    let bytes = Zeroizing::new(command.to_bytes());
    let response = card.transmit(&bytes)?;
    Response::parse(&response).map(|response| response.status).ok_or(CardFailure::Removed)
}

/// Sends a command; the data of an answer that says 9000, else its status word.
fn exchange(
    card: &mut dyn CardTransport,
    command: &Command<'_>,
) -> Result<Result<Zeroizing<Vec<u8>>, StatusWord>, CardFailure> {
    let response = card.transmit(&command.to_bytes())?;
    // Fewer than two bytes are what is left of a card that is gone (card §4.4).
    let response = Response::parse(&response).ok_or(CardFailure::Removed)?;
    Ok(response.ok().map(|data| Zeroizing::new(data.to_vec())))
}

fn kind_of(token: &[u8]) -> TokenKind {
    let label = token.get(..32).unwrap_or(token);
    match label.trim_ascii_end() {
        b"JPKIAPICCTOKEN2" | b"JPKIAPICCTOKEN" => TokenKind::Card,
        b"JPKIAPGPSETOKEN" => TokenKind::Android,
        b"JPKIAPIOSTOKEN" => TokenKind::Iphone,
        _ => TokenKind::Unknown,
    }
}

/// `FF20` { `DF22` name, `DF23` address, `DF24` birth date, `DF25` sex } (card §1.5).
fn attributes_of(file: &[u8]) -> Option<Attributes> {
    let outer = Tlv::expect(file, 0xFF20).ok()?;
    let objects = Tlv::list(outer.value).ok()?;
    let text = |tag| {
        let value = Tlv::find(&objects, tag).ok()?.value;
        Some(Personal::new(std::str::from_utf8(value).ok()?.to_owned()))
    };
    Some(Attributes {
        name: text(0xDF22)?,
        address: text(0xDF23)?,
        birthdate: text(0xDF24)?,
        sex: text(0xDF25)?,
    })
}
