//! What is asked of systemd over D-Bus. Each question has a deadline: a bus or a polkit that hangs makes
//! one answer fail and nothing else wait.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Mutex;
use tokio::time::timeout;
use zbus::message::Body;
use zbus::wire::Variant;
use zbus::{Connection, MatchRule, MessageStream};

use crate::model::process::Ended;

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const SERVICE: &str = "org.freedesktop.systemd1.Service";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// An answer that needs nothing but the bus and systemd comes within this time: 1 ms as a rule.
const ANSWER: Duration = Duration::from_secs(2);

/// Why systemd did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The bus or systemd refused: no right, no such unit, masked.
    #[error("cannot {attempted} {unit}")]
    Refused {
        /// What was asked.
        attempted: &'static str,
        /// Of which unit.
        unit: String,
        /// What was answered.
        source: zbus::Error,
    },
    /// Nobody answered.
    #[error("cannot {attempted} {unit}: D-Bus, systemd or polkit gave no answer within {within:?}")]
    Silent {
        /// What was asked.
        attempted: &'static str,
        /// Of which unit.
        unit: String,
        /// How long was waited.
        within: Duration,
    },
    /// The job ended otherwise than by being done.
    #[error("{unit} did not start: {result}; see `journalctl -u {unit}`")]
    Job {
        /// The unit.
        unit: String,
        /// systemd's word: `failed`, `timeout`, `canceled`, `dependency`.
        result: String,
    },
}

/// The way to systemd: one connection, made when it is first needed and again when it is lost.
#[derive(Debug, Default)]
pub struct Systemd {
    connection: Mutex<Option<Connection>>,
}

impl Systemd {
    /// What no other daemon's tickets begin with: this boot and our process.
    pub fn tickets(&self) -> String {
        let boot = crate::runtime::proc::boot_id().map(|boot| boot.0);
        format!("{}-{}", boot.unwrap_or_default(), std::process::id())
    }

    /// Starts a unit and waits for the end of the job: for a server that it runs, for work that it is done.
    ///
    /// # Errors
    /// See [`BusError`]. After `Silent` the unit may start yet.
    pub async fn start(&self, unit: &str, within: Duration) -> Result<(), BusError> {
        let asked = Asked::new("start", unit, within);
        let result = asked
            .answered(self.run_job(unit))
            .await
            .inspect_err(|error| tracing::debug!(%error, "starting a unit"))?;
        match result.as_str() {
            "done" => Ok(()),
            _ => Err(BusError::Job {
                unit: unit.to_owned(),
                result,
            }),
        }
    }

    /// The signal is broadcast while we track the job, so it is listened for before the job is made.
    /// A stop that is under way is not cancelled by our start: mode `fail`.
    async fn run_job(&self, unit: &str) -> Result<String, zbus::Error> {
        let connection = self.connection().await?;
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender(SYSTEMD)
            .interface(MANAGER)
            .member("JobRemoved")
            .build()?;
        let mut removed = MessageStream::for_match_rule(rule, &connection, None).await?;
        let job = self
            .manager(&connection, "StartUnit", &(unit, "fail"))
            .await?;
        let job: zbus::OwnedObjectPath = job.deserialize()?;
        while let Some(message) = removed.next().await {
            let message = message?;
            let body = message.body();
            let (_, path, _, result): (u32, zbus::OwnedObjectPath, String, String) =
                body.deserialize()?;
            if path == job {
                return Ok(result);
            }
        }
        Err(zbus::Error::InputOutput(std::sync::Arc::new(
            std::io::ErrorKind::ConnectionAborted.into(),
        )))
    }

