//! What stands for people: ids, names, and what is known of one who signed in.

use std::fmt;

use sightline_protocol::UserId;

/// An account's id, written `a` and 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AccountId(pub(super) i64);

impl AccountId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('a').filter(|d| d.len() == 16 && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        i64::from_str_radix(digits, 16).ok().map(Self)
    }

    #[cfg(test)]
    pub(crate) fn nth(n: i64) -> Self {
        Self(n)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{:016x}", self.0)
    }
}

/// Who somebody is to others, over all that person does here: an account, or, without one, a participant, who is known
/// for as long as the resume token is good.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Person {
    Account(AccountId),
    Guest(UserId),
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => id.fmt(f),
            Self::Guest(user) => f.write_str(&user.0),
        }
    }
}

/// Somebody, and the name under which others saw them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Party {
    pub(crate) person: Person,
    pub(crate) name: String,
}

/// What everybody's request is decided by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    /// As it is shown.
    pub(crate) name: String,
    pub(crate) admin: bool,
}

/// Somebody who just proved who they are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SignedIn {
    pub(crate) account: Account,
    /// A bearer token; it is not seen again.
    pub(crate) token: String,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("account", &self.account).finish_non_exhaustive()
    }
}
