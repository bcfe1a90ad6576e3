//! Clones of git repositories: what comes onto the disk, and in which order.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use docent::corpus::git::{Address, Options, Repository};
use tempfile::TempDir;

use crate::upstream::{Upstream, upstream};

/// What a repository is, cloned below a folder.
fn options(address: &str, dir: &Path) -> Options {
    Options {
        name: "guide".into(),
        address: Address::parse(address).expect("an address"),
        branch: None,
        folder: String::new(),
        dir: dir.canonicalize().expect("it is there").join("guide"),
        every: None,
        patience: Duration::from_secs(60),
        token: None,
    }
}

fn clone_of(upstream: &Upstream) -> (TempDir, Repository) {
    let dir = tempfile::tempdir().expect("a folder");
    let options = options(&upstream.path().display().to_string(), dir.path());
    let repository = Repository::new(options);
    assert_eq!(repository.settle().expect("the disk works"), None);
    (dir, repository)
}

fn pull(repository: &Repository) -> Option<String> {
    repository.fetch(&|_| {}).expect("it is fetched");
    repository.check_out()
}

/// The whole error of a pull that fails.
fn fails(repository: &Repository) -> String {
    format!("{:#}", repository.fetch(&|_| {}).expect_err("it is refused"))
}

fn read(repository: &Repository, path: &str) -> String {
    std::fs::read_to_string(repository.root().join(path)).unwrap_or_else(|_| "gone".into())
}

#[test]
fn files_that_are_the_same_in_the_next_commit_are_not_touched() {
    let upstream = upstream(&[("a.md", "# A\n"), ("b.md", "# B\n"), ("old/c.md", "# C\n")]);
    let (_dir, repository) = clone_of(&upstream);
    let first = pull(&repository).expect("a commit");
    assert_eq!(first, upstream.git(&["rev-parse", "HEAD"]));
    let time = |path: &str| {
        let meta = std::fs::metadata(repository.root().join(path)).expect("a file");
        meta.modified().expect("a time")
    };
    let before = (time("a.md"), time("b.md"));
    upstream.write("b.md", "# B, changed\n");
    upstream.git(&["rm", "--quiet", "-r", "old"]);
    let second = upstream.commit();
    assert!(repository.fetch(&|_| {}).expect("it is fetched"));
    assert_eq!(read(&repository, "b.md"), "# B\n", "fetching touches nothing");
    assert_eq!(repository.check_out(), Some(second));
    assert_eq!(time("a.md"), before.0);
    assert_ne!(time("b.md"), before.1);
    assert_eq!(read(&repository, "old/c.md"), "gone");
    assert!(!repository.root().join("old").exists());
    assert_eq!(pull(&repository), None, "there is nothing new");
    let standing = repository.standing();
    assert_eq!((standing.moved, standing.unchanged, standing.failed), (2, 1, 0));
}

#[test]
fn half_a_checkout_is_brought_into_order() {
    let upstream = upstream(&[("a.md", "# A\n"), ("b.md", "# B\n"), ("docs/c.md", "# C\n")]);
    let (dir, repository) = clone_of(&upstream);
    let commit = pull(&repository);
    // As a kill in the middle of a checkout leaves it: some files are of the next commit already,
    // some are not there any more, and the index of git says nothing of it.
    let root = repository.root();
    std::fs::write(root.join("a.md"), "# X\n").expect("a file is written");
    std::fs::write(root.join("new.md"), "# New\n").expect("a file is written");
    std::fs::remove_file(root.join("b.md")).expect("a file is removed");
    std::fs::remove_dir_all(root.join("docs")).expect("a folder is removed");
    std::fs::write(root.join("docs"), "a file in its place").expect("a file is written");
    for lock in ["index.lock", "shallow.lock", "refs/docent/fetched.lock"] {
        std::fs::write(root.join(".git").join(lock), "half").expect("a file is written");
    }
    let address = upstream.path().display().to_string();
    let again = Repository::new(options(&address, dir.path()));
    assert_eq!(again.settle().expect("it is mended"), commit);
    assert_eq!(read(&again, "a.md"), "# A\n");
    assert_eq!(read(&again, "b.md"), "# B\n");
    assert_eq!(read(&again, "docs/c.md"), "# C\n");
    assert_eq!(read(&again, "new.md"), "gone");
    // A fetch that was killed leaves locks, too.
    upstream.write("a.md", "# Next\n");
    let next = upstream.commit();
    assert_eq!(pull(&again), Some(next));
    assert_eq!(read(&again, "a.md"), "# Next\n");
}

/// Leaves a file of a clone empty, as a power cut does.
fn empty(path: &Path) {
    std::fs::remove_file(path).expect("a file is there");
    std::fs::write(path, "").expect("a file is written");
}

/// The file of an object of git.
fn object(repository: &Repository, upstream: &Upstream, name: &str) -> PathBuf {
    let id = upstream.git(&["rev-parse", name]);
    repository.dir().join(".git/objects").join(&id[..2]).join(&id[2..])
}

