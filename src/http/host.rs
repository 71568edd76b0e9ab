//! Which names a browser may call this computer by.
//!
//! A page elsewhere may let its own name point here, and then read what is served as if it were its own (DNS rebinding). The
//! `Host` header tells: it still has that name.

use std::net::{IpAddr, SocketAddr};

/// The longest name that a message quotes.
const QUOTED: usize = 64;

/// Why a request is refused, in a line that says how to allow it; `None` for a name that is ours.
///
/// `local` is the address by which the connection came.
pub(super) fn refuse(host: Option<&[u8]>, local: IpAddr, hosts: &[String]) -> Option<String> {
    let Some(host) = host.and_then(|host| std::str::from_utf8(host).ok()) else {
        return Some("a request needs a Host header with the name of this computer".into());
    };
    let name = name(host);
    let ours = name.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
        || name.parse().is_ok_and(|address: IpAddr| {
            let address = address.to_canonical();
            address.is_loopback() || address == local.to_canonical()
        });
    let quoted: String = name.chars().take(QUOTED).collect();
    (!ours).then(|| {
        format!("{quoted:?} is no name of this computer; if it should be, set http.hosts = [{quoted:?}]")
    })
}

/// The name in `name`, `name:port`, `[address]` or `[address]:port`.
fn name(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

/// How an address is written in the browser's address line.
pub(super) fn url(address: SocketAddr) -> String {
    let reachable = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
    };
    format!("http://{}/", SocketAddr::new(reachable, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(host: &str) -> Option<String> {
        refuse(Some(host.as_bytes()), [10, 0, 0, 7].into(), &["robot.local".into()])
    }

    #[test]
    fn loopback_the_address_itself_and_the_names_given_are_ours() {
        for host in [
            "localhost",
            "LOCALHOST:8089",
            "127.0.0.1:8089",
            "127.3.2.1",
            "[::1]:8089",
            "[::1]",
            "10.0.0.7:80",
            "[::ffff:10.0.0.7]",
            "Robot.Local:8089",
        ] {
            assert_eq!(refused(host), None, "{host}");
        }
    }

    #[test]
    fn any_other_name_is_refused_with_the_key_that_allows_it() {
        for host in
            ["evil.example", "localhost.evil.example:8089", "10.0.0.8", "", ":80", "robot.local:80:80"]
        {
            assert!(refused(host).unwrap().contains("set http.hosts = ["), "{host}");
        }
        assert_eq!(
            refused("evil.example:80").unwrap(),
            "\"evil.example\" is no name of this computer; if it should be, set http.hosts = [\"evil.example\"]"
        );
        assert!(refuse(None, [127, 0, 0, 1].into(), &[]).unwrap().contains("Host header"));
    }

    #[test]
    fn a_long_or_hostile_name_stays_one_short_line() {
        let said = refused(&format!("a\n{}", "x".repeat(9000))).unwrap();
        assert!(said.len() < 300 && !said.contains('\n'), "{said}");
    }

    #[test]
    fn every_interface_is_reached_by_the_loopback_one() {
        assert_eq!(url(([0, 0, 0, 0], 80).into()), "http://127.0.0.1:80/");
        assert_eq!(url("[::1]:80".parse().unwrap()), "http://[::1]:80/");
    }
}
