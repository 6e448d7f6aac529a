//! A gateway between a client and sessiond, with an application behind it.

use std::{net::Ipv4Addr, ops::Deref};

use reqwest::{Method, RequestBuilder};
use sessiond_test_support::{
    ApiClient, Binary, SERVICE_KEY, ServerProcess, free_port, sessiond_binary,
};
use tempfile::TempDir;

use crate::{
    application::Application,
    program::{Addresses, Program, RunningProgram},
};

const SESSIOND: Binary = sessiond_binary!();

/// A running gateway. Dereferences to a client that sends its requests through the gateway.
pub struct Gateway {
    client: ApiClient,
    http: reqwest::Client,
    pub sessiond: ServerProcess,
    pub application: Application,
    // Must be dropped before the folder.
    _program: RunningProgram,
    _folder: TempDir,
}

impl Deref for Gateway {
    type Target = ApiClient;

    fn deref(&self) -> &ApiClient {
        &self.client
    }
}

impl Gateway {
    pub async fn start(program: Program) -> Self {
        // All recipes name the client's address in this header.
        let server = SESSIOND.server().service_key();
        let server = server.flags(&["--client-ip-source=x-real-ip"]);
        let (sessiond, application) = tokio::join!(server.start(), Application::start());
        let folder = tempfile::tempdir().unwrap();
        let addresses = Addresses {
            public: (Ipv4Addr::LOCALHOST, free_port()).into(),
            sessiond: sessiond.address,
            application: application.address,
        };
        let program = program.start(addresses, folder.path()).await;
        Self {
            client: ApiClient::new(addresses.public, Some(SERVICE_KEY)),
            http: reqwest::Client::new(),
            sessiond,
            application,
            _program: program,
            _folder: folder,
        }
    }

    /// A request of this method through the gateway.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, self.url(path))
    }
}
