//! What of a running server can be set anew: who may call and how much, and which hosts and origins
//! are let in.

use std::sync::Arc;

use super::{Options, Rules, Site};

/// A server that runs.
pub struct Reload {
    site: Arc<Site>,
    options: Options,
}

impl Reload {
    pub(super) fn new(site: Arc<Site>, options: Options) -> Reload {
        Reload { site, options }
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        self.site.door.rules()
    }

    /// Keeps to these from the next call on. Connections, streams and the counts of callers stay.
    /// Whether there are keys, and where people sign in, has to be as it was: the routes were made
    /// for that.
    ///
    /// # Errors
    ///
    /// A host or an origin that cannot be understood; then nothing has changed.
    pub fn set(
        &self,
        rules: Rules,
        allowed_hosts: Vec<String>,
        allowed_origins: Vec<String>,
    ) -> anyhow::Result<()> {
        let options = Options { allowed_hosts, allowed_origins, ..self.options.clone() };
        self.site.guard.store(Arc::new(options.guard()?));
        self.site.door.follow(rules);
        Ok(())
    }
}
