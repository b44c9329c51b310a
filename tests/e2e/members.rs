//! Insurers register their members (§5): changes and full replacements over HTTP and by command.

use crate::http::Reply;
use crate::insurer_files::{
    Intake, Member, UPLOAD_MIB_MAX, file, file_of, insurer, intake, members,
};
use crate::shared::today;
use encoding_rs::SHIFT_JIS;
use shikaku_tests::{said, try_run};

/// The 資格有効性 that a facility is answered today.
fn validity(intake: &Intake, member: &Member) -> String {
    intake.desk.validity(&member.question(today()))
}

#[test]
fn a_file_registers_its_members_whatever_its_encoding_and_line_ends() {
    let (intake, client) = (intake(), intake().client(insurer(1)));
    let lines = members(1, 40);
    let groups: Vec<_> = lines.chunks(10).collect();
    let text = |at: usize| file_of(groups[at]);
    let cp932 = SHIFT_JIS.encode(&text(2)).0.into_owned();
    let bodies = [
        text(0).into_bytes(),
        [b"\xEF\xBB\xBF", text(1).as_bytes()].concat(),
        cp932,
        text(3).replace('\n', "\r\n").into_bytes(),
    ];
    for (group, body) in groups.iter().zip(bodies) {
        let report = intake.load(&client, "delta", &body);
        assert_eq!((report.lines, report.added, report.rejected), (11, 10, 0));
        for member in *group {
            let answer = intake.desk.ask_v1(&member.question(today()));
            let shown = &answer["eligibility"];
            assert_eq!(shown["name"], member.name);
            assert_eq!(shown["nameKana"], "ｶﾆｭｳ ｼｬ");
            assert_eq!((&shown["sex1"], &shown["sex2"]), (&"2".into(), &"3".into()));
            assert_eq!(shown["insurerName"], "試験健康保険組合1");
        }
    }
}

