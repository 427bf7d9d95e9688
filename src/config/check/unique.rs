//! What may be used once only, over all pairs of this host.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::Check;
use crate::config::code::Code;
use crate::config::problem::{Place, Problem};

/// Who uses what.
#[derive(Default)]
pub(super) struct Claims {
    ports: Vec<Claim<u16>>,
    endpoints: Vec<Claim<SocketAddr>>,
    server_ids: Vec<Claim<u32>>,
    datadirs: Vec<Claim<PathBuf>>,
    sockets: Vec<Claim<String>>,
}

struct Claim<T> {
    what: T,
    /// The claimer, for people: "port of member db1 of pair orders".
    whose: String,
    place: Place,
    /// The port from which it was derived, where it was not said: two that come from one port are
    /// reported as that port alone.
    from: Option<u16>,
}

/// Who claims, in words and by place.
pub(super) struct Claimer {
    pub(super) whose: String,
    pub(super) place: Place,
    pub(super) from: Option<u16>,
}

impl Claimer {
    pub(super) fn new(whose: String, place: Place) -> Self {
        let from = None;
        Self { whose, place, from }
    }

    fn of<T>(self, what: T) -> Claim<T> {
        let Self { whose, place, from } = self;
        Claim {
            what,
            whose,
            place,
            from,
        }
    }
}

impl Claims {
    pub(super) fn port(&mut self, port: u16, claimer: Claimer) {
        self.ports.push(claimer.of(port));
    }

    pub(super) fn endpoint(&mut self, address: SocketAddr, claimer: Claimer) {
        self.endpoints.push(claimer.of(address));
    }

    pub(super) fn server_id(&mut self, id: u32, claimer: Claimer) {
        self.server_ids.push(claimer.of(id));
    }

    pub(super) fn socket(&mut self, path: &Path, claimer: Claimer) {
        self.sockets.push(claimer.of(path.display().to_string()));
    }

    /// Where it exists already its links are followed.
    pub(super) fn datadir(&mut self, path: &Path, claimer: Claimer) {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.components().collect());
        self.datadirs.push(claimer.of(path));
    }
}

/// Reports whatever is claimed twice.
pub(super) fn check(check: &mut Check<'_>) {
    let claims = std::mem::take(&mut check.claims);
    let mut problems = twice(&claims.ports, Code::DuplicatePort, "port");
    problems.extend(twice(&claims.endpoints, Code::EndpointTaken, "endpoint"));
    problems.extend(twice(
        &claims.server_ids,
        Code::DuplicateServerId,
        "server_id",
    ));
    problems.extend(endpoints_on_members(&claims));
    problems.extend(twice(&claims.sockets, Code::DuplicatePath, "socket"));
    problems.extend(nested(&claims.datadirs));
    for problem in problems {
        check.report(problem);
    }
}

fn twice<T: Ord + std::fmt::Display>(claims: &[Claim<T>], code: Code, noun: &str) -> Vec<Problem> {
    let mut first = BTreeMap::new();
    let mut problems = Vec::new();
    for claim in claims {
        match first.get(&claim.what) {
            None => {
                first.insert(&claim.what, claim);
            }
            Some(other) if claim.from.is_some() && claim.from == other.from => {}
            Some(other) => problems.push(collision(
                code,
                claim,
                other,
                &format!("{noun} {}", claim.what),
            )),
        }
    }
    problems
}

/// The one that is read later is in the wrong.
fn collision<T, U>(code: Code, one: &Claim<T>, other: &Claim<U>, noun: &str) -> Problem {
    let mut ends = [(&one.whose, &one.place), (&other.whose, &other.place)];
    ends.sort_by_key(|(_, place)| place.position());
    let [(first, first_place), (second, second_place)] = ends;
    let what = format!("{noun} is used twice: {first} and {second}");
    let expected = format!("{second}: expected another one");
    let problem = Problem::new(code, second_place.clone(), what, expected);
    if first_place == second_place {
        problem
    } else {
        problem.also(first_place.clone(), first.clone())
    }
}

/// A redirect in front of a port at which a server listens would hide that server.
fn endpoints_on_members(claims: &Claims) -> Vec<Problem> {
    let on = |endpoint: &Claim<SocketAddr>| {
        let port = endpoint.what.port();
        let other = claims.ports.iter().find(|claim| claim.what == port)?;
        Some(collision(
            Code::EndpointTaken,
            endpoint,
            other,
            &format!("port {port}"),
        ))
    };
    claims.endpoints.iter().filter_map(on).collect()
}

/// The same path twice, or one inside another.
fn nested(claims: &[Claim<PathBuf>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, claim) in claims.iter().enumerate() {
        let meets = |other: &&Claim<PathBuf>| {
            other.what.starts_with(&claim.what) || claim.what.starts_with(&other.what)
        };
        if let Some(other) = claims.iter().take(index).find(meets) {
            let noun = format!("datadir {}", claim.what.display());
            problems.push(collision(Code::DuplicatePath, claim, other, &noun));
        }
    }
    problems
}
