//! A network of its own for each pair: its ports, its nft tables and its sockets meet nobody else's.

use std::process::Command;

use nix::sched::{CloneFlags, unshare};

/// Runs `body` on a thread in a new network namespace with a runtime of one thread. Sockets that it
/// makes and processes that it starts are in there; the namespace ends with the last of them.
///
/// # Panics
/// With the panic of `body`, or where namespaces cannot be made.
pub fn in_namespace<T: Send>(body: impl AsyncFnOnce() -> T + Send) -> T {
    let ended = std::thread::scope(|scope| {
        let named = std::thread::Builder::new().name("pair".into());
        let thread = named.spawn_scoped(scope, || {
            enter();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("make a runtime");
            runtime.block_on(body())
        });
        thread.expect("start a thread").join()
    });
    match ended {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn enter() {
    unshare(CloneFlags::CLONE_NEWNET).expect("make a network namespace (this needs root)");
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    assert!(up.expect("run ip").success(), "set lo up");
}
