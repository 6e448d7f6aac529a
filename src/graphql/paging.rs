//! Relay's cursor connections, forward only. A cursor is opaque: base64url of the entry's number.

use async_graphql::{Context, Object, SimpleObject};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    alert::SessionAlert,
    errors::{ForClient, invalid},
    service,
    session::Session,
};
use crate::{
    access::Visibility,
    domain::{InputRule, UserId},
    store::{Page, Slice},
};

/// The longest page, and the one that is served where none is asked for.
pub(super) const MOST: i32 = 100;
pub(super) const USUAL: i32 = 20;

/// Where a page lies in its list.
#[derive(SimpleObject)]
pub(super) struct PageInfo {
    /// Whether entries follow this page: ask for them with `after: endCursor`.
    has_next_page: bool,
    /// Whether this page was asked for with `after`.
    has_previous_page: bool,
    /// The first entry's cursor; null where the page is empty.
    start_cursor: Option<String>,
    /// The last entry's cursor; null where the page is empty.
    end_cursor: Option<String>,
}

/// Reads `first` and `after`.
pub(super) fn page(first: Option<i32>, after: Option<&str>) -> async_graphql::Result<Page> {
    let first = first.unwrap_or(USUAL);
    let limit = usize::try_from(first)
        .ok()
        .filter(|_| first <= MOST)
        .ok_or_else(|| invalid("first", InputRule::PageSize))?;
    let before =
        after.map(|cursor| number(cursor).ok_or_else(|| invalid("after", InputRule::Cursor)));
    Ok(Page {
        before: before.transpose()?,
        limit,
    })
}

/// How many entries a page may hold, for an operation's complexity.
pub(super) fn most(first: Option<i32>) -> usize {
    usize::try_from(first.unwrap_or(USUAL).clamp(1, MOST)).unwrap_or(1)
}

fn cursor(number: u64) -> String {
    URL_SAFE_NO_PAD.encode(number.to_be_bytes())
}

fn number(cursor: &str) -> Option<u64> {
    let mut bytes = [0; 8];
    let written = URL_SAFE_NO_PAD.decode_slice(cursor, &mut bytes).ok()?;
    (written == bytes.len()).then(|| u64::from_be_bytes(bytes))
}

fn page_info<T>(slice: &Slice<T>, page: Page, number: impl Fn(&T) -> u64) -> PageInfo {
    PageInfo {
        has_next_page: slice.has_more,
        has_previous_page: page.before.is_some(),
        start_cursor: slice.items.first().map(&number).map(cursor),
        end_cursor: slice.items.last().map(number).map(cursor),
    }
}

/// A page of a user's sessions, newest first.
pub(super) struct SessionConnection {
    user: UserId,
    visibility: Visibility,
    page: Page,
    slice: Slice<crate::domain::Session>,
}

/// A session in its list.
#[derive(SimpleObject)]
pub(super) struct SessionEdge {
    /// Give it as `after` for what follows this session.
    cursor: String,
    /// The session.
    node: Session,
}

impl SessionConnection {
    pub(super) const fn new(
        user: UserId,
        visibility: Visibility,
        page: Page,
        slice: Slice<crate::domain::Session>,
    ) -> Self {
        Self {
            user,
            visibility,
            page,
            slice,
        }
    }
}

/// A page of a user's sessions, newest first.
#[Object]
impl SessionConnection {
    /// The page's sessions, each with its cursor.
    async fn edges(&self) -> Vec<SessionEdge> {
        let edge = |session: &crate::domain::Session| SessionEdge {
            cursor: cursor(session.number),
            node: Session::new(session.clone(), self.visibility),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The page's sessions.
    async fn nodes(&self) -> Vec<Session> {
        self.slice
            .items
            .iter()
            .map(|session| Session::new(session.clone(), self.visibility))
            .collect()
    }

    /// Where the page lies in the list.
    async fn page_info(&self) -> PageInfo {
        page_info(&self.slice, self.page, |session| session.number)
    }

    /// How many sessions the whole list has. Counted only where it is asked for.
    async fn total_count(&self, context: &Context<'_>) -> async_graphql::Result<i32> {
        let count = service(context)
            .count_sessions(self.user, self.visibility)
            .await
            .for_client()?;
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// A page of a user's alerts, newest first.
#[derive(SimpleObject)]
pub(super) struct SessionAlertConnection {
    /// The page's alerts, each with its cursor.
    edges: Vec<SessionAlertEdge>,
    /// The page's alerts.
    nodes: Vec<SessionAlert>,
    /// Where the page lies in the list.
    page_info: PageInfo,
}

/// An alert in its list.
#[derive(SimpleObject)]
pub(super) struct SessionAlertEdge {
    /// Give it as `after` for what follows this alert.
    cursor: String,
    /// The alert.
    node: SessionAlert,
}

impl SessionAlertConnection {
    pub(super) fn new(
        page: Page,
        slice: &Slice<crate::domain::Alert>,
        show: impl Fn(&crate::domain::Alert) -> SessionAlert,
    ) -> Self {
        let edge = |alert: &crate::domain::Alert| SessionAlertEdge {
            cursor: cursor(alert.sequence),
            node: show(alert),
        };
        Self {
            edges: slice.items.iter().map(edge).collect(),
            nodes: slice.items.iter().map(&show).collect(),
            page_info: page_info(slice, page, |alert| alert.sequence),
        }
    }
}
