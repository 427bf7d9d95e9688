//! Units of the distribution (`mariadb.service`, `mysql.service`) that run a member's server, and are given
//! back: a drop-in that makes of such a unit what our own template is, and a rule that lets the daemon at
//! this one unit. The unit's own file is not touched.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::names::SERVER_TEMPLATE;

/// Where drop-ins of administrators lie.
pub const FOLDER: &str = "/etc/systemd/system";
/// Where rules of administrators lie; ours is asked before the package's, which denies.
pub const RULES: &str = "/etc/polkit-1/rules.d";

/// Where systemd keeps what the daemon sets of a unit, its limit of memory, until the next boot.
const CONTROL: &str = "/run/systemd/system.control";

const TEMPLATE: &str = include_str!("../../../systemd/dualmasterd-mysqld@.service");
const DROP_IN: &str = "50-dualmasterd.conf";
/// The first line of what we write, before the member's name.
const OWNER: &str = "# Runs the server of dualmasterd's member ";

/// What a drop-in only adds to, unless it is emptied first.
const LISTS: [&str; 9] = [
    "AmbientCapabilities",
    "EnvironmentFile",
    "ExecCondition",
    "ExecReload",
    "ExecStart",
    "ExecStartPre",
    "ExecStartPost",
    "ExecStop",
    "ExecStopPost",
];

/// Whether this may be the unit of a member: a service, and none of ours.
pub fn is_name(unit: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || "_.@-".contains(c);
    let stem = unit.strip_suffix(".service");
    stem.is_some_and(|stem| {
        let template = stem.ends_with('@') || stem.is_empty();
        !template && stem.chars().all(part) && !stem.starts_with(['.', '-', '@'])
    }) && !unit.starts_with("dualmasterd")
        && unit.len() < 200
}

/// Whether this may name a server, `PAIR.MEMBER`.
pub fn is_server(server: &str) -> bool {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
    let name = |name: &str| !name.is_empty() && name.len() <= 31 && name.chars().all(part);
    server
        .split_once('.')
        .is_some_and(|(pair, member)| name(pair) && name(member))
}

/// For which member, `PAIR.MEMBER`, this unit was taken over. `folder`: where drop-ins lie.
pub fn owner(folder: &Path, unit: &str) -> Option<String> {
    let text = fs::read_to_string(drop_in_path(folder, unit)).ok()?;
    let first = text.lines().next()?;
    first.strip_prefix(OWNER).map(str::to_owned)
}

/// Every unit that was taken over.
///
/// # Errors
/// The folder cannot be read.
pub fn all(folder: &Path) -> io::Result<Vec<String>> {
    let mut units = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let unit = name.to_str().and_then(|name| name.strip_suffix(".d"));
        if let Some(unit) = unit.filter(|unit| owner(folder, unit).is_some()) {
            units.push(unit.to_owned());
        }
    }
    units.sort();
    Ok(units)
}

/// Where things lie.
#[derive(Debug, Clone)]
pub struct Places {
    /// Drop-ins.
    pub units: PathBuf,
    /// Rules of polkit.
    pub rules: PathBuf,
    /// What systemd was told of units at run time.
    pub control: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            units: FOLDER.into(),
            rules: RULES.into(),
            control: CONTROL.into(),
        }
    }
}

impl Places {
    /// Both files of a unit that is taken over.
    pub fn files(&self, unit: &str) -> [PathBuf; 2] {
        let rule = format!("49-dualmasterd-{}.rules", unit.replace('@', "-at-"));
        [drop_in_path(&self.units, unit), self.rules.join(rule)]
    }

