//! Descriptions of devices.

use std::sync::{Arc, LazyLock};

use async_graphql::Object;
use quick_cache::{Weighter, sync::Cache};

use crate::domain::{DeviceDescription, UserAgent};

/// The descriptions of the user agents that were shown last. They depend on nothing else, and
/// parsing a user agent takes longer than the rest of a session's fields.
static DESCRIPTIONS: LazyLock<Cache<Box<str>, Arc<DeviceDescription>, TextWeighter>> =
    LazyLock::new(|| Cache::with_weighter(EXPECTED_DESCRIPTIONS, CAPACITY, TextWeighter));

/// The maximum size of the descriptions and of their user agents, in bytes.
const CAPACITY: u64 = 1 << 20;

/// The number of descriptions that the cache expects. It only sizes the cache's tables.
const EXPECTED_DESCRIPTIONS: usize = 2000;

#[derive(Clone)]
struct TextWeighter;

impl Weighter<Box<str>, Arc<DeviceDescription>> for TextWeighter {
    fn weight(&self, user_agent: &Box<str>, description: &Arc<DeviceDescription>) -> u64 {
        let DeviceDescription {
            label,
            browser,
            operating_system,
            ..
        } = &**description;
        let optional = [browser, operating_system].into_iter().flatten();
        let texts = label.len() + optional.map(String::len).sum::<usize>();
        (user_agent.len() + size_of::<DeviceDescription>() + texts) as u64
    }
}

/// The device that a user agent describes.
pub(super) struct Device(Arc<DeviceDescription>);

impl Device {
    pub(super) fn of(user_agent: &UserAgent) -> Self {
        Self(describe_device(user_agent))
    }
}

/// Returns the description of a device, from the cache if it is there.
pub(in crate::graphql) fn describe_device(user_agent: &UserAgent) -> Arc<DeviceDescription> {
    let text = user_agent.as_str();
    if let Some(description) = DESCRIPTIONS.get(text) {
        return description;
    }
    let description = Arc::new(DeviceDescription::of(user_agent));
    DESCRIPTIONS.insert(text.into(), Arc::clone(&description));
    description
}

/// A device as its user agent describes it. A field is null if the user agent does not contain it.
#[Object]
impl Device {
    /// One line to show to a person, such as `Firefox 128 on Windows`, or `BankApp 3 on Android`
    /// for an app that names itself. The device chooses this text. Isolate it from the text around
    /// it, for example in a `bdi` element of HTML.
    async fn label(&self) -> &str {
        &self.0.label
    }

    /// The name and major version of the browser, such as `Firefox 128`. Null for an app or another
    /// program that is not a browser.
    async fn browser(&self) -> Option<&str> {
        self.0.browser.as_deref()
    }

    /// The operating system, such as `Windows`, `Android` or `iPhone`. `macOS or iPadOS` if the
    /// browser does not distinguish them, and `Windows 11` if client hints do.
    async fn operating_system(&self) -> Option<&str> {
        self.0.operating_system.as_deref()
    }
}
