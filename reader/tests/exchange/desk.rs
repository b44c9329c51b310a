//! What a receipt computer sees: requests in, answers out.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{Desk, Operation, REQUEST, WatchedDisk, settle, until};
use shikaku_reader::config::ResponseEncoding;
use shikaku_reader::exchange::charset::Charset;
use shikaku_reader::exchange::{LocalDisk, Stop};

#[test]
fn a_request_is_answered_under_its_own_name_with_the_engines_bytes() {
    let desk = Desk::new();
    desk.send("202601150001", REQUEST);
    let mut exchange = desk.open();
    settle(&mut exchange);
    let res = desk.files("res");
    assert_eq!(desk.names("res"), ["OQSsiquc01res_202601150001.xml"]);
    assert!(res["OQSsiquc01res_202601150001.xml"].ends_with(REQUEST.as_bytes()));
    assert!(desk.names("req").is_empty());
    assert_eq!(desk.names("work"), ["lock"]);
    assert_eq!((exchange.status().answered, exchange.status().in_flight), (1, 0));
}

#[test]
fn names_in_full_width_characters_and_capital_extensions_are_answered() {
    let desk = Desk::new();
    desk.send("患者１２３＿髙橋", REQUEST);
    fs::write(desk.path("req", "OQSsiquc01req_B.XML"), REQUEST).unwrap();
    settle(&mut desk.open());
    assert_eq!(desk.names("res"), ["OQSsiquc01res_B.xml", "OQSsiquc01res_患者１２３＿髙橋.xml"]);
}

#[test]
fn a_refused_request_comes_back_with_its_text_in_the_requests_encoding() {
    let desk = Desk::new();
    let (cp932, _, _) = encoding_rs::SHIFT_JIS
        .encode("<?xml version=\"1.0\" encoding=\"Shift_JIS\"?><XmlMsg>REFUSE髙</XmlMsg>");
    desk.send("sjis", &cp932);
    desk.send("utf8", "<XmlMsg>REFUSE</XmlMsg>");
    let mut exchange = desk.open();
    settle(&mut exchange);
    let res = desk.files("res");
    assert_eq!(res["OQSsiquc01req_sjis.xml"], *cp932);
    let (text, _, broken) = encoding_rs::SHIFT_JIS.decode(&res["OQSsiquc01req_sjis.err"]);
    assert!(!broken);
    assert_eq!(text, "SHK-REQ-001\r\n髙橋\r\nrefused\r\n");
    let text = str::from_utf8(&res["OQSsiquc01req_utf8.err"]).unwrap();
    assert_eq!(text, "SHK-REQ-001\r\n髙橋\r\nrefused\r\n");
    assert_eq!(res.len(), 4);
    assert_eq!(exchange.status().rejected, 2);
}

#[test]
fn a_client_that_sees_the_returned_request_finds_its_text() {
    let desk = Desk::new();
    desk.send("1", "<XmlMsg>REFUSE</XmlMsg>");
    let root = desk.folder.path().to_owned();
    let disk = WatchedDisk(move |operation, path: &std::path::Path| {
        if operation == Operation::Rename && path.ends_with("res/OQSsiquc01req_1.xml") {
            assert!(root.join("res/OQSsiquc01req_1.err").is_file());
        }
        Ok(())
    });
    settle(&mut desk.open_on(Arc::new(disk)).unwrap());
    assert_eq!(desk.names("res"), ["OQSsiquc01req_1.err", "OQSsiquc01req_1.xml"]);
}

