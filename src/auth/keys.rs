//! Bearer keys: made, followed by another, revoked, and asked for at every call.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use subtle::ConstantTimeEq;

use super::Secret;
use super::listed::{Listed, Origin};
use crate::store::{Key, KeyLimit, KeyScope, Store};

/// Seconds to which the last use of a key is kept: nobody needs to know it better, and each note
/// is a write.
const COARSE: u64 = 60 * 60;

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key that was shown.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What calls are counted by: a key and those that followed it are one caller.
    pub family: String,
    /// A limit of its own.
    pub limit: Option<KeyLimit>,
    /// What it may see and use.
    pub scope: KeyScope,
    /// Its last use is not known to the hour, and this call is the one to note it.
    pub unnoted: bool,
}

/// A key in place of another.
pub struct Rotated {
    /// The new one, in clear.
    pub secret: Secret,
    /// What is kept of it.
    pub new: Key,
    /// The old one, which ends.
    pub old: Key,
}

/// Why a key is refused. Callers are not told which of these it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It has not the form of a key.
    Malformed,
    /// No key has this id, or its secret is another.
    Unknown,
    /// It has ended.
    Expired,
    /// It was taken back.
    Revoked,
}

/// The keys of a store, in memory, and those that a deployment brings along.
pub struct Keys {
    store: Arc<dyn Store>,
    listed: Listed,
    loaded: ArcSwap<Loaded>,
    /// Held by the one who loads: others wait for what that brings.
    loading: Mutex<()>,
    /// Keys whose use was given out to be noted, and when: each use is given out once.
    given_out: Mutex<FxHashMap<String, u64>>,
}

#[derive(Default)]
struct Loaded {
    /// Of the store when these were read.
    version: i64,
    by_id: FxHashMap<String, Key>,
}

