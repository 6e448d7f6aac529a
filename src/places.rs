//! Where an address is, from an operator's file in the MaxMind DB format.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use maxminddb::{MaxMindDbError, Reader, path};
use parking_lot::RwLock;
use thiserror::Error;

/// A file of places cannot be used, as a message for an operator.
#[derive(Debug, Error)]
#[error("cannot read the places in {}: {source}", path.display())]
pub struct PlacesError {
    path: PathBuf,
    source: MaxMindDbError,
}

/// Where an address is. A field is `None` if the file does not have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The code of the country (ISO 3166-1 alpha-2).
    pub country_code: Option<String>,
    /// The name of the country in English.
    pub country: Option<String>,
    /// The name of the city in English.
    pub city: Option<String>,
    /// The name of the organization that runs the network.
    pub network: Option<String>,
}

/// The places of addresses. Without a file, every place is unknown.
#[derive(Debug, Default)]
pub struct Places {
    file: Option<PlacesFile>,
}

struct PlacesFile {
    path: PathBuf,
    /// The file is read into memory, so that a change of the file has no effect before it is read
    /// again.
    reader: RwLock<Arc<Reader<Vec<u8>>>>,
}

impl Places {
    /// Reads a file such as `GeoLite2-City.mmdb`.
    ///
    /// # Errors
    /// [`PlacesError`] if it is not a file in this format.
    pub fn load(path: &Path) -> Result<Self, PlacesError> {
        let reader = RwLock::new(Arc::new(read(path)?));
        let path = path.to_owned();
        Ok(Self {
            file: Some(PlacesFile { path, reader }),
        })
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// [`PlacesError`] if it cannot be used. The present places then stay in use.
    pub fn reload(&self) -> Result<(), PlacesError> {
        if let Some(file) = &self.file {
            let reader = read(&file.path)?;
            *file.reader.write() = Arc::new(reader);
        }
        Ok(())
    }

    /// Returns the place of an address. `None` if it is not known, as that of a private address.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<Place> {
        let reader = self.reader()?;
        let record = reader.lookup(address.to_canonical()).ok()?;
        let text = |path: &[_]| record.decode_path::<String>(path).ok().flatten();
        let place = Place {
            country_code: text(&path!["country", "iso_code"]),
            country: text(&path!["country", "names", "en"]),
            city: text(&path!["city", "names", "en"]),
            network: text(&path!["autonomous_system_organization"])
                .or_else(|| text(&path!["traits", "autonomous_system_organization"]))
                .or_else(|| text(&path!["traits", "isp"])),
        };
        (place != Place::default()).then_some(place)
    }

    /// Returns whether two addresses are in different countries. `None` if a country is not known.
    #[must_use]
    pub fn are_apart(&self, a: IpAddr, b: IpAddr) -> Option<bool> {
        let reader = self.reader()?;
        Some(country(&reader, a)? != country(&reader, b)?)
    }

    /// Returns whether two addresses are in different countries as far as countries are known. An
    /// unknown country is another one than a known country.
    #[must_use]
    pub fn differ(&self, a: IpAddr, b: IpAddr) -> bool {
        a != b
            && self
                .reader()
                .is_some_and(|reader| country(&reader, a) != country(&reader, b))
    }

    fn reader(&self) -> Option<Arc<Reader<Vec<u8>>>> {
        self.file
            .as_ref()
            .map(|file| Arc::clone(&file.reader.read()))
    }
}

/// The code of the country of an address.
fn country(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<String> {
    let record = reader.lookup(address.to_canonical()).ok()?;
    record.decode_path(&path!["country", "iso_code"]).ok()?
}

impl std::fmt::Debug for PlacesFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PlacesFile").field(&self.path).finish()
    }
}

fn read(path: &Path) -> Result<Reader<Vec<u8>>, PlacesError> {
    Reader::open_readfile(path).map_err(|source| PlacesError {
        path: path.to_owned(),
        source,
    })
}
