//! Cards of the synthetic authority against the engine's judgement.

use super::*;
use crate::clock::FixedClock;
use shikaku_card::CardKey;
use shikaku_card::ca::{
    Authority, CertificateRequest, CrlSchedule, Defect, Generation, Purpose as Tree,
    RevocationReason, Revoked, Serial, Validity,
};
use shikaku_domain::CertificateLife;
use std::path::Path;
use std::sync::LazyLock;

/// 2026-11-01T09:00:00+09:00
const NOW: u64 = 1_793_491_200;
const DAY: u64 = 86_400;

pub(super) static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| Authority::new(1, Tree::UserAuthentication).unwrap());
static KEY: LazyLock<CardKey> = LazyLock::new(|| CardKey::from_seed(1, "holder", 0).unwrap());

fn facility(text: &str) -> MedicalInstitutionCode {
    MedicalInstitutionCode::parse(text).unwrap()
}

pub(super) fn validity() -> Validity {
    Validity { not_before: NOW - 100 * DAY, not_after: NOW + 1000 * DAY }
}

pub(super) fn request(validity: Validity) -> CertificateRequest<'static> {
    CertificateRequest {
        serial: Serial::new(0x22_7b13).unwrap(),
        key: &KEY,
        generation: Generation::Third,
        validity,
        municipality: 13221,
    }
}

fn good() -> Vec<u8> {
    AUTHORITY.issue(&request(validity())).unwrap()
}

/// The three generations' lists; the third's revokes these.
fn write_lists(folder: &Path, next_update: u64, revoked: &[u64]) {
    for (at, generation) in Generation::ALL.into_iter().enumerate() {
        let schedule = CrlSchedule { number: 1, this_update: NOW - 2 * DAY, next_update };
        let revoked: Vec<_> = revoked
            .iter()
            .filter(|_| generation == Generation::Third)
            .map(|serial| Revoked {
                serial: Serial::new(*serial).unwrap(),
                at: NOW - 3 * DAY,
                reason: RevocationReason::CertificateHold,
            })
            .collect();
        // The first generation's time is over: its last list stays its last.
        let schedule = match generation {
            Generation::First => CrlSchedule { this_update: 1_760_000_000, ..schedule },
            Generation::Second | Generation::Third => schedule,
        };
        let list = AUTHORITY.revocation_list(generation, schedule, &revoked).unwrap();
        std::fs::write(folder.join(format!("{at}.crl")), list).unwrap();
    }
}

struct Centre {
    cards: Cards,
    folder: tempfile::TempDir,
}

impl Centre {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trust = folder.path().join("trust.pem");
        std::fs::write(&trust, AUTHORITY.trust_anchors_pem().unwrap()).unwrap();
        let crl = folder.path().join("crl");
        std::fs::create_dir(&crl).unwrap();
        write_lists(&crl, NOW + DAY, &[]);
        let files = TrustFiles { trust, crl: Some(crl), crl_grace_hours: 24 };
        let trust = CardTrust::new(files, &FixedClock::new(NOW)).unwrap();
        let policies = vec!["1.2.392.200149.8.5.1.0.30".to_owned()];
        Self { cards: Cards::new(trust, Purpose { policies }), folder }
    }

    fn revoke(&self, next_update: u64, revoked: &[u64]) {
        write_lists(&self.folder.path().join("crl"), next_update, revoked);
        self.cards.trust.reload(&FixedClock::new(NOW)).unwrap();
    }

    fn refusal(&self, der: &[u8]) -> Option<CardError> {
        self.cards.check(der, NOW).err()
    }
}

static CENTRE: LazyLock<Centre> = LazyLock::new(Centre::new);

#[test]
fn a_card_of_each_generation_is_traced_to_its_own_root_under_one_name() {
    let mut authorities = std::collections::HashSet::new();
    for generation in [Generation::Second, Generation::Third] {
        let der =
            AUTHORITY.issue(&CertificateRequest { generation, ..request(validity()) }).unwrap();
        let verified = CENTRE.cards.check(&der, NOW).unwrap();
        assert_eq!(verified.id.serial, 0x22_7b13);
        assert_eq!(verified.life(NOW), CertificateLife::Valid);
        authorities.insert(verified.id.authority);
    }
    assert_eq!(authorities.len(), 2, "one serial number of two authorities is two cards");
}

#[test]
fn every_kind_of_wrong_certificate_is_refused_for_its_own_reason() {
    for defect in Defect::ALL {
        let der = AUTHORITY.issue_defective(&request(validity()), defect).unwrap();
        let expected = match defect {
            Defect::ForeignAuthority
            | Defect::SameNameOtherKey
            | Defect::ForgedSignature
            | Defect::Altered
            | Defect::WrongPurpose => CardError::Untrusted,
            Defect::WrongPolicy | Defect::UnknownCritical => CardError::WrongPurpose,
            Defect::Huge => CardError::TooLarge { max: CERTIFICATE_BYTES_MAX },
            Defect::Truncated | Defect::Garbage => CardError::Malformed,
        };
        assert_eq!(CENTRE.refusal(&der), Some(expected), "{defect:?}");
    }
    assert_eq!(CENTRE.refusal(&[good(), vec![0]].concat()), Some(CardError::Malformed));
    assert_eq!(CENTRE.refusal(&[]), Some(CardError::Malformed));
    assert_eq!(CENTRE.refusal(&good()), None);
}

