//! What is wrong with EndpointSlices themselves, whether a route reaches them or not.
//!
//! In: every slice. Out: findings about addresses and about slices of no Service. Never: which
//! endpoints are used, which is `endpoint`'s.
//! Spec: `ValidateEndpointSlice` of Kubernetes, which looks at every address of every endpoint.

use std::net::IpAddr;

use super::index::Index;
use super::report::{Report, error, left_out, warning};
use super::words;
use crate::api::{AddressType, EndpointSlice, Kind, SERVICE_NAME_LABEL, is_domain_name};
use crate::limits::NAMES_SHOWN_MAX;
use crate::origin::{Place, Sourced};
use crate::snapshot::Target;

/// Says what is wrong with every slice.
pub(super) fn check(index: &Index<'_>, report: &mut Report) {
    for slice in index.snapshot.objects.endpoint_slices.values() {
        let mut refused = Vec::new();
        for (at, endpoint) in slice.object.endpoints.iter().enumerate() {
            for (nth, address) in endpoint.addresses.iter().enumerate() {
                let place = || {
                    let field = format!("endpoints[{at}].addresses[{nth}]");
                    slice.origin.place(&field)
                };
                if !is_of_type(slice.object.address_type, address) {
                    report_wrong_type(slice, address, place(), nth, report);
                    continue;
                }
                if index.snapshot.target == Target::Standalone {
                    continue;
                }
                if is_refused_by_clusters(address) {
                    refused.push((address.as_str(), place()));
                } else if slice.object.address_type == AddressType::Fqdn {
                    report_name(address, place(), report);
                }
            }
        }
        report_refused(&refused, report);
        report_port_zero(slice, report);
        report_stray(index, slice, report);
    }
}

/// An API server takes any number for a port here (`validatePorts`).
fn report_port_zero(slice: &Sourced<EndpointSlice>, report: &mut Report) {
    let ports = slice.object.ports.iter().enumerate();
    for (at, _) in ports.filter(|(_, port)| port.port == Some(0)) {
        let place = slice.origin.place(&format!("ports[{at}].port"));
        report.add(
            error(218, place, format!("a port of {} is 0", slice.key))
                .label("nothing can be connected to at port 0")
                .effect("its endpoints get no connections by this port")
                .help("write the port that the endpoints listen on"),
        );
    }
}

/// An address of a family, if text is one.
pub(super) fn of_family(family: AddressType, address: &str) -> Option<IpAddr> {
    let ip: IpAddr = address.parse().ok()?;
    let is_right = match family {
        AddressType::IPv4 => ip.is_ipv4(),
        AddressType::IPv6 => ip.is_ipv6(),
        AddressType::Fqdn => false,
    };
    is_right.then_some(ip)
}

fn is_of_type(kind: AddressType, address: &str) -> bool {
    match kind {
        AddressType::Fqdn => is_domain_name(address),
        family => of_family(family, address).is_some(),
    }
}

fn report_wrong_type(
    slice: &Sourced<EndpointSlice>,
    address: &str,
    place: Place,
    nth: usize,
    report: &mut Report,
) {
    let kind = match slice.object.address_type {
        AddressType::IPv4 => "IPv4",
        AddressType::IPv6 => "IPv6",
        AddressType::Fqdn => "FQDN",
    };
    let what = match slice.object.address_type {
        AddressType::Fqdn => format!("`{address}` is not a name that can be resolved"),
        _ => format!("`{address}` is not an {kind} address"),
    };
    let help = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => "put it into a slice with `addressType: IPv4`",
        Ok(IpAddr::V6(_)) => "put it into a slice with `addressType: IPv6`",
        Err(_) if slice.object.address_type == AddressType::Fqdn => {
            "write lower case letters, digits, `-` and `.`, as in `db.example.com`"
        }
        Err(_) if is_domain_name(address) && !ends_in_number(address) => {
            "put a name into a slice with `addressType: FQDN`"
        }
        Err(_) if kind == "IPv4" => "write it as in `192.0.2.1`",
        Err(_) => "write it as in `2001:db8::1`",
    };
    // Of an endpoint only the first address is used.
    let effect = match nth {
        0 => "this endpoint gets no connections; an API server refuses the slice",
        _ => "an API server refuses the slice",
    };
    report.add(
        error(214, place, what)
            .label(format!("the slice has `addressType: {kind}`"))
            .effect(effect)
            .help(help),
    );
}

