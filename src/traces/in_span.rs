//! A future inside a span.

use std::{
    pin::Pin,
    task::{self, Poll},
};

use opentelemetry::Context;
use pin_project_lite::pin_project;

pin_project! {
    /// A future whose polls have a span as the current one. The span ends when the future is done or
    /// dropped, and everything that still runs in it has ended.
    #[derive(Debug)]
    pub struct InSpan<F> {
        #[pin]
        future: F,
        // `None` if traces are off.
        context: Option<Context>,
    }
}

impl<F> InSpan<F> {
    pub(super) const fn on(future: F, context: Context) -> Self {
        Self {
            future,
            context: Some(context),
        }
    }

    pub(super) const fn off(future: F) -> Self {
        Self {
            future,
            context: None,
        }
    }
}

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(context) = this.context else {
            return this.future.poll(task);
        };
        let polled = {
            let _guard = context.clone().attach();
            this.future.poll(task)
        };
        if polled.is_ready() {
            *this.context = None;
        }
        polled
    }
}
