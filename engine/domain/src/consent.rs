//! 同意: what a patient agreed to share with one facility, and for how long (§3.2, §3.4).

use crate::CertificateLife;
use crate::card::named;

named! {
    /// What may be shared beyond the eligibility itself, each by a consent of its own.
    InformationType {
        /// 限度額適用認定証
        1 "limitApplicationCertificate" => LimitApplicationCertificate,
        /// 特定疾病療養受療証
        2 "specificDiseases" => SpecificDiseases,
        /// 薬剤情報
        3 "medication" => Medication,
        /// 特定健診情報
        4 "checkup" => Checkup,
        /// 診療情報
        5 "diagnosis" => Diagnosis,
        /// 手術情報
        6 "operation" => Operation,
    }
}

/// Seconds for which a consent opens the information: 24 hours (§3.4).
pub const CONSENT_SECONDS: u64 = 24 * 3600;

/// A consent, given by one person to one facility for one kind of information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// What for.
    pub information: InformationType,
    /// When it was given, in Unix seconds.
    pub given: u64,
    /// When it was taken back, in Unix seconds.
    pub withdrawn: Option<u64>,
}

impl Consent {
    /// The moment at which it ends by itself (閲覧可能期限), in Unix seconds.
    #[must_use]
    pub const fn available_until(&self) -> u64 {
        self.given.saturating_add(CONSENT_SECONDS)
    }

    /// Whether the information may be read at this moment. A consent from the future, of a clock
    /// that was set back, opens nothing.
    #[must_use]
    pub fn is_available(&self, now: u64) -> bool {
        self.withdrawn.is_none() && (self.given..self.available_until()).contains(&now)
    }
}

/// What the holder of a certificate may be asked to share: nothing but the eligibility once the
/// certificate has expired (§3.6).
#[must_use]
pub const fn may_consent_to(life: CertificateLife) -> &'static [InformationType] {
    match life {
        CertificateLife::Valid | CertificateLife::ExpiresSoon => InformationType::ALL,
        CertificateLife::NotYetValid | CertificateLife::Grace { .. } | CertificateLife::Expired => {
            &[]
        }
    }
}

/// What a patient answered at the reader, for each kind of information that was asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsentChoice {
    answers: [Option<bool>; InformationType::ALL.len()],
}

impl ConsentChoice {
    /// Notes a yes.
    pub fn give(&mut self, information: InformationType) {
        self.answer(information, true);
    }

    /// Notes a no, which also ends an earlier consent.
    pub fn refuse(&mut self, information: InformationType) {
        self.answer(information, false);
    }

    fn answer(&mut self, information: InformationType, answer: bool) {
        if let Some(slot) = self.answers.get_mut(information as usize) {
            *slot = Some(answer);
        }
    }

    /// Whether the answer was yes.
    #[must_use]
    pub fn includes(&self, information: InformationType) -> bool {
        self.answers.get(information as usize).copied().flatten() == Some(true)
    }

    /// Everything that was answered, in order, with whether it was a yes.
    pub fn iter(&self) -> impl Iterator<Item = (InformationType, bool)> {
        let answers = InformationType::ALL.iter().zip(self.answers);
        answers.filter_map(|(information, answer)| Some((*information, answer?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Day;

    #[test]
    fn a_consent_opens_for_24_hours_until_it_is_taken_back() {
        let mut consent =
            Consent { information: InformationType::Medication, given: 1_000, withdrawn: None };
        assert!(!consent.is_available(999));
        assert!(consent.is_available(1_000));
        assert!(consent.is_available(1_000 + 86_399));
        assert!(!consent.is_available(1_000 + 86_400));
        consent.withdrawn = Some(1_500);
        assert!(!consent.is_available(1_400) && !consent.is_available(1_600));
    }

    #[test]
    fn an_expired_certificate_is_for_eligibility_only() {
        let all = may_consent_to(CertificateLife::ExpiresSoon);
        assert_eq!(all, InformationType::ALL);
        assert!(may_consent_to(CertificateLife::Grace { until: Day::MAX }).is_empty());
    }

    #[test]
    fn a_choice_holds_exactly_what_was_given() {
        let mut choice = ConsentChoice::default();
        choice.give(InformationType::Checkup);
        choice.refuse(InformationType::LimitApplicationCertificate);
        let answers: Vec<_> = choice.iter().map(|(one, yes)| (one.name(), yes)).collect();
        assert_eq!(answers, [("limitApplicationCertificate", false), ("checkup", true)]);
        assert!(!choice.includes(InformationType::LimitApplicationCertificate));
        assert!(!choice.includes(InformationType::Medication), "it was not asked about");
    }
}
