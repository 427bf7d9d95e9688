//! Looks at dual-master pairs and steers them, over the daemon's control socket.

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::process::ExitCode;

use clap::Parser;
use dualmasterd::cli::ctl::Ctl;
use dualmasterd::cli::run::{Terminal, run};

fn main() -> ExitCode {
    let ctl = Ctl::parse();
    let color = !ctl.no_color
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && stdout().is_terminal();
    let mut terminal = Terminal {
        out: &mut stdout().lock(),
        err: &mut stderr().lock(),
        input: &mut stdin().lock(),
        interactive: stdin().is_terminal() && stderr().is_terminal(),
        color,
        live: stdout().is_terminal(),
    };
    run(&ctl, &mut terminal).into()
}
