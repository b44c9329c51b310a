//! What users of a population rely on: it can be made again, it looks like the country, every
//! oddity occurs, and every line of its files is accepted.

use super::days::anniversary;
use super::files::Members;
use super::*;
use proptest::prelude::*;
use shikaku_domain::{
    CharacterCode, InsuredCardClassification, InsurerNumber, MemberChange,
    PersonalFamilyClassification, Scheme,
};
use shikaku_wire::members::{Content, MemberFile};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn spec(persons: u64, seed: u64) -> PopulationSpec {
    PopulationSpec { persons, seed, date: day("20261102") }
}

type People = Vec<Vec<Registration<'static>>>;

fn everybody(population: &Population) -> People {
    (0..population.blocks()).flat_map(|block| population.block(block)).collect()
}

fn tally(population: &Population) -> Tally {
    let mut tally = Tally::default();
    for block in 0..population.blocks() {
        tally.add_block(&population.block(block), population.spec().date);
    }
    tally
}

fn written(spec: PopulationSpec, encoding: Encoding, threads: usize) -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let population = Population::new(spec);
    files::write(&population, directory.path(), encoding, threads, Members::File, 0, |_| {})
        .unwrap();
    let files = [INSURERS_FILE, MEMBERS_FILE, MANIFEST_FILE];
    files.map(|file| fs::read(directory.path().join(file)).unwrap()).into()
}

#[test]
fn the_same_seed_gives_the_same_bytes_with_any_number_of_threads() {
    let one = written(spec(20_001, 7), Encoding::Utf8, 1);
    assert_eq!(one, written(spec(20_001, 7), Encoding::Utf8, 2));
    assert_eq!(one, written(spec(20_001, 7), Encoding::Utf8, 5));
    assert_ne!(one, written(spec(20_001, 8), Encoding::Utf8, 2));
}

#[test]
fn one_person_is_the_same_as_in_the_block_and_in_any_population_of_the_size_class() {
    let population = Population::new(spec(40_000, 3));
    let larger = Population::new(spec(90_000, 3));
    for block in [0, 77, 156] {
        for (index, person) in (block * BLOCK..).zip(population.block(block)) {
            assert_eq!(population.person(index), person, "index {index}");
            assert_eq!(larger.person(index), person, "index {index}");
        }
    }
    assert_eq!(population.block(156).len(), usize::try_from(40_000 % BLOCK).unwrap());
    assert!(population.person(40_000).is_empty() && population.block(157).is_empty());
    assert!(!population.person(39_999).is_empty());
}

#[test]
fn ages_follow_the_pyramid_and_households_are_small() {
    let (seed, date) = (11, day("20261102"));
    let all: Vec<_> = (0..200).flat_map(|block| households(seed, block, date)).collect();
    let members = || all.iter().flat_map(|h| &h.members);
    let count = members().count() as f64;
    assert_eq!(members().count() as u64, 200 * BLOCK);
    let share = |from: u32, to: u32| {
        let is_in = |birth| anniversary(birth, from) <= date && anniversary(birth, to) > date;
        members().filter(|m| is_in(m.birth)).count() as f64 / count
    };
    let near = |actual: f64, expected: f64, what: &str| {
        assert!((actual - expected).abs() < 0.01, "{what}: {actual} for {expected}");
    };
    near(share(0, 15), 0.113, "children");
    near(share(15, 65), 0.596, "working age");
    near(share(65, 75), 0.126, "65 to 74");
    near(share(75, 130), 0.165, "75 and over");
    let old_women = members().filter(|m| m.sex == shikaku_domain::Sex::Female);
    let old_women = old_women.filter(|m| anniversary(m.birth, 85) <= date).count() as f64;
    near(old_women / (share(85, 130) * count), 0.68, "women over 85");

    let of_size = |size| all.iter().filter(|h| h.members.len() == size).count() as f64;
    let homes = all.len() as f64;
    let mean = count / homes;
    assert!((2.0..2.5).contains(&mean), "mean size {mean}");
    assert!((0.30..0.42).contains(&(of_size(1) / homes)), "alone {}", of_size(1) / homes);
    assert!(of_size(4) > 0.05 * homes && of_size(6) > 0.0 && of_size(7) == 0.0);
    let young_head = |h: &&Household| anniversary(h.members[0].birth, 15) > date;
    assert!((all.iter().filter(young_head).count() as f64) < 0.001 * homes);
}

