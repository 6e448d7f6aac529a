//! Which fields a query selects, if each of them can be written directly.

use std::collections::HashSet;

use async_graphql::{
    Name, Positioned,
    parser::types::{Field, OperationDefinition, OperationType, Selection, SelectionSet},
};

use super::super::schema::page_size;

/// A query or a login whose response can be written directly.
#[derive(Debug)]
pub(in crate::graphql) struct Plan {
    pub(super) key: Key,
    pub(super) root: Root,
}

/// The key of a field in the response, as JSON with the colon.
pub(super) type Key = Box<str>;

/// The only field of the operation.
#[derive(Debug)]
pub(super) enum Root {
    /// `currentSession`.
    CurrentSession(Fields<SessionField>),
    /// `user`.
    User {
        /// The variable that is the argument `mobile`.
        mobile: Name,
        fields: Fields<UserField>,
    },
    /// `login`.
    Login {
        /// The variable that is the argument `input`.
        input: Name,
        fields: Fields<LoginField>,
    },
}

/// The selected fields of an object, in the order of the selection.
#[derive(Debug)]
pub(super) struct Fields<F>(pub Vec<(Key, Selected<F>)>);

#[derive(Debug)]
pub(super) enum Selected<F> {
    TypeName,
    Field(F),
}

impl<F> Selected<F> {
    pub(super) const fn field(&self) -> Option<&F> {
        match self {
            Self::TypeName => None,
            Self::Field(field) => Some(field),
        }
    }
}

#[derive(Debug)]
pub(super) enum UserField {
    State(StateField),
    Sessions {
        /// The page size.
        limit: usize,
        fields: Fields<ConnectionField>,
    },
}

/// The fields of a user that its state has.
#[derive(Debug)]
pub(super) enum StateField {
    Identity(OwnerField),
    CreatedAt,
    ActiveSession(Fields<SessionField>),
    AlertCursor,
}

/// The fields of the payload of a login.
#[derive(Debug)]
pub(super) enum LoginField {
    Outcome,
    Message,
    User(Fields<StateField>),
    Session(Fields<SessionField>),
    Token,
    /// A field that is null after a login that has succeeded.
    Null,
}

/// The fields of a user that each session has too.
#[derive(Debug)]
pub(super) enum OwnerField {
    Id,
    Mobile,
    Username,
}

#[derive(Debug)]
pub(super) enum ConnectionField {
    Nodes(Fields<SessionField>),
    Edges(Fields<EdgeField>),
    PageInfo(Fields<PageInfoField>),
    TotalCount,
}

#[derive(Debug)]
pub(super) enum EdgeField {
    Cursor,
    Node(Fields<SessionField>),
}

#[derive(Debug)]
pub(super) enum PageInfoField {
    HasNextPage,
    HasPreviousPage,
    StartCursor,
    EndCursor,
}

#[derive(Debug)]
pub(super) enum SessionField {
    Key,
    /// The user of the session, if only fields are selected that the session has.
    User(Fields<OwnerField>),
    UserAgent,
    Device(Fields<DeviceField>),
    IpAddress,
    IsValid,
    Status,
    CreatedAt,
    LastSeenAt,
    ExpiresAt,
    EndedAt,
    EndReason,
    EndedBy,
}

#[derive(Debug)]
pub(super) enum DeviceField {
    Label,
    Browser,
    OperatingSystem,
}

impl Plan {
    /// Returns the plan of a valid operation without directives and without fragment spreads. Returns
    /// `None` if a part of it needs the resolvers.
    pub(in crate::graphql) fn of(
        operation: &OperationDefinition,
        selection_set: &SelectionSet,
    ) -> Option<Self> {
        let [Positioned { node, .. }] = &selection_set.items[..] else {
            return None;
        };
        let Selection::Field(field) = node else {
            return None;
        };
        let field = &field.node;
        let root = match (operation.ty, field.name.node.as_str()) {
            (OperationType::Query, "currentSession") => Root::CurrentSession(session(field)?),
            (OperationType::Query, "user") => Root::User {
                mobile: variable(field, "mobile")?,
                fields: fields(field, USER, user_field)?,
            },
            (OperationType::Mutation, "login") => Root::Login {
                input: variable(field, "input")?,
                fields: fields(field, &["LoginPayload"], login_field)?,
            },
            _ => return None,
        };
        Some(Self {
            key: key(field),
            root,
        })
    }
}

pub(super) fn key(field: &Field) -> Key {
    // A GraphQL name needs no escape in JSON.
    format!("\"{}\":", field.response_key().node).into()
}

/// Returns the variable that is the only argument. The value is read from its text, because its
/// type has no public name.
fn variable(field: &Field, argument: &str) -> Option<Name> {
    let [(name, value)] = &field.arguments[..] else {
        return None;
    };
    let value = value.node.to_string();
    let variable = value.strip_prefix('$')?;
    (name.node == argument).then(|| Name::new(variable))
}

/// Returns the selected fields of an object whose type, and whose interfaces, are `types`.
pub(super) fn fields<F>(
    parent: &Field,
    types: &[&str],
    select: fn(&Field) -> Option<F>,
) -> Option<Fields<F>> {
    let mut selected = Vec::new();
    add_fields(&mut selected, &parent.selection_set.node, types, select)?;
    // The specification merges fields with the same key.
    let keys: HashSet<_> = selected.iter().map(|(key, _)| key).collect();
    (keys.len() == selected.len()).then_some(Fields(selected))
}

