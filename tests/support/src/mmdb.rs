//! Writes small files in the MaxMind DB format (version 2.0), with records of 24 bits.

use std::net::IpAddr;

use serde_json::{Value, json};

/// The bytes before the metadata.
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// A node of the search tree: where a 0 and a 1 lead.
type Node = [Target; 2];

#[derive(Debug, Clone, Copy)]
enum Target {
    Nothing,
    Node(usize),
    /// The offset in the data section.
    Data(usize),
}

/// Returns a file with a record for each network, such as `192.0.2.0/24`. The networks must not
/// overlap.
pub fn mmdb_file(networks: &[(&str, Value)]) -> Vec<u8> {
    let (mut nodes, mut data): (Vec<Node>, _) = (vec![[Target::Nothing; 2]], Vec::new());
    for (network, record) in networks {
        let offset = data.len();
        encode(record, &mut data);
        insert(&mut nodes, network, offset);
    }
    let mut file = Vec::new();
    for target in nodes.iter().flatten() {
        let value = match *target {
            Target::Nothing => nodes.len(),
            Target::Node(node) => node,
            Target::Data(offset) => nodes.len() + 16 + offset,
        };
        let bytes = u32::try_from(value).unwrap().to_be_bytes();
        file.extend_from_slice(&bytes[1..]);
    }
    file.extend_from_slice(&[0; 16]);
    file.extend_from_slice(&data);
    file.extend_from_slice(METADATA_MARKER);
    encode(
        &json!({
            "node_count": nodes.len(),
            "record_size": 24,
            "ip_version": 6,
            "database_type": "Test",
            "languages": ["en"],
            "binary_format_major_version": 2,
            "binary_format_minor_version": 0,
            "build_epoch": 1_700_000_000,
            "description": { "en": "A test" },
        }),
        &mut file,
    );
    file
}

/// Adds a network to the tree. IPv4 addresses are in `::/96`.
fn insert(nodes: &mut Vec<Node>, network: &str, data: usize) {
    let (address, length) = network.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    let (bits, length) = match address.parse().unwrap() {
        IpAddr::V4(address) => (u128::from(address.to_bits()), length + 96),
        IpAddr::V6(address) => (address.to_bits(), length),
    };
    let mut node = 0;
    for depth in 0..length {
        let bit = usize::from((bits >> (127 - depth)) & 1 == 1);
        if depth + 1 == length {
            nodes[node][bit] = Target::Data(data);
            return;
        }
        node = if let Target::Node(next) = nodes[node][bit] {
            next
        } else {
            nodes.push([Target::Nothing; 2]);
            nodes[node][bit] = Target::Node(nodes.len() - 1);
            nodes.len() - 1
        };
    }
}

/// Encodes texts, the whole numbers of the metadata, lists and objects.
fn encode(value: &Value, to: &mut Vec<u8>) {
    encode_as("", value, to);
}

/// Encodes the value of the entry with this name.
fn encode_as(name: &str, value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            control(2, text.len(), to);
            to.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) => {
            // The format defines the type of each number in the metadata.
            let bytes = number.as_u64().unwrap().to_be_bytes();
            let (kind, rest) = match name {
                "build_epoch" => (9, &bytes[..]),
                "node_count" => (6, &bytes[4..]),
                _ => (5, &bytes[6..]),
            };
            control(kind, rest.len(), to);
            to.extend_from_slice(rest);
        }
        Value::Array(items) => {
            control(11, items.len(), to);
            for item in items {
                encode(item, to);
            }
        }
        Value::Object(entries) => {
            control(7, entries.len(), to);
            for (name, value) in entries {
                encode(&json!(name), to);
                encode_as(name, value, to);
            }
        }
        Value::Null | Value::Bool(_) => panic!("not supported: {value}"),
    }
}

/// The control byte of a value: its type, and its size below 285.
fn control(kind: u8, size: usize, to: &mut Vec<u8>) {
    let short = u8::try_from(size.min(29)).unwrap();
    if kind < 8 {
        to.push((kind << 5) | short);
    } else {
        to.extend_from_slice(&[short, kind - 7]);
    }
    if short == 29 {
        to.push(u8::try_from(size - 29).unwrap());
    }
}
