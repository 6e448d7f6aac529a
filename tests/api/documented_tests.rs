//! The tests that the documentation names exist.

use std::{fs, path::Path};

/// The pages that name a test beside each promise.
const PAGES: [&str; 2] = ["docs/security.md", "docs/architecture.md"];

/// The parts of a line that are set as code.
fn code(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// True for the name of a test, which describes a behavior in several words.
fn is_test_name(code: &str) -> bool {
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
    code.split('_').count() > 3 && code.split('_').all(is_word) && code.to_lowercase() == code
}

#[test]
fn every_test_and_file_that_the_documentation_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut tests, mut missing) = (0, Vec::new());
    for page in PAGES {
        let text = fs::read_to_string(root.join(page)).unwrap();
        for (number, line) in text.lines().enumerate() {
            // The file that the names after it on the line are in.
            let mut source = None;
            for code in code(line) {
                let is_source = ["src/", "tests/"].iter().any(|at| code.starts_with(at))
                    && Path::new(code).extension().is_some_and(|end| end == "rs");
                if is_source {
                    source = fs::read_to_string(root.join(code)).ok();
                    if source.is_none() {
                        missing.push(format!("{page}:{}: {code}", number + 1));
                    }
                } else if is_test_name(code)
                    && let Some(source) = &source
                {
                    tests += 1;
                    if !source.contains(&format!("fn {code}(")) {
                        missing.push(format!("{page}:{}: {code}", number + 1));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(tests > 90, "{tests}");
}
