//! Where snapshots are: an address, made into an object store. Credentials come from the environment, as
//! each cloud names them.

use std::error::Error as _;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{ClientConfigKey, HttpError, HttpErrorKind};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    RetryConfig, UpdateVersion,
};
use url::Url;

use super::trouble::{Cause, Trouble};

/// Times a request is tried, and how long at the most: whoever waits for it tries again later.
const RETRIES: usize = 3;
const RETRY_FOR: Duration = Duration::from_secs(15);
/// How long a request may take: the slowest that brings a piece has a few Mbit/s. One that brings
/// nothing at all ends sooner; of one that sends a piece the library cannot tell.
const TIMEOUT: &str = "120 seconds";
const SILENT: &str = "15 seconds";

/// The clouds, by the schemes of their addresses, with what their credentials are called.
const CLOUDS: [(&str, &str); 3] = [
    ("s3", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role of the machine; and AWS_REGION"),
    ("gs", "GOOGLE_APPLICATION_CREDENTIALS, or a service account of the machine"),
    (
        "az",
        "AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY, or an identity of the machine",
    ),
];

/// Checks an address without asking anybody.
///
/// # Errors
///
/// One sentence that says what is wrong with it.
pub fn check(address: &str) -> anyhow::Result<()> {
    parse(address).map(drop)
}

/// The same, and refuses a folder in which the data folder is, or that is in the data folder: what is
/// tidied up in the one is needed in the other.
///
/// # Errors
///
/// One sentence that says what is wrong with it.
pub fn check_apart(address: &str, data_dir: &FilePath) -> anyhow::Result<()> {
    let url = parse(address)?;
    let Some(folder) = (url.scheme() == "file").then(|| url.to_file_path().ok()).flatten() else {
        return Ok(());
    };
    let (place, data) = (real(&folder), real(data_dir));
    let relation = match (place.starts_with(&data), data.starts_with(&place)) {
        (true, true) => "is the data folder",
        (true, false) => "is in the data folder",
        (false, true) => "has in it the data folder",
        (false, false) => return Ok(()),
    };
    bail!(
        "{address:?} {relation} {}, where docent deletes what it does not need any more: snapshots have a \
         folder of their own, apart from it",
        data.display()
    )
}

/// A path without links, as far as it is there.
fn real(path: &FilePath) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for above in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (above.canonicalize(), path.strip_prefix(above)) {
            // Nothing is appended where it is all there: that would be another path.
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path
}

/// What an address says. Of one that is no address, or that may hold a secret, nothing is repeated.
fn parse(address: &str) -> anyhow::Result<Url> {
    let form = "an address such as s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or \
                file:///folder";
    ensure!(
        !address.contains('@'),
        "the address must be plain, such as s3://bucket/prefix, without @: credentials come from the \
         environment"
    );
    let url = Url::parse(address).ok().with_context(|| format!("this is not {form}"))?;
    ensure!(
        url.port().is_none(),
        "the address must be plain, such as s3://bucket/prefix, without a port: credentials and endpoints \
         come from the environment"
    );
    ensure!(
        url.query().is_none() && url.fragment().is_none(),
        "the address must be plain, such as s3://bucket/prefix, without ? and #"
    );
    match (url.scheme(), url.host_str()) {
        ("s3" | "gs" | "az", Some(_)) => {}
        ("file", None | Some("")) if url.path() != "/" => {}
        ("file", _) => {
            bail!("{address:?} names no folder: file:///srv/snapshots has three slashes")
        }
        _ => bail!("{address:?} is not {form}"),
    }
    Ok(url)
}

/// A version of an object, which a later one is put in place of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Version {
    tag: Option<String>,
    version: Option<String>,
}

/// What a look at an object found.
pub(super) enum Seen {
    /// There is none.
    Nothing,
    /// It is the one that was seen before.
    Same,
    /// It is this one.
    Object(Vec<u8>, Version),
}

/// An object, as a list has it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Its name in its folder.
    pub(super) name: String,
    /// Its size in bytes.
    pub(super) size: u64,
    /// When it was written, in seconds since 1970 by the clock of the store.
    pub(super) written: u64,
}

/// A place for snapshots; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// As the operator wrote it.
    address: String,
    scheme: &'static str,
    bucket: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The folder, where it is one of this machine.
    folder: Option<PathBuf>,
    #[cfg(test)]
    pub(super) faults: Arc<Faults>,
}

/// What goes wrong in a place of a test.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The next conditional write takes effect, is repeated, and is refused then.
    pub(super) repeats: std::sync::atomic::AtomicBool,
    /// Nothing is answered.
    pub(super) hangs: std::sync::atomic::AtomicBool,
    /// Nothing may be read.
    pub(super) denies: std::sync::atomic::AtomicBool,
}

