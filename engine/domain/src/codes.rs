//! The interface's code tables (別紙5-1; §1.12), one `code_table!` call each.
//!
//! A code's text is part of the wire format and of stored records: it never changes. A code that
//! a table does not list is refused by the table's number.

use crate::ValueError;

macro_rules! code_table {
    ($(#[$doc:meta])* $name:ident, $table:literal, {
        $($(#[$variant_doc:meta])* $code:literal => $variant:ident,)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The table's number in the interface.
            pub const TABLE: &'static str = $table;
            /// Every value, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it stands in messages and files.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The value of a code.
            ///
            /// # Errors
            /// [`ValueError::UnknownCode`] when the table does not list it.
            pub fn from_code(code: &str) -> Result<Self, ValueError> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(ValueError::UnknownCode { table: $table }),
                }
            }
        }
    };
}

code_table! {
    /// 限度額適用認定証 提供同意フラグ: does the patient agree to sharing the limit certificate?
    LimitApplicationCertificateRelatedConsFlg, "OQSCD001", {
        /// 未同意
        "0" => NotGiven,
        /// 同意
        "1" => Given,
    }
}

code_table! {
    /// 照会区分: how the person was identified.
    ReferenceClassification, "OQSCD002", {
        /// マイナンバーカード
        "1" => MyNumberCard,
        /// 被保険者証情報
        "2" => InsuranceCard,
    }
}

code_table! {
    /// 処理結果区分: how the whole message fared.
    SegmentOfResult, "OQSCD003", {
        /// 正常終了
        "1" => Normal,
        /// 処理中
        "2" => Processing,
        /// 異常終了
        "9" => Abnormal,
    }
}

code_table! {
    /// 処理結果状況: how one person's query fared.
    ProcessingResultStatus, "OQSCD004", {
        /// 正常終了
        "1" => Normal,
        /// エラー
        "2" => Error,
    }
}

code_table! {
    /// 文字コード識別: the encoding of the answer.
    CharacterCode, "OQSCD005", {
        /// UTF-8
        "0" => Utf8,
        /// Shift_JIS, which means CP932
        "1" => ShiftJis,
    }
}

code_table! {
    /// 資格有効性: the answer to the question of the whole system.
    QualificationValidity, "OQSCD006", {
        /// 有効
        "1" => Valid,
        /// 無効
        "2" => Invalid,
        /// 無効(新しい資格あり)
        "3" => InvalidNewerExists,
        /// 該当資格なし
        "4" => NotFound,
        /// 複数該当 (medical insurance only)
        "5" => Ambiguous,
        /// 有効(未登録) (医療扶助 only)
        "6" => ValidUnregistered,
    }
}

code_table! {
    /// 性別
    Sex, "OQSCD007", {
        /// 男
        "1" => Male,
        /// 女
        "2" => Female,
        /// 未設定
        "3" => NotStated,
    }
}

code_table! {
    /// 資格喪失事由
    ReasonOfLoss, "OQSCD008", {
        /// 死亡
        "01" => Death,
        /// 生活保護受給開始
        "02" => PublicAssistance,
        /// 医療保険等の資格取得
        "03" => OtherInsurance,
        /// その他
        "99" => Other,
    }
}

code_table! {
    /// 本人・家族の別
    PersonalFamilyClassification, "OQSCD009", {
        /// 本人
        "1" => Insured,
        /// 家族
        "2" => Family,
    }
}

code_table! {
    /// 被保険者証の種類
    InsuredCardClassification, "OQSCD010", {
        /// 被保険者証(一般)
        "01" => General,
        /// 被保険者証(退職)
        "02" => Retired,
        /// 短期被保険者証(一般)
        "03" => ShortTermGeneral,
        /// 短期被保険者証(退職)
        "04" => ShortTermRetired,
        /// 被保険者資格証明書; since 2024-12 特別療養費支給対象者
        "05" => SpecialMedicalExpense,
        /// 特例退職被保険者証
        "06" => SpecialRetired,
        /// 自衛官診療証
        "07" => SelfDefenceForces,
        /// 医療扶助
        "A1" => MedicalAid,
    }
}

code_table! {
    /// 限度額適用認定証の種類
    LimitApplicationCertificateClassification, "OQSCD011", {
        /// 限度額適用認定証
        "01" => Limit,
        /// 限度額適用・標準負担額減額認定証
        "02" => LimitAndReduction,
        /// 標準負担額減額認定証
        "03" => Reduction,
    }
}

