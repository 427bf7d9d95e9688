//! The endpoint's address and redirect as clients on another host meet them.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use dualmasterd::control::report::PairReport;
use dualmasterd::model::server::Family;
use tokio::time::{Instant, sleep};

use crate::support::outside::{CABLE, ip};
use crate::support::settings::{ENDPOINT, PAIR, READER, server_id};
use crate::support::{Host, Outside, Setup, fault, in_namespace, sql};

const LONG: Duration = Duration::from_secs(20);
/// An address that only the daemon gives to the cable.
const VIP: &str = "10.77.0.100";

#[test]
fn mariadb() {
    follow(Family::Mariadb);
}

#[test]
fn mysql() {
    follow(Family::Mysql);
}

fn follow(family: Family) {
    in_namespace(async || {
        let outside = Outside::wired();
        let mut setup = Setup::new(family);
        setup.address = VIP.into();
        setup.endpoint = format!("interface = \"{CABLE}\"\nreader_lag = \"2s\"\n");
        let mut host = Host::serving(setup).await;
        let net = Net { outside };
        foreign_table();
        net.both_ports_lead(&host).await;
        net.address_comes_back(&host).await;
        net.rules_come_back(&host).await;
        net.reader_stopped(&host).await;
        net.writer_killed(&host).await;
        net.switched_over(&host).await;
        net.stays_without_daemon(&mut host).await;
        net.removed_where_asked(&mut host).await;
    });
}

struct Net {
    outside: Outside,
}

impl Net {
    /// Who answers at one of the endpoint's ports, on this host and from another one.
    async fn who(&self, port: u16) -> [Result<u32, String>; 2] {
        let opts = sql::app_at(VIP, port);
        [sql::who(&opts).await, self.outside.who(opts).await]
    }

