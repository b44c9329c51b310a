//! The card's behaviour, command by command, against card §1.

use super::*;
use crate::apdu::Response;
use crate::ca::Generation;
use crate::key::{digest_info, is_signature};
use crate::tlv::Tlv;
use crate::{
    CardOrder, Holder, IssuedCard, Issuer, Profile, RSA_BYTES, SignedFace, photo_authority,
};
use ring::signature::RSA_PSS_2048_8192_SHA256;
use sha2::{Digest, Sha256};
use shikaku_domain::{Day, Personal, Sex};
use std::sync::LazyLock;
use x509_parser::prelude::{FromDer, X509Certificate};

const JPKI: &str = "00A4040C0AD392F000260100000001";
const SURFACE: &str = "00A4040C0AD3921000310001010402";
const TEXT: &str = "00A4040C0AD3921000310001010408";
const COMMON: &str = "00A4040C0AD3921000310001010100";
const RESIDENT: &str = "00A4040C0AD3921000310001010401";
const CARD_LEVEL: &str = "00A4040C07A0000001510000";
const VERIFY_PIN: &str = "002000980431323334";
const WRONG_PIN: &str = "002000980439393939";
const QUERY_PIN: &str = "00200098";

pub(crate) static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::new(1).unwrap());
pub(crate) static ADULT: LazyLock<IssuedCard> = LazyLock::new(|| issued(Profile::Adult));

pub(crate) fn order(profile: Profile) -> CardOrder {
    let holder = Holder {
        index: 5,
        name: Personal::new("資格　花子".to_owned()),
        address: Personal::new("合成県見本市一丁目２番３号".to_owned()),
        birth: Day::parse("19800217").unwrap(),
        sex: Sex::Female,
        municipality: 13_221,
    };
    CardOrder::new(holder, profile, Day::parse("20261123").unwrap())
}

