//! `/v1/eligibility`: the interface for programs written today.

use super::respond::{self, Body, Problem, observed};
use super::{ANSWER_BYTES, Worker, peer};
use crate::actors::eligibility::Question;
use crate::metrics::Interface;
use crate::problem::EngineError;
use crate::quota::Cost;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use shikaku_domain::{
    CardQuery, Day, MedicalInstitutionCode, QualificationValidity, Timestamp, decide, disclose,
};
use shikaku_store::Reader;
use shikaku_wire::v1::{
    EligibilityAnswer, EligibilityRequest, EligibilityResponse, parse_eligibility,
};
use std::time::Instant;

pub(super) fn routes(config: &mut ServiceConfig) {
    let post_only = web::to(|| async { respond::method_not_allowed("POST") });
    let resource = web::resource("/v1/eligibility");
    config.service(resource.route(web::post().to(lookup)).default_service(post_only));
}

struct Lookup {
    query: CardQuery,
    on: Day,
    facility: MedicalInstitutionCode,
    at: Timestamp,
}

impl Question for Lookup {
    type Answer = (Vec<u8>, QualificationValidity);

    // HOT PATH: one point read, decided and written in place.
    fn answer(&self, reader: &Reader) -> Result<Self::Answer, EngineError> {
        let Self { query, on, facility, at } = self;
        let (on, at) = (*on, *at);
        let insurer = reader.insurer(query.insurer);
        let insurer = insurer.as_deref();
        let answer = reader.with_card(query, |registrations| {
            let outcome = decide(insurer, registrations, query, on);
            let disclosure = disclose(&outcome, query, *facility, on);
            let disclosure = disclosure.as_ref();
            let mut body = Vec::with_capacity(ANSWER_BYTES);
            EligibilityAnswer { at, on, outcome, disclosure, insurer, with_card: None }
                .write(&mut body);
            (body, outcome.validity())
        })?;
        Ok(answer)
    }
}

/// Is this insurance card valid on this day?
///
/// The client certificate says which facility asks. "Not covered" and "several people fit" are
/// answers (200), told by `qualificationValidity`.
#[utoipa::path(
    post,
    path = "/v1/eligibility",
    tag = "facilities",
    request_body = EligibilityRequest,
    responses(
        (status = 200, body = EligibilityResponse<'static>, description = "The answer"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The client certificate is not a facility's"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "Fields are wrong; `fields` lists each"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "This facility asks too much; ask again after Retry-After"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Overloaded or stopping; ask again after Retry-After"),
    )
)]
pub(super) async fn lookup(
    request: HttpRequest,
    worker: web::Data<Worker>,
    Body(body): Body,
) -> HttpResponse {
    let arrived = Instant::now();
    let work = async {
        let peer::Caller { facility, quota } =
            peer::facility(&request, &worker.shared, Cost::Question, arrived)?;
        if !respond::has_content_type(&request, "application/json") {
            return Err(EngineError::ContentType { expected: "application/json" });
        }
        let question = parse_eligibility(&body?).map_err(EngineError::Fields)?;
        let at = worker.shared.clock.timestamp();
        let on = question.on.unwrap_or_else(|| at.day());
        let lookup = Lookup { query: question.query, on, facility, at };
        let (body, validity) = worker.eligibility.ask(lookup, arrived, quota).await?;
        worker.shared.metrics.answered(Interface::V1, Some(validity));
        Ok(respond::ok("application/json", body))
    };
    observed(&worker, Interface::V1, arrived, work).await
}
