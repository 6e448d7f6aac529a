//! Opening the database: a replica set or a sharded cluster, of a version that this one knows.
//!
//! No sentence here quotes the URI or what the driver says of it: either may hold the password, or a piece of it.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::{
    Client,
    error::{Error, ErrorKind},
    options::ClientOptions,
};

use super::{
    collections::Collections,
    errors::{code, describe, is_duplicate, is_index_conflict},
};
use crate::store::OpenError;

/// The version of the layout that [`super::collections`] describes.
const SCHEMA: i64 = 1;

/// The database's name where the URI gives none.
const DATABASE: &str = "sessiond";

/// How long an operation looks for a server, where the URI does not say.
const SERVER_SELECTION: Duration = Duration::from_secs(5);

/// Connections of a node to one server, where the URI does not say: one for the change stream, the others each for
/// a request that is being served. Past that a request waits for one, within its own limit.
const POOL: u32 = 100;

/// How long opening may take in all.
const OPENING: Duration = Duration::from_mins(1);

/// What opening does, within its limit.
pub(super) async fn in_time<T>(
    work: impl Future<Output = Result<T, OpenError>>,
) -> Result<T, OpenError> {
    tokio::time::timeout(OPENING, work)
        .await
        .unwrap_or_else(|_| Err(OpenError("the database did not answer in time".to_owned())))
}

/// Connects, and brings the database to this version.
pub(super) async fn open(uri: &str, retention: Duration) -> Result<Collections, OpenError> {
    let options = parse(uri).await?;
    let hosts = options
        .hosts
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    let name = options
        .default_database
        .clone()
        .unwrap_or_else(|| DATABASE.to_owned());
    let client = Client::with_options(options).map_err(|_| {
        OpenError("the options in the database's URI contradict each other".to_owned())
    })?;
    check_deployment(&client, &hosts).await?;
    let collections = Collections::of(&client, &name);
    check_schema(&collections).await?;
    collections.create(retention).await.map_err(|error| {
        if is_index_conflict(&error) {
            return OpenError(format!(
                "the database {name} has an index that differs from this version's; drop it, and start again"
            ));
        }
        cannot("make the collections and indexes of", &name, &error)
    })?;
    Ok(collections)
}

async fn parse(uri: &str) -> Result<ClientOptions, OpenError> {
    let wrong = || {
        OpenError(
            "the database's URI cannot be read; it must be mongodb://host:port/name or mongodb+srv://host/name, \
             with user:password@ before the host where the server asks for it, and with each of / : @ ? # % in the \
             name or password percent-encoded"
                .to_owned(),
        )
    };
    // A password with a bare slash would end the hosts too early, and be taken for one in part.
    let hosts_end = uri
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'));
    if hosts_end.is_some_and(|(_, path)| path.split('?').next().unwrap_or_default().contains('@')) {
        return Err(wrong());
    }
    let mut options = ClientOptions::parse(uri)
        .await
        .map_err(|error| match *error.kind {
            ErrorKind::DnsResolve { .. } => OpenError(
                "the hosts of the mongodb+srv:// URI cannot be looked up in the DNS".to_owned(),
            ),
            _ => wrong(),
        })?;
    options
        .app_name
        .get_or_insert_with(|| "sessiond".to_owned());
    options
        .server_selection_timeout
        .get_or_insert(SERVER_SELECTION);
    options.connect_timeout.get_or_insert(SERVER_SELECTION);
    options.max_pool_size.get_or_insert(POOL);
    Ok(options)
}

/// What a server says of its place in the cluster.
pub(super) async fn hello(client: &Client) -> mongodb::error::Result<Document> {
    client
        .database("admin")
        .run_command(doc! { "hello": 1 })
        .await
}

/// A standalone server has neither transactions nor change streams.
async fn check_deployment(client: &Client, hosts: &str) -> Result<(), OpenError> {
    let hello = hello(client).await.map_err(|error| {
        OpenError(match &*error.kind {
            ErrorKind::ServerSelection { .. } | ErrorKind::Io(_) => {
                format!("cannot reach MongoDB at {hosts}: {}", describe(&error))
            }
            ErrorKind::Authentication { .. } => {
                format!("MongoDB at {hosts} refuses the user name or the password in the URI")
            }
            _ => format!("cannot use MongoDB at {hosts}: {}", describe(&error)),
        })
    })?;
    let is_router = hello.get_str("msg").is_ok_and(|text| text == "isdbgrid");
    if hello.contains_key("setName") || is_router {
        return Ok(());
    }
    Err(OpenError(format!(
        "MongoDB at {hosts} is a standalone server; sessiond needs a replica set (of one member at least) or a sharded \
         cluster, for transactions and change streams"
    )))
}

async fn check_schema(collections: &Collections) -> Result<(), OpenError> {
    let name = collections.database.name();
    let failed = |error: Error| cannot("read", name, &error);
    let this = doc! { "_id": "schema" };
    let first = doc! { "$setOnInsert": { "version": SCHEMA } };
    let found = collections
        .meta
        .find_one(this.clone())
        .await
        .map_err(failed)?;
    let Some(found) = found else {
        return match collections.meta.update_one(this, first).upsert(true).await {
            Ok(_) => Ok(()),
            // Another node was faster, of this version most likely; if not, it refuses at the next start.
            Err(error) if is_duplicate(&error) => Ok(()),
            Err(error) => Err(cannot("write to", name, &error)),
        };
    };
    match found.get_i64("version") {
        Ok(version) if version <= SCHEMA => Ok(()),
        Ok(_) => Err(OpenError(format!(
            "the database {name} was written by a newer version of sessiond; run that version, or restore a backup"
        ))),
        Err(_) => Err(OpenError(format!(
            "the database {name} is not one of sessiond's"
        ))),
    }
}

fn cannot(what: &str, name: &str, error: &Error) -> OpenError {
    OpenError(match code(error) {
        // Unauthorized.
        Some(13) => {
            format!(
                "the user in the URI may not {what} the database {name}; it needs the role readWrite, and dbAdmin \
                 where --retention was changed"
            )
        }
        _ => format!("cannot {what} the database {name}: {}", describe(error)),
    })
}

/// The driver's words for a stream that could not be started.
pub(super) fn cannot_watch(error: &Error) -> OpenError {
    OpenError(format!(
        "cannot watch the database for changes: {}",
        describe(error)
    ))
}