fn issued(profile: Profile) -> IssuedCard {
    ISSUER.card(&order(profile)).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

/// A card with a plain way to talk to it.
struct Talk(SoftwareCard);

impl Talk {
    fn with(card: &IssuedCard) -> Self {
        Self(card.insert(Memory::volatile()))
    }

    fn adult() -> Self {
        Self::with(&ADULT)
    }

    fn send(&mut self, command: &[u8]) -> (Vec<u8>, u16) {
        let Answer::Bytes(bytes) = self.0.transmit(command) else { panic!("no answer") };
        let response = Response::parse(&bytes).unwrap();
        (response.data.to_vec(), response.status.0)
    }

    #[track_caller]
    fn check(&mut self, command: &str, status: u16) -> Vec<u8> {
        let (data, got) = self.send(&hex(command));
        assert_eq!(format!("{got:04X}"), format!("{status:04X}"), "{command}");
        data
    }

    /// Several commands that all succeed; the last one's data.
    #[track_caller]
    fn all(&mut self, commands: &[&str]) -> Vec<u8> {
        commands.iter().map(|command| self.check(command, 0x9000)).last().unwrap()
    }

    /// A whole file, read in pieces until the end of its first object.
    #[track_caller]
    fn file(&mut self, id: u8) -> Vec<u8> {
        self.check(&format!("00A4020C0200{id:02X}"), 0x9000);
        let beginning = self.check("00B0000008", 0x9000);
        let total = Tlv::total_bytes(&beginning).unwrap();
        let mut content = Vec::new();
        while content.len() < total {
            let (high, low) = (content.len() >> 8, content.len() & 0xFF);
            content.extend(self.check(&format!("00B0{high:02X}{low:02X}00"), 0x9000));
        }
        content.truncate(total);
        content
    }
}

fn modulus(certificate: &[u8]) -> Vec<u8> {
    let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
    let key = certificate.public_key().parsed().unwrap();
    let x509_parser::public_key::PublicKey::RSA(key) = key else { panic!("no RSA key") };
    key.modulus.strip_prefix(&[0]).unwrap_or(key.modulus).to_vec()
}

#[test]
fn a_reader_reads_the_certificate_and_the_card_signs_after_the_pin() {
    let mut card = Talk::adult();
    card.check(JPKI, 0x9000);
    let info = card.all(&["00A4020C020006", "00B0000000"]);
    assert_eq!(info.len(), 160);
    assert!(info.starts_with(b"JPKIAPICCTOKEN2 "));
    let certificate = card.file(0x0A);
    card.all(&["00A4020C020018"]);
    card.check("00200080", 0x63C3);
    card.check("002000800431323334", 0x9000);
    card.check("00200080", 0x63C3);
    card.check("00A4020C020017", 0x9000);
    let info = digest_info(&Sha256::digest(b"challenge"));
    let command = [&hex("802A008033")[..], &info, &[0]].concat();
    let (signature, status) = card.send(&command);
    assert_eq!((signature.len(), status), (RSA_BYTES, 0x9000));
    assert!(is_signature(&modulus(&certificate), b"challenge", &signature));
    let root = card.file(0x0B);
    assert_eq!(root, ISSUER.authentication().certificate(Generation::Third));
}

#[test]
fn every_form_of_signature_is_what_p1_says() {
    let mut card = Talk::adult();
    card.check(JPKI, 0x9000);
    let key = modulus(&card.file(0x0A));
    card.check(VERIFY_PIN, 0x9000);
    let hash = Sha256::digest(b"message").to_vec();
    let mut sign = |p1: u8, data: &[u8]| {
        let header = [0x80, 0x2A, p1, 0x97, u8::try_from(data.len()).unwrap()];
        card.send(&[&header[..], data, &[0]].concat())
    };
    for (p1, data) in [(0, digest_info(&hash)), (2, hash.clone()), (3, b"message".to_vec())] {
        let (signature, status) = sign(p1, &data);
        assert_eq!(status, 0x9000, "P1 {p1}");
        assert!(is_signature(&key, b"message", &signature), "P1 {p1}");
    }
    // P1 01 pads the bare hash: what P1 00 makes of the hash itself.
    assert_eq!(sign(1, b"message"), sign(0, &hash));
    for (p1, data) in [(4, hash.clone()), (5, b"message".to_vec())] {
        let (signature, status) = sign(p1, &data);
        assert_eq!(status, 0x9000, "P1 {p1}");
        let public = ring::signature::RsaPublicKeyComponents { n: &key[..], e: &[1, 0, 1][..] };
        assert!(public.verify(&RSA_PSS_2048_8192_SHA256, b"message", &signature).is_ok());
        assert_ne!(signature, sign(p1, &data).0, "the salt is not random");
    }
    assert_eq!(sign(2, b"short").1, 0x6985);
    assert_eq!(sign(0, &[1; 246]).1, 0x6985);
    assert_eq!(sign(6, &hash).1, 0x6A86);
}

#[test]
fn three_wrong_pins_block_the_card_for_good() {
    let mut card = Talk::adult();
    card.check(JPKI, 0x9000);
    card.check(WRONG_PIN, 0x63C2);
    card.check(VERIFY_PIN, 0x9000);
    card.check(QUERY_PIN, 0x63C3);
    card.check(WRONG_PIN, 0x63C2);
    card.check(WRONG_PIN, 0x63C1);
    card.check(QUERY_PIN, 0x63C1);
    card.check(WRONG_PIN, 0x63C0);
    card.check(WRONG_PIN, 0x6984);
    card.check(VERIFY_PIN, 0x6984);
    card.check(QUERY_PIN, 0x63C0);
    card.0.power_off();
    card.check(JPKI, 0x9000);
    card.check(VERIFY_PIN, 0x6984);
    // The other password is not concerned.
    card.check("0020009B", 0x63C5);
}

#[test]
fn a_wrong_pin_ends_what_a_right_one_began() {
    let mut card = Talk::adult();
    card.all(&[JPKI, VERIFY_PIN]);
    card.check(WRONG_PIN, 0x63C2);
    card.check("802A0397014100", 0x6982);
}

#[test]
fn a_wrong_length_is_refused_or_costs_a_try_as_the_card_is_set() {
    let mut card = Talk::adult();
    card.check(JPKI, 0x9000);
    card.check("0020009803313233", 0x6700);
    card.check(QUERY_PIN, 0x63C3);
    let mut other = order(Profile::Adult);
    other.wrong_length = WrongLengthVerify::CostsATry;
    let mut card = Talk::with(&ISSUER.card(&other).unwrap());
    card.check(JPKI, 0x9000);
    card.check("0020009803313233", 0x63C2);
}

#[test]
fn tries_are_kept_in_a_file_and_spent_before_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.memory.toml");
    let mut card = Talk(ADULT.insert(Memory::open(&path).unwrap()));
    card.check(JPKI, 0x9000);
    card.check(WRONG_PIN, 0x63C2);
    let mut card = Talk(ADULT.insert(Memory::open(&path).unwrap()));
    card.check(JPKI, 0x9000);
    card.check(QUERY_PIN, 0x63C2);
    // A card that cannot remember a try must not compare.
    drop(folder);
    card.check(VERIFY_PIN, 0x6F00);
    card.check("802A0397014100", 0x6982);
}

