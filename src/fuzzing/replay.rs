//! Replays the corpus without a fuzzer.

use std::{fs, path::Path};

/// Calls the target with each file of its folder.
fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(name);
    let files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    for file in files {
        // Shown if the target panics.
        println!("{}", file.display());
        target(&fs::read(&file).unwrap());
    }
}

#[test]
fn every_connection_of_the_corpus_is_served() {
    replay("http", super::http);
}

#[test]
fn every_web_socket_of_the_corpus_is_served() {
    replay("websocket", super::websocket);
}

#[test]
fn every_document_of_the_corpus_has_one_meaning() {
    replay("documents", super::documents);
}

#[test]
fn no_credential_of_the_corpus_makes_its_sender_the_service() {
    replay("tokens", super::tokens);
}

#[test]
fn every_cursor_of_the_corpus_is_accepted_or_rejected() {
    replay("cursors", super::cursors);
}

#[test]
fn no_client_of_the_corpus_chooses_its_address() {
    replay("addresses", super::addresses);
}

#[test]
fn every_user_agent_of_the_corpus_is_clean() {
    replay("user_agents", super::user_agents);
}

#[test]
fn every_name_of_the_corpus_is_found_again() {
    replay("names", super::names);
}

#[test]
fn every_rule_holds_in_the_histories_of_the_corpus() {
    replay("rules", super::rules);
}

#[test]
fn each_fuzz_target_calls_its_function() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for corpus in fs::read_dir(folder.join("corpus")).unwrap() {
        let name = corpus.unwrap().file_name().into_string().unwrap();
        let code = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(code.contains(&format!("fuzzing::{name}(data)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