    /// Writes both. What another hand wrote there stays.
    ///
    /// # Errors
    /// One cannot be written, or is not ours.
    pub fn write(&self, unit: &str, server: &str) -> io::Result<()> {
        let [conf, rule] = self.files(unit);
        if conf.exists() && owner(&self.units, unit).is_none() {
            let why = format!("{} is not ours, and stays", conf.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        put(&rule, &rule_of(unit))?;
        put(&conf, &drop_in(server))
    }

    /// Takes both away, and the limit that the daemon set.
    ///
    /// # Errors
    /// One is there and cannot be removed.
    pub fn remove(&self, unit: &str) -> io::Result<()> {
        let [conf, rule] = self.files(unit);
        let limit = self
            .control
            .join(format!("{unit}.d"))
            .join("50-MemoryMax.conf");
        for file in [&conf, &rule, &limit] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        // Another drop-in keeps its folder.
        for folder in [&conf, &limit].into_iter().filter_map(|file| file.parent()) {
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }
}

fn drop_in_path(folder: &Path, unit: &str) -> PathBuf {
    folder.join(format!("{unit}.d")).join(DROP_IN)
}

/// A reader sees the old file or the whole new one.
fn put(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Neither systemd nor polkit reads a file with such an end.
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    // Whatever root's umask is: polkit and the daemon read it under their own accounts.
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o644))?;
    fs::rename(&beside, path)
}

/// Our template's settings for one server. Without an order the unit is not started, neither at a boot nor by
/// hand, and that is no failure.
fn drop_in(server: &str) -> String {
    let mut text = format!(
        "{OWNER}{server}\n\
         # Written by `dualmasterd take-over`, which writes it anew; `dualmasterd give-back` takes it away.\n\
         # The settings are those of {SERVER_TEMPLATE}. Your own go into another file beside this one.\n\n"
    );
    for line in TEMPLATE.lines() {
        let key = line.split('=').next().unwrap_or_default();
        if line.starts_with('#') || ["Description", "Documentation"].contains(&key) {
            continue;
        }
        text.push_str(&line.replace("%i", server));
        text.push('\n');
        match line {
            "[Unit]" => {
                let order = super::names::order_file(server);
                text.push_str(&format!("ConditionPathExists={}\n", order.display()));
            }
            "[Service]" => {
                for list in LISTS {
                    text.push_str(&format!("{list}=\n"));
                }
            }
            _ => {}
        }
    }
    text
}

fn rule_of(unit: &str) -> String {
    format!(
        r#"// Lets dualmasterd at the unit that it took over, and at no other. Written by `dualmasterd take-over`;
// `dualmasterd give-back` takes it away.
polkit.addRule(function (action, subject) {{
    var verbs = ["start", "stop", "kill", "reset-failed", "set-property"];
    if (action.id === "org.freedesktop.systemd1.manage-units" && subject.user === "dualmasterd" &&
        action.lookup("unit") === "{unit}" && verbs.indexOf(action.lookup("verb")) >= 0) {{
        return polkit.Result.YES;
    }}
    return polkit.Result.NOT_HANDLED;
}});
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_of_others_can_be_taken_over() {
        for unit in ["mariadb.service", "mysql.service", "mariadb@one.service"] {
            assert!(is_name(unit), "{unit}");
        }
        for unit in [
            "mariadb",
            ".service",
            "mariadb@.service",
            "mariadb.socket",
            "../x.service",
            "a\"b.service",
            "dualmasterd.service",
            "dualmasterd-mysqld@a.b.service",
        ] {
            assert!(!is_name(unit), "{unit}");
        }
    }

    #[test]
    fn the_drop_in_says_what_the_template_says() {
        let text = drop_in("t.a");
        for line in [
            "Restart=no",
            "KillSignal=SIGKILL",
            "ExecStart=/usr/sbin/dualmasterd serve t.a",
            "ConditionPathExists=/run/dualmasterd/orders/t.a.json",
            "LimitCORE=0",
        ] {
            assert!(text.lines().any(|said| said == line), "{line}: {text}");
        }
        // A list is emptied before it is filled.
        let at = |line: &str| text.lines().position(|said| said.starts_with(line));
        assert!(at("ExecStart=\n".trim_end()) < at("ExecStart=/usr"));
        assert!(!text.contains('%'), "{text}");
        // The template sets no list that is not emptied.
        let lists = TEMPLATE.lines().filter(|line| line.starts_with("Exec"));
        for line in lists {
            let key = line.split('=').next().unwrap();
            assert!(LISTS.contains(&key), "{key}");
        }
    }

    #[test]
    fn what_was_taken_is_known_and_given_back_whole() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            units: folder.path().join("system"),
            rules: folder.path().join("rules.d"),
            control: folder.path().join("control"),
        };
        places.write("mariadb.service", "t.a").unwrap();
        let known = owner(&places.units, "mariadb.service");
        assert_eq!(known.as_deref(), Some("t.a"));
        assert_eq!(all(&places.units).unwrap(), ["mariadb.service"]);
        // Once more changes nothing.
        places.write("mariadb.service", "t.a").unwrap();
        places.remove("mariadb.service").unwrap();
        assert!(all(&places.units).unwrap().is_empty());
        assert_eq!(fs::read_dir(&places.units).unwrap().count(), 0);
        assert_eq!(fs::read_dir(&places.rules).unwrap().count(), 0);
    }

    #[test]
    fn what_another_hand_wrote_stays() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            units: folder.path().to_owned(),
            rules: folder.path().join("rules.d"),
            control: folder.path().join("control"),
        };
        let [conf, rule] = places.files("mysql.service");
        put(&conf, "[Service]\nRestart=always\n").unwrap();
        places.write("mysql.service", "t.a").unwrap_err();
        let said = fs::read_to_string(conf).unwrap();
        assert!(said.contains("always") && !rule.exists());
    }
}
