//! Runs the commands of the documentation, and checks its links.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use sessiond_test_support::{MOBILE, within_deadline};
use tokio::process::Command;

use crate::SESSIOND;

/// Ends a block of commands in the output of a script.
const END_OF_BLOCK: &str = "== end of the block ==";

/// Where the documentation expects the server.
const DOCUMENTED_ADDRESS: &str = "localhost:3000";

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_tour_work_from_top_to_bottom_and_again() {
    let server = SESSIOND.server().start().await;
    let page = Page::read("docs/tour.md");
    for _ in 0..2 {
        let script = page.script() + "wait\n";
        let script = script.replace(DOCUMENTED_ADDRESS, &server.address.to_string());
        let output = run(script).await;
        page.assert_shown(&output);
        for kind in ["LOGIN_REFUSED", "LOGIN_PENDING", "SESSION_REPLACED"] {
            assert!(output.contains(kind), "no alert {kind} in:\n{output}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_production_page_start_use_and_stop_a_server() {
    let page = Page::read("docs/production.md");
    // The operating system assigns the port. It is read from the first line of the log.
    let listening = "until grep -q 'listening on' sessiond/server.log; do sleep 0.1; done
        PORT=$(sed -n 's/.*listening on http:..127.0.0.1:\\([0-9]*\\).*/\\1/p' sessiond/server.log)\n";
    let script = page
        .script()
        .replace("target/release/", "")
        .replace(
            &format!("listen = \"{DOCUMENTED_ADDRESS}\""),
            "listen = \"localhost:0\"",
        )
        .replace("server.log &\n", &format!("server.log &\n{listening}"))
        .replace(DOCUMENTED_ADDRESS, "localhost:$PORT")
        // A reader may start another server in the same shell.
        + "if env | grep ^SESSIOND_; then exit 1; fi\n";
    let output = run(script).await;
    page.assert_shown(&output);
    assert!(
        output.contains("The settings are valid. Service keys: service-key."),
        "{output}"
    );
}

/// Clones and compiles nothing: `make` prints what it would run. The other tests run what it builds.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_first_page_build_and_start_the_server() {
    let page = Page::read("README.md");
    let script = page
        .script()
        .replace(
            "git clone REPOSITORY",
            &format!("ln -s '{}'", root().display()),
        )
        .replace("make run", "make --dry-run run");
    let output = run(script).await;
    for step in [
        "cargo build --profile trial --locked",
        "target/trial/sessiond\n",
    ] {
        assert!(output.contains(step), "no {step} in:\n{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_guide_for_gateways_show_what_a_gateway_receives() {
    let server = SESSIOND
        .server()
        .flags(&["--login-url=/login"])
        .start()
        .await;
    let token = server.create_user(MOBILE).await.token;
    let page = Page::read("docs/guide/gateways.md");
    let script = format!("TOKEN={token}\n{}", page.script());
    let output = run(script.replace(DOCUMENTED_ADDRESS, &server.address.to_string())).await;
    page.assert_shown(&output);
}

#[test]
fn the_steps_without_a_package_make_what_its_unit_needs() {
    let read = |path| fs::read_to_string(root().join(path)).unwrap();
    let unit = read("deploy/package/sessiond.service");
    let settings = read("deploy/package/sessiond.env");
    let page = read("docs/production.md");
    let (_, steps) = page.split_once("Elsewhere, unpack").unwrap();
    let value = |text: &str, name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    let database = value(&settings, "SESSIOND_DATABASE=sqlite:");
    let folder = Path::new(&database).parent().unwrap().to_str().unwrap();
    let user = value(&unit, "User=");
    for step in [
        format!("--home-dir {folder} --shell /usr/sbin/nologin {user}\n"),
        format!("-o {user} -g {user} -m 700 {folder}\n"),
        format!("> {})\n", value(&settings, "SESSIOND_SERVICE_KEY_FILE=")),
        format!("sessiond.env {}\n", value(&unit, "EnvironmentFile=")),
        format!("sessiond {}\n", value(&unit, "ExecStart=")),
    ] {
        assert!(steps.contains(&step), "no {step}");
    }
    // The page has no unit of its own.
    assert!(!page.contains("[Service]"));
}

#[test]
fn every_link_of_the_documentation_to_a_file_leads_to_one() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for (_, rest) in text
            .match_indices("](")
            .map(|(at, _)| text.split_at(at + 2))
        {
            let link = rest.split([')', '#']).next().unwrap();
            if !link.is_empty() && !link.contains("://") {
                let target = page.parent().unwrap().join(link);
                assert!(target.exists(), "{} links to {link}", page.display());
            }
        }
    }
}

#[test]
fn every_make_command_of_the_documentation_has_a_target() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut targets = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let commands = text
            .split(['`', '\n'])
            .filter(|code| code.starts_with("make "));
        for target in commands.filter_map(|command| command.split(' ').nth(1)) {
            let is_name = target.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            // Not a sentence whose line begins with the word.
            if is_name && text.contains(&format!("make {target}`")) {
                assert!(makefile.contains(&format!("\n{target}:")), "make {target}");
                targets += 1;
            }
        }
    }
    assert!(targets > 20);
}

/// The blocks of a page: commands, each with the lines that the page shows as their output.
struct Page {
    blocks: Vec<(String, Vec<String>)>,
}

impl Page {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap();
        let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
        for block in text.split("\n```").skip(1).step_by(2) {
            let (language, content) = block.split_once('\n').unwrap();
            match (language, blocks.last_mut()) {
                ("sh", _) => blocks.push((format!("{content}\n"), Vec::new())),
                ("text", Some((_, shown))) => shown.extend(content.lines().map(str::to_owned)),
                _ => {}
            }
        }
        assert!(!blocks.is_empty(), "{path}");
        Self { blocks }
    }

    fn script(&self) -> String {
        self.blocks
            .iter()
            .fold(String::new(), |mut script, (commands, _)| {
                writeln!(script, "{commands}echo; echo '{END_OF_BLOCK}'").unwrap();
                script
            })
    }

    /// Panics unless each block has written what the page shows.
    fn assert_shown(&self, output: &str) {
        let outputs = output.split(END_OF_BLOCK);
        for ((commands, shown), output) in self.blocks.iter().zip(outputs) {
            for line in shown {
                assert!(
                    output.contains(line),
                    "no {line} after\n{commands}in:\n{output}"
                );
            }
        }
    }
}

/// Runs a script in a new folder, with the binary in its `PATH`, and stops at the first error.
/// Returns the output. Every process that the script leaves behind is stopped.
async fn run(script: String) -> String {
    let folder = tempfile::tempdir().unwrap();
    let stop_all = "trap 'trap \"\" TERM; kill 0; wait' EXIT\nset -eu\n";
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", &format!("{stop_all}{script}")])
        .current_dir(folder.path())
        .env_clear()
        .env(
            "PATH",
            format!(
                "{}:{}",
                SESSIOND.folder().display(),
                std::env::var("PATH").unwrap()
            ),
        )
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    let output = within_deadline(shell.output()).await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// The pages of the documentation.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/guide"] {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        pages.extend(entries.map(|entry| entry.unwrap().path()));
    }
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    assert!(pages.len() > 6);
    pages
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
