//! TLS with client certificates: who may connect, decided before a byte of HTTP is read.
//!
//! A client must present a certificate for client authentication that one of the configured
//! authorities signed, that is valid now and that no revocation list names. Certificates, keys
//! and lists are read from files and swapped while running by [`TlsReloader::reload`].
//!
//! **Resumption.** A resumed session skips the check of the certificate. Three things keep a
//! revoked or expired client from coming back that way:
//! 1. ticket keys live and die with the loaded files: after a reload no older ticket is accepted;
//! 2. they die after [`TICKET_EPOCH_SECONDS`] in any case, without overlap, so that a chain of
//!    resumptions ends in a full handshake;
//! 3. nothing is kept by session id.
//!
//! **Open connections** outlive a reload, and a client whose certificate was checked just before
//! one may still get a ticket just after it: call [`TlsReloader::admits`] for each request.

mod error;
mod load;
mod tickets;

pub use error::{ClientRefusal, TlsError};
pub use load::{CRL_BYTES_MAX, PEM_BYTES_MAX};
pub use tickets::TICKET_EPOCH_SECONDS;

use crate::clock::Clock;
use crate::identity::ClientCertificate;
use arc_swap::{ArcSwap, Guard};
use load::Loaded;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Tickets sent after a full handshake. Each costs the server about 10 us; a client needs one.
const TLS13_TICKETS: usize = 1;
const SECONDS_PER_DAY: i64 = 86_400;
/// How long a late revocation list still serves, unless configured otherwise.
pub const CRL_GRACE_HOURS: u32 = 24;

/// The files of one listener, all in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, followed by intermediate ones.
    pub certificate: PathBuf,
    /// The private key of the server's certificate.
    pub key: PathBuf,
    /// The authorities whose client certificates are accepted.
    pub client_ca: PathBuf,
    /// One revocation list of each authority; without a file nobody is ever revoked.
    pub crl: Option<PathBuf>,
    /// Hours after a list's next-update during which it still serves, with a warning. Afterwards
    /// no client is accepted: who has been revoked since cannot be known.
    pub crl_grace_hours: u32,
}

/// How fresh the revocation list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrlStatus {
    /// None is configured.
    None,
    /// The next one is due in so many seconds.
    Current {
        /// Until next-update.
        seconds_left: u64,
    },
    /// The next one is overdue; clients are still accepted. Someone must act.
    Late {
        /// Until clients are refused.
        seconds_left: u64,
    },
    /// Overdue beyond the grace period: no client is accepted.
    Expired,
}

/// Holds the listener's configuration and swaps what it stands on.
#[derive(Debug)]
pub struct TlsReloader {
    files: TlsFiles,
    shared: Arc<Shared>,
    config: Arc<ServerConfig>,
}

impl TlsReloader {
    /// Reads and checks the files.
    ///
    /// # Errors
    /// [`TlsError`], which names the file and says what to do.
    pub fn new(files: TlsFiles, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let loaded = load::load(&files, &provider, clock.unix_seconds())?;
        let shared = Arc::new(Shared {
            current: ArcSwap::from_pointee(loaded),
            clock,
            algorithms: provider.signature_verification_algorithms,
        });
        let config = Arc::new(server_config(&shared, provider)?);
        let reloader = Self { files, shared, config };
        reloader.warn();
        Ok(reloader)
    }

    /// The configuration for the listener. It follows every reload.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Reads the files again and uses them for every handshake from now on. Sessions cannot be
    /// resumed across a reload. On an error everything stays as it was.
    ///
    /// # Errors
    /// As [`TlsReloader::new`].
    pub fn reload(&self) -> Result<(), TlsError> {
        let now = self.shared.clock.unix_seconds();
        let loaded = load::load(&self.files, self.config.crypto_provider(), now)?;
        self.shared.current.store(Arc::new(loaded));
        self.warn();
        Ok(())
    }

