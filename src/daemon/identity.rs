//! Whether the configured members are the servers that the stored state is about.

use std::path::Path;

use crate::model::member::{Both, Side};
use crate::model::memory::Identity;

/// What differs and what to do about it; `None` where the members are those of the state in `file`.
pub(super) fn mismatch(
    pair: &str,
    file: &Path,
    stored: &Both<Identity>,
    configured: &Both<Identity>,
) -> Option<String> {
    if stored == configured {
        return None;
    }
    let renamed = Side::BOTH.map(|side| stored[side].name != configured[side].name);
    let remedy = if renamed.contains(&true) {
        "give the members their names back".to_owned()
    } else {
        let line = |side: Side| {
            let Identity { name, server_id } = &stored[side];
            format!("`server_id = {server_id}` in [pair.{pair}.member.{name}]")
        };
        let changed = Side::BOTH
            .into_iter()
            .filter(|side| stored[*side] != configured[*side]);
        let lines: Vec<String> = changed.map(line).collect();
        format!("write {}", lines.join(" and "))
    };
    Some(format!(
        "its state is about {}, the configuration is about {}: {remedy}; or, if they are other servers on \
         purpose, end both servers and move {} away: the writer is then chosen by what both hold",
        told(stored),
        told(configured),
        file.display()
    ))
}

fn told(members: &Both<Identity>) -> String {
    let one = |is: &Identity| format!("`{}` (server_id {})", is.name, is.server_id);
    format!("{} and {}", one(&members.a), one(&members.b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(a: (&str, u32), b: (&str, u32)) -> Both<Identity> {
        let is = |(name, server_id): (&str, u32)| Identity {
            name: name.to_owned(),
            server_id,
        };
        Both { a: is(a), b: is(b) }
    }

    fn told(configured: &Both<Identity>) -> Option<String> {
        let stored = pair(("b", 3307), ("c", 3308));
        mismatch("t", Path::new("/state"), &stored, configured)
    }

    #[test]
    fn the_same_members_are_the_same() {
        assert_eq!(told(&pair(("b", 3307), ("c", 3308))), None);
    }

    #[test]
    fn a_rename_that_swaps_the_sides_is_refused() {
        let text = told(&pair(("c", 3308), ("z", 3307))).unwrap();
        assert!(text.contains("`b` (server_id 3307) and `c`"), "{text}");
        assert!(text.contains("names back"), "{text}");
    }

    #[test]
    fn a_port_that_moved_the_server_id_is_told_the_line_to_write() {
        let text = told(&pair(("b", 4000), ("c", 3308))).unwrap();
        assert!(
            text.contains("write `server_id = 3307` in [pair.t.member.b];"),
            "{text}"
        );
    }
}
