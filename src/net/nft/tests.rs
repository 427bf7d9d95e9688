use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::*;
use crate::net::namespace;

const LIMIT: Duration = Duration::from_secs(2);

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn rules(pair: &str, entries: &[(&str, &str)]) -> Rules {
    let entries = entries.iter().map(|(a, b)| (at(a), at(b)));
    Rules::new(Table::of_pair(pair).unwrap(), entries).unwrap()
}

/// A server that says its name to everyone.
async fn serve(address: &str, name: &'static str) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.write_all(name.as_bytes()).await;
        }
    });
}

async fn hear(address: &str) -> String {
    let mut answer = String::new();
    TcpStream::connect(address)
        .await
        .unwrap()
        .read_to_string(&mut answer)
        .await
        .unwrap();
    answer
}

#[test]
fn only_names_that_nft_can_hold_become_tables() {
    let longest = "a".repeat(31);
    for good in ["a", "1", "a-b_1", "0-", longest.as_str()] {
        assert!(Table::of_pair(good).is_ok(), "{good}");
    }
    let too_long = "a".repeat(32);
    for bad in [
        "",
        "-a",
        "_a",
        "A",
        "a b",
        "a;flush ruleset",
        "ä",
        "a\n",
        too_long.as_str(),
    ] {
        assert!(Table::of_pair(bad).is_err(), "{bad}");
    }
}

#[test]
fn families_are_not_mixed() {
    let table = Table::of_pair("p").unwrap();
    let mixed = Rules::new(table, [(at("127.0.0.2:1"), at("[::1]:2"))]);
    assert!(matches!(mixed, Err(BadRules::MixedFamilies { .. })));
}

#[test]
fn every_name_and_family_is_written_and_read_back() {
    namespace::run(
        "net::nft::tests::every_name_and_family_is_written_and_read_back",
        |_| async {
            let nft = Nft::start(LIMIT).await.unwrap();
            for pair in ["a-b_1", "a-b-1", "0", "map", "table", "x-", &"z".repeat(31)] {
                let rules = rules(
                    pair,
                    &[
                        ("127.0.0.2:22000", "127.0.0.1:22001"),
                        ("127.0.0.2:22010", "127.0.0.1:22002"),
                        ("[fd77::1]:22000", "[fd77::1]:22001"),
                    ],
                );
                assert_eq!(nft.read(rules.table()).await.unwrap(), None);
                assert_eq!(nft.ensure(&rules).await.unwrap(), Ensured::Table, "{pair}");
                assert_eq!(
                    nft.ensure(&rules).await.unwrap(),
                    Ensured::AlreadyThere,
                    "{pair}"
                );
                let found = nft.read(rules.table()).await.unwrap().unwrap();
                assert_eq!(&found.entries, rules.entries());
            }
            let empty = rules("a-b_1", &[]);
            assert_eq!(nft.ensure(&empty).await.unwrap(), Ensured::Entries);
            for _twice in 0..2 {
                nft.remove(empty.table()).await.unwrap();
            }
            assert_eq!(nft.read(empty.table()).await.unwrap(), None);
            let elsewhere = Table::of_pair("a-b-1").unwrap();
            assert!(nft.read(&elsewhere).await.unwrap().unwrap().intact);
        },
    );
}

#[test]
fn damage_is_seen_and_made_good() {
    namespace::run("net::nft::tests::damage_is_seen_and_made_good", |_| async {
        let nft = Nft::start(LIMIT).await.unwrap();
        let rules = rules("p", &[("127.0.0.2:22000", "127.0.0.1:22001")]);
        let damages = [
            ("flush chain inet dualmasterd_p output", Ensured::Table),
            (
                "add rule inet dualmasterd_p prerouting tcp dport 22000 drop",
                Ensured::Table,
            ),
            ("add chain inet dualmasterd_p other", Ensured::Table),
            (
                "add table inet dualmasterd_p { flags dormant; }",
                Ensured::Table,
            ),
            ("delete table inet dualmasterd_p", Ensured::Table),
            ("flush ruleset", Ensured::Table),
            ("flush map inet dualmasterd_p v4", Ensured::Entries),
            (
                "add element inet dualmasterd_p v4 { 127.0.0.9 . 1 : 127.0.0.1 . 2 }",
                Ensured::Entries,
            ),
        ];
        for (damage, remedy) in damages {
            nft.ensure(&rules).await.unwrap();
            let status = std::process::Command::new("nft")
                .arg(damage)
                .status()
                .unwrap();
            assert!(status.success(), "{damage}");
            assert_eq!(nft.ensure(&rules).await.unwrap(), remedy, "{damage}");
            assert_eq!(
                nft.ensure(&rules).await.unwrap(),
                Ensured::AlreadyThere,
                "{damage}"
            );
        }
    });
}

