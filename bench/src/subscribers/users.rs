//! Users who log in while the service watches them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    data::{self, SERVICE_KEY},
    load::{Connection, next_number},
    operations::{Operation, Sender, Template},
    servers::Server,
    sockets::{Sockets, Subscription},
    users::Users,
};

/// How long to wait for an alert. It does not measure speed.
const DEADLINE: Duration = Duration::from_secs(30);

/// A user who logs in, on a connection of its own.
#[derive(Debug)]
pub(crate) struct User {
    number: u32,
    /// Opened for each measurement, because the server closes an idle connection.
    connection: Connection,
    template: Template,
    request: Vec<u8>,
    /// Receives the time at which each of the user's alerts arrives. `None` if nobody watches.
    alerts: Option<mpsc::UnboundedReceiver<Instant>>,
}

/// Users that can log in. If there are `watchers`, the service watches each user on a socket of its
/// own.
pub(crate) async fn users(
    group: Users,
    server: &Server,
    watchers: Option<&mut Sockets>,
) -> Result<Vec<User>> {
    let mut users = Vec::new();
    for number in group.numbers() {
        users.push(User {
            number,
            connection: Connection::open(server.address()).await?,
            template: Operation::Login.template(server.address()),
            request: Vec::new(),
            alerts: None,
        });
    }
    if let Some(sockets) = watchers {
        let mut subscriptions = Vec::new();
        for user in &mut users {
            let (sender, receiver) = mpsc::unbounded_channel();
            user.alerts = Some(receiver);
            subscriptions.push(Subscription {
                credential: SERVICE_KEY.to_owned(),
                mobile: Some(data::mobile(user.number)),
                alerts: sender,
            });
        }
        sockets.open(server.address(), subscriptions).await?;
    }
    Ok(users)
}

impl User {
    /// Logs in, and waits for the alert if somebody watches. Returns the time between the response
    /// and the alert, zero if the alert came first.
    pub(super) async fn log_in(&mut self) -> Result<Duration> {
        let sender = Sender {
            user: self.number,
            credential: "",
            number: next_number(),
        };
        self.template.fill(sender, &mut self.request);
        self.connection.send(&self.request).await?;
        self.connection.receive(Operation::Login.expected()).await?;
        let answered = Instant::now();
        let Some(alerts) = &mut self.alerts else {
            return Ok(Duration::ZERO);
        };
        let arrived = timeout(DEADLINE, alerts.recv())
            .await
            .context("an alert did not arrive")?
            .context("a watching socket has ended")?;
        Ok(arrived.saturating_duration_since(answered))
    }
}

/// Opens the connections of the users again.
pub(super) async fn reconnect(users: &mut [User], server: &Server) -> Result<()> {
    for user in users {
        user.connection = Connection::open(server.address()).await?;
    }
    Ok(())
}
