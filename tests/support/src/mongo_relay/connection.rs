//! One connection through the relay.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{
    Fault, Shared,
    message::{read_message, rejection, statement_of},
};

/// One connection.
struct Connection {
    to_client: tokio::sync::Mutex<OwnedWriteHalf>,
    /// True if the next response must be lost.
    loses_response: AtomicBool,
    /// True if the relay goes down with that response.
    goes_down: AtomicBool,
}

pub(super) async fn relay(client: TcpStream, server: TcpStream, shared: &Shared) {
    // A driver waits for each response, so Nagle's algorithm would only delay the messages.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let connection = Connection {
        to_client: tokio::sync::Mutex::new(to_client),
        loses_response: AtomicBool::new(false),
        goes_down: AtomicBool::new(false),
    };
    let mut is_down = shared.is_down.subscribe();
    tokio::select! {
        _ = forward_requests(from_client, to_server, &connection, shared) => {}
        _ = forward_responses(from_server, &connection, shared) => {}
        _ = is_down.wait_for(|is_down| *is_down) => {}
    }
}

/// Forwards messages of the client until the connection ends. The error says nothing.
async fn forward_requests(
    mut from_client: OwnedReadHalf,
    mut to_server: OwnedWriteHalf,
    connection: &Connection,
    shared: &Shared,
) -> std::io::Result<()> {
    loop {
        let message = read_message(&mut from_client).await?;
        let statement = statement_of(&message);
        if statement.is_some() {
            shared.pass_gate().await;
        }
        let fault = statement.and_then(|statement| shared.judge(statement));
        match fault {
            None => {}
            Some((Fault::LoseRequest, goes_down)) => {
                if goes_down {
                    shared.is_down.send_replace(true);
                }
                return Ok(());
            }
            Some((Fault::LoseResponse, goes_down)) => {
                connection.goes_down.store(goes_down, Ordering::SeqCst);
                connection.loses_response.store(true, Ordering::SeqCst);
            }
            Some((Fault::Reject(code), _)) => {
                let response = rejection(&message, code);
                connection
                    .to_client
                    .lock()
                    .await
                    .write_all(&response)
                    .await?;
                continue;
            }
        }
        to_server.write_all(&message).await?;
    }
}

/// Forwards messages of the server until the connection ends.
async fn forward_responses(
    mut from_server: OwnedReadHalf,
    connection: &Connection,
    shared: &Shared,
) -> std::io::Result<()> {
    loop {
        let message = read_message(&mut from_server).await?;
        if connection.loses_response.load(Ordering::SeqCst) {
            if connection.goes_down.load(Ordering::SeqCst) {
                shared.is_down.send_replace(true);
            }
            return Ok(());
        }
        connection
            .to_client
            .lock()
            .await
            .write_all(&message)
            .await?;
    }
}
