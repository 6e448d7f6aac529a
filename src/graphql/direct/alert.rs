//! Writes the alerts of a subscription.

use async_graphql::parser::types::{Field, Selection, SelectionSet};

use super::{
    super::{
        messages,
        schema::{self, SessionAlert, SessionAlertKind},
    },
    json::Json,
    plan::{DeviceField, Fields, Key, Selected, SessionField, device_field, fields, key, session},
};
use crate::{
    access::Caller,
    domain::{Alert, Attempt, NumberMatch, Session},
    places::Place,
    service::Service,
};

/// How the alerts of a `sessionAlerts` are written.
#[derive(Debug)]
pub(in crate::graphql) struct AlertPlan {
    key: Key,
    fields: Fields<AlertField>,
}

#[derive(Debug)]
enum AlertField {
    Id,
    Sequence,
    Kind,
    Message,
    CreatedAt,
    Mobile,
    Session(Fields<SessionField>),
    Attempt(Fields<AttemptField>),
    FoldedCount,
}

#[derive(Debug)]
enum AttemptField {
    Id,
    UserAgent,
    Device(Fields<DeviceField>),
    IpAddress,
    Place(Fields<PlaceField>),
    IsNewPlace,
    IsNewDevice,
    MatchChoices,
    CreatedAt,
}

#[derive(Debug)]
enum PlaceField {
    CountryCode,
    Country,
    City,
    Network,
}

/// What an alert shows besides itself.
struct Shown<'a> {
    /// The alert with the present device of its attempt.
    alert: &'a Alert,
    mobile: &'a str,
    session: Option<Session>,
    choices: Option<[u8; NumberMatch::CHOICES]>,
    service: &'a Service,
}

impl AlertPlan {
    /// Returns the plan of a subscription without directives and without fragment spreads. Returns
    /// `None` if a part of it needs the resolvers.
    pub(in crate::graphql) fn of(selection_set: &SelectionSet) -> Option<Self> {
        let [selection] = &selection_set.items[..] else {
            return None;
        };
        let Selection::Field(field) = &selection.node else {
            return None;
        };
        let field = &field.node;
        if field.name.node != "sessionAlerts" {
            return None;
        }
        Some(Self {
            key: key(field),
            fields: fields(field, &["SessionAlert", "Node"], alert_field)?,
        })
    }

    /// Writes the response for an alert. Writes nothing if the caller may not see all of it, or if
    /// a field fails: the resolvers must then respond.
    pub(in crate::graphql) async fn write(
        &self,
        service: &Service,
        caller: &Caller,
        alert: &SessionAlert,
    ) -> Option<String> {
        if !alert.is_shown_whole() {
            return None;
        }
        let selects = |is_wanted: fn(&AlertField) -> bool| {
            let selected = self.fields.0.iter().map(|(_, selected)| selected);
            selected.filter_map(Selected::field).any(is_wanted)
        };
        let session = if selects(|field| matches!(field, AlertField::Session(_))) {
            alert.find_session(service).await.ok()?
        } else {
            None
        };
        let choices = if selects(AlertField::has_choices) {
            alert.match_choices(service, caller).await.ok()?
        } else {
            None
        };
        let shown = Shown {
            alert: alert.present(service).await.ok()?,
            mobile: alert.mobile_number(),
            session,
            choices,
            service,
        };
        let mut json = Json::new(service.now());
        json.raw("{\"data\":{");
        json.raw(&self.key);
        json.alert(&self.fields, &shown);
        json.raw("}}");
        String::from_utf8(json.body).ok()
    }
}

impl AlertField {
    fn has_choices(&self) -> bool {
        let Self::Attempt(fields) = self else {
            return false;
        };
        let selected = fields.0.iter().map(|(_, selected)| selected);
        selected
            .filter_map(Selected::field)
            .any(|field| matches!(field, AttemptField::MatchChoices))
    }
}

fn alert_field(field: &Field) -> Option<AlertField> {
    Some(match field.name.node.as_str() {
        "id" => AlertField::Id,
        "sequence" => AlertField::Sequence,
        "kind" => AlertField::Kind,
        "message" => AlertField::Message,
        "createdAt" => AlertField::CreatedAt,
        "mobile" => AlertField::Mobile,
        "session" => AlertField::Session(session(field)?),
        "attempt" => AlertField::Attempt(fields(field, &["LoginAttempt"], attempt_field)?),
        "foldedCount" => AlertField::FoldedCount,
        _ => return None,
    })
}

