//! Writes the response to an operation with a plan.

use std::sync::Arc;

use async_graphql::{Value, Variables};

use super::{
    super::{
        cookies::CookieSlot,
        schema::{self, CompletedLogin, SessionEndReason, SessionEndedBy, SessionStatus},
    },
    json::Json,
    plan::{
        ConnectionField, DeviceField, EdgeField, Fields, OwnerField, PageInfoField, Plan, Root,
        Selected, SessionField, StateField, UserField,
    },
};
use crate::{
    access::{Caller, Scope, Visibility},
    domain::{AlertId, EndReason, Ended, Owner, Session, Stage, TypedMobile, UserAgent, UserState},
    service::{Client, Page, ReadUser, Service, Slice, UserView},
};

/// A request with a plan.
#[derive(Clone, Copy)]
pub(in crate::graphql) struct Request<'a> {
    pub service: &'a Arc<Service>,
    pub client: &'a Client,
    pub caller: &'a Caller,
    pub cookie: Option<&'a CookieSlot>,
    pub variables: &'a Variables,
}

/// Whether a response was written.
pub(in crate::graphql) enum Written {
    /// The body of the response as JSON.
    Json(Vec<u8>),
    /// The resolvers must respond. They get the result of a login that was carried out.
    Not(Option<Box<CompletedLogin>>),
}

impl Plan {
    /// Writes the response. Writes nothing if the operation fails: the resolvers must then report
    /// why.
    pub(in crate::graphql) async fn write(&self, request: Request<'_>) -> Written {
        match &self.root {
            // In a box, because its future is wider than that of a query.
            Root::Login { input, fields } => {
                Box::pin(self.write_login(input, fields, request)).await
            }
            Root::CurrentSession(_) | Root::User { .. } => self
                .write_query(request)
                .await
                .map_or(Written::Not(None), Written::Json),
        }
    }

    async fn write_query(&self, request: Request<'_>) -> Option<Vec<u8>> {
        let Request {
            service,
            caller,
            variables,
            ..
        } = request;
        let mut json = self.begin(service);
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
            Root::Login { .. } => return None,
        }
        json.raw("}}");
        Some(json.body)
    }

    /// Begins a response with the key of the only field.
    pub(super) fn begin(&self, service: &Service) -> Json {
        let mut json = Json::new(service.now());
        json.raw("{\"data\":{");
        json.raw(&self.key);
        json
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

impl Json {
    fn current_session(&mut self, fields: &Fields<SessionField>, caller: &Caller) -> Option<()> {
        let Caller::Session(session) = caller else {
            self.null();
            return Some(());
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
                Selected::TypeName => self.plain("User"),
                Selected::Field(UserField::State(field)) => self.state(field, &state),
                Selected::Field(UserField::Sessions { limit, fields }) => {
                    self.sessions(fields, *limit, service, &view).await?;
                }
            }
            self.raw(",");
        }
        self.end_object();
        Some(())
    }

    /// Writes a field of a user to a caller who may see all of the user.
    pub(super) fn state(&mut self, field: &StateField, state: &UserState) {
        match field {
            StateField::Identity(field) => self.owner(field, &state.owner),
            StateField::CreatedAt => self.instant(state.created_at),
            StateField::ActiveSession(fields) => {
                let active = state.active.as_ref();
                match active.filter(|session| session.is_valid(self.now)) {
                    Some(session) => self.session(fields, session),
                    None => self.null(),
                }
            }
            StateField::AlertCursor => self.shown(AlertId {
                user: state.owner.id,
                sequence: state.last_alert,
            }),
        }
    }

    fn owner(&mut self, field: &OwnerField, owner: &Owner) {
        match field {
            OwnerField::Id => self.uuid(owner.id.as_uuid()),
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
                Some(count) => json.number(i32::try_from(count).unwrap_or(i32::MAX)),
                None => json.null(),
            },
        });
        Some(())
    }

    fn edge(&mut self, fields: &Fields<EdgeField>, session: &Session) {
        self.object(fields, "SessionEdge", |json, field| match field {
            EdgeField::Cursor => json.plain(&schema::cursor(session.number)),
            EdgeField::Node(fields) => json.session(fields, session),
        });
    }

    fn page_info(&mut self, fields: &Fields<PageInfoField>, slice: &Slice<Session>) {
        let cursor = |session: &Session| schema::cursor(session.number);
        self.object(fields, "PageInfo", |json, field| match field {
            PageInfoField::HasNextPage => json.boolean(slice.has_more),
            // It is the first page.
            PageInfoField::HasPreviousPage => json.boolean(false),
            PageInfoField::StartCursor => {
                json.optional(slice.items.first(), |json, first| {
                    json.plain(&cursor(first));
                });
            }
            PageInfoField::EndCursor => {
                json.optional(slice.items.last(), |json, last| json.plain(&cursor(last)));
            }
        });
    }

    pub(super) fn session(&mut self, fields: &Fields<SessionField>, session: &Session) {
        let stage = session.stage(self.now);
        let ended = match stage {
            Stage::Ended(ended) => Some(ended),
            Stage::Pending | Stage::Active => None,
        };
        self.object(fields, "Session", |json, field| match field {
            SessionField::Key => json.uuid(session.key.as_uuid()),
            SessionField::User(fields) => json.object(fields, "User", |json, field| {
                json.owner(field, &session.owner);
            }),
            SessionField::UserAgent => json.string(session.device.user_agent.as_str()),
            SessionField::Device(fields) => json.device(fields, &session.device.user_agent),
            SessionField::IpAddress => json.shown(session.device.address),
            SessionField::IsValid => json.boolean(stage == Stage::Active),
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

    pub(super) fn device(&mut self, fields: &Fields<DeviceField>, user_agent: &UserAgent) {
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
}
