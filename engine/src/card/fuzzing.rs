//! What the fuzz targets do with bytes: here rather than in `fuzz/`, so that the test suite runs the
//! same bodies over the committed corpus. Each panics when somebody could make a card.

use super::Purpose;
use super::certificate::VerifiedCertificate;
use super::list::RevocationList;
use super::trust::{Loaded, TrustFiles};
use std::path::Path;
use std::sync::LazyLock;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

/// 2026-11-01T09:00:00+09:00: the certificate of the corpus is valid then.
const NOW: u64 = 1_793_491_200;
/// A certificate that a trusted authority has signed; the corpus's others are near it.
const GOOD: &[u8] = include_bytes!("../../fuzz/corpus/certificate/good.der");
/// A list that one has signed.
const LIST: &[u8] = include_bytes!("../../fuzz/corpus/revocation_list/good.crl");

/// Three generations of the synthetic authority.
static TRUST: LazyLock<Loaded> = LazyLock::new(|| {
    let trust = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/trust.pem").into();
    match Loaded::read(&TrustFiles { trust, crl: None, crl_grace_hours: 0 }) {
        Ok(trust) => trust,
        Err(error) => panic!("{error}"),
    }
});

/// A certificate: refused, or it says what an authority has signed; and whoever sent it without
/// the key has not signed anything.
pub fn certificate(data: &[u8]) {
    if let Some(verified) = accepted(data) {
        assert_eq!(signed_part(data), signed_part(GOOD), "a certificate was forged");
        assert!(verified.check_signature(&[0; 32], data).is_err(), "a signature was forged");
    }
}

fn accepted(data: &[u8]) -> Option<VerifiedCertificate> {
    let purpose = Purpose { policies: vec!["1.2.392.200149.8.5.1.0.30".to_owned()] };
    VerifiedCertificate::check(data, &TRUST, &purpose, NOW).ok()
}

fn signed_part(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.as_ref().to_vec())
}

/// A revocation list: refused, or it says what an authority has signed.
pub fn revocation_list(data: &[u8]) {
    if RevocationList::parse(Path::new("fuzz"), data, TRUST.anchors()).is_ok() {
        let signed = |der: &[u8]| {
            let (_, list) = CertificateRevocationList::from_der(der).ok()?;
            Some(list.tbs_cert_list.as_ref().to_vec())
        };
        assert_eq!(signed(data), signed(LIST), "a revocation list was forged");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{AUTHORITY, request, validity};
    use super::*;
    use proptest::prelude::*;
    use shikaku_card::ca::{CrlSchedule, Defect, Generation, RevocationReason, Revoked, Serial};
    use std::fs;
    use std::path::PathBuf;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
    }

    /// The files of the corpus, as the authority makes them.
    fn made() -> Vec<(String, Vec<u8>)> {
        let named = |defect: &Defect| *defect != Defect::Huge;
        let file = |defect| {
            let der = AUTHORITY.issue_defective(&request(validity()), defect).unwrap();
            (format!("corpus/certificate/{defect:?}.der").to_lowercase(), der)
        };
        let mut files: Vec<_> = Defect::ALL.into_iter().filter(named).map(file).collect();
        let good = AUTHORITY.issue(&request(validity())).unwrap();
        files.push(("corpus/certificate/good.der".to_owned(), good));
        let schedule = CrlSchedule { number: 1, this_update: NOW - 100, next_update: NOW + 86_400 };
        let revoked = [3, 0x22_7b13].map(|serial| Revoked {
            serial: Serial::new(serial).unwrap(),
            at: NOW - 200,
            reason: RevocationReason::KeyCompromise,
        });
        let list = AUTHORITY.revocation_list(Generation::Third, schedule, &revoked).unwrap();
        files.push(("corpus/revocation_list/cut.crl".to_owned(), list[..list.len() / 2].to_vec()));
        files.push(("corpus/revocation_list/good.crl".to_owned(), list));
        let trust = AUTHORITY.trust_anchors_pem().unwrap().into_bytes();
        files.push(("trust.pem".to_owned(), trust));
        files
    }

    /// `UPDATE=1` writes it anew.
    #[test]
    fn the_corpus_is_what_the_synthetic_authority_makes_and_holds() {
        let update = std::env::var_os("UPDATE").is_some();
        for (name, content) in made().into_iter().filter(|_| update) {
            fs::write(folder().join(name), content).unwrap();
        }
        for (name, content) in made() {
            let path = folder().join(&name);
            assert_eq!(fs::read(&path).unwrap(), content, "{name}: run with UPDATE=1");
            certificate(&content);
            revocation_list(&content);
        }
        assert!(accepted(GOOD).is_some());
        assert!(RevocationList::parse(Path::new("fuzz"), LIST, TRUST.anchors()).is_ok());
    }

    /// One of the corpus with some of its bytes replaced.
    fn near(kind: &'static str) -> impl Strategy<Value = Vec<u8>> {
        let files = made().into_iter().filter(|(name, _)| name.contains(kind));
        let one = prop::sample::select(files.map(|(_, content)| content).collect::<Vec<_>>());
        let change =
            (any::<prop::sample::Index>(), 0_usize..8, prop::collection::vec(any::<u8>(), 0..8));
        (one, prop::collection::vec(change, 0..4)).prop_map(|(mut input, changes)| {
            for (at, removed, bytes) in changes {
                let at = at.index(input.len() + 1);
                let end = input.len().min(at + removed);
                input.splice(at..end, bytes);
            }
            input
        })
    }

    proptest! {
        #[test]
        fn nobody_but_an_authority_makes_a_certificate(data in near("certificate")) {
            certificate(&data);
        }

        #[test]
        fn nobody_but_an_authority_makes_a_revocation_list(data in near("revocation_list")) {
            revocation_list(&data);
        }
    }
}
