//! The interface that existing clients speak: OQS JSON (log-in and search, §1.10) and OQS XML
//! (the folder exchange posts it, §1.3).

use super::respond::{self, Body, observed};
use super::{ANSWER_BYTES, LOG_INS_MAX, Shared, Worker, peer};
use crate::account::TokenKind;
use crate::actors::eligibility::Question;
use crate::metrics::Interface;
use crate::problem::EngineError;
use crate::quota::Cost;
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use shikaku_domain::{
    CharacterCode, MedicalInstitutionCode, QualificationValidity, Timestamp, decide, disclose,
};
use shikaku_store::Reader;
use shikaku_wire::oqs::{
    Answered, Malformed, MessageResult, RequestError, SingleAnswer, SingleRequest, parse_json,
    parse_xml, to_json, to_xml,
};
use std::sync::Arc;
use std::time::Instant;

const JSON: &str = "application/json;charset=UTF-8";

pub(super) fn routes(config: &mut ServiceConfig) {
    let post_only = || web::to(|| async { respond::method_not_allowed("POST") });
    let resource =
        |path: &str, route| web::resource(path).route(route).default_service(post_only());
    config
        .service(resource("/oqs-api-pro/MSA12020/ILI12020SV01/auth", web::post().to(auth)))
        .service(resource("/oqs-api-pro/MSA01030/ILI01030SV01/search", web::post().to(search)))
        .service(resource("/oqs/OQSsiquc01", web::post().to(single_xml)));
}

/// The form of an answer.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Xml(CharacterCode),
}

/// An answer in bytes, with what the metrics want to know.
struct Written {
    body: Vec<u8>,
    validity: Option<QualificationValidity>,
    replaced: usize,
}

impl Form {
    fn write(self, answer: &SingleAnswer<'_>, validity: Option<QualificationValidity>) -> Written {
        let mut body = Vec::with_capacity(ANSWER_BYTES);
        let replaced = match self {
            Self::Json => {
                to_json(answer, &mut body);
                0
            }
            Self::Xml(code) => to_xml(answer, code, &mut body),
        };
        Written { body, validity, replaced }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::Xml(CharacterCode::Utf8) => "application/xml; charset=utf-8",
            Self::Xml(CharacterCode::ShiftJis) => "application/xml; charset=shift_jis",
        }
    }
}

struct Lookup {
    request: SingleRequest,
    facility: MedicalInstitutionCode,
    at: Timestamp,
    form: Form,
}

impl Question for Lookup {
    type Answer = Written;

    // HOT PATH: one point read, decided and written in place.
    fn answer(&self, reader: &Reader) -> Result<Written, EngineError> {
        let Self { request, facility, at, form } = self;
        let query = &request.query;
        let insurer = reader.insurer(query.insurer);
        let on = request.qualification_confirmation_date;
        let written = reader.with_card(query, |registrations| {
            let outcome = decide(insurer.as_deref(), registrations, query, on);
            let disclosure = disclose(&outcome, query, *facility, on);
            let result = MessageResult::Answered(Answered {
                outcome,
                disclosure: disclosure.as_ref(),
                insurer: insurer.as_deref(),
                limit_consent: query.limit_consent,
                with_card: None,
                search_info: Some(&request.search_info),
            });
            let answer = SingleAnswer::to_request(request, *at, result);
            form.write(&answer, Some(outcome.validity()))
        })?;
        Ok(written)
    }
}

async fn search(request: HttpRequest, worker: web::Data<Worker>, Body(body): Body) -> HttpResponse {
    let arrived = Instant::now();
    let work = async {
        let caller = peer::facility(&request, &worker.shared, Cost::Question, arrived)?;
        let token = header_text(&request, header::AUTHORIZATION).unwrap_or_default();
        check_token(&worker.shared, token, caller.facility)?;
        let parsed = parse_json(&body?);
        lookup(&worker, Interface::OqsJson, arrived, caller, Form::Json, parsed).await
    };
    observed(&worker, Interface::OqsJson, arrived, work).await
}

async fn single_xml(
    request: HttpRequest,
    worker: web::Data<Worker>,
    Body(body): Body,
) -> HttpResponse {
    let arrived = Instant::now();
    let work = async {
        let caller = peer::facility(&request, &worker.shared, Cost::Question, arrived)?;
        let parsed = parse_xml(&body?);
        let in_message = match &parsed {
            Ok((request, _)) => request.character_code,
            Err(RequestError::Header { header, .. } | RequestError::Person { header, .. }) => {
                header.character_code
            }
            Err(RequestError::Malformed(_)) => None,
        };
        let form = Form::Xml(in_message.unwrap_or_else(|| accepted_charset(&request)));
        let parsed = parsed.map(|(request, _)| request);
        lookup(&worker, Interface::OqsXml, arrived, caller, form, parsed).await
    };
    observed(&worker, Interface::OqsXml, arrived, work).await
}

