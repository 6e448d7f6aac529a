//! The labels of metrics and all of their values.

/// A label whose values are the variants of an enum.
pub trait Label: Copy + 'static {
    /// The name of the label.
    const NAME: &'static str;
    /// All values, in the order of [`Self::index`].
    const VALUES: &'static [&'static str];

    /// The position of this value in [`Self::VALUES`].
    fn index(self) -> usize;
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident($label:literal) {
        $($(#[$variant_doc:meta])* $variant:ident = $value:literal,)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl Label for $name {
            const NAME: &'static str = $label;
            const VALUES: &'static [&'static str] = &[$($value),+];

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

label! {
    /// The result of a token check at `/verify`.
    CheckResult("result") {
        /// The token opens a valid session.
        Valid = "valid",
        /// The token opens no valid session.
        Invalid = "invalid",
        /// The request has no token.
        Missing = "missing",
        /// The store failed.
        Error = "error",
    }
}

label! {
    /// How a login ended.
    LoginResult("outcome") {
        /// It opened an active session.
        LoggedIn = "logged_in",
        /// Another device holds the session.
        Refused = "refused",
        /// It waits for approval.
        AwaitingApproval = "awaiting_approval",
        /// The number, the name or the password is wrong.
        InvalidCredentials = "invalid_credentials",
        /// A rate limit was reached.
        RateLimited = "rate_limited",
        /// The input or the policy was not accepted.
        Rejected = "rejected",
        /// The server or its store failed.
        Error = "error",
    }
}

label! {
    /// The conflict policy of a login.
    LoginPolicy("policy") {
        /// `REJECT`
        Reject = "reject",
        /// `TAKE_OVER`
        TakeOver = "take_over",
        /// `ASK`
        Ask = "ask",
    }
}

label! {
    /// The answer to a login that waited for approval.
    Answer("answer") {
        /// The login was approved.
        Approved = "approved",
        /// The login was denied, timed out or was withdrawn.
        NotApproved = "not_approved",
    }
}

label! {
    /// The kind of an operation that has one response.
    OperationKind("operation") {
        /// A query.
        Query = "query",
        /// A mutation.
        Mutation = "mutation",
        /// An operation that was not executed.
        Rejected = "rejected",
    }
}

label! {
    /// The kind of a long connection of a client.
    SocketKind("kind") {
        /// A WebSocket.
        WebSocket = "websocket",
        /// An event stream.
        EventStream = "event_stream",
    }
}

label! {
    /// The limit that closed a connection.
    RejectedBy("limit") {
        /// The limit of the node.
        Node = "node",
        /// The limit of one address.
        Address = "address",
    }
}

label! {
    /// The limit that rejected a request.
    RateLimit("limit") {
        /// The limits on failed logins of a number and of an address.
        FailedLogins = "failed_logins",
        /// The limit on registrations of an address.
        Registrations = "registrations",
        /// The limit on alerts of a user.
        Alerts = "alerts",
    }
}

label! {
    /// How a try to deliver a webhook ended.
    WebhookResult("result") {
        /// The receiver has accepted the message.
        Delivered = "delivered",
        /// The receiver did not respond, or with another status. The message is sent again.
        Failed = "failed",
        /// The message is too old to be sent again.
        Dropped = "dropped",
        /// The receiver wants no more messages.
        Gone = "gone",
    }
}

label! {
    /// Whether the cache of users had a record.
    CacheResult("result") {
        /// The record was in memory.
        Hit = "hit",
        /// The record was read from the file.
        Miss = "miss",
    }
}
