//! State in SQLite files: how one is opened, brought to the present shape, and watched for changes.

mod audit;
mod begun;
mod clients;
mod grants;
mod keys;
mod usage;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::Store;
use begun::Held;

pub use usage::SqliteUsage;

/// Name of the state in a data folder.
const FILE: &str = "state.sqlite";
/// How long another process may write before this one gives up.
const BUSY: Duration = Duration::from_secs(5);
/// The shape of the state, step by step; `user_version` counts the steps that were made. A step
/// that was published is never changed.
const STEPS: &[&str] = &[keys::TABLE, keys::SCOPE, audit::TABLE, clients::TABLE, grants::TABLES];

/// What a power cut may take of what was written last. A kill of the process takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Nothing: each write waits for the disk.
    Full,
    /// What the disk has not yet.
    Normal,
}

/// An open file. Who asks never waits for who writes: they have a connection each.
pub(super) struct Database {
    reader: Mutex<Connection>,
    writer: Mutex<Connection>,
}

impl Database {
    /// Opens a file of a data folder, and makes it if there is none. `what` is in it, for errors.
    pub(super) fn open(
        data_dir: &Path,
        file: &str,
        what: &str,
        steps: &[&str],
        durability: Durability,
    ) -> anyhow::Result<Database> {
        let path = data_dir.join(file);
        std::fs::create_dir_all(data_dir)
            .with_context(|| format!("cannot make the data folder {}", data_dir.display()))?;
        let named = || format!("cannot open {what} in {}", path.display());
        let mut writer = Connection::open(&path).with_context(named)?;
        private(&path).with_context(named)?;
        prepare(&mut writer, steps, durability).with_context(named)?;
        let reader = Connection::open(&path).with_context(named)?;
        reader.busy_timeout(BUSY).with_context(named)?;
        Ok(Database { reader: Mutex::new(reader), writer: Mutex::new(writer) })
    }

    pub(super) fn reader(&self) -> MutexGuard<'_, Connection> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a server, in a file that the command line shares.
pub struct SqliteStore {
    database: Database,
    begun: Held,
}

impl SqliteStore {
    /// Opens the file of a data folder, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// A file that cannot be written, is damaged, or is of a newer docent.
    pub fn open(data_dir: &Path) -> anyhow::Result<SqliteStore> {
        let database = Database::open(data_dir, FILE, "the state", STEPS, Durability::Full)?;
        Ok(SqliteStore { database, begun: Held::default() })
    }

    /// One that is forgotten when it is dropped, for a server that can write nowhere.
    ///
    /// # Errors
    ///
    /// What SQLite says.
    pub fn in_memory() -> anyhow::Result<SqliteStore> {
        // Two connections share what has a name; no two stores of a process have the same one.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("file:/docent-{number}?vfs=memdb");
        let mut writer = Connection::open(&name)?;
        prepare(&mut writer, STEPS, Durability::Full)?;
        let reader = Connection::open(&name)?;
        reader.busy_timeout(BUSY)?;
        let database = Database { reader: Mutex::new(reader), writer: Mutex::new(writer) };
        Ok(SqliteStore { database, begun: Held::default() })
    }

    /// Whether a data folder has the file.
    pub fn is_in(data_dir: &Path) -> bool {
        data_dir.join(FILE).exists()
    }

    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.database.reader()
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.database.writer()
    }
}

impl Store for SqliteStore {
    /// Changes whenever anybody has written, here or in another process.
    fn version(&self) -> anyhow::Result<i64> {
        let connection = self.reader();
        let mut asked = connection.prepare_cached("PRAGMA data_version")?;
        Ok(asked.query_row([], |row| row.get(0))?)
    }
}

/// A transaction that waits for other writers, of other processes too, at its begin: one that has read
/// before it writes cannot wait any more, and fails where another was faster.
fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn prepare(
    connection: &mut Connection,
    steps: &[&str],
    durability: Durability,
) -> anyhow::Result<()> {
    connection.busy_timeout(BUSY)?;
    // Readers never wait for a writer, and a kill at any moment loses nothing that was told done.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    if durability == Durability::Normal {
        // Of many small writes to the same pages each page is brought home once: every 32 MB.
        connection.pragma_update(None, "wal_autocheckpoint", 8000)?;
    }
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten: it was told to people that it is gone.
    connection.pragma_update(None, "secure_delete", true)?;
    // Two processes may find the same old file: one makes the steps, the other sees them made.
    let change = begin(connection)?;
    let made: i64 = change.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let made = usize::try_from(made).unwrap_or(usize::MAX);
    ensure!(made <= steps.len(), "it was written by a newer version of docent");
    if made == steps.len() {
        // Nothing is written then: on a disk that is full this is no reason not to start.
        return Ok(());
    }
    for step in &steps[made..] {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "user_version", steps.len() as i64)?;
    Ok(change.commit()?)
}

