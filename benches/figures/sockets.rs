//! How much memory an idle subscriber holds: a session of its own, a socket and `sessionAlerts`. Beside it stands what
//! the same number of sockets hold that ask for nothing.

use serde_json::json;

use crate::{
    node::Node,
    support::{Socket, Subscription},
};

const MANY: u32 = 1000;

pub async fn print(node: &Node) {
    let mut tokens = Vec::new();
    for n in 0..MANY {
        tokens.push(node.token(&format!("90124{n:05}")).await);
    }
    let at_first = node.memory().await;
    let mut silent = Vec::new();
    for token in &tokens {
        silent.push(Socket::open(node.address, Some(token)).await);
    }
    let with_sockets = node.memory().await;
    let mut subscribers = Vec::new();
    for (socket, n) in silent.into_iter().zip(0..MANY) {
        subscribers.push(Subscription::live(socket, &format!("90124{n:05}")).await);
    }
    let with_subscribers = node.memory().await;
    let each = |from: u32, to: u32| f64::from(to.saturating_sub(from)) / f64::from(MANY);
    println!("\nMemory, kB each of {MANY}:   a subscriber    a socket that asks for nothing");
    println!(
        "                          {:>14.1}    {:>30.1}",
        each(at_first, with_subscribers),
        each(at_first, with_sockets)
    );
    // They are there yet.
    node.login("9012400000", json!({})).await;
    assert_eq!(subscribers[0].kind().await, "LOGIN_REFUSED");
}
