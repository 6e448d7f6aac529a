//! The operating systems that user agents name.

use super::{Products, browsers::Program, major_version};

/// The names of systems, as a comment has them and as people know them. A comment may have several,
/// such as `Linux; Android 14`. The first of this list counts.
const SYSTEMS: &[(&str, &str)] = &[
    ("Windows Phone", "Windows Phone"),
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("iPod", "iPod"),
    ("HarmonyOS", "HarmonyOS"),
    ("OpenHarmony", "HarmonyOS"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("macOS", "macOS"),
    ("Mac OS X", "macOS"),
    ("iPadOS", "iPad"),
    ("iOS", "iOS"),
    ("watchOS", "watchOS"),
    ("tvOS", "tvOS"),
    ("visionOS", "visionOS"),
    ("Tizen", "Tizen"),
    ("Web0S", "webOS"),
    ("webOS", "webOS"),
    ("KAIOS", "KaiOS"),
    ("PlayStation", "PlayStation"),
    ("FreeBSD", "FreeBSD"),
    ("OpenBSD", "OpenBSD"),
    ("Linux", "Linux"),
];

/// Products that browsers send on an iPhone or an iPad only. An iPad sends the user agent of a Mac,
/// unless its user wants mobile pages.
const ONLY_ON_IOS: [&str; 4] = ["CriOS", "FxiOS", "EdgiOS", "OPiOS"];

/// The operating system that the comments name. Its version is left out, because browsers send a
/// wrong one: Windows 11 is `Windows NT 10.0`, and each macOS is `10_15_7`.
pub(super) fn operating_system(
    products: &Products<'_>,
    program: Option<&Program<'_>>,
) -> Option<&'static str> {
    let names = |marker: &&(&str, &str)| {
        let (marker, _) = marker;
        products
            .comment_parts()
            .any(|part| begins_with(part, marker))
    };
    let (_, system) = *SYSTEMS.iter().find(names)?;
    if system != "macOS" {
        return Some(system);
    }
    if ONLY_ON_IOS
        .iter()
        .any(|name| products.version(name).is_some())
    {
        return Some("iPad");
    }
    let is_safari = program.is_some_and(|program| program.is_browser && program.name == "Safari");
    let version = products.version("Version").and_then(major_version);
    let has_ipad_os = version.is_some_and(|version| version.parse().is_ok_and(|v: u32| v >= 13));
    Some(if is_safari && has_ipad_os {
        "macOS or iPadOS"
    } else {
        system
    })
}

/// Whether the text begins with these words.
fn begins_with(text: &str, words: &str) -> bool {
    let Some((start, rest)) = text.split_at_checked(words.len()) else {
        return false;
    };
    start.eq_ignore_ascii_case(words) && !rest.starts_with(char::is_alphanumeric)
}
