//! What a healthy pair looks like.

use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::Side;
use dualmasterd::model::memory::State;

use crate::world::World;
use crate::world::server::{Content, Server};

impl World {
    /// What keeps the pair from being healthy; `None` if it is.
    pub fn unhealthy(&self) -> Option<String> {
        let Some(daemon) = &self.daemon else {
            return Some("no daemon".into());
        };
        if daemon.memory().state != State::Serving {
            return Some(format!("state {:?}", daemon.memory().state));
        }
        let Some(register) = &daemon.memory().durable.register else {
            return Some("no register".into());
        };
        let (writer, reader) = (register.writer, register.writer.peer());
        let (w, r) = (&self.servers[writer], &self.servers[reader]);
        if !w.answers() || !r.answers() {
            return Some("a server does not answer".into());
        }
        let (Some(wl), Some(rl)) = (&w.life, &r.life) else {
            return Some("a server is down".into());
        };
        if register.in_sync.as_ref() != Some(&rl.incarnation) {
            return Some(format!("not in sync: {:?}", daemon.memory().earning));
        }
        if !wl.writable || rl.writable {
            return Some("wrong member open".into());
        }
        if !wl.events_on || rl.events_on {
            return Some("events run at the wrong member".into());
        }
        if !wl.source_on || rl.source_on {
            return Some("wrong source side on".into());
        }
        if rl.receiver != Receiver::Running || !rl.applier {
            return Some(format!(
                "the link does not run: {:?} {:?}",
                rl.receiver_error, rl.applier_error
            ));
        }
        if wl.receiver != Receiver::Running || wl.applier {
            return Some("the gated link is not as it must be".into());
        }
        if self.endpoint.writer != Some(writer) || self.endpoint.reader != Some(reader) {
            return Some("the endpoint leads elsewhere".into());
        }
        let age = self.now.saturating_sub(self.last_ack);
        if age > 200_000 {
            return Some(format!("no write was acknowledged for {} ms", age / 1000));
        }
        None
    }

    /// Both sides hold the same, and everything acknowledged is there. Clients must be quiet.
    pub fn check_equal_but_heartbeats(&mut self) {
        let (a, b) = (&self.servers[Side::A], &self.servers[Side::B]);
        {
            let only = |x: &Server, y: &Server| {
                x.has
                    .iter()
                    .filter(|(_, content)| !matches!(content, Content::Beat(_)))
                    .filter(|(txn, content)| y.has.get(txn) != Some(content))
                    .take(3)
                    .map(|(txn, content)| format!("{txn:?} {content:?}"))
                    .collect::<Vec<_>>()
            };
            let (a, b) = (only(a, b), only(b, a));
            if !a.is_empty() || !b.is_empty() {
                self.violated(format!("the members differ: a {a:?}, b {b:?}"));
            }
        }
        if self.is_lossless() {
            let lost = self.lost_at(Side::A);
            if lost > 0 {
                self.violated(format!("{lost} acknowledged writes are lost"));
            }
        }
    }
}
