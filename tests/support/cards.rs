//! Synthetic My Number cards at a centre: their authority, certificates, and what a reader sends.

use crate::Centre;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use shikaku_card::ca::{
    Authority, CertificateRequest, CrlSchedule, Defect, Generation, Purpose, RevocationReason,
    Revoked, Serial, Validity,
};
use shikaku_card::{CardKey, KeyPool};
use shikaku_domain::{Day, Registration};
use std::fs;
use std::io::Write;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;
const SEED: u64 = 7;
/// Keys that all cards of a run share: making one takes as long as a hundred signatures.
const KEYS: u16 = 4;

static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| Authority::new(SEED, Purpose::UserAuthentication).unwrap());
static POOL: LazyLock<KeyPool> = LazyLock::new(|| KeyPool::new(SEED, KEYS));

/// Now, in Unix seconds: certificates are judged by the engine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the engine that is tested reads this clock too")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Lets a centre take cards of this authority, with an empty revocation list.
pub fn trust_cards(centre: &Centre) {
    fs::create_dir_all(centre.path("cards/crl")).unwrap();
    fs::write(centre.path("cards/trust.pem"), AUTHORITY.trust_anchors_pem().unwrap()).unwrap();
    revoke(centre, &[]);
    let mut file = fs::File::options().append(true).open(centre.path("shikaku.toml")).unwrap();
    file.write_all(b"[card]\ntrust = \"cards/trust.pem\"\ncrl = \"cards/crl\"\n").unwrap();
    file.write_all(b"reload_seconds = 1\n").unwrap();
}

/// Publishes a list of these certificates; a running engine finds it by itself.
pub fn revoke(centre: &Centre, revoked: &[u64]) {
    let now = now();
    let schedule = CrlSchedule { number: 1, this_update: now - DAY, next_update: now + DAY };
    let revoked: Vec<_> = revoked
        .iter()
        .map(|number| Revoked {
            serial: Serial::new(*number).unwrap(),
            at: now - DAY,
            reason: RevocationReason::KeyCompromise,
        })
        .collect();
    let list = AUTHORITY.revocation_list(Generation::Third, schedule, &revoked).unwrap();
    // As an operator would: never half a list under its name.
    fs::write(centre.path("cards/crl/third.tmp"), list).unwrap();
    fs::rename(centre.path("cards/crl/third.tmp"), centre.path("cards/crl/third.crl")).unwrap();
}

/// A card: its certificate and its key.
pub struct Card {
    certificate: Vec<u8>,
    key: &'static CardKey,
}

impl Card {
    /// A card in good order; the number is its certificate's.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let now = now();
        Self::valid(number, Validity { not_before: now - 100 * DAY, not_after: now + 1000 * DAY })
    }

    /// A card whose certificate is valid then.
    #[must_use]
    pub fn valid(number: u64, validity: Validity) -> Self {
        Self::made(number, validity, |request| AUTHORITY.issue(request).unwrap())
    }

    /// A card whose certificate has something wrong.
    #[must_use]
    pub fn defective(number: u64, defect: Defect) -> Self {
        let now = now();
        let validity = Validity { not_before: now - 100 * DAY, not_after: now + 1000 * DAY };
        Self::made(number, validity, |r| AUTHORITY.issue_defective(r, defect).unwrap())
    }

    fn made(
        number: u64,
        validity: Validity,
        issue: impl Fn(&CertificateRequest<'_>) -> Vec<u8>,
    ) -> Self {
        let key = POOL.of_holder(number).unwrap();
        let request = CertificateRequest {
            serial: Serial::new(number).unwrap(),
            key,
            generation: Generation::Third,
            validity,
            municipality: 13221,
        };
        Self { certificate: issue(&request), key }
    }

    /// What a reader sends for this card after a PIN.
    #[must_use]
    pub fn presented(&self, challenge: &Value, device: &str) -> Value {
        let bytes = STANDARD.decode(challenge["challenge"].as_str().unwrap()).unwrap();
        assert_eq!(bytes.len(), 32);
        json!({
            "challengeId": challenge["challengeId"],
            "device": device,
            "certificate": STANDARD.encode(&self.certificate),
            "signature": STANDARD.encode(self.key.sign_message(&bytes).unwrap()),
            "method": "pin",
            "tokenKind": "card",
        })
    }
}

/// A day as `/v1` writes it.
#[must_use]
pub fn iso(day: Day) -> String {
    let (year, month, day) = day.ymd();
    format!("{year:04}-{month:02}-{day:02}")
}

/// Finds somebody for a registration by the insurance card.
#[must_use]
pub fn insurance_card(one: &Registration<'_>) -> Value {
    json!({"insuranceCard": {
        "insurerNumber": one.card.insurer.to_string(),
        "symbol": one.card.symbol.as_ref().map(|symbol| symbol.text().expose().to_string()),
        "number": one.card.number.text().expose().to_string(),
        "branch": one.card.branch.map(|branch| format!("{:02}", branch.number())),
        "birthdate": iso(one.card.birthdate),
    }})
}
