//! Who has a registered My Number card, and which certificate it bears.

use super::files::{CARDS_FILE, Encoding, remove_if_there, write_file};
use super::rng::{Rng, Stream};
use super::{BLOCK, Population, PopulationError};
use shikaku_card::CardError;
use shikaku_card::ca::{Authority, Generation, Purpose, Serial};
use shikaku_domain::{CardCertificateId, Registration};
use shikaku_wire::members::CardWriter;
use std::path::Path;

/// The root that issues cards today.
const GENERATION: Generation = Generation::Third;

/// Whether the person with this index has a registered card, when so many percent have.
#[must_use]
pub fn has_card(seed: u64, index: u64, percent: u8) -> bool {
    Rng::new(seed, Stream::Holders, index).below(100) < u32::from(percent)
}

/// The certificate of the person with this index: its authority is the synthetic one of this key
/// identifier, its serial number that of [`Serial::of_person`] without renewals.
///
/// # Errors
/// As [`Serial::of_person`].
pub fn card_certificate(authority: u32, index: u64) -> Result<CardCertificateId, CardError> {
    let serial = Serial::of_person(index, 0)?.number().into();
    Ok(CardCertificateId { authority, serial })
}

/// Writes the cards of a share of the people into a directory; no file when it is nobody's.
pub(super) fn write(
    population: &Population,
    directory: &Path,
    encoding: Encoding,
    percent: u8,
) -> Result<(), PopulationError> {
    let path = directory.join(CARDS_FILE);
    remove_if_there(&path)?;
    if percent == 0 {
        return Ok(());
    }
    let seed = population.spec().seed;
    let root = Authority::new(seed, Purpose::UserAuthentication)?;
    let authority = root.key_identifier(GENERATION)?;
    let mut refused = None;
    let written = write_file(&path, |out| {
        let mut writer = CardWriter::new(out, encoding.code())?;
        for block in 0..population.blocks() {
            for (index, person) in (block * BLOCK..).zip(population.block(block)) {
                let Some(latest) = latest(&person) else { continue };
                if !has_card(seed, index, percent) {
                    continue;
                }
                match card_certificate(authority, index) {
                    Ok(certificate) => writer.write(certificate, &latest.card)?,
                    Err(error) => {
                        refused = Some(error);
                        return Err(std::io::Error::other("no certificate").into());
                    }
                }
            }
        }
        writer.finish().map(|_| ())
    });
    match refused {
        Some(error) => Err(error.into()),
        None => written,
    }
}

fn latest<'r>(person: &'r [Registration<'static>]) -> Option<&'r Registration<'static>> {
    person.iter().max_by_key(|registration| registration.period.start())
}
