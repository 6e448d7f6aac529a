//! Relay's cursor connections, forward only. A cursor is opaque to clients: the base64url of the
//! entry's number.

use async_graphql::{Context, Object, SimpleObject};

use super::{
    super::errors::{ForClient, invalid},
    alert::SessionAlert,
    service,
    session::Session,
};
use crate::{
    domain::{self, InputRule, base64url},
    service::{Page, Slice, UserView},
};

/// The maximum number of entries on a page.
const MAX_PAGE_SIZE: i32 = 100;

/// The number of entries on a page if the client sends no `first`.
const DEFAULT_PAGE_SIZE: i32 = 20;

/// The position of a page in its list.
#[derive(SimpleObject)]
pub(super) struct PageInfo {
    /// Whether more entries follow this page. Pass `endCursor` as `after` to read them.
    pub has_next_page: bool,
    /// Whether the page was read with `after`, so that entries may precede it.
    pub has_previous_page: bool,
    /// The cursor of the page's first entry. Null if the page is empty.
    pub start_cursor: Option<String>,
    /// The cursor of the page's last entry. Null if the page is empty.
    pub end_cursor: Option<String>,
}

/// Parses the arguments `first` and `after`.
pub(super) fn page(first: Option<i32>, after: Option<&str>) -> async_graphql::Result<Page> {
    let limit = limit(first)?;
    let before =
        after.map(|cursor| parse_cursor(cursor).ok_or_else(|| invalid("after", InputRule::Cursor)));
    Ok(Page {
        before: before.transpose()?,
        limit,
    })
}

/// Parses the argument `first`.
pub(super) fn limit(first: Option<i32>) -> async_graphql::Result<usize> {
    let first = first.unwrap_or(DEFAULT_PAGE_SIZE);
    usize::try_from(first)
        .ok()
        .filter(|_| first <= MAX_PAGE_SIZE)
        .ok_or_else(|| invalid("first", InputRule::PageSize))
}

/// Returns the maximum number of entries on a page. The complexity of an operation depends on it.
pub(in crate::graphql) fn page_size(first: Option<i32>) -> usize {
    usize::try_from(first.unwrap_or(DEFAULT_PAGE_SIZE).clamp(1, MAX_PAGE_SIZE)).unwrap_or(1)
}

/// Returns the cursor of the entry with this number.
pub(in crate::graphql) fn cursor(number: u64) -> String {
    base64url::encode(&number.to_be_bytes())
}

fn parse_cursor(cursor: &str) -> Option<u64> {
    base64url::decode(cursor).map(u64::from_be_bytes)
}

fn page_info<T>(items: &[T], has_more: bool, page: Page, number: impl Fn(&T) -> u64) -> PageInfo {
    PageInfo {
        has_next_page: has_more,
        has_previous_page: page.before.is_some(),
        start_cursor: items.first().map(&number).map(cursor),
        end_cursor: items.last().map(number).map(cursor),
    }
}

/// A page of a user's sessions, newest first.
pub(super) struct SessionConnection {
    view: UserView,
    page: Page,
    sessions: Vec<Session>,
    has_more: bool,
}

/// A session in a list, with its cursor.
#[derive(SimpleObject)]
pub(super) struct SessionEdge {
    /// The session's cursor. Pass it as `after` to `sessions` to read the older sessions.
    cursor: String,
    /// The session.
    node: Session,
}

impl SessionConnection {
    pub(super) fn new(view: UserView, page: Page, slice: Slice<domain::Session>) -> Self {
        let sessions = slice.items.into_iter();
        let visibility = view.visibility;
        Self {
            view,
            page,
            sessions: sessions
                .map(|session| Session::new(session, visibility))
                .collect(),
            has_more: slice.has_more,
        }
    }
}

/// A page of a user's sessions, newest first.
#[Object]
impl SessionConnection {
    /// The sessions on the page, each with its cursor.
    async fn edges(&self) -> Vec<SessionEdge> {
        let edge = |session: &Session| SessionEdge {
            cursor: cursor(session.number()),
            node: session.clone(),
        };
        self.sessions.iter().map(edge).collect()
    }

    /// The sessions on the page.
    async fn nodes(&self) -> &[Session] {
        &self.sessions
    }

    /// The position of the page in the list.
    async fn page_info(&self) -> PageInfo {
        page_info(&self.sessions, self.has_more, self.page, Session::number)
    }

    /// The number of sessions in the whole list. The server counts them only if this field is
    /// selected.
    async fn total_count(&self, context: &Context<'_>) -> async_graphql::Result<i32> {
        let count = service(context)
            .count_sessions(&self.view)
            .await
            .for_client()?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// A page of a user's alerts, newest first.
#[derive(SimpleObject)]
pub(super) struct SessionAlertConnection {
    /// The alerts on the page, each with its cursor.
    edges: Vec<SessionAlertEdge>,
    /// The alerts on the page.
    nodes: Vec<SessionAlert>,
    /// The position of the page in the list.
    page_info: PageInfo,
}

/// An alert in a list, with its cursor.
#[derive(SimpleObject)]
pub(super) struct SessionAlertEdge {
    /// The alert's cursor. Pass it as `after` to `alerts` to read the older alerts. The argument
    /// `after` of `sessionAlerts` takes the alert's `id` instead.
    cursor: String,
    /// The alert.
    node: SessionAlert,
}

impl SessionAlertConnection {
    pub(super) fn new(
        page: Page,
        slice: &Slice<domain::Alert>,
        show: impl Fn(&domain::Alert) -> SessionAlert,
    ) -> Self {
        let edge = |alert: &domain::Alert| SessionAlertEdge {
            cursor: cursor(alert.sequence),
            node: show(alert),
        };
        Self {
            edges: slice.items.iter().map(edge).collect(),
            nodes: slice.items.iter().map(&show).collect(),
            page_info: page_info(&slice.items, slice.has_more, page, |alert| alert.sequence),
        }
    }
}
