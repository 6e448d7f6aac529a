//! Descriptions of devices for people, derived from their user agents. A description contains only
//! what the user agent states. That may be false, so the person who reads it must be able to
//! distinguish the device's words from those of the server.

mod browsers;
mod hints;
mod products;
mod systems;

#[cfg(test)]
mod tests;

use self::{
    browsers::Program,
    hints::Hints,
    products::{Products, major_version},
};
use super::{UserAgent, text};

/// The maximum length of a label, in characters without the ellipsis.
const MAX_LABEL_LENGTH: usize = 64;

/// The maximum length of a program's name and version in a label that also names a system. The
/// isolate around the name stays whole, because only the name is truncated.
const MAX_NAME_LENGTH: usize = 40;

/// The description of a device, derived from its user agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceDescription {
    /// One line to show to a person, such as `Firefox 128 on Windows` or `BankApp 3 on Android`: at
    /// most 64 characters and an ellipsis.
    pub label: String,
    /// The browser's name and major version, such as `Firefox 128`, if it is a known browser.
    pub browser: Option<String>,
    /// The operating system's name, such as `Windows`, if known.
    pub operating_system: Option<String>,
    /// Whether the label could be taken for words of the server.
    is_free_text: bool,
}

impl DeviceDescription {
    /// Describes the device with this user agent.
    #[must_use]
    pub fn of(user_agent: &UserAgent) -> Self {
        let user_agent = user_agent.as_str();
        let products = Products::parse(user_agent);
        let hints = Hints::of(&products);
        let program = browsers::program(&products).map(|program| match hints.browser {
            Some(browser) if hints::is_generic(&program) => browser,
            _ => program,
        });
        let operating_system = hints
            .system
            .or_else(|| systems::operating_system(&products, program.as_ref()));
        let name = program.as_ref().map(Program::to_string);
        let label = match (&name, operating_system) {
            (Some(name), Some(system)) if !name.starts_with(system) => {
                let name = truncated(name, MAX_NAME_LENGTH);
                format!("{} on {system}", text::isolated(&name))
            }
            (Some(name), _) => truncated(name, MAX_LABEL_LENGTH),
            (None, Some(system)) => system.to_owned(),
            (None, None) => truncated(user_agent, MAX_LABEL_LENGTH),
        };
        // The name of a browser and that of a system are short, so the model fits.
        let is_browser = program.as_ref().is_some_and(|program| program.is_browser);
        let model = hints.model.filter(|_| is_browser);
        let label = match model {
            Some(model) => format!("{label} ({model})"),
            None => label,
        };
        // The name of a program that is not known, or the whole user agent.
        let label_is_free = user_agent != UserAgent::UNKNOWN
            && program
                .as_ref()
                .map_or(operating_system.is_none(), |program| !program.is_browser);
        Self {
            label,
            is_free_text: label_is_free || model.is_some_and(hints::is_free_text),
            browser: name.filter(|_| program.is_some_and(|program| program.is_browser)),
            operating_system: operating_system.map(ToOwned::to_owned),
        }
    }

    /// The label as a part of a sentence in English. A label that the device chose freely is
    /// quoted, so that it cannot continue the sentence: only known browsers and systems are named
    /// without quotation marks, with their version and a model of one word. A label that is written
    /// from right to left is isolated, so that it cannot reorder the sentence.
    #[must_use]
    pub fn in_sentence(&self) -> String {
        if !self.is_free_text {
            return text::isolated(&self.label).into_owned();
        }
        // Two apostrophes in a row would look like one quotation mark.
        let mut quoted = String::with_capacity(self.label.len());
        for c in self.label.chars() {
            let is_mark = text::is_quotation_mark(c);
            if !(is_mark && quoted.ends_with('\'')) {
                quoted.push(if is_mark { '\'' } else { c });
            }
        }
        text::isolated(&format!("“{quoted}”")).into_owned()
    }
}

fn truncated(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