    /// Sends SIGKILL to every process of a unit.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn kill(&self, unit: &str, within: Duration) -> Result<(), BusError> {
        const SIGKILL: i32 = 9;
        let asked = Asked::new("kill", unit, within);
        let kill = async {
            let connection = self.connection().await?;
            let body = (unit, "all", SIGKILL);
            self.manager(&connection, "KillUnit", &body).await
        };
        asked.answered(kill).await.map(drop)
    }

    /// Limits the memory of a unit, until the next boot or the next such order. `None`: no limit.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn limit_memory(&self, unit: &str, bytes: Option<u64>) -> Result<(), BusError> {
        let asked = Asked::new("set the memory limit of", unit, ANSWER);
        let set = async {
            let connection = self.connection().await?;
            let limit = Variant::from(bytes.unwrap_or(u64::MAX));
            let body = (unit, true, vec![("MemoryMax", limit)]);
            self.manager(&connection, "SetUnitProperties", &body).await
        };
        asked.answered(set).await.map(drop)
    }

    /// The main process of a unit; `None` where none runs.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn main_pid(&self, unit: &str) -> Result<Option<i32>, BusError> {
        let asked = Asked::new("look at", unit, ANSWER);
        let pid: u32 = asked.answered(self.property(unit, "MainPID")).await?;
        Ok(i32::try_from(pid).ok().filter(|pid| *pid > 0))
    }

    /// How this process ended, if it was the unit's last main process and systemd has collected it.
    ///
    /// # Errors
    /// See [`BusError`].
    pub async fn how_ended(&self, unit: &str, pid: i32) -> Result<Option<Ended>, BusError> {
        /// `CLD_EXITED` of siginfo.h; the others are kinds of death by signal.
        const EXITED: i32 = 1;
        let asked = Asked::new("look at", unit, ANSWER);
        let look = async {
            let last: u32 = self.property(unit, "ExecMainPID").await?;
            let code: i32 = self.property(unit, "ExecMainCode").await?;
            let status: i32 = self.property(unit, "ExecMainStatus").await?;
            Ok((last, code, status))
        };
        let (last, code, status) = asked.answered(look).await?;
        Ok(match code {
            0 => None,
            _ if i32::try_from(last) != Ok(pid) => None,
            EXITED => Some(Ended::Code(status)),
            _ => Some(Ended::Signal(status)),
        })
    }

    async fn property<T>(&self, unit: &str, name: &str) -> Result<T, zbus::Error>
    where
        T: for<'v> TryFrom<Variant<'v>>,
    {
        let connection = self.connection().await?;
        let path = self.manager(&connection, "LoadUnit", &unit).await?;
        let path: zbus::OwnedObjectPath = path.deserialize()?;
        let answer = connection
            .call_method(
                Some(SYSTEMD),
                path,
                Some(PROPERTIES),
                "Get",
                &(SERVICE, name),
            )
            .await?;
        let body = answer.body();
        let value: Variant<'_> = body.deserialize()?;
        T::try_from(value).map_err(|_| zbus::Error::Failure(format!("{name} has another type")))
    }

    async fn manager<B>(
        &self,
        connection: &Connection,
        method: &str,
        body: &B,
    ) -> Result<Body, zbus::Error>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let answer = connection
            .call_method(Some(SYSTEMD), MANAGER_PATH, Some(MANAGER), method, body)
            .await?;
        Ok(answer.body())
    }

    /// The connection; a lost one is made anew.
    async fn connection(&self) -> Result<Connection, zbus::Error> {
        let mut kept = self.connection.lock().await;
        if let Some(connection) = kept.as_ref().filter(|kept| !kept.is_closed()) {
            return Ok(connection.clone());
        }
        let made = Connection::system().await?;
        *kept = Some(made.clone());
        Ok(made)
    }
}

/// A question and how long its answer is waited for.
struct Asked<'a> {
    attempted: &'static str,
    unit: &'a str,
    within: Duration,
}

impl<'a> Asked<'a> {
    fn new(attempted: &'static str, unit: &'a str, within: Duration) -> Self {
        Self {
            attempted,
            unit,
            within,
        }
    }

    async fn answered<T>(
        &self,
        answer: impl Future<Output = Result<T, zbus::Error>>,
    ) -> Result<T, BusError> {
        let (attempted, unit) = (self.attempted, self.unit.to_owned());
        match timeout(self.within, answer).await {
            Ok(answer) => answer.map_err(|source| BusError::Refused {
                attempted,
                unit,
                source,
            }),
            Err(_) => Err(BusError::Silent {
                attempted,
                unit,
                within: self.within,
            }),
        }
    }
}
