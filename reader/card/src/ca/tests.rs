//! The certificates as another library reads them, and their signatures as ring checks them.

use super::Validity;
use super::*;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use shikaku_domain::Day;
use x509_parser::prelude::*;

const SEED: u64 = 7;
/// 2025-10-27T01:35:42Z.
const ISSUED_AT: u64 = 1_761_528_942;

struct Bench {
    authority: Authority,
    key: CardKey,
}

impl Bench {
    fn new() -> Self {
        Self {
            authority: Authority::new(SEED, Purpose::UserAuthentication).unwrap(),
            key: CardKey::from_seed(SEED, "holder", 1).unwrap(),
        }
    }

    fn request(&self) -> CertificateRequest<'_> {
        let birth = Day::parse("19800217").unwrap();
        let issued = Day::parse("20251027").unwrap();
        CertificateRequest {
            serial: Serial::new(0x22_7B13).unwrap(),
            key: &self.key,
            generation: Generation::Third,
            validity: certificate_validity(birth, ISSUED_AT, card_expiry(birth, issued)),
            municipality: 13_221,
        }
    }

    fn root(&self, generation: Generation) -> X509Certificate<'_> {
        parse(self.authority.certificate(generation))
    }
}

fn parse(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = X509Certificate::from_der(der).unwrap();
    assert!(rest.is_empty());
    certificate
}

fn is_signed_by(certificate: &X509Certificate<'_>, root: &X509Certificate<'_>) -> bool {
    let key = root.public_key().subject_public_key.data.as_ref();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    key.verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data).is_ok()
}

fn authority_key_id<'a>(certificate: &'a X509Certificate<'_>) -> &'a [u8] {
    let extension = extension(certificate, "2.5.29.35").unwrap().parsed_extension();
    let ParsedExtension::AuthorityKeyIdentifier(identifier) = extension else {
        panic!("no authority key identifier");
    };
    identifier.key_identifier.as_ref().unwrap().0
}

fn subject_key_id<'a>(certificate: &'a X509Certificate<'_>) -> &'a [u8] {
    let extension = extension(certificate, "2.5.29.14").unwrap().parsed_extension();
    let ParsedExtension::SubjectKeyIdentifier(identifier) = extension else {
        panic!("no subject key identifier");
    };
    identifier.0
}

fn policy(certificate: &X509Certificate<'_>) -> String {
    let extension = extension(certificate, "2.5.29.32").unwrap().parsed_extension();
    let ParsedExtension::CertificatePolicies(policies) = extension else {
        panic!("no policies");
    };
    policies[0].policy_id.to_id_string()
}

fn extension<'a>(certificate: &'a X509Certificate<'_>, oid: &str) -> Option<&'a X509Extension<'a>> {
    certificate.iter_extensions().find(|extension| extension.oid.to_id_string() == oid)
}

#[test]
fn three_roots_share_one_name_and_nothing_else() {
    let bench = Bench::new();
    let roots = Generation::ALL.map(|generation| bench.root(generation));
    for (at, root) in roots.iter().enumerate() {
        assert_eq!(root.subject(), roots[0].subject());
        assert_eq!(root.issuer(), root.subject());
        assert!(is_signed_by(root, root));
        assert!(root.is_ca());
        for other in &roots[at + 1..] {
            assert_ne!(root.raw_serial(), other.raw_serial());
            assert_ne!(subject_key_id(root), subject_key_id(other));
            assert!(!is_signed_by(root, other));
        }
    }
}

