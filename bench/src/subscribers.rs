//! Subscribers: the memory of an idle one, and what an alert costs and how late it arrives while
//! few and many others are subscribed.
//!
//! An alert needs a commit, so logins raise it. The service watches their users, because a
//! take-over ends the stream of the session that it replaces.

mod users;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use self::users::reconnect;
pub(crate) use self::users::{User, users};
use crate::{
    data::Data,
    load::percentile,
    options::Options,
    round::{Round, SubscriberFigures},
    servers::Server,
    sockets::{Sockets, Subscription},
};

/// The number of idle subscribers of the first measurement.
const FEW: u32 = 100;

/// The maximum number of watched users.
const MAX_WATCHED: u32 = 100;

/// The maximum number of logins at the same time while the cost of an alert is measured.
const MAX_CONCURRENT_LOGINS: usize = 16;

/// How long the server has to become idle after the sockets were opened.
const SETTLING: Duration = Duration::from_secs(1);

/// The files that the server and the benchmark need besides sockets.
const OTHER_FILES: u64 = 1024;

/// Measures a server that nothing else was measured on.
pub(crate) async fn measure(
    server: &Server,
    data: &Data,
    options: &Options,
    round: &mut Round,
) -> Result<()> {
    let many = allowed(data, options.subscribers)?;
    let few = FEW.min(many / 2);
    let watched = MAX_WATCHED.min(data.logins.count / 2);
    let mut sockets = Sockets::default();
    let mut with_alerts = users(data.logins.slice(0, watched), server, Some(&mut sockets)).await?;
    let others = data.logins.slice(watched, 2 * watched);
    let mut without_alerts = users(others, server, None).await?;

    open_idle(&mut sockets, server, data, 0..few).await?;
    let alert_with_few = cost(server, options.window, &mut with_alerts).await?;
    let memory_with_few = server.resident_memory()?;

    open_idle(&mut sockets, server, data, few..many).await?;
    let memory_with_many = server.resident_memory()?;
    let idle = SocketLoad::of(server, options.window).await?;
    let alert_with_many = cost(server, options.window, &mut with_alerts).await?;
    let login_without_alert = cost(server, options.window, &mut without_alerts).await?;
    let delay = delay(server, options, with_alerts).await?;
    sockets.check()?;

    let growth = memory_with_many.saturating_sub(memory_with_few);
    round.subscribers = Some(SubscriberFigures {
        few,
        many,
        #[expect(clippy::cast_precision_loss, reason = "bytes of a process")]
        bytes: growth as f64 / f64::from(many - few),
        idle_cpu_percent: idle.cpu_per_second() * 100.0,
        alert_with_few,
        alert_with_many,
        login_without_alert,
        alerts_per_second: delay.per_second,
        delay_p50: percentile(&delay.sorted, 0.5).as_secs_f64() * 1e3,
        delay_p99: percentile(&delay.sorted, 0.99).as_secs_f64() * 1e3,
    });
    Ok(())
}

/// The number of idle subscribers: as many as were asked for, if there are enough users, and if the
/// open-file limit allows so many sockets.
pub(crate) fn allowed(data: &Data, wanted: u32) -> Result<u32> {
    let files = rlimit::increase_nofile_limit(u64::MAX)?;
    // sessiond keeps one connection in ten for requests.
    let allowed = files.saturating_sub(OTHER_FILES) * 9 / 10;
    let number = wanted
        .min(data.readers.count)
        .min(u32::try_from(allowed).unwrap_or(u32::MAX));
    if number < wanted {
        eprintln!("{number} subscribers instead of {wanted}: open-file limit {files}");
    }
    Ok(number)
}

