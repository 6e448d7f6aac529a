//! Messages of the MongoDB wire protocol, as far as the relay reads them.

use std::fmt;

use bson::{Document, doc};
use tokio::{io::AsyncReadExt, net::tcp::OwnedReadHalf};

/// The size of a message's header, and the opcode of a command (MongoDB wire protocol, `OP_MSG`).
const HEADER_LENGTH: usize = 16;
const OP_MSG: i32 = 2013;

/// The commands that count as statements. The other ones open, keep or close connections.
const STATEMENTS: [&str; 10] = [
    "abortTransaction",
    "aggregate",
    "bulkWrite",
    "commitTransaction",
    "count",
    "delete",
    "find",
    "findAndModify",
    "insert",
    "update",
];

/// A statement that a store has sent. The commands of change streams do not count.
#[derive(Clone)]
pub struct Statement {
    /// The name of the command, such as `find`.
    pub name: String,
    /// The collection. Empty for the end of a transaction.
    pub collection: String,
    /// The whole command.
    pub command: Document,
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.command)
    }
}

impl Statement {
    /// The filters of the statement: one for each update or deletion that it contains.
    pub fn filters(&self) -> Vec<Document> {
        let mut filters = Vec::new();
        for batch in ["updates", "deletes"] {
            let parts = self.command.get_array(batch).into_iter().flatten();
            filters.extend(parts.filter_map(|part| part.as_document()?.get_document("q").ok()));
        }
        for field in ["filter", "query"] {
            filters.extend(self.command.get_document(field).ok());
        }
        let first_stage = self
            .command
            .get_array("pipeline")
            .ok()
            .and_then(|stages| stages.first()?.as_document()?.get_document("$match").ok());
        filters.extend(first_stage);
        filters.into_iter().cloned().collect()
    }

    /// True if the statement contains this value anywhere, in its stored form.
    pub fn contains(&self, value: &[u8]) -> bool {
        let command = self.command.to_vec().unwrap();
        command.windows(value.len()).any(|bytes| bytes == value)
    }
}

pub(super) async fn read_message(stream: &mut OwnedReadHalf) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; HEADER_LENGTH];
    stream.read_exact(&mut message).await?;
    let length = usize::try_from(integer(&message, 0)).unwrap();
    message.resize(length, 0);
    stream.read_exact(&mut message[HEADER_LENGTH..]).await?;
    Ok(message)
}

fn integer(bytes: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Returns the statement in a message. `None` for another message.
pub(super) fn statement_of(message: &[u8]) -> Option<Statement> {
    if integer(message, 12) != OP_MSG {
        return None;
    }
    let command = command_of(&message[HEADER_LENGTH + 4..]);
    let (name, value) = command.iter().next()?;
    if !STATEMENTS.contains(&name.as_str()) {
        return None;
    }
    let is_change_stream = command.get_array("pipeline").is_ok_and(|stages| {
        let first = stages.first().and_then(|stage| stage.as_document());
        first.is_some_and(|stage| stage.contains_key("$changeStream"))
    });
    (!is_change_stream).then(|| Statement {
        name: name.clone(),
        collection: value.as_str().unwrap_or_default().to_owned(),
        command: command.clone(),
    })
}

/// Joins the sections of a message to one command: a document, and sequences of documents.
fn command_of(mut sections: &[u8]) -> Document {
    let mut command = Document::new();
    // A checksum of four bytes may follow the sections.
    while sections.len() > 4 {
        let (kind, rest) = (sections[0], &sections[1..]);
        let length = usize::try_from(integer(rest, 0)).unwrap();
        let mut section = &rest[..length];
        sections = &rest[length..];
        if kind == 0 {
            let body = Document::from_reader(section).unwrap();
            command = body.into_iter().chain(command).collect();
            continue;
        }
        section = &section[4..];
        let name_end = section.iter().position(|byte| *byte == 0).unwrap();
        let name = String::from_utf8(section[..name_end].to_vec()).unwrap();
        section = &section[name_end + 1..];
        let mut documents = Vec::new();
        while !section.is_empty() {
            documents.push(Document::from_reader(&mut section).unwrap());
        }
        command.insert(name, documents);
    }
    command
}

/// The response to a message: an error with this code.
pub(super) fn rejection(request: &[u8], code: i32) -> Vec<u8> {
    let body = doc! { "ok": 0.0, "code": code, "errmsg": "the relay rejects this statement" };
    let body = body.to_vec().unwrap();
    let length = i32::try_from(HEADER_LENGTH + 5 + body.len()).unwrap();
    let header = [length, 0, integer(request, 4), OP_MSG, 0];
    let mut message: Vec<u8> = header.into_iter().flat_map(i32::to_le_bytes).collect();
    // The kind of the section: a document.
    message.push(0);
    message.extend(body);
    message
}
