//! The columns of the files, by the interface's element names, in the order in which we write.

macro_rules! columns {
    ($(#[$doc:meta])* $name:ident { $($column:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($column),+ }

        impl $name {
            /// Every column, in the order of the file.
            pub(super) const ALL: &'static [Self] = &[$(Self::$column),+];

            /// The name in the header line.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$column => stringify!($column)),+ }
            }
        }
    };
}

columns! {
    /// A column of the members' file. Groups carry a number.
    Column {
        ChangeClassification, PersonId, InsurerNumber, InsuredCardSymbol,
        InsuredIdentificationNumber, InsuredBranchNumber, PersonalFamilyClassification, InsuredName,
        Name, NameOfOther, NameKana, NameOfOtherKana, Sex1, Sex2, Birthdate, Address, PostNumber,
        QualificationDate, DisqualificationDate, ReasonOfLoss, InsuredCardClassification,
        InsuredCertificateIssuanceDate, InsuredCardValidDate, InsuredCardExpirationDate,
        InsuredPartialContributionRatio,
        ElderlyRecipientCertificateDate1, ElderlyRecipientValidStartDate1,
        ElderlyRecipientValidEndDate1, ElderlyRecipientContributionRatio1,
        ElderlyRecipientCertificateDate2, ElderlyRecipientValidStartDate2,
        ElderlyRecipientValidEndDate2, ElderlyRecipientContributionRatio2,
        LimitApplicationCertificateClassification1, LimitApplicationCertificateClassificationFlag1,
        LimitApplicationCertificateDate1, LimitApplicationCertificateValidStartDate1,
        LimitApplicationCertificateValidEndDate1, LimitApplicationCertificateLongTermDate1,
        LimitApplicationCertificateClassification2, LimitApplicationCertificateClassificationFlag2,
        LimitApplicationCertificateDate2, LimitApplicationCertificateValidStartDate2,
        LimitApplicationCertificateValidEndDate2, LimitApplicationCertificateLongTermDate2,
        SpecificDiseasesDiseaseCategory1, SpecificDiseasesCertificateDate1,
        SpecificDiseasesValidStartDate1, SpecificDiseasesValidEndDate1, SpecificDiseasesSelfPay1,
        SpecificDiseasesDiseaseCategory2, SpecificDiseasesCertificateDate2,
        SpecificDiseasesValidStartDate2, SpecificDiseasesValidEndDate2, SpecificDiseasesSelfPay2,
        SpecificDiseasesDiseaseCategory3, SpecificDiseasesCertificateDate3,
        SpecificDiseasesValidStartDate3, SpecificDiseasesValidEndDate3, SpecificDiseasesSelfPay3,
        TicketType1, MedicalTicketValidDate1, MedicalTicketExpirationDate1, IssueNumber1,
        MedicalTreatmentMonth1, DesignatedMedicalInstitutionCode1,
        DesignatedMedicalInstitutionName1, MedicalTreatmentType1, SelfPayAmount1,
        SingleOrCombinedUse1,
        TicketType2, MedicalTicketValidDate2, MedicalTicketExpirationDate2, IssueNumber2,
        MedicalTreatmentMonth2, DesignatedMedicalInstitutionCode2,
        DesignatedMedicalInstitutionName2, MedicalTreatmentType2, SelfPayAmount2,
        SingleOrCombinedUse2,
        TicketType3, MedicalTicketValidDate3, MedicalTicketExpirationDate3, IssueNumber3,
        MedicalTreatmentMonth3, DesignatedMedicalInstitutionCode3,
        DesignatedMedicalInstitutionName3, MedicalTreatmentType3, SelfPayAmount3,
        SingleOrCombinedUse3,
    }
}

columns! {
    /// A column of the insurers' master file.
    InsurerColumn { InsurerNumber, InsurerName }
}

columns! {
    /// A column of a file of cards.
    CardColumn {
        AuthorityKeyIdentifier, CertificateSerialNumber, InsurerNumber, InsuredCardSymbol,
        InsuredIdentificationNumber, InsuredBranchNumber, Birthdate,
    }
}

impl CardColumn {
    /// How many columns there are.
    pub(super) const COUNT: usize = Self::ALL.len();

    /// The columns that a file must have.
    pub(super) const REQUIRED: [Self; 5] = [
        Self::AuthorityKeyIdentifier,
        Self::CertificateSerialNumber,
        Self::InsurerNumber,
        Self::InsuredIdentificationNumber,
        Self::Birthdate,
    ];
}

impl Column {
    /// How many columns there are.
    pub(super) const COUNT: usize = Self::ALL.len();

    /// The columns that a file must have.
    pub(super) const REQUIRED: [Self; 8] = [
        Self::PersonId,
        Self::InsurerNumber,
        Self::InsuredIdentificationNumber,
        Self::Name,
        Self::Sex1,
        Self::Birthdate,
        Self::QualificationDate,
        Self::InsuredCardClassification,
    ];

    /// 高齢受給者証: issued, first and last valid day, ratio.
    pub(super) const ELDERLY: [[Self; 4]; 2] = groups(Self::ElderlyRecipientCertificateDate1);
    /// 限度額適用認定証: classification, flag, issued, first and last valid day, long term.
    pub(super) const LIMIT: [[Self; 6]; 2] =
        groups(Self::LimitApplicationCertificateClassification1);
    /// 特定疾病療養受療証: category, issued, first and last valid day, self pay.
    pub(super) const DISEASE: [[Self; 5]; 3] = groups(Self::SpecificDiseasesDiseaseCategory1);
    /// 医療券・調剤券: type, first and last valid day, issue number, month, facility's code and
    /// name, treatment, self pay, use.
    pub(super) const TICKET: [[Self; 10]; 3] = groups(Self::TicketType1);
}

/// The groups that stand one after the other from this column on.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time only")]
const fn groups<const WIDTH: usize, const COUNT: usize>(first: Column) -> [[Column; WIDTH]; COUNT] {
    let mut out = [[first; WIDTH]; COUNT];
    let mut at = 0;
    while at < WIDTH * COUNT {
        out[at / WIDTH][at % WIDTH] = Column::ALL[first as usize + at];
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_begin_and_end_where_their_names_say() {
        fn check<const W: usize, const N: usize>(
            groups: &[[Column; W]; N],
            first: &str,
            last: &str,
        ) {
            for (number, group) in groups.iter().enumerate() {
                assert_eq!(group[0].name(), format!("{first}{}", number + 1));
                assert_eq!(group[W - 1].name(), format!("{last}{}", number + 1));
            }
        }
        check(
            &Column::ELDERLY,
            "ElderlyRecipientCertificateDate",
            "ElderlyRecipientContributionRatio",
        );
        check(
            &Column::LIMIT,
            "LimitApplicationCertificateClassification",
            "LimitApplicationCertificateLongTermDate",
        );
        check(&Column::DISEASE, "SpecificDiseasesDiseaseCategory", "SpecificDiseasesSelfPay");
        check(&Column::TICKET, "TicketType", "SingleOrCombinedUse");
        assert_eq!(Column::COUNT, 90);
    }
}