impl Keys {
    /// Reads the keys of a store.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn open(store: Arc<dyn Store>) -> anyhow::Result<Keys> {
        let keys = Keys {
            store,
            listed: Listed::default(),
            loaded: ArcSwap::default(),
            loading: Mutex::default(),
            given_out: Mutex::default(),
        };
        keys.load()?;
        Ok(keys)
    }

    /// With these keys, too. Of two with the same id that of the store counts: what was revoked
    /// there stays revoked.
    pub fn with(self, listed: Listed) -> Keys {
        Keys { listed, ..self }
    }

    /// These keys, with others that a deployment brings along than before.
    pub fn anew(&self, listed: Listed) -> Keys {
        Keys {
            store: self.store.clone(),
            listed,
            loaded: ArcSwap::new(self.loaded.load_full()),
            loading: Mutex::default(),
            given_out: Mutex::default(),
        }
    }

    /// Who shows this key, if that can be said without a wait for the store: none where somebody has changed
    /// something, or where the store cannot be read.
    pub fn check_at_once(&self, key: &str, now: u64) -> Option<Result<Caller, Denied>> {
        let loaded = self.loaded.load_full();
        let is_current = self.store.version().is_ok_and(|version| version == loaded.version);
        is_current.then(|| self.check_in(&loaded, key, now))
    }

    /// Whether a key that was shown before would still let in, if that can be said without a wait.
    pub fn is_good_at_once(&self, id: &str, now: u64) -> Option<bool> {
        let loaded = self.loaded.load_full();
        let is_current = self.store.version().is_ok_and(|version| version == loaded.version);
        is_current.then(|| self.is_good_in(&loaded, id, now))
    }

    /// Whether others share the store, so that an answer of it may take a while.
    pub fn is_shared(&self) -> bool {
        self.store.salt().is_some()
    }

    /// Who shows this key at this time (seconds since 1970). What anybody changed before is known: a
    /// key that was revoked on the command line is refused by the next call.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn check(&self, key: &str, now: u64) -> anyhow::Result<Result<Caller, Denied>> {
        Ok(self.check_in(&*self.current()?, key, now))
    }

    fn check_in(&self, loaded: &Loaded, key: &str, now: u64) -> Result<Caller, Denied> {
        let Some(secret) = Secret::parse(key) else { return Err(Denied::Malformed) };
        let hash = secret.hash();
        let in_store = loaded.by_id.get(secret.id());
        let listed = if in_store.is_none() { self.listed.now() } else { Arc::default() };
        let key = in_store.or_else(|| listed.get(secret.id()).map(|(key, _)| key));
        let Some(key) = key else { return Err(Denied::Unknown) };
        if !bool::from(key.hash.ct_eq(&hash)) {
            return Err(Denied::Unknown);
        }
        if let Some(denied) = ended(key, now) {
            return Err(denied);
        }
        Ok(Caller {
            id: key.id.clone(),
            name: key.name.clone(),
            family: key.family.clone(),
            limit: key.limit,
            scope: key.scope.clone(),
            unnoted: in_store.is_some()
                && key.used.is_none_or(|used| used + COARSE <= now)
                && self.give_out(key, now),
        })
    }

    /// Whether a key that was shown before would still let in at this time.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn is_good(&self, id: &str, now: u64) -> anyhow::Result<bool> {
        Ok(self.is_good_in(&*self.current()?, id, now))
    }

    fn is_good_in(&self, loaded: &Loaded, id: &str, now: u64) -> bool {
        let good = |key: &Key| ended(key, now).is_none();
        match loaded.by_id.get(id) {
            Some(key) => good(key),
            None => self.listed.now().get(id).is_some_and(|(key, _)| good(key)),
        }
    }

    /// The keys as they are now.
    fn current(&self) -> anyhow::Result<Arc<Loaded>> {
        let loaded = self.loaded.load_full();
        // These and no others: somebody else may just have put older ones there.
        if self.store.version()? == loaded.version { Ok(loaded) } else { self.load() }
    }

    /// Notes that a key was used at this time.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn note_use(&self, id: &str, now: u64) -> anyhow::Result<()> {
        self.store.use_key(id, now - now % COARSE)
    }

    /// Makes a key that may see and use everything. It is given out here and never again.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn create(
        &self,
        name: &str,
        limit: Option<KeyLimit>,
        expires: Option<u64>,
        now: u64,
    ) -> anyhow::Result<(Secret, Key)> {
        self.create_within(KeyScope::default(), name, limit, expires, now)
    }

    /// Makes a key that may see and use so much.
    ///
    /// # Errors
    ///
    /// The store cannot be written.
    pub fn create_within(
        &self,
        scope: KeyScope,
        name: &str,
        limit: Option<KeyLimit>,
        expires: Option<u64>,
        now: u64,
    ) -> anyhow::Result<(Secret, Key)> {
        let secret = Secret::new()?;
        let key = Key {
            id: secret.id().to_owned(),
            hash: secret.hash(),
            name: name.to_owned(),
            family: secret.id().to_owned(),
            limit,
            scope,
            created: now,
            expires,
            revoked: None,
            used: None,
        };
        self.store.add_key(&key, None)?;
        Ok((secret, key))
    }

    /// Makes a key in place of another, which ends when `overlap` seconds have passed.
    ///
    /// # Errors
    ///
    /// There is no such key, or it is refused already; the store cannot be written.
    pub fn rotate(
        &self,
        id: &str,
        overlap: u64,
        expires: Option<u64>,
        now: u64,
    ) -> anyhow::Result<Rotated> {
        let old = self.find(id)?;
        anyhow::ensure!(
            ended(&old, now).is_none(),
            "the key {id} has ended; make one with docent key create"
        );
        let secret = Secret::new()?;
        let new = Key {
            id: secret.id().to_owned(),
            hash: secret.hash(),
            created: now,
            expires,
            used: None,
            ..old
        };
        self.store.add_key(&new, Some((id, now + overlap)))?;
        if overlap == 0 {
            // It is gone for good, and does not come back with a clock that is set back.
            self.store.revoke_key(id, now)?;
        }
        Ok(Rotated { secret, new, old: self.find(id)? })
    }

    /// Refuses a key from now on.
    ///
    /// # Errors
    ///
    /// There is no such key; the store cannot be written.
    pub fn revoke(&self, id: &str, now: u64) -> anyhow::Result<Key> {
        self.find(id)?;
        self.store.revoke_key(id, now)?;
        self.find(id)
    }

    /// All keys, and where each is kept.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn list_all(&self) -> anyhow::Result<Vec<(Key, Origin)>> {
        let mut listed: Vec<_> = self.listed.now().values().cloned().collect();
        listed.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        let kept = self.store.keys()?.into_iter().map(|key| (key, Origin::Store));
        Ok(kept.chain(listed).collect())
    }

    /// The keys of the store, the newest last.
    ///
    /// # Errors
    ///
    /// The store cannot be read.
    pub fn list(&self) -> anyhow::Result<Vec<Key>> {
        self.store.keys()
    }

    /// Whether the use of a key is this caller's to note: one write an hour, even where writes fail.
    fn give_out(&self, key: &Key, now: u64) -> bool {
        let mut given_out = self.given_out.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = now - now % COARSE;
        given_out.insert(key.id.clone(), hour) != Some(hour)
    }

    fn find(&self, id: &str) -> anyhow::Result<Key> {
        let key = self.store.key(id)?;
        if let Some(place) = self.listed.place(id).filter(|_| key.is_none()) {
            bail!(
                "the key {id} is kept in {place}, which only you can change: take it out there, and \
                 put in another one that docent key create --for-file makes"
            );
        }
        key.with_context(|| format!("there is no key {id}; docent key list shows those there are"))
    }

    fn load(&self) -> anyhow::Result<Arc<Loaded>> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        // The version first: what is written in between is read again.
        let version = self.store.version()?;
        let loaded = self.loaded.load_full();
        if loaded.version == version && version != Loaded::default().version {
            return Ok(loaded);
        }
        let keys = self.store.keys()?;
        let by_id = keys.into_iter().map(|key| (key.id.clone(), key)).collect();
        let loaded = Arc::new(Loaded { version, by_id });
        self.loaded.store(loaded.clone());
        Ok(loaded)
    }
}

