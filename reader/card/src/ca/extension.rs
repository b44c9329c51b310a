//! What the certificates' extensions say, in the order of the real ones.

use super::{Authority, CertificateRequest, ORGANISATION, Purpose};
use crate::CardError;
use crate::key::CardKey;
use std::str::FromStr;
use x509_cert::der::asn1::{Ia5String, ObjectIdentifier, OctetString};
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::referenced::OwnedToRef;
use x509_cert::der::{Any, Encode, oid::AssociatedOid};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::certpolicy::{PolicyInformation, PolicyQualifierInfo};
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AccessDescription, AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints,
    CertificatePolicies, CrlDistributionPoints, ExtendedKeyUsage, IssuerAltName, KeyUsage,
    KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;

/// Policy of a user authentication certificate in the test environment (card §3).
const USER_AUTHENTICATION_POLICY: &str = "1.2.392.200149.8.5.1.0.30";
/// Policy of a signature certificate in the test environment.
const DIGITAL_SIGNATURE_POLICY: &str = "1.2.392.200149.8.5.1.0.20";
const CPS_QUALIFIER: &str = "1.3.6.1.5.5.7.2.1";
const CPS_URI: &str = "http://cps.jpki-synthetic.invalid/cps.html";
const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
const OCSP: &str = "1.3.6.1.5.5.7.48.1";
const OCSP_URI: &str = "http://ocsp.jpki-synthetic.invalid";
/// 公的個人認証サービス, marked as ours.
const SERVICE_NAME: &str = "公的個人認証サービス（合成）";
/// In the arc that RFC 5612 reserves for examples; nobody knows it.
const UNKNOWN_EXTENSION: &str = "1.3.6.1.4.1.32473.7";

pub(super) struct Extensions(Vec<Extension>);

impl Extensions {
    pub(super) fn list(&self) -> &[Extension] {
        &self.0
    }

    pub(super) fn of_root(key: &CardKey) -> Result<Self, CardError> {
        let usages = FlagSet::from(KeyUsages::KeyCertSign) | KeyUsages::CRLSign;
        let mut all = Self(Vec::new());
        all.push(Critical::Yes, &KeyUsage(usages))?;
        all.push(Critical::Yes, &BasicConstraints { ca: true, path_len_constraint: None })?;
        all.push(Critical::No, &SubjectAltName(vec![service_name()?]))?;
        all.push(Critical::No, &distribution_points("CN=Root CRLDP,OU=CRL Distribution Points")?)?;
        all.push(Critical::No, &key_identifier(key)?)?;
        Ok(all)
    }

    pub(super) fn of_holder(
        authority: &Authority,
        purpose: Purpose,
        request: &CertificateRequest<'_>,
    ) -> Result<Self, CardError> {
        let mut all = Self(Vec::new());
        all.push_usage(purpose)?;
        all.push(Critical::Yes, &policies(purpose)?)?;
        all.push(Critical::No, &IssuerAltName(vec![service_name()?]))?;
        let municipality = request.municipality % 100_000;
        let point = format!(
            "CN=Municipality {municipality:05} CRLDP,OU=Synthetic Prefecture {:02},\
             OU=CRL Distribution Points,OU={ORGANISATION} for {}",
            municipality / 1000,
            purpose.label(),
        );
        all.push(Critical::No, &distribution_points(&point)?)?;
        let location = GeneralName::UniformResourceIdentifier(Ia5String::new(OCSP_URI)?);
        let access = AccessDescription { access_method: oid(OCSP)?, access_location: location };
        all.push(Critical::No, &AuthorityInfoAccessSyntax(vec![access]))?;
        all.push(Critical::No, &authority_key_identifier(authority, request)?)?;
        all.push(Critical::No, &key_identifier(request.key)?)?;
        Ok(all)
    }

