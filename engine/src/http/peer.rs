//! Who is at the other end of the connection: the client certificate says so, once a connection.

use super::Shared;
use crate::identity::{ClientCertificate, Identity};
use crate::problem::EngineError;
use crate::quota::{Connection, Cost, Quota, Quotas};
use crate::tls::TlsReloader;
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use shikaku_domain::{InsurerNumber, MedicalInstitutionCode};
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

/// The connection's peer, if its certificate names one.
struct Peer {
    certificate: Option<ClientCertificate>,
    /// Of a facility.
    connection: Option<Connection>,
}

impl Peer {
    fn new(certificate: Option<ClientCertificate>, quotas: &Quotas) -> Self {
        let identity = certificate.as_ref().map(|certificate| &certificate.identity);
        let connection = match identity {
            Some(Identity::Facility(code)) => Some(quotas.connect(*code)),
            Some(Identity::Insurer(_) | Identity::Operator(_)) | None => None,
        };
        Self { certificate, connection }
    }
}

/// Reads the client certificate of each new connection; for `HttpServer::on_connect`.
pub fn remember_peer(quotas: Arc<Quotas>) -> impl Fn(&dyn Any, &mut Extensions) {
    move |connection, data| {
        let stream = connection.downcast_ref::<TlsStream<TcpStream>>();
        let chain = stream.and_then(|stream| stream.get_ref().1.peer_certificates());
        let certificate = chain.and_then(|chain| chain.first());
        let certificate = certificate.and_then(|der| ClientCertificate::parse(der).ok());
        data.insert(Peer::new(certificate, &quotas));
    }
}

/// Who asks, still allowed to: the connection may be older than a revocation or an expiry.
fn identity<'r>(
    request: &'r HttpRequest,
    tls: &TlsReloader,
) -> Result<(&'r Identity, &'r Peer), EngineError> {
    let peer = request.conn_data::<Peer>().ok_or(EngineError::UnknownIdentity)?;
    let certificate = peer.certificate.as_ref().ok_or(EngineError::UnknownIdentity)?;
    tls.admits(certificate)?;
    Ok((&certificate.identity, peer))
}

/// The facility that asks.
pub(super) struct Caller<'r> {
    /// What its certificate says.
    pub(super) facility: MedicalInstitutionCode,
    /// What it has taken of the engine.
    pub(super) quota: &'r Arc<Quota>,
}

/// The facility that asks, let in by its quota.
///
/// # Errors
/// [`EngineError::WrongRole`] for other roles, [`EngineError::UnknownIdentity`] for none,
/// [`EngineError::Client`] for a certificate that is not valid any more, and as
/// [`Connection::admit`].
pub(super) fn facility<'r>(
    request: &'r HttpRequest,
    shared: &Shared,
    cost: Cost,
    arrived: Instant,
) -> Result<Caller<'r>, EngineError> {
    match identity(request, &shared.tls)? {
        (Identity::Facility(code), Peer { connection: Some(connection), .. }) => {
            let quota = connection.admit(cost, arrived)?;
            Ok(Caller { facility: *code, quota })
        }
        _ => Err(EngineError::WrongRole { needed: "facility" }),
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
    match identity(request, &shared.tls)?.0 {
        Identity::Operator(_) => Ok(Sender::Operator),
        Identity::Insurer(number) => Ok(Sender::Insurer(*number)),
        Identity::Facility(_) => Err(EngineError::WrongRole { needed: "insurer" }),
    }
}

/// Lets an operator pass.
///
/// # Errors
/// As [`facility`].
pub(super) fn operator(request: &HttpRequest, shared: &Shared) -> Result<(), EngineError> {
    match sender(request, shared)? {
        Sender::Operator => Ok(()),
        Sender::Insurer(_) => Err(EngineError::WrongRole { needed: "operator" }),
    }
}