#[test]
fn a_holders_certificate_has_the_profile_of_the_real_ones() {
    let bench = Bench::new();
    let der = bench.authority.issue(&bench.request()).unwrap();
    let certificate = parse(&der);
    let root = bench.root(Generation::Third);
    assert!(is_signed_by(&certificate, &root));
    assert!(!is_signed_by(&certificate, &bench.root(Generation::Second)));
    assert_eq!(authority_key_id(&certificate), subject_key_id(&root));
    assert_eq!(certificate.raw_serial(), [0x22, 0x7B, 0x13]);

    let name = certificate.subject().iter_common_name().next().unwrap().as_str().unwrap();
    assert_eq!(name.len(), 23);
    assert!(name.ends_with("13221003A"), "{name}");
    assert!(certificate.issuer().to_string().contains("O=JPKI-SYNTHETIC"));

    let usage = certificate.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.digital_signature() && !usage.value.non_repudiation());
    assert!(certificate.extended_key_usage().unwrap().unwrap().value.client_auth);
    assert!(extension(&certificate, "2.5.29.32").unwrap().critical);
    assert_eq!(policy(&certificate), "1.2.392.200149.8.5.1.0.30");
    let ParsedExtension::AuthorityKeyIdentifier(issuer) =
        extension(&certificate, "2.5.29.35").unwrap().parsed_extension()
    else {
        panic!("no authority key identifier");
    };
    assert_eq!(issuer.authority_cert_serial, Some(root.raw_serial()));
    assert!(matches!(
        issuer.authority_cert_issuer.as_deref(),
        Some([GeneralName::DirectoryName(name)]) if name == root.subject()
    ));
    let points = extension(&certificate, "2.5.29.31").unwrap();
    assert!(!String::from_utf8_lossy(points.value).contains("http"), "a URI in the CRL point");
    assert!(extension(&certificate, "2.5.29.18").is_some(), "no issuer alternative name");
    assert!(extension(&certificate, "1.3.6.1.5.5.7.1.1").is_some(), "no OCSP address");
    assert!(der.len() < 1800, "{} bytes do not look like a card's certificate", der.len());
}

#[test]
fn a_certificate_ends_with_the_fifth_birthday_in_japan() {
    let day = |text| Day::parse(text).unwrap();
    let check = |birth, issued_at, expected_card, expected_end: u64| {
        let issued = shikaku_domain::Timestamp::from_unix_seconds(issued_at).day();
        let expiry = card_expiry(day(birth), issued);
        assert_eq!(expiry, day(expected_card), "{birth}");
        let validity = certificate_validity(day(birth), issued_at, expiry);
        assert_eq!(
            validity,
            Validity { not_before: issued_at, not_after: expected_end },
            "{birth}"
        );
    };
    // 2030-02-17T14:59:59Z, as on the test card.
    check("19800217", ISSUED_AT, "20350217", 1_897_570_799);
    // On the birthday itself the count begins with the next one.
    check("19801027", ISSUED_AT, "20351027", 1_919_343_599);
    // Under 18: the card ends with its certificate.
    check("20200101", ISSUED_AT, "20300101", 1_893_509_999);
    // 29 February, in a year that lacks it.
    check("20000229", ISSUED_AT, "20350228", 1_898_521_199);
}

#[test]
fn every_defect_differs_from_a_good_certificate_in_its_own_way() {
    let bench = Bench::new();
    let request = bench.request();
    let root = bench.root(Generation::Third);
    for defect in Defect::ALL {
        let der = bench.authority.issue_defective(&request, defect).unwrap();
        let Ok((_, certificate)) = X509Certificate::from_der(&der) else {
            assert!(matches!(defect, Defect::Truncated | Defect::Garbage), "{defect:?}");
            continue;
        };
        let is_ours = is_signed_by(&certificate, &root);
        let names_root = authority_key_id(&certificate) == subject_key_id(&root);
        let same_name = certificate.issuer() == root.subject();
        let facts = (is_ours, names_root, same_name);
        match defect {
            Defect::ForeignAuthority => assert_eq!(facts, (false, false, false)),
            Defect::SameNameOtherKey => assert_eq!(facts, (false, false, true)),
            Defect::ForgedSignature => assert_eq!(facts, (false, true, true)),
            Defect::WrongPurpose => assert_eq!(facts, (false, false, false)),
            Defect::WrongPolicy => {
                assert_eq!(facts, (true, true, true));
                assert_eq!(policy(&certificate), "1.2.392.200149.8.5.1.0.20");
            }
            Defect::UnknownCritical => {
                assert_eq!(facts, (true, true, true));
                assert!(extension(&certificate, "1.3.6.1.4.1.32473.7").unwrap().critical);
            }
            Defect::Huge => assert!(is_ours && der.len() > 60_000),
            Defect::Altered => {
                assert_eq!(facts, (false, true, true));
                assert_eq!(certificate.raw_serial(), [0x22, 0x7B, 0x12]);
            }
            Defect::Truncated | Defect::Garbage => panic!("{defect:?} is readable"),
        }
    }
}

