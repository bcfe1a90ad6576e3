//! What lies on the disk: a clone of one branch without its past, and the files of one commit.
//!
//! Two names of git hold the state: `refs/docent/fetched` is what came last from the server, and
//! `refs/docent/shown` the commit whose files are all there. The second moves after the files do, so
//! that a start after a kill knows which commit to bring the files back to.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

use super::address::Address;
use super::program::{Failed, local, quiet_ssh, remote, run};

/// How long a call may take that touches only this disk.
const LOCAL: Duration = Duration::from_secs(300);
/// How long a git that outlived the docent that started it may still move files.
const OUTLIVED: Duration = Duration::from_secs(3);
/// Lock files, inside `.git`, of what moves files, and of what fetches.
const LOCKS_OF_FILES: [&str; 2] = ["index.lock", "refs/docent/shown.lock"];
const LOCKS_OF_FETCHES: [&str; 4] =
    ["shallow.lock", "refs/docent/fetched.lock", "packed-refs.lock", "gc.pid.lock"];
/// Inside `.git`: says what the clone is of. Written last, when it is whole.
const MARK: &str = "docent";
const FETCHED: &str = "refs/docent/fetched";
const SHOWN: &str = "refs/docent/shown";
/// Files are written as they were committed: no line ends, filters or encodings are changed, and so
/// files in Git LFS stay the pointers that they are.
const ATTRIBUTES: &str = "* -text -ident -filter -working-tree-encoding\n";

/// A clone, and where it comes from.
#[derive(Debug)]
pub(super) struct Checkout {
    /// The files, with `.git` among them.
    pub(super) tree: PathBuf,
    pub(super) address: Address,
    pub(super) branch: Option<String>,
    /// Folder of the docs, with `/`; empty for the whole.
    pub(super) folder: String,
    /// How long a fetch may take.
    pub(super) patience: Duration,
    /// Sent to the server with each question.
    pub(super) token: Option<String>,
}

impl Checkout {
    /// The commit whose files are here, brought into order: after a kill there may be half of another.
    /// None if there is none of this repository yet, or if it is damaged, as after a power cut: it
    /// is only a copy, and [`Checkout::ready`] makes it again.
    ///
    /// # Errors
    ///
    /// What the disk says. The files are then to be left alone.
    pub(super) fn settle(&self) -> anyhow::Result<Option<String>> {
        if !self.is_marked() {
            return Ok(None);
        }
        self.unlock(&LOCKS_OF_FILES);
        let error = match self.restore() {
            Ok(commit) => return Ok(commit),
            Err(error) => error,
        };
        let damaged = blames_clone(&error);
        let error = self.told(error);
        if !damaged {
            return Err(error);
        }
        tracing::warn!("the clone of {} is damaged and is made again: {error:#}", self.address);
        self.disown()?;
        Ok(None)
    }

    fn restore(&self) -> anyhow::Result<Option<String>> {
        self.call(&["rev-parse", "--git-dir"])?;
        self.named(FETCHED)?;
        let Some(commit) = self.named(SHOWN)? else { return Ok(None) };
        self.reset_to(&commit)?;
        Ok(Some(commit))
    }

