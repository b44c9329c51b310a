//! The eligibility of a card's holder.

use super::super::respond::{self, Body, Problem};
use super::super::{ANSWER_BYTES, Worker};
use super::{JSON, posted};
use crate::actors::eligibility::Question;
use crate::card::CardError;
use crate::metrics::Interface;
use crate::problem::EngineError;
use actix_web::{HttpRequest, HttpResponse, web};
use shikaku_domain::{
    CardCertificateId, CertificateLife, ConsentChoice, Day, Entitlement, MedicalInstitutionCode,
    Outcome, PersonId, PrescriptionIssueSelect, QualificationValidity, Timestamp, decide_holder,
};
use shikaku_store::{CardAction, Reader};
use shikaku_wire::oqs::CardNotice;
use shikaku_wire::v1::{
    CardEligibilityRequest, CardEligibilityResponse, HolderAnswer, parse_card_eligibility,
};

/// What is this card's holder entitled to?
struct AskHolder {
    certificate: CardCertificateId,
    facility: MedicalInstitutionCode,
    /// Unix seconds.
    now: u64,
    on: Day,
    consents: ConsentChoice,
    prescription: Option<PrescriptionIssueSelect>,
    notice: Option<CardNotice>,
    file_identifier: Option<String>,
}

/// An answer in bytes, and whose it is.
struct Written {
    person: PersonId,
    validity: QualificationValidity,
    body: Vec<u8>,
}

impl Question for AskHolder {
    type Answer = Result<Written, CardError>;

    fn answer(&self, reader: &Reader) -> Result<Self::Answer, EngineError> {
        let Some(person) = reader.card_holder(self.certificate)? else {
            return Ok(Err(CardError::NotRegistered));
        };
        let registrations = reader.registrations_of(person)?;
        let entitlement = decide_holder(&registrations, self.on);
        let body = self.write(&entitlement, reader);
        Ok(Ok(Written { person, validity: entitlement.main.validity(), body }))
    }
}

impl AskHolder {
    fn write(&self, entitlement: &Entitlement<'_, '_>, reader: &Reader) -> Vec<u8> {
        let insurer_of = |outcome: Option<&Outcome<'_, '_>>| {
            reader.insurer(outcome?.registration()?.card.insurer)
        };
        let insurer = insurer_of(Some(&entitlement.main));
        let office = insurer_of(entitlement.medical_aid.as_ref());
        let mut body = Vec::with_capacity(4 * ANSWER_BYTES);
        let answer = HolderAnswer {
            now: self.now,
            on: self.on,
            facility: self.facility,
            entitlement,
            insurer: insurer.as_deref(),
            office: office.as_deref(),
            consents: self.consents,
            prescription: self.prescription,
            notice: self.notice,
            file_identifier: self.file_identifier.as_deref(),
        };
        answer.write(&mut body);
        body
    }
}

const fn notice(life: CertificateLife) -> Option<CardNotice> {
    match life {
        CertificateLife::ExpiresSoon => Some(CardNotice::ExpiresSoon),
        CertificateLife::Grace { .. } => Some(CardNotice::Grace),
        CertificateLife::Valid | CertificateLife::NotYetValid | CertificateLife::Expired => None,
    }
}

/// What is the session's holder entitled to?
///
/// The patient's answers about consents are on disk before this answers. `answer` is that of
/// `/v1/eligibility`, `receiptMessage` the same for the receipt computer.
#[utoipa::path(
    post,
    path = "/v1/card/eligibility",
    tag = "cards",
    request_body = CardEligibilityRequest,
    responses(
        (status = 200, body = CardEligibilityResponse<'static>, description = "The answer"),
        (status = 401, body = Problem, content_type = "application/problem+json", description = "The session has ended (SHK-CRD-014)"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "Consents with an expired certificate (SHK-CRD-016), or it has expired since (SHK-CRD-006)"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The card is not registered (SHK-CRD-015)"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Fields are wrong; `fields` lists each"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Overloaded or stopping; ask again after Retry-After"),
    )
)]
pub(in super::super) async fn card_eligibility(
    request: HttpRequest,
    worker: web::Data<Worker>,
    body: Body,
) -> HttpResponse {
    posted(&request, &worker, body, parse_card_eligibility, async |desk, question| {
        let (session, life) = desk.session(&question.session)?;
        let consents = question.consents;
        let is_grace = matches!(life, CertificateLife::Grace { .. });
        if is_grace && consents.iter().any(|(_, yes)| yes) {
            return Err(CardError::EligibilityOnly.into());
        }
        let on = question.on.unwrap_or_else(|| Timestamp::from_unix_seconds(desk.now).day());
        let ask = AskHolder {
            certificate: session.certificate.id,
            facility: desk.facility,
            now: desk.now,
            on,
            consents,
            prescription: question.prescription,
            notice: notice(life),
            file_identifier: question.file_identifier,
        };
        let Written { person, validity, body } = desk.ask(ask).await??;
        let action = CardAction::Asked { on, validity, consents };
        desk.record(person, session, None, action).await?;
        desk.worker.shared.metrics.answered(Interface::Card, Some(validity));
        Ok(respond::ok(JSON, body))
    })
    .await
}
