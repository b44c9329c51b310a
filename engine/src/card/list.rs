//! One revocation list of a card authority.

use super::trust::Anchor;
use super::{CardError, TrustError};
use std::collections::HashSet;
use std::path::Path;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Extension};

/// What an authority has revoked: all of its certificates, or those of one distribution point.
pub(super) struct RevocationList {
    /// Names of the point in DER, directory names as cards have them; empty for a whole list.
    points: Vec<Vec<u8>>,
    next_update: u64,
    revoked: HashSet<u64>,
}

impl RevocationList {
    /// Reads a list and finds which of the authorities has signed it.
    pub(super) fn parse(
        path: &Path,
        der: &[u8],
        anchors: &[Anchor],
    ) -> Result<(usize, Self), TrustError> {
        let unusable = || TrustError::NotAList(path.to_owned());
        let (_, list) = CertificateRevocationList::from_der(der).map_err(|_| unusable())?;
        let issued = seconds(list.last_update().timestamp());
        let (message, signature) = (list.tbs_cert_list.as_ref(), &list.signature_value.data);
        let key_id = list.extensions().iter().find_map(authority_key_id);
        let signed_by = |anchor: &Anchor| {
            list.signature_algorithm == list.tbs_cert_list.signature
                && anchor.may_have_issued(list.issuer().as_raw(), key_id, issued)
                && anchor.has_signed(&list.signature_algorithm, message, signature)
        };
        let issuer = anchors.iter().position(signed_by);
        let issuer = issuer.ok_or_else(|| TrustError::ListOfAnother(path.to_owned()))?;
        let mut points = Vec::new();
        for extension in list.extensions() {
            if let ParsedExtension::IssuingDistributionPoint(point) = extension.parsed_extension() {
                points = point.distribution_point.iter().flat_map(directory_names).collect();
                let names_none = points.is_empty() && point.distribution_point.is_some();
                if point.indirect_crl || point.only_some_reasons.is_some() || names_none {
                    return Err(unusable());
                }
            } else if extension.critical {
                // A delta list, or something else that changes what the list means.
                return Err(unusable());
            }
        }
        let revoked = list.iter_revoked_certificates();
        let revoked = revoked.filter_map(|entry| super::certificate::serial(entry.raw_serial()));
        // A list without a date for the next is never trusted for longer than the grace period.
        let next_update = list.next_update().unwrap_or(list.last_update());
        Ok((
            issuer,
            Self {
                points,
                next_update: seconds(next_update.timestamp()),
                revoked: revoked.collect(),
            },
        ))
    }

    /// Whether the list speaks of certificates with these distribution points.
    pub(super) fn covers(&self, points: &[Vec<u8>]) -> bool {
        self.points.is_empty() || self.points.iter().any(|own| points.contains(own))
    }

    /// Whether the next list is not due before this moment.
    pub(super) const fn is_fresh(&self, due: u64) -> bool {
        self.next_update >= due
    }

    pub(super) fn check(&self, serial: u64, due: u64) -> Result<(), CardError> {
        // A certificate that even an old list names is revoked: no revocation is ever lifted.
        if self.revoked.contains(&serial) {
            return Err(CardError::Revoked);
        }
        if self.is_fresh(due) { Ok(()) } else { Err(CardError::RevocationUnknown) }
    }
}

fn authority_key_id<'a>(extension: &'a X509Extension<'_>) -> Option<&'a [u8]> {
    let ParsedExtension::AuthorityKeyIdentifier(id) = extension.parsed_extension() else {
        return None;
    };
    id.key_identifier.as_ref().map(|id| id.0)
}

/// The directory names of a point in DER. Cards name no URI (card §3).
pub(super) fn directory_names<'a>(
    point: &'a DistributionPointName<'_>,
) -> impl Iterator<Item = Vec<u8>> + use<'a> {
    let names = match point {
        DistributionPointName::FullName(names) => names.as_slice(),
        DistributionPointName::NameRelativeToCRLIssuer(_) => &[],
    };
    names.iter().filter_map(|name| {
        let GeneralName::DirectoryName(name) = name else { return None };
        Some(name.as_raw().to_vec())
    })
}

fn seconds(timestamp: i64) -> u64 {
    u64::try_from(timestamp).unwrap_or(0)
}
