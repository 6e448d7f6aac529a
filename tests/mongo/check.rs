//! `sessiond check`, as an operator runs it.

use bson::doc;

use crate::{node::sessiond, server::Server, support::soon};

#[tokio::test]
async fn check_says_what_the_database_is_and_has_and_never_a_password() {
    let Some(mut server) = Server::own(&[]).await else {
        return;
    };
    let admin = mongodb::Client::with_uri_str(server.uri("admin"))
        .await
        .unwrap()
        .database("admin");
    let roles = ["root"].as_slice();
    admin
        .run_command(doc! { "createUser": "operator", "pwd": "secret-word", "roles": roles })
        .await
        .unwrap();
    server.kill().await;
    server.start_again_with(&["--auth"]).await;
    let check = async |password: &str| {
        let options = "directConnection=true&authSource=admin";
        let uri = format!(
            "mongodb://operator:{password}@{}/bank?{options}",
            server.address()
        );
        let mut check = sessiond(&uri);
        let output = soon(check.args(["check", "--retention=3d"]).output())
            .await
            .unwrap();
        let [said, complained] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        for word in [password, "operator"] {
            assert!(
                !said.contains(word) && !complained.contains(word),
                "{said}{complained}"
            );
        }
        (output.status.success(), said, complained)
    };
    let (is_sound, said, complained) = check("secret-word").await;
    assert!(is_sound, "{complained}");
    let version = admin
        .run_command(doc! { "buildInfo": 1 })
        .await
        .unwrap()
        .get_str("version")
        .unwrap()
        .to_owned();
    for line in [
        &*format!("Server: version {version}, replica set secantus."),
        "The database bank is available",
        "users:\n  _id_ (_id)\nmobiles:\n  _id_ (_id)\nsessions:\n  _id_ (_id)\n",
        "  by_token (user, token_hash), unique\n",
        "  open_by_user (user)\n",
        "  ended_by_age (ended_at), expires after 3days\n",
        "alerts:\n  _id_ (_id)\n  by_age (created_at), expires after 3days\n  by_sequence (user, sequence), unique\n",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let (is_sound, said, complained) = check("secret-worm").await;
    assert!(!is_sound && !said.contains("is available"), "{said}");
    assert!(
        complained.contains("rejects the user name or the password"),
        "{complained}"
    );
}
