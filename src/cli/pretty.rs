//! Answers for people. Everything that comes from a server or an operator is stripped of control
//! characters: a statement must not steer the terminal of whoever lists it.

mod operations;

use comfy_table::{Table, presets};

pub use operations::{history, operation, outcome};

use super::span;
use crate::control::report::{
    FindingReport, MemberReport, MemberSessions, PairReport, PairState, Role,
};
use crate::daemon::report::time;
use crate::model::finding::Severity;
use crate::model::request::{Guard, Thread};

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    /// Colours are wanted.
    pub on: bool,
}

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        match self.on {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    fn warn(self, text: &str) -> String {
        self.wrap("33", text)
    }

    fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }

    fn head(self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn severity(self, severity: Severity) -> String {
        match severity {
            Severity::Info => "info".to_owned(),
            Severity::Warning => self.warn("warning"),
            Severity::Error => self.bad("error"),
        }
    }
}

/// Text without control characters, on one line.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    table
}

fn plain(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| clean(&value.to_string()))
}

/// `list`: one table per pair, and a last line that says whether its reader could take over now.
pub fn list(reports: &[PairReport], paint: Paint) -> String {
    let blocks = reports.iter().map(|report| {
        let mut members = table([
            "member",
            "role",
            "state",
            "receiver",
            "applier",
            "lag/limit",
            "gap",
            "endpoint",
        ]);
        for member in &report.members {
            members.add_row([
                clean(&member.name),
                member.role.to_string(),
                state(member),
                member.receiver.to_string(),
                member.applier.to_string(),
                lag(member),
                plain(member.gtid_gap),
                led(report, &member.name),
            ]);
        }
        let errors = report
            .members
            .iter()
            .filter_map(|m| Some(format!("{}: {}\n", m.name, clean(m.last_error.as_ref()?))));
        let refused = report
            .findings
            .iter()
            .filter(|finding| finding.kind == "ConfigRefused")
            .map(|finding| format!("{}: {}\n", finding.kind, finding.meaning));
        format!(
            "{}\n{members}\n{}{}\n",
            title(report, paint),
            errors.chain(refused).collect::<String>(),
            readiness(report, paint)
        )
    });
    joined(blocks, "no pair is configured\n")
}

fn joined(blocks: impl Iterator<Item = String>, none: &str) -> String {
    let all = blocks.collect::<Vec<_>>().join("\n");
    match all.is_empty() {
        true => none.to_owned(),
        false => all,
    }
}

fn title(report: &PairReport, paint: Paint) -> String {
    let state = report.state.to_string();
    let state = match report.state {
        PairState::Serving => paint.good(&state),
        PairState::Settling | PairState::Switching | PairState::Promoting | PairState::Paused => {
            paint.warn(&state)
        }
        PairState::Holding | PairState::NotKept => paint.bad(&state),
    };
    let epoch = report.epoch.map(|epoch| format!(", epoch {epoch}"));
    let detail = report.detail.as_ref().map(|d| format!(" ({})", clean(d)));
    format!(
        "{} {}: {state}{}{}",
        paint.head(&report.pair),
        report.family,
        epoch.unwrap_or_default(),
        detail.unwrap_or_default()
    )
}

fn state(member: &MemberReport) -> String {
    let mode = match (member.role, member.read_only) {
        (Role::Writer, Some(true)) => ", read-only",
        (Role::Reader | Role::Unknown, Some(false)) => ", WRITABLE",
        (_, _) => "",
    };
    format!("{}{mode}", member.state)
}

fn lag(member: &MemberReport) -> String {
    match member.lag_ms {
        Some(ms) => format!(
            "{}/{}",
            span::show(ms.saturating_mul(1000)),
            span::show(member.lag_limit_ms.saturating_mul(1000))
        ),
        None => "-".to_owned(),
    }
}

fn led(report: &PairReport, member: &str) -> String {
    let Some(endpoint) = &report.endpoint else {
        return "-".to_owned();
    };
    let ports = [("writer", &endpoint.writer), ("reader", &endpoint.reader)];
    let here = ports
        .into_iter()
        .filter(|(_, to)| to.as_deref() == Some(member))
        .map(|(port, _)| port)
        .collect::<Vec<_>>();
    match here.is_empty() {
        true => "-".to_owned(),
        false => here.join("+"),
    }
}

/// A pair in one line, which changes only with what matters.
pub fn line(report: &PairReport) -> String {
    let ready = readiness(report, Paint { on: false });
    format!("{}: {}; {ready}\n", clean(&report.pair), report.state)
}