#[test]
fn the_security_status_ends_with_power_and_application_but_not_with_a_reset() {
    let signs = "802A0397014100";
    let mut card = Talk::adult();
    card.all(&[JPKI, VERIFY_PIN, JPKI, signs]);
    card.0.reset();
    card.check(signs, 0x9000);
    // A trap: this succeeds and changes nothing.
    card.all(&["00A40000", signs]);
    card.all(&[SURFACE, JPKI]);
    card.check(signs, 0x6982);
    card.all(&[VERIFY_PIN, CARD_LEVEL, JPKI]);
    card.check(signs, 0x6982);
    card.check(VERIFY_PIN, 0x9000);
    card.0.power_off();
    card.check("00A40000", 0x6A86);
    card.check(JPKI, 0x9000);
    card.check(signs, 0x6982);
}

#[test]
fn the_signature_certificate_needs_its_own_password() {
    let mut card = Talk::adult();
    card.all(&[JPKI, VERIFY_PIN]);
    card.all(&["00A4020C020001"]);
    card.check("00B0000004", 0x6982);
    card.check("802A039A014100", 0x6982);
    card.check("0020009B06414243313233", 0x9000);
    let certificate = card.file(0x01);
    let (signature, _) = card.send(&hex("802A039A014100"));
    assert!(is_signature(&modulus(&certificate), b"A", &signature));
}

#[test]
fn a_password_is_changed_after_it_was_proven() {
    let mut card = Talk::adult();
    card.check(JPKI, 0x9000);
    card.check("002401980435363738", 0x6982);
    card.check(VERIFY_PIN, 0x9000);
    card.check("002401980435363741", 0x6A80);
    card.check("002400980435363738", 0x6A86);
    card.check("002401980435363738", 0x9000);
    card.check(VERIFY_PIN, 0x63C2);
    card.check("002000980435363738", 0x9000);
    // The older applications have a command of their own.
    card.all(&[COMMON, "0020009C0431323334"]);
    card.check("0024019C0435363738", 0x6985);
    card.check("8032009C0435363738", 0x9000);
    card.check("0020009C0435363738", 0x9000);
}

