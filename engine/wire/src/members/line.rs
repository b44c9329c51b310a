//! From a line to a change of one membership. Every problem of the line is found, not only the
//! first: a clerk should have to mend a line once.

use super::columns::Column;
use super::reject::{Problem, Problems, Reject};
use super::row::{Row, free_text, half_width, yen};
use shikaku_domain::{
    CardFace, CardText, ContributionRatio, Day, ElderlyRecipientCertificate, InsuredBranchNumber,
    InsuredCardClassification, InsurerNumber, LimitApplicationCertificate,
    LimitApplicationCertificateClassification, LimitApplicationCertificateClassificationFlag,
    MedicalInstitutionCode, MedicalTicket, MedicalTreatmentType, MemberChange, Month, Period,
    PersonId, PersonalFamilyClassification, PostNumber, ReasonOfLoss, Registration, Scheme, Sex,
    SingleOrCombinedUse, SpecificDiseasesCategory, SpecificDiseasesCertificate, TicketType,
    ValueError,
};

/// ChangeClassification. Our own table: the insurers' file of the real system is not public.
#[derive(Clone, Copy)]
enum Change {
    /// 1, and what an empty cell means.
    Put,
    /// 2
    Withdraw,
}

impl Change {
    const TABLE: &'static str = "ChangeClassification";

    const fn from_code(code: &str) -> Result<Self, ValueError> {
        match code.as_bytes() {
            b"1" => Ok(Self::Put),
            b"2" => Ok(Self::Withdraw),
            _ => Err(ValueError::UnknownCode { table: Self::TABLE }),
        }
    }
}

/// Reads one line of a members' file.
pub(super) fn member_change<'a>(row: Row<'a>, line: u64) -> Result<MemberChange<'a>, Vec<Reject>> {
    let mut problems = Problems::of_line(line);
    let change = row.optional(Column::ChangeClassification, &mut problems, Change::from_code);
    let read = match change.unwrap_or(Change::Put) {
        Change::Put => registration(row, &mut problems).map(MemberChange::Put),
        Change::Withdraw => withdrawal(row, &mut problems),
    };
    match read {
        Some(read) if problems.list.is_empty() => Ok(read),
        _ => Err(problems.list),
    }
}

/// A withdrawal names the membership; whatever else the line says does not matter.
fn withdrawal<'a>(row: Row<'a>, problems: &mut Problems) -> Option<MemberChange<'a>> {
    let person = row.required(Column::PersonId, problems, PersonId::parse);
    let card = card_face(row, problems);
    let qualified = row.required(Column::QualificationDate, problems, Day::parse);
    Some(MemberChange::Withdraw { person: person?, card: card?, qualified: qualified? })
}

fn card_face<'a>(row: Row<'a>, problems: &mut Problems) -> Option<CardFace<'a>> {
    let insurer = row.required(Column::InsurerNumber, problems, InsurerNumber::parse);
    let symbol = row.optional(Column::InsuredCardSymbol, problems, CardText::new);
    let number = row.required(Column::InsuredIdentificationNumber, problems, CardText::new);
    let branch = row.optional(Column::InsuredBranchNumber, problems, InsuredBranchNumber::parse);
    let birthdate = row.required(Column::Birthdate, problems, Day::parse);
    let (has_symbol, has_branch) = match insurer.map(InsurerNumber::scheme) {
        Some(Scheme::LateStageElderly) => (false, false),
        Some(Scheme::MedicalAid) => (false, true),
        Some(Scheme::NationalHealthInsurance | Scheme::EmployeesInsurance | Scheme::Other)
        | None => (true, true),
    };
    if symbol.is_some() && !has_symbol {
        problems.note(Some(Column::InsuredCardSymbol.name()), Problem::SymbolUnknown);
    }
    if branch.is_some() && !has_branch {
        problems.note(Some(Column::InsuredBranchNumber.name()), Problem::BranchUnknown);
    }
    Some(CardFace { insurer: insurer?, symbol, number: number?, branch, birthdate: birthdate? })
}

