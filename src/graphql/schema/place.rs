//! Places of addresses.

use async_graphql::SimpleObject;

use crate::places;

/// The place of an address, as the server's `--geoip-file` has it. A field is null if the file does
/// not have it.
#[derive(SimpleObject)]
pub(super) struct Place {
    /// The code of the country (ISO 3166-1 alpha-2), such as `DE`.
    country_code: Option<String>,
    /// The name of the country in English.
    country: Option<String>,
    /// The name of the city in English.
    city: Option<String>,
    /// The name of the organization that runs the network.
    network: Option<String>,
}

impl From<places::Place> for Place {
    fn from(place: places::Place) -> Self {
        Self {
            country_code: place.country_code,
            country: place.country,
            city: place.city,
            network: place.network,
        }
    }
}
