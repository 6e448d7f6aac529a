//! Checks tokens from memory, and asks the server if the memory is too old.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, WeakShared},
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::{sync::watch, task::JoinSet};
use uuid::Uuid;

use crate::{
    CheckedSession, CheckerBuilder, Error, FeedState,
    cache::{Cache, TokenHash},
    cookie::CookieRules,
    http_client::HttpClient,
};

/// A longer text cannot be a token, and is not sent.
const MAX_TOKEN_LENGTH: usize = 512;

type Answer = Result<Option<Arc<CheckedSession>>, Error>;

/// Checks tokens. Create one for each process, and clone it: the clones share their memory. The feed
/// is closed when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Checker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: CheckerParts,
    /// The questions that the server has not answered yet. Each has a request that waits for it.
    running: Mutex<HashMap<TokenHash, WeakShared<BoxFuture<'static, Answer>>>>,
    /// The feed. It is aborted when the set is dropped.
    _tasks: JoinSet<()>,
}

/// What the builder makes.
#[derive(Debug)]
pub struct CheckerParts {
    pub http: HttpClient,
    pub cache: Arc<Cache>,
    pub cookies: CookieRules,
    /// Whether requests with one token at the same time may ask once. The shared answer may be older
    /// than a request, so without any staleness each check asks.
    pub shares: bool,
    pub feed_state: watch::Receiver<FeedState>,
}

impl Checker {
    /// The settings of a checker for the server at `address`, such as `http://127.0.0.1:3000`.
    pub fn builder(address: &str) -> CheckerBuilder {
        CheckerBuilder::new(address)
    }

    pub(crate) fn new(parts: CheckerParts, tasks: JoinSet<()>) -> Self {
        let inner = Arc::new(Inner {
            parts,
            running: Mutex::default(),
            _tasks: tasks,
        });
        Self { inner }
    }

    pub(crate) fn cookie_rules(&self) -> &CookieRules {
        &self.inner.parts.cookies
    }

    /// Returns the session of a token, or `None` if the token opens no valid session.
    ///
    /// # Errors
    ///
    /// Returns an error if the memory is too old and the server does not respond. Refuse the request
    /// then.
    pub async fn check(&self, token: &str) -> Answer {
        let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_empty() || token.len() > MAX_TOKEN_LENGTH || !is_plain {
            return Ok(None);
        }
        let hash = TokenHash::from(Sha256::digest(token));
        if let Some(session) = self.inner.parts.cache.get(&hash) {
            return Ok(Some(session));
        }
        if self.inner.parts.shares {
            self.ask_together(hash, token).await
        } else {
            self.inner.parts.http.verify(token).await
        }
    }

    /// Removes a session from the memory, for example after this process has ended it.
    pub fn forget(&self, session_key: Uuid) {
        self.inner.parts.cache.remove_session(session_key);
    }

    /// The state of the feed, and its changes.
    #[must_use]
    pub fn feed_state(&self) -> watch::Receiver<FeedState> {
        self.inner.parts.feed_state.clone()
    }

    /// Asks the server. Requests with one token at the same time ask once.
    async fn ask_together(&self, hash: TokenHash, token: &str) -> Answer {
        let question = {
            let mut running = self.inner.running.lock();
            if let Some(question) = running.get(&hash).and_then(WeakShared::upgrade) {
                question
            } else {
                let CheckerParts { cache, http, .. } = &self.inner.parts;
                let (cache, http) = (Arc::clone(cache), http.clone());
                let token = token.to_owned();
                let registration = Registration {
                    checker: Arc::downgrade(&self.inner),
                    hash,
                };
                let question = async move {
                    let _registration = registration;
                    ask(&http, &cache, hash, &token).await
                };
                let question = question.boxed().shared();
                // A question that was just created has not completed, so it has a weak reference.
                if let Some(weak) = question.downgrade() {
                    running.insert(hash, weak);
                }
                question
            }
        };
        question.await
    }
}

async fn ask(http: &HttpClient, cache: &Cache, hash: TokenHash, token: &str) -> Answer {
    let start = cache.check_starts();
    let Some(session) = http.verify(token).await? else {
        cache.remove(&hash);
        return Ok(None);
    };
    if cache.insert(hash, Arc::clone(&session), start) {
        return Ok(Some(session));
    }
    // The session may have ended in the meantime.
    http.verify(token).await
}

/// Removes a question when it is answered, or when nobody waits for it any longer.
struct Registration {
    checker: Weak<Inner>,
    hash: TokenHash,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(checker) = self.checker.upgrade() {
            checker.running.lock().remove(&self.hash);
        }
    }
}