#[test]
fn insurers_have_their_shares_and_each_has_members() {
    let population = Population::new(spec(50_000, 5));
    let counted = tally(&population);
    let near = |count: u64, percent: f64, tolerance: f64, what: &str| {
        let actual = count as f64 * 100.0 / 50_000.0;
        assert!((actual - percent).abs() < tolerance, "{what}: {actual} % for {percent} %");
    };
    near(counted.kyokai, 32.0, 1.5, "協会けんぽ");
    near(counted.kumiai, 22.0, 1.5, "組合健保");
    near(counted.mutual_aid, 7.0, 1.0, "共済組合");
    near(counted.national, 21.0, 1.5, "国民健康保険");
    near(counted.late_stage, 16.0, 1.0, "後期高齢者医療");
    near(counted.medical_aid, 1.6, 0.4, "医療扶助");
    near(counted.uncovered, 1.8, 1.0, "nobody");
    let with_members: HashSet<InsurerNumber> =
        everybody(&population).iter().flatten().map(|r| r.card.insurer).collect();
    let listed: HashSet<_> = population.insurers().iter().map(|i| i.number).collect();
    assert_eq!(with_members, listed);
}

#[test]
fn every_oddity_occurs() {
    let counted = tally(&Population::new(spec(50_000, 6)));
    for (label, count) in counted.lines() {
        assert!(count > 0, "nobody {label}");
    }
    assert!(counted.registrations > 55_000);
}

#[test]
fn every_registration_is_consistent() {
    let population = Population::new(spec(50_000, 9));
    let date = population.spec().date;
    let mut persons = HashSet::new();
    for person in everybody(&population) {
        assert!((1..=5).contains(&person.len()));
        assert!(persons.insert(person[0].person));
        assert!(person.windows(2).all(|two| two[0].period.start() <= two[1].period.start()));
        let births: HashSet<_> = person.iter().map(|r| (r.person, r.card.birthdate)).collect();
        assert_eq!(births.len(), 1);
        for registration in &person {
            check(registration, date);
        }
    }
}

fn check(r: &Registration<'_>, date: Day) {
    let (birth, start, end) = (r.card.birthdate, r.period.start(), r.period.end());
    let scheme = r.card.insurer.scheme();
    assert!(start >= birth && birth <= date);
    assert!(end.is_none_or(|end| end > start));
    assert_eq!(r.reason_of_loss.is_some(), end.is_some());
    let is_aid = scheme == Scheme::MedicalAid;
    assert_eq!(r.card_classification == InsuredCardClassification::MedicalAid, is_aid);
    assert!(is_aid || r.medical_tickets.is_empty());
    let half_width = |c| matches!(c, ' ' | '\u{FF66}'..='\u{FF9F}');
    for kana in [&r.name_kana, &r.name_of_other_kana].into_iter().flatten() {
        assert!(kana.expose().chars().all(half_width), "{}", kana.expose());
    }
    match scheme {
        Scheme::LateStageElderly => {
            assert!(start >= anniversary(birth, 65) && start >= day("20080401"));
            assert!(r.card.symbol.is_none() && r.card.branch.is_none());
        }
        Scheme::MedicalAid => assert!(r.card.symbol.is_none() && r.card.branch.is_none()),
        Scheme::NationalHealthInsurance | Scheme::EmployeesInsurance => {
            // The old stayed with their insurers until the scheme for them began.
            let until = anniversary(birth, 75).max(day("20080401"));
            assert!(start < until && (end.is_some_and(|e| e <= until) || date < until));
        }
        Scheme::Other => panic!("an insurer of no scheme"),
    }
    if scheme == Scheme::EmployeesInsurance
        && let Some(branch) = r.card.branch
    {
        let is_insured = r.personal_family == Some(PersonalFamilyClassification::Insured);
        assert_eq!(branch.number() == 0, is_insured);
    }
    assert!(r.elderly_recipient.iter().all(|e| e.valid.start() >= anniversary(birth, 70)));
    assert!(r.elderly_recipient.iter().all(|e| e.valid.end() <= Some(anniversary(birth, 75))));
}

