//! The settings of a checker.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{runtime::Handle, sync::watch, task::JoinSet};

use crate::{
    Checker, Clock, Error, FeedState, SystemClock,
    backoff::Backoff,
    cache::{Cache, MAX_AGE},
    checker::CheckerParts,
    cookie::CookieRules,
    feed::Feed,
    http_client::HttpClient,
};

/// A refused feed is asked for more and more seldom, up to this many times the largest delay.
const REFUSED_FACTOR: u32 = 12;

/// The settings of a [`Checker`].
#[must_use]
pub struct CheckerBuilder {
    address: String,
    key: Option<String>,
    max_staleness: Duration,
    max_sessions: usize,
    timeout: Duration,
    retry: (Duration, Duration),
    cookies: CookieRules,
    clock: Arc<dyn Clock>,
}

/// The service key is a secret, and is not written.
impl fmt::Debug for CheckerBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CheckerBuilder")
            .field("address", &self.address)
            .field("max_staleness", &self.max_staleness)
            .field("max_sessions", &self.max_sessions)
            .finish_non_exhaustive()
    }
}

impl CheckerBuilder {
    pub(crate) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            key: None,
            max_staleness: Duration::from_secs(10),
            max_sessions: 10_000,
            timeout: Duration::from_secs(5),
            retry: (Duration::from_millis(500), Duration::from_secs(5)),
            cookies: CookieRules::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// A service key with the scope `check`. With it, the checker learns at once when a session
    /// ends.
    pub fn service_key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    /// For how long the end of a session may stay unknown, at most 60 s. Zero asks the server for
    /// each check. Default: 10 s.
    pub const fn max_staleness(mut self, staleness: Duration) -> Self {
        self.max_staleness = staleness;
        self
    }

    /// The number of sessions in memory, of about 400 bytes each. If it is reached, the oldest check
    /// is removed. Default: 10,000.
    pub const fn max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// The time for a response of the server. Default: 5 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The first and the largest delay before the feed is opened again. Default: 0.5 s and 5 s. If the
    /// server refuses the feed, they grow to twelve times the largest one.
    pub const fn retry(mut self, min: Duration, max: Duration) -> Self {
        self.retry = (min, max);
        self
    }

    /// The name of the session's cookie: `__Secure-sessiond` if the server has `--cookie-domain`, and
    /// `sessiond-dev` in development mode. Default: `__Host-sessiond`.
    pub fn cookie_name(mut self, name: &str) -> Self {
        self.cookies.name = Some(name.to_owned());
        self
    }

    /// Accepts tokens in the `Authorization` header only.
    pub fn without_cookie(mut self) -> Self {
        self.cookies.name = None;
        self
    }

    /// An origin besides the back end's own whose pages may change something with the cookie, such as
    /// `https://app.example.com`.
    pub fn allowed_origin(mut self, origin: &str) -> Self {
        self.cookies.allowed_origins.push(origin.to_owned());
        self
    }

    /// A source of the time, for tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts the checker, and its feed if it has a service key.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is wrong, or if the checker has a key and this is not called in
    /// a Tokio runtime.
    pub fn start(self) -> Result<Checker, Error> {
        if self.max_staleness > MAX_AGE {
            let given = self.max_staleness;
            return Err(Error::Setting(format!(
                "max_staleness must be at most {MAX_AGE:?}, and is {given:?}"
            )));
        }
        if self.max_sessions == 0 {
            return Err(Error::Setting("max_sessions must be at least 1".to_owned()));
        }
        let http = HttpClient::new(&self.address, self.timeout)?;
        let cache = Cache::new(self.max_sessions, self.max_staleness, self.clock);
        let cache = Arc::new(cache);
        let (state, feed_state) = watch::channel(FeedState::Off);
        let mut tasks = JoinSet::new();
        if let Some(key) = self.key
            && !self.max_staleness.is_zero()
        {
            let runtime = Handle::try_current()
                .map_err(|_error| Error::Setting("start needs a Tokio runtime".to_owned()))?;
            let feed = Feed {
                http: http.clone(),
                key,
                cache: Arc::clone(&cache),
                state,
                backoff: Backoff::new(self.retry.0, self.retry.1),
                refusals: Backoff::new(self.retry.0, self.retry.1.saturating_mul(REFUSED_FACTOR)),
                is_refused: false,
                cursor: None,
            };
            tasks.spawn_on(feed.run(), &runtime);
        }
        let parts = CheckerParts {
            http,
            cache,
            cookies: self.cookies,
            shares: !self.max_staleness.is_zero(),
            feed_state,
        };
        Ok(Checker::new(parts, tasks))
    }
}