fn attempt_field(field: &Field) -> Option<AttemptField> {
    Some(match field.name.node.as_str() {
        "id" => AttemptField::Id,
        "userAgent" => AttemptField::UserAgent,
        "device" => AttemptField::Device(fields(field, &["Device"], device_field)?),
        "ipAddress" => AttemptField::IpAddress,
        "place" => AttemptField::Place(fields(field, &["Place"], place_field)?),
        "isNewPlace" => AttemptField::IsNewPlace,
        "isNewDevice" => AttemptField::IsNewDevice,
        "matchChoices" => AttemptField::MatchChoices,
        "createdAt" => AttemptField::CreatedAt,
        _ => return None,
    })
}

fn place_field(field: &Field) -> Option<PlaceField> {
    Some(match field.name.node.as_str() {
        "countryCode" => PlaceField::CountryCode,
        "country" => PlaceField::Country,
        "city" => PlaceField::City,
        "network" => PlaceField::Network,
        _ => return None,
    })
}

impl Json {
    fn alert(&mut self, fields: &Fields<AlertField>, shown: &Shown<'_>) {
        let alert = shown.alert;
        self.object(fields, "SessionAlert", |json, field| match field {
            AlertField::Id => json.shown(alert.id()),
            AlertField::Sequence => json.count(alert.sequence),
            AlertField::Kind => json.name(SessionAlertKind::from(alert.kind)),
            AlertField::Message => json.string(&messages::alert(alert)),
            AlertField::CreatedAt => json.instant(alert.created_at),
            AlertField::Mobile => json.string(shown.mobile),
            AlertField::Session(fields) => {
                json.optional(shown.session.as_ref(), |json, session| {
                    json.session(fields, session);
                });
            }
            AlertField::Attempt(fields) => {
                json.optional(alert.attempt.as_ref(), |json, attempt| {
                    json.attempt(fields, attempt, shown);
                });
            }
            AlertField::FoldedCount => json.count(alert.folded_count),
        });
    }

    fn attempt(&mut self, fields: &Fields<AttemptField>, attempt: &Attempt, shown: &Shown<'_>) {
        self.object(fields, "LoginAttempt", |json, field| match field {
            AttemptField::Id => json.shown(attempt.id),
            AttemptField::UserAgent => json.string(attempt.user_agent.as_str()),
            AttemptField::Device(fields) => json.device(fields, &attempt.user_agent),
            AttemptField::IpAddress => json.shown(attempt.address),
            AttemptField::Place(fields) => {
                json.optional(shown.service.place(attempt.address), |json, place| {
                    json.place(fields, &place);
                });
            }
            AttemptField::IsNewPlace => json.optional(attempt.newness.place, Self::boolean),
            AttemptField::IsNewDevice => json.optional(attempt.newness.device, Self::boolean),
            AttemptField::MatchChoices => json.optional(shown.choices, |json, choices| {
                json.list(&choices, |json, choice| json.number(i32::from(*choice)));
            }),
            AttemptField::CreatedAt => json.instant(attempt.created_at),
        });
    }

    fn place(&mut self, fields: &Fields<PlaceField>, place: &Place) {
        self.object(fields, "Place", |json, field| {
            let text = match field {
                PlaceField::CountryCode => &place.country_code,
                PlaceField::Country => &place.country,
                PlaceField::City => &place.city,
                PlaceField::Network => &place.network,
            };
            json.optional(text.as_deref(), Self::string);
        });
    }

    /// Writes a number as [`schema::count`] shows it.
    fn count(&mut self, count: impl TryInto<i32>) {
        self.number(schema::count(count));
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    fn has_plan(selection: &str) -> bool {
        let document = parse_query(format!("subscription {{ {selection} }}")).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        AlertPlan::of(&operation.node.selection_set.node).is_some()
    }

    #[test]
    fn alerts_are_written_directly_unless_a_field_needs_a_resolver() {
        for selection in [
            "sessionAlerts { id kind message createdAt }",
            "news: sessionAlerts(after: $after) { __typename ... on Node { id } }",
            "sessionAlerts { session { status user { id } } attempt { matchChoices place { city } } }",
        ] {
            assert!(has_plan(selection), "{selection}");
        }
        for selection in [
            "sessionEvents { cursor }",
            "sessionAlerts { ...Alert }",
            "sessionAlerts { id id }",
            "sessionAlerts { session { replacedBy { id } } }",
            "sessionAlerts { session { user { createdAt } } }",
        ] {
            assert!(!has_plan(selection), "{selection}");
        }
    }
}
