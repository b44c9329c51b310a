//! Who may ask: the client certificate says so, and nothing else does (§1.2, transport).

use crate::http::Reply;
use crate::shared::{V1, shared, today};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, date_time_ymd};
use shikaku_tests::{Centre, FACILITY, OTHER_FACILITY, PASSWORD, USER, run, wait_until};
use std::fs::read_to_string;

const JSON: (&str, &str) = ("content-type", "application/json");
/// A well-formed question about nobody, for centres without people.
const QUESTION: &[u8] = br#"{"insurerNumber":"01040013","insuredIdentificationNumber":"1",
    "birthdate":"1980-04-01"}"#;

fn ask(client: &ureq::Agent, service: &str) -> Result<Reply, ureq::Error> {
    Reply::to(client, ("POST", &format!("{service}{V1}")), &[JSON], QUESTION)
}

/// The TLS handshake ends before any question is heard.
#[track_caller]
fn expect_no_connection(client: &ureq::Agent, service: &str) {
    match ask(client, service) {
        Ok(reply) => panic!("it was answered: {}", reply.text()),
        Err(ureq::Error::Timeout(_)) => panic!("it was not refused but left waiting"),
        Err(_) => {}
    }
}

/// A certificate that the centre's own authority could have signed, but its tool would not issue.
fn issue(
    centre: &Centre,
    subject: &[(DnType, &str)],
    change: impl FnOnce(&mut CertificateParams),
) -> ureq::Agent {
    let authority = |name: &str| read_to_string(centre.path("ca").join(name)).unwrap();
    let key = KeyPair::from_pem(&authority("ca.key.pem")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&authority("ca.pem"), key).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    change(&mut params);
    let own = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&own, &issuer).unwrap();
    centre.client_with(certificate.pem().as_bytes(), own.serialize_pem().as_bytes())
}

