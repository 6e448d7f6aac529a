//! The form of the log lines. A line of a request has its id, in the form of a span of `tracing` with
//! the name `request`. No such span exists ([`request_id`]): the id is added to the line when it is
//! written.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Full, Json, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

use crate::request_id;

/// Lines for people: the time, the level, `request{request_id=…}`, the module, the message and the
/// fields.
#[derive(Debug)]
pub(super) struct TextLines {
    /// The module, the message and the fields.
    rest: Format<Full, ()>,
}

impl Default for TextLines {
    fn default() -> Self {
        Self {
            rest: Format::default().without_time().with_level(false),
        }
    }
}

impl<S, N> FormatEvent<S, N> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = event.metadata().level();
        if writer.has_ansi_escapes() {
            writer.write_str("\x1b[2m")?;
            SystemTime.format_time(&mut writer)?;
            write!(writer, "\x1b[0m \x1b[{}m{level:>5}\x1b[0m ", color(*level))?;
        } else {
            SystemTime.format_time(&mut writer)?;
            write!(writer, " {level:>5} ")?;
        }
        if let Some(id) = request_id::current() {
            write!(writer, "request{{request_id={id}}}: ")?;
        }
        self.rest.format_event(context, writer, event)
    }
}

/// The color of a level, as an SGR parameter (ECMA-48).
const fn color(level: Level) -> u8 {
    match level {
        Level::TRACE => 35,
        Level::DEBUG => 34,
        Level::INFO => 32,
        Level::WARN => 33,
        Level::ERROR => 31,
    }
}

/// A JSON object for each line. The id is in the object `span`, and in the only entry of `spans`.
#[derive(Debug)]
pub(super) struct JsonLines {
    /// The lines outside a request.
    plain: Format<Json>,
    /// The lines of a request, without the two fields.
    in_request: Format<Json>,
}

impl Default for JsonLines {
    fn default() -> Self {
        let plain = || Format::default().json().flatten_event(true);
        Self {
            plain: plain(),
            in_request: plain().with_current_span(false).with_span_list(false),
        }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(id) = request_id::current() else {
            return self.plain.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.in_request
            .format_event(context, Writer::new(&mut line), event)?;
        let Some(fields) = line.strip_suffix("}\n") else {
            return writer.write_str(&line);
        };
        // An id has only characters that JSON does not escape.
        let span = format_args!(r#"{{"request_id":"{id}","name":"request"}}"#);
        writeln!(writer, r#"{fields},"span":{span},"spans":[{span}]}}"#)
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use axum::http::HeaderMap;
    use parking_lot::Mutex;
    use serde_json::Value;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::{
        random::SystemRandom,
        request_id::{RequestId, RequestIds},
    };

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Log {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    impl Log {
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().clone()).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    /// Logs one line in a request, and one outside.
    fn log_twice() -> RequestId {
        let id = RequestIds::new(&SystemRandom).of(&HeaderMap::new());
        let mut current = Some(id.clone());
        let entered = request_id::enter(&mut current);
        tracing::warn!(count = 1, "first \"line\"");
        drop(entered);
        tracing::info!("second line");
        id
    }

    #[test]
    fn a_text_line_of_a_request_has_its_id_after_the_level() {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_ansi(false);
        let subscriber = subscriber.event_format(TextLines::default()).finish();
        let id = tracing::subscriber::with_default(subscriber, log_twice);
        let lines = log.lines();
        let module = module_path!();
        let first = format!("  WARN request{{request_id={id}}}: {module}: first \"line\" count=1");
        assert!(lines[0].ends_with(&first), "{lines:?}");
        assert!(
            lines[1].ends_with(&format!("  INFO {module}: second line")),
            "{lines:?}"
        );
    }

    #[test]
    fn a_json_line_of_a_request_has_its_id_in_the_object_span() {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).json();
        let subscriber = subscriber.event_format(JsonLines::default()).finish();
        let id = tracing::subscriber::with_default(subscriber, log_twice);
        let lines = log.lines();
        let lines = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        let [first, second]: [Value; 2] = lines.collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(first["message"], "first \"line\"");
        assert_eq!(first["span"]["request_id"], id.to_string());
        assert_eq!(first["span"]["name"], "request");
        assert_eq!(first["spans"], serde_json::json!([first["span"]]));
        assert_eq!(first["level"], "WARN");
        assert_eq!(
            (&second["message"], second.get("span")),
            (&"second line".into(), None)
        );
    }
}
