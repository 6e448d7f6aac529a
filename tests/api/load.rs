//! Many subscribers, some of which stall or vanish, while alerts are raised at a fixed rate and 64
//! devices fight for one user. The environment sets the size: `LOAD_SOCKETS`, `LOAD_ALERTS` a second,
//! `LOAD_SECONDS` and the number of devices, `LOAD_DEVICES`. By default, it is a tenth of 15,000 sockets
//! and 2,000 alerts for 30 s. `LOAD_SERVER` names another binary of the server, such as the optimized
//! one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use parking_lot::Mutex;
use serde_json::json;
use sessiond_test_support::{
    AlertSubscription, Binary, ServerProcess, Socket, UNBOUNDED_ALERTS, within_deadline,
};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};

use crate::{SESSIOND, metrics::Measured};

/// The user for whom the devices fight.
const FOUGHT_OVER: &str = "9111111111";

/// The maximum number of logins of the steady load at the same time.
const MAX_CONCURRENT: usize = 256;

#[derive(Clone, Copy)]
struct Size {
    sockets: usize,
    alerts_per_second: usize,
    seconds: usize,
    /// The number of devices that log in at the same time, once a second.
    devices: usize,
}

impl Size {
    fn from_environment() -> Self {
        let number = |name: &str, default: usize| {
            std::env::var(name).map_or(default, |text| text.parse().unwrap())
        };
        Self {
            sockets: number("LOAD_SOCKETS", 1500),
            alerts_per_second: number("LOAD_ALERTS", 200),
            seconds: number("LOAD_SECONDS", 30),
            devices: number("LOAD_DEVICES", 64),
        }
    }

    /// The number of alerts of each user.
    fn rounds(self) -> usize {
        (self.alerts_per_second * self.seconds).div_ceil(self.sockets)
    }
}

