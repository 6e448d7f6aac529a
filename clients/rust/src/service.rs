//! The calls that a back end sends with its service key.

use std::{fmt, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{CreatedUser, Error, Login, LoginInput, UserInput, http_client::HttpClient};

const LOGIN: &str = "mutation Login($input: LoginInput!) { login(input: $input) {
    outcome message token matchNumber retryAfterSeconds session { sessionKey } } }";
const CREATE_USER: &str = "mutation CreateUser($input: CreateUserInput!) {
    createUser(input: $input) { token session { sessionKey } user { id } } }";
const INVALIDATE: &str = "mutation Invalidate($input: InvalidateSessionInput!) {
    invalidateSession(input: $input) { session { sessionKey } } }";

/// Sends calls as the service. The back end vouches for its users: it has authenticated them itself,
/// so it sends no password.
#[derive(Clone)]
pub struct ServiceClient {
    http: HttpClient,
    key: String,
}

/// The service key is a secret, and is not written.
impl fmt::Debug for ServiceClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServiceClient")
            .finish_non_exhaustive()
    }
}

impl ServiceClient {
    /// A client of the server at `address`, with a service key.
    ///
    /// # Errors
    ///
    /// Returns an error if the address is not one of a server.
    pub fn new(address: &str, key: &str) -> Result<Self, Error> {
        Ok(Self {
            http: HttpClient::new(address, Duration::from_secs(15))?,
            key: key.to_owned(),
        })
    }

    /// Registers a user, and opens a session on the user's device.
    ///
    /// # Errors
    ///
    /// Returns `MOBILE_TAKEN` if a user has the number, `INVALID_INPUT` for a wrong value, and every
    /// error of [`request`](Self::request).
    pub async fn create_user(&self, input: &UserInput) -> Result<CreatedUser, Error> {
        let mut data = self.request(CREATE_USER, json!({ "input": input })).await?;
        read(data["createUser"].take())
    }

    /// Logs a user in whom this back end has authenticated. Give the token to the user's device.
    ///
    /// # Errors
    ///
    /// Returns `INVALID_CREDENTIALS` if no user has this number and name, `FROZEN`, and every error
    /// of [`request`](Self::request). A login that is refused because of another device is not an
    /// error.
    pub async fn login(&self, input: &LoginInput) -> Result<Login, Error> {
        let mut data = self.request(LOGIN, json!({ "input": input })).await?;
        read(data["login"].take())
    }

    /// Ends a session. Succeeds if it has ended already.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such session, and every error of
    /// [`request`](Self::request).
    pub async fn invalidate_session(&self, session_key: Uuid) -> Result<(), Error> {
        let variables = json!({ "input": { "sessionKey": session_key.to_string() } });
        self.request(INVALIDATE, variables).await.map(drop)
    }

    /// Sends any query or mutation, and returns its data.
    ///
    /// # Errors
    ///
    /// Returns the error of the server, such as `FORBIDDEN` if the key lacks a scope, or
    /// `UNREACHABLE` if no response arrived.
    pub async fn request(&self, query: &str, variables: impl Serialize) -> Result<Value, Error> {
        self.http.post(&self.key, query, variables).await
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_json::from_value(value)
        .map_err(|error| Error::BadResponse(format!("the response cannot be read: {error}")))
}
