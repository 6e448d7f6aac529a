//! sessiond beside the servers that do the same job.

use serde::{Deserialize, Serialize};

use super::Spread;
use crate::{
    operations::Operation,
    round::{RequestFigures, Round},
    servers::ServerKind,
};

/// What an operation of a peer costs, beside the operation of sessiond that does the same job.
#[derive(Debug, Serialize, Deserialize)]
pub struct BesideRow {
    /// The operation of sessiond.
    pub operation: String,
    /// The name of the peer.
    pub peer: String,
    /// The operation of the peer.
    pub peer_operation: String,
    /// The CPU time of the peer as a multiple of that of sessiond in the same round.
    pub times: Spread,
}

/// The operations of sessiond, with those of the peers that do the same job.
const PAIRS: [(Operation, &[Operation]); 3] = [
    (
        Operation::Verify,
        &[Operation::CurrentSession, Operation::GetSession],
    ),
    (
        Operation::CurrentSession,
        &[Operation::CurrentSession, Operation::GetSession],
    ),
    (Operation::User, &[Operation::User]),
];

/// The rows of all rounds, which have the same operations.
pub(super) fn rows(rounds: &[Round]) -> Vec<BesideRow> {
    let requests = rounds.first().map_or(&[][..], Round::requests);
    let of = |server: &dyn Fn(&str) -> bool, operation: Operation| {
        let is_found = |row: &&RequestFigures| {
            row.name.operation == operation.name() && server(row.name.server)
        };
        requests.iter().filter(is_found).collect::<Vec<_>>()
    };
    let is_own = |server: &str| server == ServerKind::Sessiond.name();
    let is_peer = |server: &str| ServerKind::PEERS.iter().any(|kind| kind.name() == server);
    let mut rows = Vec::new();
    for (operation, same_job) in PAIRS {
        for own in of(&is_own, operation) {
            for peer in same_job.iter().flat_map(|peer| of(&is_peer, *peer)) {
                rows.extend(row(rounds, own, peer));
            }
        }
    }
    rows
}

fn row(rounds: &[Round], own: &RequestFigures, peer: &RequestFigures) -> Option<BesideRow> {
    let ratio = |round: &Round| Some(round.find(peer.name)?.cpu / round.find(own.name)?.cpu);
    Some(BesideRow {
        operation: own.name.operation.to_owned(),
        peer: peer.name.server.to_owned(),
        peer_operation: peer.name.operation.to_owned(),
        times: Spread::of(rounds.iter().filter_map(ratio))?,
    })
}
