//! Makes and keeps MySQL and MariaDB dual-master pairs.

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Parser;
use dualmasterd::cli::daemon::{Daemon, Order};
use dualmasterd::cli::take_over;
use dualmasterd::config::{self, EXIT_CONFIG, Sources};
use dualmasterd::{daemon, runtime};

fn main() -> ExitCode {
    let said = Daemon::parse();
    match &said.order {
        Some(Order::Prepare { name, order }) => return runtime::prepare::run(name, order),
        Some(Order::Serve { name }) => return runtime::systemd::serve::run(name),
        Some(Order::TakeOver { unit, server }) => return take_over::take_over(unit, server),
        Some(Order::GiveBack { unit, .. }) => {
            return take_over::give_back(unit.as_deref());
        }
        Some(Order::Fence { name, pid }) => return runtime::systemd::fence::run(name, *pid),
        None => {}
    }
    if said.print_schema {
        let _ = stdout().write_all(config::schema().as_bytes());
        return ExitCode::SUCCESS;
    }
    let mut sources = Sources::of_process(said.config);
    if said.check {
        sources.programs = true;
        let loaded = config::load(&sources);
        let _ = write!(stdout(), "{}", config::check_report(&loaded));
        return match loaded {
            Ok(_) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(EXIT_CONFIG),
        };
    }
    daemon::run(&sources, said.log_format)
}