fn registration<'a>(row: Row<'a>, problems: &mut Problems) -> Option<Registration<'a>> {
    let person = row.required(Column::PersonId, problems, PersonId::parse);
    let card = card_face(row, problems);
    let period = qualification(row, card.as_ref().map(|card| card.birthdate), problems);
    let reason_of_loss = row.optional(Column::ReasonOfLoss, problems, ReasonOfLoss::from_code);
    if reason_of_loss.is_some() && row.text(Column::DisqualificationDate).is_empty() {
        problems.note(Some(Column::ReasonOfLoss.name()), Problem::ReasonWithoutLoss);
    }
    let scheme = card.as_ref().map(|card| card.insurer.scheme());
    let card_classification = classification(row, scheme, problems);

    let family = PersonalFamilyClassification::from_code;
    let personal_family = row.optional(Column::PersonalFamilyClassification, problems, family);
    let insured_name = row.optional(Column::InsuredName, problems, free_text);
    let name = row.required(Column::Name, problems, free_text);
    let name_of_other = row.optional(Column::NameOfOther, problems, free_text);
    let name_kana = row.optional(Column::NameKana, problems, half_width);
    let name_of_other_kana = row.optional(Column::NameOfOtherKana, problems, half_width);
    let sex1 = row.required(Column::Sex1, problems, Sex::from_code);
    let sex2 = row.optional(Column::Sex2, problems, Sex::from_code);
    let address = row.optional(Column::Address, problems, free_text);
    let post_number = row.optional(Column::PostNumber, problems, PostNumber::parse);
    let card_issued = row.optional(Column::InsuredCertificateIssuanceDate, problems, Day::parse);
    let card_valid_from = row.optional(Column::InsuredCardValidDate, problems, Day::parse);
    let card_expires = row.end(Column::InsuredCardExpirationDate, problems, Day::parse);
    if card_valid_from.zip(card_expires).is_some_and(|(from, until)| until < from) {
        let column = Column::InsuredCardExpirationDate.name();
        problems.note(Some(column), ValueError::EndBeforeStart.into());
    }
    let ratio = ContributionRatio::from_code;
    let contribution_ratio = row.optional(Column::InsuredPartialContributionRatio, problems, ratio);

    let elderly_recipient = present(row, &Column::ELDERLY, problems, elderly_recipient);
    let limit_application = present(row, &Column::LIMIT, problems, limit_application);
    let specific_diseases = present(row, &Column::DISEASE, problems, specific_disease);
    let medical_tickets = medical_tickets(row, scheme, problems);

    Some(Registration {
        person: person?,
        card: card?,
        period: period?,
        reason_of_loss,
        card_classification: card_classification?,
        personal_family,
        insured_name,
        name: name?,
        name_of_other,
        name_kana,
        name_of_other_kana,
        sex1: sex1?,
        sex2,
        post_number,
        address,
        card_issued,
        card_valid_from,
        card_expires,
        contribution_ratio,
        elderly_recipient,
        limit_application,
        specific_diseases,
        medical_tickets,
        elsewhere: Vec::new(),
    })
}

/// 資格取得年月日 until 資格喪失年月日.
fn qualification(row: Row<'_>, birthdate: Option<Day>, problems: &mut Problems) -> Option<Period> {
    let start = row.required(Column::QualificationDate, problems, Day::parse);
    let end = row.end(Column::DisqualificationDate, problems, Day::parse);
    let start = start?;
    if birthdate.is_some_and(|birthdate| start < birthdate) {
        problems.note(Some(Column::QualificationDate.name()), Problem::QualifiedBeforeBirth);
    }
    let period = Period::new(start, end).map_err(|_| ValueError::EndBeforeStart);
    problems.keep(Column::DisqualificationDate.name(), period)
}

fn classification(
    row: Row<'_>,
    scheme: Option<Scheme>,
    problems: &mut Problems,
) -> Option<InsuredCardClassification> {
    let column = Column::InsuredCardClassification;
    let classification = row.required(column, problems, InsuredCardClassification::from_code)?;
    let says_aid = classification == InsuredCardClassification::MedicalAid;
    if scheme.is_some_and(|scheme| (scheme == Scheme::MedicalAid) != says_aid) {
        problems.note(Some(column.name()), Problem::MedicalAidOnly);
    }
    Some(classification)
}

