//! Results and reports on disk.

use super::ReportError;
use crate::run::result::{RunResult, SCHEMA_VERSION};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Longest file of a result that is read, in bytes: a day's seconds have about 100 MB.
const RESULT_BYTES_MAX: u64 = 256 << 20;

/// Reads the result of a run.
///
/// # Errors
/// [`ReportError::Read`], [`ReportError::TooLong`], [`ReportError::Content`].
pub fn read(path: &Path) -> Result<RunResult, ReportError> {
    let file = File::open(path).map_err(ReportError::read(path))?;
    let mut bytes = Vec::new();
    file.take(RESULT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(ReportError::read(path))?;
    if bytes.len() as u64 > RESULT_BYTES_MAX {
        return Err(ReportError::TooLong { path: path.to_owned(), limit: RESULT_BYTES_MAX });
    }
    parse(&bytes).map_err(ReportError::content(path))
}

fn parse(bytes: &[u8]) -> Result<RunResult, String> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        schema_version: u32,
    }
    let Versioned { schema_version } = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    if schema_version != SCHEMA_VERSION {
        return Err(format!(
            "its schema_version is {schema_version} and this program reads {SCHEMA_VERSION}; use \
             the program that wrote it, or measure again"
        ));
    }
    serde_json::from_slice(bytes).map_err(|e| e.to_string())
}

/// The result as JSON, ready to be written.
///
/// # Errors
/// [`ReportError::Json`].
pub fn to_json(result: &RunResult) -> Result<Vec<u8>, ReportError> {
    let mut text = serde_json::to_vec_pretty(result)?;
    text.push(b'\n');
    Ok(text)
}

/// Writes a file as a whole: it is there complete, or not at all. What cannot be written where it
/// belongs goes to the folder for temporary files, and if that fails too, to `last_resort`, so
/// that a full disk loses no measurement.
///
/// # Errors
/// [`ReportError::Write`] in both cases; it says where the content is.
pub fn write(
    path: &Path,
    content: &[u8],
    last_resort: &mut impl io::Write,
) -> Result<(), ReportError> {
    write_or_save(path, content, &std::env::temp_dir(), last_resort)
}

fn write_or_save(
    path: &Path,
    content: &[u8],
    spare_folder: &Path,
    last_resort: &mut impl io::Write,
) -> Result<(), ReportError> {
    let Err(source) = write_whole(path, content) else { return Ok(()) };
    let spare = spare_folder.join(path.file_name().unwrap_or(path.as_os_str()));
    let is_spare = !spare.exists() && write_whole(&spare, content).is_ok();
    let saved = if is_spare {
        format!("it is in {} instead", spare.display())
    } else {
        match last_resort.write_all(content).and_then(|()| last_resort.flush()) {
            Ok(()) => "it was printed instead".to_owned(),
            Err(_) => "it is lost: there was no place left for it".to_owned(),
        }
    };
    Err(ReportError::Write { path: path.to_owned(), source, saved })
}

fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    // A device or a pipe, such as /dev/stdout, cannot be replaced by another file.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return File::options().write(true).open(path)?.write_all(content);
    }
    let partial = partial_name(path);
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| std::fs::rename(&partial, path));
    if renamed.is_err() {
        // The error that matters is the one above.
        let _ = std::fs::remove_file(&partial);
    }
    renamed
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, sample};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_result_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        let result = sample(Sample::Wrong);
        write(&path, &to_json(&result).unwrap(), &mut Vec::new()).unwrap();
        assert_eq!(read(&path).unwrap(), result);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn the_layout_is_the_one_that_the_documents_describe() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/load-result.schema.json");
        let now = serde_json::to_string_pretty(&schemars::schema_for!(RunResult)).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let described = std::fs::read_to_string(&path).unwrap();
        assert!(
            described == now,
            "the layout has changed: does SCHEMA_VERSION have to grow? Then UPDATE=1 writes {}",
            path.display()
        );
    }

    #[test]
    fn another_version_is_told_from_garbage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.json");
        std::fs::write(&path, r#"{"schema_version":1,"latency":{}}"#).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("schema_version is 1"));
        std::fs::write(&path, "<html>").unwrap();
        assert!(matches!(read(&path).unwrap_err(), ReportError::Content { .. }));
        assert!(matches!(read(&folder.path().join("none")), Err(ReportError::Read { .. })));
    }

    #[test]
    fn a_report_for_a_full_disk_is_not_lost() {
        let content = b"{\"numbers\": \"a measurement of hours\"}\n";
        let folder = tempfile::tempdir().unwrap();
        let (full, mut screen) = (Path::new("/dev/full"), Vec::new());
        let error = write_or_save(full, content, folder.path(), &mut screen).unwrap_err();
        assert_eq!(std::fs::read(folder.path().join("full")).unwrap(), content);
        assert!(error.to_string().contains("instead") && screen.is_empty(), "{error}");

        // The next one must not take the place of the first, so it is printed.
        let error = write_or_save(full, b"second", folder.path(), &mut screen).unwrap_err();
        assert!(error.to_string().contains("printed"), "{error}");
        assert_eq!(screen, b"second");
        assert_eq!(std::fs::read(folder.path().join("full")).unwrap(), content);
    }

    #[test]
    fn a_report_that_is_written_again_is_never_half_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        write(&path, b"first", &mut Vec::new()).unwrap();
        // A folder where the partial file belongs: writing fails, and the first one stays whole.
        std::fs::create_dir(partial_name(&path)).unwrap();
        let nowhere = folder.path().join("none");
        write_or_save(&path, b"second", &nowhere, &mut Vec::new()).unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_result_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
