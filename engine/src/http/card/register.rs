//! 初回登録: the card becomes an insurance card. A renewed card, with another certificate, is
//! registered the same way.

use super::super::Worker;
use super::super::respond::{Body, Problem};
use super::{Desk, json, posted};
use crate::actors::eligibility::Question;
use crate::card::CardError;
use crate::problem::EngineError;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use shikaku_domain::{CardQuery, CertificateLife, Day, Holder, PersonId, Registration};
use shikaku_store::{CardAction, Reader};
use shikaku_wire::v1::{
    Confirmation, ProposedPerson, RegisterBy, RegisteredResponse, RegistrationRequest,
    RegistrationResponse, parse_registration,
};

/// Characters of a card's number that are shown.
const NUMBER_SHOWN_CHARS: usize = 2;

/// Who is this?
enum Find {
    ByHolder(Holder, Day),
    ByCard(CardQuery, Day),
}

impl Question for Find {
    type Answer = Result<(PersonId, ProposedPerson), CardError>;

    fn answer(&self, reader: &Reader) -> Result<Self::Answer, EngineError> {
        let (found, on) = match self {
            Self::ByHolder(holder, on) => (reader.registrations_of_holder(holder)?, on),
            Self::ByCard(query, on) => {
                let matching = |all: &[Registration<'_>]| {
                    let matching = all.iter().filter(|one| query.matches(one));
                    matching.map(|one| one.clone().into_owned()).collect::<Vec<_>>()
                };
                (reader.with_card(query, matching)?, on)
            }
        };
        Ok(only_person(&found, *on).map(|one| (one.person, proposal(one, reader))))
    }
}

/// The registration that shows who is meant: of the one person found, or of the only one of them
/// who is covered today.
fn only_person<'r>(
    found: &'r [Registration<'static>],
    on: Day,
) -> Result<&'r Registration<'static>, CardError> {
    let covered: Vec<_> = found.iter().filter(|one| one.period.covers(on)).collect();
    let candidates = if covered.is_empty() { found.iter().collect() } else { covered };
    let latest = candidates.iter().max_by_key(|one| one.period.start());
    let latest = latest.copied().ok_or(CardError::NobodyFound)?;
    match candidates.iter().all(|one| one.person == latest.person) {
        true => Ok(latest),
        false => Err(CardError::SeveralFound),
    }
}

fn proposal(registration: &Registration<'_>, reader: &Reader) -> ProposedPerson {
    let number = registration.card.number.text().expose();
    let hidden = number.chars().count().saturating_sub(NUMBER_SHOWN_CHARS);
    let masked = number.chars().enumerate().map(|(at, c)| if at < hidden { '*' } else { c });
    let insurer = reader.insurer(registration.card.insurer);
    ProposedPerson {
        name: registration.name.expose().clone().into_owned(),
        insurer_name: insurer.map(|insurer| insurer.name.clone()),
        card_number_masked: masked.collect(),
    }
}

/// Registers the session's card: first with `by`, which shows who was found; then with `confirm`,
/// when patient and staff have both recognised the person.
#[utoipa::path(
    post,
    path = "/v1/card/registrations",
    tag = "cards",
    request_body = RegistrationRequest,
    responses(
        (status = 200, body = RegistrationResponse, description = "One person was found; to be confirmed"),
        (status = 201, body = RegisteredResponse, description = "The card is registered"),
        (status = 401, body = Problem, content_type = "application/problem+json", description = "The session has ended (SHK-CRD-014)"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "Nobody has these data (SHK-CRD-017)"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Several people fit (SHK-CRD-018), another candidate (SHK-CRD-019), registered for another person (SHK-CRD-024)"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Fields are wrong, or not both have confirmed (SHK-CRD-020)"),
    )
)]
pub(in super::super) async fn registration(
    request: HttpRequest,
    worker: web::Data<Worker>,
    body: Body,
) -> HttpResponse {
    posted(&request, &worker, body, parse_registration, async |desk, question| {
        let today = desk.worker.shared.clock.today();
        match question.by {
            RegisterBy::Holder(holder) => {
                desk.propose(&question.session, Find::ByHolder(holder, today)).await
            }
            RegisterBy::InsuranceCard(query) => {
                desk.propose(&question.session, Find::ByCard(query, today)).await
            }
            RegisterBy::Confirmed(confirmation) => {
                desk.register(&question.session, confirmation).await
            }
        }
    })
    .await
}

impl Desk<'_> {
    async fn propose(&self, session: &str, find: Find) -> Result<HttpResponse, EngineError> {
        let (_, life) = self.session(session)?;
        if matches!(life, CertificateLife::Grace { .. }) {
            return Err(CardError::EligibilityOnly.into());
        }
        let (person, shown) = self.ask(find).await??;
        let candidate = self.cards.propose(self.facility, session, person, self.now)?;
        json(StatusCode::OK, &RegistrationResponse { candidate, person: shown })
    }

    async fn register(
        &self,
        session: &str,
        confirmation: Confirmation,
    ) -> Result<HttpResponse, EngineError> {
        let (session, _) = self.session(session)?;
        let Confirmation { candidate, patient, staff } = confirmation;
        let shown = session.candidate.clone();
        let (_, person) =
            shown.filter(|(token, _)| *token == candidate).ok_or(CardError::OtherCandidate)?;
        if !patient {
            return Err(CardError::NotConfirmed.into());
        }
        match self.holder(&session).await? {
            Some(holder) if holder != person => return Err(CardError::OtherHolder.into()),
            Some(_) => {}
            None => self.record(person, session, Some(staff), CardAction::Registered).await?,
        }
        json(StatusCode::CREATED, &RegisteredResponse { registration: "registered".into() })
    }
}
