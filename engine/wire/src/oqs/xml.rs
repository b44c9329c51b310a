//! The request in XML.

use super::elements as el;
use super::error::{Malformed, RequestError};
use super::raw::RawMessage;
use super::request::SingleRequest;
use crate::encoding::{REQUEST_BYTES_MAX, decode_xml};
use crate::leaf::Leaf;
use crate::xml::{DEPTH_MAX, Visitor, walk};
use shikaku_domain::CharacterCode;
use std::borrow::Cow;

/// Reads a request in XML and says which encoding it came in.
///
/// Elements may come in any order; unknown ones and all attributes are ignored; an element that
/// appears twice refuses the message, since nobody can say which is meant.
///
/// # Errors
/// [`RequestError`], for the first thing that is wrong.
pub fn parse_xml(body: &[u8]) -> Result<(SingleRequest, CharacterCode), RequestError> {
    if body.len() > REQUEST_BYTES_MAX {
        return Err(Malformed::TooLarge { max: REQUEST_BYTES_MAX }.into());
    }
    let (text, code) = decode_xml(body)?;
    let mut tree = Tree {
        open: Vec::with_capacity(DEPTH_MAX),
        seen: Vec::new(),
        message: RawMessage::default(),
    };
    walk(&text, &mut tree)?;
    Ok((tree.message.into_request()?, code))
}

/// A place in the request's tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Message,
    Header,
    Body,
    SearchInfo,
    ConfirmationDate,
    InstitutionCode,
    FileIdentifier,
    CharacterCode,
    InsurerNumber,
    Symbol,
    Number,
    Branch,
    Birthdate,
    LimitConsent,
    ArbitraryIdentifier,
    Unknown,
}

impl Place {
    /// The place of an element by its name, below the place where it stands.
    fn below(parent: Option<Self>, name: &str) -> Result<Self, Malformed> {
        Ok(match (parent, name) {
            (None, el::XML_MSG) => Self::Message,
            (None, _) => return Err(Malformed::Structure),
            (Some(Self::Message), el::HEADER) => Self::Header,
            (Some(Self::Message), el::BODY) => Self::Body,
            (Some(Self::Body), el::SEARCH_INFO) => Self::SearchInfo,
            (Some(Self::Header), el::CONFIRMATION_DATE) => Self::ConfirmationDate,
            (Some(Self::Header), el::INSTITUTION_CODE) => Self::InstitutionCode,
            (Some(Self::Header), el::FILE_IDENTIFIER) => Self::FileIdentifier,
            (Some(Self::Header), el::CHARACTER_CODE) => Self::CharacterCode,
            (Some(Self::SearchInfo), el::INSURER_NUMBER) => Self::InsurerNumber,
            (Some(Self::SearchInfo), el::SYMBOL) => Self::Symbol,
            (Some(Self::SearchInfo), el::NUMBER) => Self::Number,
            (Some(Self::SearchInfo), el::BRANCH) => Self::Branch,
            (Some(Self::SearchInfo), el::BIRTHDATE) => Self::Birthdate,
            (Some(Self::SearchInfo), el::LIMIT_CONSENT) => Self::LimitConsent,
            (Some(Self::SearchInfo), el::ARBITRARY_IDENTIFIER) => Self::ArbitraryIdentifier,
            (Some(_), _) => Self::Unknown,
        })
    }
}

struct Tree<'a> {
    open: Vec<Place>,
    /// Every known place that was opened; at most one entry each.
    seen: Vec<Place>,
    message: RawMessage<'a>,
}

impl<'a> Visitor<'a> for Tree<'a> {
    fn open(&mut self, name: &str) -> Result<(), Malformed> {
        let place = Place::below(self.open.last().copied(), name)?;
        if place != Place::Unknown {
            if self.seen.contains(&place) {
                return Err(Malformed::Structure);
            }
            self.seen.push(place);
        }
        self.open.push(place);
        Ok(())
    }

    fn close(&mut self, text: Option<Cow<'a, str>>) -> Result<(), Malformed> {
        let leaf = text.map_or(Leaf::NotText, Leaf::Text);
        let header = &mut self.message.header;
        let search = &mut self.message.body.search_info;
        match self.open.pop().ok_or(Malformed::NotWellFormed)? {
            Place::Message | Place::Header | Place::Body | Place::SearchInfo | Place::Unknown => {}
            Place::ConfirmationDate => header.confirmation_date = leaf,
            Place::InstitutionCode => header.institution_code = leaf,
            Place::FileIdentifier => header.file_identifier = leaf,
            Place::CharacterCode => header.character_code = leaf,
            Place::InsurerNumber => search.insurer_number = leaf,
            Place::Symbol => search.symbol = leaf,
            Place::Number => search.number = leaf,
            Place::Branch => search.branch = leaf,
            Place::Birthdate => search.birthdate = leaf,
            Place::LimitConsent => search.limit_consent = leaf,
            Place::ArbitraryIdentifier => search.arbitrary_identifier = leaf,
        }
        Ok(())
    }
}
