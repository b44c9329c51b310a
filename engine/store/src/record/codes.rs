//! Code-table values as one byte each. A byte, once given, keeps its meaning: add, never renumber.

use crate::codec::Damage;
use shikaku_domain::{
    ContributionRatio, InsuredCardClassification, LimitApplicationCertificateClassification,
    LimitApplicationCertificateClassificationFlag, MedicalTreatmentType,
    PersonalFamilyClassification, ReasonOfLoss, Sex, SingleOrCombinedUse, SpecificDiseasesCategory,
    TicketType,
};

/// A value that records keep as one byte.
pub(super) trait CodeByte: Copy {
    fn byte(self) -> u8;
    fn from_byte(byte: u8) -> Result<Self, Damage>;
}

macro_rules! code_bytes {
    ($($name:ident { $($byte:literal $variant:ident),+ $(,)? })+) => {
        $(impl CodeByte for $name {
            fn byte(self) -> u8 {
                match self { $(Self::$variant => $byte,)+ }
            }

            fn from_byte(byte: u8) -> Result<Self, Damage> {
                match byte {
                    $($byte => Ok(Self::$variant),)+
                    _ => Err(concat!("unknown ", stringify!($name))),
                }
            }
        })+

        #[cfg(test)]
        pub(super) fn check_every_code() {
            $(for value in $name::ALL {
                assert_eq!($name::from_byte(value.byte()), Ok(*value));
            })+
        }
    };
}

code_bytes! {
    Sex { 1 Male, 2 Female, 3 NotStated }
    ReasonOfLoss { 1 Death, 2 PublicAssistance, 3 OtherInsurance, 99 Other }
    PersonalFamilyClassification { 1 Insured, 2 Family }
    InsuredCardClassification {
        1 General, 2 Retired, 3 ShortTermGeneral, 4 ShortTermRetired, 5 SpecialMedicalExpense,
        6 SpecialRetired, 7 SelfDefenceForces, 101 MedicalAid,
    }
    LimitApplicationCertificateClassification { 1 Limit, 2 LimitAndReduction, 3 Reduction }
    LimitApplicationCertificateClassificationFlag {
        1 A, 2 I, 3 U, 4 E, 5 O, 6 OBorder,
        101 ActiveIncome3, 102 ActiveIncome2, 103 ActiveIncome1, 104 General, 105 LowIncome2,
        106 LowIncome1, 107 LowIncome1Welfare, 108 LowIncome1Border, 109 General2, 110 General1,
    }
    SpecificDiseasesCategory { 1 KidneyFailure, 2 ClottingDisorder, 3 Hiv }
    TicketType { 1 Medical, 2 Dispensing }
    MedicalTreatmentType { 1 Inpatient, 2 Outpatient, 3 Dental, 4 Dispensing, 5 HomeNursing }
    SingleOrCombinedUse { 1 Single, 2 Combined }
    ContributionRatio { 10 Ten, 20 Twenty, 30 Thirty }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_has_a_byte_of_its_own() {
        super::check_every_code();
    }
}