    fn push_usage(&mut self, purpose: Purpose) -> Result<(), CardError> {
        match purpose {
            Purpose::UserAuthentication => {
                self.push(Critical::Yes, &KeyUsage(KeyUsages::DigitalSignature.into()))?;
                self.push(Critical::No, &ExtendedKeyUsage(vec![oid(CLIENT_AUTH)?]))
            }
            Purpose::DigitalSignature => {
                let usages = FlagSet::from(KeyUsages::DigitalSignature) | KeyUsages::NonRepudiation;
                self.push(Critical::Yes, &KeyUsage(usages))
            }
        }
    }

    /// Adds a critical extension that no reader of certificates knows.
    pub(super) fn push_unknown_critical(&mut self) -> Result<(), CardError> {
        self.push_bytes(Critical::Yes, oid(UNKNOWN_EXTENSION)?, &[0x05, 0x00])
    }

    /// Adds an extension of so many bytes that nobody needs.
    pub(super) fn push_padding(&mut self, bytes: usize) -> Result<(), CardError> {
        let padding = OctetString::new(vec![0x5A; bytes])?.to_der()?;
        self.push_bytes(Critical::No, oid(UNKNOWN_EXTENSION)?, &padding)
    }

    fn push<E: AssociatedOid + Encode>(
        &mut self,
        critical: Critical,
        extension: &E,
    ) -> Result<(), CardError> {
        self.push_bytes(critical, E::OID, &extension.to_der()?)
    }

    fn push_bytes(
        &mut self,
        critical: Critical,
        extn_id: ObjectIdentifier,
        value: &[u8],
    ) -> Result<(), CardError> {
        let critical = matches!(critical, Critical::Yes);
        self.0.push(Extension { extn_id, critical, extn_value: OctetString::new(value)? });
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Critical {
    Yes,
    No,
}

fn oid(text: &str) -> Result<ObjectIdentifier, CardError> {
    ObjectIdentifier::new(text).map_err(|error| x509_cert::der::Error::from(error).into())
}

/// Key identifier, issuer and serial number: all three, as only few authorities write them.
fn authority_key_identifier(
    authority: &Authority,
    request: &CertificateRequest<'_>,
) -> Result<AuthorityKeyIdentifier, CardError> {
    let root = authority.root(request.generation);
    Ok(AuthorityKeyIdentifier {
        key_identifier: Some(key_identifier(&root.key)?.0),
        authority_cert_issuer: Some(vec![GeneralName::DirectoryName(authority.name.clone())]),
        authority_cert_serial_number: Some(SerialNumber::from(request.generation.serial())),
    })
}

pub(super) fn key_identifier(key: &CardKey) -> Result<SubjectKeyIdentifier, CardError> {
    Ok(SubjectKeyIdentifier::try_from(key.public().owned_to_ref())?)
}

fn policies(purpose: Purpose) -> Result<CertificatePolicies, CardError> {
    let policy = match purpose {
        Purpose::UserAuthentication => USER_AUTHENTICATION_POLICY,
        Purpose::DigitalSignature => DIGITAL_SIGNATURE_POLICY,
    };
    let qualifier = PolicyQualifierInfo {
        policy_qualifier_id: oid(CPS_QUALIFIER)?,
        qualifier: Some(Any::encode_from(&Ia5String::new(CPS_URI)?)?),
    };
    let policy = PolicyInformation {
        policy_identifier: oid(policy)?,
        policy_qualifiers: Some(vec![qualifier]),
    };
    Ok(CertificatePolicies(vec![policy]))
}

fn service_name() -> Result<GeneralName, CardError> {
    Ok(GeneralName::DirectoryName(Name::from_str(&format!("O={SERVICE_NAME},C=JP"))?))
}

/// A distribution point without a URI: a name in a directory that only the authority's members ask.
fn distribution_points(path: &str) -> Result<CrlDistributionPoints, CardError> {
    let name = Name::from_str(&format!("{path},O={ORGANISATION},C=JP"))?;
    let full_name = DistributionPointName::FullName(vec![GeneralName::DirectoryName(name)]);
    Ok(CrlDistributionPoints(vec![DistributionPoint {
        distribution_point: Some(full_name),
        reasons: None,
        crl_issuer: None,
    }]))
}