#[test]
fn clients_on_the_host_and_outside_follow_a_flip() {
    namespace::run(
        "net::nft::tests::clients_on_the_host_and_outside_follow_a_flip",
        |outside| async move {
            let nft = Nft::start(LIMIT).await.unwrap();
            for host in ["127.0.0.1", "10.77.0.1", "[::1]", "[fd77::1]"] {
                serve(&format!("{host}:22001"), "one").await;
                serve(&format!("{host}:22002"), "two").await;
            }
            let ends = [
                ("127.0.0.2:22000", "127.0.0.1"),
                ("10.77.0.1:22000", "10.77.0.1"),
                ("[fd77::1]:22000", "[fd77::1]"),
                ("[::1]:22000", "[::1]"),
            ];
            let entries = ends.map(|(from, host)| (at(from), at(&format!("{host}:22001"))));
            let rules = Rules::new(Table::of_pair("p-1").unwrap(), entries).unwrap();
            nft.ensure(&rules).await.unwrap();
            for (port, name) in [
                (22001, "one"),
                (22002, "two"),
                (22002, "two"),
                (22001, "one"),
            ] {
                for (from, host) in ends {
                    let to = at(&format!("{host}:{port}"));
                    nft.flip(rules.table(), at(from), to).await.unwrap();
                    assert_eq!(hear(from).await, name, "{from}");
                }
                let heard = tokio::task::spawn_blocking({
                    let outside = outside.clone();
                    move || {
                        [
                            outside.hear("10.77.0.1", 22000),
                            outside.hear("fd77::1", 22000),
                        ]
                    }
                });
                assert_eq!(heard.await.unwrap(), [name, name]);
            }
        },
    );
}

#[test]
fn a_flip_adds_what_is_missing_and_says_when_the_table_is_gone() {
    namespace::run(
        "net::nft::tests::a_flip_adds_what_is_missing_and_says_when_the_table_is_gone",
        |_| async {
            let nft = Nft::start(LIMIT).await.unwrap();
            let (from, to) = (at("127.0.0.2:22000"), at("127.0.0.1:22001"));
            let empty = rules("p", &[]);
            let error = nft.flip(empty.table(), from, to).await.unwrap_err();
            assert!(matches!(error, NftError::NoTable { .. }), "{error}");
            nft.ensure(&empty).await.unwrap();
            nft.flip(empty.table(), from, to).await.unwrap();
            let found = nft.read(empty.table()).await.unwrap().unwrap();
            assert_eq!(found.entries, [(from, to)].into());
        },
    );
}

#[test]
fn two_hundred_flips_are_quick() {
    namespace::run("net::nft::tests::two_hundred_flips_are_quick", |_| async {
        let nft = Nft::start(LIMIT).await.unwrap();
        let rules = rules("p", &[("127.0.0.2:22000", "127.0.0.1:22001")]);
        nft.ensure(&rules).await.unwrap();
        let pid = nft.pid().unwrap();
        let (mut flips, mut reads) = (Vec::new(), Vec::new());
        for port in (22001..=22002).cycle().take(200) {
            let to = at(&format!("127.0.0.1:{port}"));
            let start = Instant::now();
            nft.flip(rules.table(), at("127.0.0.2:22000"), to)
                .await
                .unwrap();
            flips.push(start.elapsed());
            let start = Instant::now();
            let found = nft.read(rules.table()).await.unwrap().unwrap();
            reads.push(start.elapsed());
            assert_eq!(found.entries.values().copied().collect::<Vec<_>>(), [to]);
        }
        assert_eq!(nft.pid(), Some(pid), "the same nft served all");
        for (what, times) in [("flip", &mut flips), ("read", &mut reads)] {
            times.sort();
            eprintln!(
                "{what}: p50 {:?} p99 {:?} max {:?}",
                times[100], times[197], times[199]
            );
        }
        assert!(flips[100] < Duration::from_millis(5));
    });
}

#[test]
fn an_nft_that_was_killed_or_stopped_is_replaced_within_the_call() {
    namespace::run(
        "net::nft::tests::an_nft_that_was_killed_or_stopped_is_replaced_within_the_call",
        |_| async {
            let nft = Nft::start(Duration::from_millis(300)).await.unwrap();
            let rules = rules("p", &[("127.0.0.2:22000", "127.0.0.1:22001")]);
            nft.ensure(&rules).await.unwrap();
            for signal in ["-KILL", "-STOP"] {
                let pid = nft.pid().unwrap();
                namespace::sh(&format!("kill {signal} {pid}"));
                let to = at("127.0.0.1:22002");
                nft.flip(rules.table(), at("127.0.0.2:22000"), to)
                    .await
                    .unwrap();
                assert_ne!(nft.pid(), Some(pid));
                tokio::time::sleep(Duration::from_millis(100)).await;
                let gone = !std::path::Path::new(&format!("/proc/{pid}")).exists();
                assert!(gone, "{signal}: nft {pid} is still there");
            }
        },
    );
}

