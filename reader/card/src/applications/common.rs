//! 共通カードAP and 住基AP: a few records each (card §1.6).

use super::Contents;
use crate::cv::key_id;
use crate::file::{Access, Application, ChangeCommand, File, FileId, PasswordForm, PasswordRule};
use std::collections::BTreeMap;
use std::sync::Arc;

const COMMON_AID: &[u8] = &[0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x01, 0x00];
const RESIDENT_AID: &[u8] = &[0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x01];
const CARD_RECORD: FileId = 0x01;
const KEY_RECORD: FileId = 0x02;
const RESIDENT_RECORD: FileId = 0x02;
const CHIP_KEY: FileId = 0x19;
const PIN: FileId = 0x1C;
const PIN_TRIES: u8 = 3;
/// 住民票コード has eleven digits; ours begin with two zeros, which none has.
const RESIDENT_CODE_DIGITS: usize = 11;

pub(super) fn common(contents: &Contents<'_>) -> Application {
    let card = format!(
        "{}{:05}{}",
        contents.numbers.card_serial,
        contents.holder.municipality % 100_000,
        contents.numbers.expiry
    );
    let records = |record| File::Records { records: vec![record], read: Access::Free };
    let files = BTreeMap::from([
        (CARD_RECORD, records(record(0x01, card.as_bytes()))),
        (KEY_RECORD, records(record(0x02, &key_id(b"000014", 0)))),
        (CHIP_KEY, File::AuthenticationKey(Arc::clone(&contents.chip))),
        (PIN, pin(contents)),
    ]);
    Application { aid: COMMON_AID, files, internal_key: None }
}

pub(super) fn resident(contents: &Contents<'_>) -> Application {
    let code = format!("{:0RESIDENT_CODE_DIGITS$}", contents.holder.index % 1_000_000_000);
    let records = vec![record(0x01, code.as_bytes())];
    let files = BTreeMap::from([
        (RESIDENT_RECORD, File::Records { records, read: Access::AnyOf(&[PIN]) }),
        (PIN, pin(contents)),
    ]);
    Application { aid: RESIDENT_AID, files, internal_key: None }
}

fn pin(contents: &Contents<'_>) -> File {
    File::Password(PasswordRule {
        form: PasswordForm::Digits(4),
        tries: PIN_TRIES,
        initial: contents.pin.to_owned(),
        change: ChangeCommand::Key,
    })
}

/// A record: its number, its length, its content.
fn record(number: u16, content: &[u8]) -> Vec<u8> {
    crate::tlv::write(number, content)
}
