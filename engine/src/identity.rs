//! Who is at the other end, told by the client certificate and by nothing else.
//!
//! The subject's OU says what the holder is (`facility`, `insurer` or `operator`), its CN which
//! one. Whether the certificate may be believed is decided in [`crate::tls`], not here.

use sha2::{Digest, Sha256};
use shikaku_domain::{InsurerNumber, MedicalInstitutionCode, ValueError};
use std::fmt;
use thiserror::Error;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate};

/// Longest operator name in a certificate, in characters.
pub const OPERATOR_NAME_CHARS_MAX: usize = 64;

/// The holder of a client certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// 医療機関・薬局: asks about eligibility.
    Facility(MedicalInstitutionCode),
    /// 保険者: registers its members.
    Insurer(InsurerNumber),
    /// Staff of the centre, by account name.
    ///
    /// Invariant when it comes from a certificate: see [`Identity::operator`].
    Operator(String),
}

impl Identity {
    /// The holder named by a certificate in DER form.
    ///
    /// # Errors
    /// See [`ClientCertificate::parse`].
    pub fn from_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        ClientCertificate::parse(der).map(|certificate| certificate.identity)
    }

    /// An operator: 1 to [`OPERATOR_NAME_CHARS_MAX`] ASCII letters, digits, `.`, `_`, `-` or `@`,
    /// beginning with a letter or a digit, so that the name is safe in logs and file names.
    ///
    /// # Errors
    /// [`IdentityError::OperatorName`].
    pub fn operator(name: &str) -> Result<Self, IdentityError> {
        let is_safe = |b: u8| b.is_ascii_alphanumeric() || b"._-@".contains(&b);
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts_well || name.len() > OPERATOR_NAME_CHARS_MAX || !name.bytes().all(is_safe) {
            return Err(IdentityError::OperatorName);
        }
        Ok(Self::Operator(name.to_owned()))
    }

    /// The subject's OU for this kind of holder.
    #[must_use]
    pub const fn role(&self) -> &'static str {
        match self {
            Self::Facility(_) => "facility",
            Self::Insurer(_) => "insurer",
            Self::Operator(_) => "operator",
        }
    }

    /// The subject's CN: the code, the number or the name.
    #[must_use]
    pub fn common_name(&self) -> String {
        match self {
            Self::Facility(code) => code.to_string(),
            Self::Insurer(number) => number.to_string(),
            Self::Operator(name) => name.clone(),
        }
    }

    fn from_subject(role: &str, name: &str) -> Result<Self, IdentityError> {
        match role {
            "facility" => MedicalInstitutionCode::parse(name)
                .map(Self::Facility)
                .map_err(IdentityError::FacilityCode),
            "insurer" => {
                InsurerNumber::parse(name).map(Self::Insurer).map_err(IdentityError::InsurerNumber)
            }
            "operator" => Self::operator(name),
            _ => Err(IdentityError::UnknownRole),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.role(), self.common_name())
    }
}

/// What the engine keeps of a client certificate for as long as the connection lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The holder.
    pub identity: Identity,
    /// The serial number in lower-case hexadecimal, for logs and for `shikaku ca revoke`.
    pub serial: String,
    /// The last second of validity, since 1970-01-01T00:00:00Z.
    pub not_after: u64,
    /// Names the certificate in revocation lists.
    pub id: CertificateId,
}

impl ClientCertificate {
    /// Reads a certificate in DER form. The signature and the dates are not judged.
    ///
    /// # Errors
    /// [`IdentityError`] when the bytes are no certificate or its subject names no holder.
    pub fn parse(der: &[u8]) -> Result<Self, IdentityError> {
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| IdentityError::NotACertificate)?;
        if !rest.is_empty() {
            return Err(IdentityError::NotACertificate);
        }
        let subject = certificate.subject();
        let role = only(subject.iter_organizational_unit()).ok_or(IdentityError::Role)?;
        let name = only(subject.iter_common_name()).ok_or(IdentityError::Name)?;
        Ok(Self {
            identity: Identity::from_subject(role, name)?,
            serial: serial_text(certificate.raw_serial()),
            not_after: u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0),
            id: CertificateId::new(certificate.issuer().as_raw(), certificate.raw_serial()),
        })
    }
}

/// One certificate among all: the issuer's name and the serial number, as a SHA-256 digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CertificateId([u8; 32]);

