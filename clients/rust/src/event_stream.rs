//! Server-sent events in the "distinct connections" mode of GraphQL over SSE.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;

use crate::Error;

/// The time without a byte after which a connection counts as dead. The feed sends an event after
/// every 5 s of silence.
const MAX_SILENCE: Duration = Duration::from_secs(20);

/// The largest event in bytes. An event of the feed has less than 1 KiB.
const MAX_EVENT_SIZE: usize = 64 * 1024;

/// The responses of one subscription.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    events: EventBuffer,
}

impl EventStream {
    pub fn new(response: Response) -> Self {
        Self {
            response,
            events: EventBuffer::default(),
        }
    }

    /// The next response of the subscription. `None` if the subscription is complete.
    pub async fn next(&mut self) -> Result<Option<Value>, Error> {
        loop {
            match self.events.take()? {
                Some(Event::Next(response)) => return Ok(Some(response)),
                Some(Event::Complete) => return Ok(None),
                None => {}
            }
            let chunk = tokio::time::timeout(MAX_SILENCE, self.response.chunk())
                .await
                .map_err(|_elapsed| Error::Silent)?
                .map_err(Error::unreachable)?;
            // A stream that ends without `complete` was interrupted.
            self.events.push(&chunk.ok_or(Error::Silent)?);
        }
    }
}

#[derive(Debug, PartialEq)]
enum Event {
    Next(Value),
    Complete,
}

/// Bytes that were read, and that are not yet a whole event.
#[derive(Debug, Default)]
struct EventBuffer {
    bytes: Vec<u8>,
    /// The bytes before this index have no end of an event.
    searched: usize,
}

impl EventBuffer {
    fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
    }

    /// Takes the next event that is complete. Comments and unknown events are skipped.
    fn take(&mut self) -> Result<Option<Event>, Error> {
        // The server ends lines with a line feed, and no proxy may change the body.
        while let Some(length) = self.end_of_block() {
            let block: Vec<u8> = self.bytes.drain(..length).collect();
            self.searched = 0;
            if let Some(event) = parse(&block)? {
                return Ok(Some(event));
            }
        }
        if self.bytes.len() > MAX_EVENT_SIZE {
            return Err(Error::BadResponse("an event is too large".to_owned()));
        }
        Ok(None)
    }

    fn end_of_block(&mut self) -> Option<usize> {
        let from = self.searched;
        let end = self.bytes[from..].windows(2).position(|two| two == b"\n\n");
        self.searched = self.bytes.len().saturating_sub(1);
        end.map(|index| from + index + 2)
    }
}

fn parse(block: &[u8]) -> Result<Option<Event>, Error> {
    let malformed = |_| Error::BadResponse("an event is not JSON".to_owned());
    let mut name: &[u8] = b"";
    let mut data = Vec::new();
    for line in block.split(|byte| *byte == b'\n') {
        if let Some(value) = line.strip_prefix(b"event:") {
            name = value.trim_ascii();
        } else if let Some(value) = line.strip_prefix(b"data:") {
            data.extend_from_slice(value);
            data.push(b'\n');
        }
    }
    match name {
        b"next" => serde_json::from_slice(&data)
            .map(|response| Some(Event::Next(response)))
            .map_err(malformed),
        b"complete" => Ok(Some(Event::Complete)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_read_from_chunks_of_any_size() {
        let text = b":\n\nevent: next\ndata: {\"data\":\ndata: 1}\n\nevent: other\n\nevent: complete\ndata: \n\n";
        for size in 1..text.len() {
            let (mut buffer, mut events) = (EventBuffer::default(), Vec::new());
            for chunk in text.chunks(size) {
                buffer.push(chunk);
                while let Some(event) = buffer.take().unwrap() {
                    events.push(event);
                }
            }
            let expected = [Event::Next(json!({ "data": 1 })), Event::Complete];
            assert_eq!(events, expected, "{size}");
        }
    }

    #[test]
    fn an_event_without_an_end_is_an_error() {
        let mut buffer = EventBuffer::default();
        buffer.push(&vec![b'a'; MAX_EVENT_SIZE]);
        assert_eq!(buffer.take().unwrap(), None);
        buffer.push(b"a");
        assert_eq!(buffer.take().unwrap_err().code(), "BAD_RESPONSE");
    }

    #[test]
    fn an_event_that_is_not_json_is_an_error() {
        let mut buffer = EventBuffer::default();
        buffer.push(b"event: next\ndata: {\n\n");
        assert_eq!(buffer.take().unwrap_err().code(), "BAD_RESPONSE");
    }
}