/// Opens a socket for each of these sessions.
pub(crate) async fn open_idle(
    sockets: &mut Sockets,
    server: &Server,
    data: &Data,
    sessions: std::ops::Range<u32>,
) -> Result<()> {
    let subscription = |token: &str| Subscription {
        credential: token.to_owned(),
        mobile: None,
        // These users get no alerts.
        alerts: mpsc::unbounded_channel().0,
    };
    let tokens = &data.tokens[sessions.start as usize..sessions.end as usize];
    let subscriptions = tokens.iter().map(|token| subscription(token)).collect();
    sockets.open(server.address(), subscriptions).await?;
    tokio::time::sleep(SETTLING).await;
    sockets.check()
}

/// The CPU time that a server used in a time.
#[derive(Debug)]
pub(crate) struct SocketLoad {
    cpu: Duration,
    elapsed: Duration,
}

impl SocketLoad {
    /// Waits for this time, in which nothing happens.
    pub(crate) async fn of(server: &Server, window: Duration) -> Result<Self> {
        let (started, before) = (Instant::now(), server.cpu_time()?);
        tokio::time::sleep(window).await;
        Ok(Self {
            cpu: server.cpu_time()?.since(&before),
            elapsed: started.elapsed(),
        })
    }

    /// The share of a core.
    pub(crate) fn cpu_per_second(&self) -> f64 {
        self.cpu.as_secs_f64() / self.elapsed.as_secs_f64()
    }
}

/// The CPU time of a login with its alert in microseconds, without what the server uses for its
/// idle sockets.
pub(crate) async fn cost(server: &Server, window: Duration, users: &mut Vec<User>) -> Result<f64> {
    let idle = SocketLoad::of(server, window).await?;
    reconnect(users, server).await?;
    let workers = users.len().min(MAX_CONCURRENT_LOGINS);
    let mut shares: Vec<Vec<User>> = (0..workers).map(|_| Vec::new()).collect();
    for (number, user) in users.drain(..).enumerate() {
        shares[number % workers].push(user);
    }
    let (started, before) = (Instant::now(), server.cpu_time()?);
    let mut running = JoinSet::new();
    for mut share in shares {
        let ends_at = started + window;
        running.spawn_local(async move {
            let mut logins = 0_u32;
            loop {
                for user in &mut share {
                    user.log_in().await?;
                    logins += 1;
                    if Instant::now() >= ends_at {
                        return anyhow::Ok((share, logins));
                    }
                }
            }
        });
    }
    let mut logins = 0;
    while let Some(ended) = running.join_next().await {
        let (share, its_logins) = ended??;
        users.extend(share);
        logins += its_logins;
    }
    let used = server.cpu_time()?.since(&before).as_secs_f64();
    let idle = idle.cpu_per_second() * started.elapsed().as_secs_f64();
    Ok((used - idle) * 1e6 / f64::from(logins))
}

/// The delays of alerts, sorted, and the number of alerts in a second.
struct Delays {
    sorted: Vec<Duration>,
    per_second: f64,
}

/// Raises alerts at the rate of the options, as far as the machine can.
async fn delay(server: &Server, options: &Options, mut users: Vec<User>) -> Result<Delays> {
    reconnect(&mut users, server).await?;
    let mut ticks = interval(Duration::from_secs(1) / options.alert_rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut free = VecDeque::from(users);
    let mut running = JoinSet::new();
    let mut sorted = Vec::new();
    let started = Instant::now();
    while started.elapsed() < options.window || sorted.is_empty() {
        tokio::select! {
            _ = ticks.tick() => {
                // Without a free user, the server is behind, and this alert is left out.
                if let Some(mut user) = free.pop_front() {
                    running.spawn_local(async move {
                        let delay = user.log_in().await?;
                        anyhow::Ok((user, delay))
                    });
                }
            }
            Some(ended) = running.join_next() => {
                let (user, delay) = ended??;
                free.push_back(user);
                sorted.push(delay);
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a number of alerts")]
    let per_second = sorted.len() as f64 / started.elapsed().as_secs_f64();
    sorted.sort_unstable();
    Ok(Delays { sorted, per_second })
}