#[test]
fn a_clone_that_a_power_cut_damaged_is_made_again() {
    let upstream = upstream(&[("a.md", "# A\n"), ("b.md", "# B\n")]);
    let address = upstream.path().display().to_string();
    let commit = upstream.git(&["rev-parse", "HEAD"]);
    for damaged in [
        "index",
        "HEAD",
        "config",
        "docent",
        "info/attributes",
        "refs/docent/shown",
        "refs/docent/fetched",
        "HEAD^{commit}",
        "HEAD^{tree}",
        "HEAD:a.md",
    ] {
        let (dir, repository) = clone_of(&upstream);
        pull(&repository).expect("a commit");
        if damaged.starts_with("HEAD^") || damaged.starts_with("HEAD:") {
            empty(&object(&repository, &upstream, damaged));
            empty(&repository.dir().join(".git/index"));
            std::fs::remove_file(repository.dir().join("a.md")).expect("a file is there");
        } else {
            empty(&repository.dir().join(".git").join(damaged));
        }
        let again = Repository::new(options(&address, dir.path()));
        let settled = again.settle().expect("the disk works");
        assert!(settled.is_none_or(|it| it == commit), "{damaged}");
        pull(&again);
        assert_eq!(again.standing().commit.as_deref(), Some(&*commit), "{damaged}: {again:?}");
        assert_eq!(read(&again, "a.md"), "# A\n", "{damaged}");
        assert!(!again.standing().failing, "{damaged}");
    }
}

#[test]
fn a_clone_that_cannot_take_the_next_commit_is_made_again() {
    let long = |first: &str| {
        let lines = (0..500).map(|n| format!("line {n} of {}\n", n * 7919)).collect::<String>();
        format!("# {first}\n\n{lines}")
    };
    let upstream = upstream(&[("a.md", &long("A"))]);
    for (round, damaged) in ["HEAD", "refs/docent/shown", "HEAD:a.md"].into_iter().enumerate() {
        let (_dir, repository) = clone_of(&upstream);
        pull(&repository).expect("a commit");
        let before = read(&repository, "a.md");
        // The next commit comes as a difference to the file that is there.
        match damaged.contains(':') {
            true => empty(&object(&repository, &upstream, damaged)),
            false => empty(&repository.dir().join(".git").join(damaged)),
        }
        let text = long(&format!("Round {round}"));
        upstream.write("a.md", &text);
        let next = upstream.commit();
        let fetched = repository.fetch(&|_| {});
        assert_eq!(
            read(&repository, "a.md"),
            before,
            "whoever reads the files has them until then"
        );
        assert!(repository.is_ahead(), "{damaged}: {fetched:?}");
        assert_eq!(repository.check_out(), None, "{damaged}");
        assert_eq!(repository.standing().commit, None, "{damaged}");
        assert_eq!(pull(&repository), Some(next), "{damaged}");
        assert_eq!(read(&repository, "a.md"), text, "{damaged}");
    }
}

#[test]
fn a_branch_that_was_pushed_with_force_is_followed() {
    let upstream = upstream(&[("a.md", "# A\n")]);
    let (_dir, repository) = clone_of(&upstream);
    pull(&repository);
    upstream.write("b.md", "# B\n");
    upstream.git(&["add", "."]);
    upstream.git(&["commit", "--quiet", "--amend", "--message=another first"]);
    upstream.write("a.md", "# Another\n");
    let commit = upstream.commit();
    assert_eq!(pull(&repository), Some(commit));
    assert_eq!(
        (read(&repository, "a.md"), read(&repository, "b.md")),
        ("# Another\n".into(), "# B\n".into())
    );
    // Back to what was there before, and forth before it was checked out.
    upstream.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    assert!(repository.fetch(&|_| {}).expect("it is fetched"));
    upstream.git(&["reset", "--quiet", "--hard", "HEAD@{1}"]);
    assert_eq!(pull(&repository), None);
    assert_eq!(read(&repository, "a.md"), "# Another\n");
}