/// Why a key lets nobody in any more.
fn ended(key: &Key, now: u64) -> Option<Denied> {
    if key.revoked.is_some() {
        return Some(Denied::Revoked);
    }
    key.expires.is_some_and(|expires| expires <= now).then_some(Denied::Expired)
}

#[cfg(test)]
mod tests {
    use super::super::secret::checksum;
    use super::*;
    use crate::store::SqliteStore;

    fn keys() -> (tempfile::TempDir, Keys) {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(Arc::new(SqliteStore::open(dir.path()).unwrap())).unwrap();
        (dir, keys)
    }

    fn denied(keys: &Keys, key: &str, now: u64) -> Option<Denied> {
        keys.check(key, now).unwrap().err()
    }

    #[test]
    fn a_key_lets_in_until_it_ends() {
        let (_dir, keys) = keys();
        let (secret, key) = keys.create("ci", None, Some(200), 100).unwrap();
        let caller = keys.check(secret.reveal(), 199).unwrap().unwrap();
        assert_eq!((caller.id, caller.family, caller.limit), (key.id.clone(), key.id, None));
        assert_eq!(denied(&keys, secret.reveal(), 200), Some(Denied::Expired));
        let is_good = |now| keys.is_good(secret.id(), now).unwrap();
        assert!(is_good(199) && !is_good(200) && !keys.is_good("nobody12", 199).unwrap());
    }

    #[test]
    fn what_nobody_has_changed_is_known_at_once() {
        let (dir, keys) = keys();
        let (secret, key) = keys.create("ci", None, Some(200), 100).unwrap();
        keys.load().unwrap();
        let at_once = |now| keys.check_at_once(secret.reveal(), now).map(|it| it.err());
        assert_eq!(at_once(199), Some(None));
        assert_eq!(at_once(200), Some(Some(Denied::Expired)));
        assert_eq!(keys.is_good_at_once(&key.id, 199), Some(true));
        assert_eq!(keys.is_good_at_once(&key.id, 200), Some(false));
        assert!(!keys.is_shared());
        let other = Keys::open(Arc::new(SqliteStore::open(dir.path()).unwrap())).unwrap();
        other.revoke(&key.id, 150).unwrap();
        assert_eq!((at_once(199), keys.is_good_at_once(&key.id, 199)), (None, None));
        assert_eq!(denied(&keys, secret.reveal(), 199), Some(Denied::Revoked));
    }

    #[test]
    fn a_key_that_nobody_made_is_unknown_whatever_its_id() {
        let (_dir, keys) = keys();
        let (secret, _) = keys.create("ci", None, None, 100).unwrap();
        let other = Secret::new().unwrap();
        assert_eq!(denied(&keys, other.reveal(), 100), Some(Denied::Unknown));
        // The id of a real key with another secret, and a checksum that fits.
        let text = other.reveal().replacen(other.id(), secret.id(), 1);
        let body = &text[..text.len() - 6];
        let forged = format!("{body}{}", checksum(body));
        assert_eq!(denied(&keys, &forged, 100), Some(Denied::Unknown));
        assert_eq!(denied(&keys, "dk_live_", 100), Some(Denied::Malformed));
    }

