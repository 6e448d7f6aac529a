//! What client hints add to a user agent.
//!
//! The addition is stored as a last comment of the user agent, so that a session and an attempt have
//! one text about their device: `… Chrome/128.0.0.0 Safari/537.36 (client hints; browser Brave 128;
//! system Windows 11; model Pixel 8)`. Each part is there only if it says more than the user agent.
//! The browser and the system are names from the tables of this file. The model is the only text that
//! the device chooses: a few ASCII characters that cannot end the comment.

use std::borrow::Cow;

use super::{
    super::{ClientHints, UserAgent},
    Products,
    browsers::{self, Program},
    major_version, systems,
};

/// The first part of the comment.
const MARK: &str = "client hints";

/// The maximum length of a model in characters.
const MAX_MODEL_LENGTH: usize = 22;

/// Browsers by their brand, the most specific first. Each browser on Chromium has `Chromium` too.
const BRANDS: &[(&str, &str)] = &[
    ("Microsoft Edge", "Edge"),
    ("Opera GX", "Opera GX"),
    ("Opera", "Opera"),
    ("Brave", "Brave"),
    ("Vivaldi", "Vivaldi"),
    ("Samsung Internet", "Samsung Internet"),
    ("YaBrowser", "Yandex Browser"),
    ("DuckDuckGo", "DuckDuckGo"),
    ("Android WebView", "Android WebView"),
    ("HeadlessChrome", "Headless Chrome"),
    ("Google Chrome", "Chrome"),
    ("Chromium", "Chromium"),
];

/// Systems by their platform. On others, the user agent is as true.
const PLATFORMS: &[(&str, &str)] = &[
    ("Windows", "Windows"),
    ("macOS", "macOS"),
    ("Android", "Android"),
    ("Chrome OS", "ChromeOS"),
    ("Chromium OS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// The systems that only a version of the platform distinguishes.
const WINDOWS_10: &str = "Windows 10";
const WINDOWS_11: &str = "Windows 11";

/// What the comment of a user agent says.
#[derive(Default)]
pub(super) struct Hints<'a> {
    pub browser: Option<Program<'a>>,
    pub system: Option<&'static str>,
    pub model: Option<&'a str>,
}

impl<'a> Hints<'a> {
    /// Reads the comment, if there is one. A part that the server cannot have written is ignored:
    /// any client may send such a comment in its user agent.
    pub(super) fn of(products: &Products<'a>) -> Self {
        let mut comments = products.comments.iter().rev();
        let Some(comment) = comments.find(|parts| parts.first() == Some(&MARK)) else {
            return Self::default();
        };
        let value = |name: &str| comment.iter().find_map(|part| part.strip_prefix(name));
        Self {
            browser: value("browser ").and_then(browser),
            system: value("system ").and_then(known_system),
            model: value("model ").filter(|model| model_of(model).as_deref() == Some(*model)),
        }
    }
}

impl UserAgent {
    /// Adds what client hints say more than the user agent. Text that is too long is removed from the
    /// user agent. A client that sends no user agent gets none.
    #[must_use]
    pub fn with_hints(self, hints: &ClientHints) -> Self {
        if !self.is_known() {
            return self;
        }
        let parts = additions(&self, hints);
        if parts.is_empty() {
            return self;
        }
        self.with_end(&format!(" ({MARK}; {})", parts.join("; ")))
    }
}

fn additions(user_agent: &UserAgent, hints: &ClientHints) -> Vec<String> {
    let products = Products::parse(user_agent.as_str());
    let program = browsers::program(&products);
    let system = systems::operating_system(&products, program.as_ref());
    let browser = program
        .filter(is_generic)
        .and_then(|_| brand(hints))
        .filter(|(name, _)| *name != GENERIC_BROWSER)
        .map(|(name, version)| format!("browser {name} {version}"));
    let system = system_of(hints)
        .filter(|name| system != Some(name))
        .map(|name| format!("system {name}"));
    let model = hints.model.as_deref().and_then(model_of);
    let model = model.map(|model| format!("model {model}"));
    [browser, system, model].into_iter().flatten().collect()
}

/// The name that user agents have for Chrome, and for browsers that want to look like it.
const GENERIC_BROWSER: &str = "Chrome";

/// Whether client hints may name a browser more exactly than the user agent.
pub(super) fn is_generic(program: &Program<'_>) -> bool {
    program.is_browser && program.name == GENERIC_BROWSER
}

/// The most specific known brand, with its major version.
fn brand(hints: &ClientHints) -> Option<(&'static str, &str)> {
    BRANDS.iter().find_map(|(brand, name)| {
        let mut brands = hints.brands.iter();
        let (_, version) = brands.find(|(found, _)| found == brand)?;
        Some((*name, major_version(version)?))
    })
}

fn system_of(hints: &ClientHints) -> Option<&'static str> {
    let platform = hints.platform.as_deref()?;
    let (_, system) = *PLATFORMS.iter().find(|(name, _)| *name == platform)?;
    if system != "Windows" {
        return Some(system);
    }
    // The version is that of an interface of Windows: 13 and later is Windows 11, 1 to 10 is Windows
    // 10, and 0 an earlier one.
    let version = hints.platform_version.as_deref().and_then(major_version);
    match version.and_then(|version| version.parse::<u32>().ok()) {
        Some(13..) => Some(WINDOWS_11),
        Some(1..=10) => Some(WINDOWS_10),
        _ => Some(system),
    }
}

