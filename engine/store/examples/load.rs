//! Loads synthetic persons through [`Writer::submit`] and reads them back; prints the rates.
//!
//! `cargo run --release -p shikaku-store --example load -- [persons] [shards]`

#![expect(clippy::print_stdout, reason = "the rates are what this program is for")]

use shikaku_domain::{
    CardFace, CardQuery, CardText, Day, InsuredBranchNumber, InsuredCardClassification,
    InsurerNumber, MemberChange, Period, PersonId, Personal, PersonalFamilyClassification,
    PostNumber, Registration, Sex, check_digit,
};
use shikaku_store::{
    BATCH_CHANGES_MAX, Batch, InPlace, OperationId, Reader, Store, StoreOptions, Writer,
};
use std::borrow::Cow;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

fn person(number: u64) -> Result<Registration<'static>, Box<dyn Error>> {
    let base = 100_001 + u32::try_from(number % 3000)?;
    let insurer = InsurerNumber::from_number(base * 10 + check_digit(u64::from(base)));
    let text = |text: &'static str| Personal::new(Cow::Borrowed(text));
    Ok(Registration {
        person: PersonId::from_number(number + 1).ok_or("number")?,
        card: CardFace {
            insurer: insurer.ok_or("insurer")?,
            symbol: Some(CardText::new(format!("{}", number / 3000 % 1000))?),
            number: CardText::new(format!("{}", number / 4))?,
            branch: InsuredBranchNumber::from_number(u8::try_from(number % 4)?),
            birthdate: Day::from_number(20_000 + u32::try_from(number * 7919 % 35_000)?)
                .ok_or("day")?,
        },
        period: Period::new(Day::new(2020, 4, 1)?, None)?,
        reason_of_loss: None,
        card_classification: InsuredCardClassification::General,
        personal_family: Some(PersonalFamilyClassification::Insured),
        insured_name: Some(text("合成　太郎")),
        name: text("合成　花子"),
        name_of_other: None,
        name_kana: Some(text("ｺﾞｳｾｲ ﾊﾅｺ")),
        name_of_other_kana: None,
        sex1: Sex::Female,
        sex2: None,
        post_number: PostNumber::from_number(1_000_001),
        address: Some(text("架空県見本市例示町１丁目２番３号")),
        card_issued: Some(Day::new(2020, 4, 1)?),
        card_valid_from: Some(Day::new(2020, 4, 1)?),
        card_expires: None,
        contribution_ratio: None,
        elderly_recipient: Vec::new(),
        limit_application: Vec::new(),
        specific_diseases: Vec::new(),
        medical_tickets: Vec::new(),
        elsewhere: Vec::new(),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let persons: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let shards: u16 = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let options = StoreOptions {
        path: folder.path().join("store"),
        shards,
        cache_bytes: 1 << 30,
        create: true,
    };
    let (mut writer, writers, reader) = Store::open(&options)?.into_parts();
    let shards = InPlace::new(writers);
    load(&mut writer, &shards, persons)?;
    read(&reader, persons)?;
    println!("{:?}", reader.stats());
    drop((writer, shards, reader));
    let begin = Instant::now();
    Store::open(&options)?;
    println!("opened again in {:?}", begin.elapsed());
    Ok(())
}

fn load(
    writer: &mut Writer<shikaku_store::LocalLog>,
    shards: &InPlace,
    persons: u64,
) -> Result<(), Box<dyn Error>> {
    let mut submitting = std::time::Duration::ZERO;
    let mut first = 0;
    while first < persons {
        let end = persons.min(first + BATCH_CHANGES_MAX as u64);
        let changes = (first..end)
            .map(|number| person(number).map(MemberChange::Put))
            .collect::<Result<_, _>>()?;
        let batch =
            Batch { operation: OperationId::of(&[&first.to_be_bytes()]), changes, progress: None };
        let begin = Instant::now();
        writer.submit(&batch, shards)?;
        submitting += begin.elapsed();
        first = end;
    }
    let rate = persons as f64 / submitting.as_secs_f64();
    println!("loaded {persons} persons in {submitting:?} of submit: {rate:.0}/s");
    Ok(())
}

fn read(reader: &Reader, persons: u64) -> Result<(), Box<dyn Error>> {
    const READS: u64 = 200_000;
    let queries = (0..READS)
        .map(|read| person(read * 7919 % persons).map(|person| CardQuery::for_card(&person)))
        .collect::<Result<Vec<_>, _>>()?;
    for round in ["first", "second"] {
        let begin = Instant::now();
        for query in &queries {
            let found = reader.with_card(query, |found| black_box(found).len())?;
            assert!(found > 0, "every person loaded is found");
        }
        let each = begin.elapsed() / u32::try_from(READS)?;
        println!("{round} round of reads: {each:?} each, one thread");
    }
    Ok(())
}