/// Rejects name line, column and reason, for the clerk who has to mend them.
#[test]
fn bad_lines_are_rejected_with_their_place_and_good_lines_are_taken() {
    let (intake, client) = (intake(), intake().client(insurer(2)));
    let good = Member::new(2, 1);
    let bad = [
        Member { birthdate: "19810229", ..Member::new(2, 2) },
        Member { number: "９".repeat(21), ..Member::new(2, 3) },
        Member { name: String::new(), from: "19791231", ..Member::new(2, 4) },
        Member { change: "7", ..Member::new(2, 5) },
    ];
    let mut lines = vec![good.line()];
    lines.extend(bad.iter().map(Member::line));
    lines.push("1,2,3".to_owned());
    let report = intake.load(&client, "delta", file(lines).as_bytes());
    assert_eq!((report.lines, report.added, report.rejected), (7, 1, 5));
    assert_eq!(validity(intake, &good), "1");

    let reply = intake.rejects(&client, &report.file);
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8");
    let text = reply.text();
    let mut rows = text.strip_prefix('\u{FEFF}').unwrap().lines();
    assert_eq!(rows.next(), Some("Line,Column,Code,MessageJa,MessageEn"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.splitn(4, ',').collect()).collect();
    let places: Vec<_> = rows.iter().map(|row| (row[0], row[1], row[2])).collect();
    assert_eq!(
        places,
        [
            ("3", "Birthdate", "SHK-VAL-008"),
            ("4", "InsuredIdentificationNumber", "SHK-VAL-006"),
            ("5", "QualificationDate", "SHK-MEM-007"),
            ("5", "Name", "SHK-VAL-001"),
            ("6", "ChangeClassification", "SHK-VAL-011"),
            ("7", "", "SHK-MEM-002"),
        ]
    );
    assert!(rows.iter().all(|row| row[3].contains("。,") || row[3].contains("。\",")), "{text}");
    for member in &bad {
        for personal in [&member.name, "架空区", member.birthdate, "ｶﾆｭｳ"] {
            assert!(personal.is_empty() || !text.contains(personal), "{text}");
        }
    }
    let log = intake.centre.log();
    assert!(!log.contains("加入　者") && !log.contains("架空区") && !log.contains(&good.number));
}

#[test]
fn rejects_are_for_whoever_sent_the_file() {
    let (intake, client) = (intake(), intake().client(insurer(3)));
    let report = intake.load(&client, "delta", file(["broken".to_owned()]).as_bytes());
    assert_eq!(intake.rejects(&client, &report.file).status, 200);
    let upper = report.file.to_ascii_uppercase();
    assert_eq!(intake.rejects(&client, &upper).status, 200);
    for stranger in [intake.client(insurer(4)), intake.operator()] {
        intake.rejects(&stranger, &report.file).expect_problem(404, "SHK-ENG-034");
    }
    for name in ["0", &"z".repeat(64), "..%2F..%2FFORMAT", &"0".repeat(64)] {
        intake.rejects(&client, name).expect_problem(404, "SHK-ENG-034");
    }
}

#[test]
fn an_insurer_speaks_for_its_own_members_only() {
    let (intake, client) = (intake(), intake().client(insurer(4)));
    let (own, foreign) = (Member::new(4, 1), Member::new(5, 1));
    let report = intake.load(&client, "delta", file_of([&own, &foreign]).as_bytes());
    assert_eq!((report.added, report.rejected), (1, 1));
    assert!(intake.rejects(&client, &report.file).text().contains("3,InsurerNumber,SHK-MEM-012,"));
    assert_eq!(validity(intake, &own), "1");
    assert_eq!(validity(intake, &foreign), "4");

    let report = intake.load(&intake.operator(), "delta", file_of([&foreign]).as_bytes());
    assert_eq!((report.added, report.rejected), (1, 0), "an operator speaks for everyone");
    assert_eq!(validity(intake, &foreign), "1");
}

#[test]
fn lines_of_an_insurer_that_is_not_registered_are_rejected() {
    let intake = intake();
    let unknown = Member { insurer: insurer(99), ..Member::new(6, 1) };
    let report = intake.load(&intake.operator(), "delta", file_of([&unknown]).as_bytes());
    assert_eq!((report.added, report.rejected), (0, 1));
    let rejects = intake.rejects(&intake.operator(), &report.file);
    assert!(rejects.text().contains("2,InsurerNumber,SHK-MEM-013,"));
}

#[test]
fn the_list_of_insurers_is_loaded_by_an_operator() {
    let intake = intake();
    let list = format!("InsurerNumber,InsurerName\n{},新しい保険者\n", insurer(50));
    let report = intake.load(&intake.operator(), "delta", list.as_bytes());
    assert_eq!(report.insurers, 1);
    let member = Member { insurer: insurer(50), ..Member::new(6, 2) };
    intake.load(&intake.operator(), "delta", file_of([&member]).as_bytes());
    let answer = intake.desk.ask_v1(&member.question(today()));
    assert_eq!(answer["eligibility"]["insurerName"], "新しい保険者");
    let own = intake.client(insurer(6));
    intake.upload(&own, "?mode=delta", list.as_bytes()).expect_problem(422, "SHK-INT-004");
    let full = intake.upload(&intake.operator(), "?mode=full", list.as_bytes());
    full.expect_problem(422, "SHK-INT-004");
}

#[test]
fn the_same_file_again_changes_nothing_and_says_so() {
    let (intake, client) = (intake(), intake().client(insurer(7)));
    let body = file_of(&members(7, 5));
    let first = intake.load(&client, "delta", body.as_bytes());
    assert!(!first.repeated);
    let again = intake.load(&client, "delta", body.as_bytes());
    assert!(again.repeated);
    assert_eq!(again.file, first.file);
    assert_eq!(validity(intake, &Member::new(7, 5)), "1");
    let full = intake.load(&client, "full", body.as_bytes());
    assert!(!full.repeated, "the same lines as everyone are another file");
    assert_eq!((full.unchanged, full.removed), (5, 0));
}

/// A file that was cut off on its way and sent again as a whole.
#[test]
fn a_prefix_of_a_file_and_then_the_whole_register_everyone_once() {
    let (intake, client) = (intake(), intake().client(insurer(8)));
    let whole = file_of(&members(8, 20));
    let cut = whole.find("加入　者8番13").unwrap() + 3;
    let report = intake.load(&client, "delta", &whole.as_bytes()[..cut]);
    assert_eq!((report.added, report.rejected), (12, 1));
    let report = intake.load(&client, "delta", whole.as_bytes());
    assert_eq!((report.added, report.unchanged, report.rejected), (8, 12, 0));
}

#[test]
fn a_full_replacement_withdraws_whoever_is_missing() {
    let (intake, client) = (intake(), intake().client(insurer(9)));
    let all = members(9, 20);
    intake.load(&client, "delta", file_of(&all).as_bytes());
    let report = intake.load(&client, "full", file_of(&all[1..]).as_bytes());
    assert_eq!((report.unchanged, report.removed, report.removals_withheld), (19, 1, 0));
    assert_eq!(validity(intake, &all[0]), "4");
    assert!(all[1..].iter().all(|member| validity(intake, member) == "1"));
}

/// Whose line was rejected is not certain, so nobody is withdrawn on its account.
#[test]
fn a_full_replacement_with_rejected_lines_withdraws_nobody() {
    let (intake, client) = (intake(), intake().client(insurer(10)));
    let all = members(10, 20);
    intake.load(&client, "delta", file_of(&all).as_bytes());
    let mut lines: Vec<_> = all[1..].iter().map(Member::line).collect();
    lines.push(Member { birthdate: "19801301", ..all[0].clone() }.line());
    let report = intake.load(&client, "full", file(lines).as_bytes());
    assert_eq!((report.rejected, report.removed, report.removals_withheld), (1, 0, 1));
    assert_eq!(validity(intake, &all[0]), "1");
}

/// A cut-off file must not empty an insurer: 10 % is the most that goes unasked.
#[test]
fn a_full_replacement_that_would_remove_many_withdraws_nobody() {
    let (intake, client) = (intake(), intake().client(insurer(11)));
    let all = members(11, 20);
    intake.load(&client, "delta", file_of(&all).as_bytes());
    let report = intake.load(&client, "full", file_of(&all[..17]).as_bytes());
    assert_eq!((report.removed, report.removals_withheld), (0, 3));
    assert!(all.iter().all(|member| validity(intake, member) == "1"));
    let report = intake.load(&client, "full", file_of(&all[..18]).as_bytes());
    assert_eq!((report.removed, report.removals_withheld), (2, 0));
}

#[test]
fn a_full_replacement_is_of_one_insurer() {
    let intake = intake();
    let (first, second) = (Member::new(12, 1), Member::new(13, 1));
    let both = file_of([&first, &second]);
    let report = intake.load(&intake.operator(), "full", both.as_bytes());
    assert_eq!((report.added, report.rejected), (1, 1));
    let nobody = intake.upload(&intake.operator(), "?mode=full", file([]).as_bytes());
    nobody.expect_problem(422, "SHK-INT-003");
}

#[test]
fn a_withdrawn_membership_is_not_found_any_more() {
    let (intake, client) = (intake(), intake().client(insurer(14)));
    let member = Member::new(14, 1);
    intake.load(&client, "delta", file_of([&member]).as_bytes());
    assert_eq!(validity(intake, &member), "1");
    let withdrawal = Member { change: "2", ..member.clone() };
    let stranger = Member { change: "2", ..Member::new(14, 2) };
    let report = intake.load(&client, "delta", file_of([&withdrawal, &stranger]).as_bytes());
    assert_eq!((report.withdrawn, report.not_found), (1, 1));
    assert_eq!(validity(intake, &member), "4");
}

/// The same person, insurer and 資格取得年月日 with another number is a correction.
#[test]
fn a_corrected_number_replaces_the_old_one() {
    let (intake, client) = (intake(), intake().client(insurer(15)));
    let wrong = Member::new(15, 1);
    let right = Member { number: "7654321".to_owned(), ..wrong.clone() };
    intake.load(&client, "delta", file_of([&wrong]).as_bytes());
    let report = intake.load(&client, "delta", file_of([&right]).as_bytes());
    assert_eq!((report.added, report.changed), (0, 1));
    assert_eq!((validity(intake, &wrong), validity(intake, &right)), ("4".into(), "1".into()));
}

/// §3.7: the old card answers 2 until the new insurer registers, and 3 from that moment on.
#[test]
fn a_change_of_insurer_shows_at_the_old_card_at_once() {
    let intake = intake();
    let old = Member { until: "20261001", ..Member::new(16, 1) };
    let new = Member { person: old.person, from: "20261001", ..Member::new(17, 1) };
    intake.load(&intake.client(insurer(16)), "delta", file_of([&old]).as_bytes());
    assert_eq!(validity(intake, &old), "2");
    intake.load(&intake.client(insurer(17)), "delta", file_of([&new]).as_bytes());
    assert_eq!((validity(intake, &old), validity(intake, &new)), ("3".into(), "1".into()));
    let withdrawal = Member { change: "2", ..new.clone() };
    intake.load(&intake.client(insurer(17)), "delta", file_of([&withdrawal]).as_bytes());
    assert_eq!((validity(intake, &old), validity(intake, &new)), ("2".into(), "4".into()));
}

/// §5, gaps and overlaps between insurers are told to whoever loads.
#[test]
fn days_without_insurance_and_days_with_two_are_counted() {
    let intake = intake();
    let pair = |n: u64, until, from| {
        let old = Member { until, ..Member::new(18, n) };
        let new = Member { person: old.person, from, ..Member::new(19, n) };
        [old, new]
    };
    let report = |members: &[Member]| {
        let report = intake.load(&intake.operator(), "delta", file_of(members).as_bytes());
        (report.added, report.gaps, report.overlaps)
    };
    assert_eq!(report(&pair(1, "20261001", "20261001")), (2, 0, 0));
    assert_eq!(report(&pair(2, "20261001", "20261002")), (2, 1, 0));
    assert_eq!(report(&pair(3, "20261001", "20260930")), (2, 0, 1));
    assert_eq!(report(&pair(4, "", "20260930")), (2, 0, 1));
}

#[test]
fn a_file_without_a_usable_header_is_refused_as_a_whole() {
    let (intake, client) = (intake(), intake().client(insurer(20)));
    let good = file_of([&Member::new(20, 1)]);
    let person = Member::new(20, 2).line();
    for (body, code) in [
        ("\n\n".to_owned(), "SHK-MEM-102"),
        (person.clone(), "SHK-MEM-103"),
        (good.replacen("Sex2", "Sex3", 1), "SHK-MEM-103"),
        (good.replacen("Sex2", "Sex1", 1), "SHK-MEM-104"),
        (good.replacen("Birthdate,", "", 1), "SHK-MEM-105"),
        (good.clone() + "\"" + &"x\n".repeat(200_000), "SHK-MEM-106"),
    ] {
        let reply = intake.upload(&client, "?mode=delta", body.as_bytes());
        let start: String = body.chars().take(60).collect();
        assert_eq!(reply.json()["code"], code, "{start}");
        reply.expect_problem(422, code);
        assert!(!reply.text().contains("加入"), "the first line may be a person's");
    }
}

#[test]
fn an_upload_says_what_it_is() {
    let (intake, client) = (intake(), intake().client(insurer(21)));
    let body = file_of([&Member::new(21, 1)]);
    for query in ["", "?mode=", "?mode=everything", "?Mode=delta"] {
        intake.upload(&client, query, body.as_bytes()).expect_problem(400, "SHK-ENG-033");
    }
    let url = format!("{}/v1/members?mode=delta", intake.engine.service);
    for kind in ["application/json", "text/plain", ""] {
        let headers = [("content-type", kind)];
        let reply = Reply::to(&client, ("POST", &url), &headers, body.as_bytes()).unwrap();
        reply.expect_problem(415, "SHK-ENG-032");
    }
    assert_eq!(validity(intake, &Member::new(21, 1)), "4");
}

#[test]
fn an_upload_that_is_too_large_is_refused() {
    let (intake, client) = (intake(), intake().client(insurer(21)));
    let line = Member::new(21, 2).line() + "\n";
    let body = file([]) + &line.repeat((UPLOAD_MIB_MAX << 20) / line.len() + 10);
    let reply = intake.upload(&client, "?mode=delta", body.as_bytes());
    reply.expect_problem(413, "SHK-ENG-021");
    assert_eq!(validity(intake, &Member::new(21, 2)), "4");
}

#[test]
fn loading_beside_the_running_engine_is_refused_with_the_way_that_works() {
    let intake = intake();
    let member = Member::new(22, 1);
    std::fs::write(intake.centre.path("beside.csv"), file_of([&member])).unwrap();
    let output = try_run("shikaku", &["load", "beside.csv"], &intake.centre.path(""));
    assert!(!output.status.success());
    let said_here = said(&output);
    assert!(said_here.contains("SHK-STO-001") && said_here.contains("--server"), "{said_here}");
    assert!(said_here.contains('。'), "{said_here}");

    let own = format!("ca/clients/insurer-{}", insurer(22));
    let (certificate, key) = (own.clone() + ".pem", own + ".key.pem");
    let server = ["--server", &intake.engine.service, "--ca", "ca/ca.pem"];
    let server = [&server[..], &["--cert", &certificate, "--key", &key]].concat();
    let said_there = intake.centre.shikaku(&[&["load", "beside.csv"], &server[..]].concat());
    assert!(said_there.contains("added               1"), "{said_there}");
    assert_eq!(validity(intake, &member), "1");
    let again = intake.centre.shikaku(&[&["load", "beside.csv"], &server[..]].concat());
    assert!(again.contains("登録済み"), "{again}");
}

#[test]
fn a_file_that_the_server_refuses_is_told_by_its_code() {
    let intake = intake();
    std::fs::write(intake.centre.path("headless.csv"), Member::new(23, 1).line()).unwrap();
    let own = format!("ca/clients/insurer-{}", insurer(23));
    let (certificate, key) = (own.clone() + ".pem", own + ".key.pem");
    let arguments = ["load", "headless.csv", "--server", &intake.engine.service, "--ca"];
    let arguments =
        [&arguments[..], &["ca/ca.pem", "--cert", &certificate, "--key", &key]].concat();
    let output = try_run("shikaku", &arguments, &intake.centre.path(""));
    assert!(!output.status.success());
    let said = said(&output);
    assert!(said.contains("SHK-MEM-103") && said.contains('。'), "{said}");
}
