//! The use cases: who may, load, decide, commit, and again where another was faster.

mod accounts;
mod commit;
mod error;
mod login;
mod passwords;
mod queries;
mod sessions;
mod throttle;
mod touches;
mod turns;
mod upkeep;

use std::{net::IpAddr, sync::Arc, time::Duration};

pub use self::{
    accounts::{CreateUser, SetPassword},
    commit::Opened,
    error::Error,
    login::{Login, LoginAnswer, LoginOutcome},
    throttle::FailureLimits,
};
use self::{passwords::Passwords, throttle::Throttle, touches::Touches, turns::Turns};
use crate::{
    access::{Caller, ServiceKey},
    alerts::AlertHub,
    ambient::Ambient,
    domain::{
        Device, DeviceId, Invalid, Session, Timestamp, Token, UserAgent, parse_address,
        rules::{OnConflict, Policy},
    },
    store::Store,
};

/// What the operator chose for the use cases.
#[derive(Debug, Clone)]
pub struct Choices {
    pub policy: Policy,
    /// What a login does in a conflict where it does not say.
    pub on_conflict: OnConflict,
    /// What a caller other than the service may choose.
    pub client_on_conflict: Vec<OnConflict>,
    /// `None` is development mode: who sends nothing is the service.
    pub service_key: Option<ServiceKey>,
    pub failure_limits: FailureLimits,
    /// Passwords hashed at once, each in 19 MiB of memory.
    pub hashes_at_once: usize,
    /// How long ended sessions and alerts are kept.
    pub retention: Duration,
}

/// The use cases over one store. Shared by every request of a node.
#[derive(Debug)]
pub struct Service {
    store: Arc<dyn Store>,
    ambient: Arc<dyn Ambient>,
    hub: Arc<AlertHub>,
    choices: Choices,
    passwords: Passwords,
    throttle: Throttle,
    touches: Touches,
    turns: Turns,
}

/// Where a request comes from, as the connection tells it.
#[derive(Debug, Clone)]
pub struct Client {
    pub user_agent: UserAgent,
    pub address: IpAddr,
}

/// What a caller says of the device instead.
#[derive(Debug, Clone, Default)]
pub struct StatedDevice {
    pub id: Option<String>,
    pub user_agent: Option<String>,
    pub address: Option<String>,
}

impl Service {
    /// # Errors
    /// [`Error::Hashing`] where no password can be hashed on this machine.
    pub fn new(
        store: Arc<dyn Store>,
        ambient: Arc<dyn Ambient>,
        hub: Arc<AlertHub>,
        choices: Choices,
    ) -> Result<Self, Error> {
        Ok(Self {
            passwords: Passwords::new(choices.hashes_at_once, Arc::clone(&ambient))?,
            throttle: Throttle::new(&choices.failure_limits),
            touches: Touches::default(),
            turns: Turns::new(),
            store,
            ambient,
            hub,
            choices,
        })
    }

    /// The store, to ask whether it answers.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    #[must_use]
    pub fn choices(&self) -> &Choices {
        &self.choices
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ambient.now()
    }

    /// Who sends `credentials`: the text after `Bearer`, where there is one. A request with a valid token
    /// counts as its session's last request.
    ///
    /// # Errors
    /// [`Error::Store`] where the token cannot be looked up.
    pub async fn authenticate(&self, credentials: Option<&str>) -> Result<Caller, Error> {
        let Some(credentials) = credentials else {
            let development_mode = self.choices.service_key.is_none();
            return Ok(if development_mode { Caller::Service } else { Caller::Anyone });
        };
        if let Some(token) = Token::parse(credentials) {
            return Ok(self
                .session_of(&token)
                .await?
                .map_or(Caller::Unknown, |session| Caller::Session(session.into())));
        }
        let is_service = self.choices.service_key.as_ref().is_some_and(|key| key.opens(credentials));
        Ok(if is_service { Caller::Service } else { Caller::Unknown })
    }

    async fn session_of(&self, token: &Token) -> Result<Option<Session>, Error> {
        let Some(mut session) = self.store.session_by_token(token.user(), &token.hash()).await? else {
            return Ok(None);
        };
        self.touches.bring_up_to_date(&mut session);
        let now = self.now();
        if session.is_valid(now) {
            self.touches.record(&mut session, now);
        }
        Ok(Some(session))
    }

    /// The device that a login is for: as stated, and where nothing is stated, as the connection tells it.
    fn device(caller: &Caller, client: &Client, stated: StatedDevice) -> Result<Device, Error> {
        if stated.address.is_some() && !caller.is_service() {
            return Err(Error::Forbidden("state an address"));
        }
        let user_agent = stated.user_agent.map(|text| UserAgent::parse(&text)).transpose()?;
        let address = stated.address.map(|text| parse_address(&text)).transpose()?;
        Ok(Device {
            id: stated.id.map(|text| DeviceId::parse(&text)).transpose()?,
            user_agent: user_agent.unwrap_or_else(|| client.user_agent.clone()),
            address: address.unwrap_or(client.address),
        })
    }
}

fn needed(field: &'static str) -> Error {
    Error::Invalid(Invalid::new(field, "is needed here"))
}
