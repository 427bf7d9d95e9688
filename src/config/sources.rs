//! Where the configuration lies, and how its files are read: nothing is waited for and nothing changed.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::code::Code;
use super::problem::{Place, Problem, SourceText};
use crate::runtime::systemd::take_over;

/// A configuration file is never this large (1 MiB); a log or an image by mistake is.
const LARGEST: u64 = 1 << 20;

/// Where everything is looked for.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The main file.
    pub main: PathBuf,
    /// Folders in which server binaries are looked for, in order.
    pub search: Vec<PathBuf>,
    /// systemd's folder of credentials, for paths that begin with `$CREDENTIALS_DIRECTORY/`.
    pub credentials: Option<PathBuf>,
    /// Whether the members' programs are looked for as well. A daemon that runs is not to lose its
    /// configuration over one: it names it, and keeps what runs.
    pub programs: bool,
    /// What can run servers as units.
    pub systemd: SystemdSeen,
    /// Where units that were taken over are known by their drop-ins; `None`: they need not be yet.
    pub drop_ins: Option<PathBuf>,
}

/// What of systemd is there, for servers as units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemdSeen {
    /// It is not this host's PID 1.
    Absent,
    /// It is, and the template of a server is not installed.
    WithoutUnits,
    /// It is, with the template.
    Ready,
}

impl Sources {
    /// With the search path and the credentials of this process.
    pub fn of_process(main: impl Into<PathBuf>) -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let usual = [
            "/usr/sbin",
            "/usr/bin",
            "/usr/libexec",
            "/usr/local/sbin",
            "/usr/local/bin",
        ];
        Self {
            main: main.into(),
            search: std::env::split_paths(&path)
                .chain(usual.map(PathBuf::from))
                .filter(|folder| folder.is_absolute())
                .collect(),
            credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            programs: false,
            systemd: systemd_seen(),
            drop_ins: Some(take_over::FOLDER.into()),
        }
    }

    /// `conf.d` beside the main file.
    pub fn folder(&self) -> PathBuf {
        self.main.with_file_name("conf.d")
    }

    /// The main file, then `conf.d/*.toml` in byte order; hidden files (locks of editors) are left out.
    ///
    /// # Errors
    /// The folder is there and cannot be read.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, Problem> {
        let folder = self.folder();
        let unreadable = |error: &std::io::Error| {
            let what = format!("the folder cannot be read: {error}");
            Problem::new(
                Code::Unreadable,
                Place::whole(&folder, usize::MAX),
                what,
                "a folder of *.toml files",
            )
        };
        let mut more = match std::fs::read_dir(&folder) {
            Ok(entries) => entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| unreadable(&error))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unreadable(&error)),
        };
        more.retain(|path| path.extension().is_some_and(|end| end == "toml") && !is_hidden(path));
        more.sort_by(|a, b| {
            a.as_os_str()
                .as_encoded_bytes()
                .cmp(b.as_os_str().as_encoded_bytes())
        });
        more.insert(0, self.main.clone());
        Ok(more)
    }
}

/// As sd_booted(3) looks, and where systemd 252 looks for what packages and administrators install.
fn systemd_seen() -> SystemdSeen {
    const TEMPLATE: &str = "dualmasterd-mysqld@.service";
    const FOLDERS: [&str; 5] = [
        "/etc/systemd/system",
        "/run/systemd/system",
        "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ];
    if !Path::new("/run/systemd/system").is_dir() {
        return SystemdSeen::Absent;
    }
    let is_there = FOLDERS
        .iter()
        .any(|folder| Path::new(folder).join(TEMPLATE).is_file());
    match is_there {
        true => SystemdSeen::Ready,
        false => SystemdSeen::WithoutUnits,
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Reads one file.
///
/// # Errors
/// It is no readable regular file of UTF-8 text, or it has 0 bytes.
pub(super) fn read(path: &Path, rank: usize) -> Result<Arc<SourceText>, Problem> {
    let refuse = |what: String| {
        Problem::new(
            Code::Unreadable,
            Place::whole(path, rank),
            what,
            "a readable file of TOML",
        )
    };
    let bytes = read_regular(path, LARGEST)
        .map_err(|why| refuse(format!("the configuration file cannot be read: {why}")))?;
    if bytes.is_empty() {
        let what = "the configuration file has 0 bytes and says nothing";
        let expected = "expected `[pair.NAME]`, `[daemon]` or `[log]`";
        let problem = Problem::new(Code::Empty, at_start(path, rank), what, expected);
        return Err(
            problem.help("a write that was cut off leaves such a file: restore it or delete it")
        );
    }
    String::from_utf8(bytes)
        .map(|text| Arc::new(source(path, rank, text)))
        .map_err(|error| not_utf8(path, rank, &error))
}

fn source(path: &Path, rank: usize, text: String) -> SourceText {
    SourceText {
        path: path.to_owned(),
        text,
        rank,
    }
}

fn at_start(path: &Path, rank: usize) -> Place {
    Place::new(&Arc::new(source(path, rank, String::new())), 0..0)
}

/// The valid part before the first wrong byte has the same length in the repaired text.
fn not_utf8(path: &Path, rank: usize, error: &std::string::FromUtf8Error) -> Problem {
    let start = error.utf8_error().valid_up_to();
    let byte = error.as_bytes().get(start).copied().unwrap_or_default();
    let text = Arc::new(source(
        path,
        rank,
        String::from_utf8_lossy(error.as_bytes()).into_owned(),
    ));
    let place = Place::new(&text, start..start + '\u{fffd}'.len_utf8());
    let what = format!("the configuration file is not UTF-8: byte 0x{byte:02x}");
    Problem::new(Code::NotUtf8, place, what, "expected UTF-8 text here")
        .help("save the file as UTF-8 in your editor")
}

/// The content of a regular file of at most `largest` bytes.
pub(super) fn read_regular(path: &Path, largest: u64) -> Result<Vec<u8>, String> {
    let (file, _) = open_regular(path)?;
    read_all(file, largest)
}

/// Opens a regular file. A pipe is not waited for.
pub(super) fn open_regular(path: &Path) -> Result<(File, Metadata), String> {
    let words = |error: std::io::Error| match error.raw_os_error() {
        Some(code) if code == nix::libc::ELOOP => "its symbolic links lead in a loop".to_owned(),
        _ => error.to_string(),
    };
    let file = File::options()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
        .open(path)
        .map_err(words)?;
    let kind = file.metadata().map_err(words)?;
    if kind.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if !kind.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    Ok((file, kind))
}

/// Everything in the file, which is refused where it is larger than `largest` bytes.
pub(super) fn read_all(file: File, largest: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > largest {
        return Err(format!("it is larger than {largest} bytes"));
    }
    Ok(bytes)
}
