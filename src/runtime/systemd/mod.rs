//! Servers as units of systemd: `dualmasterd-mysqld@PAIR.MEMBER`, a template that the daemon starts, ends
//! and watches over D-Bus, without any right over processes of its own.
//!
//! What touches files of the servers' account is done by these units, as that account: [`names`] says
//! which, [`bus`] speaks with systemd, [`order`] is what the daemon hands to a unit and gets back. In the
//! unit, [`serve`] becomes the server, and [`fence`] kills it on the daemon's word where D-Bus is slow.
//! [`take_over`] makes a distribution's unit such a unit.

pub mod bus;
pub mod exit;
pub mod fence;
pub mod names;
pub mod order;
pub mod serve;
pub mod systemctl;
pub mod take_over;