fn add_fields<F>(
    selected: &mut Vec<(Key, Selected<F>)>,
    set: &SelectionSet,
    types: &[&str],
    select: fn(&Field) -> Option<F>,
) -> Option<()> {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) if field.node.name.node == "__typename" => {
                selected.push((key(&field.node), Selected::TypeName));
            }
            Selection::Field(field) => {
                selected.push((key(&field.node), Selected::Field(select(&field.node)?)));
            }
            Selection::InlineFragment(fragment) => {
                let condition = fragment.node.type_condition.as_ref();
                let applies = condition
                    .is_none_or(|condition| types.contains(&condition.node.on.node.as_str()));
                if !applies {
                    return None;
                }
                add_fields(selected, &fragment.node.selection_set.node, types, select)?;
            }
            Selection::FragmentSpread(_) => return None,
        }
    }
    Some(())
}

/// The type of a user, and its interface.
const USER: &[&str] = &["User", "Node"];

fn user_field(field: &Field) -> Option<UserField> {
    Some(match field.name.node.as_str() {
        "sessions" => UserField::Sessions {
            limit: limit(field)?,
            fields: fields(field, &["SessionConnection"], connection_field)?,
        },
        _ => UserField::State(state_field(field)?),
    })
}

fn state_field(field: &Field) -> Option<StateField> {
    Some(match field.name.node.as_str() {
        "createdAt" => StateField::CreatedAt,
        "activeSession" => StateField::ActiveSession(session(field)?),
        "alertCursor" => StateField::AlertCursor,
        _ => StateField::Identity(owner_field(field)?),
    })
}

fn login_field(field: &Field) -> Option<LoginField> {
    Some(match field.name.node.as_str() {
        "outcome" => LoginField::Outcome,
        "message" => LoginField::Message,
        "user" => LoginField::User(fields(field, USER, state_field)?),
        "session" => LoginField::Session(session(field)?),
        "token" => LoginField::Token,
        "matchNumber" | "retryAfterSeconds" | "holder" => LoginField::Null,
        _ => return None,
    })
}

fn owner_field(field: &Field) -> Option<OwnerField> {
    Some(match field.name.node.as_str() {
        "id" => OwnerField::Id,
        "mobile" => OwnerField::Mobile,
        "username" => OwnerField::Username,
        _ => return None,
    })
}

/// Returns the page size of a first page.
fn limit(field: &Field) -> Option<usize> {
    let first = match &field.arguments[..] {
        [] => None,
        [(name, value)] if name.node == "first" => {
            Some(value.node.to_string().parse::<i32>().ok()?)
        }
        _ => return None,
    };
    // The resolver rejects other page sizes, and 0 is a page of its own.
    let limit = page_size(first);
    first
        .is_none_or(|first| usize::try_from(first) == Ok(limit))
        .then_some(limit)
}

fn connection_field(field: &Field) -> Option<ConnectionField> {
    Some(match field.name.node.as_str() {
        "nodes" => ConnectionField::Nodes(session(field)?),
        "edges" => ConnectionField::Edges(fields(field, &["SessionEdge"], edge_field)?),
        "pageInfo" => ConnectionField::PageInfo(fields(field, &["PageInfo"], page_info_field)?),
        "totalCount" => ConnectionField::TotalCount,
        _ => return None,
    })
}

fn edge_field(field: &Field) -> Option<EdgeField> {
    Some(match field.name.node.as_str() {
        "cursor" => EdgeField::Cursor,
        "node" => EdgeField::Node(session(field)?),
        _ => return None,
    })
}

fn page_info_field(field: &Field) -> Option<PageInfoField> {
    Some(match field.name.node.as_str() {
        "hasNextPage" => PageInfoField::HasNextPage,
        "hasPreviousPage" => PageInfoField::HasPreviousPage,
        "startCursor" => PageInfoField::StartCursor,
        "endCursor" => PageInfoField::EndCursor,
        _ => return None,
    })
}

pub(super) fn session(field: &Field) -> Option<Fields<SessionField>> {
    fields(field, &["Session", "Node"], session_field)
}

fn session_field(field: &Field) -> Option<SessionField> {
    Some(match field.name.node.as_str() {
        "id" | "sessionKey" => SessionField::Key,
        "user" => SessionField::User(fields(field, USER, owner_field)?),
        "userAgent" => SessionField::UserAgent,
        "device" => SessionField::Device(fields(field, &["Device"], device_field)?),
        "ipAddress" => SessionField::IpAddress,
        "isValid" => SessionField::IsValid,
        "status" => SessionField::Status,
        "createdAt" => SessionField::CreatedAt,
        "lastSeenAt" => SessionField::LastSeenAt,
        "expiresAt" => SessionField::ExpiresAt,
        "endedAt" => SessionField::EndedAt,
        "endReason" => SessionField::EndReason,
        "endedBy" => SessionField::EndedBy,
        // `replacedBy` reads another session.
        _ => return None,
    })
}

pub(super) fn device_field(field: &Field) -> Option<DeviceField> {
    Some(match field.name.node.as_str() {
        "label" => DeviceField::Label,
        "browser" => DeviceField::Browser,
        "operatingSystem" => DeviceField::OperatingSystem,
        _ => return None,
    })
}