    #[test]
    fn the_old_key_and_the_new_one_are_one_caller_until_the_old_one_ends() {
        let (_dir, keys) = keys();
        let limit = Some(KeyLimit { calls: 5, seconds: 60 });
        let (old, first) = keys.create("ci", limit, Some(10_000), 100).unwrap();
        let Rotated { secret: new, new: second, old: ending } =
            keys.rotate(&first.id, 50, None, 200).unwrap();
        assert_eq!(ending.expires, Some(250));
        let family = |key: &Secret, now| keys.check(key.reveal(), now).unwrap().unwrap().family;
        assert_eq!(family(&old, 249), family(&new, 249));
        assert_eq!(denied(&keys, old.reveal(), 250), Some(Denied::Expired));
        assert_eq!(keys.check(new.reveal(), 250).unwrap().unwrap().limit, limit);
        assert_eq!((second.name.as_str(), second.family), ("ci", first.id.clone()));
        assert!(keys.rotate(&first.id, 50, None, 300).is_err(), "it has ended");
        // The end of the new one is its own, not that of the old one.
        assert_eq!(second.expires, None);
        keys.note_use(&second.id, 250).unwrap();
        let third = keys.rotate(&second.id, 50, Some(20_000), 300).unwrap().new;
        assert_eq!((third.expires, third.created, third.used), (Some(20_000), 300, None));
        // One that ends by itself before the overlap is over is not made to live longer.
        let (_, brief) = keys.create("brief", None, Some(320), 300).unwrap();
        assert_eq!(keys.rotate(&brief.id, 50, None, 300).unwrap().old.expires, Some(320));
    }

    #[test]
    fn a_key_that_was_replaced_at_once_does_not_come_back_with_the_clock() {
        let (_dir, keys) = keys();
        let (old, first) = keys.create("ci", None, None, 100).unwrap();
        let new = keys.rotate(&first.id, 0, None, 200_000).unwrap().secret;
        for now in [200_000, 100_000] {
            assert_eq!(denied(&keys, old.reveal(), now), Some(Denied::Revoked));
            assert_eq!(denied(&keys, new.reveal(), now), None);
        }
    }

    #[test]
    fn what_another_process_revokes_is_refused_by_the_next_call() {
        let (dir, keys) = keys();
        let (secret, key) = keys.create("ci", None, None, 100).unwrap();
        assert_eq!(denied(&keys, secret.reveal(), 100), None);
        let other = Keys::open(Arc::new(SqliteStore::open(dir.path()).unwrap())).unwrap();
        other.revoke(&key.id, 101).unwrap();
        assert_eq!(denied(&keys, secret.reveal(), 101), Some(Denied::Revoked));
        // The time of the first revocation stays.
        assert_eq!(other.revoke(&key.id, 500).unwrap().revoked, Some(101));
        assert!(other.revoke("nobody12", 500).is_err());
    }

    #[test]
    fn the_last_use_is_kept_to_the_hour() {
        let (dir, keys) = keys();
        let (secret, key) = keys.create("ci", None, None, 100).unwrap();
        let unnoted = |now| keys.check(secret.reveal(), now).unwrap().unwrap().unnoted;
        assert!(unnoted(4000));
        assert!(!unnoted(4001), "once is enough");
        keys.note_use(&key.id, 4000).unwrap();
        assert_eq!(keys.list().unwrap()[0].used, Some(3600));
        assert!(!unnoted(7199));
        let other = Keys::open(Arc::new(SqliteStore::open(dir.path()).unwrap())).unwrap();
        assert!(!other.check(secret.reveal(), 7199).unwrap().unwrap().unnoted, "nor elsewhere");
        assert!(unnoted(7200));
        keys.note_use(&key.id, 8000).unwrap();
        assert_eq!(keys.list().unwrap()[0].used, Some(7200));
    }

    #[test]
    fn what_is_kept_lets_nobody_in() {
        let (dir, keys) = keys();
        let (secret, _) = keys.create("ci", None, None, 100).unwrap();
        let chance = &secret.reveal()[17..];
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(chance.len()).any(|part| part == chance.as_bytes()));
        }
    }
}
