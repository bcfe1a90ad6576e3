//! What people who signed in were given: codes, access tokens, refresh tokens. None of it can be
//! read here: each is kept under the hash of a secret, sealed with that secret. Times are
//! milliseconds since 1970, because revocation is told from what it came before by less than a
//! second.

/// What a record is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantKind {
    /// An authorization code.
    Code,
    /// An access token.
    Access,
    /// A refresh token, also one that was used.
    Refresh,
}

/// One of them, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRecord {
    /// What it is good for.
    pub kind: GrantKind,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// Whom it was given to.
    pub client: String,
    /// One sign-in and everything that came of it.
    pub family: Option<String>,
    /// Who signed in: a keyed hash.
    pub person: Option<String>,
    /// When they did.
    pub established: u64,
    /// When it ends.
    pub expires: Option<u64>,
    /// The refresh token that came in place of this one.
    pub successor: Option<[u8; 32]>,
    /// The rest, which only the secret opens.
    pub sealed: Vec<u8>,
}

/// What is revoked as one.
#[derive(Debug, Clone, Copy)]
pub enum Revocation<'a> {
    /// One sign-in.
    Family(&'a str),
    /// A client and all that it was given.
    Client(&'a str),
    /// All that was given for one person.
    Person(&'a str),
    /// All that was given to anybody.
    All,
}

/// A sign-in that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who signed in: a keyed hash.
    pub person: String,
    /// With which client.
    pub client: String,
    /// When.
    pub since: u64,
    /// Until when it lasts.
    pub until: u64,
}

impl Revocation<'_> {
    /// What is revoked, by one name.
    pub(super) fn scope(&self) -> String {
        match self {
            Revocation::Family(family) => format!("family {family}"),
            Revocation::Client(client) => format!("client {client}"),
            Revocation::Person(person) => format!("person {person}"),
            Revocation::All => "all".to_owned(),
        }
    }
}

/// Looks at a record as it is now: what takes its place, if anything does.
pub type Decide<'a> = dyn FnMut(&GrantRecord) -> anyhow::Result<Option<Vec<GrantRecord>>> + 'a;

/// Keeps what was granted.
pub trait GrantStore {
    /// Looks one up.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn grant(&self, kind: GrantKind, hash: &[u8; 32]) -> anyhow::Result<Option<GrantRecord>>;

    /// Keeps one, in place of one with the same hash; false if it belongs to what was revoked. A
    /// code is always kept: with it, its second use is known for what it is.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn put_grant(&self, record: &GrantRecord) -> anyhow::Result<bool>;

    /// Takes one out. Of many who try at once, one gets it.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn take_grant(&self, kind: GrantKind, hash: &[u8; 32]) -> anyhow::Result<Option<GrantRecord>>;

    /// Puts records in place of one, if `decide` agrees with what that one is now; nobody else
    /// changes it meanwhile. False if not, if it is gone, or if it belongs to what was revoked. Where
    /// somebody else was faster, `decide` is asked again.
    ///
    /// # Errors
    ///
    /// What the database says, or `decide`.
    fn replace_grant(
        &self,
        kind: GrantKind,
        hash: &[u8; 32],
        decide: &mut Decide<'_>,
    ) -> anyhow::Result<bool>;

    /// Removes all that belongs to what is revoked, and refuses until a time what of it is being
    /// written just now. Returns how many tokens went, and whether there was such a client.
    ///
    /// # Errors
    ///
    /// What the database says; an empty name, which names nothing.
    fn revoke(&self, what: Revocation<'_>, at: u64, until: u64) -> anyhow::Result<(u64, bool)>;

    /// The sign-ins that last at a time, the newest last.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn standing(&self, now: u64) -> anyhow::Result<Vec<Standing>>;

    /// Removes what has ended. Returns how much that was.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn sweep_grants(&self, now: u64) -> anyhow::Result<u64>;
}
