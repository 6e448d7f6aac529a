//! The values of settings that may contain a secret.

use std::{ffi::OsStr, marker::PhantomData, str::FromStr};

use clap::{Arg, Command, builder::TypedValueParser, error::ErrorKind};

/// Parses a value that may contain a password or a secret path. Unlike clap's own parsers, it does
/// not print a rejected value.
#[derive(Debug)]
pub(super) struct Confidential<T>(PhantomData<fn() -> T>);

impl<T> Confidential<T> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for Confidential<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T> TypedValueParser for Confidential<T>
where
    T: FromStr<Err = &'static str> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        value
            .to_str()
            .unwrap_or_default()
            .parse()
            .map_err(|problem| {
                let flag = argument.and_then(Arg::get_long).unwrap_or_default();
                let message = format!("--{flag} {problem}\n");
                clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
            })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::config::Cli;

    #[test]
    fn an_error_does_not_quote_a_value_that_may_contain_a_secret() {
        for (flag, problem) in [
            ("--database=mongdb://user:SECRET@h/x", "must be `sqlite:`"),
            ("--webhook-url=http://a.example/SECRET", "must be a URL"),
            (
                "--webhook-url=https://a.example/SECRET,https://b:SECRET@c.example/",
                "must be a URL",
            ),
            ("--otlp-endpoint=http://user:SECRET@h:1", "must be a URL"),
        ] {
            let error = Cli::try_parse_from(["sessiond", flag]).unwrap_err();
            let error = error.to_string();
            let name = flag.split('=').next().unwrap();
            assert!(error.contains(&format!("{name} {problem}")), "{error}");
            assert!(!error.contains("SECRET"), "{error}");
        }
    }
}
