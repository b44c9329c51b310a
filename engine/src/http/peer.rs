//! Who is at the other end of the connection: the client certificate says so, once a connection.

use super::Shared;
use crate::identity::{ClientCertificate, Identity};
use crate::problem::EngineError;
use crate::tls::TlsReloader;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use shikaku_domain::{InsurerNumber, MedicalInstitutionCode};
use std::any::Any;

/// The connection's peer, if its certificate names one.
struct Peer(Option<ClientCertificate>);

/// Reads the client certificate of a new connection; for `HttpServer::on_connect`.
pub fn remember_peer(connection: &dyn Any, data: &mut Extensions) {
    let stream = connection.downcast_ref::<TlsStream<TcpStream>>();
    let chain = stream.and_then(|stream| stream.get_ref().1.peer_certificates());
    let certificate = chain.and_then(|chain| chain.first());
    data.insert(Peer(certificate.and_then(|der| ClientCertificate::parse(der).ok())));
}

/// Who asks, still allowed to: the connection may be older than a revocation or an expiry.
fn identity<'r>(request: &'r HttpRequest, tls: &TlsReloader) -> Result<&'r Identity, EngineError> {
    let peer = request.conn_data::<Peer>().and_then(|peer| peer.0.as_ref());
    let peer = peer.ok_or(EngineError::UnknownIdentity)?;
    tls.admits(peer)?;
    Ok(&peer.identity)
}

/// The facility that asks.
///
/// # Errors
/// [`EngineError::WrongRole`] for other roles, [`EngineError::UnknownIdentity`] for none,
/// [`EngineError::Client`] for a certificate that is not valid any more.
pub(super) fn facility(
    request: &HttpRequest,
    shared: &Shared,
) -> Result<MedicalInstitutionCode, EngineError> {
    match identity(request, &shared.tls)? {
        Identity::Facility(code) => Ok(*code),
        Identity::Insurer(_) | Identity::Operator(_) => {
            Err(EngineError::WrongRole { needed: "facility" })
        }
    }
}

/// Who may send files of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// For its own members.
    Insurer(InsurerNumber),
    /// For everyone's, and the list of insurers.
    Operator,
}

/// The insurer or operator that sends.
///
/// # Errors
/// As [`facility`].
pub(super) fn sender(request: &HttpRequest, shared: &Shared) -> Result<Sender, EngineError> {
    match identity(request, &shared.tls)? {
        Identity::Operator(_) => Ok(Sender::Operator),
        Identity::Insurer(number) => Ok(Sender::Insurer(*number)),
        Identity::Facility(_) => Err(EngineError::WrongRole { needed: "insurer" }),
    }
}
