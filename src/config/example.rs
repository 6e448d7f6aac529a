//! An example and the JSON Schema of the file of settings, made from the definition of the settings.

use std::{
    any::TypeId,
    fmt::Write,
    num::{NonZeroU32, NonZeroUsize},
};

use clap::{Arg, CommandFactory};
use serde_json::{Map, Value, json};

use super::{
    Cli,
    settings_file::{is_list, settings},
};

/// The width of the comments in the example.
const WIDTH: usize = 100;

/// The form of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Boolean,
    Number,
    Text,
}

impl Form {
    fn of(argument: &Arg) -> Self {
        let id = argument.get_value_parser().type_id();
        if id == TypeId::of::<bool>() {
            Self::Boolean
        } else if id == TypeId::of::<NonZeroUsize>() || id == TypeId::of::<NonZeroU32>() {
            Self::Number
        } else {
            Self::Text
        }
    }
}

/// Returns a file of settings that has every setting with its default, as a comment.
#[must_use]
pub fn example() -> String {
    let mut text = wrap(
        "The settings of sessiond, for --config or SESSIOND_CONFIG. An environment variable and a \
         flag override a value of this file. A change needs a restart. `sessiond check --config FILE` \
         checks the file. This file is not a place for secrets: service-key-file, service-keys, \
         webhook-secret-file and database-file name the files that contain them. Durations: 30s, 2m, 1h 30m, 90d; from one \
         second to ten years.",
    );
    let command = Cli::command();
    for (key, argument) in settings(&command) {
        text.push('\n');
        text += &wrap(&description(argument));
        let value = default(argument).unwrap_or_else(|| {
            let name = argument.get_value_names().and_then(|names| names.first());
            Value::from(name.map_or("", |name| name.as_str()))
        });
        let _ = writeln!(text, "#{key} = {value}");
    }
    text
}

/// Returns the JSON Schema of a file of settings.
#[must_use]
pub fn schema() -> String {
    let command = Cli::command();
    let properties: Map<_, _> = settings(&command)
        .map(|(key, argument)| (key.to_owned(), property(argument)))
        .collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The settings of sessiond",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    format!("{schema:#}\n")
}

fn property(argument: &Arg) -> Value {
    let values = argument.get_possible_values();
    let names: Vec<_> = values
        .iter()
        .map(clap::builder::PossibleValue::get_name)
        .collect();
    let mut property = match Form::of(argument) {
        Form::Boolean => json!({ "type": "boolean" }),
        Form::Number => json!({ "type": "integer", "minimum": 1 }),
        Form::Text if !names.is_empty() => json!({ "enum": names }),
        Form::Text if is_list(argument) => {
            json!({ "type": ["string", "array"], "items": { "type": "string" } })
        }
        Form::Text => json!({ "type": "string" }),
    };
    property["description"] = description(argument).into();
    if let Some(default) = default(argument) {
        property["default"] = default;
    }
    property
}

/// The help of a setting, with its possible values.
fn description(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    // Paragraphs of the help become sentences.
    let sentences: Vec<_> = help
        .split("\n\n")
        .map(|text| text.trim_end_matches('.'))
        .collect();
    let mut text = sentences.join(". ");
    if sentences.len() > 1 {
        text.push('.');
    }
    if Form::of(argument) == Form::Text {
        let separator = if text.ends_with('.') { " " } else { ". " };
        let values = argument.get_possible_values();
        for (value, separator) in values
            .iter()
            .zip([separator].into_iter().chain(std::iter::repeat("; ")))
        {
            let help = value
                .get_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            let _ = write!(text, "{separator}{}: {help}", value.get_name());
        }
    }
    text
}

/// The default of a setting, in its form.
fn default(argument: &Arg) -> Option<Value> {
    let text = argument.get_default_values().first()?.to_str()?;
    Some(match Form::of(argument) {
        Form::Boolean | Form::Number => serde_json::from_str(text).ok()?,
        Form::Text => text.into(),
    })
}

/// Breaks a text into lines of comments.
fn wrap(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            lines += &line;
            lines.push('\n');
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line += word;
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_valid_file_also_with_every_default_set() {
        let command = Cli::command();
        let lines = example();
        let set = settings(&command)
            .filter(|(_, argument)| default(argument).is_some())
            .map(|(key, _)| {
                let line = lines
                    .lines()
                    .find(|line| line.starts_with(&format!("#{key} = ")));
                line.unwrap().trim_start_matches('#').to_owned() + "\n"
            });
        for text in [lines.clone(), set.collect()] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("sessiond.toml");
            std::fs::write(&path, &text).unwrap();
            super::super::settings_file::SettingsFile::read(&path).unwrap();
        }
        assert!(lines.lines().all(|line| line.len() <= WIDTH), "{lines}");
    }
}
