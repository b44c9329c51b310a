//! What is kept about My Number cards: whose certificate it is, what its holder agreed to, and
//! every step that was taken with it.

pub(crate) mod record;
mod write;

use crate::change::Table;
use crate::error::StoreError;
use crate::reader::Reader;
use crate::record::{decode_person, with_registrations};
use shikaku_domain::{
    CardCertificateId, Consent, ConsentChoice, Day, Holder, IdentityCheck, InformationType,
    MedicalInstitutionCode, PersonId, QualificationValidity, Registration, TokenKind,
};
use std::ops::ControlFlow;

/// People of one birth date, sex and digest of a name that are looked at; in the whole country a
/// handful are.
const NAMESAKES_MAX: usize = 256;

/// A certificate that belongs to a person from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardBinding {
    /// The certificate.
    pub certificate: CardCertificateId,
    /// Its holder.
    pub person: PersonId,
    /// When it was bound, Unix seconds.
    pub at: u64,
}

/// One step taken with a card at a facility. It is kept for as long as the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardEvent {
    /// Whose card it is.
    pub person: PersonId,
    /// When, Unix seconds.
    pub at: u64,
    /// Where.
    pub facility: MedicalInstitutionCode,
    /// At which device.
    pub device: String,
    /// The certificate that proved it.
    pub certificate: CardCertificateId,
    /// How the holder was recognised.
    pub check: IdentityCheck,
    /// What carried the certificate.
    pub token: TokenKind,
    /// The member of staff who looked (目視確認) or confirmed (初回登録).
    pub staff: Option<String>,
    /// What was done.
    pub action: CardAction,
}

/// What was done with a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardAction {
    /// 初回登録, or the registration of a renewed card: the certificate is the person's.
    Registered,
    /// 資格確認: the facility asked, and the patient answered about consents.
    Asked {
        /// The day asked about.
        on: Day,
        /// What was answered.
        validity: QualificationValidity,
        /// What the patient agreed to, or not.
        consents: ConsentChoice,
    },
    /// A consent was taken back.
    Withdrew(InformationType),
}

impl Reader {
    /// Whose certificate this is.
    ///
    /// # Errors
    /// [`StoreError::CorruptRecord`], or what the disk reports.
    pub fn card_holder(&self, id: CardCertificateId) -> Result<Option<PersonId>, StoreError> {
        let key = record::certificate_key(id);
        let binding =
            self.read(Table::Certificate, &key, |value| record::decode_binding(&key, value))?;
        Ok(binding.map(|binding| binding.person))
    }

    /// Every registration of a person, whichever card it stands under, in the order of their
    /// beginning.
    ///
    /// # Errors
    /// [`StoreError::CorruptRecord`], or what the disk reports.
    pub fn registrations_of(
        &self,
        person: PersonId,
    ) -> Result<Vec<Registration<'static>>, StoreError> {
        let key = person.number().to_be_bytes();
        let memberships = self.read(Table::Person, &key, decode_person)?.unwrap_or_default();
        let mut registrations = Vec::with_capacity(memberships.len());
        let mut seen = Vec::with_capacity(memberships.len());
        for membership in memberships {
            if seen.contains(&membership.card) {
                continue;
            }
            seen.push(membership.card);
            let found = self.read(Table::Entry, membership.card.as_bytes(), |entry| {
                let card = membership.card.parts().ok_or("no such card key")?;
                with_registrations(entry, &card, self.towns(), |all| {
                    let own = all.iter().filter(|one| one.person == person);
                    own.map(|one| one.clone().into_owned()).collect::<Vec<_>>()
                })
            })?;
            registrations.extend(found.unwrap_or_default());
        }
        registrations.sort_by_key(|registration| registration.period.start());
        Ok(registrations)
    }

    /// The registrations of everyone who has these four attributes. Most people have one.
    ///
    /// # Errors
    /// [`StoreError::CorruptRecord`], [`StoreError::NotInMemory`] for a reader of memory only since
    /// a search by name may touch the disk anywhere, or what the disk reports.
    pub fn registrations_of_holder(
        &self,
        holder: &Holder,
    ) -> Result<Vec<Registration<'static>>, StoreError> {
        self.may_scan()?;
        let name = holder.name.expose();
        let prefix = record::holder_prefix(holder.birthdate, holder.sex, name);
        let shard = self.shard(Table::Holder, &prefix)?;
        let (mut persons, mut read) = (Vec::new(), Ok(()));
        shard.scan(Table::Holder, &prefix, &mut |key, _| match record::holder_of(key) {
            Ok(person) => {
                persons.push(person);
                if persons.len() < NAMESAKES_MAX {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            }
            Err(damage) => {
                read = Err(damage);
                ControlFlow::Break(())
            }
        })?;
        read.map_err(|damage| shard.corrupt(Table::Holder, damage))?;
        let mut registrations = Vec::new();
        for person in persons {
            let all = self.registrations_of(person)?;
            registrations.extend(all.into_iter().filter(|one| holder.is(one)));
        }
        Ok(registrations)
    }

    /// Every consent of a person to a facility, withdrawn and expired ones too.
    ///
    /// # Errors
    /// [`StoreError::CorruptRecord`], or what the disk reports.
    pub fn consents(
        &self,
        person: PersonId,
        facility: MedicalInstitutionCode,
    ) -> Result<Vec<Consent>, StoreError> {
        let mut consents = Vec::new();
        for information in InformationType::ALL {
            let key = record::consent_key(person, facility, *information);
            let decode = |value: &[u8]| record::decode_consent(&key, value);
            consents.extend(self.read(Table::Consent, &key, decode)?);
        }
        Ok(consents)
    }

    /// Passes on what was done with a person's cards, oldest first, until `f` breaks.
    ///
    /// # Errors
    /// [`StoreError::CorruptRecord`], or what the disk reports.
    pub fn card_events(
        &self,
        person: PersonId,
        mut f: impl FnMut(CardEvent) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let prefix = person.number().to_be_bytes();
        let shard = self.shard(Table::Event, &prefix)?;
        let mut read = Ok(());
        shard.scan(
            Table::Event,
            &prefix,
            &mut |key, value| match record::decode_event(key, value) {
                Ok(event) => f(event),
                Err(damage) => {
                    read = Err(damage);
                    ControlFlow::Break(())
                }
            },
        )?;
        read.map_err(|damage| shard.corrupt(Table::Event, damage))
    }
}