/// Reads those groups of columns that are not blank.
fn present<'a, T, const WIDTH: usize>(
    row: Row<'a>,
    groups: &[[Column; WIDTH]],
    problems: &mut Problems,
    read: impl Fn(Row<'a>, &[Column; WIDTH], &mut Problems) -> Option<T>,
) -> Vec<T> {
    let given = groups.iter().filter(|group| !row.is_blank(group.as_slice()));
    given.filter_map(|group| read(row, group, problems)).collect()
}

fn elderly_recipient(
    row: Row<'_>,
    &[issued, first, last, ratio]: &[Column; 4],
    problems: &mut Problems,
) -> Option<ElderlyRecipientCertificate> {
    let issued = row.optional(issued, problems, Day::parse);
    let valid = row.period(first, last, problems);
    let ratio = row.required(ratio, problems, ContributionRatio::from_code);
    Some(ElderlyRecipientCertificate { issued, valid: valid?, contribution_ratio: ratio? })
}

fn limit_application(
    row: Row<'_>,
    &[kind, flag, issued, first, last, long_term]: &[Column; 6],
    problems: &mut Problems,
) -> Option<LimitApplicationCertificate> {
    let kind = row.required(kind, problems, LimitApplicationCertificateClassification::from_code);
    let flag =
        row.required(flag, problems, LimitApplicationCertificateClassificationFlag::from_code);
    let issued = row.optional(issued, problems, Day::parse);
    let valid = row.period(first, last, problems);
    let long_term = row.optional(long_term, problems, Day::parse);
    Some(LimitApplicationCertificate {
        classification: kind?,
        classification_flag: flag?,
        issued,
        valid: valid?,
        long_term,
    })
}

fn specific_disease(
    row: Row<'_>,
    &[category, issued, first, last, self_pay]: &[Column; 5],
    problems: &mut Problems,
) -> Option<SpecificDiseasesCertificate> {
    let category = row.required(category, problems, SpecificDiseasesCategory::from_code);
    let issued = row.optional(issued, problems, Day::parse);
    let valid = row.period(first, last, problems);
    let self_pay_yen = row.required(self_pay, problems, yen);
    Some(SpecificDiseasesCertificate {
        category: category?,
        issued,
        valid: valid?,
        self_pay_yen: self_pay_yen?,
    })
}

fn medical_tickets<'a>(
    row: Row<'a>,
    scheme: Option<Scheme>,
    problems: &mut Problems,
) -> Vec<MedicalTicket<'a>> {
    let tickets = present(row, &Column::TICKET, problems, medical_ticket);
    if !tickets.is_empty() && scheme.is_some_and(|scheme| scheme != Scheme::MedicalAid) {
        problems.note(Some(Column::TicketType1.name()), Problem::TicketWithoutMedicalAid);
    }
    tickets
}

fn medical_ticket<'a>(
    row: Row<'a>,
    &[kind, first, last, issue, month, code, name, treatment, self_pay, with_other]: &[Column; 10],
    problems: &mut Problems,
) -> Option<MedicalTicket<'a>> {
    let ticket_type = row.required(kind, problems, TicketType::from_code);
    let valid = row.period(first, last, problems);
    let issue_number = row.required(issue, problems, free_text);
    let treatment_month = row.required(month, problems, Month::parse);
    let institution = row.required(code, problems, MedicalInstitutionCode::parse);
    let institution_name = row.required(name, problems, free_text);
    let treatment_type = row.optional(treatment, problems, MedicalTreatmentType::from_code);
    let self_pay_yen = row.optional(self_pay, problems, yen);
    let use_with_other = row.optional(with_other, problems, SingleOrCombinedUse::from_code);
    Some(MedicalTicket {
        ticket_type: ticket_type?,
        valid: valid?,
        issue_number: issue_number?,
        treatment_month: treatment_month?,
        institution: institution?,
        institution_name: institution_name?,
        treatment_type,
        self_pay_yen,
        use_with_other,
    })
}
