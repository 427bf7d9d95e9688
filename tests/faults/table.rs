//! All rows, by what goes wrong.

mod clocks;
mod disks;
mod people;
mod processes;
mod sessions;
mod work;

use super::case::Case;

/// Every row.
pub(super) fn all() -> Vec<Case> {
    [
        processes::ROWS,
        sessions::ROWS,
        work::ROWS,
        work::SPENT,
        people::ROWS,
        people::SPENT,
        disks::ROWS,
        clocks::ROWS,
    ]
    .concat()
}