/// The token must be this facility's and its account must still exist.
fn check_token(
    shared: &Shared,
    token: &str,
    facility: MedicalInstitutionCode,
) -> Result<(), EngineError> {
    let now = shared.clock.unix_seconds();
    let claims = shared.token_key.verify(token, TokenKind::Id, facility, now);
    let user = claims.map_err(|_| EngineError::Token)?.user;
    if shared.accounts.contains(&user, facility) { Ok(()) } else { Err(EngineError::Token) }
}

/// The log-in of a terminal. Its field names are not public (§1.10 gives the answer only), so the
/// spellings seen in programs are a table.
#[derive(Deserialize)]
struct Credentials {
    #[serde(alias = "userID", alias = "user_id", alias = "loginId")]
    #[serde(rename = "userId")]
    user: String,
    #[serde(alias = "passwd")]
    password: String,
}

async fn auth(request: HttpRequest, worker: web::Data<Worker>, Body(body): Body) -> HttpResponse {
    let arrived = Instant::now();
    let work = async {
        let caller = peer::facility(&request, &worker.shared, Cost::LogIn, arrived)?;
        let facility = caller.facility;
        let body = body?;
        let given: Credentials =
            serde_json::from_slice(&body).map_err(|_| Malformed::NotWellFormed)?;
        let user = given.user.clone();
        let shared = Arc::clone(&worker.shared);
        // Checking a password takes 60 ms of CPU on purpose: few at a time, or lookups starve.
        let busy = |_| EngineError::Busy { limit: LOG_INS_MAX };
        let _place = worker.shared.log_ins.try_acquire().map_err(busy)?;
        let checked = web::block(move || {
            shared.accounts.verify(&given.user, &given.password, facility, &*shared.clock)
        });
        checked.await.map_err(|_| EngineError::Fault)?.map_err(EngineError::LogIn)?;
        let shared = &worker.shared;
        let now = shared.clock.unix_seconds();
        let token = |kind| shared.token_key.issue(kind, facility, &user, now);
        let answer = json!({
            "status": "success",
            "msg": "",
            "result": {
                "accessToken": token(TokenKind::Access),
                "refreshToken": token(TokenKind::Refresh),
                "idToken": token(TokenKind::Id),
                "linkSysCharCd": CharacterCode::Utf8.code(),
            },
        });
        Ok(respond::ok(JSON, answer.to_string().into_bytes()))
    };
    observed(&worker, Interface::OqsAuth, arrived, work).await
}

/// Answers a parsed request, or what could be read of one that is wrong.
async fn lookup(
    worker: &Worker,
    interface: Interface,
    arrived: Instant,
    caller: peer::Caller<'_>,
    form: Form,
    parsed: Result<SingleRequest, RequestError>,
) -> Result<HttpResponse, EngineError> {
    let peer::Caller { facility, quota } = caller;
    let at = worker.shared.clock.timestamp();
    let named = match &parsed {
        Ok(request) => Some(request.medical_institution_code),
        Err(RequestError::Header { header, .. } | RequestError::Person { header, .. }) => {
            header.medical_institution_code
        }
        Err(RequestError::Malformed(_)) => None,
    };
    if named.is_some_and(|named| named != facility) {
        return Err(EngineError::OtherFacility);
    }
    let written = match parsed {
        Ok(request) => {
            let lookup = Lookup { request, facility, at, form };
            worker.eligibility.ask(lookup, arrived, quota).await?
        }
        Err(RequestError::Malformed(malformed)) => return Err(malformed.into()),
        Err(error) => {
            let answer = SingleAnswer::to_refused(&error, at);
            let mut answer = answer.ok_or(EngineError::Fault)?;
            answer.medical_institution_code = Some(facility);
            form.write(&answer, None)
        }
    };
    worker.shared.metrics.answered(interface, written.validity);
    worker.shared.metrics.replaced.inc_by(written.replaced as u64);
    Ok(respond::ok(form.content_type(), written.body))
}

fn header_text(request: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The exchange says in `Accept-Charset` how the receipt computer reads.
fn accepted_charset(request: &HttpRequest) -> CharacterCode {
    let charset = header_text(request, header::ACCEPT_CHARSET).unwrap_or_default();
    if charset.eq_ignore_ascii_case("shift_jis") {
        CharacterCode::ShiftJis
    } else {
        CharacterCode::Utf8
    }
}
