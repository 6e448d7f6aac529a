//! A tower layer that lets a request pass only with the token of a valid session.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::Checker;

/// A tower layer, for example for axum. A request with a valid session passes, and has it in its
/// extensions as `Arc<CheckedSession>`. Its token is in the `Authorization` header or in the session's
/// cookie. Another request gets 401, and 503 if its session cannot be checked now. With the cookie, a
/// request that changes something and comes from another site's page gets 403.
#[derive(Debug, Clone)]
pub struct RequireSession {
    checker: Checker,
}

impl RequireSession {
    /// A layer that asks this checker.
    #[must_use]
    pub const fn new(checker: Checker) -> Self {
        Self { checker }
    }
}

impl<S> Layer<S> for RequireSession {
    type Service = RequireSessionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireSessionService {
            checker: self.checker.clone(),
            inner,
        }
    }
}

/// The service of [`RequireSession`].
#[derive(Debug, Clone)]
pub struct RequireSessionService<S> {
    checker: Checker,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for RequireSessionService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: From<&'static str>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The clone may not be ready. The service that was polled is.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let checker = self.checker.clone();
        Box::pin(async move {
            match checker
                .authenticate(request.method(), request.headers())
                .await
            {
                Ok(session) => {
                    request.extensions_mut().insert(session);
                    inner.call(request).await
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
