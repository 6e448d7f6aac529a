//! The scopes of service keys: what the holder of a key may do.

use std::{fmt, str::FromStr};

/// One group of operations that a service key may permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Check sessions by their keys. Shows the fields of sessions, and nothing of their users.
    Check,
    /// Every query, and the alerts of every user.
    Read,
    /// Register users, and log users in without a password, from a stated address and with any
    /// conflict policy.
    Login,
    /// End sessions, decide on logins, and set passwords.
    Manage,
    /// Everything, and to delete users.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::Check,
        Self::Read,
        Self::Login,
        Self::Manage,
        Self::Admin,
    ];

    /// The name of the scope in settings, descriptions and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Read => "read",
            Self::Login => "login",
            Self::Manage => "manage",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| {
                format!("{text:?} is not a scope: use check, read, login, manage or admin")
            })
    }
}

/// A set of scopes. A set with [`Scope::Admin`] contains every scope.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Returns true if the set contains `scope`.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Returns true if the set contains every scope of `other`.
    #[must_use]
    pub const fn includes(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let add = |bits, scope: Scope| bits | scope.bit();
        let bits = scopes.into_iter().fold(0, add);
        if bits & Scope::Admin.bit() == 0 {
            Self(bits)
        } else {
            Self(Scope::ALL.into_iter().fold(0, add))
        }
    }
}

impl fmt::Display for Scopes {
    /// The names of the scopes, separated by commas, as in the file of the service keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contained = Scope::ALL.into_iter().filter(|scope| self.contains(*scope));
        for (index, scope) in contained.enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contained = Scope::ALL.into_iter().filter(|scope| self.contains(*scope));
        f.debug_set().entries(contained).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_set_and_admin_contains_all_of_them() {
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
            let alone = Scopes::from_iter([scope]);
            let admin = Scopes::from_iter([Scope::Admin]);
            assert!(admin.contains(scope) && admin.includes(alone));
            for other in Scope::ALL {
                let is_contained = scope == other || scope == Scope::Admin;
                assert_eq!(alone.contains(other), is_contained, "{scope} {other}");
            }
        }
        assert!("Admin".parse::<Scope>().is_err());
        assert!(!Scopes::default().contains(Scope::Check));
        let some = Scopes::from_iter([Scope::Login, Scope::Check]);
        assert_eq!(some.to_string(), "check,login");
    }
}
