//! Answers that say what is wrong with a message, the same in both encodings.

use shikaku_wire::oqs::ParsedAnswer;

/// Levels of nesting that overflow a recursive parser's stack.
pub(crate) const DEEP: usize = 20_000;

/// The query is wrong: ProcessingResultStatus 2 within a normal message (§1.5).
#[track_caller]
pub(crate) fn expect_person_error(answer: &ParsedAnswer, element: &str, code: &str) {
    assert_eq!(answer.header("SegmentOfResult"), Some("1"), "{element}");
    assert_eq!(answer.body("ProcessingResultStatus"), Some("2"), "{element}");
    assert_eq!(answer.body("ProcessingResultCode"), Some(code), "{element}");
    expect_message(answer.body("ProcessingResultMessage"), element);
    assert_eq!(answer.body("QualificationValidity"), None);
    assert_eq!(answer.result("Name"), None);
}

/// The message is wrong: SegmentOfResult 9 with ErrorCode and ErrorMessage (§1.4).
#[track_caller]
pub(crate) fn expect_header_error(answer: &ParsedAnswer, element: &str, code: &str) {
    assert_eq!(answer.header("SegmentOfResult"), Some("9"), "{element}");
    assert_eq!(answer.header("ErrorCode"), Some(code), "{element}");
    expect_message(answer.header("ErrorMessage"), element);
    assert_eq!(answer.body("ProcessingResultStatus"), None);
    assert_eq!(answer.body("QualificationValidity"), None);
}

#[track_caller]
fn expect_message(message: Option<&str>, element: &str) {
    let message = message.unwrap_or_default();
    assert!(message.starts_with(element) && message.ends_with('。'), "{element}: {message}");
}
