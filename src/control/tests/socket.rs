//! The socket itself: its mode, its end, its return, and what it may replace.

use std::time::Duration;

use super::bench::{Bench, short};
use crate::control::commands::{Answer, Command};
use crate::control::socket::{BindError, Server};

#[tokio::test]
async fn the_socket_is_mode_0660_and_goes_with_the_server() {
    use std::os::unix::fs::PermissionsExt;
    let mut bench = Bench::new(short()).await;
    let mode = std::fs::metadata(&bench.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
    bench.stop.take().unwrap().send(()).unwrap();
    bench.server.await.unwrap();
    assert!(!bench.path.exists());
}

#[tokio::test]
async fn a_socket_that_was_deleted_comes_back() {
    let bench = Bench::new(short()).await;
    std::fs::remove_file(&bench.path).unwrap();
    let back = async {
        while !bench.path.exists() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), back)
        .await
        .unwrap();
    assert!(matches!(
        bench.ask(Command::Version {}).await,
        Answer::Version { .. }
    ));
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_living_one_or_a_file_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let living = Server::bind(&path).await.unwrap();
    assert!(matches!(
        Server::bind(&path).await,
        Err(BindError::InUse(_))
    ));
    drop(living);
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(
        Server::bind(&path).await,
        Err(BindError::NotASocket(_))
    ));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}