impl CertificateId {
    /// From the issuer's name in DER form and the bytes of the serial number.
    pub(crate) fn new(issuer: &[u8], serial: &[u8]) -> Self {
        let mut hash = Sha256::new();
        // The length keeps the end of one and the start of the other apart.
        hash.update((issuer.len() as u64).to_be_bytes());
        hash.update(issuer);
        hash.update(without_leading_zeros(serial));
        Self(hash.finalize().into())
    }
}

/// A serial number as text: lower-case hexadecimal without the sign byte.
pub(crate) fn serial_text(serial: &[u8]) -> String {
    without_leading_zeros(serial).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn without_leading_zeros(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}

fn only<'a>(
    mut attributes: impl Iterator<Item = &'a AttributeTypeAndValue<'a>>,
) -> Option<&'a str> {
    let first = attributes.next()?;
    match attributes.next() {
        Some(_) => None,
        None => first.as_str().ok(),
    }
}

/// Why a certificate names no holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The bytes are not one X.509 certificate.
    #[error("the client certificate cannot be read: install the one that was issued to you again")]
    NotACertificate,
    /// No OU, several, or one that is not text.
    #[error("the certificate's subject must have exactly one OU: ask for a new certificate")]
    Role,
    /// No CN, several, or one that is not text.
    #[error("the certificate's subject must have exactly one CN: ask for a new certificate")]
    Name,
    /// An OU that this system does not know.
    #[error(
        "the certificate's OU must be facility, insurer or operator: use the certificate that was issued for this system"
    )]
    UnknownRole,
    /// The CN of a facility is not a 医療機関コード.
    #[error(
        "the certificate's CN is not a medical institution code ({0}): ask for a new certificate"
    )]
    FacilityCode(#[source] ValueError),
    /// The CN of an insurer is not a 保険者番号.
    #[error("the certificate's CN is not an insurer number ({0}): ask for a new certificate")]
    InsurerNumber(#[source] ValueError),
    /// The name of an operator has other characters or another length than allowed.
    #[error(
        "an operator's name must be 1 to {OPERATOR_NAME_CHARS_MAX} letters, digits or . _ - @ and begin with a letter or digit: choose such a name"
    )]
    OperatorName,
}

impl IdentityError {
    /// The stable code, `SHK-IDN-nnn`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotACertificate => "SHK-IDN-001",
            Self::Role => "SHK-IDN-002",
            Self::Name => "SHK-IDN-003",
            Self::UnknownRole => "SHK-IDN-004",
            Self::FacilityCode(_) => "SHK-IDN-005",
            Self::InsurerNumber(_) => "SHK-IDN-006",
            Self::OperatorName => "SHK-IDN-007",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::NotACertificate => {
                "電子証明書を読み取れません。発行された証明書を入れ直してください。".to_owned()
            }
            Self::Role => {
                "電子証明書のOUが一つではありません。証明書の再発行を依頼してください。".to_owned()
            }
            Self::Name => {
                "電子証明書のCNが一つではありません。証明書の再発行を依頼してください。".to_owned()
            }
            Self::UnknownRole => {
                "この電子証明書は本システム用ではありません(OUはfacility、insurer、operatorのいずれか)。\
                 本システム用に発行された証明書を使用してください。"
                    .to_owned()
            }
            Self::FacilityCode(error) => format!(
                "電子証明書のCNが医療機関コードではありません。{}証明書の再発行を依頼してください。",
                error.ja()
            ),
            Self::InsurerNumber(error) => format!(
                "電子証明書のCNが保険者番号ではありません。{}証明書の再発行を依頼してください。",
                error.ja()
            ),
            Self::OperatorName => format!(
                "運用者名は半角英数字と「.」「_」「-」「@」で{OPERATOR_NAME_CHARS_MAX}文字以内とし、\
                 英数字で始めてください。"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber, date_time_ymd};
    use std::collections::HashSet;

