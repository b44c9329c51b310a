//! Looking at consents and taking them back.

use super::super::Worker;
use super::super::respond::{Body, Problem};
use super::{Desk, at_desk, json, posted};
use crate::actors::eligibility::Question;
use crate::card::CardError;
use crate::problem::EngineError;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use shikaku_domain::{Consent, MedicalInstitutionCode, PersonId};
use shikaku_store::{CardAction, Reader};
use shikaku_wire::v1::{ConsentState, ConsentsResponse, WithdrawalRequest, parse_withdrawal};

/// What has this person agreed to at this facility?
struct ConsentsOf {
    person: PersonId,
    facility: MedicalInstitutionCode,
}

impl Question for ConsentsOf {
    type Answer = Vec<Consent>;

    fn answer(&self, reader: &Reader) -> Result<Self::Answer, EngineError> {
        Ok(reader.consents(self.person, self.facility)?)
    }
}

impl Desk<'_> {
    async fn consents_of(&self, person: PersonId) -> Result<Vec<Consent>, EngineError> {
        self.ask(ConsentsOf { person, facility: self.facility }).await
    }

    fn show(&self, consents: &[Consent]) -> Result<HttpResponse, EngineError> {
        let consents = consents.iter().map(|one| ConsentState::new(one, self.now)).collect();
        json(StatusCode::OK, &ConsentsResponse { consents })
    }
}

/// The query string of [`consents`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct OfSession {
    session: String,
}

/// What the session's holder has agreed to at this facility.
#[utoipa::path(
    get,
    path = "/v1/card/consents",
    tag = "cards",
    params(("session" = String, Query, description = "The session")),
    responses(
        (status = 200, body = ConsentsResponse, description = "The consents, withdrawn and expired ones too"),
        (status = 401, body = Problem, content_type = "application/problem+json", description = "The session has ended (SHK-CRD-014)"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The card is not registered (SHK-CRD-015)"),
    )
)]
pub(in super::super) async fn consents(
    request: HttpRequest,
    worker: web::Data<Worker>,
    query: Option<web::Query<OfSession>>,
) -> HttpResponse {
    at_desk(&request, &worker, async |desk| {
        let parameter = EngineError::Parameter { name: "session", expected: "a session" };
        let query = query.ok_or(parameter)?;
        let (session, _) = desk.session(&query.session)?;
        let person = desk.holder(&session).await?.ok_or(CardError::NotRegistered)?;
        desk.show(&desk.consents_of(person).await?)
    })
    .await
}

/// Takes a consent to this facility back. The answer lists the consents as they stand now.
#[utoipa::path(
    post,
    path = "/v1/card/consents/withdrawals",
    tag = "cards",
    request_body = WithdrawalRequest,
    responses(
        (status = 200, body = ConsentsResponse, description = "The consent is taken back"),
        (status = 401, body = Problem, content_type = "application/problem+json", description = "The session has ended (SHK-CRD-014)"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "There is no such consent (SHK-CRD-021)"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Fields are wrong; `fields` lists each"),
    )
)]
pub(in super::super) async fn withdrawal(
    request: HttpRequest,
    worker: web::Data<Worker>,
    body: Body,
) -> HttpResponse {
    posted(&request, &worker, body, parse_withdrawal, async |desk, question| {
        let (session, _) = desk.session(&question.session)?;
        let person = desk.holder(&session).await?.ok_or(CardError::NotRegistered)?;
        let given = desk.consents_of(person).await?;
        let is_it =
            |one: &Consent| one.information == question.information && one.withdrawn.is_none();
        if !given.iter().any(is_it) {
            return Err(CardError::NoConsent.into());
        }
        let action = CardAction::Withdrew(question.information);
        desk.record(person, session, None, action).await?;
        desk.show(&desk.consents_of(person).await?)
    })
    .await
}
