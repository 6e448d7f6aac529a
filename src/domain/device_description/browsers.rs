//! The programs that user agents name: browsers, apps and libraries.

use std::{borrow::Cow, fmt};

use percent_encoding::percent_decode_str;

use super::{super::text, Products, major_version, products::versioned_product};

/// Browsers by the product that only they send.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("EdgA", "Edge"),
    ("EdgiOS", "Edge"),
    ("Edge", "Edge"),
    ("OPR", "Opera"),
    ("OPT", "Opera"),
    ("OPX", "Opera"),
    ("OPiOS", "Opera"),
    ("Opera", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Vivaldi", "Vivaldi"),
    ("Brave", "Brave"),
    ("YaBrowser", "Yandex Browser"),
    ("UCBrowser", "UC Browser"),
    ("QQBrowser", "QQ Browser"),
    ("MiuiBrowser", "Mi Browser"),
    ("HuaweiBrowser", "Huawei Browser"),
    ("Silk", "Silk"),
    ("Whale", "Whale"),
    ("DuckDuckGo", "DuckDuckGo"),
    ("Ddg", "DuckDuckGo"),
    ("Focus", "Firefox Focus"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("HeadlessChrome", "Headless Chrome"),
    ("Chromium", "Chromium"),
    ("SeaMonkey", "SeaMonkey"),
    ("Waterfox", "Waterfox"),
    ("PaleMoon", "Pale Moon"),
    ("Firefox", "Firefox"),
];

/// Products that name the engine of a browser, or one that it is compatible with, and not the
/// browser.
const ENGINES: &[&str] = &[
    "Mozilla",
    "AppleWebKit",
    "KHTML",
    "Gecko",
    "Goanna",
    "Presto",
    "Trident",
    "Chrome",
    "Electron",
    "Version",
    "Mobile",
    "Safari",
];

/// A program and its major version.
pub(super) struct Program<'a> {
    pub name: Cow<'a, str>,
    pub version: Option<&'a str>,
    /// Whether it is one of the known browsers.
    pub is_browser: bool,
}

impl fmt::Display for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.version {
            Some(version) => write!(f, " {version}"),
            None => Ok(()),
        }
    }
}

/// The program that the user agent names. `None` if it names only an engine or nothing.
pub(super) fn program<'a>(products: &Products<'a>) -> Option<Program<'a>> {
    // Browsers have sent `Mozilla` since the 1990s. Everything else names itself first.
    match products.versioned.first() {
        Some(("Mozilla", _)) if products.text.starts_with("Mozilla/") => crawler(products)
            .or_else(|| known_browser(products))
            .or_else(|| other_product(products))
            .or_else(|| internet_explorer(products))
            .or_else(|| engine_browser(products)),
        Some(("Opera", _)) => known_browser(products),
        _ => leading_product(products),
    }
}

fn browser<'a>(name: &'static str, version: &'a str) -> Program<'a> {
    Program {
        name: Cow::Borrowed(name),
        version: major_version(version),
        is_browser: true,
    }
}

fn product<'a>((name, version): (&'a str, &'a str)) -> Program<'a> {
    Program {
        name: Cow::Borrowed(name),
        version: major_version(version),
        is_browser: false,
    }
}

/// `(compatible; Googlebot/2.1; …)`.
fn crawler<'a>(products: &Products<'a>) -> Option<Program<'a>> {
    let mut comments = products.comments.iter();
    comments.find_map(|parts| match parts.as_slice() {
        [first, second, ..] if first.eq_ignore_ascii_case("compatible") => {
            versioned_product(second).map(product)
        }
        _ => None,
    })
}

fn known_browser<'a>(products: &Products<'a>) -> Option<Program<'a>> {
    BROWSERS.iter().find_map(|(product, name)| {
        let version = products.version(product)?;
        // Opera 10 and later send version 9.80, and their own as `Version`.
        let version = match *product {
            "Opera" => products.version("Version").unwrap_or(version),
            _ => version,
        };
        Some(browser(name, version))
    })
}

/// The name that an app adds to the user agent of its web view, or a browser that is not known.
fn other_product<'a>(products: &Products<'a>) -> Option<Program<'a>> {
    let mut last_first = products.versioned.iter().rev();
    let found = last_first.find(|(name, _)| !ENGINES.contains(name))?;
    Some(product(*found))
}

fn internet_explorer<'a>(products: &Products<'a>) -> Option<Program<'a>> {
    let has_prefix = |prefix| {
        products
            .comment_parts()
            .find_map(|part| part.strip_prefix(prefix))
    };
    let version = has_prefix("MSIE ").or_else(|| {
        has_prefix("Trident/")?;
        has_prefix("rv:")
    })?;
    Some(browser("Internet Explorer", version))
}

/// A browser that sends no product of its own.
fn engine_browser<'a>(products: &Products<'a>) -> Option<Program<'a>> {
    let is_web_view = products.comment_parts().any(|part| part == "wv");
    let is_android = || {
        products
            .comment_parts()
            .any(|part| part.starts_with("Android"))
    };
    if let Some(version) = products.version("Chrome") {
        let name = if is_web_view {
            "Android WebView"
        } else {
            "Chrome"
        };
        return Some(browser(name, version));
    }
    // A web view of iOS sends no `Safari`.
    products.version("Safari")?;
    let version = products.version("Version")?;
    let name = if is_android() {
        "Android Browser"
    } else {
        "Safari"
    };
    Some(browser(name, version))
}

/// `BankApp/3.2 (Android 14; Pixel 8)`: the name at the start, which may have several words.
fn leading_product<'a>(products: &Products<'a>) -> Option<Program<'a>> {
    let before_comment = products.text.split('(').next().unwrap_or_default();
    let (name, version) = before_comment
        .split_once('/')
        .unwrap_or((before_comment, ""));
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    // The network library of Apple's systems percent-encodes the name of the app.
    let decoded = products
        .version("CFNetwork")
        .map(|_| text::cleaned_line(&percent_decode_str(name).decode_utf8_lossy()))
        .filter(|name| text::has_visible(name));
    Some(Program {
        name: decoded.map_or(Cow::Borrowed(name), Cow::Owned),
        version: major_version(version),
        is_browser: false,
    })
}
