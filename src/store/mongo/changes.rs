//! One change stream a node on `users` -> hints.
//!
//! It holds one connection of the driver's pool. It resumes from its token by itself where it breaks; where the token
//! has left the server's log it starts anew. Either way it then says [`ChangeNotification::Resync`], and the alerts' own log tells
//! what was missed.

use std::time::Duration;

use bson::{RawDocument, RawDocumentBuf, doc};
use mongodb::{
    Collection,
    change_stream::{ChangeStream, event::ResumeToken},
    error::Error,
};
use serde::Deserialize;
use tokio::{sync::broadcast, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    documents::user_id,
    errors::{describe, is_connection},
};
use crate::store::ChangeNotification;

/// How long the server waits for a change before it answers that there is none.
const SERVER_WAITS: Duration = Duration::from_secs(1);

/// A stream that does not even say that there is nothing for so long is taken to be lost.
const SILENCE: Duration = Duration::from_secs(15);

/// How long opening a stream may take.
const OPENING: Duration = Duration::from_secs(10);

/// How long until a lost stream is opened again: doubled each time, up to [`PAUSE_MOST`].
const PAUSE_LEAST: Duration = Duration::from_millis(100);
const PAUSE_MOST: Duration = Duration::from_secs(5);

type Stream = ChangeStream<RawDocumentBuf>;

/// Starts watching. What is committed after this returns is hinted at, until `stop`.
pub(super) async fn start(
    users: Collection<RawDocumentBuf>,
    hints: broadcast::Sender<ChangeNotification>,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, Error> {
    let stream = open(&users, None).await?;
    let watcher = Watcher { users, hints };
    let following = async move {
        let _ = stop.run_until_cancelled(watcher.run(stream)).await;
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the store stops the task, and waits for it when it is closed"
    )]
    Ok(tokio::spawn(following))
}

async fn open(
    users: &Collection<RawDocumentBuf>,
    token: Option<ResumeToken>,
) -> Result<Stream, Error> {
    // Whole events would bring password hashes here.
    let projection = doc! { "$project": {
        "operationType": 1,
        "ns": 1,
        "documentKey": 1,
        "fullDocument.hint": 1,
        "updateDescription.updatedFields.hint": 1,
    } };
    let stream = users
        .watch()
        .pipeline([projection])
        .max_await_time(SERVER_WAITS)
        .resume_after(token)
        .await?;
    Ok(stream.with_type())
}

struct Watcher {
    users: Collection<RawDocumentBuf>,
    hints: broadcast::Sender<ChangeNotification>,
}

impl Watcher {
    async fn run(&self, mut stream: Stream) {
        loop {
            let token = self.follow(&mut stream).await;
            stream = self.reopen(token).await;
            self.say(ChangeNotification::Resync);
        }
    }

    fn say(&self, hint: ChangeNotification) {
        // An error says that nobody listens.
        let _ = self.hints.send(hint);
    }

    /// Passes changes on until the stream breaks. Answers where to go on, where that can be.
    async fn follow(&self, stream: &mut Stream) -> Option<ResumeToken> {
        loop {
            match timeout(SILENCE, stream.next_if_any()).await {
                Ok(Ok(Some(event))) => match change(&event) {
                    Change::Notification(hint) => self.say(hint),
                    Change::End => {
                        tracing::warn!("the users' collection was dropped or renamed");
                        return None;
                    }
                },
                Ok(Ok(None)) if stream.is_alive() => {}
                Ok(Ok(None)) => return None,
                Ok(Err(error)) => {
                    tracing::warn!(error = describe(&error), "the change stream broke");
                    return stream.resume_token().filter(|_| is_connection(&error));
                }
                Err(_) => {
                    tracing::warn!("the change stream fell silent");
                    return stream.resume_token();
                }
            }
        }
    }

    async fn reopen(&self, mut token: Option<ResumeToken>) -> Stream {
        let mut pause = PAUSE_LEAST;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MOST);
            match timeout(OPENING, open(&self.users, token.clone())).await {
                Ok(Ok(stream)) => {
                    tracing::info!(resumed = token.is_some(), "the change stream is open again");
                    return stream;
                }
                Ok(Err(error)) => {
                    tracing::warn!(
                        error = describe(&error),
                        "the change stream cannot be opened"
                    );
                    // The server refuses the token, for example since it has left the log (error 286).
                    if !is_connection(&error) {
                        token = None;
                    }
                }
                Err(_) => tracing::warn!("the change stream cannot be opened in time"),
            }
        }
    }
}

enum Change {
    Notification(ChangeNotification),
    End,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    operation_type: &'a str,
    document_key: Option<Key>,
    #[serde(borrow)]
    full_document: Option<Fields<'a>>,
    #[serde(borrow)]
    update_description: Option<UpdateDescription<'a>>,
}

#[derive(Debug, Deserialize)]
struct Key {
    #[serde(rename = "_id")]
    id: bson::Uuid,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UpdateDescription<'a> {
    #[serde(borrow)]
    updated_fields: Option<Fields<'a>>,
}

#[derive(Debug, Deserialize)]
struct Fields<'a> {
    hint: Option<&'a str>,
}

/// What an event says. One that cannot be read, or is no commit's, says to look everywhere.
fn change(event: &RawDocument) -> Change {
    let Ok(event) = bson::deserialize_from_slice::<Event<'_>>(event.as_bytes()) else {
        return Change::Notification(ChangeNotification::Resync);
    };
    let user = event.document_key.map(|key| user_id(key.id));
    let fields = event.full_document.or(event
        .update_description
        .and_then(|update| update.updated_fields));
    let sequence = fields
        .and_then(|fields| fields.hint)
        .and_then(|hint| hint.split_once('/'))
        .and_then(|(_, sequence)| sequence.parse().ok());
    Change::Notification(match (event.operation_type, user, sequence) {
        ("insert" | "update" | "replace", Some(user), Some(sequence)) => {
            ChangeNotification::Changed { user, sequence }
        }
        ("delete", Some(user), _) => ChangeNotification::Changed { user, sequence: 0 },
        ("drop" | "rename" | "dropDatabase" | "invalidate", ..) => return Change::End,
        _ => ChangeNotification::Resync,
    })
}
