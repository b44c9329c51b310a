//! A folder with cards and what an engine needs to trust them.
//!
//! | file | content |
//! |------|---------|
//! | `trust.pem` | the three roots of user authentication |
//! | `crl.pem` | a revocation list of each whose certificate has not ended |
//! | `cards/<index>-<profile>.toml` | a card |
//! | `cards/<index>-<profile>.memory` | the tries of its passwords, once one was used |

use crate::ca::{CrlSchedule, Generation, RevocationReason, Revoked, to_pem};
use crate::card::CardOrder;
use crate::card_file::CardFile;
use crate::error::CardError;
use crate::issuer::Issuer;
use crate::memory::Memory;
use crate::profile::Profile;
use std::fs;
use std::path::{Path, PathBuf};

/// Most cards that are read from one folder.
pub const CARDS_MAX: usize = 10_000;

/// A card in a folder.
pub struct FiledCard {
    /// Its file.
    pub path: PathBuf,
    /// Seed of its authorities.
    pub seed: u64,
    /// What it is made from.
    pub order: CardOrder,
}

impl FiledCard {
    /// Reads one card's file.
    ///
    /// # Errors
    /// As [`CardFile::read`].
    pub fn read(path: &Path) -> Result<Self, CardError> {
        let (seed, order) = CardFile::read(path)?;
        Ok(Self { path: path.to_owned(), seed, order })
    }

    /// What the card remembers, in the file beside its own.
    ///
    /// # Errors
    /// As [`Memory::open`].
    pub fn memory(&self) -> Result<Memory, CardError> {
        Memory::open(&self.path.with_extension("memory"))
    }
}

/// A folder as above.
pub struct CardFolder(PathBuf);

impl CardFolder {
    /// The folder at this path; it is made when something is written.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Writes a card's file and tells its path. A card that is there already is replaced, with what
    /// it remembered.
    ///
    /// # Errors
    /// [`CardError::File`].
    pub fn add(&self, seed: u64, order: &CardOrder) -> Result<PathBuf, CardError> {
        let name = format!("{}-{}.toml", order.holder.index, order.profile.name());
        let path = self.cards().join(name);
        write(&path, &CardFile::new(seed, order).to_toml()?)?;
        match fs::remove_file(path.with_extension("memory")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(CardError::file(&path, error))
            }
            Err(_) | Ok(()) => Ok(path),
        }
    }

    /// All cards, by file name.
    ///
    /// # Errors
    /// [`CardError::File`], [`CardError::CardFile`], or [`CardError::TooManyCards`].
    pub fn list(&self) -> Result<Vec<FiledCard>, CardError> {
        let folder = self.cards();
        let mut paths = Vec::new();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| CardError::file(&folder, source))?,
        };
        for entry in entries {
            let path = entry.map_err(|source| CardError::file(&folder, source))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                paths.push(path);
            }
            if paths.len() > CARDS_MAX {
                return Err(CardError::TooManyCards);
            }
        }
        paths.sort();
        paths.iter().map(|path| FiledCard::read(path)).collect()
    }

    /// Writes trust anchors and revocation lists. The lists name the cards of this folder whose
    /// profile is [`Profile::Revoked`].
    ///
    /// # Errors
    /// As [`CardFolder::list`], and those of the authority.
    pub fn write_trust(&self, issuer: &Issuer, schedule: CrlSchedule) -> Result<(), CardError> {
        let authority = issuer.authentication();
        let cards = self.list()?;
        let mut lists = String::new();
        let alive = |generation: &Generation| !generation.has_ended(schedule.this_update);
        for generation in Generation::ALL.into_iter().filter(alive) {
            let is_listed = |card: &&FiledCard| {
                let order = &card.order;
                order.profile == Profile::Revoked && order.generation() == generation
            };
            let revoked: Result<Vec<_>, _> = cards
                .iter()
                .filter(is_listed)
                .map(|card| {
                    let reason = RevocationReason::KeyCompromise;
                    let serial = card.order.serial()?;
                    Ok::<_, CardError>(Revoked { serial, at: schedule.this_update, reason })
                })
                .collect();
            let list = authority.revocation_list(generation, schedule, &revoked?)?;
            lists += &to_pem("X509 CRL", &list)?;
        }
        write(&self.0.join("trust.pem"), &authority.trust_anchors_pem()?)?;
        write(&self.0.join("crl.pem"), &lists)
    }

    fn cards(&self) -> PathBuf {
        self.0.join("cards")
    }
}

/// Replaces a file in one step, so that an engine that reads it now never sees half of it.
fn write(path: &Path, content: &str) -> Result<(), CardError> {
    let temporary = path.with_extension("tmp");
    fs::create_dir_all(path.parent().unwrap_or(Path::new("")))
        .and_then(|()| fs::write(&temporary, content))
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|source| CardError::file(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::software::tests::{ISSUER, order};
    use x509_parser::prelude::{CertificateRevocationList, FromDer, Pem};

    #[test]
    fn the_folders_lists_name_its_revoked_cards_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let cards = CardFolder::new(folder.path().join("new"));
        let path = cards.add(1, &order(Profile::Adult)).unwrap();
        cards.add(1, &order(Profile::Revoked)).unwrap();
        let schedule =
            CrlSchedule { number: 1, this_update: 1_795_000_000, next_update: 1_795_086_400 };
        cards.write_trust(&ISSUER, schedule).unwrap();
        let pem = |name| {
            let pem = fs::read(folder.path().join("new").join(name)).unwrap();
            let blocks = Pem::iter_from_buffer(&pem).map(|block| block.unwrap().contents);
            blocks.collect::<Vec<_>>()
        };
        assert_eq!(pem("trust.pem").len(), 3);
        let serials: Vec<Vec<String>> = pem("crl.pem")
            .iter()
            .map(|list| {
                let (_, list) = CertificateRevocationList::from_der(list).unwrap();
                list.iter_revoked_certificates().map(|one| one.serial().to_string()).collect()
            })
            .collect();
        let revoked = order(Profile::Revoked).serial().unwrap().number().to_string();
        assert_eq!(serials, [vec![], vec![revoked]], "the first generation has ended");

        let names: Vec<_> = cards.list().unwrap().iter().map(|card| card.order.profile).collect();
        assert_eq!(names, [Profile::Adult, Profile::Revoked]);
        let card = FiledCard::read(&path).unwrap();
        let issued = ISSUER.card(&card.order).unwrap();
        assert_eq!(issued.serial(), order(Profile::Adult).serial().unwrap());
        assert!(card.memory().is_ok());
    }
}