    fn certificate(subject: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        params.serial_number = Some(SerialNumber::from_slice(&[0x00, 0x9a, 0x01]));
        params.not_after = date_time_ymd(2026, 10, 26);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn holder(role: &str, name: &str) -> Result<Identity, IdentityError> {
        Identity::from_certificate(&certificate(&[
            (DnType::OrganizationalUnitName, role),
            (DnType::CommonName, name),
        ]))
    }

    #[test]
    fn each_kind_of_holder_is_recognised() {
        let facility = holder("facility", "1310000001").unwrap();
        assert_eq!(facility.to_string(), "facility:1310000001");
        let insurer = holder("insurer", "138131").unwrap();
        assert_eq!(insurer.to_string(), "insurer:138131");
        assert_eq!(insurer, Identity::Insurer(InsurerNumber::parse("00138131").unwrap()));
        let operator = holder("operator", "night-shift").unwrap();
        assert_eq!(operator, Identity::Operator("night-shift".to_owned()));
    }

    #[test]
    fn a_subject_that_names_nobody_is_refused_with_the_reason() {
        let check = |role, name, error| assert_eq!(holder(role, name), Err(error), "{role} {name}");
        check("Facility", "1310000001", IdentityError::UnknownRole);
        check("", "1310000001", IdentityError::UnknownRole);
        let short = ValueError::Length { expected: "10" };
        check("facility", "131000001", IdentityError::FacilityCode(short));
        let digit = ValueError::CheckDigit;
        check("insurer", "01040014", IdentityError::InsurerNumber(digit));
        check("operator", "", IdentityError::OperatorName);
        check("operator", "../ca", IdentityError::OperatorName);
        check("operator", "a b", IdentityError::OperatorName);
        check("operator", "資格", IdentityError::OperatorName);
        check("operator", &"a".repeat(65), IdentityError::OperatorName);
        let only_name = certificate(&[(DnType::CommonName, "1310000001")]);
        assert_eq!(Identity::from_certificate(&only_name), Err(IdentityError::Role));
        let only_role = certificate(&[(DnType::OrganizationalUnitName, "facility")]);
        assert_eq!(Identity::from_certificate(&only_role), Err(IdentityError::Name));
    }

    #[test]
    fn a_second_ou_cannot_smuggle_in_another_role() {
        // The generator writes each kind once, so the second OU replaces another attribute's type:
        // both have the same length in DER (2.5.4.10 is O, 2.5.4.11 is OU).
        let mut der = certificate(&[
            (DnType::OrganizationName, "operator"),
            (DnType::OrganizationalUnitName, "facility"),
            (DnType::CommonName, "1310000001"),
        ]);
        for at in 0..der.len() - 5 {
            if der[at..at + 5] == [0x06, 0x03, 0x55, 0x04, 0x0a] {
                der[at + 4] = 0x0b;
            }
        }
        assert_eq!(Identity::from_certificate(&der), Err(IdentityError::Role));
    }

    #[test]
    fn serial_number_and_end_of_validity_are_kept_for_logs_and_checks() {
        let der =
            certificate(&[(DnType::OrganizationalUnitName, "operator"), (DnType::CommonName, "a")]);
        let parsed = ClientCertificate::parse(&der).unwrap();
        assert_eq!(parsed.serial, "9a01");
        assert_eq!(parsed.not_after, 1_792_972_800);
        let mut longer = der.clone();
        longer.push(0);
        assert_eq!(ClientCertificate::parse(&longer), Err(IdentityError::NotACertificate));
    }

    #[test]
    fn an_identity_is_written_and_read_the_same() {
        for identity in [
            Identity::Facility(MedicalInstitutionCode::parse("0410000019").unwrap()),
            Identity::Insurer(InsurerNumber::parse("39131206").unwrap()),
            Identity::operator("ops@centre-1.example").unwrap(),
        ] {
            let read = holder(identity.role(), &identity.common_name());
            assert_eq!(read, Ok(identity));
        }
    }

    #[test]
    fn codes_are_unique_and_every_kind_speaks_both_languages() {
        let all = [
            IdentityError::NotACertificate,
            IdentityError::Role,
            IdentityError::Name,
            IdentityError::UnknownRole,
            IdentityError::FacilityCode(ValueError::Missing),
            IdentityError::InsurerNumber(ValueError::Missing),
            IdentityError::OperatorName,
        ];
        let codes: HashSet<_> = all.iter().map(IdentityError::code).collect();
        assert_eq!(codes.len(), all.len());
        for error in all {
            assert!(error.ja().ends_with('。') && !error.to_string().is_empty());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_never_a_holder(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            prop_assert!(Identity::from_certificate(&bytes).is_err());
        }

        #[test]
        fn a_damaged_certificate_never_panics(at in 0usize..400, value in any::<u8>(), cut in 0usize..400) {
            static DER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
                certificate(&[
                    (DnType::OrganizationalUnitName, "facility"),
                    (DnType::CommonName, "1310000001"),
                ])
            });
            let mut der = DER.clone();
            if let Some(byte) = der.get_mut(at) {
                *byte = value;
            }
            let _ = Identity::from_certificate(&der);
            der.truncate(cut);
            let _ = Identity::from_certificate(&der);
        }
    }
}
