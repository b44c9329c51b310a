//! Programs of this project as child processes, kept to one core each so that the generator does
//! not take the server's time.

use crate::BenchError;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The core of the server under test.
pub const SERVER_CORE: usize = 0;
/// The core of the load generator.
pub const GENERATOR_CORE: usize = 1;
/// Ticks of `/proc/PID/stat` in a second; the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A program that lies beside this one.
///
/// # Errors
/// [`BenchError::NotBuilt`].
pub fn program(name: &str) -> Result<PathBuf, BenchError> {
    let own = std::env::current_exe().map_err(BenchError::io("this program"))?;
    let path = own.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(BenchError::NotBuilt { path }) }
}

/// Whether processes are kept to a core each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// By `taskset`.
    Yes,
    /// There is one core only, or no `taskset`: server and generator compete.
    No,
}

impl Pinned {
    /// What this machine can do.
    #[must_use]
    pub fn detect() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let there = Command::new("taskset").arg("-V").output().is_ok_and(|o| o.status.success());
        if cores > GENERATOR_CORE && there { Self::Yes } else { Self::No }
    }

    /// A command that runs on this core.
    #[must_use]
    pub fn command(self, core: usize, program: &Path) -> Command {
        match self {
            Self::No => Command::new(program),
            Self::Yes => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
        }
    }
}

/// CPU time that a process has used, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTime {
    /// In the program.
    pub user: f64,
    /// In the kernel on its behalf.
    pub system: f64,
}

impl CpuTime {
    /// What was used since an earlier reading.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { user: self.user - earlier.user, system: self.system - earlier.system }
    }

    /// Both together.
    #[must_use]
    pub fn total(self) -> f64 {
        self.user + self.system
    }

    /// CPU time of all children of this process that have ended.
    ///
    /// # Errors
    /// [`BenchError::Io`] when the system does not tell.
    pub fn of_ended_children() -> Result<Self, BenchError> {
        let path = "/proc/self/stat";
        let stat = fs::read_to_string(path).map_err(BenchError::io(path))?;
        Self::parse(&stat, 13).ok_or(BenchError::Report { field: "CPU time in /proc" })
    }

    /// The user and system times in a `/proc` file, the former so many fields behind the name.
    fn parse(stat: &str, field: usize) -> Option<Self> {
        // The name in parentheses may hold blanks.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(field).map(str::parse::<f64>);
        let mut next = || Some(fields.next()?.ok()? / TICKS_PER_SECOND);
        Some(Self { user: next()?, system: next()? })
    }
}

/// A running server; ends with this value.
pub struct Server {
    child: Child,
    /// `https://127.0.0.1:port`
    pub address: String,
    /// `http://127.0.0.1:port` for operators, if there is such a port.
    pub admin: Option<String>,
}

impl Server {
    /// Starts a server and waits for the line in which it says where it listens; its errors go to
    /// a file. The address is the third word of that line, as the engine prints it, and the
    /// operators' address the fifth.
    ///
    /// # Errors
    /// [`BenchError::Program`] with the log when it ends instead.
    pub fn start(mut command: Command, log: &Path) -> Result<Self, BenchError> {
        let errors = fs::File::create(log).map_err(BenchError::file(log))?;
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(BenchError::io(&*name))?;
        let mut line = String::new();
        let read = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        let word = |nth| line.split_whitespace().nth(nth).map(str::to_owned);
        let address = match read {
            Some(Ok(_)) => word(2).unwrap_or_default(),
            Some(Err(_)) | None => String::new(),
        };
        let server = Self { child, address, admin: word(4) };
        if server.address.is_empty() {
            let said = fs::read_to_string(log).unwrap_or_default();
            return Err(BenchError::Program { program: name, said });
        }
        Ok(server)
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time used so far, by all its threads.
    ///
    /// # Errors
    /// [`BenchError::Io`] when it has ended.
    pub fn cpu(&self) -> Result<CpuTime, BenchError> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(&path).map_err(BenchError::io(path))?;
        CpuTime::parse(&stat, 11).ok_or(BenchError::Report { field: "CPU time in /proc" })
    }

    /// Bytes of memory in use (VmRSS).
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or_default() * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_blanks() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 300 100 20";
        assert_eq!(CpuTime::parse(stat, 11), Some(CpuTime { user: 1.5, system: 0.5 }));
        assert_eq!(CpuTime::parse(stat, 13), Some(CpuTime { user: 3.0, system: 1.0 }));
        assert_eq!(CpuTime::parse("7 (a) S 1", 11), None);
    }
}
