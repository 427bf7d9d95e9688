//! The only reader of time.
//!
//! Everything is measured on `CLOCK_BOOTTIME`, which nobody can set and which goes on while the
//! machine sleeps: a daemon that wakes after an hour must know that its facts are an hour old.
//! The calendar is read for log lines alone.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};
use nix::time::clock_gettime;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::model::time::Timestamp;

/// This moment.
pub fn now() -> Timestamp {
    // The call cannot fail for this clock (clock_gettime(2)); if it did, every fact would be as old
    // as the boot, which permits nothing.
    clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map_or(Timestamp::BOOT, |time| {
        Timestamp::BOOT + Duration::from(time)
    })
}

/// The calendar's time, for lines that people read. It can jump: never compare two of them.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of time")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// The calendar's time in milliseconds since 1970.
pub fn wall_ms() -> u64 {
    let since = wall().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Wakes its waiter at a moment on `CLOCK_BOOTTIME`, also if the machine slept through it.
#[derive(Debug)]
pub struct Alarm {
    timer: AsyncFd<Timer>,
}

impl Alarm {
    /// An alarm that is not set. Needs a running tokio reactor.
    ///
    /// # Errors
    /// The system refused a timer descriptor.
    #[expect(
        deprecated,
        reason = "its successor is unsafe for the sake of types that change their descriptor; ours \
                  owns one for life"
    )]
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?;
        Ok(Self {
            timer: AsyncFd::with_interest(Timer(timer), Interest::READABLE)?,
        })
    }

    /// Sets the alarm to a moment, in place of the one it was set to. A moment that has passed
    /// rings at once; [`Timestamp::NEVER`] switches it off.
    ///
    /// # Errors
    /// The system refused, which it does for no moment.
    pub fn set(&self, at: Timestamp) -> io::Result<()> {
        let Timer(timer) = self.timer.get_ref();
        if at == Timestamp::NEVER {
            return Ok(timer.unset()?);
        }
        // Zero would switch the timer off.
        let at = at.max(Timestamp::from_nanos(1)).since(Timestamp::BOOT);
        let once = Expiration::OneShot(TimeSpec::from_duration(at));
        Ok(timer.set(once, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?)
    }

    /// Waits until the alarm rings; for ever while it is not set. Rings once for each
    /// [`Alarm::set`]. Cancelling it loses nothing.
    ///
    /// # Errors
    /// The reactor is gone.
    pub async fn wait(&self) -> io::Result<()> {
        let mut count = [0; 8];
        let read = |timer: &Timer| Ok(nix::unistd::read(&timer.0, &mut count)?);
        self.timer
            .async_io(Interest::READABLE, read)
            .await
            .map(drop)
    }
}

/// Lends the descriptor of nix's timer to tokio, which asks for the older trait.
#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const MOMENT: Duration = Duration::from_millis(20);

    #[test]
    fn time_goes_on() {
        let before = now();
        assert!(before > Timestamp::BOOT);
        assert!(now() >= before);
        assert!(wall() > SystemTime::UNIX_EPOCH);
    }

    #[tokio::test]
    async fn it_rings_at_its_moment_and_once() {
        let alarm = Alarm::new().unwrap();
        let at = now() + MOMENT;
        alarm.set(at).unwrap();
        alarm.wait().await.unwrap();
        assert!(now() >= at);
        assert!(timeout(MOMENT, alarm.wait()).await.is_err());
    }

    #[tokio::test]
    async fn the_past_rings_at_once_and_never_is_silence() {
        let alarm = Alarm::new().unwrap();
        assert!(timeout(MOMENT, alarm.wait()).await.is_err(), "not set");
        alarm.set(Timestamp::BOOT).unwrap();
        timeout(MOMENT * 10, alarm.wait()).await.unwrap().unwrap();
        alarm.set(now() + MOMENT).unwrap();
        alarm.set(Timestamp::NEVER).unwrap();
        assert!(
            timeout(MOMENT * 3, alarm.wait()).await.is_err(),
            "switched off"
        );
    }

    #[tokio::test]
    async fn a_later_moment_replaces_an_earlier_one_while_somebody_waits() {
        let alarm = Alarm::new().unwrap();
        alarm.set(now() + MOMENT * 100).unwrap();
        let at = now() + MOMENT;
        let (rang, ()) = tokio::join!(timeout(MOMENT * 50, alarm.wait()), async {
            alarm.set(at).unwrap();
        });
        rang.unwrap().unwrap();
        assert!(now() >= at);
    }
}
