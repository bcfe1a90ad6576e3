//! From where a request comes: the peer, or what a proxy that is trusted says of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The only header of proxies that is read, and only from those that are trusted.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address at the other end of a connection, in the extensions of its requests. A request
/// without one comes from this machine.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// The peer of a request. A socket that is open to both families names an address of the first
    /// in the form of the second: here each has one form.
    pub(super) fn of(extensions: &Extensions) -> IpAddr {
        let peer = extensions.get::<Peer>();
        peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.to_canonical())
    }
}

/// Whether an address is that of a proxy whose word counts.
pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// The address of the client. A trusted proxy adds the address of its own peer at the end of the
/// header, so that it is read from there: what stands before the last address that is no trusted
/// proxy was sent by the client and may be anything.
pub(super) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer;
    if !is_trusted(client, trusted) {
        return client;
    }
    let values: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("")).collect();
    for entry in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        // Whoever wrote what is no address, it does not say who is behind it.
        let entry = entry.trim();
        let with_port = || Some(entry.parse::<SocketAddr>().ok()?.ip());
        let Some(address) = entry.parse::<IpAddr>().ok().or_else(with_port) else { break };
        client = address.to_canonical();
        if !is_trusted(client, trusted) {
            break;
        }
    }
    client
}

/// A network as it is written: an address, or one with the number of bits that count.
pub fn read_network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()))
}

/// What counts as one client: an address, or of IPv6 the network of 64 bits that one household
/// has to choose addresses from.
pub(super) fn network(address: IpAddr) -> IpNet {
    let bits = if address.is_ipv4() { 32 } else { 64 };
    IpNet::new(address, bits).map_or(IpNet::from(address), |net| net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str, headers: &[&str]) -> String {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(FORWARDED_FOR, header.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut extensions = Extensions::new();
        extensions.insert(Peer(peer.parse().unwrap()));
        address(Peer::of(&extensions), &map, &trusted).to_string()
    }

    #[test]
    fn a_peer_that_is_no_trusted_proxy_says_nothing_about_others() {
        assert_eq!(from("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(from("::ffff:192.0.2.1", &["10.0.0.1"]), "192.0.2.1");
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_counts() {
        assert_eq!(from("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["203.0.113.9, 198.51.100.7, 10.1.1.1"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["203.0.113.9", "198.51.100.7"]), "198.51.100.7");
        assert_eq!(from("::ffff:10.0.0.1", &["::ffff:198.51.100.7"]), "198.51.100.7");
        assert_eq!(from("fd00::1", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn where_a_trusted_proxy_says_nothing_it_is_the_client() {
        assert_eq!(from("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(from("10.0.0.1", &["198.51.100.7:80"]), "198.51.100.7");
        assert_eq!(from("10.0.0.1", &["[2001:db8::1]:80"]), "2001:db8::1");
        for odd in ["", "unknown", "\"198.51.100.7\"", "198.51.100.7 x"] {
            assert_eq!(from("10.0.0.1", &[odd]), "10.0.0.1", "{odd}");
        }
        assert_eq!(from("10.0.0.1", &["203.0.113.9, nonsense, 10.1.1.1"]), "10.1.1.1");
    }

    #[test]
    fn a_client_with_many_addresses_is_one_client() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
