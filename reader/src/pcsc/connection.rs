//! PC/SC as a way to a card.

use std::ffi::CString;

use pcsc::{
    Card, Context, Disposition, Error, MAX_BUFFER_SIZE_EXTENDED, Protocols, Scope, ShareMode,
};
use zeroize::{Zeroize, Zeroizing};

use super::worker::Connector;
use crate::card_protocol::CardTransport;
use crate::session::CardFailure;

/// Connects to whatever card lies in one reader.
pub(super) struct PcscConnector {
    reader: CString,
    context: Option<Context>,
}

impl PcscConnector {
    pub(super) const fn new(reader: CString) -> Self {
        Self { reader, context: None }
    }

    fn connected(&mut self) -> Result<Card, Error> {
        let context = match &self.context {
            Some(context) if context.is_valid().is_ok() => context,
            // pcscd was restarted, or this is the first time.
            _ => self.context.insert(Context::establish(Scope::User)?),
        };
        context.connect(&self.reader, ShareMode::Exclusive, Protocols::ANY)
    }
}

impl Connector for PcscConnector {
    fn connect(&mut self) -> Result<Box<dyn CardTransport>, CardFailure> {
        let card = self.connected().map_err(failure)?;
        // Always the largest: a card whose answer does not fit has carried the command out all the
        // same, and PC/SC libraries then tempt to send it again (card §4.4).
        let buffer = Zeroizing::new(vec![0; MAX_BUFFER_SIZE_EXTENDED]);
        Ok(Box::new(Exclusive { card: Some(card), buffer }))
    }
}

/// A card that nobody else can talk to.
struct Exclusive {
    /// Empty only while it is dropped.
    card: Option<Card>,
    buffer: Zeroizing<Vec<u8>>,
}

impl CardTransport for Exclusive {
    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFailure> {
        let card = self.card.as_ref().ok_or(CardFailure::Removed)?;
        let response = card.transmit(command, &mut self.buffer).map_err(failure)?;
        let response = Zeroizing::new(response.to_vec());
        if let Some(used) = self.buffer.get_mut(..response.len()) {
            used.zeroize();
        }
        Ok(response)
    }
}

impl Drop for Exclusive {
    fn drop(&mut self) {
        // A reset would leave the PIN's status behind for the next program (card §1.2).
        if let Some(card) = self.card.take()
            && let Err((card, _)) = card.disconnect(Disposition::UnpowerCard)
        {
            // It is gone already; resetting what is not there would only take time.
            drop(card);
        }
    }
}

/// What it means for the patient. Whatever is not named means that the card, the reader or pcscd
/// left, and what the patient has to do is the same.
fn failure(error: Error) -> CardFailure {
    const UNUSABLE: [Error; 5] = [
        Error::UnresponsiveCard,
        Error::UnsupportedCard,
        Error::ProtoMismatch,
        Error::InvalidAtr,
        Error::InsufficientBuffer,
    ];
    if error == Error::SharingViolation {
        CardFailure::ReaderBusy
    } else if UNUSABLE.contains(&error) {
        CardFailure::Malformed
    } else {
        CardFailure::Removed
    }
}