    /// Makes an empty clone if there is none of this repository. Nobody may be reading the files.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub(super) fn ready(&self) -> anyhow::Result<()> {
        if self.is_marked() { Ok(()) } else { self.make().map_err(|error| self.told(error)) }
    }

    /// Whether there is a clone of this repository; one that is damaged is none, if that may be why a
    /// fetch failed.
    pub(super) fn survives(&self, error: &anyhow::Error) -> bool {
        let said = format!("{error:#}");
        let hints = [
            "corrupt",
            "is empty",
            "bad object",
            "inflate",
            "missing",
            "not a git repository",
            "unable to resolve reference",
            "unable to read",
            "reference broken",
        ];
        // The server may be the one whose repository is damaged.
        if hints.iter().any(|hint| said.contains(hint))
            && self
                .call(&["fsck", "--no-dangling", "--no-progress"])
                .is_err_and(|it| blames_clone(&it))
        {
            tracing::warn!("the clone of {} is damaged and is made again", self.address);
            let _ = self.disown();
        }
        self.is_marked()
    }

    /// Fetches the newest commit of the branch, and checks that the folder of the docs is in it.
    ///
    /// # Errors
    ///
    /// In git's words; nothing has changed.
    pub(super) fn fetch(
        &self,
        patience: Duration,
        progress: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<String> {
        let reference = match self.branch.as_deref() {
            None => "HEAD".to_owned(),
            Some(full) if full.starts_with("refs/") => full.to_owned(),
            Some(branch) => format!("refs/heads/{branch}"),
        };
        self.unlock(&LOCKS_OF_FETCHES);
        let mut command = remote(&self.tree, self.address.protocols());
        if self.address.may_be_ssh() {
            quiet_ssh(&mut command, &self.tree);
        }
        self.sign(&mut command);
        command
            // Progress is also how git notices that nobody listens any more.
            .args(["fetch", "--progress", "--no-tags", "--no-recurse-submodules", "--depth=1"])
            .arg("--")
            .arg(self.address.as_str())
            .arg(format!("+{reference}:{FETCHED}"));
        run(command, patience, progress).map_err(|error| asked(self.told(error)))?;
        let commit = self.commit_of(FETCHED).context("what was fetched is no commit")?;
        let folder = &self.folder;
        ensure!(
            self.kind_of(&format!("{commit}:{folder}")).is_some_and(|kind| kind == "tree"),
            "there is no folder {folder:?} in commit {}; a link is none",
            super::short(&commit)
        );
        Ok(commit)
    }

    /// Brings the files to a commit that was fetched. Those that did not change are not touched.
    ///
    /// # Errors
    ///
    /// In git's words; then the files may be those of neither commit until [`Checkout::settle`].
    pub(super) fn check_out(&self, commit: &str) -> anyhow::Result<()> {
        ensure!(self.is_marked(), "the clone is gone");
        let moved = self.reset_to(commit);
        let moved = moved.and_then(|()| self.call(&["update-ref", SHOWN, commit]));
        moved.map(drop).map_err(|error| self.told(error))
    }

    /// Throws away what earlier commits left, when it is worth it.
    pub(super) fn tidy(&self) {
        let mut command = local(&self.tree);
        // The last setting of a name counts; 500 loose objects are some hundred changed files.
        let settings = ["gc.auto=500", "gc.autoPackLimit=20", "gc.pruneExpire=now"];
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        command.args(["-c", "gc.autoDetach=false", "gc", "--auto", "--quiet"]);
        if let Err(error) = run(command, LOCAL, &|_| {}) {
            tracing::debug!("what old commits left was not thrown away: {error:#}");
        }
    }

    /// What a clone has to be of. A change of it makes another clone.
    fn mark(&self) -> String {
        let Checkout { address, branch, folder, .. } = self;
        format!("{address}\n{}\n{folder}\n", branch.as_deref().unwrap_or_default())
    }

    fn is_marked(&self) -> bool {
        let git = self.tree.join(".git");
        let reads =
            |path: PathBuf, text: &str| std::fs::read(path).is_ok_and(|it| it == text.as_bytes());
        reads(git.join(MARK), &self.mark())
            && reads(git.join("info").join("attributes"), ATTRIBUTES)
    }

    /// Says that what is here is no clone of this repository.
    fn disown(&self) -> anyhow::Result<()> {
        let removed = std::fs::remove_file(self.tree.join(".git").join(MARK));
        removed.context("cannot take the damaged clone away").map_err(|error| self.told(error))
    }

    /// An empty repository in place of whatever is there.
    fn make(&self) -> anyhow::Result<()> {
        let failed = || "cannot make a clone in the data folder";
        if self.tree.exists() {
            std::fs::remove_dir_all(&self.tree).with_context(failed)?;
        }
        std::fs::create_dir_all(&self.tree).with_context(failed)?;
        let mut command = local(&self.tree);
        // Without the template of whoever runs it, which may bring hooks.
        command.args(["-c", "init.defaultBranch=docent", "init", "--quiet", "--template="]);
        run(command, LOCAL, &|_| {}).with_context(failed)?;
        let info = self.tree.join(".git").join("info");
        std::fs::create_dir_all(&info).with_context(failed)?;
        std::fs::write(info.join("attributes"), ATTRIBUTES).with_context(failed)?;
        std::fs::write(self.tree.join(".git").join(MARK), self.mark()).with_context(failed)
    }

    /// Makes the files those of a commit: what differs is written, what is not in it is deleted.
    fn reset_to(&self, commit: &str) -> anyhow::Result<()> {
        self.call(&["read-tree", "--reset", "-u", commit])?;
        self.call(&["clean", "-ffdxq"]).map(drop)
    }

    /// The commit of a name of ours, if there is that name; an error if it stands for no commit.
    fn named(&self, name: &str) -> anyhow::Result<Option<String>> {
        // A file that a power cut left empty is a name that git does not list.
        let is_there = self.tree.join(".git").join(name).exists();
        if !is_there && self.call(&["for-each-ref", name])?.is_empty() {
            return Ok(None);
        }
        self.call(&["rev-parse", "--verify", &format!("{name}^{{commit}}")]).map(Some)
    }

    fn commit_of(&self, name: &str) -> Option<String> {
        self.asked(&["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
    }

    fn kind_of(&self, object: &str) -> Option<String> {
        self.asked(&["cat-file", "-t", object])
    }

    fn asked(&self, words: &[&str]) -> Option<String> {
        self.call(words).ok()
    }

    fn call(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut command = local(&self.tree);
        command.args(words);
        run(command, LOCAL, &|_| {})
    }

    /// Takes away the locks that a git left which was killed with the docent that started it. One
    /// that goes on gets the time to end. Of each kind there is one at a time in this process.
    fn unlock(&self, locks: &[&str]) {
        let started = Instant::now();
        for lock in locks.iter().map(|lock| self.tree.join(".git").join(lock)) {
            while lock.exists() && started.elapsed() < OUTLIVED {
                std::thread::sleep(Duration::from_millis(20));
            }
            // Nearly always it is not there.
            let _ = std::fs::remove_file(&lock);
        }
    }

    /// Sends a token along, by the environment: arguments are seen by everybody on a machine.
    fn sign(&self, command: &mut Command) {
        use base64::Engine;
        let Some(token) = &self.token else { return };
        let count: usize = std::env::var("GIT_CONFIG_COUNT")
            .ok()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
        // Every known host takes a token with any user.
        let pair = format!("x-access-token:{token}");
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        let settings = [
            ("extraHeader", format!("Authorization: Basic {pair}")),
            // git would take the header along to whichever host the server names.
            ("followRedirects", "false".to_owned()),
        ];
        command.env("GIT_CONFIG_COUNT", (count + settings.len()).to_string());
        for (at, (key, value)) in (count..).zip(settings) {
            // For this address alone, and none that the operator's rewriting leads to.
            let key = format!("http.{}.{key}", self.address);
            command.env(format!("GIT_CONFIG_KEY_{at}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{at}"), value);
        }
    }

    /// An error without the path of the clone, which callers are not to learn.
    fn told(&self, error: anyhow::Error) -> anyhow::Error {
        let path = self.tree.display().to_string();
        anyhow!("{}", format!("{error:#}").replace(&path, "the clone"))
    }
}

/// Whether an error is one of the clone, and not of the machine: a clone that is made again fails as
/// well on a disk that is full.
fn blames_clone(error: &anyhow::Error) -> bool {
    let machine = [
        "No space left",
        "quota exceeded",
        "Read-only file system",
        "Permission denied",
        "Operation not permitted",
        "Too many open files",
        "annot allocate memory",
        "ut of memory",
        "unable to fork",
        "unable to create thread",
        "busy",
        "File exists",
    ];
    let says = |Failed(said): &Failed| !machine.iter().any(|words| said.contains(words));
    error.downcast_ref::<Failed>().is_some_and(says)
}

/// What to do where git would have asked somebody at a keyboard.
fn asked(error: anyhow::Error) -> anyhow::Error {
    let said = error.to_string();
    let asks =
        ["terminal prompts disabled", "Authentication failed", "Permission denied (publickey"];
    if asks.iter().any(|words| said.contains(words)) {
        return error.context(
            "the server wants to know who asks: set token_file, a credential helper of git, or an \
             ssh key without a passphrase",
        );
    }
    if said.contains("Host key verification failed") {
        return error.context(
            "ssh does not know this server: put its key into ~/.ssh/known_hosts of the user that \
             runs docent (ssh-keyscan HOST, compared with what the host publishes)",
        );
    }
    if said.contains("returned error: 30") {
        return error.context(
            "the server leads to another address, and a token goes nowhere but where it is set \
             for: write the address where the repository is now",
        );
    }
    error
}

/// Whether a text can be the name of a branch, or a full name such as `refs/tags/v2`.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_branch(name: &str) -> anyhow::Result<()> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let parts = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    if name.starts_with('-')
        || name.contains(odd)
        || name.contains("..")
        || name.contains("@{")
        || name.ends_with('.')
        || name.split('/').any(parts)
    {
        bail!("{name:?} is no name of a branch");
    }
    Ok(())
}

/// A folder of a repository with `/` between its parts; empty for the whole.
///
/// # Errors
///
/// It leads out of the repository, or into what is not docs.
pub fn check_folder(folder: &str) -> anyhow::Result<String> {
    let plain = folder.trim_start_matches("./").trim_end_matches('/');
    let part = |part: &str| {
        let dots = part.is_empty() || part == "." || part == "..";
        !dots && !part.eq_ignore_ascii_case(".git") && !part.contains(['\\', ':'])
    };
    let odd = plain.contains(char::is_control) || Path::new(plain).is_absolute();
    ensure!(
        plain.is_empty() || plain == "." || (!odd && plain.split('/').all(part)),
        "{folder:?} is no folder inside the repository, such as docs or website/content"
    );
    Ok(if plain == "." { String::new() } else { plain.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_branches_are_names() {
        for good in ["main", "release/2.1", "refs/tags/v2", "docs-next", "ünder"] {
            assert!(check_branch(good).is_ok(), "{good}");
        }
        for bad in
            ["", "-x", "a b", "a..b", "a:b", "a^", "a/", "/a", "a.lock", ".a", "a@{1}", "a\n"]
        {
            assert!(check_branch(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_git_would_ask_a_person_is_answered_in_the_settings() {
        for (said, advice) in [
            ("fatal: Authentication failed for 'https://h/p'", "set token_file"),
            ("Host key verification failed.; Could not read from remote", "known_hosts"),
            ("unable to access 'https://h/p/': The requested URL returned error: 301", "is now"),
        ] {
            let told = format!("{:#}", asked(anyhow!(said)));
            assert!(told.contains(advice) && told.ends_with(said), "{told}");
        }
    }

    #[test]
    fn a_folder_is_inside_of_the_repository() {
        for (good, plain) in [("docs", "docs"), ("./a/b/", "a/b"), (".", ""), ("", "")] {
            assert_eq!(check_folder(good).unwrap(), plain, "{good}");
        }
        for bad in ["..", "a/../b", "/etc", "a//b", ".git", "a/.GIT/b", "a\\b", "c:", "a\nb"] {
            assert!(check_folder(bad).is_err(), "{bad}");
        }
    }
}