/// `192.0.2.300` could be a name, but is meant as an address.
fn ends_in_number(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    !last.is_empty() && last.chars().all(|c| c.is_ascii_digit())
}

fn report_name(name: &str, place: Place, report: &mut Report) {
    report.add(
        warning(211, place, format!("`{name}` is a name, not an address"))
            .label("names are resolved on a host only, not in a cluster")
            .effect("this endpoint gets no connections")
            .help("write addresses, or run this file with `portway run`"),
    );
}

/// Addresses that an API server does not take: they mean the node or the link they are read on.
fn is_refused_by_clusters(address: &str) -> bool {
    let Ok(ip) = address.parse::<IpAddr>() else {
        return false;
    };
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let local_multicast = matches!(ip.octets(), [224, 0, 0, _]);
            ip.is_unspecified() || ip.is_loopback() || ip.is_link_local() || local_multicast
        }
        IpAddr::V6(ip) => {
            let local_multicast = ip.segments()[0] & 0xff0f == 0xff02;
            ip.is_unspecified() || ip.is_loopback() || ip.is_unicast_link_local() || local_multicast
        }
    }
}

/// Once a slice, with all its addresses: an API server refuses it as a whole.
fn report_refused(refused: &[(&str, Place)], report: &mut Report) {
    let names = words::names(refused.iter().map(|(address, _)| address));
    let mut places = refused
        .iter()
        .map(|(address, place)| (*address, place.clone()));
    let Some((_, place)) = places.next() else {
        return;
    };
    let what = match refused.len() {
        1 => format!("a cluster refuses the endpoint address {names}"),
        _ => format!("a cluster refuses the endpoint addresses {names}"),
    };
    let mut found = warning(213, place, what)
        .label("loopback, link-local and unspecified addresses name no other machine")
        .effect("an API server does not take this slice; `portway run` does")
        .help("use the Pod's or machine's own address in a cluster");
    for (address, place) in places.take(NAMES_SHOWN_MAX) {
        found = found.related(place, format!("`{address}`"));
    }
    report.add(found);
}

/// A slice that nothing leads to.
fn report_stray(index: &Index<'_>, slice: &Sourced<EndpointSlice>, report: &mut Report) {
    let Some(service) = slice.object.metadata.labels.get(SERVICE_NAME_LABEL) else {
        let what = format!("{} belongs to no Service", slice.key);
        let label = SERVICE_NAME_LABEL;
        report.add(
            warning(210, slice.origin.place("metadata.labels"), what)
                .label(format!("has no label `{label}`"))
                .effect("its endpoints get no connections")
                .help(format!(
                    "add the label `{label}` with the name of its Service"
                )),
        );
        return;
    };
    let namespace = &*slice.key.namespace;
    if index.services.contains_key(&(namespace, service.as_str())) {
        return;
    }
    let field = format!("metadata.labels.{SERVICE_NAME_LABEL}");
    let objects = &index.snapshot.objects;
    if let Some((key, it)) = objects.find_left_out(Kind::Service, namespace, service) {
        let found = left_out(216, slice.origin.place(&field), &key, it);
        return report.add(found.effect("its endpoints get no connections"));
    }
    let what = format!("there is no Service `{namespace}/{service}`");
    let mut found = warning(216, slice.origin.place(&field), what)
        .label("this slice names it")
        .effect("its endpoints get no connections");
    found.help = report.guess(service, index.services_in(namespace));
    report.add(found);
}
