//! The table and what runs it.
//!
//! `make faults` runs every row (`FAULT="a name"` one), `make test` a few that are drawn by the day, or by
//! `FAULT_SEED`. `make chaos` draws rows for `CHAOS_MINUTES` under a load that never ends.

mod case;
mod chaos;
mod draw;
mod equal;
mod ground;
mod run;
mod step;
mod table;

use dualmasterd::model::server::Family;

#[test]
fn mariadb() {
    run::chosen(Family::Mariadb);
}

#[test]
fn mysql() {
    run::chosen(Family::Mysql);
}

#[test]
fn chaos() {
    chaos::run();
}
