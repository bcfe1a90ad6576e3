//! Addresses of repositories: which are taken, and what is shown of them.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

/// Where a repository is. There is no secret in it, so it may be shown to whoever runs the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Https,
    Http,
    Ssh,
    Git,
    Local,
}

impl Address {
    /// Reads an address as git takes it: `https://`, `ssh://`, `http://`, `git://`, `file://`,
    /// `user@host:path`, or a path that begins with `/` or `.`.
    ///
    /// # Errors
    ///
    /// What is wrong with it and what to write instead, without a secret that stands in it.
    pub fn parse(text: &str) -> Result<Address, String> {
        let odd = |c: char| c.is_control() || c.is_whitespace();
        if text.is_empty() || text.starts_with('-') || text.contains(odd) {
            return Err(format!("{:?} is no address of a repository", hidden(text)));
        }
        let of = |kind| Ok(Address { text: text.to_owned(), kind });
        if runs_helper(text) {
            return Err(format!("{text:?} names a program to run; write an https:// address"));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let kind = match scheme {
                "https" => Kind::Https,
                "http" => Kind::Http,
                "ssh" => Kind::Ssh,
                "git" => Kind::Git,
                "file" => return of(Kind::Local),
                _ => {
                    return Err(format!("{:?} is not https, ssh, http, git or file", hidden(text)));
                }
            };
            let authority = rest.split('/').next().unwrap_or_default();
            let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
            // A token is often given in place of a user.
            let secret = if kind == Kind::Ssh { user.contains(':') } else { !user.is_empty() };
            if secret || (kind != Kind::Ssh && rest.contains(['@', '?', '#'])) {
                return Err(secret_in(text));
            }
            if host.is_empty() || host.starts_with('-') || user.starts_with('-') {
                return Err(format!("{:?} names no host", hidden(text)));
            }
            return of(kind);
        }
        if text.starts_with(['/', '.']) || Path::new(text).is_absolute() {
            return of(Kind::Local);
        }
        // user@host:path, as ssh has it.
        match text.split_once(':') {
            Some((host, path)) if !host.contains('/') && !path.is_empty() => {
                if path.contains('@') {
                    return Err(secret_in(text));
                }
                of(Kind::Ssh)
            }
            _ => Err(format!(
                "{:?} is no address of a repository, such as https://example.com/docs.git",
                hidden(text)
            )),
        }
    }

    /// What git may speak, whatever a server redirects to. Between https and ssh the operator may
    /// have set a rewriting of addresses.
    pub(super) fn protocols(&self) -> &'static str {
        match self.kind {
            Kind::Https | Kind::Ssh => "https:ssh",
            Kind::Http => "http:https",
            Kind::Git => "git",
            Kind::Local => "file",
        }
    }

    /// Whether ssh may be what it is reached by.
    pub(super) fn may_be_ssh(&self) -> bool {
        matches!(self.kind, Kind::Ssh | Kind::Https)
    }

    /// Whether tokens may be sent there.
    pub fn is_https(&self) -> bool {
        self.kind == Kind::Https
    }

    /// What the operator should know of it, if anything.
    pub fn concern(&self) -> Option<String> {
        let open = matches!(self.kind, Kind::Http | Kind::Git) && !self.is_here();
        let text = &self.text;
        open.then(|| format!("{text} is not encrypted: who is on the way can change the docs"))
    }

    /// Whether it is on this machine.
    fn is_here(&self) -> bool {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The name of the repository, without `.git`.
    pub fn name(&self) -> &str {
        let path = self.text.trim_end_matches('/');
        let name = path.rsplit(['/', ':', '\\']).next().unwrap_or(path);
        name.strip_suffix(".git").unwrap_or(name)
    }

    /// The address, as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `ext::sh -c …`: git would start the program git-remote-ext. `[::1]` only looks like it.
fn runs_helper(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
    text.split_once("::").is_some_and(|(helper, _)| helper.chars().all(plain))
}

fn secret_in(text: &str) -> String {
    format!(
        "{:?} holds a user, a password or parameters: keep them out of the address, where they \
         would be shown; git takes them from a credential helper or an ssh key, docent from \
         token_file",
        hidden(text)
    )
}

/// A text without what may be secrets in the addresses of it: all between `//` and `@`, and all
/// from a `?` on.
pub(super) fn hidden(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let word = word.split('?').next().unwrap_or(word);
        let Some((_, host)) = word.rsplit_once('@') else { return word.to_owned() };
        match word.split_once("//") {
            Some((scheme, _)) => format!("{scheme}//…@{host}"),
            None => match word.split_once('@') {
                // The user of ssh is none.
                Some((user, _)) if !user.contains(':') => word.to_owned(),
                _ => format!("…@{host}"),
            },
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_git_takes_them() {
        for (text, protocols, name) in [
            ("https://example.com/acme/docs.git", "https:ssh", "docs"),
            ("https://example.com:8443/acme/docs/", "https:ssh", "docs"),
            ("ssh://git@example.com/docs", "https:ssh", "docs"),
            ("ssh://git@[::1]:22/docs", "https:ssh", "docs"),
            ("git@example.com:acme/guide.git", "https:ssh", "guide"),
            ("example.com:guide", "https:ssh", "guide"),
            ("http://127.0.0.1:3000/acme/docs.git", "http:https", "docs"),
            ("git://127.0.0.1:9418/docs", "git", "docs"),
            ("file:///srv/git/docs.git", "file", "docs"),
            ("/srv/git/docs.git", "file", "docs"),
            ("../docs", "file", "docs"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.protocols(), address.name()), (protocols, name), "{text}");
            assert_eq!(address.concern(), None, "{text}");
        }
        for open in ["http://example.com/docs", "git://example.com/docs"] {
            assert!(Address::parse(open).unwrap().concern().is_some(), "{open}");
        }
    }

    #[test]
    fn an_address_runs_no_program_and_is_no_option() {
        for bad in [
            "",
            "-uall",
            "--upload-pack=touch x",
            "ext::sh -c touch% x",
            "ext::sh",
            "fd::7",
            "ftp://example.com/docs",
            "https:///docs",
            "ssh://-oProxyCommand=x/docs",
            "ssh://git@-x/docs",
            "docs",
            "acme/docs",
            "https://example.com/a b",
            "https://example.com/a\nb",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_in_an_address_is_refused_and_not_repeated() {
        for bad in [
            "https://user:hunter2@example.com/docs.git",
            "https://hunter2@example.com/docs.git",
            "https://user:p@hunter2@example.com/docs.git",
            "https://user:hunter2/@example.com/docs.git",
            "https://example.com/docs.git?private_token=hunter2",
            "ssh://git:hunter2@example.com/docs",
            "git:hunter2@example.com:docs",
            "ftp://user:hunter2@example.com/docs",
            "https://user:hunter2@",
        ] {
            let said = Address::parse(bad).unwrap_err();
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert_eq!(
            hidden("cannot read https://u:hunter2@h/p and git@h:p"),
            "cannot read https://…@h/p and git@h:p"
        );
    }
}
