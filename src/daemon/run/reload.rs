//! Another configuration while the daemon runs.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Daemon, say, stop_all};
use crate::config::{self, Settings, Sources};
use crate::daemon::clock;
use crate::daemon::journal::Event;
use crate::model::causes::chain;
use crate::model::finding::Severity;

/// Reading the configuration takes milliseconds; past this its disk hangs.
const READ_WITHIN: Duration = Duration::from_secs(10);

impl Daemon<'_> {
    /// Reads the configuration again. A bad one changes nothing, and is said to everybody.
    pub(super) async fn reload(&mut self, sources: &Sources) -> Result<String, String> {
        let loaded = read_again(sources.clone()).await;
        let result =
            match loaded.and_then(|settings| self.refuse_moves(&settings).map(|()| settings)) {
                Ok(settings) => Ok(self.follow(settings).await),
                Err(why) => Err(why),
            };
        match &result {
            Ok(text) => say(
                Event::ConfigReloaded,
                Severity::Info,
                format!("configuration reloaded: {text}"),
            ),
            Err(why) => say(
                Event::ConfigRejected,
                Severity::Error,
                format!("the new configuration is bad, the old one stays in force:\n{why}"),
            ),
        }
        self.loaded.send_modify(|loaded| {
            loaded.refused = result.is_err();
            if result.is_ok() {
                loaded.at_ms = clock::wall_ms();
                loaded.digest.clone_from(&self.settings.digest);
            }
        });
        self.shared.refused.send_replace(result.clone().err());
        result
    }

    /// What a member is cannot change under a running server.
    pub(super) fn refuse_moves(&self, new: &Settings) -> Result<(), String> {
        if new.daemon != self.settings.daemon {
            return Err("[daemon] cannot change while it runs; restart dualmasterd".into());
        }
        if new.log.format != self.settings.log.format {
            return Err("[log] format cannot change while it runs; restart dualmasterd".into());
        }
        if new.http != self.settings.http {
            return Err("[http] cannot change while it runs; restart dualmasterd".into());
        }
        for (name, kept) in &self.kept {
            let Some(pair) = new.pairs.get(name) else {
                continue;
            };
            if let Some(what) = kept.differs(pair) {
                return Err(format!(
                    "pair `{name}`: {what} cannot change while it is kept; restart dualmasterd"
                ));
            }
        }
        Ok(())
    }

    /// Goes over to a configuration that was found good.
    pub(super) async fn follow(&mut self, new: Settings) -> String {
        if new.log.level != self.settings.log.level
            && let Err(error) = self.log.set_level(new.log.level.name())
        {
            tracing::error!("the log level stays as it was: {}", chain(&error));
        }
        self.settings = new;
        self.unkept.clear();
        for (name, kept) in &mut self.kept {
            if let Some(pair) = self.settings.pairs.get(name) {
                kept.follow(pair);
            }
        }
        let before = self.kept.len();
        self.keep_all().await;
        let begun = self.kept.len() - before;
        let wanted = |name: &String| self.settings.pairs.contains_key(name);
        let (stay, gone) = std::mem::take(&mut self.kept)
            .into_iter()
            .partition(|(name, _)| wanted(name));
        self.kept = stay;
        self.publish();
        let left = gone.len();
        stop_all(gone).await;
        let mut text = format!(
            "{} pairs kept, {begun} new, {left} left alone",
            self.kept.len()
        );
        for (name, why) in &self.unkept {
            text.push_str(&format!("; pair `{name}` is not kept: {}", chain(why)));
        }
        text
    }
}

/// Reads the configuration in a thread of its own: its files, and those it names, may lie on a disk that
/// hangs, and the pairs go on meanwhile.
async fn read_again(sources: Sources) -> Result<Settings, String> {
    let read = spawn_blocking(move || config::load(&sources));
    match timeout(READ_WITHIN, read).await {
        Ok(Ok(loaded)) => loaded.map_err(|problems| problems.to_string()),
        Ok(Err(lost)) => Err(format!("reading it ended without an answer: {lost}")),
        Err(_) => Err(format!("it could not be read within {READ_WITHIN:?}")),
    }
}
