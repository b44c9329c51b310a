//! What `/v1/card/eligibility` answers: the decision as JSON, and as the receipt computer's XML in it.

use super::EligibilityAnswer;
use crate::json::JsonWriter;
use crate::oqs::{Answered, CardNotice, MessageResult, SingleAnswer, WithCard, to_xml};
use shikaku_domain::{
    CONSENT_SECONDS, CharacterCode, ConsentChoice, Day, Entitlement, InformationType, Insurer,
    LimitApplicationCertificateRelatedConsFlg, MedicalInstitutionCode, PrescriptionIssueSelect,
    ReferenceClassification, Timestamp, disclose_by_consent,
};

/// Bytes of a receipt computer's message as a rule.
const MESSAGE_BYTES: usize = 2048;

/// What a card's holder is entitled to, for the facility that asks. It borrows what it shows.
#[derive(Clone, Copy)]
pub struct HolderAnswer<'a> {
    /// When the centre answers, in Unix seconds.
    pub now: u64,
    /// The day asked about.
    pub on: Day,
    /// Who asks.
    pub facility: MedicalInstitutionCode,
    /// The decision as of that day.
    pub entitlement: &'a Entitlement<'a, 'a>,
    /// The insurer of the main registration, if it is known.
    pub insurer: Option<&'a Insurer>,
    /// The office of the 医療扶助 beside it, if it is known.
    pub office: Option<&'a Insurer>,
    /// What the patient answered.
    pub consents: ConsentChoice,
    /// 処方箋発行形態 that the patient chose.
    pub prescription: Option<PrescriptionIssueSelect>,
    /// What staff should tell the patient about the card.
    pub notice: Option<CardNotice>,
    /// Echoed in the receipt computer's message.
    pub file_identifier: Option<&'a str>,
}

impl HolderAnswer<'_> {
    /// Appends the JSON, [`super::CardEligibilityResponse`], to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let Entitlement { main, medical_aid } = self.entitlement;
        let show = |outcome| disclose_by_consent(outcome, &self.consents, self.facility, self.on);
        let (shown, aid) = (show(main), medical_aid.as_ref().and_then(show));
        let at = Timestamp::from_unix_seconds(self.now);
        let card = WithCard {
            consents: self.consents,
            until: Timestamp::from_unix_seconds(self.now.saturating_add(CONSENT_SECONDS)),
            prescription: self.prescription,
            notice: self.notice,
            beside: aid.as_ref().map(|shown| (shown, self.office)),
        };
        let (outcome, disclosure) = (*main, shown.as_ref());
        let (insurer, with_card) = (self.insurer, Some(&card));
        out.extend_from_slice(br#"{"answer":"#);
        EligibilityAnswer { at, on: self.on, outcome, disclosure, insurer, with_card }.write(out);
        let limit_consent =
            match self.consents.includes(InformationType::LimitApplicationCertificate) {
                true => LimitApplicationCertificateRelatedConsFlg::Given,
                false => LimitApplicationCertificateRelatedConsFlg::NotGiven,
            };
        let message = SingleAnswer {
            process_execution_time: at,
            qualification_confirmation_date: Some(self.on),
            medical_institution_code: Some(self.facility),
            arbitrary_file_identifier: self.file_identifier,
            reference_classification: ReferenceClassification::MyNumberCard,
            result: MessageResult::Answered(Answered {
                outcome,
                disclosure,
                insurer,
                limit_consent,
                with_card,
                search_info: None,
            }),
        };
        let mut xml = Vec::with_capacity(MESSAGE_BYTES);
        // What XML lacks is shown as 〓, as in every other answer; nothing else is lost in UTF-8.
        let _replaced = to_xml(&message, CharacterCode::Utf8, &mut xml);
        out.push(b',');
        let mut json = JsonWriter::new(out);
        json.text("receiptMessage", &String::from_utf8_lossy(&xml));
        json.finish();
    }
}
