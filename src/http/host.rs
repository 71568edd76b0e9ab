//! Checks of the `Host` header, against DNS rebinding.
//!
//! A page of another site can let its own host name resolve to this computer's address. The browser then
//! treats what is served here as that site's own and lets it be read. The `Host` header of such a request
//! still contains the other site's name, so requests with an unknown name are refused.

use std::net::{IpAddr, SocketAddr};

/// Maximum number of characters of a name that an error message quotes.
const MAX_QUOTED: usize = 64;

/// Checks the host name of a request. Returns `None` if it is allowed, else an error message that says how to
/// allow it.
///
/// Allowed are `localhost`, loopback addresses, the address `local` at which the connection arrived, and the
/// names `hosts` of the configuration.
pub(super) fn refuse(host: Option<&[u8]>, local: IpAddr, hosts: &[String]) -> Option<String> {
    let Some(host) = host.and_then(|host| std::str::from_utf8(host).ok()) else {
        return Some("the request has no Host header; it must contain the name of this computer".into());
    };
    let name = name(host);
    let allowed = name.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
        || name.parse().is_ok_and(|address: IpAddr| {
            let address = address.to_canonical();
            address.is_loopback() || address == local.to_canonical()
        });
    let quoted: String = name.chars().take(MAX_QUOTED).collect();
    (!allowed).then(|| {
        format!("{quoted:?} is not a name of this computer; to allow it, set http.hosts = [{quoted:?}]")
    })
}

/// Extracts the name from `name`, `name:port`, `[address]` or `[address]:port`.
fn name(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The URL at which a browser on this computer reaches the address. For "all interfaces" it is the loopback
/// address.
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
    fn loopback_names_the_own_address_and_configured_names_are_allowed() {
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
    fn any_other_name_is_refused_and_the_message_names_the_key_that_allows_it() {
        for host in
            ["evil.example", "localhost.evil.example:8089", "10.0.0.8", "", ":80", "robot.local:80:80"]
        {
            assert!(refused(host).unwrap().contains("set http.hosts = ["), "{host}");
        }
        assert_eq!(
            refused("evil.example:80").unwrap(),
            "\"evil.example\" is not a name of this computer; to allow it, set http.hosts = [\"evil.example\"]"
        );
        assert!(refuse(None, [127, 0, 0, 1].into(), &[]).unwrap().contains("Host header"));
    }

    #[test]
    fn a_long_or_hostile_name_is_quoted_in_one_short_line() {
        let message = refused(&format!("a\n{}", "x".repeat(9000))).unwrap();
        assert!(message.len() < 300 && !message.contains('\n'), "{message}");
    }

    #[test]
    fn all_interfaces_are_reached_by_the_loopback_address() {
        assert_eq!(url(([0, 0, 0, 0], 80).into()), "http://127.0.0.1:80/");
        assert_eq!(url("[::1]:80".parse().unwrap()), "http://[::1]:80/");
    }
}
