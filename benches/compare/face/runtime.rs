//! onnxruntime as a child process that runs a model whenever it is asked to.

use serde::{Deserialize, Serialize};
use shikaku_benches::BenchError;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What it is asked, as `onnxruntime_peer.py` describes it.
#[derive(Serialize)]
pub(super) struct Ask<'a> {
    pub(super) model: &'a Path,
    pub(super) input: &'a Path,
    pub(super) name: &'a str,
    pub(super) shape: [u32; 4],
    pub(super) output: &'a str,
    pub(super) runs: u32,
}

/// What it tells.
#[derive(Deserialize)]
pub(super) struct Told {
    pub(super) version: String,
    pub(super) us: Vec<f64>,
    pub(super) answer: Vec<f64>,
}

/// The running child; it ends with its input, which ends with this value.
pub(super) struct Runtime {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// Writes the graphs with weights from a seed, where they are missing.
pub(super) fn write_graphs(
    python: &Path,
    programs: &Path,
    folder: &Path,
) -> Result<(), BenchError> {
    let mut command = program(python, programs, "graphs.py");
    let status = command.arg(folder).status().map_err(BenchError::io("graphs.py"))?;
    if status.success() { Ok(()) } else { Err(failed("graphs.py", status.to_string())) }
}

fn program(python: &Path, programs: &Path, name: &str) -> Command {
    let mut command = Command::new(python.join("bin/python"));
    // Else it would count our threads as its own.
    command.arg(programs.join(name)).env("OMP_NUM_THREADS", "1");
    command
}

fn failed(program: &str, said: String) -> BenchError {
    BenchError::Program { program: program.to_owned(), said }
}

impl Runtime {
    pub(super) fn start(python: &Path, programs: &Path) -> Result<Self, BenchError> {
        let mut command = program(python, programs, "onnxruntime_peer.py");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(BenchError::io("onnxruntime_peer.py"))?;
        let (asks, answers) = (child.stdin.take(), child.stdout.take());
        let answers = answers.ok_or(BenchError::Report { field: "onnxruntime's output" })?;
        Ok(Self { child, asks, answers: BufReader::new(answers) })
    }

    pub(super) fn run(&mut self, ask: &Ask<'_>) -> Result<Told, BenchError> {
        let io = BenchError::io("onnxruntime_peer.py");
        let lost =
            || failed("onnxruntime_peer.py", "it has ended; see its messages above".to_owned());
        let asks = self.asks.as_mut().ok_or_else(lost)?;
        let line = serde_json::to_string(ask).map_err(|_| BenchError::Report { field: "ask" })?;
        let mut answer = String::new();
        writeln!(asks, "{line}")
            .and_then(|()| asks.flush())
            .and_then(|()| self.answers.read_line(&mut answer))
            .map_err(io)?;
        if answer.is_empty() {
            return Err(lost());
        }
        serde_json::from_str(&answer)
            .map_err(|_| BenchError::Report { field: "onnxruntime's answer" })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.asks = None;
        let _ = self.child.wait();
    }
}
