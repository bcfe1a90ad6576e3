//! Settings that are read again while `docent serve` runs: on SIGHUP, what can change under a
//! running server does, and what cannot is named.

use std::sync::Arc;

use super::config::{Row, rows};
use super::{key, serve};
use crate::config::Settings;
use crate::http;

/// The settings that a running server takes; all others need a restart.
const LIVE: [&str; 9] = [
    "limits.user",
    "limits.key",
    "limits.address",
    "limits.on_limit",
    "keys_file",
    "key_hash",
    "trusted_proxies",
    "allowed_hosts",
    "allowed_origins",
];

/// Where the settings come from.
pub(super) type Read<'a> = dyn Fn() -> anyhow::Result<Settings> + 'a;

/// Requests to read the settings again.
pub(super) struct Requests {
    #[cfg(unix)]
    hangups: Option<tokio::signal::unix::Signal>,
}

impl Requests {
    /// Takes SIGHUP as such a request from now on. Where somebody looks on, it still ends the
    /// process, because the terminal sends it when it is closed.
    #[cfg(unix)]
    pub(super) fn new() -> anyhow::Result<Requests> {
        use std::io::IsTerminal;

        use anyhow::Context;
        use tokio::signal::unix::{SignalKind, signal};
        let hangups = (!std::io::stderr().is_terminal())
            .then(|| signal(SignalKind::hangup()).context("cannot wait for SIGHUP"));
        Ok(Requests { hangups: hangups.transpose()? })
    }

    /// There are none: only Unix has a signal for it.
    #[cfg(not(unix))]
    pub(super) fn new() -> anyhow::Result<Requests> {
        Ok(Requests {})
    }

    /// Waits for one.
    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(hangups) = &mut self.hangups
            && hangups.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

/// A server, and the settings that are in force.
pub(super) struct Reloading<'a> {
    read: &'a Read<'a>,
    server: http::Reload,
    in_force: Vec<Row>,
    /// Secrets are shown to nobody, but that one is another has to be noticed.
    secrets: [(&'static str, Option<String>); 3],
}

fn secrets(settings: &Settings) -> [(&'static str, Option<String>); 3] {
    [
        ("sign_in.client_secret", settings.sign_in.secret().ok()),
        ("git.webhook_secret", settings.git.secret().ok().flatten()),
        ("state", settings.state.given().ok().flatten().map(|given| given.value)),
    ]
}

impl<'a> Reloading<'a> {
    /// The server of these settings.
    pub(super) fn new(
        read: &'a Read<'a>,
        server: http::Reload,
        settings: &Settings,
    ) -> anyhow::Result<Reloading<'a>> {
        let secrets = secrets(settings);
        Ok(Reloading { read, server, in_force: rows(settings)?, secrets })
    }

    /// Reads the settings again whenever that is asked for.
    pub(super) async fn run(mut self, mut requests: Requests) -> ! {
        loop {
            requests.next().await;
            if let Err(error) = tokio::task::block_in_place(|| self.reload()) {
                tracing::error!("the settings from before stay in force: {error:#}");
            }
        }
    }

    fn reload(&mut self) -> anyhow::Result<()> {
        let settings = (self.read)()?;
        serve::check(&settings)?;
        let new = rows(&settings)?;
        self.set(&settings)?;
        let mut taken = 0;
        for row in &new {
            let before = self.in_force.iter_mut().find(|before| before.name == row.name);
            // A section that is shown with another `access` alone comes with that.
            let Some(before) = before.filter(|before| before.value != row.value) else { continue };
            let (name, was, is) = (&row.name, &before.value, &row.value);
            // Where everybody may come in there are no keys that could become others.
            let is_idle = name.starts_with("key") && self.server.rules().keys.is_none();
            if !is_idle && LIVE.contains(&name.as_str()) {
                tracing::info!("{name} is {is} now; it was {was}");
                before.value = is.clone();
                taken += 1;
            } else {
                tracing::warn!("{name} needs a restart to become {is}; {was} stays in force");
            }
        }
        for ((name, before), (_, now)) in self.secrets.iter().zip(secrets(&settings)) {
            if before.is_some() && *before != now {
                tracing::warn!("{name} needs a restart to become another one");
            }
        }
        tracing::info!(changed = taken, "read the settings again");
        Ok(())
    }

    fn set(&self, settings: &Settings) -> anyhow::Result<()> {
        let old = self.server.rules();
        let keys =
            old.keys.as_ref().map(|keys| anyhow::Ok(Arc::new(keys.anew(key::listed(settings)?))));
        let http::Rules { key, user, address, on_limit, trusted_proxies, .. } =
            serve::limits(settings)?;
        let rules = http::Rules {
            keys: keys.transpose()?,
            key,
            user,
            address,
            on_limit,
            trusted_proxies,
            ..(*old).clone()
        };
        let (hosts, origins) = (&settings.allowed_hosts.value, &settings.allowed_origins.value);
        self.server.set(rules, hosts.clone(), origins.clone())
    }
}