#[test]
fn those_who_turn_75_change_insurer_on_their_birthday() {
    let population = Population::new(spec(50_000, 10));
    let mut changed = 0;
    for person in everybody(&population) {
        let birthday = anniversary(person[0].card.birthdate, 75);
        if let [.., old, new] = person.as_slice()
            && new.card.insurer.scheme() == Scheme::LateStageElderly
            && new.period.start() == birthday
        {
            assert!(old.period.end() <= Some(birthday));
            changed += u32::from(old.period.end() == Some(birthday));
        }
    }
    assert!(changed > 1_000, "{changed}");
}

#[test]
fn a_card_belongs_to_one_household_and_its_people_differ_but_for_twins_and_missing_branches() {
    let population = Population::new(spec(50_000, 12));
    let mut holders: HashMap<_, HashSet<u64>> = HashMap::new();
    let mut faces: HashMap<_, HashSet<u64>> = HashMap::new();
    for (index, person) in (0_u64..).zip(everybody(&population)) {
        for r in person {
            let card = (r.card.insurer, r.card.folded_symbol(), *r.card.number.folded());
            holders.entry(card).or_default().insert(index);
            if let Some(branch) = r.card.branch {
                faces.entry((card, branch, r.card.birthdate)).or_default().insert(index);
            }
        }
    }
    for members in holders.values() {
        let (first, last) = (members.iter().min().unwrap(), members.iter().max().unwrap());
        assert!(last - first < 6, "one card for {members:?}");
    }
    assert!(faces.values().all(|members| members.len() == 1));
}

/// Reads the members' file and compares line by line with the people; no line may be refused.
fn check_files(population: &Population, directory: &Path, encoding: Encoding) {
    let open = |name| {
        let file = File::open(directory.join(name)).unwrap();
        MemberFile::open(BufReader::new(file)).unwrap()
    };
    let mut file = open(MEMBERS_FILE);
    for mut expected in everybody(population).into_iter().flatten() {
        if encoding == Encoding::Cp932 {
            files::use_common_variants(&mut expected);
        }
        let line = file.next().unwrap().unwrap();
        match line.content {
            Ok(Content::Member(MemberChange::Put(read))) => assert_eq!(read, expected),
            other => panic!("line {}: {other:?}", line.number),
        }
    }
    assert!(file.next().is_none());

    let mut file = open(INSURERS_FILE);
    for expected in population.insurers() {
        let line = file.next().unwrap().unwrap();
        assert_eq!(line.content, Ok(Content::Insurer(expected.clone())));
    }
    assert!(file.next().is_none());
}

#[test]
fn files_in_both_encodings_are_read_back_without_a_reject() {
    for encoding in [Encoding::Utf8, Encoding::Cp932] {
        let directory = tempfile::tempdir().unwrap();
        let population = Population::new(spec(20_000, 13));
        assert!(tally(&population).outside_cp932 > 0);
        let mut told = 0;
        files::write(&population, directory.path(), encoding, 2, Members::File, 0, |n| told += n)
            .unwrap();
        assert_eq!(told, 20_000);
        check_files(&population, directory.path(), encoding);
        let manifest = Manifest::read(directory.path()).unwrap();
        assert_eq!(manifest.spec().unwrap(), population.spec());
        assert_eq!(
            (manifest.encoding, manifest.registrations),
            (encoding, tally(&population).registrations)
        );
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 3, "nothing but the three files is left");
    }
}

#[test]
fn cp932_files_are_cp932_and_keep_its_extensions() {
    let [_, members, _] = written(spec(20_000, 13), Encoding::Cp932, 2).try_into().unwrap();
    let decode = |bytes| shikaku_wire::encoding::decode(bytes, CharacterCode::ShiftJis).unwrap();
    let text = decode(&members);
    assert!(text.contains('髙') && text.contains('﨑') && text.contains("吉"));
    assert!(!text.contains('𠮷') && !text.contains('〓'));
    assert!(std::str::from_utf8(&members).is_err());
}

