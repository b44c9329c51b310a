//! `/v1/card/…`: what a reader asks. The rules are in `shikaku_domain`, challenges and sessions in
//! [`crate::card`]; what changes something is made durable before the answer leaves.

mod answer;
mod consent;
mod register;

pub(super) use answer::*;
pub(super) use consent::*;
pub(super) use register::*;

use super::respond::{self, Body, Problem, observed};
use super::{Worker, peer};
use crate::actors::eligibility::Question;
use crate::card::{CardError, Cards, Presented, Session};
use crate::metrics::Interface;
use crate::problem::EngineError;
use crate::quota::{Cost, Quota};
use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use shikaku_domain::{
    CardCertificateId, CertificateLife, MedicalInstitutionCode, PersonId, may_consent_to,
};
use shikaku_store::{CardAction, CardEvent, Reader};
use shikaku_wire::v1::{
    CertificateState, ChallengeRequest, ChallengeResponse, FieldProblem, SessionRequest,
    SessionResponse, parse_challenge, parse_session,
};
use std::sync::Arc;
use std::time::Instant;

const JSON: &str = "application/json";

pub(super) fn routes(config: &mut ServiceConfig) {
    let post = |path: &str, route| {
        let other = web::to(|| async { respond::method_not_allowed("POST") });
        web::resource(path).route(route).default_service(other)
    };
    let get_only = web::to(|| async { respond::method_not_allowed("GET") });
    let consents = web::resource("/v1/card/consents").route(web::get().to(consents));
    config
        .service(post("/v1/card/challenges", web::post().to(challenge)))
        .service(post("/v1/card/sessions", web::post().to(session)))
        .service(post("/v1/card/registrations", web::post().to(registration)))
        .service(post("/v1/card/eligibility", web::post().to(card_eligibility)))
        .service(post("/v1/card/consents/withdrawals", web::post().to(withdrawal)))
        .service(consents.default_service(get_only));
}

/// What every handler here begins with.
struct Desk<'a> {
    worker: &'a Worker,
    cards: &'a Cards,
    facility: MedicalInstitutionCode,
    quota: &'a Arc<Quota>,
    arrived: Instant,
    /// Unix seconds.
    now: u64,
}

impl<'a> Desk<'a> {
    fn of(
        request: &'a HttpRequest,
        worker: &'a Worker,
        arrived: Instant,
    ) -> Result<Self, EngineError> {
        let peer::Caller { facility, quota } =
            peer::facility(request, &worker.shared, Cost::Question, arrived)?;
        let cards = worker.shared.cards.as_ref().ok_or(CardError::NotConfigured)?;
        let now = worker.shared.clock.unix_seconds();
        Ok(Self { worker, cards, facility, quota, arrived, now })
    }

    async fn ask<Q: Question>(&self, question: Q) -> Result<Q::Answer, EngineError> {
        self.worker.eligibility.ask(question, self.arrived, self.quota).await
    }

    /// The session, and how far its certificate has got by now.
    fn session(&self, id: &str) -> Result<(Session, CertificateLife), EngineError> {
        let session = self.cards.session(self.facility, id, self.now)?;
        let life = session.certificate.life(self.now);
        match life {
            CertificateLife::Expired => Err(CardError::Expired.into()),
            CertificateLife::NotYetValid => Err(CardError::NotYetValid.into()),
            CertificateLife::Valid
            | CertificateLife::ExpiresSoon
            | CertificateLife::Grace { .. } => Ok((session, life)),
        }
    }

    /// Whose card the session's is.
    async fn holder(&self, session: &Session) -> Result<Option<PersonId>, EngineError> {
        self.ask(HolderOf(session.certificate.id)).await
    }

    /// Returns when the event is on disk.
    async fn record(
        &self,
        person: PersonId,
        session: Session,
        staff: Option<String>,
        action: CardAction,
    ) -> Result<(), EngineError> {
        let event = CardEvent {
            person,
            at: self.now,
            facility: self.facility,
            device: session.device,
            certificate: session.certificate.id,
            check: session.check,
            token: session.token,
            staff: staff.or(session.confirmed_by),
            action,
        };
        self.worker.shared.recorder.record(event).await
    }
}

/// Whose certificate is this?
struct HolderOf(CardCertificateId);

