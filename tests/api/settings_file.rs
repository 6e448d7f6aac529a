//! The file of settings, and the files about it in the repository.

use sessiond_test_support::{ServerProcess, run_to_exit, within_deadline};
use tempfile::TempDir;

use crate::SESSIOND;

/// A folder with a file of settings.
struct Folder(TempDir);

impl Folder {
    fn with(settings: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write(settings);
        folder
    }

    fn write(&self, settings: &str) {
        std::fs::write(self.0.path().join("sessiond.toml"), settings).unwrap();
    }

    fn flag(&self) -> String {
        format!("--config={}", self.0.path().join("sessiond.toml").display())
    }
}

#[test]
fn the_example_and_the_schema_in_the_repository_are_those_of_the_settings() {
    for (command, committed) in [
        ("example", include_str!("../../deploy/settings.toml")),
        ("schema", include_str!("../../deploy/settings.schema.json")),
    ] {
        let printed = run_to_exit(&mut SESSIOND.command(&["config", command]));
        assert_eq!(printed, (true, committed.to_owned()), "run `make schema`");
    }
}

#[test]
fn a_mistake_in_the_file_is_an_error_that_names_the_line_and_the_nearest_setting() {
    let folder =
        Folder::with("listen = \"127.0.0.1:0\"\nidle-time = \"5m\"\nmax-depth = \"deep\"\n");
    for command in ["serve", "check"] {
        let (succeeded, output) = run_to_exit(&mut SESSIOND.command(&[command, &folder.flag()]));
        assert!(!succeeded, "{output}");
        assert!(
            output.contains(
                "sessiond.toml: line 2: idle-time is not a setting; did you mean idle-timeout?; \
                 line 3: invalid value 'deep' for '--max-depth <COUNT>': must be from 1 to 32"
            ),
            "{output}"
        );
    }
}

#[test]
fn a_variable_overrides_the_file_and_a_flag_overrides_the_variable() {
    let folder = Folder::with("cache-size = \"1MiB\"\n");
    let mut check = SESSIOND.command(&["check", "--listen=127.0.0.1:0"]);
    check.env("SESSIOND_CONFIG", folder.0.path().join("sessiond.toml"));
    check.current_dir(folder.0.path());
    let (_, output) = run_to_exit(&mut check);
    assert!(output.contains("takes up to 1MiB"), "{output}");
    check.env("SESSIOND_CACHE_SIZE", "2MiB");
    let (_, output) = run_to_exit(&mut check);
    assert!(output.contains("takes up to 2MiB"), "{output}");
    check.arg("--cache-size=3MiB");
    let (_, output) = run_to_exit(&mut check);
    assert!(output.contains("takes up to 3MiB"), "{output}");
}

/// Waits until the log of a server has this text.
async fn wait_for(log: &std::path::Path, text: &str) {
    within_deadline(async {
        while !std::fs::read_to_string(log).unwrap().contains(text) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_names_the_settings_of_the_file_that_need_a_restart() {
    let folder = Folder::with("idle-timeout = \"5m\"\n");
    let log = folder.0.path().join("log");
    let server: ServerProcess = SESSIOND
        .server()
        .flags(&[&folder.flag()])
        .log_to(&log)
        .start()
        .await;
    folder.write("idle-timeout = \"6m\"\nmax-depth = 20\n");
    server.signal("HUP");
    wait_for(&log, "SIGHUP was handled").await;
    let lines = std::fs::read_to_string(&log).unwrap();
    assert!(
        lines.contains("settings have changed in the file and need a restart")
            && lines.contains("idle-timeout, max-depth"),
        "{lines}"
    );
    assert!(lines.contains("read_again=\"nothing\""), "{lines}");
    folder.write("max-depht = 20\n");
    server.signal("HUP");
    wait_for(&log, "did you mean max-depth?").await;
}