/// A user with one subscriber.
struct Subject {
    mobile: String,
    cursor: String,
    /// When each alert was requested.
    requested: Mutex<Vec<Instant>>,
    /// How long each request took that raised an alert.
    answered: Mutex<Vec<Duration>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Habit {
    Reads,
    /// Disconnects without a word after each second alert, and continues after the last one.
    Vanishes,
    /// Does not read until the load has ended.
    Stalls,
}

impl Habit {
    const fn of(number: usize) -> Self {
        match number % 50 {
            0 => Self::Stalls,
            1 | 11 | 21 | 31 | 41 => Self::Vanishes,
            _ => Self::Reads,
        }
    }
}

/// Receives every alert of the user once and in order, over as many sockets as that takes. Returns
/// the delays of a subscriber that reads all the time.
async fn follow(
    measured: Arc<Measured>,
    subject: Arc<Subject>,
    first: AlertSubscription,
    habit: Habit,
    rounds: usize,
    mut ended: watch::Receiver<bool>,
) -> Vec<Duration> {
    let (mut last, mut after) = (0, subject.cursor.clone());
    let mut delays = Vec::new();
    let mut first = Some(first);
    while last < rounds {
        let mut alerts = match first.take() {
            Some(first) => first,
            None => subscribe(&measured.server, &subject.mobile, &after).await,
        };
        if habit == Habit::Stalls {
            ended.wait_for(|ended| *ended).await.unwrap();
        }
        let mut received = 0;
        while last < rounds && !(habit == Habit::Vanishes && received == 2) {
            let Some(alert) = alerts.try_next_alert().await else {
                break;
            };
            received += 1;
            let sequence = usize::try_from(alert["sequence"].as_u64().unwrap()).unwrap();
            assert_eq!(sequence, last + 1, "an alert was lost or doubled");
            last = sequence;
            alert["id"].as_str().unwrap().clone_into(&mut after);
            if habit == Habit::Reads {
                delays.push(subject.requested.lock()[last - 1].elapsed());
            }
        }
    }
    delays
}

async fn subscribe(server: &ServerProcess, mobile: &str, after: &str) -> AlertSubscription {
    let socket = Socket::open(server.address, None).await;
    let arguments = json!({ "mobile": mobile, "after": after });
    socket.subscribe_to_alerts(arguments).await
}

/// Raises one alert of each user in each round, at the fixed rate.
async fn raise(measured: &Arc<Measured>, subjects: &[Arc<Subject>], size: Size) {
    let places = Arc::new(Semaphore::new(MAX_CONCURRENT));
    let interval = Duration::from_secs(1) / u32::try_from(size.alerts_per_second).unwrap();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut requests = JoinSet::new();
    for round in 0..size.rounds() {
        for subject in subjects {
            ticks.tick().await;
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            let (measured, subject) = (Arc::clone(measured), Arc::clone(subject));
            requests.spawn(async move {
                let begun = Instant::now();
                subject.requested.lock().push(begun);
                let (server, device) = (&measured.server, format!("device {round}"));
                server.raise_alert(&subject.mobile, &device).await;
                subject.answered.lock().push(begun.elapsed());
                drop(place);
            });
        }
        // One alert of a user after the other.
        requests.join_all().await;
        requests = JoinSet::new();
    }
}

/// Lets devices fight for one user, once a second until the load has ended.
async fn fight(server: &ServerProcess, devices: usize, ended: watch::Receiver<bool>) -> usize {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    let mut bursts = 0;
    while !*ended.borrow() {
        ticks.tick().await;
        let logins = join_all((0..devices).map(async |device| {
            let input = json!({ "onConflict": "TAKE_OVER", "userAgent": format!("{device}") });
            server.login_with_retries(FOUGHT_OVER, input).await
        }));
        let logins = logins.await;
        assert!(
            logins
                .iter()
                .all(|login| login.data("/login/outcome") == "LOGGED_IN")
        );
        assert_eq!(server.valid_sessions_of(FOUGHT_OVER).await.len(), 1);
        bursts += 1;
    }
    bursts
}

/// Describes the median and the 99th percentile of times.
fn describe(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let percentile = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    format!("p50 {:?}, p99 {:?}", percentile(50), percentile(99))
}

/// Describes the same of a histogram of the server, by the upper bounds of its buckets in seconds.
fn describe_histogram(metrics: &str, series: &str) -> String {
    let buckets: Vec<(&str, f64)> = metrics
        .lines()
        .filter_map(|line| {
            let (bound, count) = line.strip_prefix(series)?.split_once("\"} ")?;
            Some((bound, count.parse().unwrap()))
        })
        .collect();
    let (_, all) = buckets[buckets.len() - 1];
    let percentile = |share: f64| {
        let bucket = buckets.iter().find(|(_, count)| *count >= share * all);
        bucket.map_or("+Inf", |(bound, _)| bound)
    };
    format!(
        "p50 <= {} s, p99 <= {} s",
        percentile(0.5),
        percentile(0.99)
    )
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and prints figures of this machine"]
async fn subscribers_that_stall_or_vanish_lose_nothing_under_load() {
    run(Size::from_environment()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn some_subscribers_that_stall_or_vanish_lose_nothing() {
    let size = Size {
        sockets: 200,
        alerts_per_second: 100,
        seconds: 6,
        devices: 64,
    };
    run(size).await;
}

/// Runs the load, and checks that no alert is lost or doubled and that the memory of the server does
/// not grow. Prints the figures.
async fn run(size: Size) {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let flags = [
        UNBOUNDED_ALERTS,
        "--max-connections-per-address=100000",
        "--max-sockets-per-address=100000",
    ];
    let binary = std::env::var("LOAD_SERVER").map_or(SESSIOND, |path| Binary::new(path.leak()));
    let measured = Arc::new(Measured::with_binary(binary, &flags).await);
    let server = &measured.server;
    server.create_user(FOUGHT_OVER).await;
    // The sockets are open before the load begins: opening them takes all of the processor.
    let (subjects, subscriptions): (Vec<_>, Vec<_>) = stream::iter(0..size.sockets)
        .map(async |number| {
            let mobile = (9_200_000_000_u64 + number as u64).to_string();
            server.create_user(&mobile).await;
            let subject = Subject {
                cursor: server.alert_cursor(&mobile).await,
                mobile,
                requested: Mutex::default(),
                answered: Mutex::default(),
            };
            let alerts = subscribe(server, &subject.mobile, &subject.cursor).await;
            (Arc::new(subject), alerts)
        })
        .buffered(32)
        .collect()
        .await;

    let (end, ended) = watch::channel(false);
    let mut followers = JoinSet::new();
    for (number, (subject, first)) in subjects.iter().zip(subscriptions).enumerate() {
        let (measured, subject) = (Arc::clone(&measured), Arc::clone(subject));
        let habit = Habit::of(number);
        followers.spawn(follow(
            measured,
            subject,
            first,
            habit,
            size.rounds(),
            ended.clone(),
        ));
    }
    let mut fighting = JoinSet::new();
    fighting.spawn({
        let measured = Arc::clone(&measured);
        async move { fight(&measured.server, size.devices, ended).await }
    });
    let measuring = async {
        tokio::time::sleep(Duration::from_secs(size.seconds as u64 / 4)).await;
        server.resident_memory()
    };
    let ((), early) = tokio::join!(raise(&measured, &subjects, size), measuring);
    let late = server.resident_memory();
    end.send_replace(true);
    let delays = within_deadline(followers.join_all()).await.concat();
    let bursts = within_deadline(fighting.join_next())
        .await
        .unwrap()
        .unwrap();
    let answers = subjects.iter();
    let answers = answers.flat_map(|subject| std::mem::take(&mut *subject.answered.lock()));
    let metrics = measured.scrape().await;
    let histogram = |series: &str| describe_histogram(&metrics, series);
    println!(
        "{} sockets, {} alerts in {} s, {bursts} bursts of {} logins; memory {} MiB after a \
         quarter, {} MiB at the end\n\
         request to alert: {}\nrequest to response: {}\nmutation in the server: {}\n\
         commit: {}\ndecision to socket: {}",
        size.sockets,
        size.rounds() * size.sockets,
        size.seconds,
        size.devices,
        early >> 20,
        late >> 20,
        describe(delays),
        describe(answers.collect()),
        histogram("sessiond_operation_duration_seconds_bucket{operation=\"mutation\",le=\""),
        histogram("sessiond_commit_duration_seconds_bucket{le=\""),
        histogram("sessiond_alert_delivery_seconds_bucket{le=\""),
    );
    assert!(late < early + early / 4 + (32 << 20), "memory grows");
}
