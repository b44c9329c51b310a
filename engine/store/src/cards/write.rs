//! Making what happened with cards durable, many at a time: one wait for the disk serves all.

use super::record::{
    certificate_key, consent_key, decode_consent, encode_binding, encode_consent, encode_event,
    event_key,
};
use super::{CardAction, CardBinding, CardEvent};
use crate::change::{Change, OperationId, Position, Table};
use crate::error::StoreError;
use crate::log::ChangeLog;
use crate::progress::{FileId, FileProgress};
use crate::reader::Reader;
use crate::shard::ApplyChanges;
use crate::writer::{BatchSummary, Writer, check_count};
use shikaku_domain::{Consent, InformationType};
use std::collections::BTreeMap;

impl<L: ChangeLog> Writer<L> {
    /// Makes events and what follows from them durable: registrations bind certificates, answers
    /// about consents become consents. At most [`crate::BATCH_CHANGES_MAX`], applied in order.
    ///
    /// # Errors
    /// As [`Writer::submit`].
    pub fn record_cards(
        &mut self,
        operation: OperationId,
        events: &[CardEvent],
        shards: &dyn ApplyChanges,
    ) -> Result<Position, StoreError> {
        check_count(events.len())?;
        if let Some(repeated) = self.prepare(&operation, shards)? {
            return Ok(repeated.position);
        }
        let mut rows = Rows { reader: &self.reader, changed: BTreeMap::new() };
        for event in events {
            rows.take(event)?;
        }
        let changes = rows.into_changes();
        self.commit(operation, changes, shards)
    }

    /// Binds certificates to persons, as a file says. At most [`crate::BATCH_CHANGES_MAX`].
    ///
    /// # Errors
    /// As [`Writer::submit`].
    pub fn bind_cards(
        &mut self,
        operation: OperationId,
        bindings: &[CardBinding],
        (file, progress): (&FileId, &FileProgress),
        shards: &dyn ApplyChanges,
    ) -> Result<BatchSummary, StoreError> {
        check_count(bindings.len())?;
        if let Some(repeated) = self.prepare(&operation, shards)? {
            return Ok(repeated);
        }
        let mut summary = BatchSummary::default();
        let mut changes = Vec::with_capacity(bindings.len() + 1);
        for binding in bindings {
            match self.reader.card_holder(binding.certificate)? {
                Some(holder) if holder == binding.person => {
                    summary.unchanged += 1;
                    continue;
                }
                Some(_) => summary.changed += 1,
                None => summary.added += 1,
            }
            changes.push(bind(binding));
        }
        changes.push(Change::progress(file, &progress.with(&summary)));
        summary.position = self.commit(operation, changes, shards)?;
        Ok(summary)
    }
}

fn bind(binding: &CardBinding) -> Change {
    Change {
        table: Table::Certificate,
        key: Box::new(certificate_key(binding.certificate)),
        value: Some(encode_binding(binding)),
    }
}

/// The rows that a group of events puts, the last of each key.
struct Rows<'r> {
    reader: &'r Reader,
    changed: BTreeMap<(Table, Box<[u8]>), Vec<u8>>,
}

impl Rows<'_> {
    fn take(&mut self, event: &CardEvent) -> Result<(), StoreError> {
        match event.action {
            CardAction::Registered => {
                let CardEvent { person, at, certificate, .. } = *event;
                let row = encode_binding(&CardBinding { certificate, person, at });
                self.put(Table::Certificate, &certificate_key(certificate), row);
            }
            CardAction::Asked { consents, .. } => {
                for (information, yes) in consents.iter() {
                    match yes {
                        true => self.give(event, information),
                        false => self.withdraw(event, information)?,
                    }
                }
            }
            CardAction::Withdrew(information) => self.withdraw(event, information)?,
        }
        let record = encode_event(event);
        self.put(Table::Event, &event_key(event, &record), record);
        Ok(())
    }

    fn give(&mut self, event: &CardEvent, information: InformationType) {
        let key = consent_key(event.person, event.facility, information);
        let consent = Consent { information, given: event.at, withdrawn: None };
        self.put(Table::Consent, &key, encode_consent(&consent));
    }

    fn withdraw(
        &mut self,
        event: &CardEvent,
        information: InformationType,
    ) -> Result<(), StoreError> {
        let key = consent_key(event.person, event.facility, information);
        let decode = |value: &[u8]| decode_consent(&key, value);
        let stored = match self.changed.get(&(Table::Consent, key.into())) {
            Some(row) => decode(row).ok(),
            None => self.reader.read(Table::Consent, &key, decode)?,
        };
        if let Some(consent) = stored.filter(|consent| consent.withdrawn.is_none()) {
            let withdrawn = Consent { withdrawn: Some(event.at), ..consent };
            self.put(Table::Consent, &key, encode_consent(&withdrawn));
        }
        Ok(())
    }

    fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.changed.insert((table, key.into()), value);
    }

    fn into_changes(self) -> Vec<Change> {
        let change = |((table, key), value)| Change { table, key, value: Some(value) };
        self.changed.into_iter().map(change).collect()
    }
}