impl Question for HolderOf {
    type Answer = Option<PersonId>;

    fn answer(&self, reader: &Reader) -> Result<Self::Answer, EngineError> {
        Ok(reader.card_holder(self.0)?)
    }
}

/// Does the work of a handler at the desk of the facility that calls: counted and timed, an error
/// as its problem.
async fn at_desk(
    request: &HttpRequest,
    worker: &Worker,
    work: impl AsyncFnOnce(Desk<'_>) -> Result<HttpResponse, EngineError>,
) -> HttpResponse {
    let arrived = Instant::now();
    let work = async { work(Desk::of(request, worker, arrived)?).await };
    observed(worker, Interface::Card, arrived, work).await
}

/// The same with what `parse` makes of a JSON body.
async fn posted<Q>(
    request: &HttpRequest,
    worker: &Worker,
    Body(body): Body,
    parse: fn(&[u8]) -> Result<Q, Vec<FieldProblem>>,
    work: impl AsyncFnOnce(Desk<'_>, Q) -> Result<HttpResponse, EngineError>,
) -> HttpResponse {
    at_desk(request, worker, async |desk| {
        if !respond::has_content_type(request, JSON) {
            return Err(EngineError::ContentType { expected: JSON });
        }
        let question = parse(&body?).map_err(EngineError::Fields)?;
        work(desk, question).await
    })
    .await
}

fn json(status: StatusCode, answer: &impl Serialize) -> Result<HttpResponse, EngineError> {
    let body = serde_json::to_vec(answer).map_err(|_| EngineError::Fault)?;
    let mut response = respond::ok(JSON, body);
    *response.status_mut() = status;
    Ok(response)
}

/// A challenge for the card on a device.
///
/// It is good once, for this device, for a minute.
#[utoipa::path(
    post,
    path = "/v1/card/challenges",
    tag = "cards",
    request_body = ChallengeRequest,
    responses(
        (status = 201, body = ChallengeResponse, description = "The challenge"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The client certificate is not a facility's"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Fields are wrong; `fields` lists each"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Overloaded; ask again after Retry-After"),
    )
)]
pub(super) async fn challenge(
    request: HttpRequest,
    worker: web::Data<Worker>,
    body: Body,
) -> HttpResponse {
    posted(&request, &worker, body, parse_challenge, async |desk, device| {
        let challenge = desk.cards.challenge(desk.facility, &device, desk.now)?;
        let bytes = STANDARD.encode(challenge.bytes);
        let answer = ChallengeResponse::new(bytes, challenge.id, challenge.expires);
        json(StatusCode::CREATED, &answer)
    })
    .await
}

/// Opens a session for the holder of the card.
///
/// The challenge is spent whatever comes of it. The certificate must come from a trusted authority,
/// be made for user authentication, be valid or in its three months of grace, and not be revoked.
#[utoipa::path(
    post,
    path = "/v1/card/sessions",
    tag = "cards",
    request_body = SessionRequest,
    responses(
        (status = 201, body = SessionResponse, description = "The session"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The card is refused: SHK-CRD-003 to 007, 013"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The challenge is refused: SHK-CRD-009 to 012"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Fields are wrong, or the certificate cannot be read"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Overloaded, or revocation cannot be checked (SHK-CRD-008)"),
    )
)]
pub(super) async fn session(
    request: HttpRequest,
    worker: web::Data<Worker>,
    body: Body,
) -> HttpResponse {
    posted(&request, &worker, body, parse_session, async |desk, question| {
        let presented = Presented {
            challenge_id: &question.challenge_id,
            device: &question.device,
            certificate: &question.certificate,
            signature: &question.signature,
            check: question.check,
            token: question.token,
            confirmed_by: question.confirmed_by,
        };
        let open = desk.cards.open_session(desk.facility, presented, desk.now)?;
        let life = open.session.certificate.life(desk.now);
        let not_after = open.session.certificate.validity.1;
        let state = CertificateState::new(life, not_after).ok_or(CardError::Expired)?;
        let is_registered = desk.holder(&open.session).await?.is_some();
        let may_consent = may_consent_to(life);
        let answer = SessionResponse::new(open.id, open.expires, state, is_registered, may_consent);
        json(StatusCode::CREATED, &answer)
    })
    .await
}