code_table! {
    /// 限度額適用認定証 適用区分
    LimitApplicationCertificateClassificationFlag, "OQSCD012", {
        /// ア
        "A01" => A,
        /// イ
        "A02" => I,
        /// ウ
        "A03" => U,
        /// エ
        "A04" => E,
        /// オ
        "A05" => O,
        /// オ(境)
        "A06" => OBorder,
        /// 現役並みⅢ
        "B01" => ActiveIncome3,
        /// 現役並みⅡ
        "B02" => ActiveIncome2,
        /// 現役並みⅠ
        "B03" => ActiveIncome1,
        /// 一般
        "B04" => General,
        /// 低所得Ⅱ
        "B05" => LowIncome2,
        /// 低所得Ⅰ
        "B06" => LowIncome1,
        /// 低所得Ⅰ(老福)
        "B07" => LowIncome1Welfare,
        /// 低所得Ⅰ(境)
        "B08" => LowIncome1Border,
        /// 一般Ⅱ
        "B09" => General2,
        /// 一般Ⅰ
        "B10" => General1,
    }
}

code_table! {
    /// 特定疾病の種類
    SpecificDiseasesCategory, "OQSCD013", {
        /// 人工透析を必要とする慢性腎不全
        "1" => KidneyFailure,
        /// 先天性血液凝固因子障害
        "2" => ClottingDisorder,
        /// 血液凝固因子製剤によるHIV
        "3" => Hiv,
    }
}

code_table! {
    /// 未就学区分
    PreschoolClassification, "OQSCD015", {
        /// 未就学該当
        "1" => Preschool,
    }
}

code_table! {
    /// 同意区分 of what is shared at the reader (…ConsFlg). Values 2 and 3 belong to visits and
    /// emergencies.
    ConsentFlag, "OQSCD016", {
        /// なし
        "0" => NotGiven,
        /// あり
        "1" => Given,
    }
}

code_table! {
    /// 処方箋発行形態: what the patient chose.
    PrescriptionIssueSelect, "OQSCD017", {
        /// 電子
        "1" => Electronic,
        /// 紙
        "2" => Paper,
    }
}

code_table! {
    /// 医療券・調剤券別
    TicketType, "OQSCD018", {
        /// 医療券
        "01" => Medical,
        /// 調剤券
        "02" => Dispensing,
    }
}

code_table! {
    /// 診療別
    MedicalTreatmentType, "OQSCD019", {
        /// 入院
        "01" => Inpatient,
        /// 入院外
        "02" => Outpatient,
        /// 歯科
        "03" => Dental,
        /// 調剤
        "04" => Dispensing,
        /// 訪問看護
        "05" => HomeNursing,
    }
}

code_table! {
    /// 単独・併用別
    SingleOrCombinedUse, "OQSCD020", {
        /// 単独
        "01" => Single,
        /// 併用
        "02" => Combined,
    }
}

code_table! {
    /// 指定医療機関確認フラグ: is the asking facility the one the ticket names?
    DesignatedMedicalInstitutionFlag, "OQSCD026", {
        /// 一致
        "0" => Same,
        /// 不一致
        "1" => Other,
    }
}

code_table! {
    /// 一部負担金の割合 in percent, three digits (§1.6 item 22 and §a). The interface gives it no
    /// table number; the values are those seen.
    ContributionRatio, "ContributionRatio", {
        /// 1割
        "010" => Ten,
        /// 2割
        "020" => Twenty,
        /// 3割
        "030" => Thirty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_round_trips_and_strangers_are_refused_by_table() {
        macro_rules! check {
            ($($table:ident),+) => {$(
                for value in $table::ALL {
                    assert_eq!($table::from_code(value.code()), Ok(*value));
                }
                let refused = Err(ValueError::UnknownCode { table: $table::TABLE });
                for stranger in ["", "x", "１", "0 ", "99999"] {
                    assert_eq!($table::from_code(stranger), refused);
                }
            )+};
        }
        check!(
            LimitApplicationCertificateRelatedConsFlg,
            ReferenceClassification,
            SegmentOfResult,
            ProcessingResultStatus,
            CharacterCode,
            QualificationValidity,
            Sex,
            ReasonOfLoss,
            PersonalFamilyClassification,
            InsuredCardClassification,
            LimitApplicationCertificateClassification,
            LimitApplicationCertificateClassificationFlag,
            SpecificDiseasesCategory,
            PreschoolClassification,
            ConsentFlag,
            PrescriptionIssueSelect,
            TicketType,
            MedicalTreatmentType,
            SingleOrCombinedUse,
            DesignatedMedicalInstitutionFlag,
            ContributionRatio
        );
    }
}
