//! Answers that nobody asked for by file: `OQSsiquc01res_face_…` in the folder `face` (interface
//! §1.2, §3 no. 3).
//!
//! A receipt computer reads a file as soon as it appears, so it appears whole: written beside under
//! a name that nobody reads, synchronised, then renamed.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::rand::{SecureRandom, SystemRandom};

use crate::ReaderError;
use crate::card_api::japan;
use crate::exchange::Disk;

/// What every face file's name begins with.
const PREFIX: &str = "OQSsiquc01res_face_";
/// Most files looked at in one sweep.
const SWEEP_MAX: usize = 10_000;

/// The folder of one facility.
pub struct FaceFolder {
    folder: PathBuf,
    institution: String,
    retention: Option<Duration>,
    disk: Arc<dyn Disk>,
}

impl FaceFolder {
    /// Makes the folder if it is missing. `institution` is 医療機関コード, 10 digits.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(
        root: &Path,
        institution: &str,
        retention: Option<Duration>,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, ReaderError> {
        let folder = root.join("face");
        std::fs::create_dir_all(&folder)
            .map_err(|source| ReaderError::Folder { folder: "face", source })?;
        Ok(Self { folder, institution: institution.to_owned(), retention, disk })
    }

    /// Writes one message; the name of its file.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn push(&self, message: &str, now: SystemTime) -> io::Result<String> {
        let name = self.name(now);
        let temporary = self.folder.join(format!(".{name}.tmp"));
        self.disk.write(&temporary, message.as_bytes())?;
        self.disk.rename(&temporary, &self.folder.join(&name))?;
        self.disk.sync(&self.folder)?;
        Ok(name)
    }

    /// `OQSsiquc01res_face_<institution><identifier>_<yyyyMMddHHmmss>.xml`.
    fn name(&self, now: SystemTime) -> String {
        let mut identifier = [0_u8; 8];
        // INVARIANT: the system's source of randomness does not fail once the program runs.
        let _ = SystemRandom::new().fill(&mut identifier);
        let identifier = u64::from_be_bytes(identifier);
        let at = japan(now).strftime("%Y%m%d%H%M%S").to_string();
        format!("{PREFIX}{}{identifier:016x}_{at}.xml", self.institution)
    }

    /// Removes files older than the retention; how many.
    ///
    /// # Errors
    /// When the folder cannot be read. A file that is locked stays until the next sweep.
    pub fn sweep(&self, now: SystemTime) -> io::Result<usize> {
        let Some(retention) = self.retention else { return Ok(0) };
        let found = self.disk.list(&self.folder, &mut is_ours, SWEEP_MAX)?;
        let is_old = |modified| now.duration_since(modified).is_ok_and(|age| age > retention);
        let old = found.into_iter().filter(|file| is_old(file.modified));
        Ok(old.filter(|file| self.disk.remove(&self.folder.join(&file.name)).is_ok()).count())
    }

    /// Where the files are, for the self-test.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

/// A face file, or what an interrupted write left of one.
fn is_ours(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.trim_start_matches('.').starts_with(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::exchange::LocalDisk;
    use std::time::UNIX_EPOCH;

    fn folder(root: &Path) -> FaceFolder {
        let day = Some(Duration::from_secs(86_400));
        FaceFolder::open(root, "1310000001", day, Arc::new(LocalDisk)).unwrap()
    }

    #[test]
    fn a_message_appears_whole_under_a_name_that_receipt_computers_know() {
        let root = tempfile::tempdir().unwrap();
        let face = folder(root.path());
        let now = UNIX_EPOCH + Duration::from_secs(1_790_665_272);
        let [first, second] =
            ["<XmlMsg/>", "<XmlMsg></XmlMsg>"].map(|m| face.push(m, now).unwrap());
        assert_ne!(first, second, "two in one second are two files");
        assert!(first.starts_with("OQSsiquc01res_face_1310000001"));
        assert!(first.ends_with("_20260929160112.xml"), "{first}");
        let content = std::fs::read_to_string(root.path().join("face").join(&first)).unwrap();
        assert_eq!(content, "<XmlMsg/>");
        assert_eq!(std::fs::read_dir(root.path().join("face")).unwrap().count(), 2);
    }

    #[test]
    fn old_files_go_and_strangers_stay() {
        let root = tempfile::tempdir().unwrap();
        let face = folder(root.path());
        let now = SystemClock.now();
        face.push("<XmlMsg/>", now).unwrap();
        std::fs::write(root.path().join("face/memo.txt"), "").unwrap();
        assert_eq!(face.sweep(now).unwrap(), 0);
        assert_eq!(face.sweep(now + Duration::from_secs(90_000)).unwrap(), 1);
        assert!(root.path().join("face/memo.txt").exists());
    }
}
