//! PostgreSQL, asked for rows by primary key with prepared statements, by its own pgbench.

use super::process::{Daemon, free_port, number_after, output};
use super::{CLIENTS, Peer};
use shikaku_benches::BenchError;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where Debian puts the server's programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// PostgreSQL does not run as root; this is the account its package makes.
const ACCOUNT: &str = "postgres";
/// Names of the files, in the folder that the server can read.
const SELECT: &str = "select.sql";
/// Everything is cached, and nothing waits for the disk: the peer at its best.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "shared_buffers=4GB",
    "fsync=off",
    "log_min_messages=fatal",
    "max_connections=200",
    "max_wal_size=8GB",
];
/// Folds text as the engine does: width, hyphens, spaces, case and leading zeros do not matter.
const FOLDED: &str = "CREATE FUNCTION folded(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ \
    SELECT ltrim(upper(translate(normalize(coalesce(t, ''), NFKC), '- ', '')), '0') $$";

pub(super) struct Postgres {
    server: Daemon,
    rows: u64,
    // Behind the server, so that it is removed after the server has ended.
    folder: TempDir,
}

impl Postgres {
    /// Starts a server of its own and loads a members' file into it.
    ///
    /// # Errors
    /// [`BenchError`] when a program is missing or fails.
    pub(super) fn start(members: &Path) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir().map_err(BenchError::io("a folder for PostgreSQL"))?;
        let path = folder.path();
        if is_root() {
            output(Command::new("chown").arg(ACCOUNT).arg(path))?;
        }
        let data = path.join("data");
        // Trust is for loopback and for as long as this measurement runs; the rows are synthetic.
        let mut initialise = as_account("initdb");
        initialise.args(["--auth=trust", "--username=bench", "--encoding=UTF8", "--locale=C"]);
        output(initialise.arg("-D").arg(&data))?;
        let port = free_port()?;
        let mut command = as_account("postgres");
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-k"]).arg(path);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let server = Daemon::start(command.current_dir(path), port)?;
        let mut postgres = Self { server, rows: 0, folder };
        postgres.rows = postgres.fill(members)?;
        let select = postgres.file(SELECT);
        fs::write(&select, include_str!("../../peers/select.sql"))
            .map_err(BenchError::file(&select))?;
        Ok(postgres)
    }

    fn fill(&self, members: &Path) -> Result<u64, BenchError> {
        let text = fs::File::open(members).map_err(BenchError::file(members))?;
        let mut head = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(text), &mut head)
            .map_err(BenchError::file(members))?;
        let columns: Vec<String> =
            head.trim().split(',').map(|name| format!("\"{name}\" text")).collect();
        let stage = format!("CREATE UNLOGGED TABLE staged ({})", columns.join(", "));
        let copy = format!("\\copy staged FROM '{}' CSV HEADER", members.display());
        self.sql(&[&stage, &copy, FOLDED, include_str!("../../peers/schema.sql")])?;
        let count = self.sql(&["SELECT count(*) FROM membership"])?;
        count.trim().parse().map_err(|_| BenchError::Report { field: "rows of PostgreSQL" })
    }

    fn sql(&self, commands: &[&str]) -> Result<String, BenchError> {
        let mut psql = self.client("psql");
        psql.args(["-v", "ON_ERROR_STOP=1", "-qtA"]);
        for command in commands {
            // VACUUM needs a transaction of its own, so each statement is sent alone.
            for statement in statements(command) {
                psql.args(["-c", &statement]);
            }
        }
        output(psql.arg("postgres"))
    }

    /// Where programs of this machine reach it.
    pub(super) fn url(&self) -> String {
        format!("postgresql://bench@127.0.0.1:{}/postgres", self.server.port)
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(Path::new(PROGRAMS).join(program));
        command.args(["-h", "127.0.0.1", "-p", &self.server.port.to_string(), "-U", "bench"]);
        command
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Peer for Postgres {
    fn name(&self) -> &'static str {
        "PostgreSQL 15"
    }

    fn how(&self) -> &'static str {
        "pgbench, prepared SELECT by primary key"
    }

    fn target(&self) -> f64 {
        8.0
    }

    fn per_second(&self, seconds: u64) -> Result<f64, BenchError> {
        let mut pgbench = self.client("pgbench");
        pgbench.args(["-n", "-M", "prepared", "-c", &CLIENTS.to_string(), "-T"]);
        pgbench.arg(seconds.to_string()).args(["-D", &format!("rows={}", self.rows), "-f"]);
        let said = output(pgbench.arg(self.file(SELECT)).arg("postgres"))?;
        number_after(&said, "tps =")
    }
}

/// The statements of a script without comments.
fn statements(script: &str) -> Vec<String> {
    let lines = script.lines().filter(|line| !line.starts_with("--"));
    let script = lines.collect::<Vec<_>>().join("\n");
    script.split(';').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// A program of the server, under an account that it accepts.
fn as_account(program: &str) -> Command {
    let program = Path::new(PROGRAMS).join(program);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups"]).arg(program);
    command
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_split_into_its_statements() {
        assert_eq!(statements("-- why; not\nA\n b;\nC;\n"), ["A\n b", "C"]);
    }
}