/// Who writes, is the other ready, could it take over now.
fn readiness(report: &PairReport, paint: Paint) -> String {
    let writes = match (&report.writer, report.state) {
        (Some(writer), PairState::Serving | PairState::Switching | PairState::Paused) => {
            format!("{writer} writes")
        }
        (Some(writer), _) => format!("{writer} is the writer"),
        (None, _) => "nobody writes yet".to_owned(),
    };
    let reader = report
        .reader()
        .map_or("the reader", |reader| reader.name.as_str());
    let synced = match report.in_sync {
        true => "is in sync",
        false => "is not in sync",
    };
    if report.failover_ready {
        let ready = paint.good("could take over now");
        return format!("{writes}; {reader} {synced} and {ready}");
    }
    let failed: Vec<_> = report
        .guards
        .iter()
        .filter(|guard| !guard.ok)
        .map(|guard| format!("{} is {}, not {}", guard.name, guard.value, guard.limit))
        .collect();
    let why = match failed.is_empty() {
        true => String::new(),
        false => format!(" ({})", clean(&failed.join("; "))),
    };
    format!(
        "{writes}; {reader} {synced} and {}{why}: see `dualmasterctl explain {}`",
        paint.bad("could not take over now"),
        report.pair
    )
}

/// `explain`: every guard with value, limit and remedy; every finding with meaning and remedy.
pub fn explain(reports: &[PairReport], paint: Paint) -> String {
    let blocks = reports.iter().map(|report| {
        let refusal = report
            .last_refusal
            .as_ref()
            .map(|why| format!("\nThe last refused or undone operation: {}\n", clean(why)));
        let verdict = |all: &[Guard]| match !all.is_empty() && all.iter().all(|guard| guard.ok) {
            true => paint.good("would go through"),
            false => paint.bad("would be refused"),
        };
        format!(
            "{}\n{}\n\nA failover now: {}\n{}\n\nA switchover now: {}\n{}\n{}{}",
            title(report, paint),
            readiness(report, paint),
            verdict(&report.guards),
            guards(&report.guards),
            verdict(&report.switchover_guards),
            guards(&report.switchover_guards),
            findings(&report.findings, paint),
            refusal.unwrap_or_default()
        )
    });
    joined(blocks, "no pair is configured\n")
}

/// Guards as a table.
pub fn guards(guards: &[Guard]) -> String {
    let mut rows = table(["guard", "holds", "value", "limit", "what to do"]);
    for guard in guards {
        rows.add_row([
            clean(&guard.name),
            if guard.ok { "yes" } else { "NO" }.to_owned(),
            clean(&guard.value),
            clean(&guard.limit),
            match guard.ok {
                true => String::new(),
                false => clean(&guard.remedy),
            },
        ]);
    }
    rows.to_string()
}

fn findings(findings: &[FindingReport], paint: Paint) -> String {
    if findings.is_empty() {
        return "\nNo findings.\n".to_owned();
    }
    let lines = findings.iter().map(|finding| {
        let at = finding.member.as_ref().map(|m| format!(" at {m}"));
        let detail = match finding.detail.is_empty() {
            true => String::new(),
            // A log's lines and a configuration's carets are read one below the other.
            false => {
                let lines: Vec<_> = finding.detail.lines().map(clean).collect();
                format!("\n    seen:  {}", lines.join("\n           "))
            }
        };
        let remedy = match finding.remedy.is_empty() {
            true => String::new(),
            false => format!("\n    to do: {}", finding.remedy),
        };
        format!(
            "  {} {}{}\n    means: {}{detail}{remedy}\n",
            paint.severity(finding.severity),
            paint.head(&finding.kind),
            at.unwrap_or_default(),
            finding.meaning
        )
    });
    format!("\nFindings:\n{}", lines.collect::<String>())
}

/// `processlist`: the sessions of both members.
pub fn sessions(members: &[MemberSessions], paint: Paint) -> String {
    let blocks = members.iter().map(|member| match &member.sessions {
        Err(why) => format!("{}: {}\n", paint.head(&member.member), clean(why)),
        Ok(sessions) => {
            let mut rows = table([
                "Id", "User", "Host", "db", "Command", "Time", "State", "Info",
            ]);
            for s in sessions {
                rows.add_row([
                    s.id.to_string(),
                    clean(&s.user),
                    clean(&s.host),
                    plain(s.db.as_ref()),
                    clean(&s.command),
                    s.time.to_string(),
                    clean(&s.state),
                    plain(s.info.as_ref()),
                ]);
            }
            format!("{}\n{rows}\n", paint.head(&member.member))
        }
    });
    joined(blocks, "no members\n")
}

/// `link list`: both directions with their threads and holds.
pub fn links(reports: &[PairReport]) -> String {
    let mut rows = table([
        "pair",
        "from",
        "to",
        "receiver",
        "applier",
        "lag/limit",
        "gap",
        "held",
        "error",
    ]);
    for report in reports {
        for member in &report.members {
            let source = report.members.iter().find(|m| m.name != member.name);
            let held = member.holds.iter().map(|hold| {
                let thread = match hold.thread {
                    Thread::Receiver => "receiver",
                    Thread::Applier => "applier",
                };
                let until = time(hold.until_ms);
                format!("{thread} until {until}: {}", clean(&hold.reason))
            });
            rows.add_row([
                clean(&report.pair),
                plain(source.map(|source| &source.name)),
                clean(&member.name),
                member.receiver.to_string(),
                member.applier.to_string(),
                lag(member),
                plain(member.gtid_gap),
                held.collect::<Vec<_>>().join("\n"),
                member.last_error.as_deref().map(clean).unwrap_or_default(),
            ]);
        }
    }
    format!("{rows}\n")
}