fn known_system(text: &str) -> Option<&'static str> {
    let names = PLATFORMS.iter().map(|(_, system)| *system);
    let mut names = names.chain([WINDOWS_10, WINDOWS_11]);
    names.find(|name| *name == text)
}

/// `Brave 128`.
fn browser(text: &str) -> Option<Program<'_>> {
    let (name, version) = text.rsplit_once(' ')?;
    let (_, name) = *BRANDS.iter().find(|(_, known)| *known == name)?;
    Some(Program {
        name: Cow::Borrowed(name),
        version: major_version(version),
        is_browser: true,
    })
}

/// A model that may be a part of the comment and of a label: some letters and digits, and what models
/// have between them.
fn model_of(text: &str) -> Option<String> {
    let is_permitted = |c: &char| c.is_ascii_alphanumeric() || " -_.+/".contains(*c);
    let text: String = text
        .chars()
        .filter(is_permitted)
        .take(MAX_MODEL_LENGTH)
        .collect();
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    let model = words.join(" ");
    model
        .contains(|c: char| c.is_ascii_alphanumeric())
        .then_some(model)
}

/// Whether a model could be taken for words of the server.
pub(super) fn is_free_text(model: &str) -> bool {
    model.contains(' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::DeviceDescription;

    const CHROME: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36";

    fn hints(brands: &[(&str, &str)], platform: &str, version: &str, model: &str) -> ClientHints {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let owned = |(brand, version): &(&str, &str)| ((*brand).to_owned(), (*version).to_owned());
        ClientHints {
            brands: brands.iter().map(owned).collect(),
            platform: text(platform),
            platform_version: text(version),
            model: text(model),
        }
    }

    fn describe(system: &str, hints: &ClientHints) -> DeviceDescription {
        let user_agent = format!("Mozilla/5.0 ({system}) {CHROME}");
        DeviceDescription::of(&UserAgent::parse(&user_agent).unwrap().with_hints(hints))
    }

    #[test]
    fn hints_name_the_browser_the_windows_and_the_model_that_a_user_agent_hides() {
        const WINDOWS: &str = "Windows NT 10.0; Win64; x64";
        const ANDROID: &str = "Linux; Android 10; K";
        let chromium = ("Chromium", "128");
        let grease = ("Not;A=Brand", "24");
        for (system, hints, label) in [
            (
                WINDOWS,
                hints(
                    &[chromium, grease, ("Brave", "128")],
                    "Windows",
                    "15.0.0",
                    "",
                ),
                "Brave 128 on Windows 11",
            ),
            (
                WINDOWS,
                hints(
                    &[chromium, ("Google Chrome", "128")],
                    "Windows",
                    "10.0.0",
                    "",
                ),
                "Chrome 128 on Windows 10",
            ),
            (
                WINDOWS,
                hints(&[grease, chromium], "Windows", "0.3", ""),
                "Chromium 128 on Windows",
            ),
            (
                ANDROID,
                hints(&[("Google Chrome", "128")], "Android", "14.0.0", "SM-S918B"),
                "Chrome 128 on Android (SM-S918B)",
            ),
            (
                "X11; Linux x86_64",
                hints(&[], "Chrome OS", "16093.68.0", ""),
                "Chrome 128 on ChromeOS",
            ),
        ] {
            assert_eq!(describe(system, &hints).label, label);
        }
    }

    #[test]
    fn hints_that_say_no_more_than_the_user_agent_leave_it_as_it_is() {
        let user_agent = format!("Mozilla/5.0 (X11; Linux x86_64) {CHROME}");
        let brands = [("Google Chrome", "128"), ("Chromium", "128")];
        for hints in [
            ClientHints::default(),
            hints(&brands, "Linux", "6.5.0", ""),
            hints(&[("Unheard-of", "1")], "Fuchsia", "x", "();"),
        ] {
            let user_agent = UserAgent::parse(&user_agent).unwrap();
            assert_eq!(user_agent.clone().with_hints(&hints), user_agent);
        }
        // An app knows its own name better, and nothing is known of a client without a user agent.
        let app = UserAgent::parse("BankApp/3.2 (Android 14)").unwrap();
        let hints = hints(&[("Android WebView", "128")], "Android", "14", "");
        assert_eq!(app.clone().with_hints(&hints), app);
        let unknown = UserAgent::from_header(None);
        assert_eq!(unknown.clone().with_hints(&hints), unknown);
    }

    #[test]
    fn a_model_of_several_words_is_quoted_in_a_sentence() {
        let hints = hints(&[], "Android", "14.0.0", "Pixel 8 (is safe); tap 57");
        let description = describe("Linux; Android 10; K", &hints);
        assert_eq!(
            description.label,
            "Chrome 128 on Android (Pixel 8 is safe tap 57)"
        );
        let sentence = description.in_sentence();
        assert!(sentence.contains("“Chrome 128 on Android"), "{sentence}");
    }

    #[test]
    fn a_long_user_agent_loses_its_end_and_not_the_hints() {
        let long = format!(
            "Mozilla/5.0 (X11; Linux x86_64) {CHROME} {}",
            "x".repeat(500)
        );
        let user_agent = UserAgent::parse(&long[..512]).unwrap();
        let hinted = user_agent.with_hints(&hints(&[("Brave", "128")], "", "", ""));
        assert_eq!(hinted.as_str().chars().count(), 512);
        assert!(
            hinted
                .as_str()
                .ends_with(" (client hints; browser Brave 128)")
        );
        assert_eq!(UserAgent::from_stored(hinted.as_str()), Ok(hinted));
    }

    proptest! {
        #[test]
        fn whatever_a_client_hints_its_label_is_short_and_its_user_agent_can_be_stored(
            (brand, version, platform, model) in any::<(String, String, String, String)>(),
            known in prop::sample::select(BRANDS.to_vec()),
        ) {
            let brands = [(&*brand, &*version), (known.0, &*version)];
            let hints = hints(&brands, &platform, &version, &model);
            let user_agent = UserAgent::parse(&format!("Mozilla/5.0 (K) {CHROME}")).unwrap();
            let hinted = user_agent.with_hints(&hints);
            prop_assert_eq!(UserAgent::from_stored(hinted.as_str()), Ok(hinted.clone()));
            let label = DeviceDescription::of(&hinted).label;
            prop_assert!(label.chars().count() <= 64, "{}", label);
        }
    }
}
