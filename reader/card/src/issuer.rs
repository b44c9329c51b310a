//! Everyone who signs something on a card, under one seed.

use crate::CardError;
use crate::ca::{Authority, Purpose};
use crate::cv::CvAuthority;
use crate::terminal::TerminalAuthority;

const SURFACE_ROOT_KIND: &[u8; 6] = b"000023";
const SURFACE_SIGNER_KIND: &[u8; 6] = b"000024";
const TEXT_ROOT_KIND: &[u8; 6] = b"000033";
const TEXT_SIGNER_KIND: &[u8; 6] = b"000034";

/// Makes cards: all authorities of one seed. Making it takes about half a second.
pub struct Issuer {
    pub(crate) seed: u64,
    pub(crate) authentication: Authority,
    pub(crate) signature: Authority,
    pub(crate) surface: CvSigner,
    pub(crate) text: CvSigner,
    pub(crate) terminals: TerminalAuthority,
}

/// Modulus of the authority under a seed whose cards' photographs may be believed.
///
/// # Errors
/// As [`crate::CardKey::from_seed`].
pub fn photo_authority(seed: u64) -> Result<Vec<u8>, CardError> {
    Ok(CvAuthority::new(seed, SURFACE_ROOT_KIND, 0)?.key.modulus())
}

/// A key that signs the contents of an application, and its certificate.
pub(crate) struct CvSigner {
    pub(crate) authority: CvAuthority,
    pub(crate) certificate: Vec<u8>,
}

impl CvSigner {
    fn new(seed: u64, root: &[u8; 6], signer: &[u8; 6]) -> Result<Self, CardError> {
        let authority = CvAuthority::new(seed, signer, 0)?;
        let certificate = CvAuthority::new(seed, root, 0)?.certify(&authority)?;
        Ok(Self { authority, certificate })
    }
}

impl Issuer {
    /// Everyone under this seed.
    ///
    /// # Errors
    /// As [`crate::CardKey::from_seed`].
    pub fn new(seed: u64) -> Result<Self, CardError> {
        Ok(Self {
            seed,
            authentication: Authority::new(seed, Purpose::UserAuthentication)?,
            signature: Authority::new(seed, Purpose::DigitalSignature)?,
            surface: CvSigner::new(seed, SURFACE_ROOT_KIND, SURFACE_SIGNER_KIND)?,
            text: CvSigner::new(seed, TEXT_ROOT_KIND, TEXT_SIGNER_KIND)?,
            terminals: TerminalAuthority::new(seed)?,
        })
    }

    /// The tree whose certificates eligibility is asked with.
    #[must_use]
    pub const fn authentication(&self) -> &Authority {
        &self.authentication
    }

    /// The authority of SIM-TA terminals.
    #[must_use]
    pub const fn terminals(&self) -> &TerminalAuthority {
        &self.terminals
    }
}
