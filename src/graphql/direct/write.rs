//! Writes the response to a query with a plan.

use std::{fmt::Display, io::Write as _};

use async_graphql::{Value, Variables, resolver_utils::EnumType};
use chrono::{SecondsFormat, Utc};

use super::{
    super::schema::{self, SessionEndReason, SessionEndedBy, SessionStatus},
    plan::{
        ConnectionField, DeviceField, EdgeField, Fields, OwnerField, PageInfoField, Plan, Root,
        Selected, SessionField, UserField,
    },
};
use crate::{
    access::{Caller, Scope, Visibility},
    domain::{AlertId, EndReason, Ended, Owner, Session, Stage, Timestamp, TypedMobile, UserAgent},
    service::{Page, ReadUser, Service, Slice, UserView},
};

/// The initial capacity of a response in bytes. A user with two sessions takes up about 700.
const CAPACITY: usize = 1024;

impl Plan {
    /// Returns the body of the response as JSON. Returns `None` if the query fails: the resolvers
    /// must then report why.
    pub(in crate::graphql) async fn write(
        &self,
        service: &Service,
        caller: &Caller,
        variables: &Variables,
    ) -> Option<Vec<u8>> {
        let mut json = Json {
            body: Vec::with_capacity(CAPACITY),
            now: service.now(),
        };
        json.raw("{\"data\":{");
        json.raw(&self.key);
        match &self.root {
            Root::CurrentSession(fields) => json.current_session(fields, caller)?,
            Root::User { mobile, fields } => {
                let Some(Value::String(mobile)) = variables.get(mobile) else {
                    return None;
                };
                match read_user(service, caller, mobile).await? {
                    Some(user) => json.user(fields, service, user).await?,
                    None => json.null(),
                }
            }
        }
        json.raw("}}");
        Some(json.body)
    }
}

/// Returns the user whom the resolver of `user` returns. The outer `None` means that it fails.
async fn read_user(service: &Service, caller: &Caller, mobile: &str) -> Option<Option<ReadUser>> {
    if caller.is_service() && !caller.has_scope(Scope::Read) {
        return None;
    }
    let mobile = TypedMobile::parse(mobile).ok()?;
    service.read_user_by_mobile(caller, &mobile).await.ok()
}

/// A response that is being written.
struct Json {
    body: Vec<u8>,
    /// The time of the whole response, so that its parts agree about a session that expires now.
    now: Timestamp,
}

impl Json {
    fn current_session(&mut self, fields: &Fields<SessionField>, caller: &Caller) -> Option<()> {
        let session = match caller {
            Caller::Session(own) => own,
            _ => {
                self.null();
                return Some(());
            }
        };
        let visibility = caller.visibility(session.owner.id, self.now);
        if matches!(visibility, None | Some(Visibility::WithoutUser(_))) {
            return None;
        }
        self.session(fields, session);
        Some(())
    }

    async fn user(
        &mut self,
        fields: &Fields<UserField>,
        service: &Service,
        user: ReadUser,
    ) -> Option<()> {
        let ReadUser { state, snapshot } = user;
        let view = UserView {
            user: state.owner.id,
            visibility: Visibility::Full,
            snapshot,
        };
        self.raw("{");
        for (key, selected) in &fields.0 {
            self.raw(key);
            match selected {
                Selected::TypeName => self.raw("\"User\""),
                Selected::Field(UserField::Identity(field)) => self.owner(field, &state.owner),
                Selected::Field(UserField::CreatedAt) => self.instant(state.created_at),
                Selected::Field(UserField::ActiveSession(fields)) => {
                    let active = state.active.as_ref();
                    match active.filter(|session| session.is_valid(self.now)) {
                        Some(session) => self.session(fields, session),
                        None => self.null(),
                    }
                }
                Selected::Field(UserField::Sessions { limit, fields }) => {
                    self.sessions(fields, *limit, service, &view).await?;
                }
                Selected::Field(UserField::AlertCursor) => self.shown(AlertId {
                    user: view.user,
                    sequence: state.last_alert,
                }),
            }
            self.raw(",");
        }
        self.end_object();
        Some(())
    }

    fn owner(&mut self, field: &OwnerField, owner: &Owner) {
        match field {
            OwnerField::Id => self.shown(owner.id),
            OwnerField::Mobile => self.string(owner.mobile.as_str()),
            OwnerField::Username => self.string(owner.username.as_str()),
        }
    }

    async fn sessions(
        &mut self,
        fields: &Fields<ConnectionField>,
        limit: usize,
        service: &Service,
        view: &UserView,
    ) -> Option<()> {
        let before = None;
        let slice = service.sessions(view, Page { before, limit }).await.ok()?;
        let mut total_count = None;
        let counts =
            |(_, selected): &_| matches!(selected, Selected::Field(ConnectionField::TotalCount));
        if fields.0.iter().any(counts) {
            total_count = Some(service.count_sessions(view).await.ok()?);
        }
        self.object(fields, "SessionConnection", |json, field| match field {
            ConnectionField::Nodes(fields) => {
                json.list(&slice.items, |json, session| json.session(fields, session));
            }
            ConnectionField::Edges(fields) => {
                json.list(&slice.items, |json, session| json.edge(fields, session));
            }
            ConnectionField::PageInfo(fields) => json.page_info(fields, &slice),
            ConnectionField::TotalCount => match total_count {
                Some(count) => json.shown_bare(i32::try_from(count).unwrap_or(i32::MAX)),
                None => json.null(),
            },
        });
        Some(())
    }

