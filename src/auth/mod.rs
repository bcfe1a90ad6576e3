//! Who is calling. No HTTP and no clock inside: whoever asks says what time it is.
//!
//! | file | what it decides |
//! |---|---|
//! | `keys`, `secret`, `listed`, `watched` | bearer keys of agents |
//! | `audit` | what is written down of all that |
//! | `client`, `clients`, `redirect` | which programs people may sign in with, and where they are sent back to |
//! | `grants`, `parameters`, `pkce`, `seal` | what a sign-in is good for, and how it is kept |
//! | `pending` | sign-ins that have begun |
//! | `identity`, `person` | who signed in |
//! | `hook` | who tells of a push |

pub mod audit;
mod client;
mod clients;
mod grants;
mod hook;
mod identity;
mod keys;
pub mod listed;
mod parameters;
mod pending;
mod person;
mod pkce;
mod redirect;
mod seal;
mod secret;
pub mod watched;

pub use audit::Audit;
pub use client::{
    Unfit as UnfitClient, answer as registration, check_document_address, documented, is_document,
    registered,
};
pub use clients::Clients;
pub use grants::{ACCESS, Answer, Asked, Fault, Grant, Grants, SCOPE, SIGN_IN, Time, Unfit};
pub use hook::{HookSecret, Signed};
pub use identity::{
    Expected, KeySet, Subject, Untrue, algorithm, calling, is_plausible, signed_in,
};
pub use keys::{Caller, Denied, Keys, Rotated};
pub use listed::{Listed, Origin};
pub use parameters::Parameters;
pub use pending::{Answered, Consented, Lost, PATIENCE as PENDING_SECONDS, Pending, Sent, Shown};
pub use person::People;
pub use redirect::{APPS, check as check_redirect, is_local, matches, shown_host};
pub use secret::Secret;

pub use crate::store::Client;
