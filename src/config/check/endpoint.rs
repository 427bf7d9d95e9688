//! What clients connect to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Check;
use super::unique::Claimer;
use crate::config::code::Code;
use crate::config::file;
use crate::config::problem::Problem;
use crate::config::settings::{AddressSettings, EndpointSettings};
use crate::model::policy::EndpointPolicy;

/// Behind by more than this the reader's port leads to the writer.
const READER_LAG: Duration = Duration::from_secs(10);

/// What the core knows of the endpoint.
pub(super) fn policy(said: Option<&file::Endpoint>) -> EndpointPolicy {
    EndpointPolicy {
        redirect: said.is_some_and(|said| said.redirect.is_some()),
        reader_port: said.is_some_and(|said| said.reader.is_some()),
        reader_lag: said
            .and_then(|said| said.reader_lag)
            .map_or(READER_LAG, |span| span.get()),
    }
}

/// The endpoint of a pair.
pub(super) fn check(
    check: &mut Check<'_>,
    pair: &str,
    said: &file::Endpoint,
) -> Option<EndpointSettings> {
    let at = |key| ["pair", pair, "endpoint", key];
    let Some(writer) = said.redirect.map(|address| address.0) else {
        check.missing(&at("redirect"), "redirect = \"ADDRESS:PORT\"");
        return None;
    };
    if writer.ip().is_unspecified() || writer.ip().is_multicast() {
        let what = format!("`{}` is no address that clients connect to", writer.ip());
        let expected = "expected one address of this host";
        check.report(Problem::new(
            Code::BadValue,
            check.value(&at("redirect")),
            what,
            expected,
        ));
    }
    let whose = |role: &str| format!("endpoint of pair {pair} for the {role}");
    let place = check.value(&at("redirect"));
    check
        .claims
        .endpoint(writer, Claimer::new(whose("writer"), place));
    let reader = said
        .reader
        .map(|port| SocketAddr::new(writer.ip(), port.get()));
    if let Some(reader) = reader {
        let place = check.value(&at("reader"));
        check
            .claims
            .endpoint(reader, Claimer::new(whose("reader"), place));
    }
    Some(EndpointSettings {
        writer,
        reader,
        address: address(check, pair, said, writer.ip()),
        remove_on_stop: said.remove_on_stop.unwrap_or(false),
    })
}

fn address(
    check: &mut Check<'_>,
    pair: &str,
    said: &file::Endpoint,
    address: IpAddr,
) -> Option<AddressSettings> {
    let at = |key| ["pair", pair, "endpoint", key];
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = said.prefix.map_or(longest, |prefix| prefix.get());
    if prefix > longest {
        let what = format!("{address} has no prefix of {prefix} bits");
        let expected = format!("expected 1 to {longest}");
        check.report(Problem::new(
            Code::BadValue,
            check.value(&at("prefix")),
            what,
            expected,
        ));
    }
    let Some(interface) = &said.interface else {
        if said.prefix.is_some() {
            let place = check.value(&at("prefix"));
            let what = "`prefix` without `interface` has no meaning";
            check.report(Problem::new(
                Code::Contradiction,
                place,
                what,
                "expected `interface` as well",
            ));
        }
        return None;
    };
    let odd = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    if interface.is_empty() || interface.len() > 15 || interface.contains(odd) {
        let what = format!("{interface:?} cannot be the name of an interface");
        let expected = "expected 1 to 15 characters, such as `eth0`";
        check.report(Problem::new(
            Code::BadName,
            check.value(&at("interface")),
            what,
            expected,
        ));
    }
    Some(AddressSettings {
        interface: interface.clone(),
        address,
        prefix,
    })
}
