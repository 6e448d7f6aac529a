//! Clients that log in and check their tokens all the time, for tests in which the database of their
//! server goes away and comes back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{sync::watch, task::JoinSet};

use crate::{DEADLINE, ServerProcess, within};

/// The requests of all clients so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answered {
    /// The logins that succeeded.
    pub logins: usize,
    /// The logins that failed with `UNAVAILABLE`.
    pub unavailable_logins: usize,
    /// The checks of a token with status 200.
    pub checks: usize,
    /// The checks of a token with status 503.
    pub unavailable_checks: usize,
}

/// Clients with a user each. A response other than success and `UNAVAILABLE` ends the test.
pub struct SteadyLoad {
    server: Arc<ServerProcess>,
    clients: usize,
    answered: watch::Receiver<Answered>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// A client, and the channels that it shares with the others.
struct Client {
    server: Arc<ServerProcess>,
    mobile: String,
    token: String,
    answered: watch::Sender<Answered>,
    stop: watch::Receiver<bool>,
}

impl SteadyLoad {
    /// Creates the users, and starts the clients.
    pub async fn start(server: &Arc<ServerProcess>, clients: usize) -> Self {
        let (answered, receiver) = watch::channel(Answered::default());
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for number in 0..clients {
            let user = server.create_user(&mobile_of(number)).await;
            let client = Client {
                server: Arc::clone(server),
                mobile: user.mobile,
                token: user.token,
                answered: answered.clone(),
                stop: stopped.clone(),
            };
            tasks.spawn(client.run());
        }
        Self {
            server: Arc::clone(server),
            clients,
            answered: receiver,
            stop,
            tasks,
        }
    }

    /// Waits until `count` has risen by the number of clients.
    pub async fn wait_for(&mut self, count: fn(&Answered) -> usize) {
        let expected = count(&self.answered.borrow()) + self.clients;
        let reached = self
            .answered
            .wait_for(|answered| count(answered) >= expected);
        within(DEADLINE * 6, reached).await.unwrap();
    }

    /// Waits until an outage has lasted for `length` and each kind of request that it stops has
    /// failed. Returns the largest resident memory of the server meanwhile, in bytes.
    pub async fn memory_during(
        &mut self,
        length: Duration,
        unavailable: fn(&Answered) -> usize,
    ) -> u64 {
        let began = Instant::now();
        let mut largest = self.server.resident_memory();
        loop {
            self.wait_for(unavailable).await;
            largest = largest.max(self.server.resident_memory());
            if began.elapsed() >= length {
                return largest;
            }
        }
    }

    /// The requests so far.
    pub fn answered(&self) -> Answered {
        *self.answered.borrow()
    }

    /// Stops the clients after a last login of each, and checks that each user has one session and an alert log without a gap.
    pub async fn finish(mut self) -> Answered {
        self.stop.send_replace(true);
        while let Some(ended) = within(DEADLINE * 2, self.tasks.join_next()).await {
            ended.unwrap();
        }
        for number in 0..self.clients {
            let mobile = mobile_of(number);
            self.server.assert_gapless_log(&mobile).await;
            assert_eq!(
                self.server.valid_sessions_of(&mobile).await.len(),
                1,
                "{mobile}"
            );
        }
        self.answered()
    }
}

impl Client {
    async fn run(mut self) {
        while !*self.stop.borrow() {
            self.log_in().await;
            self.check().await;
        }
        // If the outcome of the last login was unknown, the server has ended the session that the login
        // may have opened, and the user has none.
        while !self.log_in().await {}
    }

    /// Returns whether the login succeeded.
    async fn log_in(&mut self) -> bool {
        let input = json!({ "onConflict": "TAKE_OVER" });
        let login = self.server.login(&self.mobile, input).await;
        let is_unavailable = login.is_unavailable();
        if !is_unavailable {
            self.token = login.data_str("/login/token");
        }
        self.answered.send_modify(|answered| {
            answered.logins += usize::from(!is_unavailable);
            answered.unavailable_logins += usize::from(is_unavailable);
        });
        !is_unavailable
    }

    async fn check(&self) {
        let status = self.server.verify_status(&self.token).await;
        // A login whose outcome was unknown may have replaced the session.
        assert!([200, 401, 503].contains(&status.as_u16()), "{status}");
        self.answered.send_modify(|answered| {
            answered.checks += usize::from(status == 200);
            answered.unavailable_checks += usize::from(status == 503);
        });
    }
}

fn mobile_of(number: usize) -> String {
    (9_300_000_000_u64 + number as u64).to_string()
}

/// How long an outage lasts: one second, or as many as the variable `OUTAGE_SECONDS` says.
pub fn outage_length() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(1, |seconds| seconds.parse().unwrap()))
}
