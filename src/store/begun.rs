//! Sign-ins that have begun and not ended, as they are kept: each under the hash of its name and sealed
//! with the name itself, which only a browser knows. Times are seconds since 1970.

/// Seconds until a sign-in that has begun must be done.
pub const PATIENCE: u64 = 600;
/// Sign-ins that are kept at a time, in each of the two phases; the oldest make room.
pub const MOST: usize = 10_000;
/// And of those who come from one place, so that a flood from there pushes nobody else out.
pub const MOST_FROM_ONE: usize = 500;

/// How far a sign-in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Consent was asked for.
    Shown,
    /// Consent was given, and the person was sent to the identity provider.
    Consented,
}

/// A sign-in that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// SHA-256 of its name.
    pub id: [u8; 32],
    /// SHA-256 of what its browser has to show to go on.
    pub proof: [u8; 32],
    /// Where it came from.
    pub place: String,
    /// The rest, which only the name opens.
    pub sealed: Vec<u8>,
}

/// What became of one that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It goes on. Nobody else can have it any more.
    Begun {
        /// What it was kept with.
        sealed: Vec<u8>,
        /// Where it came from.
        place: String,
    },
    /// There is none of this name, or none any more.
    Unknown,
    /// What was shown is not what its browser has; it is still there.
    Elsewhere,
}

/// Keeps sign-ins that have begun, for [`PATIENCE`] seconds.
pub trait BegunStore {
    /// Keeps one that begins now. Where there are [`MOST`], or [`MOST_FROM_ONE`] from its place, the
    /// oldest of those makes room.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn put_begun(&self, phase: Phase, begun: &Begun, now: u64) -> anyhow::Result<()>;

    /// Takes one out, for whoever shows what its browser has. Of many who try at once, one gets it.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn take_begun(
        &self,
        phase: Phase,
        id: &[u8; 32],
        proof: &[u8; 32],
        now: u64,
    ) -> anyhow::Result<Taken>;

    /// Forgets what was not ended in time.
    ///
    /// # Errors
    ///
    /// What the database says.
    fn sweep_begun(&self, now: u64) -> anyhow::Result<()>;
}