#[test]
fn a_cancelled_call_leaves_the_next_one_sound() {
    namespace::run(
        "net::nft::tests::a_cancelled_call_leaves_the_next_one_sound",
        |_| async {
            let nft = Nft::start(LIMIT).await.unwrap();
            let rules = rules("p", &[("127.0.0.2:22000", "127.0.0.1:22001")]);
            nft.ensure(&rules).await.unwrap();
            for microseconds in (0..400).step_by(40) {
                let hasty = tokio::time::timeout(
                    Duration::from_micros(microseconds),
                    nft.read(rules.table()),
                );
                let _ = hasty.await;
                assert_eq!(nft.ensure(&rules).await.unwrap(), Ensured::AlreadyThere);
            }
        },
    );
}

#[test]
fn errors_name_the_program_the_capability_and_the_hang() {
    namespace::run(
        "net::nft::tests::errors_name_the_program_the_capability_and_the_hang",
        |_| async {
            let missing = Nft::start_program("/nonexistent/nft", LIMIT)
                .await
                .unwrap_err();
            assert!(matches!(missing, NftError::Spawn { .. }), "{missing}");
            let ends = Nft::start_program("false", LIMIT).await.unwrap_err();
            assert!(matches!(ends, NftError::Ended { .. }), "{ends}");

            let folder = tempfile::tempdir().unwrap();
            let script = |name: &str, text: &str| {
                let path = folder.path().join(name);
                std::fs::write(&path, text).unwrap();
                namespace::sh(&format!(
                    "chmod 755 {} {}",
                    folder.path().display(),
                    path.display()
                ));
                path.to_str().unwrap().to_owned()
            };
            let hangs = script("hangs", "#!/bin/sh\nexec sleep 60\n");
            let hung = Nft::start_program(&hangs, Duration::from_millis(50))
                .await
                .unwrap_err();
            assert!(matches!(hung, NftError::Hung { .. }), "{hung}");

            let weak = script(
                "weak",
                "#!/bin/sh\nexec setpriv --bounding-set -all --inh-caps -all \
                 --reuid 65534 --clear-groups nft \"$@\"\n",
            );
            let nft = Nft::start_program(&weak, LIMIT).await.unwrap();
            let refused = nft.ensure(&rules("p", &[])).await.unwrap_err();
            assert!(
                matches!(refused, NftError::NotPermitted { .. }),
                "{refused}"
            );
            assert!(refused.to_string().contains("CAP_NET_ADMIN"), "{refused}");
        },
    );
}

#[test]
fn a_change_by_anyone_is_heard_with_its_author() {
    namespace::run(
        "net::nft::tests::a_change_by_anyone_is_heard_with_its_author",
        |_| async {
            let mut changes = Changes::watch().unwrap();
            let nft = Nft::start(LIMIT).await.unwrap();
            let rules = rules("p", &[("127.0.0.2:22000", "127.0.0.1:22001")]);
            nft.ensure(&rules).await.unwrap();
            let ours: std::collections::BTreeSet<_> = ["dualmasterd_p".to_owned()].into();
            let Change::Tables { tables, pid, .. } = changes.next().await.unwrap() else {
                panic!("lost events");
            };
            assert_eq!((&tables, Some(pid)), (&ours, nft.pid()));
            namespace::sh("nft add table inet foreign");
            for damage in [
                "nft flush map inet dualmasterd_p v4",
                "nft flush chain inet dualmasterd_p output",
                "nft delete table inet dualmasterd_p",
                "nft flush ruleset",
            ] {
                namespace::sh(damage);
                let start = Instant::now();
                let Change::Tables {
                    tables,
                    process,
                    pid,
                } = changes.next().await.unwrap()
                else {
                    panic!("lost events");
                };
                assert_eq!((&tables, process.as_str()), (&ours, "nft"), "{damage}");
                assert_ne!(Some(pid), nft.pid());
                assert_ne!(nft.ensure(&rules).await.unwrap(), Ensured::AlreadyThere);
                eprintln!(
                    "{damage}: restored {:?} after it was heard",
                    start.elapsed()
                );
                changes.next().await.unwrap();
            }
        },
    );
}

#[test]
fn a_redirected_client_of_a_destroyed_connection_hears_a_reset() {
    namespace::run(
        "net::nft::tests::a_redirected_client_of_a_destroyed_connection_hears_a_reset",
        |_| async {
            let nft = Nft::start(LIMIT).await.unwrap();
            nft.ensure(&rules("p", &[("127.0.0.2:22000", "127.0.0.1:22001")]))
                .await
                .unwrap();
            let listener = TcpListener::bind("127.0.0.1:22001").await.unwrap();
            let mut client = TcpStream::connect("127.0.0.2:22000").await.unwrap();
            let _held = listener.accept().await.unwrap();
            let ended = crate::net::sockets::destroy_local_port(22001, |_| true).unwrap();
            assert_eq!(ended, 1);
            let error = client.read(&mut [0]).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        },
    );
}
