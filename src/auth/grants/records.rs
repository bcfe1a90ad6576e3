//! The records of `oauth-as` in our store: each under the hash of its secret and sealed with it.
//!
//! The store is not asynchronous, so that none of these futures ever waits: whoever asks waits beside the
//! threads that serve.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use oauth_as::authorization::{AuthorizationCodeRecord, AuthorizationCodeState};
use oauth_as::device::{DeviceGrant, DeviceGrantState};
use oauth_as::store::{RevocationWindow, WriteOutcome};
use oauth_as::token::{IssuedToken, RefreshTokenRecord, RefreshTokenState};
use oauth_as::{Client, ClientAuth, ClientId, GrantType, ScopeSet, Storage, StorageError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::SCOPE;
use crate::auth::seal;
use crate::store::{self, GrantKind, GrantRecord, Revocation, Store};

/// How long a code that was used is remembered after it would have ended, so that its second use
/// is known for what it is.
const USED_CODE: Duration = Duration::from_secs(60 * 60);

/// What is not offered, and so never asked for.
const NOT_OFFERED: &str = "not offered here";

pub(super) struct Records {
    pub(super) store: Arc<dyn Store>,
}

impl Records {
    fn find<T: DeserializeOwned>(
        &self,
        kind: GrantKind,
        secret: &str,
    ) -> anyhow::Result<Option<(T, GrantRecord)>> {
        let record = self.store.grant(kind, &seal::hash(secret))?;
        record.map(|record| Ok((opened(secret, &record)?, record))).transpose()
    }

    /// The sign-in of a refresh token.
    pub(super) fn family(&self, token: &str) -> anyhow::Result<Option<String>> {
        let record = self.store.grant(GrantKind::Refresh, &seal::hash(token))?;
        Ok(record.and_then(|record| record.family))
    }

    /// Whether a token is there and was given to this client.
    pub(super) fn is_of(&self, token: &str, client: &str) -> anyhow::Result<bool> {
        let hash = seal::hash(token);
        for kind in [GrantKind::Access, GrantKind::Refresh] {
            if self.store.grant(kind, &hash)?.is_some_and(|record| record.client == client) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A code, without taking it.
    pub(super) fn code(&self, code: &str) -> anyhow::Result<Option<AuthorizationCodeRecord>> {
        Ok(self.find(GrantKind::Code, code)?.map(|(record, _)| record))
    }

    /// A refresh token. Its answer is given again for a while after it was used, but only until what
    /// came in its place was used too: whoever shows it after that is not the one who lost an
    /// answer.
    fn refresh_token(&self, token: &str) -> anyhow::Result<Option<RefreshTokenRecord>> {
        let found = self.find::<RefreshTokenRecord>(GrantKind::Refresh, token)?;
        let Some((mut token, record)) = found else { return Ok(None) };
        unused_is_fresh(&mut token);
        if let Some(successor) = record.successor {
            let next = self.store.grant(GrantKind::Refresh, &successor)?;
            if next.is_none_or(|next| next.successor.is_some()) {
                token.retry = None;
            }
        }
        Ok(Some(token))
    }
}

impl Storage for Records {
    async fn get_client(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StorageError> {
        let client = self.store.client(id.as_str()).map_err(failed)?;
        Ok(client.map(|client| Arc::new(read(client))))
    }

    async fn delete_client(
        &self,
        id: &ClientId,
        window: RevocationWindow,
    ) -> Result<bool, StorageError> {
        let what = Revocation::Client(id.as_str());
        let (at, until) = (millis(window.recorded_at), millis(window.until));
        Ok(self.store.revoke(what, at, until).map_err(failed)?.1)
    }

    async fn put_authorization_code(
        &self,
        record: AuthorizationCodeRecord,
    ) -> Result<(), StorageError> {
        let record = code_record(&record).map_err(failed)?;
        self.store.put_grant(&record).map(drop).map_err(failed)
    }

    async fn compare_and_swap_authorization_code(
        &self,
        expected: &AuthorizationCodeState,
        updated: AuthorizationCodeRecord,
    ) -> Result<bool, StorageError> {
        let swapped =
            self.store.replace_grant(GrantKind::Code, &seal::hash(&updated.code), &mut |record| {
                let now: AuthorizationCodeRecord = opened(&updated.code, record)?;
                let same = now.state == *expected;
                same.then(|| Ok(vec![code_record(&updated)?])).transpose()
            });
        swapped.map_err(failed)
    }

    async fn take_authorization_code(
        &self,
        code: &str,
    ) -> Result<Option<AuthorizationCodeRecord>, StorageError> {
        take(&*self.store, GrantKind::Code, code)
    }

    async fn put_token(&self, token: IssuedToken) -> Result<WriteOutcome, StorageError> {
        outcome(access_record(&token).and_then(|record| self.store.put_grant(&record)))
    }

    async fn get_token(&self, token: &str) -> Result<Option<Arc<IssuedToken>>, StorageError> {
        let found = self.find(GrantKind::Access, token).map_err(failed)?;
        Ok(found.map(|(token, _)| Arc::new(token)))
    }

    async fn delete_token(&self, token: &str) -> Result<(), StorageError> {
        let taken = self.store.take_grant(GrantKind::Access, &seal::hash(token));
        taken.map(drop).map_err(failed)
    }

    async fn put_refresh_token(
        &self,
        record: RefreshTokenRecord,
    ) -> Result<WriteOutcome, StorageError> {
        outcome(refresh_record(&record, None).and_then(|record| self.store.put_grant(&record)))
    }

    async fn get_refresh_token(
        &self,
        token: &str,
    ) -> Result<Option<Arc<RefreshTokenRecord>>, StorageError> {
        Ok(self.refresh_token(token).map_err(failed)?.map(Arc::new))
    }

    async fn rotate_refresh_token(
        &self,
        expected: &RefreshTokenRecord,
        spent: &RefreshTokenRecord,
        access: &IssuedToken,
        next: Option<&RefreshTokenRecord>,
    ) -> Result<bool, StorageError> {
        let secret = &expected.refresh_token;
        let rotated =
            self.store.replace_grant(GrantKind::Refresh, &seal::hash(secret), &mut |record| {
                let mut now: RefreshTokenRecord = opened(secret, record)?;
                unused_is_fresh(&mut now);
                if now != *expected {
                    return Ok(None);
                }
                let mut records = vec![refresh_record(spent, next)?, access_record(access)?];
                records.extend(next.map(|next| refresh_record(next, None)).transpose()?);
                Ok(Some(records))
            });
        rotated.map_err(failed)
    }

    async fn take_refresh_token(
        &self,
        token: &str,
    ) -> Result<Option<RefreshTokenRecord>, StorageError> {
        take(&*self.store, GrantKind::Refresh, token)
    }

    async fn revoke_token_family(
        &self,
        family: &str,
        window: RevocationWindow,
    ) -> Result<u64, StorageError> {
        let (at, until) = (millis(window.recorded_at), millis(window.until));
        Ok(self.store.revoke(Revocation::Family(family), at, until).map_err(failed)?.0)
    }

    async fn sweep_expired(&self, now: SystemTime) -> Result<u64, StorageError> {
        self.store.sweep_grants(millis(now)).map_err(failed)
    }

    // Clients are kept as they registered, by `store::clients`; nobody manages a registration
    // through this server, and no device signs in without a browser.

    async fn put_client(&self, _: Client) -> Result<(), StorageError> {
        Err(StorageError::new(NOT_OFFERED))
    }

    async fn compare_and_swap_client(&self, _: &Client, _: Client) -> Result<bool, StorageError> {
        Err(StorageError::new(NOT_OFFERED))
    }

    async fn put_device_grant(&self, _: DeviceGrant) -> Result<(), StorageError> {
        Err(StorageError::new(NOT_OFFERED))
    }

    async fn get_device_grant(&self, _: &str) -> Result<Option<DeviceGrant>, StorageError> {
        Ok(None)
    }

    async fn find_device_grant_by_user_code(
        &self,
        _: &str,
    ) -> Result<Option<DeviceGrant>, StorageError> {
        Ok(None)
    }

    async fn take_device_grant(&self, _: &str) -> Result<Option<DeviceGrant>, StorageError> {
        Ok(None)
    }

    async fn compare_and_swap_device_grant(
        &self,
        _: &DeviceGrantState,
        _: DeviceGrant,
    ) -> Result<bool, StorageError> {
        Ok(false)
    }
}

/// A token that was not used yet has no answer to give again. The library would give its own
/// predecessor's, and so for a while not renew what it has just renewed.
fn unused_is_fresh(token: &mut RefreshTokenRecord) {
    if token.state == RefreshTokenState::Active {
        token.retry = None;
    }
}

/// A client as the library knows it: public, and with the one scope there is.
fn read(client: store::Client) -> Client {
    let scope = ScopeSet::parse(SCOPE).unwrap_or_default();
    Client {
        client_id: ClientId::new(client.id),
        auth: ClientAuth::Public,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        redirect_uris: client.redirect_uris,
        allowed_scopes: scope.clone(),
        default_scopes: scope,
        name: Some(client.name),
        registration: None,
    }
}

fn code_record(code: &AuthorizationCodeRecord) -> anyhow::Result<GrantRecord> {
    let used = code.state != AuthorizationCodeState::Issued;
    let kept = if used { code.expires_at + USED_CODE } else { code.expires_at };
    Ok(GrantRecord {
        kind: GrantKind::Code,
        hash: seal::hash(&code.code),
        client: code.client_id.to_string(),
        family: None,
        person: Some(code.subject.clone()),
        established: millis(code.issued_at),
        expires: Some(millis(kept)),
        successor: None,
        sealed: sealed(&code.code, code)?,
    })
}

fn access_record(token: &IssuedToken) -> anyhow::Result<GrantRecord> {
    Ok(GrantRecord {
        kind: GrantKind::Access,
        hash: seal::hash(&token.access_token),
        client: token.client_id.to_string(),
        family: token.family_id.clone(),
        person: token.subject.clone(),
        established: millis(token.grant_established_at),
        expires: Some(millis(token.expires_at)),
        successor: None,
        sealed: sealed(&token.access_token, token)?,
    })
}

/// A refresh token, with what came in its place.
fn refresh_record(
    token: &RefreshTokenRecord,
    next: Option<&RefreshTokenRecord>,
) -> anyhow::Result<GrantRecord> {
    let spent = token.state == RefreshTokenState::Spent;
    Ok(GrantRecord {
        kind: GrantKind::Refresh,
        hash: seal::hash(&token.refresh_token),
        client: token.client_id.to_string(),
        family: Some(token.family_id.clone()),
        person: token.subject.clone(),
        established: millis(token.grant_established_at),
        expires: token.expires_at.map(millis),
        successor: next.filter(|_| spent).map(|next| seal::hash(&next.refresh_token)),
        sealed: sealed(&token.refresh_token, token)?,
    })
}

fn take<T: DeserializeOwned>(
    store: &dyn Store,
    kind: GrantKind,
    secret: &str,
) -> Result<Option<T>, StorageError> {
    let record = store.take_grant(kind, &seal::hash(secret)).map_err(failed)?;
    record.map(|record| opened(secret, &record).map_err(failed)).transpose()
}

fn sealed(secret: &str, record: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    seal::seal(secret, &serde_json::to_vec(record)?)
}

fn opened<T: DeserializeOwned>(secret: &str, record: &GrantRecord) -> anyhow::Result<T> {
    let plain = seal::open(secret, &record.sealed)?;
    serde_json::from_slice(&plain).context("what is kept of a token cannot be read")
}

fn outcome(written: anyhow::Result<bool>) -> Result<WriteOutcome, StorageError> {
    let written = written.map_err(failed)?;
    Ok(if written { WriteOutcome::Applied } else { WriteOutcome::RefusedRevoked })
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    // What never ends is past every date that SQLite can hold.
    i64::try_from(since).unwrap_or(i64::MAX).unsigned_abs()
}

fn failed(error: anyhow::Error) -> StorageError {
    StorageError::new(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use oauth_as::storage_conformance::StorageConformance;

    use super::*;
    use crate::store::SqliteStore;

    /// What the library asks of every storage, apart from what is not offered here: clients are
    /// not made through it, and no device signs in.
    #[tokio::test]
    async fn the_records_are_kept_as_the_library_demands() {
        let folders = std::sync::Mutex::new(Vec::new());
        let harness = StorageConformance::new(|| {
            let dir = tempfile::tempdir().unwrap();
            let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
            folders.lock().unwrap().push(dir);
            async { Records { store } }
        });
        // Each racer on a thread of its own, so that they meet however busy the machine is.
        let harness = harness.with_spawn(|mut task| {
            std::thread::spawn(move || {
                while task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
                    std::thread::park_timeout(Duration::from_millis(1));
                }
            });
        });
        let violations = harness.run().await;
        let real: Vec<_> =
            violations.iter().filter(|it| !it.detail.ends_with(NOT_OFFERED)).collect();
        assert!(real.is_empty(), "{real:#?}");
        // That the harness looks at all is seen in what it finds missing.
        assert!(!violations.is_empty());
    }
}
