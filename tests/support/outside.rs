//! Another host: a network namespace with a cable to the pair's.

use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use mysql_async::Opts;
use nix::sched::{CloneFlags, unshare};
use tokio::sync::oneshot;

use super::sql;

/// The pair's end of the cable, at which it has [`INSIDE`].
pub const CABLE: &str = "cable0";
/// The pair's address at the cable.
pub const INSIDE: &str = "10.77.0.1";

type Job = Box<dyn FnOnce() + Send>;

/// The other host. It ends with this value.
pub struct Outside {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Outside {
    /// Makes it, and lays a cable from the namespace of the calling thread.
    ///
    /// # Panics
    /// Where namespaces or interfaces cannot be made.
    pub fn wired() -> Self {
        let (jobs, orders) = channel::<Job>();
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).expect("make a network namespace");
            tell.send(nix::unistd::gettid()).expect("say who we are");
            for job in orders {
                job();
            }
        });
        let outside = Self {
            jobs: Some(jobs),
            thread: Some(thread),
        };
        let thread = told.recv().expect("a namespace");
        ip(&format!(
            "link add {CABLE} type veth peer name {CABLE} netns {thread}"
        ));
        ip(&format!("addr add {INSIDE}/24 dev {CABLE}"));
        ip(&format!("link set {CABLE} up"));
        let other_end = || {
            ip(&format!("addr add 10.77.0.2/24 dev {CABLE}"));
            ip(&format!("link set {CABLE} up"));
        };
        outside.order(Box::new(other_end));
        outside
    }

    fn order(&self, job: Job) {
        let jobs = self.jobs.as_ref().expect("the other host is there");
        jobs.send(job).expect("the other host works");
    }

    /// The `server_id` that a client out there finds with these options.
    ///
    /// # Errors
    /// In words.
    pub async fn who(&self, opts: Opts) -> Result<u32, String> {
        let (tell, told) = oneshot::channel();
        self.order(Box::new(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("make a runtime");
            // Nobody listens where the test has failed meanwhile.
            let _ = tell.send(runtime.block_on(sql::who(&opts)));
        }));
        told.await.expect("the other host answers")
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic out there was seen by whoever waited for the answer.
            let _ = thread.join();
        }
    }
}

/// Runs `ip` with these words in the namespace of the calling thread.
///
/// # Panics
/// Where it fails.
pub fn ip(words: &str) {
    let ran = Command::new("ip").args(words.split(' ')).status();
    assert!(ran.expect("run ip").success(), "ip {words}");
}
