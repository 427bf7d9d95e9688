//! The index: which files make up a log, oldest first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// One file of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// The line of the index, as the server wrote it.
    pub line: String,
    /// The file: relative lines start at the datadir.
    pub path: PathBuf,
}

impl LogFile {
    /// The file's name without folders.
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    }
}

/// A log's files, oldest first, and the index that lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Where the index stands, or stood.
    pub path: PathBuf,
    /// What it lists.
    pub files: Vec<LogFile>,
}

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Neither the index nor the copy that a MySQL server leaves while it rewrites it.
    #[error("reading the list of binary logs {path}")]
    Read {
        /// The index.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// No file is listed.
    #[error("the list of binary logs {path} names no file")]
    Empty {
        /// The index.
        path: PathBuf,
    },
}

impl Index {
    /// Reads `NAME.index`; where it is missing `NAME.index_crash_safe`, which MySQL leaves when it
    /// dies while it rewrites the index.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn read(path: &Path, datadir: &Path) -> Result<Self, IndexError> {
        let text = match fs::read(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                fs::read(crash_safe(path)).map_err(|_| e)
            }
            read => read,
        };
        let text = text.map_err(|source| IndexError::Read {
            path: path.to_owned(),
            source,
        })?;
        let index = Self {
            path: path.to_owned(),
            files: parse(&text, datadir),
        };
        if index.files.is_empty() {
            return Err(IndexError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(index)
    }
}

/// The name of the copy that MySQL makes while it rewrites the index.
pub fn crash_safe(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("_crash_safe");
    PathBuf::from(name)
}

/// One file to a line. A last line without an end counts when its file is there: the server may
/// have died between the two writes, and a file too many is refused where one too few is missed.
fn parse(text: &[u8], datadir: &Path) -> Vec<LogFile> {
    let text = String::from_utf8_lossy(text).into_owned();
    let unfinished = text.rsplit('\n').next().unwrap_or_default().trim();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let file = |line: &str| LogFile {
        line: line.to_owned(),
        path: datadir.join(line),
    };
    lines
        .map(file)
        .filter(|f| f.line != unfinished || f.path.exists())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_and_absolute_lines_and_an_unfinished_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("binlog.index");
        fs::write(
            crash_safe(&path),
            "./binlog.000001\n/logs/binlog.000002\n\n./binlog.00",
        )
        .unwrap();
        let index = Index::read(&path, Path::new("/data")).unwrap();
        let paths: Vec<_> = index.files.iter().map(|f| f.path.clone()).collect();
        assert_eq!(
            paths,
            [
                Path::new("/data/./binlog.000001"),
                Path::new("/logs/binlog.000002")
            ]
        );
        assert_eq!(index.files[0].name(), "binlog.000001");
        fs::write(&path, "\n").unwrap();
        assert!(matches!(
            Index::read(&path, Path::new("/")),
            Err(IndexError::Empty { .. })
        ));
    }
}
