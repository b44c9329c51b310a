//! The web service of an integrator: `benches/peers/service.py` under uvicorn, asked by wrk.

use super::postgres::Postgres;
use super::process::{Daemon, free_port, number_after, output};
use super::questions::Questions;
use super::{CLIENTS, Peer};
use serde_json::Value;
use shikaku_benches::{BenchError, Centre};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Answers that are read before anything is measured.
const CHECKED: usize = 1000;

pub(super) struct FastApi {
    server: Daemon,
    script: PathBuf,
    questions: Questions,
}

impl FastApi {
    /// Starts the service over a loaded database and checks that it answers rightly.
    ///
    /// # Errors
    /// [`BenchError`] when a program is missing, fails, or answers wrongly.
    pub(super) fn start(
        centre: &Centre,
        python: &Path,
        postgres: &Postgres,
        questions: Questions,
    ) -> Result<Self, BenchError> {
        let write = |name: &str, text: &str| {
            let path = centre.path(name);
            std::fs::write(&path, text).map_err(BenchError::file(&path)).map(|()| path)
        };
        write("service.py", include_str!("../../peers/service.py"))?;
        let script = write("ask.lua", include_str!("../../peers/ask.lua"))?;
        let port = free_port()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut command = Command::new(python.join("bin/uvicorn"));
        command.args(["service:app", "--port", &port.to_string(), "--no-access-log"]);
        command.args(["--log-level", "warning", "--workers", &cores.to_string()]);
        command.current_dir(centre.path("")).env("DATABASE_URL", postgres.url());
        let server = Daemon::start(&mut command, port)?;
        let service = Self { server, script, questions };
        service.check()?;
        Ok(service)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/eligibility", self.server.port)
    }

    /// A service that answers wrongly is no peer: everybody asked about is covered.
    fn check(&self) -> Result<(), BenchError> {
        let path = &self.questions.path;
        let file = std::fs::File::open(path).map_err(BenchError::file(path))?;
        let wrong = |said: String| BenchError::Program { program: "service.py".to_owned(), said };
        for question in BufReader::new(file).lines().take(CHECKED) {
            let question = question.map_err(BenchError::file(path))?;
            let request = ureq::post(self.url()).header("content-type", "application/json");
            let answer = request
                .send(question.as_str())
                .and_then(|mut answer| answer.body_mut().read_to_string());
            let answer = answer.map_err(|error| wrong(error.to_string()))?;
            let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
            let validity = answer.get("qualificationValidity").and_then(Value::as_str);
            if !matches!(validity, Some("1" | "5")) {
                return Err(wrong(format!("a covered person's card is answered {validity:?}")));
            }
        }
        Ok(())
    }
}

impl Peer for FastApi {
    fn name(&self) -> &'static str {
        "FastAPI, asyncpg, PostgreSQL"
    }

    fn how(&self) -> &'static str {
        "wrk, HTTP without TLS, JSON, the same rules"
    }

    fn target(&self) -> f64 {
        25.0
    }

    fn per_second(&self, seconds: u64) -> Result<f64, BenchError> {
        let mut wrk = Command::new("wrk");
        wrk.args(["-t", "1", "-c", &CLIENTS.to_string(), "-d", &format!("{seconds}s"), "-s"]);
        wrk.arg(&self.script).arg(self.url()).arg("--").arg(&self.questions.path);
        let said = output(&mut wrk)?;
        if said.contains("Non-2xx") {
            return Err(BenchError::Program { program: "service.py".to_owned(), said });
        }
        number_after(&said, "Requests/sec:")
    }
}
