//! A limit on the memory of one process, its part of the page cache included: a control group.

use crate::BenchError;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where control groups of memory are made, and the file that takes the limit: version 1, then 2.
const KINDS: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

/// A control group that holds what is started in it; it goes away with this value.
pub struct MemoryLimit {
    folder: PathBuf,
}

impl MemoryLimit {
    /// A group whose processes have so many MiB together.
    ///
    /// # Errors
    /// [`BenchError::Io`] where this user may not make one.
    pub fn new(mib: u64) -> Result<Self, BenchError> {
        let name = format!("shikaku-bench-{}", std::process::id());
        let made = |(parent, file): &(&str, &str)| {
            let folder = Path::new(parent).join(&name);
            fs::create_dir(&folder)?;
            let limit = Self { folder };
            fs::write(limit.folder.join(file), (mib << 20).to_string())?;
            Ok(limit)
        };
        let [first, second] = &KINDS;
        made(first).or_else(|_| made(second)).map_err(BenchError::io("a control group of memory"))
    }

    /// The same command, started in the group.
    #[must_use]
    pub fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        inside.args(["-c", r#"echo $$ >"$0/cgroup.procs" && exec "$@""#]).arg(&self.folder);
        inside.arg(command.get_program()).args(command.get_args());
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            inside.current_dir(folder);
        }
        inside
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
