//! What the environment asks for: the server, the runs, and how the pair is loaded.

use std::fmt::Write as _;
use std::str::FromStr;

use dualmasterd::model::server::Family;
use serde_json::{Value, json};

use crate::support::settings::{self, family_of_environment};
use crate::support::{Host, Load, Setup};

/// Without `RUNS`.
const RUNS: usize = 10;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `SERVER`.
    pub(crate) family: Family,
    /// `RUNS`, where it is given.
    pub(crate) given_runs: Option<usize>,
    /// `CLIENTS`: as many write at once.
    pub(crate) clients: u32,
    /// `POOL`: the buffer pool, really filled before a fault.
    pub(crate) pool: Option<String>,
    /// `LAG`: as many seconds of the load are not applied yet at the kill.
    pub(crate) lag_s: u64,
    /// `BIG`: bytes of one transaction.
    pub(crate) big: u64,
}

/// A value of the environment; make hands over empty ones.
pub(crate) fn value(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// The number that a name of the environment has.
pub(crate) fn number<T: FromStr>(name: &str) -> Option<T> {
    let parse = |text: String| text.parse().ok();
    value(name).map(|text| parse(text).unwrap_or_else(|| panic!("{name} is a number")))
}

impl Asked {
    /// What this environment says.
    ///
    /// # Panics
    /// Where a value makes no sense.
    pub(crate) fn of_environment() -> Self {
        let runs = number("RUNS");
        assert!(runs != Some(0), "RUNS is at least 1");
        let clients = number("CLIENTS").unwrap_or(Load::USUAL);
        assert!(clients > 0, "CLIENTS is at least 1");
        Self {
            family: family_of_environment(),
            given_runs: runs,
            clients,
            pool: value("POOL"),
            lag_s: number("LAG").unwrap_or(0),
            big: bytes(&value("BIG").unwrap_or_else(|| "2G".into())),
        }
    }

    /// How often the fault is made.
    pub(crate) fn runs(&self) -> usize {
        self.given_runs.unwrap_or(RUNS)
    }

    /// The bytes of the buffer pool that is to be filled.
    pub(crate) fn pool_bytes(&self) -> Option<u64> {
        self.pool.as_deref().map(bytes)
    }

    /// The pair to measure.
    pub(crate) fn setup(&self) -> Setup {
        let mut setup = Setup::new(self.family);
        if let Some(pool) = &self.pool {
            setup.pool.clone_from(pool);
        }
        setup
    }

    /// The usual load by so many clients: more of them rest longer, so that the reader keeps up.
    pub(crate) async fn load(&self, host: &Host, table: &str) -> Load {
        let rest = Load::REST * self.clients.div_ceil(Load::USUAL);
        Load::start(host, table, self.clients, rest).await
    }

    /// A bench's name with what is not as usual: figures taken otherwise do not replace the usual ones.
    pub(crate) fn name(&self, bench: &str) -> String {
        let mut name = bench.to_owned();
        if self.clients != Load::USUAL {
            write!(name, "_clients_{}", self.clients).expect("write to a string");
        }
        if let Some(pool) = &self.pool {
            write!(name, "_pool_{}", pool.to_lowercase()).expect("write to a string");
        }
        if self.lag_s > 0 {
            write!(name, "_lag_{}", self.lag_s).expect("write to a string");
        }
        name
    }

    /// The same as JSON.
    pub(crate) fn parameters(&self) -> Value {
        let pool = self.pool.clone();
        json!({
            "server": settings::name(self.family),
            "clients": self.clients,
            "pool": pool.unwrap_or_else(|| settings::POOL.to_owned()),
            "pool_filled": self.pool.is_some(),
            "lag_s": self.lag_s,
        })
    }
}

/// A size as the servers write it: `64M`, `2G`.
fn bytes(text: &str) -> u64 {
    let (digits, shift) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().expect("a size such as 64M or 2G");
    number << shift
}
