//! Why a request was rejected, and the text that says so beside it.

use std::time::Duration;

use super::charset::Charset;

/// Longest sentence taken over from the engine, in characters.
const SENTENCE_CHARS_MAX: usize = 1000;
/// Longest code taken over from the engine, in characters.
const CODE_CHARS_MAX: usize = 40;

/// Why a request was rejected. It is an answer, not an error of the exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The engine refused it and said why.
    Engine {
        /// The engine's code.
        code: String,
        /// The engine's sentence in Japanese.
        ja: String,
        /// The engine's sentence in English.
        en: String,
    },
    /// The file asks for a function that the engine does not offer.
    FunctionNotOffered {
        /// Such as `YZKsiquc01`.
        function: String,
    },
    /// The file is larger than the limit.
    TooLarge {
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// The file stayed empty.
    Empty,
    /// No answer came in time.
    NotAnswered {
        /// How long the exchange tried.
        within: Duration,
    },
    /// The engine refused it without saying why.
    EngineStatus {
        /// The HTTP status.
        status: u16,
    },
    /// The file cannot be read.
    Unreadable,
}

impl Refusal {
    /// The engine's refusal, its texts made fit for a text file.
    #[must_use]
    pub fn from_engine(code: &str, ja: &str, en: &str) -> Self {
        Self::Engine {
            code: one_line(code, CODE_CHARS_MAX),
            ja: one_line(ja, SENTENCE_CHARS_MAX),
            en: one_line(en, SENTENCE_CHARS_MAX),
        }
    }

    /// The stable code: the engine's own, or `SHK-EXC-1nn`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Engine { code, .. } => code,
            Self::FunctionNotOffered { .. } => "SHK-EXC-101",
            Self::TooLarge { .. } => "SHK-EXC-102",
            Self::Empty => "SHK-EXC-103",
            Self::NotAnswered { .. } => "SHK-EXC-104",
            Self::EngineStatus { .. } => "SHK-EXC-105",
            Self::Unreadable => "SHK-EXC-106",
        }
    }

    /// The sentence in Japanese.
    #[must_use]
    pub fn ja(&self) -> String {
        match self {
            Self::Engine { ja, .. } => ja.clone(),
            Self::FunctionNotOffered { function } => format!(
                "{function}の要求にはまだ対応していません。資格確認(OQSsiquc01)だけを送信してください。"
            ),
            Self::TooLarge { bytes_max } => format!(
                "要求ファイルが上限の{bytes_max}バイトを超えています。1件ずつ送信してください。"
            ),
            Self::Empty => "要求ファイルが空です。もう一度送信してください。".to_owned(),
            Self::NotAnswered { within } => format!(
                "{}秒以内に回答を得られませんでした。回線を確認し、時間をおいてもう一度送信してください。\
                 急ぐときは資格確認書などの目視で確認してください。",
                within.as_secs()
            ),
            Self::EngineStatus { status } => format!(
                "資格確認システムが要求を受け付けませんでした(HTTP {status})。\
                 接続先と証明書の設定を管理者に確認してください。"
            ),
            Self::Unreadable => "要求ファイルを読み取れません。ファイルの権限を確認し、\
                                 もう一度送信してください。"
                .to_owned(),
        }
    }

    /// The sentence in English.
    #[must_use]
    pub fn en(&self) -> String {
        match self {
            Self::Engine { en, .. } => en.clone(),
            Self::FunctionNotOffered { function } => {
                format!("Requests of {function} are not offered yet. Send only OQSsiquc01.")
            }
            Self::TooLarge { bytes_max } => format!(
                "The request file is larger than {bytes_max} bytes. Send one person at a time."
            ),
            Self::Empty => "The request file is empty. Send it again.".to_owned(),
            Self::NotAnswered { within } => format!(
                "No answer came within {} seconds. Check the line and send the request again \
                 later. If it is urgent, check the person's certificate by eye.",
                within.as_secs()
            ),
            Self::EngineStatus { status } => format!(
                "The eligibility system did not accept the request (HTTP {status}). Ask the \
                 administrator to check the address and the certificate."
            ),
            Self::Unreadable => {
                "The request file cannot be read. Check its permissions and send it again."
                    .to_owned()
            }
        }
    }

    /// The content of the `.err` file: code, Japanese, English, one line each, in the encoding of
    /// the request.
    #[must_use]
    pub fn text(&self, charset: Charset) -> Vec<u8> {
        charset.encode(&format!("{}\r\n{}\r\n{}\r\n", self.code(), self.ja(), self.en()))
    }

    /// One of each, for tests that must see every kind.
    #[cfg(test)]
    pub(crate) fn examples() -> Vec<Self> {
        vec![
            Self::from_engine("SHK-REQ-001", "項目がありません。", "A field is missing."),
            Self::FunctionNotOffered { function: "YZKsiquc01".to_owned() },
            Self::TooLarge { bytes_max: 65_536 },
            Self::Empty,
            Self::NotAnswered { within: Duration::from_secs(300) },
            Self::EngineStatus { status: 403 },
            Self::Unreadable,
        ]
    }
}

/// Text without control characters, at most `chars_max` long.
fn one_line(text: &str, chars_max: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_code_japanese_english_in_the_encoding_of_the_request() {
        let refusal = Refusal::from_engine("SHK-REQ-007", "髙橋様の\n番号", "line\r\nbreak");
        let text = refusal.text(Charset::ShiftJis);
        let (text, _, broken) = encoding_rs::SHIFT_JIS.decode(&text);
        assert!(!broken);
        assert_eq!(text, "SHK-REQ-007\r\n髙橋様の 番号\r\nline  break\r\n");
        assert!(Refusal::Empty.text(Charset::Utf8).starts_with(b"SHK-EXC-103\r\n"));
    }
}
