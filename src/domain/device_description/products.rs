//! The products and comments of a user agent (RFC 9110, section 10.1.5).

/// The parts of a user agent.
pub(super) struct Products<'a> {
    /// The whole text.
    pub text: &'a str,
    /// The products in order, each with its version.
    pub versioned: Vec<(&'a str, &'a str)>,
    /// The parts of the comments, which are separated by semicolons.
    pub comments: Vec<Vec<&'a str>>,
}

impl<'a> Products<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let (mut versioned, mut comments) = (Vec::new(), Vec::new());
        let mut rest = text;
        while !rest.is_empty() {
            let (outside, after) = rest.split_once('(').unwrap_or((rest, ""));
            versioned.extend(outside.split_whitespace().filter_map(versioned_product));
            let (comment, after) = after.split_once(')').unwrap_or((after, ""));
            comments.push(comment.split(';').map(str::trim).collect());
            rest = after;
        }
        Self {
            text,
            versioned,
            comments,
        }
    }

    /// The version of the product with this name.
    pub(super) fn version(&self, name: &str) -> Option<&'a str> {
        let mut products = self.versioned.iter();
        let (_, version) = products.find(|(product, _)| *product == name)?;
        Some(*version)
    }

    /// The parts of all comments.
    pub(super) fn comment_parts(&self) -> impl Iterator<Item = &'a str> {
        self.comments.iter().flatten().copied()
    }
}

/// Splits `Firefox/128.0`. `None` if the text is not a product, or has no version.
pub(super) fn versioned_product(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '%');
    let (name, version) = text.split_once('/')?;
    let is_product = name.chars().all(is_token) && name.contains(char::is_alphabetic);
    (is_product && major_version(version).is_some()).then_some((name, version))
}

/// The digits at the start of a version, such as `128` in `128.0` and in `v128`.
pub(super) fn major_version(version: &str) -> Option<&str> {
    /// The maximum length in characters. Versions that are dates have eight.
    const MAX_LENGTH: usize = 8;
    let version = version.strip_prefix('v').unwrap_or(version);
    let end = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    (1..=MAX_LENGTH).contains(&end).then(|| &version[..end])
}
