//! `dualmasterd take-over UNIT` and `give-back UNIT`, for root.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::runtime::systemd::systemctl;
use crate::runtime::systemd::take_over::{self, Places};

/// Lets a unit of the distribution run the server of a member, `PAIR.MEMBER`.
pub fn take_over(unit: &str, server: &str) -> ExitCode {
    end(taken(unit, server, &Places::default()))
}

/// Makes a unit, or every one that was taken over, what it was before.
pub fn give_back(unit: Option<&str>) -> ExitCode {
    let places = Places::default();
    let units = match unit {
        Some(unit) => Ok(vec![unit.to_owned()]),
        None => take_over::all(&places.units).map_err(|error| error.to_string()),
    };
    end(units.and_then(|units| {
        let given = units.iter().map(|unit| given(unit, &places));
        let given: Vec<_> = given.collect::<Result<_, _>>()?;
        Ok(given.join("\n"))
    }))
}

fn taken(unit: &str, server: &str, places: &Places) -> Result<String, String> {
    if !take_over::is_name(unit) {
        return Err(format!("{unit} cannot be the unit of a server"));
    }
    if !take_over::is_server(server) {
        return Err(format!("{server} is no PAIR.MEMBER"));
    }
    let was = take_over::owner(&places.units, unit);
    fit(unit, was.is_none())?;
    places
        .write(unit, server)
        .map_err(|error| format!("cannot take {unit} over: {error}"))?;
    if let Err(why) = in_force(unit, server) {
        let undone = places.remove(unit).and_then(|()| systemctl::reload());
        let undone = undone.map_or_else(|error| error.to_string(), |()| "undone".to_owned());
        return Err(format!("{unit} was not taken over: {why} ({undone})"));
    }
    Ok(format!(
        "{unit} runs the server of {server} from now on, started by dualmasterd alone. Say \
         `unit = \"{unit}\"` in its table.\nBack: dualmasterd give-back {unit}"
    ))
}

/// What the unit is. One whose server runs without us would be stopped by another hand than before.
fn fit(unit: &str, new: bool) -> Result<(), String> {
    let ask = |name| systemctl::property(unit, name).map_err(|error| error.to_string());
    let id = ask("Id")?;
    if id != unit {
        return Err(format!("{unit} is another name of {id}: say that one"));
    }
    let load = ask("LoadState")?;
    if load != "loaded" {
        return Err(format!("{unit} cannot be used: it is {load}"));
    }
    let active = ask("ActiveState")?;
    if new && !["inactive", "failed"].contains(&active.as_str()) {
        return Err(format!("{unit} is {active}: systemctl stop {unit}"));
    }
    Ok(())
}

/// Another drop-in, read after ours, may say otherwise.
fn in_force(unit: &str, server: &str) -> Result<(), String> {
    systemctl::reload().map_err(|error| error.to_string())?;
    let serve = format!("dualmasterd serve {server} ");
    for (name, expected) in [
        ("Restart", "no"),
        ("KillSignal", "9"),
        ("ExecStart", serve.as_str()),
    ] {
        let said = systemctl::property(unit, name).map_err(|error| error.to_string())?;
        let holds = match name {
            "ExecStart" => said.contains(expected),
            _ => said == expected,
        };
        if !holds {
            let files = systemctl::property(unit, "DropInPaths").unwrap_or_default();
            return Err(format!("{name} stays `{said}`, by one of: {files}"));
        }
    }
    Ok(())
}

fn given(unit: &str, places: &Places) -> Result<String, String> {
    if take_over::owner(&places.units, unit).is_none() {
        return Err(format!("{unit} was not taken over"));
    }
    let state = |unit| systemctl::property(unit, "ActiveState").unwrap_or_default();
    if state(unit) == "active" && state("dualmasterd.service") == "active" {
        return Err(format!(
            "{unit} runs a server that dualmasterd keeps: systemctl stop dualmasterd"
        ));
    }
    let failed = |error: io::Error| format!("cannot give {unit} back: {error}");
    places.remove(unit).map_err(failed)?;
    systemctl::reload().map_err(failed)?;
    Ok(format!(
        "{unit} is what it was before; what runs in it runs on"
    ))
}

fn end(result: Result<String, String>) -> ExitCode {
    match result {
        Ok(text) => {
            say(&mut io::stdout(), text);
            ExitCode::SUCCESS
        }
        Err(why) => {
            say(&mut io::stderr(), format_args!("dualmasterd: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn say(to: &mut dyn Write, text: impl std::fmt::Display) {
    let _ = writeln!(to, "{text}");
}
