//! Insurers' files (加入者情報, §5) for tests: a centre to load them into, and their lines.

use crate::http::Reply;
use crate::question::Question;
use crate::shared::{Desk, end_with_this_process};
use shikaku_domain::{Day, InsurerNumber, check_digit};
use shikaku_engine::http::LoadReport;
use shikaku_tests::{Centre, Engine};
use std::fmt::Write as _;
use std::process::Child;
use std::sync::OnceLock;

/// Insurers of the centre. Each test has its own, so that tests do not meet.
const INSURERS: u32 = 24;
/// Largest upload of the centre.
pub(crate) const UPLOAD_MIB_MAX: usize = 1;
const HEADER: &str = "ChangeClassification,PersonId,InsurerNumber,InsuredCardSymbol,\
    InsuredIdentificationNumber,InsuredBranchNumber,Name,NameKana,Sex1,Sex2,Birthdate,Address,\
    QualificationDate,DisqualificationDate,ReasonOfLoss,InsuredCardClassification";

/// A centre that knows insurers but nobody insured.
pub(crate) struct Intake {
    pub(crate) centre: Centre,
    pub(crate) engine: Engine,
    pub(crate) desk: Desk,
    _end: Child,
}

/// Starts it at the first call.
pub(crate) fn intake() -> &'static Intake {
    static INTAKE: OnceLock<Intake> = OnceLock::new();
    INTAKE.get_or_init(|| {
        let centre = Centre::empty(1);
        let mut master = "InsurerNumber,InsurerName\n".to_owned();
        for n in 1..=INSURERS {
            let number = insurer(n).to_string();
            centre.shikaku(&["ca", "insurer", "--dir", "ca", "--number", &number]);
            writeln!(master, "{number},試験健康保険組合{n}").unwrap();
        }
        std::fs::write(centre.path("insurers.csv"), master).unwrap();
        centre.shikaku(&["load", "insurers.csv"]);
        let engine = centre.start_with(&[
            ("SHIKAKU_ENGINE_INTAKE_UPLOADS_MAX", "64"),
            ("SHIKAKU_ENGINE_INTAKE_UPLOAD_MIB_MAX", &UPLOAD_MIB_MAX.to_string()),
        ]);
        let end = end_with_this_process(&engine, &centre.path(""));
        let desk = Desk::new(&centre, &engine);
        Intake { centre, engine, desk, _end: end }
    })
}

impl Intake {
    /// The client of an insurer.
    pub(crate) fn client(&self, insurer: InsurerNumber) -> ureq::Agent {
        self.centre.client(&format!("insurer-{insurer}"))
    }

    pub(crate) fn operator(&self) -> ureq::Agent {
        self.centre.client("operator-tests")
    }

    /// Uploads a file; `query` is `?mode=delta` or `?mode=full`.
    pub(crate) fn upload(&self, client: &ureq::Agent, query: &str, body: &[u8]) -> Reply {
        let url = format!("{}/v1/members{query}", self.engine.service);
        Reply::to(client, ("POST", &url), &[("content-type", "text/csv")], body).unwrap()
    }

    /// Uploads a file that is taken.
    #[track_caller]
    pub(crate) fn load(&self, client: &ureq::Agent, mode: &str, body: &[u8]) -> LoadReport {
        let reply = self.upload(client, &format!("?mode={mode}"), body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let report: LoadReport = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(report.mode, mode);
        report
    }

    pub(crate) fn rejects(&self, client: &ureq::Agent, file: &str) -> Reply {
        let url = format!("{}/v1/members/rejects/{file}", self.engine.service);
        Reply::to(client, ("GET", &url), &[], &[]).unwrap()
    }
}

/// The n-th insurer: 組合 in Tokyo.
pub(crate) fn insurer(n: u32) -> InsurerNumber {
    let base = 613_100 + n;
    InsurerNumber::from_number(base * 10 + check_digit(base.into())).unwrap()
}

/// One line of a members' file.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) change: &'static str,
    pub(crate) person: u64,
    pub(crate) insurer: InsurerNumber,
    pub(crate) number: String,
    pub(crate) name: String,
    pub(crate) birthdate: &'static str,
    pub(crate) from: &'static str,
    pub(crate) until: &'static str,
}

impl Member {
    /// The n-th member of the n-th insurer, insured since 2020.
    pub(crate) fn new(insurer_at: u32, n: u64) -> Self {
        Self {
            change: "1",
            person: u64::from(insurer_at) * 1_000 + n,
            insurer: insurer(insurer_at),
            number: format!("90{insurer_at:02}{n:03}"),
            name: format!("加入　者{insurer_at}番{n}"),
            birthdate: "19800401",
            from: "20200401",
            until: "",
        }
    }

    pub(crate) fn line(&self) -> String {
        let Self { change, person, insurer, number, name, birthdate, from, until } = self;
        let reason = if until.is_empty() { "" } else { "99" };
        format!(
            "{change},{person},{insurer},12-34,{number},00,{name},ｶﾆｭｳ ｼｬ,2,3,{birthdate},\
             東京都架空区見本町{person}番地,{from},{until},{reason},01"
        )
    }

    pub(crate) fn question(&self, on: Day) -> Question {
        Question {
            insurer: self.insurer.to_string(),
            symbol: Some("12-34".to_owned()),
            number: self.number.clone(),
            branch: Some("00".to_owned()),
            birthdate: Day::parse(self.birthdate).unwrap(),
            consent: false,
            on,
        }
    }
}

/// Members 1 to `count` of an insurer.
pub(crate) fn members(insurer_at: u32, count: u64) -> Vec<Member> {
    (1..=count).map(|n| Member::new(insurer_at, n)).collect()
}

/// A file of lines.
pub(crate) fn file(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().fold(HEADER.to_owned() + "\n", |all, line| all + &line + "\n")
}

/// A file of members.
pub(crate) fn file_of<'m>(members: impl IntoIterator<Item = &'m Member>) -> String {
    file(members.into_iter().map(Member::line))
}
