//! The parts of a JSON text.

use std::{fmt::Display, io::Write as _};

use async_graphql::resolver_utils::EnumType;
use uuid::Uuid;

use super::plan::{Fields, Selected};
use crate::domain::Timestamp;

/// The initial capacity of a response in bytes. A user with two sessions takes up about 700.
const CAPACITY: usize = 1024;

/// A response that is being written.
pub(super) struct Json {
    pub body: Vec<u8>,
    /// The time of the whole response, so that its parts agree about a session that expires now.
    pub now: Timestamp,
}

impl Json {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            body: Vec::with_capacity(CAPACITY),
            now,
        }
    }

    pub(super) fn object<F>(
        &mut self,
        fields: &Fields<F>,
        type_name: &str,
        mut write: impl FnMut(&mut Self, &F),
    ) {
        self.raw("{");
        for (key, selected) in &fields.0 {
            self.raw(key);
            match selected {
                Selected::TypeName => self.plain(type_name),
                Selected::Field(field) => write(self, field),
            }
            self.raw(",");
        }
        self.end_object();
    }

    /// Replaces the comma after the last field. A valid selection has at least one field.
    pub(super) fn end_object(&mut self) {
        self.body.pop();
        self.raw("}");
    }

    pub(super) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.raw("[");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            write(self, item);
        }
        self.raw("]");
    }

    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    pub(super) fn null(&mut self) {
        self.raw("null");
    }

    pub(super) fn instant(&mut self, instant: Timestamp) {
        self.raw("\"");
        instant.append_to(&mut self.body);
        self.raw("\"");
    }

    /// Writes the name of an enum value.
    pub(super) fn name<T: EnumType>(&mut self, value: T) {
        let item = T::items().iter().find(|item| item.value == value);
        self.optional(item, |json, item| json.plain(item.name));
    }

    pub(super) fn uuid(&mut self, id: &Uuid) {
        self.plain(id.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    /// Writes a text that needs no escape as a string.
    pub(super) fn plain(&mut self, text: &str) {
        self.raw("\"");
        self.raw(text);
        self.raw("\"");
    }

    /// Writes a value whose text needs no escape as a string.
    pub(super) fn shown(&mut self, value: impl Display) {
        // Writing to a `Vec` does not fail.
        let _ = write!(self.body, "\"{value}\"");
    }

    pub(super) fn number(&mut self, value: i32) {
        let _ = write!(self.body, "{value}");
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    pub(super) fn string(&mut self, text: &str) {
        let _ = serde_json::to_writer(&mut self.body, text);
    }

    /// Appends JSON.
    pub(super) fn raw(&mut self, json: &str) {
        self.body.extend_from_slice(json.as_bytes());
    }
}
