//! Operations for people.

use super::{clean, plain, table};
use crate::cli::span;
use crate::control::report::OperationReport;
use crate::daemon::report::time;

/// `history`, newest first.
pub fn history(operations: &[OperationReport]) -> String {
    if operations.is_empty() {
        return "no operations\n".to_owned();
    }
    let mut rows = table([
        "op",
        "begun",
        "kind",
        "from",
        "to",
        "result",
        "took",
        "writes stopped",
        "why",
    ]);
    for op in operations {
        let ended = op.ended.as_ref();
        rows.add_row([
            op.op.to_string(),
            time(op.begun_ms),
            op.kind.to_string(),
            plain(op.from.as_ref()),
            clean(&op.to),
            match ended {
                None => "under way".to_owned(),
                Some(ended) if ended.moved => "moved".to_owned(),
                Some(ended) => format!("not moved: {}", clean(&ended.text)),
            },
            plain(ended.and_then(|e| e.took_us).map(span::show)),
            plain(ended.and_then(|e| e.write_gap_us).map(span::show)),
            clean(&op.why),
        ]);
    }
    format!("{rows}\n")
}

/// One operation with its steps.
pub fn operation(op: &OperationReport) -> String {
    let mut text = format!("{}\n", outcome(op));
    if op.steps.is_empty() {
        return text;
    }
    let mut steps = table(["after", "step", "member", "took", "result"]);
    for step in &op.steps {
        steps.add_row([
            span::show(step.after_us),
            step.action.clone(),
            plain(step.member.as_ref()),
            plain(step.took_us.map(span::show)),
            match (&step.error, step.took_us) {
                (Some(error), _) => clean(error),
                (None, Some(_)) => "done".to_owned(),
                (None, None) => "under way".to_owned(),
            },
        ]);
    }
    text.push_str(&format!("{steps}\n"));
    text
}

/// How an operation ended, in one line, with its measured time.
pub fn outcome(op: &OperationReport) -> String {
    let head = format!("{} {} to {}", op.kind, op.op, clean(&op.to));
    let Some(ended) = &op.ended else {
        return format!("{head}: still under way");
    };
    let took = ended.took_us.map(|us| format!(" in {}", span::show(us)));
    let gap = ended
        .write_gap_us
        .map(|us| format!(", writes stopped for {}", span::show(us)));
    let verdict = match ended.moved {
        true => "done",
        false => "not done",
    };
    format!(
        "{head}: {verdict}{}{}: {}",
        took.unwrap_or_default(),
        gap.unwrap_or_default(),
        clean(&ended.text)
    )
}