#[test]
fn a_revocation_list_names_serials_and_reasons_under_the_roots_signature() {
    let bench = Bench::new();
    let schedule =
        CrlSchedule { number: 300, this_update: ISSUED_AT, next_update: ISSUED_AT + 86_400 };
    let revoked = [
        Revoked {
            serial: Serial::new(0x22_7B13).unwrap(),
            at: ISSUED_AT - 1,
            reason: RevocationReason::CertificateHold,
        },
        Revoked {
            serial: Serial::new(5).unwrap(),
            at: ISSUED_AT - 2,
            reason: RevocationReason::Unspecified,
        },
    ];
    let der = bench.authority.revocation_list(Generation::Second, schedule, &revoked).unwrap();
    let (_, list) = CertificateRevocationList::from_der(&der).unwrap();
    let root = bench.root(Generation::Second);
    let key = root.public_key().subject_public_key.data.as_ref();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
    assert!(key.verify(list.tbs_cert_list.as_ref(), &list.signature_value.data).is_ok());
    assert_eq!(list.crl_number().unwrap().to_string(), "300");
    assert_eq!(list.next_update().unwrap().timestamp(), (ISSUED_AT + 86_400) as i64);
    let entries: Vec<_> = list.iter_revoked_certificates().collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].raw_serial(), [0x22, 0x7B, 0x13]);
    assert_eq!(entries[0].reason_code().unwrap().1, ReasonCode::CertificateHold);
    assert!(entries[1].reason_code().is_none());

    let empty = bench.authority.revocation_list(Generation::Third, schedule, &[]).unwrap();
    let (_, empty) = CertificateRevocationList::from_der(&empty).unwrap();
    assert_eq!(empty.iter_revoked_certificates().count(), 0);
}

#[test]
fn the_same_seed_makes_the_same_certificate_and_another_seed_another_key() {
    let bench = Bench::new();
    let again = Authority::new(SEED, Purpose::UserAuthentication).unwrap();
    let request = bench.request();
    assert_eq!(bench.authority.issue(&request).unwrap(), again.issue(&request).unwrap());
    let other = Authority::new(SEED + 1, Purpose::UserAuthentication).unwrap();
    assert_ne!(
        bench.authority.certificate(Generation::First),
        other.certificate(Generation::First)
    );
    assert_eq!(serial_of(&again.issue(&request).unwrap()).unwrap(), request.serial);
}

#[test]
fn serial_numbers_of_persons_never_meet() {
    let of = |index, renewals| Serial::of_person(index, renewals).map(Serial::number).ok();
    assert_eq!(of(0, 0), Some(0x0010_0000));
    assert_eq!(of(0x07EF_FFFF, 0), Some(0x07FF_FFFF));
    assert_eq!(of(0, 1), Some(0x0810_0000));
    assert_eq!(of(0x07F0_0000, 0), None);
    assert_eq!(of(123_999_999, 14), Some(0x7000_0000 + 0x0010_0000 + 123_999_999));
    assert_eq!(of(0, 16), None);
    assert!(Serial::new(0).is_err());
    assert!(Serial::new(1 << 31).is_err());
}