    fn edge(&mut self, fields: &Fields<EdgeField>, session: &Session) {
        self.object(fields, "SessionEdge", |json, field| match field {
            EdgeField::Cursor => json.string(&schema::cursor(session.number)),
            EdgeField::Node(fields) => json.session(fields, session),
        });
    }

    fn page_info(&mut self, fields: &Fields<PageInfoField>, slice: &Slice<Session>) {
        let cursor = |session: &Session| schema::cursor(session.number);
        self.object(fields, "PageInfo", |json, field| match field {
            PageInfoField::HasNextPage => json.shown_bare(slice.has_more),
            // It is the first page.
            PageInfoField::HasPreviousPage => json.shown_bare(false),
            PageInfoField::StartCursor => {
                json.optional(slice.items.first(), |json, first| {
                    json.string(&cursor(first))
                });
            }
            PageInfoField::EndCursor => {
                json.optional(slice.items.last(), |json, last| json.string(&cursor(last)));
            }
        });
    }

    fn session(&mut self, fields: &Fields<SessionField>, session: &Session) {
        let stage = session.stage(self.now);
        let ended = match stage {
            Stage::Ended(ended) => Some(ended),
            Stage::Pending | Stage::Active => None,
        };
        self.object(fields, "Session", |json, field| match field {
            SessionField::Key => json.shown(session.key),
            SessionField::User(fields) => json.object(fields, "User", |json, field| {
                json.owner(field, &session.owner);
            }),
            SessionField::UserAgent => json.string(session.device.user_agent.as_str()),
            SessionField::Device(fields) => json.device(fields, &session.device.user_agent),
            SessionField::IpAddress => json.shown(session.device.address),
            SessionField::IsValid => json.shown_bare(stage == Stage::Active),
            SessionField::Status => json.name(SessionStatus::from(stage)),
            SessionField::CreatedAt => json.instant(session.created_at),
            SessionField::LastSeenAt => json.instant(session.last_seen_at),
            SessionField::ExpiresAt => json.instant(session.expires_at()),
            SessionField::EndedAt => {
                json.optional(ended, |json, ended| json.instant(ended.at));
            }
            SessionField::EndReason => json.optional(ended, |json, ended| {
                json.name(SessionEndReason::from(ended.reason));
            }),
            SessionField::EndedBy => match ended {
                Some(Ended {
                    reason: EndReason::Invalidated(Some(by)),
                    ..
                }) => json.name(SessionEndedBy::from(by)),
                _ => json.null(),
            },
        });
    }

    fn device(&mut self, fields: &Fields<DeviceField>, user_agent: &UserAgent) {
        let description = schema::describe_device(user_agent);
        let optional = |json: &mut Self, text: &Option<String>| {
            json.optional(text.as_deref(), Self::string);
        };
        self.object(fields, "Device", |json, field| match field {
            DeviceField::Label => json.string(&description.label),
            DeviceField::Browser => optional(json, &description.browser),
            DeviceField::OperatingSystem => optional(json, &description.operating_system),
        });
    }

    fn object<F>(
        &mut self,
        fields: &Fields<F>,
        type_name: &str,
        mut write: impl FnMut(&mut Self, &F),
    ) {
        self.raw("{");
        for (key, selected) in &fields.0 {
            self.raw(key);
            match selected {
                Selected::TypeName => self.shown(type_name),
                Selected::Field(field) => write(self, field),
            }
            self.raw(",");
        }
        self.end_object();
    }

    /// Replaces the comma after the last field. A valid selection has at least one field.
    fn end_object(&mut self) {
        self.body.pop();
        self.raw("}");
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.raw("[");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            write(self, item);
        }
        self.raw("]");
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    fn null(&mut self) {
        self.raw("null");
    }

    fn instant(&mut self, instant: Timestamp) {
        let instant = chrono::DateTime::<Utc>::from(instant);
        self.shown(instant.to_rfc3339_opts(SecondsFormat::Millis, true));
    }

    /// Writes the name of an enum value.
    fn name<T: EnumType>(&mut self, value: T) {
        let item = T::items().iter().find(|item| item.value == value);
        self.optional(item, |json, item| json.shown(item.name));
    }

    /// Writes a value that needs no escape as a string.
    fn shown(&mut self, value: impl Display) {
        // Writing to a `Vec` does not fail.
        let _ = write!(self.body, "\"{value}\"");
    }

    /// Writes a number or a boolean.
    fn shown_bare(&mut self, value: impl Display) {
        let _ = write!(self.body, "{value}");
    }

    fn string(&mut self, text: &str) {
        let _ = serde_json::to_writer(&mut self.body, text);
    }

    /// Appends JSON.
    fn raw(&mut self, json: &str) {
        self.body.extend_from_slice(json.as_bytes());
    }
}
