use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::net::namespace;

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    stream
}

fn hears_a_reset(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn clients_of_a_port_hear_a_reset_in_both_families() {
    namespace::run(
        "net::sockets::tests::clients_of_a_port_hear_a_reset_in_both_families",
        |_| async {
            // A server on [::] has IPv4 clients as v4-mapped IPv6 sockets, as mysqld does.
            let cases = [
                ("127.0.0.1:22000", "127.0.0.1:22000"),
                ("[::1]:22001", "[::1]:22001"),
                ("[::]:22002", "127.0.0.1:22002"),
                ("[::]:22003", "[fd77::1]:22003"),
            ];
            for (listen, to) in cases {
                let listener = TcpListener::bind(listen).unwrap();
                let to: SocketAddr = to.parse().unwrap();
                let mut spared = connect(to);
                let kept = listener.accept().unwrap();
                let mut client = connect(to);
                // Not accepted yet: in the listener's queue, and a client all the same.
                let mut queued = connect(to);
                let spare = spared.local_addr().unwrap();
                let ended = destroy_local_port(to.port(), |c| c.remote != spare).unwrap();
                assert_eq!(ended, 2, "{listen}");
                assert!(
                    hears_a_reset(&mut client) && hears_a_reset(&mut queued),
                    "{listen}"
                );
                spared
                    .set_read_timeout(Some(Duration::from_millis(20)))
                    .unwrap();
                assert!(!hears_a_reset(&mut spared), "{listen}");
                drop(kept);
                assert!(TcpStream::connect(to).is_ok(), "the listener is left alone");
            }
        },
    );
}

#[test]
fn a_frozen_server_cannot_keep_its_clients_waiting() {
    namespace::run(
        "net::sockets::tests::a_frozen_server_cannot_keep_its_clients_waiting",
        |_| async {
            let script = "import socket,time\ns=socket.create_server(('127.0.0.1',22000))\n\
                          print('up',flush=True)\nc=s.accept()\nprint('in',flush=True)\ntime.sleep(60)";
            let mut server = std::process::Command::new("python3")
                .args(["-c", script])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            let mut said = server.stdout.take().unwrap();
            said.read_exact(&mut [0; 3]).unwrap();
            let mut client = connect("127.0.0.1:22000".parse().unwrap());
            said.read_exact(&mut [0; 3]).unwrap();
            namespace::sh(&format!("kill -STOP {}", server.id()));
            let ended = destroy_local_port(22000, |_| true);
            let reset = hears_a_reset(&mut client);
            server.kill().unwrap();
            server.wait().unwrap();
            assert_eq!(ended.unwrap(), 1);
            assert!(reset);
        },
    );
}

#[test]
fn hundreds_of_sockets_end_quickly() {
    namespace::run(
        "net::sockets::tests::hundreds_of_sockets_end_quickly",
        |_| async {
            let listener = TcpListener::bind("127.0.0.1:22000").unwrap();
            let to = listener.local_addr().unwrap();
            for count in [1, 100, 400] {
                let mut times = Vec::new();
                for _run in 0..10 {
                    let mut clients = Vec::new();
                    for _client in 0..count {
                        clients.push((connect(to), listener.accept().unwrap()));
                    }
                    let start = Instant::now();
                    assert_eq!(destroy_local_port(22000, |_| true).unwrap(), count);
                    times.push(start.elapsed());
                    assert!(clients.iter_mut().all(|(client, _)| hears_a_reset(client)));
                }
                times.sort();
                eprintln!("{count} sockets: median {:?} max {:?}", times[5], times[9]);
                assert!(times[5] < Duration::from_millis(50));
            }
        },
    );
}

#[test]
fn without_the_capability_the_error_names_it() {
    let source = io::Error::from_raw_os_error(nix::libc::EPERM);
    let error = explain("end", 3306, source);
    assert!(error.to_string().contains("CAP_NET_ADMIN"));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn a_reply_that_is_cut_short_is_no_socket() {
    let body = [2; 71];
    assert!(
        read_socket(Message {
            kind: SOCK_DIAG_BY_FAMILY,
            body: &body
        })
        .is_none()
    );
    assert!(
        read_socket(Message {
            kind: SOCK_DIAG_BY_FAMILY,
            body: &[]
        })
        .is_none()
    );
}
