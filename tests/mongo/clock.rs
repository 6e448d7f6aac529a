//! A clock that is set back, on the MongoDB store.

use sessiond_test_support::{MongoDatabase, TestServer, clock_steps};

async fn server_on(database: &MongoDatabase) -> TestServer {
    TestServer::with_flags(&[&format!("--database={}", database.uri)]).await
}

#[tokio::test]
async fn limits_hold_after_the_clock_is_set_back() {
    let database = MongoDatabase::new().await;
    let server = server_on(&database).await;
    clock_steps::limits_hold_after_the_clock_is_set_back(&server).await;
}

#[tokio::test]
async fn limits_hold_after_the_clock_is_set_back_between_runs() {
    let database = MongoDatabase::new().await;
    let server = server_on(&database).await;
    clock_steps::limits_hold_after_the_clock_is_set_back_between_runs(server).await;
}
