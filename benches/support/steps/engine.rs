//! What the engine does around a question.

use super::Step;
use super::case::facility;
use shikaku_domain::QualificationValidity;
use shikaku_engine::account::{TokenKey, TokenKind};
use shikaku_engine::metrics::{Interface, Metrics};
use std::rc::Rc;
use std::time::Duration;

/// When the tokens are issued and shown, in Unix seconds.
const NOW: u64 = 1_793_000_000;

pub(super) fn steps() -> Vec<Step> {
    let key = Rc::new(TokenKey::new(&[7; 32]));
    let token = key.issue(TokenKind::Id, facility(), "reception", NOW);
    let (issuer, verifier) = (Rc::clone(&key), key);
    let metrics = Rc::new(Metrics::new().unwrap());
    let page = Rc::clone(&metrics);
    vec![
        Step::new("engine/issue a token", move || {
            issuer.issue(TokenKind::Id, facility(), "reception", NOW)
        }),
        Step::new("engine/verify a token", move || {
            verifier.verify(&token, TokenKind::Id, facility(), NOW).unwrap()
        }),
        Step::new("engine/count an answer", move || {
            metrics.answered(Interface::V1, Some(QualificationValidity::Valid));
            metrics.took(Interface::V1, Duration::from_micros(30));
        }),
        Step::new("engine/write the metrics page", move || page.render()),
    ]
}