fn facility() -> [(DnType, &'static str); 2] {
    [(DnType::OrganizationalUnitName, "facility"), (DnType::CommonName, FACILITY)]
}

#[test]
fn without_a_client_certificate_there_is_no_connection() {
    expect_no_connection(&shared().centre.stranger(), &shared().engine.service);
}

#[test]
fn a_certificate_of_another_authority_is_worth_nothing() {
    let shared = shared();
    let folder = tempfile::tempdir().unwrap();
    run("shikaku", &["ca", "init", "--dir", "ca"], folder.path());
    run("shikaku", &["ca", "facility", "--dir", "ca", "--code", FACILITY], folder.path());
    let pem = |name: &str| std::fs::read(folder.path().join("ca/clients").join(name)).unwrap();
    let certificate = pem(&format!("facility-{FACILITY}.pem"));
    let client =
        shared.centre.client_with(&certificate, &pem(&format!("facility-{FACILITY}.key.pem")));
    expect_no_connection(&client, &shared.engine.service);
}

#[test]
fn an_expired_a_future_and_a_servers_certificate_are_refused() {
    let shared = shared();
    let (centre, service) = (&shared.centre, &shared.engine.service);
    // The same certificate in time is taken, so what follows is refused for one reason each.
    assert_eq!(ask(&issue(centre, &facility(), |_| {}), service).unwrap().status, 200);
    let expired = issue(centre, &facility(), |p| p.not_after = date_time_ymd(2021, 1, 1));
    expect_no_connection(&expired, service);
    let future = issue(centre, &facility(), |p| p.not_before = date_time_ymd(2089, 1, 1));
    expect_no_connection(&future, service);
    let server = issue(centre, &facility(), |p| {
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    expect_no_connection(&server, service);
}

/// The subject's OU says the role, its CN who it is.
#[test]
fn a_certificate_that_names_nobody_known_is_told_so() {
    let shared = shared();
    let subjects: [&[(DnType, &str)]; 4] = [
        &[(DnType::OrganizationalUnitName, "visitor"), (DnType::CommonName, FACILITY)],
        &[(DnType::OrganizationalUnitName, "facility"), (DnType::CommonName, "123")],
        &[(DnType::CommonName, FACILITY)],
        &[(DnType::OrganizationalUnitName, "facility")],
    ];
    for subject in subjects {
        let client = issue(&shared.centre, subject, |_| {});
        let reply = ask(&client, &shared.engine.service).unwrap();
        reply.expect_problem(403, "SHK-ENG-012");
    }
}

#[test]
fn an_operator_cannot_look_up_and_a_facility_cannot_upload() {
    let shared = shared();
    let service = &shared.engine.service;
    let operator = shared.centre.client("operator-tests");
    for path in [V1, crate::shared::XML, crate::shared::SEARCH, crate::shared::AUTH] {
        let url = format!("{service}{path}");
        let reply = Reply::to(&operator, ("POST", &url), &[JSON], QUESTION).unwrap();
        reply.expect_problem(403, "SHK-ENG-011");
    }
    let facility = &shared.desk.client;
    let url = format!("{service}/v1/members?mode=delta");
    let upload = Reply::to(facility, ("POST", &url), &[("content-type", "text/csv")], b"x");
    upload.unwrap().expect_problem(403, "SHK-ENG-011");
    let url = format!("{service}/v1/members/rejects/{}", "0".repeat(64));
    let rejects = Reply::to(facility, ("GET", &url), &[], &[]);
    rejects.unwrap().expect_problem(403, "SHK-ENG-011");
}

/// Another facility's certificate sees the same people, but never this facility's sessions.
#[test]
fn each_facility_asks_under_its_own_certificate() {
    let shared = shared();
    let other = shared.centre.client(&format!("facility-{OTHER_FACILITY}"));
    let (_, question) = shared.registered.valid(today(), |_| true);
    let service = &shared.engine.service;
    let send = |path: &str, headers: &[(&str, &str)], body: &str| {
        Reply::to(&other, ("POST", &format!("{service}{path}")), headers, body.as_bytes()).unwrap()
    };
    let answer = send(V1, &[JSON], &question.v1().to_string());
    assert_eq!(answer.json()["qualificationValidity"], "1");
    let headers = [JSON, ("authorization", shared.desk.token.as_str())];
    let foreign = send(crate::shared::SEARCH, &headers, &question.oqs_json().to_string());
    foreign.expect_problem(401, "SHK-ENG-013");
}

fn revoke(centre: &Centre, code: &str) {
    let certificate = format!("ca/clients/facility-{code}.pem");
    centre.shikaku(&["ca", "revoke", "--dir", "ca", "--certificate", &certificate]);
}

#[test]
fn a_certificate_revoked_before_the_start_is_refused() {
    let centre = Centre::empty(1);
    revoke(&centre, FACILITY);
    let engine = centre.start();
    expect_no_connection(&centre.client(&format!("facility-{FACILITY}")), &engine.service);
    let other = centre.client(&format!("facility-{OTHER_FACILITY}"));
    assert_eq!(ask(&other, &engine.service).unwrap().status, 200);
}

/// Stolen machines keep their connections open.
#[test]
fn a_certificate_revoked_while_connected_is_refused_on_the_living_and_on_new_connections() {
    let centre = Centre::empty(1);
    let engine = centre.start();
    let client = centre.client(&format!("facility-{FACILITY}"));
    let other = centre.client(&format!("facility-{OTHER_FACILITY}"));
    let service = &engine.service;
    assert_eq!(ask(&client, service).unwrap().status, 200);
    revoke(&centre, FACILITY);
    assert_eq!(ask(&client, service).unwrap().status, 200, "the engine has not read the list yet");

    engine.signal("HUP");
    wait_until("the revocation is in force", || {
        let reply = ask(&client, service).expect("the connection lives on");
        reply.status != 200
    });
    ask(&client, service).unwrap().expect_problem(403, "SHK-TLS-102");
    expect_no_connection(&centre.client(&format!("facility-{FACILITY}")), service);
    assert_eq!(ask(&other, service).unwrap().status, 200, "others go on");

    centre.shikaku(&["ca", "facility", "--dir", "ca", "--code", FACILITY]);
    let renewed = centre.client(&format!("facility-{FACILITY}"));
    assert_eq!(ask(&renewed, service).unwrap().status, 200, "a new certificate is taken at once");
}

/// SIGHUP reads the accounts too: a removed user's token opens nothing any more.
#[test]
fn a_removed_account_is_refused_after_a_reload() {
    let centre = Centre::empty(1);
    let engine = centre.start();
    let desk = crate::shared::Desk::new(&centre, &engine);
    let status = || desk.search(b"{}").status;
    assert_eq!(status(), 400);
    let remove = ["account", "remove", "--file", "accounts.toml", "--user", USER];
    centre.shikaku(&[&remove[..], &["--code", FACILITY]].concat());
    engine.signal("HUP");
    wait_until("the account is gone", || status() == 401);
    desk.log_in(USER, PASSWORD).expect_problem(401, "SHK-ACC-001");
}
