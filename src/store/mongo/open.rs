//! Opens the database: connects, and checks that the deployment is a replica set or a sharded
//! cluster.
//!
//! No error in this file quotes the URI or the driver's message about it: both may contain the
//! password or a part of it.

use std::time::Duration;

use bson::{Document, doc};
use mongodb::{
    Client,
    error::{Error, ErrorKind},
    options::ClientOptions,
};

use super::{
    collections::Collections,
    errors::{code, describe, is_index_conflict},
    layout,
    migrate::{self, Migration},
};
use crate::store::OpenError;

/// The server's error code for an operation that the user has no permission for.
const UNAUTHORIZED: i32 = 13;

/// The name of the database if the URI has none.
const DEFAULT_DATABASE: &str = "sessiond";

/// The time limit for server selection, and for connecting, unless the URI sets one.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum number of connections from a node to one server, unless the URI sets one. The change
/// stream always uses one of them, and each query uses one while it runs. If all are in use, an
/// operation waits within its time limit.
const DEFAULT_MAX_POOL_SIZE: u32 = 100;

/// The time limit for opening the database, including all steps but a migration.
const OPEN_TIMEOUT: Duration = Duration::from_mins(1);

/// Runs `work`, and fails if it takes longer than [`OPEN_TIMEOUT`].
pub(super) async fn within_timeout<T>(
    work: impl Future<Output = Result<T, OpenError>>,
) -> Result<T, OpenError> {
    tokio::time::timeout(OPEN_TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(OpenError("the database did not respond in time".to_owned())))
}

/// Connects, and checks the deployment. `retention` is that of the TTL indexes.
pub(super) async fn connect(uri: &str, retention: Duration) -> Result<Collections, OpenError> {
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
        .unwrap_or_else(|| DEFAULT_DATABASE.to_owned());
    let client = Client::with_options(options).map_err(|_| {
        OpenError("the options of the database's URI contradict each other".to_owned())
    })?;
    check_deployment(&client, &hosts).await?;
    Ok(Collections::of(&client, &name, retention))
}

/// Creates missing collections and indexes.
pub(super) async fn create(collections: &Collections) -> Result<(), OpenError> {
    collections.create().await.map_err(|error| {
        let name = collections.database.name();
        if is_index_conflict(&error) {
            return OpenError(format!(
                "the database {name} has an index that differs from this version's; drop the \
                 index, and start again"
            ));
        }
        cannot("create the collections and indexes of", name, &error)
    })
}

/// Migrates a database of the former layout. Takes as long as it takes: a migration that is
/// interrupted continues with the next start.
pub(super) async fn migrate(collections: &Collections) -> Result<Migration, OpenError> {
    let name = collections.database.name();
    let failed = |error: Error| cannot("migrate", name, &error);
    layout::begin_migration(collections).await.map_err(failed)?;
    create(collections).await?;
    migrate::run(collections).await.map_err(failed)
}

/// Counts the users whose documents a migration would convert.
pub(super) async fn count_former_users(collections: &Collections) -> Result<u64, OpenError> {
    let field = migrate::FORMER_FIELD;
    let former = doc! { field: { "$exists": true } };
    let count = collections.users.count_documents(former).await;
    count.map_err(|error| cannot("read", collections.database.name(), &error))
}

async fn parse(uri: &str) -> Result<ClientOptions, OpenError> {
    // An unescaped slash in a password ends the hosts too early, and the driver would take a part
    // of the password for a host.
    let hosts_end = uri
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'));
    if hosts_end.is_some_and(|(_, path)| path.split('?').next().unwrap_or_default().contains('@')) {
        return Err(invalid_uri());
    }
    let mut options = match ClientOptions::parse(uri).await {
        Ok(options) => options,
        Err(error) => return Err(explain(uri, &error).await),
    };
    if let Some(name @ ("admin" | "config" | "local")) = options.default_database.as_deref() {
        return Err(OpenError(format!(
            "the database {name} belongs to MongoDB itself; name another one in the URI, such as \
             mongodb://host/sessiond, and add ?authSource={name} if the user is defined in {name}"
        )));
    }
    if options
        .default_database
        .iter()
        .any(|name| name.contains('.'))
    {
        return Err(OpenError(
            "the name of the database in the URI must not contain a dot".to_owned(),
        ));
    }
    options
        .app_name
        .get_or_insert_with(|| "sessiond".to_owned());
    options
        .server_selection_timeout
        .get_or_insert(DEFAULT_CONNECT_TIMEOUT);
    options
        .connect_timeout
        .get_or_insert(DEFAULT_CONNECT_TIMEOUT);
    options.max_pool_size.get_or_insert(DEFAULT_MAX_POOL_SIZE);
    Ok(options)
}