#[test]
fn dates_are_judged_by_the_centres_clock() {
    let with = |not_before, not_after| {
        AUTHORITY.issue(&request(Validity { not_before, not_after })).unwrap()
    };
    let future = with(NOW + 1, NOW + DAY);
    assert_eq!(CENTRE.refusal(&future), Some(CardError::NotYetValid));
    let grace = with(NOW - 900 * DAY, NOW - 60 * DAY);
    let life = CENTRE.cards.check(&grace, NOW).unwrap().life(NOW);
    assert!(matches!(life, CertificateLife::Grace { .. }));
    let expired = with(NOW - 900 * DAY, NOW - 130 * DAY);
    assert_eq!(CENTRE.refusal(&expired), Some(CardError::Expired));
}

#[test]
fn a_revoked_card_is_refused_after_a_reload_and_yesterdays_list_still_serves() {
    let centre = Centre::new();
    assert!(!centre.cards.trust.has_changed());
    centre.revoke(NOW - DAY + 1, &[]);
    assert_eq!(centre.refusal(&good()), None, "the list is late by less than its grace");
    centre.revoke(NOW - DAY - 1, &[]);
    assert_eq!(centre.refusal(&good()), Some(CardError::RevocationUnknown));
    centre.revoke(NOW - DAY - 1, &[0x22_7b13]);
    assert_eq!(centre.refusal(&good()), Some(CardError::Revoked), "even an old list revokes");
    centre.revoke(NOW + DAY, &[0x22_7b14]);
    assert_eq!(centre.refusal(&good()), None);
    std::fs::write(centre.folder.path().join("crl/9.crl"), b"not a list").unwrap();
    assert!(centre.cards.trust.has_changed());
    let error = centre.cards.trust.reload(&FixedClock::new(NOW)).unwrap_err();
    assert_eq!(error.code(), "SHK-CRT-005");
    assert_eq!(centre.refusal(&good()), None, "what was loaded goes on");
}

#[test]
fn a_list_of_another_authority_and_a_holder_as_authority_are_refused() {
    let centre = Centre::new();
    let other = Authority::new(2, Tree::UserAuthentication).unwrap();
    let schedule = CrlSchedule { number: 1, this_update: NOW - DAY, next_update: NOW + DAY };
    let list = other.revocation_list(Generation::Third, schedule, &[]).unwrap();
    std::fs::write(centre.folder.path().join("crl/9.crl"), list).unwrap();
    let error = centre.cards.trust.reload(&FixedClock::new(NOW)).unwrap_err();
    assert_eq!(error.code(), "SHK-CRT-006");
    std::fs::write(centre.folder.path().join("trust.pem"), good()).unwrap();
    let error = centre.cards.trust.reload(&FixedClock::new(NOW)).unwrap_err();
    assert_eq!(error.code(), "SHK-CRT-002");
}

fn presented<'a>(
    challenge: &'a OpenChallenge,
    certificate: &'a [u8],
    signature: &'a [u8],
) -> Presented<'a> {
    Presented {
        challenge_id: &challenge.id,
        device: "reader-1",
        certificate,
        signature,
        check: IdentityCheck::Pin,
        token: TokenKind::Card,
        confirmed_by: None,
    }
}

#[test]
fn a_challenge_is_good_once_in_time_for_its_device_and_facility() {
    let (own, other) = (facility("1310000001"), facility("1330000009"));
    let cards = &CENTRE.cards;
    let certificate = good();
    let open = |at: u64, who, device: &str, late: u64| {
        let challenge = cards.challenge(own, device, at).unwrap();
        let signature = KEY.sign_message(&challenge.bytes).unwrap();
        let first = presented(&challenge, &certificate, &signature);
        let first = cards.open_session(who, first, at + late).map(|open| open.id);
        let again = presented(&challenge, &certificate, &signature);
        (first, cards.open_session(who, again, at + late).map(|open| open.id))
    };
    let (first, again) = open(NOW, own, "reader-1", 60);
    let session = first.unwrap();
    assert_eq!(again, Err(CardError::ChallengeUsed));
    assert_eq!(open(NOW, own, "reader-1", 61).0, Err(CardError::ChallengeExpired));
    assert_eq!(open(NOW, own, "reader-2", 0).0, Err(CardError::OtherDevice));
    assert_eq!(open(NOW, other, "reader-1", 0).0, Err(CardError::ChallengeUnknown));
    assert!(cards.session(own, &session, NOW + SESSION_SECONDS).is_ok());
    let refused = |who, id: &str, at| cards.session(who, id, at).err();
    assert_eq!(refused(other, &session, NOW), Some(CardError::NoSession), "stolen");
    assert_eq!(refused(own, &session, NOW + 60 + SESSION_SECONDS + 1), Some(CardError::NoSession));
    assert_eq!(refused(own, "made up", NOW), Some(CardError::NoSession));
}

#[test]
fn a_signature_of_another_card_or_over_another_challenge_opens_nothing() {
    let own = facility("1310000001");
    let cards = &CENTRE.cards;
    let (certificate, thief) = (good(), CardKey::from_seed(1, "holder", 1).unwrap());
    let attempt = |sign: &dyn Fn(&[u8]) -> Vec<u8>| {
        let challenge = cards.challenge(own, "reader-1", NOW).unwrap();
        let signature = sign(&challenge.bytes);
        let presented = presented(&challenge, &certificate, &signature);
        cards.open_session(own, presented, NOW).map(drop)
    };
    let by = |key: &CardKey, message: &[u8]| key.sign_message(message).unwrap().to_vec();
    assert_eq!(attempt(&|challenge| by(&thief, challenge)), Err(CardError::Signature));
    assert_eq!(attempt(&|_| by(&KEY, &[0; 32])), Err(CardError::Signature));
    assert_eq!(attempt(&|_| Vec::new()), Err(CardError::Signature));
    assert_eq!(attempt(&|challenge| by(&KEY, challenge)), Ok(()));
}