#[test]
fn check_number_b_opens_the_face_and_its_parts_are_signed() {
    let mut card = Talk::adult();
    card.check(SURFACE, 0x9000);
    card.check("00A4020C020002", 0x9000);
    card.check("00B0000008", 0x6982);
    let number = ADULT.check_number_b().expose();
    assert!(number.starts_with("5502172035"), "era year, then the year of expiry: {number}");
    let number: String = number.bytes().map(|byte| format!("{byte:02X}")).collect();
    card.check(&format!("002000920E{number}"), 0x9000);
    let face = card.file(0x02);
    let certificate = card.file(0x04);
    card.check("00A4020C020005", 0x9000);
    card.check("00B0000008", 0x6982);

    let objects = Tlv::list(Tlv::expect(&face, 0xFF20).unwrap().value).unwrap();
    let get = |tag| Tlv::find(&objects, tag).unwrap();
    let offsets = get(0xDF21).value;
    assert_eq!(&offsets[..6], [0x00, 0x1A, 0x00, 0x25, 0x00, 0x29]);
    for (offset, object) in offsets.chunks(2).zip(&objects[1..]) {
        let at = usize::from(u16::from_be_bytes([offset[0], offset[1]]));
        assert!(face[at..].starts_with(object.whole));
    }
    assert_eq!(get(0xDF22).value, b"19800217");
    assert_eq!(get(0xDF23).value, b"2");
    assert_eq!(get(0xDF29).value, b"20350217");
    assert!(get(0xDF25).value.starts_with(b"\x89PNG"));
    assert_eq!(&get(0xDF27).value[4..8], b"jP  ");

    let hash = |tags: &[u16]| {
        let parts = tags.iter().map(|tag| get(*tag).whole);
        Sha256::digest(parts.collect::<Vec<_>>().concat())
    };
    let hashes = [hash(&[0xDF22, 0xDF23, 0xDF24]), hash(&[0xDF25, 0xDF26]), hash(&[0xDF27])];
    let signer = Tlv::expect(&certificate, 0x7F21).unwrap();
    let parts = Tlv::list(signer.value).unwrap();
    let body = Tlv::find(&parts, 0x5F4E).unwrap().value;
    assert_eq!(body.len(), 297);
    let key = &body[body.len() - RSA_BYTES..];
    // By arithmetic, since three hashes in one DigestInfo are no standard form.
    let public = rsa::RsaPublicKey::new(
        rsa::BoxedUint::from_be_slice_vartime(key),
        rsa::BoxedUint::from(65_537_u64),
    );
    let scheme = rsa::Pkcs1v15Sign::new_unprefixed();
    let info = digest_info(&hashes.concat());
    assert!(public.unwrap().verify(scheme, &info, get(0xDF28).value).is_ok());
    // The chip proves itself without any password, by the key that stands in the signed part.
    let (proof, _) =
        card.send(&[&hex("802A000033")[..], &digest_info(&Sha256::digest(b"r")), &[0]].concat());
    let chip = get(0xDF24).value;
    assert!(is_signature(&chip[chip.len() - RSA_BYTES..], b"r", &proof));
    let authority = photo_authority(1).unwrap();
    let checked = SignedFace::check(&face, &certificate, &authority).unwrap();
    assert_eq!(checked.photo, get(0xDF27).value);
    assert!(checked.has_signed(b"r", &proof) && !checked.has_signed(b"q", &proof));
    // One bit of any signed part, of the certificate, or another authority: nothing is believed.
    let end_of =
        |object: &Tlv<'_>| object.whole.as_ptr_range().end as usize - face.as_ptr() as usize;
    for tag in [0xDF22, 0xDF23, 0xDF24, 0xDF25, 0xDF26, 0xDF27, 0xDF28] {
        let mut altered = face.clone();
        altered[end_of(&get(tag)) - 1] ^= 1;
        assert!(SignedFace::check(&altered, &certificate, &authority).is_none(), "{tag:04X}");
    }
    for at in [40, certificate.len() - 1] {
        let mut altered = certificate.clone();
        altered[at] ^= 1;
        assert!(SignedFace::check(&face, &altered, &authority).is_none(), "byte {at}");
    }
    assert!(SignedFace::check(&face, &certificate, &photo_authority(2).unwrap()).is_none());
}

#[test]
fn the_text_application_holds_the_four_attributes() {
    let mut card = Talk::adult();
    card.check(TEXT, 0x9000);
    card.check("00200092", 0x63C0);
    card.check("002000920431323334", 0x6984);
    card.check("002000910431323334", 0x9000);
    let page = card.file(0x02);
    let objects = Tlv::list(Tlv::expect(&page, 0xFF20).unwrap().value).unwrap();
    let text = |tag| String::from_utf8(Tlv::find(&objects, tag).unwrap().value.to_vec()).unwrap();
    assert_eq!(text(0xDF22), "資格　花子");
    assert_eq!(text(0xDF23), "合成県見本市一丁目２番３号");
    assert_eq!((text(0xDF24), text(0xDF25)), ("19800217".to_owned(), "2".to_owned()));
    let number = card.all(&["00A4020C020001", "00B0000000"]);
    assert_eq!(number.len(), 17);
    let signatures = card.file(0x03);
    let parts = Tlv::list(Tlv::expect(&signatures, 0xFF30).unwrap().value).unwrap();
    assert_eq!(Tlv::find(&parts, 0xDF31).unwrap().value, &Sha256::digest(&number)[..]);
    let from_name = Tlv::find(&objects, 0xDF22).unwrap().whole;
    let at = page.windows(from_name.len()).position(|window| window == from_name).unwrap();
    assert_eq!(Tlv::find(&parts, 0xDF32).unwrap().value, &Sha256::digest(&page[at..])[..]);
}

