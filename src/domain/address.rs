//! Network addresses, and the blocks of addresses that count as one client.

use std::net::{IpAddr, Ipv6Addr};

use super::{InputRule, InvalidInput};

/// The addresses that limits count as one client: one IPv4 address, or one IPv6 /64 network,
/// because a client that has one IPv6 address usually has the whole network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl AddressBlock {
    /// The mask of an IPv6 /64 network.
    const IPV6_NETWORK_MASK: u128 = !(u64::MAX as u128);

    /// Returns the block that `address` belongs to. An IPv4-mapped IPv6 address belongs to the
    /// block of its IPv4 address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(IpAddr::V6(Ipv6Addr::from_bits(
                address.to_bits() & Self::IPV6_NETWORK_MASK,
            ))),
            ipv4 @ IpAddr::V4(_) => Self(ipv4),
        }
    }
}

/// Parses the device address of an input: IPv4 or IPv6, without a port. Returns the canonical form,
/// so that `::ffff:203.0.113.9` and `203.0.113.9` are one address.
///
/// # Errors
/// [`InvalidInput`] if the text is not an IP address.
pub fn parse_address(text: &str) -> Result<IpAddr, InvalidInput> {
    text.parse()
        .map(|address: IpAddr| address.to_canonical())
        .map_err(|_| InvalidInput::new("ipAddress", InputRule::IpAddress))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_one_ipv4_address_or_one_ipv6_network() {
        let block = |address: &str| AddressBlock::of(address.parse().unwrap());
        for (one, other, is_same) in [
            ("203.0.113.9", "203.0.113.9", true),
            ("203.0.113.9", "203.0.113.8", false),
            ("203.0.113.9", "::ffff:203.0.113.9", true),
            ("::ffff:203.0.113.9", "::ffff:203.0.113.8", false),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            assert_eq!(block(one) == block(other), is_same, "{one} {other}");
        }
    }

    #[test]
    fn an_address_is_parsed_to_its_canonical_form() {
        for (text, canonical) in [
            ("203.0.113.9", Some("203.0.113.9")),
            ("::ffff:203.0.113.9", Some("203.0.113.9")),
            ("::FFFF:CB00:7109", Some("203.0.113.9")),
            ("2001:DB8:0::0:1", Some("2001:db8::1")),
            ("203.0.113.9:443", None),
            ("nonsense", None),
        ] {
            let parsed = parse_address(text).ok().map(|address| address.to_string());
            assert_eq!(parsed.as_deref(), canonical, "{text}");
        }
    }
}