#[test]
fn functions_that_are_not_offered_and_files_that_are_no_request_are_rejected_without_asking() {
    let desk = Desk::new();
    fs::write(desk.path("req", "YZKsiquc01req_0226.xml"), REQUEST).unwrap();
    fs::write(desk.path("req", "OQSmuquc01req_1.xml"), REQUEST).unwrap();
    desk.send("large", "x".repeat(64 * 1024) + REQUEST);
    desk.send("blank", "");
    let mut exchange = desk.open();
    settle(&mut exchange);
    desk.clock.add(Duration::from_secs(60));
    settle(&mut exchange);
    let res = desk.files("res");
    for (name, code) in [
        ("YZKsiquc01req_0226", "SHK-EXC-101"),
        ("OQSmuquc01req_1", "SHK-EXC-101"),
        ("OQSsiquc01req_large", "SHK-EXC-102"),
        ("OQSsiquc01req_blank", "SHK-EXC-103"),
    ] {
        assert!(res.contains_key(&format!("{name}.xml")), "{name}");
        let text = String::from_utf8(res[&format!("{name}.err")].clone()).unwrap();
        assert_eq!(text.lines().next(), Some(code), "{name}");
        assert_eq!(text.lines().count(), 3);
    }
    assert_eq!(desk.engine.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn the_encoding_of_the_answer_follows_the_configuration() {
    let shift_jis = "<?xml version=\"1.0\" encoding='Shift_JIS'?><XmlMsg></XmlMsg>";
    for (encoding, expected) in [
        (ResponseEncoding::Utf8, [Charset::Utf8, Charset::Utf8]),
        (ResponseEncoding::ShiftJis, [Charset::ShiftJis, Charset::ShiftJis]),
        (ResponseEncoding::AsRequested, [Charset::ShiftJis, Charset::Utf8]),
    ] {
        let mut desk = Desk::new();
        desk.settings.response_encoding = encoding;
        let mut exchange = desk.open();
        desk.send("1", shift_jis);
        settle(&mut exchange);
        desk.send("2", REQUEST);
        settle(&mut exchange);
        assert_eq!(*desk.engine.charsets.lock().unwrap(), expected);
    }
}

#[test]
fn a_half_written_request_is_not_taken_before_it_is_whole() {
    let desk = Desk::new();
    let mut exchange = desk.open();
    desk.send("1", &REQUEST[..40]);
    settle(&mut exchange);
    settle(&mut exchange);
    assert_eq!(desk.names("req"), ["OQSsiquc01req_1.xml"]);
    desk.send("1", REQUEST);
    settle(&mut exchange);
    assert!(desk.files("res")["OQSsiquc01res_1.xml"].ends_with(REQUEST.as_bytes()));
}

#[test]
fn a_request_that_never_becomes_whole_is_left_to_the_engine_to_judge() {
    let desk = Desk::new();
    let mut exchange = desk.open();
    desk.send("1", "<XmlMsg>REFUSE");
    settle(&mut exchange);
    desk.clock.add(Duration::from_secs(2));
    settle(&mut exchange);
    assert_eq!(desk.names("res"), ["OQSsiquc01req_1.err", "OQSsiquc01req_1.xml"]);
}

#[test]
fn an_engine_that_comes_back_answers_what_waited() {
    let desk = Desk::new();
    desk.engine.down.store(true, Ordering::SeqCst);
    desk.send("1", REQUEST);
    desk.send("2", REQUEST);
    let mut exchange = desk.open();
    settle(&mut exchange);
    assert!(desk.names("res").is_empty());
    assert!(!exchange.status().engine_reachable);
    assert_eq!(exchange.status().in_flight, 2);
    desk.engine.down.store(false, Ordering::SeqCst);
    desk.clock.add(Duration::from_secs(10));
    settle(&mut exchange);
    assert_eq!(desk.names("res").len(), 2);
    assert!(exchange.status().engine_reachable);
}

#[test]
fn a_request_without_an_answer_in_time_is_rejected_with_the_reason() {
    let desk = Desk::new();
    desk.engine.down.store(true, Ordering::SeqCst);
    desk.send("1", REQUEST);
    let mut exchange = desk.open();
    settle(&mut exchange);
    desk.clock.add(Duration::from_secs(299));
    settle(&mut exchange);
    assert!(desk.names("res").is_empty());
    desk.clock.add(Duration::from_secs(2));
    settle(&mut exchange);
    let text = String::from_utf8(desk.files("res")["OQSsiquc01req_1.err"].clone()).unwrap();
    assert!(text.starts_with("SHK-EXC-104\r\n300秒以内"), "{text}");
}

#[test]
fn the_engine_is_left_alone_for_as_long_as_it_asks() {
    let desk = Desk::new();
    desk.engine.down.store(true, Ordering::SeqCst);
    *desk.engine.retry_after.lock().unwrap() = Some(Duration::from_secs(30));
    desk.send("1", REQUEST);
    let mut exchange = desk.open();
    settle(&mut exchange);
    desk.clock.add(Duration::from_secs(20));
    settle(&mut exchange);
    assert_eq!(desk.engine.asked.load(Ordering::SeqCst), 1);
    desk.clock.add(Duration::from_secs(10));
    settle(&mut exchange);
    assert_eq!(desk.engine.asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_panic_in_the_call_ends_as_a_rejection_and_others_go_on() {
    let desk = Desk::new();
    desk.send("1", "<XmlMsg>PANIC</XmlMsg>");
    desk.send("2", REQUEST);
    let mut exchange = desk.open();
    settle(&mut exchange);
    assert_eq!(desk.names("res"), ["OQSsiquc01res_2.xml"]);
    desk.clock.add(Duration::from_secs(300));
    settle(&mut exchange);
    assert!(desk.names("res").contains(&"OQSsiquc01req_1.err".to_owned()));
}

#[test]
fn a_full_disk_keeps_the_request_and_the_answer_and_asks_only_once() {
    let desk = Desk::new();
    let full = Arc::new(AtomicBool::new(true));
    let is_full = Arc::clone(&full);
    let disk = WatchedDisk(move |operation, _: &std::path::Path| {
        let fails = operation == Operation::Write && is_full.load(Ordering::SeqCst);
        if fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    desk.send("1", REQUEST);
    let mut exchange = desk.open_on(Arc::new(disk)).unwrap();
    settle(&mut exchange);
    desk.clock.add(Duration::from_secs(10));
    settle(&mut exchange);
    assert!(desk.names("work").contains(&"OQSsiquc01req_1.xml".to_owned()));
    assert!(!exchange.status().folders_usable);
    full.store(false, Ordering::SeqCst);
    desk.clock.add(Duration::from_secs(10));
    settle(&mut exchange);
    assert_eq!(desk.names("res"), ["OQSsiquc01res_1.xml"]);
    assert_eq!(desk.names("work"), ["lock"]);
    assert!(exchange.status().folders_usable);
    assert_eq!(desk.engine.asked.load(Ordering::SeqCst), 1);
}

/// Every kind of operation fails once on its way, as with a virus scanner or a client's lock.
#[test]
fn a_file_that_is_locked_for_a_while_delays_its_answer_only() {
    for locked in [
        Operation::Kind,
        Operation::Head,
        Operation::Tail,
        Operation::Rename,
        Operation::Remove,
        Operation::Touch,
        Operation::Sync,
        Operation::List,
    ] {
        for content in [REQUEST, "<XmlMsg>REFUSE</XmlMsg>"] {
            let desk = Desk::new();
            let (armed, failed) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
            let is_armed = Arc::clone(&armed);
            let disk = WatchedDisk(move |operation, _: &std::path::Path| {
                let fails = is_armed.load(Ordering::SeqCst)
                    && operation == locked
                    && !failed.swap(true, Ordering::SeqCst);
                if fails { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
            });
            let mut exchange = desk.open_on(Arc::new(disk)).unwrap();
            armed.store(true, Ordering::SeqCst);
            desk.send("1", content);
            for _ in 0..3 {
                settle(&mut exchange);
                desk.clock.add(Duration::from_secs(1));
            }
            let names = desk.names("res");
            let expected = if content == REQUEST { 1 } else { 2 };
            assert_eq!(names.len(), expected, "{locked:?}: {names:?}");
            assert_eq!(desk.names("work"), ["lock"], "{locked:?}");
        }
    }
}

#[test]
fn a_name_used_again_replaces_its_answer_and_contradicts_no_earlier_one() {
    let desk = Desk::new();
    let mut exchange = desk.open();
    let mut last = Vec::new();
    for content in [REQUEST, REQUEST] {
        desk.send("1", content);
        settle(&mut exchange);
        let answer = desk.files("res")["OQSsiquc01res_1.xml"].clone();
        assert_ne!(answer, last);
        last = answer;
    }
    desk.send("1", "<XmlMsg>REFUSE</XmlMsg>");
    settle(&mut exchange);
    assert_eq!(desk.names("res"), ["OQSsiquc01req_1.err", "OQSsiquc01req_1.xml"]);
    desk.send("1", REQUEST);
    settle(&mut exchange);
    assert_eq!(desk.names("res"), ["OQSsiquc01res_1.xml"]);
}

#[test]
fn a_name_used_again_while_in_flight_waits_for_the_first_answer() {
    let desk = Desk::new();
    let mut exchange = desk.open();
    desk.engine.down.store(true, Ordering::SeqCst);
    desk.send("1", REQUEST);
    settle(&mut exchange);
    desk.send("1", REQUEST);
    settle(&mut exchange);
    assert_eq!(desk.names("req"), ["OQSsiquc01req_1.xml"]);
    assert_eq!(exchange.status().waiting, 1);
    desk.engine.down.store(false, Ordering::SeqCst);
    desk.clock.add(Duration::from_secs(1));
    settle(&mut exchange);
    settle(&mut exchange);
    assert_eq!(exchange.status().answered, 2);
}

#[cfg(unix)]
#[test]
fn links_folders_and_names_that_are_not_text_are_left_alone() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::new();
    fs::write(desk.path("", "secret"), REQUEST).unwrap();
    let link = desk.path("req", "OQSsiquc01req_link.xml");
    std::os::unix::fs::symlink(desk.path("", "secret"), link).unwrap();
    fs::create_dir(desk.path("req", "OQSsiquc01req_folder.xml")).unwrap();
    let not_text = std::ffi::OsStr::from_bytes(b"OQSsiquc01req_\xff.xml");
    fs::write(desk.path("req", "").join(not_text), REQUEST).unwrap();
    fs::write(desk.path("req", "memo.txt"), REQUEST).unwrap();
    let mut exchange = desk.open();
    settle(&mut exchange);
    desk.clock.add(Duration::from_secs(100));
    settle(&mut exchange);
    assert!(desk.names("res").is_empty());
    assert_eq!(fs::read_dir(desk.path("req", "")).unwrap().count(), 4);
    assert_eq!(exchange.status().left_alone, 2);
}

#[cfg(unix)]
#[test]
fn a_link_swapped_in_at_the_last_moment_is_never_opened() {
    let desk = Desk::new();
    let secret = desk.path("", "secret");
    fs::write(&secret, REQUEST).unwrap();
    desk.send("1", REQUEST);
    let (target, from) = (secret.clone(), desk.path("req", "OQSsiquc01req_1.xml"));
    let disk = WatchedDisk(move |operation, path: &std::path::Path| {
        if operation == Operation::Rename && path.ends_with("work/OQSsiquc01req_1.xml") {
            fs::remove_file(&from)?;
            std::os::unix::fs::symlink(&target, &from)?;
        }
        Ok(())
    });
    let mut exchange = desk.open_on(Arc::new(disk)).unwrap();
    settle(&mut exchange);
    assert_eq!(desk.engine.asked.load(Ordering::SeqCst), 0);
    assert_eq!(desk.names("work"), ["lock"]);
    assert!(secret.is_file());
    assert_eq!(exchange.status().in_flight, 0);
}

#[test]
fn old_answers_are_removed_and_foreign_files_are_not() {
    let mut desk = Desk::new();
    desk.send("1", REQUEST);
    desk.send("2", "<XmlMsg>REFUSE</XmlMsg>");
    // The client's clock was years behind: the returned request must not vanish at once.
    let sent = fs::File::options().write(true).open(desk.path("req", "OQSsiquc01req_2.xml"));
    sent.unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let mut exchange = desk.open();
    settle(&mut exchange);
    fs::write(desk.path("res", "memo.txt"), "").unwrap();
    assert_eq!(exchange.sweep(), 0);
    desk.clock.add(Duration::from_secs(1439 * 60));
    assert_eq!(exchange.sweep(), 0);
    desk.clock.add(Duration::from_secs(2 * 60));
    assert_eq!(exchange.sweep(), 3);
    assert_eq!(desk.names("res"), ["memo.txt"]);
    drop(exchange);

    desk.settings.retention = None;
    let mut exchange = desk.open();
    desk.send("1", REQUEST);
    settle(&mut exchange);
    desk.clock.add(Duration::from_secs(365 * 86_400));
    assert_eq!(exchange.sweep(), 0);
}

#[test]
fn two_exchanges_never_share_a_root() {
    let desk = Desk::new();
    let first = desk.open();
    let second = desk.open_on(Arc::new(LocalDisk)).err().unwrap();
    assert_eq!(second.code(), "SHK-EXC-010");
    drop(first);
    assert!(desk.open_on(Arc::new(LocalDisk)).is_ok());
}

#[test]
fn missing_folders_are_made_and_made_again() {
    let desk = Desk::new();
    fs::remove_dir(desk.path("req", "")).unwrap();
    let mut exchange = desk.open();
    fs::remove_dir(desk.path("req", "")).unwrap();
    exchange.poll();
    desk.send("1", REQUEST);
    settle(&mut exchange);
    assert_eq!(desk.names("res"), ["OQSsiquc01res_1.xml"]);
}

#[test]
fn a_folder_that_cannot_be_used_is_named_at_the_start() {
    let desk = Desk::new();
    fs::write(desk.path("", "res"), "in the way").unwrap();
    let error = desk.open_on(Arc::new(LocalDisk)).err().unwrap();
    assert_eq!(error.code(), "SHK-EXC-011");
    assert!(error.to_string().contains("res"));
}

/// 500 files against a limit of 64 in flight, with the threads of the real program.
#[test]
fn hundreds_of_requests_at_once_are_each_answered_once() {
    const FILES: usize = 500;
    let desk = Desk::new();
    for n in 0..FILES {
        let content = if n % 10 == 0 { "<XmlMsg>REFUSE</XmlMsg>" } else { REQUEST };
        desk.send(&format!("{n:04}"), content);
    }
    let stop = Arc::new(Stop::default());
    let exchange = desk.open();
    let runner = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || exchange.run(&stop))
    };
    until(|| desk.engine.asked.load(Ordering::SeqCst) == FILES as u64);
    stop.ask();
    runner.join().unwrap().unwrap();

    let names = desk.names("res");
    assert_eq!(names.len(), FILES + FILES / 10);
    assert_eq!(desk.engine.asked.load(Ordering::SeqCst), FILES as u64);
    let answers: HashSet<_> =
        desk.files("res").into_iter().filter(|(n, _)| n.contains("res_")).map(|(_, c)| c).collect();
    assert_eq!(answers.len(), FILES - FILES / 10);
    assert!(desk.names("req").is_empty());
    assert_eq!(desk.names("work"), ["lock", "status.json"]);
    let status: serde_json::Value =
        serde_json::from_slice(&desk.files("work")["status.json"]).unwrap();
    assert_eq!(status["answered"], 450);
    assert_eq!(status["rejected"], 50);
    assert_eq!(status["in_flight"], 0);
    assert_eq!(status["engine_reachable"], true);
}

#[test]
fn a_stop_leaves_what_waits_for_the_engine_to_the_next_start() {
    let desk = Desk::new();
    desk.engine.down.store(true, Ordering::SeqCst);
    desk.send("1", REQUEST);
    let stop = Arc::new(Stop::default());
    let exchange = desk.open();
    let runner = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || exchange.run(&stop))
    };
    until(|| desk.engine.asked.load(Ordering::SeqCst) > 0);
    stop.ask();
    runner.join().unwrap().unwrap();
    assert_eq!(desk.names("work"), ["OQSsiquc01req_1.xml", "lock", "status.json"]);
    desk.engine.down.store(false, Ordering::SeqCst);
    settle(&mut desk.open());
    assert_eq!(desk.names("res"), ["OQSsiquc01res_1.xml"]);
}