#[test]
fn the_small_applications_and_the_cards_own_level_answer() {
    let mut card = Talk::adult();
    // At power-on nothing is selected but the card itself.
    card.check("00A4020C02000A", 0x6A82);
    assert_eq!(card.check("00CA004500", 0x9000).len(), 2 + 15);
    card.check("00CA00F800", 0x6700);
    assert_eq!(card.check("00CA00F8000000", 0x9000).len(), 568 + 4);
    card.check("00CADF3005", 0x6A88);
    assert_eq!(card.check("0084000010", 0x9000).len(), 16);
    assert_ne!(card.check("0084000010", 0x9000), card.check("0084000010", 0x9000));
    card.check(COMMON, 0x9000);
    let record = card.check("00B2010C00", 0x9000);
    assert_eq!((record[0], record[1], record.len()), (1, 0x1C, 30));
    card.check("00B2020C00", 0x6A83);
    let (proof, status) = card.send(&hex("008800990432313039 00".replace(' ', "").as_str()));
    assert_eq!((proof.len(), status), (RSA_BYTES, 0x9000));
    card.check(RESIDENT, 0x9000);
    card.check("00B2011400", 0x6982);
    card.all(&["0020009C0431323334", "00B2011400"]);
}

#[test]
fn reading_and_selecting_refuse_as_the_notes_say() {
    let mut card = Talk::adult();
    for probe in [
        "00A4040007627601FF000000",
        "00A4040006A00000000101",
        "00A404000BE82B0601040181C31F020100",
        "00A4040009A0000003080000100000",
        "00A4040CF276A288BCFBA69D34F31001",
    ] {
        let (_, status) = card.send(&hex(probe));
        assert!(matches!(status, 0x6A82 | 0x6700), "{probe}: {status:04X}");
    }
    // The beginning of a name selects.
    card.check("00A4040C05D392F00026", 0x9000);
    card.check("00B0000010", 0x6986);
    card.check("00A4020C02003F", 0x6A82);
    card.check("00A4020C023F00", 0x6A82);
    card.check("00A4000C023F00", 0x6A82);
    card.check("00B08A0004", 0x9000);
    card.check("00B07FFF04", 0x6B00);
    card.check("00B09800 04".replace(' ', "").as_str(), 0x6981);
    card.check("00A4020C020009", 0x9000);
    card.check("00B0000004", 0x6982);
    card.check("0020009F", 0x6A86);
    card.check("0020008A", 0x6981);
    card.check("01A4020C02000A", 0x6881);
    card.check("0CA4020C02000A", 0x6882);
    card.check("FFA4020C02000A", 0x6E00);
    card.check("00FE0000", 0x6D00);
    card.check("00A4", 0x6700);
}

#[test]
fn a_terminal_that_the_card_trusts_replaces_the_pin_and_no_other_does() {
    let face_only = issued(Profile::FaceOnly);
    let day = Day::parse("20271231").unwrap();
    let terminal = ISSUER.terminals().terminal(1, 7, day).unwrap();
    let foreign = crate::terminal::TerminalAuthority::new(2).unwrap();
    let foreign = foreign.terminal(2, 7, day).unwrap();
    let signs = "802A0397014100";
    let mut card = Talk::with(&face_only);
    card.check(JPKI, 0x9000);
    card.check(QUERY_PIN, 0x63C0);
    card.check(VERIFY_PIN, 0x6984);
    card.check("00A4020C020016", 0x9000);

    let [body, signature] = foreign.certificate_commands();
    assert_eq!(card.send(&body).1, 0x9000);
    assert_eq!(card.send(&signature).1, 0x6985);
    let [body, signature] = terminal.certificate_commands();
    assert_eq!(card.send(&signature).1, 0x6700, "a signature without a body");
    assert_eq!(card.send(&body).1, 0x9000);
    assert_eq!(card.send(&signature).1, 0x9000);
    let challenge = card.check("0084000020", 0x9000);
    let wrong = foreign.authentication_command(&challenge).unwrap();
    assert_eq!(card.send(&wrong).1, 0x6982);
    let right = terminal.authentication_command(&challenge).unwrap();
    assert_eq!(card.send(&right).1, 0x6982, "a challenge is good for one try");
    card.check(signs, 0x6982);
    let challenge = card.check("0084000020", 0x9000);
    let right = terminal.authentication_command(&challenge).unwrap();
    assert_eq!(card.send(&right).1, 0x9000);
    card.check(signs, 0x9000);
    card.all(&[SURFACE, JPKI]);
    card.check(signs, 0x6982);

    // A telephone has the file and trusts nobody.
    let mut card = Talk::with(&issued(Profile::Android));
    card.all(&[JPKI, "00A4020C020016"]);
    assert_eq!(card.send(&terminal.certificate_commands()[0]).1, 0x6700);
}