#[test]
fn branches_tags_and_folders_are_chosen() {
    let upstream = upstream(&[("docs/en/a.md", "# Main\n"), ("other.md", "# Other\n")]);
    upstream.git(&["tag", "--annotate", "v1", "--message=v1"]);
    upstream.git(&["switch", "--quiet", "--create", "next/2"]);
    upstream.write("docs/en/a.md", "# Next\n");
    upstream.commit();
    upstream.git(&["switch", "--quiet", "main"]);
    let dir = tempfile::tempdir().expect("a folder");
    let address = upstream.path().display().to_string();
    // One after the other in one place: another branch is another clone.
    for (branch, text) in
        [(None, "# Main\n"), (Some("next/2"), "# Next\n"), (Some("refs/tags/v1"), "# Main\n")]
    {
        let branch = branch.map(str::to_owned);
        let folder = "docs/en".to_owned();
        let repository =
            Repository::new(Options { branch, folder, ..options(&address, dir.path()) });
        assert_eq!(repository.settle().expect("the disk works"), None);
        pull(&repository).expect("a commit");
        assert_eq!(read(&repository, "a.md"), text);
        assert!(repository.root().ends_with("guide/docs/en"));
    }
    let nowhere = |branch: Option<&str>, folder: &str| {
        let (branch, folder) = (branch.map(str::to_owned), folder.to_owned());
        let repository =
            Repository::new(Options { branch, folder, ..options(&address, dir.path()) });
        repository.settle().expect("the disk works");
        fails(&repository)
    };
    assert_eq!(nowhere(Some("gone"), ""), "couldn't find remote ref refs/heads/gone");
    for folder in ["docs/de", "other.md"] {
        let said = nowhere(None, folder);
        assert!(said.starts_with(&format!("there is no folder {folder:?} in commit ")), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn what_a_repository_brings_along_is_not_run_and_leads_nowhere() {
    let upstream =
        upstream(&[("docs/a.md", "# A\n"), (".gitattributes", "*.md text eol=crlf filter=evil\n")]);
    let link = |to: &str, at: &str| {
        std::os::unix::fs::symlink(to, upstream.path().join(at)).expect("a link is made");
    };
    link("/etc/passwd", "docs/passwd.md");
    link("/etc", "etc");
    upstream.write(".githooks/post-checkout", "#!/bin/sh\ntouch ran\n");
    upstream.commit();
    upstream.git(&["submodule", "--quiet", "add", "./", "sub"]);
    upstream.commit();
    let (dir, repository) = clone_of(&upstream);
    pull(&repository).expect("a commit");
    // Nothing of it is changed on its way, whatever it says of itself.
    assert_eq!(read(&repository, "docs/a.md"), "# A\n");
    assert!(std::fs::read_dir(repository.root().join("sub")).expect("a folder").next().is_none());
    assert!(!repository.root().join(".git/modules").exists());
    assert!(!repository.root().join(".git/hooks").exists());
    let walk = docent::corpus::walk(&crate::harness::collection(&repository.root(), "guide"));
    let paths: Vec<&str> = walk.files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["docs/a.md"]);
    assert!(walk.warnings.iter().any(|it| it.path == "docs/passwd.md"), "{:?}", walk.warnings);
    // A folder that is a link is none, also where it was one before.
    let address = upstream.path().display().to_string();
    let linked = Options { folder: "etc".into(), ..options(&address, dir.path()) };
    let linked = Repository::new(linked);
    linked.settle().expect("the disk works");
    let said = fails(&linked);
    assert!(said.contains("there is no folder \"etc\""), "{said}");
}

#[test]
fn a_commit_that_cannot_be_checked_out_leaves_the_one_before() {
    let upstream = upstream(&[("a.md", "# A\n"), ("z.md", "# Z\n")]);
    let (_dir, repository) = clone_of(&upstream);
    let first = pull(&repository);
    // A name that git takes and no disk.
    upstream.write("a.md", "# Changed\n");
    upstream.git(&["add", "a.md"]);
    let blob = upstream.git(&["hash-object", "-w", "a.md"]);
    let long = format!("100644,{blob},b{}.md", "x".repeat(300));
    upstream.git(&["update-index", "--add", "--cacheinfo", &long]);
    upstream.git(&["commit", "--quiet", "--message=long"]);
    assert_eq!(pull(&repository), None);
    assert_eq!(
        (read(&repository, "a.md"), read(&repository, "z.md")),
        ("# A\n".into(), "# Z\n".into())
    );
    let standing = repository.standing();
    assert!(standing.failing);
    assert_eq!(standing.commit, first);
    let problem = repository.problem().expect("it is told");
    assert!(!problem.contains(&repository.dir().display().to_string()), "{problem}");
    // The next one that can is taken.
    upstream.git(&["rm", "--quiet", "--cached", &format!("b{}.md", "x".repeat(300))]);
    upstream.git(&["commit", "--quiet", "--message=short"]);
    assert!(pull(&repository).is_some());
    assert_eq!(read(&repository, "a.md"), "# Changed\n");
    assert!(!repository.standing().failing);
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("git://{}/guide", silent.local_addr().expect("its address"));
    let dir = tempfile::tempdir().expect("a folder");
    let patience = Duration::from_millis(300);
    let repository = Repository::new(Options { patience, ..options(&address, dir.path()) });
    repository.settle().expect("the disk works");
    let started = Instant::now();
    let said = fails(&repository);
    assert!(said.contains("took longer than"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_daemon_is_cloned_from_and_its_absence_is_told_without_paths() {
    let upstream = upstream(&[("a.md", "# A\n")]);
    let daemon = upstream.serve();
    let dir = tempfile::tempdir().expect("a folder");
    let repository = Repository::new(options(&daemon.address(), dir.path()));
    repository.settle().expect("the disk works");
    assert!(pull(&repository).is_some());
    assert_eq!(read(&repository, "a.md"), "# A\n");
    drop(daemon);
    let said = fails(&repository);
    assert!(said.contains("unable to connect"), "{said}");
    let path: PathBuf = dir.path().to_owned();
    assert!(!said.contains(&path.display().to_string()), "{said}");
}