/// Nobody else on this machine has a business with who calls here.
fn private(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

/// Does to a state what a hand or a bad disk would.
#[cfg(test)]
pub(crate) fn change(data_dir: &Path, sql: &str) {
    Connection::open(data_dir.join(FILE)).unwrap().execute_batch(sql).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Client, ClientStore, KeyScope, KeyStore};

    #[test]
    fn every_change_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let ours = SqliteStore::open(dir.path()).unwrap();
        let other = SqliteStore::open(dir.path()).unwrap();
        let before = ours.version().unwrap();
        assert_eq!(ours.version().unwrap(), before);
        other.writer().execute_batch("CREATE TABLE x (y)").unwrap();
        let after = ours.version().unwrap();
        assert_ne!(after, before);
        ours.writer().execute_batch("CREATE TABLE z (y)").unwrap();
        assert_ne!(ours.version().unwrap(), after);
    }

    #[test]
    fn who_asks_does_not_wait_for_who_writes() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).unwrap();
        let mut writer = store.writer();
        let change = writer.transaction().unwrap();
        change.execute_batch("CREATE TABLE x (y)").unwrap();
        // With one connection for both, this would never come back.
        store.version().unwrap();
        assert!(store.keys().unwrap().is_empty());
    }

    #[test]
    fn a_client_is_kept_while_another_process_writes() {
        let dir = tempfile::tempdir().unwrap();
        let ours = SqliteStore::open(dir.path()).unwrap();
        let other = SqliteStore::open(dir.path()).unwrap();
        let mut writer = other.writer();
        let change = begin(&mut writer).unwrap();
        change.execute_batch("CREATE TABLE x (y)").unwrap();
        let client = Client {
            id: "app".into(),
            name: "App".into(),
            redirect_uris: Vec::new(),
            created: 1,
            used: None,
            fresh_until: None,
        };
        std::thread::scope(|scope| {
            let (sender, kept) = std::sync::mpsc::channel();
            scope.spawn(move || sender.send(ours.put_client(&client, 10)));
            // It waits for its turn.
            let early = kept.recv_timeout(Duration::from_millis(200));
            change.commit().unwrap();
            early.unwrap_or_else(|_| kept.recv().unwrap()).unwrap();
        });
    }

    #[test]
    fn a_store_in_memory_is_seen_by_both_connections_and_by_no_other() {
        let [ours, other] = [(); 2].map(|()| SqliteStore::in_memory().unwrap());
        let before = ours.version().unwrap();
        ours.writer().execute_batch("CREATE TABLE x (y)").unwrap();
        assert_ne!(ours.version().unwrap(), before);
        ours.reader().execute_batch("SELECT y FROM x").unwrap();
        assert!(other.reader().execute_batch("SELECT y FROM x").is_err());
    }

    #[test]
    fn a_key_of_an_older_version_may_still_see_and_use_everything() {
        let dir = tempfile::tempdir().unwrap();
        let older = Connection::open(dir.path().join(FILE)).unwrap();
        older.execute_batch(STEPS[0]).unwrap();
        older.pragma_update(None, "user_version", 1).unwrap();
        let sql =
            "INSERT INTO keys (id, hash, name, family, created) VALUES ('a', ?1, 'ci', 'a', 1)";
        older.execute(sql, [[0u8; 32].as_slice()]).unwrap();
        let keys = SqliteStore::open(dir.path()).unwrap().keys().unwrap();
        assert_eq!(keys[0].scope, KeyScope::default());
    }

    #[test]
    fn to_open_what_is_as_it_should_be_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        drop(SqliteStore::open(dir.path()).unwrap());
        let _store = SqliteStore::open(dir.path()).unwrap();
        let written = std::fs::metadata(dir.path().join(format!("{FILE}-wal")));
        assert_eq!(written.map_or(0, |file| file.len()), 0);
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        drop(SqliteStore::open(dir.path()).unwrap());
        let connection = Connection::open(dir.path().join(FILE)).unwrap();
        connection.pragma_update(None, "user_version", 1000).unwrap();
        let error = format!("{:#}", SqliteStore::open(dir.path()).err().unwrap());
        assert!(error.contains("newer version"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn only_the_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let _store = SqliteStore::open(dir.path()).unwrap();
        // With what SQLite keeps beside it.
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let mode = file.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