#[test]
fn a_manifest_that_is_not_ours_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let check = |text: &str, code: &str| {
        fs::write(directory.path().join(MANIFEST_FILE), text).unwrap();
        let error = Manifest::read(directory.path()).unwrap_err().to_string();
        assert!(error.starts_with(code), "{error}");
    };
    let good = String::from_utf8(written(spec(300, 1), Encoding::Utf8, 1).remove(2)).unwrap();
    check("", "SHK-POP-005");
    check("x", "SHK-POP-005");
    check(&good.replace("format_version = 1", "format_version = 2"), "SHK-POP-005");
    check(&good.replace("20261102", "20261302"), "SHK-POP-005");
    check(&good.replace("persons = 300", "persons = 0"), "SHK-POP-005");
    fs::remove_file(directory.path().join(MANIFEST_FILE)).unwrap();
    let error = Manifest::read(directory.path()).unwrap_err().to_string();
    assert!(error.starts_with("SHK-POP-004"), "{error}");
}

fn run(arguments: &[&str]) -> Result<(), String> {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }
    let line = std::iter::once("population").chain(arguments.iter().copied());
    let cli = <Cli as clap::Parser>::try_parse_from(line).map_err(|e| e.to_string())?;
    execute(&cli.args).map_err(|e| e.to_string())
}

#[test]
fn wrong_arguments_say_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("file");
    fs::write(&blocked, "not a directory").unwrap();
    let (full, blocked) = (directory.path().to_str().unwrap(), blocked.to_str().unwrap());
    let check = |persons: &str, date: &str, out: &str, says: &str| {
        let error = run(&["--persons", persons, "--date", date, "--out", out]).unwrap_err();
        assert!(error.contains(says), "{error}");
    };
    check("0", "20261102", full, "SHK-POP-001");
    check("200000001", "20261102", full, "SHK-POP-001");
    check("10", "19991231", full, "SHK-POP-002");
    check("10", "20260230", full, "no such date");
    check("many", "20261102", full, "invalid digit");
    check("10", "20261102", full, "SHK-POP-003");
    check("10", "20261102", blocked, "SHK-POP-004");
}

#[test]
fn a_population_is_replaced_only_by_force() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("new/people");
    let out = out.to_str().unwrap();
    let with = |seed: &'static str| {
        ["--persons", "300", "--date", "20261102", "--out", out, "--seed", seed]
    };
    run(&with("1")).unwrap();
    assert!(run(&with("2")).unwrap_err().starts_with("SHK-POP-003"));
    let mut forced = with("2").to_vec();
    forced.push("--force");
    run(&forced).unwrap();
    assert_eq!(Manifest::read(Path::new(out)).unwrap().seed, "2");
}

#[test]
fn a_failed_write_is_an_error_and_leaves_no_manifest() {
    // A directory where the temporary file should be is a write that fails for everyone.
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("members.part")).unwrap();
    let population = Population::new(spec(300, 1));
    let error =
        files::write(&population, directory.path(), Encoding::Utf8, 2, Members::File, 0, |_| {})
            .unwrap_err();
    assert!(matches!(error, PopulationError::File { .. }), "{error}");
    assert!(!directory.path().join(MANIFEST_FILE).exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_person_of_any_population_can_be_made(
        persons in 1..=PERSONS_MAX,
        seed in any::<u64>(),
        year in PopulationSpec::YEARS,
        at in any::<u64>(),
    ) {
        let date = Day::new(year, 2, 28).unwrap();
        let spec = PopulationSpec { persons, seed, date };
        prop_assert!(spec.check().is_ok());
        let index = at % persons;
        let person = Population::new(spec).person(index);
        prop_assert!(!person.is_empty());
        person.iter().for_each(|r| check(r, date));
        for r in person.iter().filter(|r| r.card.insurer.scheme() == Scheme::MedicalAid) {
            prop_assert_eq!(r.card.number.text().expose().len(), 7);
        }
    }
}