#[cfg(test)]
impl Faults {
    async fn answer(&self) {
        if self.hangs.load(std::sync::atomic::Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

impl Place {
    /// Opens a place; nobody is asked yet. Whoever publishes makes a folder of this machine.
    pub(super) fn open(address: &str, make: bool) -> Result<Place, Trouble> {
        let wrong = |error: anyhow::Error| Trouble::new(Cause::NoPlace, error);
        let url = parse(address).map_err(wrong)?;
        let (_, credentials) = cloud(url.scheme());
        let failed = |error: Error| {
            let told = told(&error);
            Trouble::say(Cause::Denied, format!("{address}: set {credentials} ({told})"))
        };
        let retry = RetryConfig {
            max_retries: RETRIES,
            retry_timeout: RETRY_FOR,
            ..RetryConfig::default()
        };
        let (timeout, quiet) = (ClientConfigKey::Timeout, ClientConfigKey::ReadTimeout);
        let silent = if make { TIMEOUT } else { SILENT };
        let (scheme, _) = cloud(url.scheme());
        let mut folder = None;
        let store: Arc<dyn ObjectStore> = match scheme {
            "s3" => Arc::new(
                AmazonS3Builder::from_env()
                    .with_config(AmazonS3ConfigKey::Client(timeout), TIMEOUT)
                    .with_config(AmazonS3ConfigKey::Client(quiet), silent)
                    .with_retry(retry)
                    .with_url(url.as_str())
                    .build()
                    .map_err(failed)?,
            ),
            "gs" => Arc::new(
                GoogleCloudStorageBuilder::from_env()
                    .with_config(GoogleConfigKey::Client(timeout), TIMEOUT)
                    .with_config(GoogleConfigKey::Client(quiet), silent)
                    .with_retry(retry)
                    .with_url(url.as_str())
                    .build()
                    .map_err(failed)?,
            ),
            "az" => Arc::new(
                MicrosoftAzureBuilder::from_env()
                    .with_config(AzureConfigKey::Client(timeout), TIMEOUT)
                    .with_config(AzureConfigKey::Client(quiet), silent)
                    .with_retry(retry)
                    .with_url(url.as_str())
                    .build()
                    .map_err(failed)?,
            ),
            _ => {
                let path = url.to_file_path().map_err(|()| {
                    wrong(anyhow::anyhow!("{address:?} is no path of this machine"))
                })?;
                let store = local(&path, make)
                    .map_err(|error| wrong(anyhow::anyhow!("{address}: {error}")))?;
                folder = Some(path);
                Arc::new(store)
            }
        };
        let prefix = match folder {
            Some(_) => Ok(Path::default()),
            None => Path::from_url_path(url.path()),
        };
        let prefix = prefix.map_err(|error| wrong(anyhow::anyhow!("{address}: {error}")))?;
        let bucket = url.host_str().unwrap_or_default().to_owned();
        Ok(Place {
            address: address.to_owned(),
            scheme,
            bucket,
            store,
            prefix,
            folder,
            #[cfg(test)]
            faults: Arc::default(),
        })
    }

    /// A place in memory.
    #[cfg(test)]
    pub(super) fn in_memory() -> Place {
        Place {
            address: "memory://".into(),
            scheme: "memory",
            bucket: String::new(),
            store: Arc::new(object_store::memory::InMemory::new()),
            prefix: Path::from("a/prefix"),
            folder: None,
            faults: Arc::default(),
        }
    }

    /// The address, for messages.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The folder, where it is one of this machine.
    pub(super) fn folder(&self) -> Option<&FilePath> {
        self.folder.as_deref()
    }

    fn at(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Looks at an object of at most so many bytes, unless it is the version that is known.
    pub(super) async fn look(
        &self,
        name: &str,
        known: Option<&Version>,
        most: u64,
    ) -> Result<Seen, Trouble> {
        let options = GetOptions {
            if_none_match: known.and_then(|version| version.tag.clone()),
            ..GetOptions::default()
        };
        #[cfg(test)]
        {
            self.faults.answer().await;
            if self.faults.denies.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(Trouble::say(Cause::Denied, "it is a test"));
            }
        }
        match self.store.get_opts(&self.at(name), options).await {
            Ok(found) => {
                let version =
                    Version { tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
                Ok(Seen::Object(self.read(name, found, most).await?, version))
            }
            Err(Error::NotModified { .. }) => Ok(Seen::Same),
            Err(error) => self.missing(error).map(|()| Seen::Nothing),
        }
    }

    /// Does something in this time, with all tries of it, or says that there is no answer.
    pub(super) async fn within<T>(
        &self,
        time: Duration,
        doing: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let done = tokio::time::timeout(time, doing).await;
        done.unwrap_or_else(|_| {
            let (address, seconds) = (&self.address, time.as_secs());
            Err(Trouble::say(
                Cause::Unreachable,
                format!("{address} does not answer within {seconds} s"),
            ))
        })
    }

    /// An object of at most so many bytes, if it is there.
    pub(super) async fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(match self.look(name, None, most).await? {
            Seen::Object(bytes, _) => Some(bytes),
            Seen::Same | Seen::Nothing => None,
        })
    }

    async fn read(&self, name: &str, found: GetResult, most: u64) -> Result<Vec<u8>, Trouble> {
        if found.meta.size > most {
            let (address, size) = (&self.address, found.meta.size);
            return Err(Trouble::say(
                Cause::Damaged,
                format!(
                    "{address}: {name} has {size} bytes, where {most} are the most there may be"
                ),
            ));
        }
        Ok(found.bytes().await.map_err(|error| self.explain(error))?.to_vec())
    }

    /// Writes an object, whatever was there.
    pub(super) async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), Trouble> {
        let put = self.store.put(&self.at(name), PutPayload::from(bytes)).await;
        put.map(drop).map_err(|error| self.explain(error))
    }

    /// Writes an object where there is none; its version, or none if there is one.
    pub(super) async fn create(
        &self,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Option<Version>, Trouble> {
        self.put_if(name, bytes, PutMode::Create).await
    }

    /// Writes an object in place of a version of it; the new version, or none if it is another one by
    /// now. A folder of this machine cannot say, and takes it.
    pub(super) async fn replace(
        &self,
        name: &str,
        bytes: Vec<u8>,
        known: &Version,
    ) -> Result<Option<Version>, Trouble> {
        let Version { tag, version } = known.clone();
        let mode = match self.folder {
            Some(_) => PutMode::Overwrite,
            None => PutMode::Update(UpdateVersion { e_tag: tag, version }),
        };
        self.put_if(name, bytes, mode).await
    }

    async fn put_if(
        &self,
        name: &str,
        bytes: Vec<u8>,
        mode: PutMode,
    ) -> Result<Option<Version>, Trouble> {
        let options = PutOptions::from(mode);
        #[cfg(test)]
        self.faults.answer().await;
        let put = self.store.put_opts(&self.at(name), PutPayload::from(bytes), options).await;
        #[cfg(test)]
        if self.faults.repeats.swap(false, std::sync::atomic::Ordering::Relaxed) {
            return put.map(|_| None).map_err(|error| self.explain(error));
        }
        match put {
            Ok(put) => Ok(Some(Version { tag: put.e_tag, version: put.version })),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(None),
            Err(error) => Err(self.explain(error)),
        }
    }

    /// The objects of a folder.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<Listed>, Trouble> {
        let path = self.at(folder);
        let listed = match self.store.list_with_delimiter(Some(&path)).await {
            Ok(listed) => listed,
            Err(error) => return self.missing(error).map(|()| Vec::new()),
        };
        let object = |meta: object_store::ObjectMeta| Listed {
            name: meta.location.filename().unwrap_or_default().to_owned(),
            size: meta.size,
            written: u64::try_from(meta.last_modified.timestamp()).unwrap_or_default(),
        };
        Ok(listed.objects.into_iter().map(object).collect())
    }

    /// When an object was written, in seconds since 1970 by the clock of the store; none if it is not
    /// there.
    pub(super) async fn written(&self, name: &str) -> Result<Option<u64>, Trouble> {
        match self.store.head(&self.at(name)).await {
            Ok(meta) => Ok(u64::try_from(meta.last_modified.timestamp()).ok()),
            Err(error) => self.missing(error).map(|()| None),
        }
    }

    /// Deletes what a writer left in a folder of this machine when it was ended in the middle: the
    /// library writes beside, under the name with # and a number. Nobody else writes now.
    pub(super) fn sweep(&self) {
        let Some(folder) = &self.folder else { return };
        for dir in [folder.clone(), folder.join("files"), folder.join("snapshots")] {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let is_left = name.rsplit_once('#').is_some_and(|(_, number)| {
                    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
                });
                if is_left && let Err(error) = std::fs::remove_file(entry.path()) {
                    tracing::debug!("{} stays: {error}", entry.path().display());
                }
            }
        }
    }

    /// Deletes an object; one that is not there is no failure.
    pub(super) async fn delete(&self, name: &str) -> Result<(), Trouble> {
        let deleted = self.store.delete(&self.at(name)).await;
        deleted.or_else(|error| self.missing(error))
    }

    /// An object that is not there, in a bucket that is; all else is trouble.
    fn missing(&self, error: Error) -> Result<(), Trouble> {
        match &error {
            Error::NotFound { .. } if self.folder.as_ref().is_some_and(|it| !it.is_dir()) => {
                Err(self.explain(error))
            }
            Error::NotFound { .. } if !names_bucket(&error.to_string()) => Ok(()),
            _ => Err(self.explain(error)),
        }
    }

    /// What an error of the store means to an operator.
    fn explain(&self, error: Error) -> Trouble {
        let address = &self.address;
        let told = told(&error);
        let (_, credentials) = cloud(self.scheme);
        let (cause, sentence) = match &error {
            Error::NotFound { .. } => match &self.folder {
                Some(folder) if !folder.is_dir() => {
                    (Cause::NoPlace, format!("{address}: there is no folder {}", folder.display()))
                }
                Some(_) => (Cause::Damaged, format!("{address}: {told}")),
                None => (
                    Cause::NoPlace,
                    format!(
                        "{address}: there is no bucket or container {:?} ({told})",
                        self.bucket
                    ),
                ),
            },
            _ if asks_machine(&told) => (
                Cause::Denied,
                format!("{address}: there are no credentials: set {credentials} ({told})"),
            ),
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => (
                Cause::Denied,
                format!(
                    "{address}: the store refuses this: see whether {credentials} are right, and may \
                     do it ({told})"
                ),
            ),
            _ if is_stale(&told) => (
                Cause::Denied,
                format!(
                    "{address}: the credentials have ended or are none: {credentials} ({told})"
                ),
            ),
            // The library's words for an address that it does not take.
            _ if told.contains("builder error") => (
                Cause::Denied,
                format!(
                    "{address}: the endpoint is not https: set AWS_ALLOW_HTTP=true, GOOGLE_ALLOW_HTTP=true \
                     or AZURE_ALLOW_HTTP=true if it is in a network of your own ({told})"
                ),
            ),
            Error::NotImplemented { .. } | Error::NotSupported { .. } => (
                Cause::Denied,
                format!("{address}: the store cannot do what publishing needs ({told})"),
            ),
            _ if is_away(&error) => {
                (Cause::Unreachable, format!("{address} cannot be reached ({told})"))
            }
            _ => (Cause::Unreachable, format!("{address}: {told}")),
        };
        Trouble::say(cause, sentence)
    }
}

/// Opens a folder of this machine.
fn local(path: &FilePath, make: bool) -> anyhow::Result<LocalFileSystem> {
    if make {
        std::fs::create_dir_all(path)
            .with_context(|| format!("cannot make the folder {}", path.display()))?;
    }
    ensure!(path.is_dir(), "there is no folder {}", path.display());
    // A pointer must not outlive what it leads to when the machine goes down.
    Ok(LocalFileSystem::new_with_prefix(path)?.with_fsync(true))
}

/// Whether a store says that it is the bucket that is missing.
fn names_bucket(told: &str) -> bool {
    ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"]
        .iter()
        .any(|words| told.contains(words))
}

/// Whether the machine was asked for credentials, as is done where the environment has none.
fn asks_machine(told: &str) -> bool {
    [
        "169.254.169.254",
        "169.254.170.2",
        "metadata.google.internal",
        "MissingAccess",
        "Missing Secret",
    ]
    .iter()
    .any(|words| told.contains(words))
}

/// Whether a store that answers otherwise than by 401 and 403 means the credentials.
fn is_stale(told: &str) -> bool {
    ["ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"]
        .iter()
        .any(|words| told.contains(words))
}

/// Whether nobody answered.
fn is_away(error: &Error) -> bool {
    let mut at = error.source();
    while let Some(error) = at {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            let kind = error.kind();
            return kind != HttpErrorKind::Decode && kind != HttpErrorKind::Unknown;
        }
        at = error.source();
    }
    false
}

