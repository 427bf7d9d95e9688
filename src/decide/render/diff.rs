//! The difference of two small texts, for people.

/// Lines that only `old` has with `-`, lines that only `new` has with `+`, in reading order.
pub(super) fn lines(old: &str, new: &str) -> String {
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let mut out = String::new();
    walk(&old, &new, &common_lengths(&old, &new), &mut out);
    out
}

/// Length of the longest common subsequence of `old[i..]` and `new[j..]`, row by row.
fn common_lengths(old: &[&str], new: &[&str]) -> Vec<Vec<usize>> {
    let mut rows = vec![vec![0; new.len() + 1]];
    for left in old.iter().rev() {
        let mut row = vec![0];
        if let Some(below) = rows.last() {
            for (right, pair) in new
                .iter()
                .rev()
                .zip(below.iter().rev().zip(below.iter().rev().skip(1)))
            {
                let (diagonal, down) = pair;
                let beside = row.last().copied().unwrap_or(0);
                row.push(if left == right {
                    diagonal + 1
                } else {
                    beside.max(*down)
                });
            }
        }
        row.reverse();
        rows.push(row);
    }
    rows.reverse();
    rows
}

fn walk(old: &[&str], new: &[&str], lengths: &[Vec<usize>], out: &mut String) {
    let at = |i: usize, j: usize| {
        lengths
            .get(i)
            .and_then(|row| row.get(j))
            .copied()
            .unwrap_or(0)
    };
    let (mut i, mut j) = (0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(left), Some(right)) if left == right => (i, j) = (i + 1, j + 1),
            (Some(left), right) if right.is_none() || at(i + 1, j) >= at(i, j + 1) => {
                out.push_str(&format!("- {left}\n"));
                i += 1;
            }
            (_, Some(right)) => {
                out.push_str(&format!("+ {right}\n"));
                j += 1;
            }
            (_, None) => return,
        }
    }
}