#[test]
fn kinds_of_cards_differ_in_what_a_reader_sees() {
    let info = |profile| {
        let mut card = Talk::with(&issued(profile));
        card.all(&[JPKI, "00A4020C020006", "00B0000010"])
    };
    assert_eq!(info(Profile::Android), b"JPKIAPGPSETOKEN ");
    assert_eq!(info(Profile::Iphone), b"JPKIAPIOSTOKEN  ");

    let mut android = Talk::with(&issued(Profile::Android));
    android.all(&[JPKI, "00A4020C02000A"]);
    android.check("00B0000004", 0x6982);
    android.all(&[VERIFY_PIN, "00B08A0004"]);
    android.check(SURFACE, 0x6A82);

    let mut iphone = Talk::with(&issued(Profile::Iphone));
    iphone.all(&[JPKI, "00A4020C020017", "802A0080014100", "80FC0000"]);
    iphone.check("00A4020C020018", 0x6A82);
    let mut locked = Talk::with(&issued(Profile::IphoneLocked));
    locked.all(&[JPKI, "00A4020C020017"]);
    locked.check("802A0080014100", 0x6982);

    let mut child = Talk::with(&issued(Profile::Child));
    child.check("80FC0000", 0x6700);
    assert_eq!(child.all(&[JPKI, "00A4020C020008", "00B0000003"]), [0x00, 0x8F, 0x00]);
    child.check("0020009B", 0x63C0);
    child.all(&[VERIFY_PIN, "802A0397014100"]);

    let mut blocked = Talk::with(&issued(Profile::PinBlocked));
    blocked.check(JPKI, 0x9000);
    blocked.check(QUERY_PIN, 0x63C0);
    blocked.check(VERIFY_PIN, 0x6984);

    let mut foreign = Talk::with(&issued(Profile::Foreign));
    for application in [JPKI, SURFACE, TEXT, COMMON] {
        foreign.check(application, 0x6A82);
    }

    let (adult, renewed) = (issued(Profile::Adult), issued(Profile::Renewed));
    assert_ne!(adult.serial(), renewed.serial());
    assert!(renewed.validity().not_before > adult.validity().not_before);
}

#[test]
fn profiles_of_validity_end_when_their_names_say() {
    let day = |text| crate::ca::end_of_day(Day::parse(text).unwrap());
    let today = day("20261123");
    let end = |profile| issued(profile).validity().not_after;
    assert!(end(Profile::Expired) < day("20260823"), "three months of grace are over");
    assert!((day("20260824")..today).contains(&end(Profile::InGrace)));
    assert!((today..day("20270223")).contains(&end(Profile::ExpiresSoon)));
    assert!(issued(Profile::NotYetValid).validity().not_before > today);
    assert_eq!(end(Profile::Adult), day("20300217"));
    assert_eq!(issued(Profile::Expired).generation(), Generation::Second);
}

#[test]
fn every_profile_has_a_name_and_can_be_made() {
    for (name, profile) in Profile::NAMES {
        assert_eq!(Profile::from_name(name), Some(profile));
        assert_eq!(profile.name(), name);
        let card = issued(profile);
        let mut card = card.insert(Memory::volatile());
        let answer = card.transmit(&hex(JPKI));
        let expected = match profile.name() {
            "mute" => Answer::Silence,
            "one-byte-answers" => Answer::Bytes(vec![0x90]),
            "empty-answers" => Answer::Bytes(Vec::new()),
            "foreign-card" => Answer::Bytes(vec![0x6A, 0x82]),
            _ => Answer::Bytes(vec![0x90, 0x00]),
        };
        assert_eq!(answer, expected, "{name}");
    }
    let gone = issued(Profile::Faulty(Fault::GoneAt(2)));
    let mut gone = gone.insert(Memory::volatile());
    assert_ne!(gone.transmit(&hex(JPKI)), Answer::Gone);
    assert_eq!(gone.transmit(&hex(JPKI)), Answer::Gone);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_break_the_card_or_open_it(
        commands in proptest::collection::vec(
            proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40), 1..40),
    ) {
        let mut card = Talk::adult();
        for command in commands {
            card.send(&command);
        }
        card.all(&[JPKI, "00A4020C020001"]);
        card.check("00B0000004", 0x6982);
    }
}