    /// Waits until this member answers at the port, here and there. How long it took.
    async fn until(&self, port: u16, member: &str) -> Duration {
        let begun = Instant::now();
        let wanted = [Ok(server_id(member)), Ok(server_id(member))];
        loop {
            let found = self.who(port).await;
            if found == wanted {
                return begun.elapsed();
            }
            assert!(
                begun.elapsed() < LONG,
                "port {port} leads to {found:?}, not to {member}"
            );
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn both_ports_lead(&self, host: &Host) {
        host.until_healthy(LONG).await;
        let (writer, reader) = host.roles().await;
        self.until(ENDPOINT, &writer).await;
        self.until(READER, &reader).await;
        let report = host
            .until("both ports as they should", LONG, both_lead)
            .await;
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }

    /// Somebody deletes the address: it is there again within a second.
    async fn address_comes_back(&self, host: &Host) {
        for _ in 0..3 {
            ip(&format!("addr del {VIP}/32 dev {CABLE}"));
            let took = until_has_address().await;
            eprintln!("address deleted to restored: {took:?}");
            assert!(took < Duration::from_secs(1), "{took:?}");
        }
        // An interface that goes down and up keeps IPv4 addresses; one that is emptied loses all.
        ip(&format!("link set {CABLE} down"));
        sleep(Duration::from_millis(300)).await;
        ip(&format!("link set {CABLE} up"));
        self.both_ports_lead(host).await;
    }

    /// Somebody flushes the ruleset, or deletes our table: repaired, and no other table is touched.
    async fn rules_come_back(&self, host: &Host) {
        nft("flush ruleset");
        let took = self.until(ENDPOINT, &host.roles().await.0).await;
        eprintln!("ruleset flushed to served: {took:?}");
        assert!(took < Duration::from_secs(2), "{took:?}");
        self.both_ports_lead(host).await;
        foreign_table();
        let before = nft("list table inet somebody");
        for damage in [
            format!("delete table inet dualmasterd_{PAIR}"),
            format!("flush map inet dualmasterd_{PAIR} v4"),
            format!("flush chain inet dualmasterd_{PAIR} prerouting"),
        ] {
            nft(&damage);
            self.both_ports_lead(host).await;
        }
        assert_eq!(nft("list table inet somebody"), before);
    }

    /// The reader is out: its port leads to the writer, and back once it has been well for a while.
    async fn reader_stopped(&self, host: &Host) {
        let (writer, reader) = host.roles().await;
        let pid = host.pid(&reader).expect("the reader runs");
        fault::kill(pid);
        self.until(READER, &writer).await;
        host.until_restarted(&reader, pid, LONG).await;
        let back = host.until_healthy(LONG).await;
        assert_eq!(back.writer.as_ref(), Some(&writer));
        let well = Instant::now();
        self.until(READER, &reader).await;
        eprintln!("reader in sync to led: {:?}", well.elapsed());

        // Behind by more than its limit, and still applying: what it reads is too old for clients.
        let mut lock = host.root(&reader).await;
        let held = sql::run(&mut lock, "FLUSH TABLES WITH READ LOCK", LONG).await;
        held.expect("a lock that the applier waits for");
        let behind = self.until(READER, &writer).await;
        eprintln!("reader locked to led away: {behind:?}");
        assert!(behind >= Duration::from_secs(1), "too early: {behind:?}");
        sql::run(&mut lock, "UNLOCK TABLES", LONG)
            .await
            .expect("unlock");
        let back = self.until(READER, &reader).await;
        eprintln!("reader unlocked to led back: {back:?}");
        assert!(back >= Duration::from_secs(1), "no hysteresis: {back:?}");
        self.both_ports_lead(host).await;
    }

    async fn writer_killed(&self, host: &Host) {
        let (writer, reader) = host.roles().await;
        let pid = host.pid(&writer).expect("the writer runs");
        fault::kill(pid);
        let took = self.until(ENDPOINT, &reader).await;
        eprintln!("writer killed to served: {took:?}");
        host.until_restarted(&writer, pid, LONG).await;
        self.both_ports_lead(host).await;
    }

    async fn switched_over(&self, host: &Host) {
        let (_, reader) = host.roles().await;
        host.switched().await;
        self.until(ENDPOINT, &reader).await;
        self.both_ports_lead(host).await;
    }

    /// A clean stop leaves the address and the redirect: clients hear nothing.
    async fn stays_without_daemon(&self, host: &mut Host) {
        let (writer, _) = host.roles().await;
        assert!(host.stop_daemon().await.success());
        assert!(has_address(), "the address is gone");
        assert_eq!(
            self.who(ENDPOINT).await,
            [Ok(server_id(&writer)), Ok(server_id(&writer))]
        );
        host.start().await;
        self.both_ports_lead(host).await;
    }

    /// Only where that is asked for the redirect goes; other tables stay.
    async fn removed_where_asked(&self, host: &mut Host) {
        let text = std::fs::read_to_string(host.config()).expect("read");
        let text = text.replace("reader_lag = \"2s\"", "remove_on_stop = true");
        std::fs::write(host.config(), text).expect("write");
        assert!(host.stop_daemon().await.success());
        host.start().await;
        self.both_ports_lead(host).await;
        assert!(host.stop_daemon().await.success());
        let left = nft("list tables");
        assert_eq!(left.trim(), "table inet somebody", "{left}");
        assert!(has_address(), "the address is gone");
        assert!(host.pid("a").is_some() && host.pid("b").is_some());
    }
}

/// A table that is not ours, and meets the same packets.
fn foreign_table() {
    nft("add table inet somebody");
    nft("add chain inet somebody input { type filter hook input priority 0 ; policy accept ; }");
    nft(&format!(
        "add rule inet somebody input tcp dport {ENDPOINT} accept"
    ));
}

/// As the rules are, and as the daemon found when it connected through the writer's port.
fn both_lead(report: &PairReport) -> bool {
    let reader = report.reader().map(|reader| reader.name.clone());
    let writer = report.writer.as_deref().map(server_id);
    report.endpoint.as_ref().is_some_and(|endpoint| {
        endpoint.writer == report.writer
            && endpoint.reader == reader
            && reader.is_some()
            && endpoint.answered == writer
    })
}

async fn until_has_address() -> Duration {
    let begun = Instant::now();
    while !has_address() {
        assert!(begun.elapsed() < LONG, "the address stays away");
        sleep(Duration::from_millis(2)).await;
    }
    begun.elapsed()
}

/// The kernel would let a socket listen there: the address is this host's.
fn has_address() -> bool {
    let address: Ipv4Addr = VIP.parse().expect("an address");
    std::net::TcpListener::bind((address, 0)).is_ok()
}

fn nft(words: &str) -> String {
    let ran = Command::new("nft").args(words.split(' ')).output();
    let ran = ran.expect("run nft");
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "nft {words}: {complaint}");
    String::from_utf8_lossy(&ran.stdout).into_owned()
}