fn invalid_uri() -> OpenError {
    OpenError(
        "the database's URI cannot be read; it must be mongodb://host:port/name or \
         mongodb+srv://host/name, with user:password@ before the host if the server requires it, \
         and with each of / : @ ? # % in the user name or password percent-encoded"
            .to_owned(),
    )
}

/// Explains why the driver cannot parse the URI. Names an option of the URI only if it cannot be a
/// part of a password.
async fn explain(uri: &str, error: &Error) -> OpenError {
    if matches!(*error.kind, ErrorKind::DnsResolve { .. }) {
        return OpenError(
            "the hosts of the mongodb+srv:// URI could not be resolved by DNS".to_owned(),
        );
    }
    let Some((base, options)) = uri
        .split_once('?')
        .filter(|(_, after)| !after.contains('@'))
    else {
        return invalid_uri();
    };
    if ClientOptions::parse(base).await.is_err() {
        return invalid_uri();
    }
    for option in options.split('&') {
        let Some((name, _)) = option.split_once('=') else {
            return OpenError("an option of the database's URI has no `=` and no value".to_owned());
        };
        if ClientOptions::parse(format!("{base}?{option}"))
            .await
            .is_err()
        {
            return OpenError(format!(
                "the option {name} of the database's URI is unknown, or its value is invalid"
            ));
        }
    }
    OpenError("the options of the database's URI contradict each other".to_owned())
}

/// Returns the server's description of its role in the cluster.
pub(super) async fn hello(client: &Client) -> mongodb::error::Result<Document> {
    client
        .database("admin")
        .run_command(doc! { "hello": 1 })
        .await
}

/// Rejects a standalone server, which has neither change streams nor majority writes.
async fn check_deployment(client: &Client, hosts: &str) -> Result<(), OpenError> {
    let hello = hello(client).await.map_err(|error| {
        OpenError(match &*error.kind {
            ErrorKind::ServerSelection { .. } | ErrorKind::Io(_) => {
                format!("cannot reach MongoDB at {hosts}: {}", describe(&error))
            }
            ErrorKind::Authentication { .. } => {
                format!("MongoDB at {hosts} rejects the user name or the password in the URI")
            }
            _ => format!("cannot use MongoDB at {hosts}: {}", describe(&error)),
        })
    })?;
    let is_router = hello.get_str("msg").is_ok_and(|text| text == "isdbgrid");
    if hello.contains_key("setName") || is_router {
        return Ok(());
    }
    Err(OpenError(format!(
        "MongoDB at {hosts} is a standalone server; sessiond needs a replica set (one member is \
         enough) or a sharded cluster, for change streams and majority writes"
    )))
}

pub(super) fn cannot(action: &str, name: &str, error: &Error) -> OpenError {
    OpenError(match code(error) {
        Some(UNAUTHORIZED) => {
            format!(
                "the user in the URI may not {action} the database {name}; it needs the role \
                 readWrite, and dbAdmin if --retention was changed"
            )
        }
        _ => format!("cannot {action} the database {name}: {}", describe(error)),
    })
}

/// Returns the error for a change stream that could not be opened.
pub(super) fn cannot_watch(error: &Error) -> OpenError {
    OpenError(format!(
        "cannot watch the database for changes: {}",
        describe(error)
    ))
}