/// A cloud by the scheme of its addresses; else a folder.
fn cloud(scheme: &str) -> (&'static str, &'static str) {
    CLOUDS.into_iter().find(|(it, _)| *it == scheme).unwrap_or(("file", ""))
}

/// What the library said and why, on one line that is not too long.
fn told(error: &Error) -> String {
    let mut told = error.to_string();
    let mut at = error.source();
    let mut cause = String::new();
    while let Some(error) = at {
        cause = error.to_string();
        at = error.source();
    }
    // Of an answer in XML these two say everything.
    if let Some((before, xml)) = told.split_once("<?xml") {
        let element = |name: &str| {
            let (_, rest) = xml.split_once(&format!("<{name}>"))?;
            rest.split_once('<').map(|(text, _)| text.to_owned())
        };
        let words: Vec<String> = ["Code", "Message"].into_iter().filter_map(element).collect();
        told = format!("{before}{}", words.join(": "));
    } else if !told.contains(&cause) {
        told = format!("{told}: {cause}");
    }
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    match told.char_indices().nth(500) {
        Some((end, _)) => format!("{}…", &told[..end]),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain() {
        for good in ["s3://bucket", "s3://bucket/a/b", "gs://b/p/", "az://c/p", "file:///srv/x"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for (bad, expected) in [
            ("bucket/prefix", "this is not an address such as s3://bucket/prefix"),
            ("s3://secret:key/bucket", "this is not an address such as s3://bucket/prefix"),
            ("secret/x@bucket", "credentials come from the environment"),
            ("s3://bucket:80/a", "without a port"),
            ("http://a.example/b", "is not an address such as"),
            ("memory:///a", "is not an address such as"),
            ("s3:///prefix", "is not an address such as"),
            ("file:///", "names no folder"),
            ("file://srv/x", "names no folder"),
            ("s3://key:secret@bucket/a", "credentials come from the environment"),
            ("s3://bucket/a?secret=y", "without ? and #"),
        ] {
            let said = check(bad).unwrap_err().to_string();
            assert!(said.contains(expected), "{bad}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn a_place_is_apart_from_the_data_folder() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| Url::from_file_path(dir.path().join(path)).unwrap().to_string();
        let data = dir.path().join("data");
        for (place, expected) in [
            ("data", "is the data folder"),
            ("data/snapshots", "is in the data folder"),
            ("data/../data/snapshots/x", "is in the data folder"),
            (".", "has in it the data folder"),
        ] {
            let said = check_apart(&at(place), &data).unwrap_err().to_string();
            assert!(said.contains(expected), "{place}: {said}");
        }
        check_apart(&at("data-2"), &data).unwrap();
        check_apart("s3://data/snapshots", &data).unwrap();
        #[cfg(unix)]
        {
            std::fs::create_dir(&data).unwrap();
            std::os::unix::fs::symlink(&data, dir.path().join("link")).unwrap();
            assert!(check_apart(&at("link/snapshots"), &data).is_err());
        }
    }

    #[test]
    fn what_a_writer_left_is_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let address = Url::from_file_path(dir.path()).unwrap().to_string();
        std::fs::create_dir(dir.path().join("files")).unwrap();
        for name in ["current.json#1", "files/ab#12", "files/ab", "files/#x", "current.json"] {
            std::fs::write(dir.path().join(name), "1").unwrap();
        }
        Place::open(&address, false).unwrap().sweep();
        let there = |name: &str| dir.path().join(name).exists();
        assert!(!there("current.json#1") && !there("files/ab#12"));
        assert!(there("files/ab") && there("files/#x") && there("current.json"));
    }

    #[tokio::test]
    async fn an_object_is_put_once_and_replaced_by_who_knows_it() {
        let place = Place::in_memory();
        let first = place.create("a", b"1".to_vec()).await.unwrap().unwrap();
        assert_eq!(place.create("a", b"2".to_vec()).await.unwrap(), None);
        let second = place.replace("a", b"3".to_vec(), &first).await.unwrap().unwrap();
        assert_eq!(place.replace("a", b"4".to_vec(), &first).await.unwrap(), None);
        assert!(matches!(place.look("a", Some(&second), 9).await.unwrap(), Seen::Same));
        assert_eq!(place.get("a", 9).await.unwrap().unwrap(), b"3");
        let large = place.get("a", 0).await.unwrap_err();
        assert_eq!(large.cause, Cause::Damaged);
        assert!(matches!(place.look("b", None, 9).await.unwrap(), Seen::Nothing));
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_is_not_one_where_nothing_is_published() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("x");
        let address = Url::from_directory_path(&folder).unwrap().to_string();
        assert_eq!(Place::open(&address, false).unwrap_err().cause, Cause::NoPlace);
        let place = Place::open(&address, true).unwrap();
        assert!(place.get("current.json", 9).await.unwrap().is_none());
        assert!(place.list("files").await.unwrap().is_empty());
        place.put("files/a", b"1".to_vec()).await.unwrap();
        assert_eq!(place.list("files").await.unwrap()[0].name, "a");
        place.delete("files/a").await.unwrap();
        place.delete("files/a").await.unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(place.get("current.json", 9).await.unwrap_err().cause, Cause::NoPlace);
    }
}
