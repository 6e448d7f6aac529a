//! Operations of one WebSocket, each with its caller looked up anew: a session that has ended since the socket was
//! opened opens nothing any more, and one that was approved since may do what an active one may.

use std::sync::{Arc, OnceLock};

use async_graphql::{Data, Executor, Request, Response};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};

use crate::{
    graphql::{Schema, failure, prepare},
    service::Service,
};

#[derive(Clone)]
pub(super) struct SocketExecutor {
    schema: Schema,
    service: Arc<Service>,
    /// Set by `connection_init`, before any operation.
    credentials: Arc<OnceLock<Option<String>>>,
}

impl SocketExecutor {
    pub(super) fn new(schema: Schema, service: Arc<Service>) -> Self {
        Self { schema, service, credentials: Arc::default() }
    }

    /// Opens the socket for operations. The first call counts.
    pub(super) fn open(&self, credentials: Option<String>) {
        let _ = self.credentials.set(credentials);
    }

    pub(super) fn is_open(&self) -> bool {
        self.credentials.get().is_some()
    }
}

impl Executor for SocketExecutor {
    async fn execute(&self, request: Request) -> Response {
        let mut responses = self.execute_stream(request, None);
        responses.next().await.unwrap_or_default()
    }

    fn execute_stream(
        &self,
        request: Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        let Self { schema, service, credentials } = self.clone();
        let responses = async move {
            let credentials = credentials.get().and_then(Option::as_deref);
            match service.authenticate(credentials).await {
                Ok(caller) => match prepare(request, caller) {
                    Ok(request) => Executor::execute_stream(&schema, request, session_data),
                    Err(response) => stream::iter([*response]).boxed(),
                },
                Err(error) => stream::iter([failure(error)]).boxed(),
            }
        };
        stream::once(responses).flatten().boxed()
    }
}
