//! The command line of `dualmasterd`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::LogFormat;

/// Makes and keeps MySQL and MariaDB dual-master pairs.
#[derive(Debug, Parser)]
#[command(name = "dualmasterd", version, max_term_width = 100)]
pub struct Daemon {
    /// The main configuration file
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/dualmasterd/dualmasterd.toml"
    )]
    pub config: PathBuf,
    /// Check the configuration, touch nothing, exit with 78 where it is bad
    #[arg(long)]
    pub check: bool,
    /// Print the JSON schema of the configuration
    #[arg(long)]
    pub print_schema: bool,
    /// Where log lines go and how they look, whatever the file says
    #[arg(long, value_name = "FORMAT", value_parser = log_format)]
    pub log_format: Option<LogFormat>,
    /// What to do instead of running
    #[command(subcommand)]
    pub order: Option<Order>,
}

/// What the daemon's binary does beside running.
#[derive(Debug, Subcommand)]
pub enum Order {
    /// Do one thing to a member's files, as the server's user: the daemon calls this itself
    Prepare {
        /// The member, as PAIR.MEMBER or as its files name it
        name: String,
        /// The file that says what to do
        #[arg(long, value_name = "FILE")]
        order: PathBuf,
    },
    /// Let a unit of the distribution run the server of a member, as root
    TakeOver {
        /// The unit, as mariadb.service
        unit: String,
        /// The member, as PAIR.MEMBER
        #[arg(long = "as", value_name = "MEMBER")]
        server: String,
    },
    /// Make a unit that was taken over what it was before, as root
    GiveBack {
        /// The unit, as mariadb.service
        #[arg(required_unless_present = "all")]
        unit: Option<String>,
        /// Every unit that was taken over
        #[arg(long, conflicts_with = "unit")]
        all: bool,
    },
    /// Become a member's server, as the daemon ordered: the main process of its unit
    #[command(hide = true)]
    Serve {
        /// The member, as PAIR.MEMBER
        name: String,
    },
    /// Stand beside a member's server and kill it on the daemon's word: in its unit
    #[command(hide = true)]
    Fence {
        /// The member, as PAIR.MEMBER
        name: String,
        /// The server's process
        pid: i32,
    },
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        "journald" => Ok(LogFormat::Journald),
        _ => Err("expected auto, text, json or journald".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Daemon::command().debug_assert();
        let daemon = Daemon::parse_from(["dualmasterd", "--config", "/x/d.toml", "--check"]);
        assert!(daemon.check && daemon.log_format.is_none());
        let order = Daemon::parse_from(["dualmasterd", "prepare", "db1", "--order", "/o"]).order;
        assert!(matches!(order, Some(Order::Prepare { name, .. }) if name == "db1"));
    }
}
