//! The requests that read: CPU time, throughput and latency of each operation of a server.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;

use crate::{
    data::Data,
    load::{Extent, Load, Order},
    operations::Operation,
    options::Options,
    round::{Name, Round},
    servers::{Server, ServerKind},
};

/// How long sessiond takes at most to write last-seen times after the requests: it writes them
/// once a second.
pub(crate) const SETTLING: Duration = Duration::from_millis(1500);

/// The factor of the warm-up of a server that compiles its code while it runs.
const PEER_WARM_UPS: u32 = 3;

/// Measures all operations of a server that read.
pub(crate) async fn measure(
    server: &Server,
    data: &Data,
    options: &Options,
    round: &mut Round,
) -> Result<()> {
    let kind = server.kind();
    for &operation in kind.reads() {
        let warm_ups = if kind.is_peer() { PEER_WARM_UPS } else { 1 };
        let (order, extent) = if matches!(operation, Operation::FirstVerify | Operation::FirstUser)
        {
            (Order::InTurn, Extent::Once { settling: SETTLING })
        } else {
            let warm_up = options.warm_up * warm_ups;
            let window = options.window;
            (Order::Random, Extent::Time { warm_up, window })
        };
        let credentials = match kind {
            ServerKind::BetterAuth => &data.cookies,
            _ => &data.tokens,
        };
        let load = Load {
            operation,
            connections: options.connections,
            users: data.readers,
            credentials: Rc::clone(credentials),
            order,
            extent,
        };
        let measured = load.run(server).await?;
        let name = Name {
            server: kind.name(),
            operation: operation.name(),
            connections: options.connections,
        };
        round.add(name, &measured);
    }
    Ok(())
}