    /// Whether a client that is already connected may go on: for each request, since a connection
    /// or a resumed session may be older than the revocation or expiry of its certificate. About
    /// 70 ns. A connection of an authority that a reload removed is not noticed.
    ///
    /// # Errors
    /// [`ClientRefusal`]: answer with its text and close the connection.
    pub fn admits(&self, client: &ClientCertificate) -> Result<(), ClientRefusal> {
        let now = self.shared.clock.unix_seconds();
        let loaded = self.shared.current();
        if now > client.not_after {
            return Err(ClientRefusal::Expired);
        }
        if loaded.crl_status(now) == CrlStatus::Expired {
            return Err(ClientRefusal::RevocationUnknown);
        }
        if loaded.is_revoked(&client.id) {
            return Err(ClientRefusal::Revoked);
        }
        Ok(())
    }

    /// Whole days until the server's certificate expires; negative when it has.
    #[must_use]
    pub fn days_left(&self) -> i64 {
        let seconds = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        let now = seconds(self.shared.clock.unix_seconds());
        let left = seconds(self.shared.current().server_not_after).saturating_sub(now);
        left.div_euclid(SECONDS_PER_DAY)
    }

    /// How fresh the revocation list is now.
    #[must_use]
    pub fn crl_status(&self) -> CrlStatus {
        let now = self.shared.clock.unix_seconds();
        self.shared.current().crl_status(now)
    }

    fn warn(&self) {
        if let CrlStatus::Late { seconds_left } = self.crl_status() {
            tracing::warn!(
                seconds_left,
                "The certificate revocation list is overdue; all clients will be refused unless it is renewed."
            );
        }
        if self.files.crl.is_none() {
            tracing::warn!("No certificate revocation list is configured; nobody can be revoked.");
        }
    }
}

fn server_config(
    shared: &Arc<Shared>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_details(provider, Arc::clone(shared) as _)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsError::Library)?
        .with_client_cert_verifier(Arc::clone(shared) as _)
        .with_cert_resolver(Arc::clone(shared) as _);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = TLS13_TICKETS;
    config.ticketer = Arc::clone(shared) as _;
    // TLS 1.2 sessions kept by id would survive a reload.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

/// What the library asks for during handshakes, always answered from the files loaded last.
struct Shared {
    current: ArcSwap<Loaded>,
    clock: Arc<dyn Clock>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Shared {
    // HOT PATH: no lock, and no count that workers share.
    fn current(&self) -> Guard<Arc<Loaded>> {
        self.current.load()
    }

    /// Ticket keys, unless nobody may be let in at all.
    fn with_tickets<T>(&self, f: impl FnOnce(&dyn ProducesTickets, u64) -> T) -> Option<T> {
        let now = self.clock.unix_seconds();
        let loaded = self.current();
        if loaded.crl_status(now) == CrlStatus::Expired {
            return None;
        }
        let (keys, seconds_left) = loaded.tickets.at(now)?;
        Some(f(&*keys, seconds_left))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared(***)")
    }
}

impl TimeProvider for Shared {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = Duration::from_secs(self.clock.unix_seconds());
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}

impl ResolvesServerCert for Shared {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().server))
    }
}

impl ProducesTickets for Shared {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.with_tickets(|_, seconds_left| u32::try_from(seconds_left).unwrap_or(u32::MAX))
            .unwrap_or(0)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.with_tickets(|keys, _| keys.encrypt(plain)).flatten()
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.with_tickets(|keys, _| keys.decrypt(cipher)).flatten()
    }
}

impl ClientCertVerifier for Shared {
    /// No hints: the list would have to outlive a reload that changes it, and without hints a
    /// client offers the certificate it has.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let loaded = self.current();
        let verified = if loaded.crl_status(now.as_secs()) == CrlStatus::Expired {
            Err(CertificateError::ExpiredRevocationList.into())
        } else {
            loaded.clients.verify_client_cert(end_entity, intermediates, now)
        };
        // The client gets an alert of one word; whoever helps it looks here.
        verified.inspect_err(|error| {
            let client = ClientCertificate::parse(end_entity).ok();
            let serial = client.as_ref().map_or("unreadable", |client| &client.serial);
            let holder = client.as_ref().map(|client| client.identity.to_string());
            tracing::info!(serial, holder, %error, "Refused a client certificate.");
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
