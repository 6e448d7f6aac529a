//! Durable logins that take over: many at once, which share a sync, and one at a time.

use std::rc::Rc;

use anyhow::Result;

use crate::{
    commits::BATCH,
    data::Data,
    load::{Extent, Load, Order},
    operations::Operation,
    options::Options,
    round::{Name, Round},
    servers::Server,
};

/// The numbers of logins at the same time.
const CONNECTIONS: [u32; 2] = [BATCH, 1];

/// Measures logins of users whose sessions no other measurement needs. The users log in in turn, so
/// that no two logins of one user wait for each other.
pub(crate) async fn measure(
    server: &Server,
    data: &Data,
    options: &Options,
    round: &mut Round,
) -> Result<()> {
    for connections in CONNECTIONS {
        let load = Load {
            operation: Operation::Login,
            connections,
            users: data.logins,
            credentials: Rc::default(),
            order: Order::InTurn,
            extent: Extent::Time {
                warm_up: options.warm_up,
                window: options.window,
            },
        };
        let measured = load.run(server).await?;
        let name = Name {
            server: server.kind().name(),
            operation: Operation::Login.name(),
            connections,
        };
        round.add(name, &measured);
    }
    Ok(())
}
