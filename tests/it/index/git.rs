//! Docs from git repositories while they are served: whole commits, and nothing in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use docent::corpus::git::{Address, Options, Repository};
use docent::corpus::{Collection, Watch};
use docent::index::{Follow, Index, Indexer, News, Search};

use crate::upstream::{Upstream, upstream};

/// An index that follows a repository; ended with the test.
struct Followed {
    dir: tempfile::TempDir,
    collections: Vec<Collection>,
    repository: Arc<Repository>,
    index: Arc<Index>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    news: mpsc::Receiver<News>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it ends");
        }
    }
}

fn follow(upstream: &Upstream, every: Option<Duration>) -> Followed {
    let dir = tempfile::tempdir().expect("a folder");
    let repository = Arc::new(Repository::new(Options {
        name: "guide".into(),
        address: Address::parse(&upstream.path().display().to_string()).expect("an address"),
        branch: None,
        folder: String::new(),
        dir: dir.path().canonicalize().expect("it is there").join("git").join("guide"),
        every,
        patience: Duration::from_secs(60),
        token: None,
    }));
    let root = repository.root();
    let collections = vec![Collection { name: "guide".into(), root, ..Collection::default() }];
    let (indexer, _) = Indexer::open(dir.path(), &collections, "test").expect("an index");
    let index = indexer.index().clone();
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, news) = mpsc::channel();
    let follow = Follow {
        watch: Watch::Events,
        interval: Duration::from_secs(2),
        repositories: vec![repository.clone()],
        stop: stop.clone(),
        tell: Box::new(move |news| drop(sender.send(news))),
    };
    let thread = Some(std::thread::spawn(move || follow.run(indexer)));
    Followed { dir, collections, repository, index, stop, thread, news }
}

impl Followed {
    /// Waits until the index is that of a commit.
    fn reaches(&self, commit: &str) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.index.snapshot().stamp().commits.get("guide").is_none_or(|it| it != commit) {
            assert!(Instant::now() < end, "the commit did not come: {:?}", self.repository);
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_repository_is_pulled_on_time() {
    let upstream = upstream(&[("a.md", "# A\n\nokapi\n")]);
    let followed = follow(&upstream, Some(Duration::from_millis(50)));
    followed.reaches(&upstream.git(&["rev-parse", "HEAD"]));
    upstream.write("a.md", "# A\n\nzebra\n");
    let commit = upstream.commit();
    followed.reaches(&commit);
    let search = Search { query: "zebra".into(), limit: 1, ..Search::default() };
    let snapshot = followed.index.snapshot();
    assert_eq!(snapshot.search(&search).expect("an answer").hits.len(), 1);
    // Who may not see the collection does not see its commit either.
    assert!(snapshot.only(&["other".to_owned()]).stamp().commits.is_empty());
    // A commit that changes no page is told, too, and other processes see it.
    let beside = Index::open(followed.dir.path(), &followed.collections).expect("it opens");
    upstream.write("code.rs", "fn main() {}\n");
    let commit = upstream.commit();
    followed.reaches(&commit);
    assert!(beside.refresh().expect("it is read"));
    assert_eq!(beside.snapshot().stamp().commits["guide"], commit);
    assert!(!beside.refresh().expect("it is read"));
}

#[test]
fn readers_go_from_one_whole_commit_to_the_next() {
    let of = |n: usize| format!("# Page\n\nwombat number n{n}\n");
    let upstream = upstream(&[("one.md", &of(0)), ("two.md", &of(0))]);
    let followed = follow(&upstream, None);
    followed.reaches(&upstream.git(&["rev-parse", "HEAD"]));
    let done = AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                let snapshot = followed.index.snapshot();
                let text = |path: &str| {
                    let sections = snapshot.sections("guide", path).expect("it is read");
                    sections.last().expect("a section").text.clone()
                };
                assert_eq!(text("one.md"), text("two.md"));
                let search = Search { query: "wombat".into(), limit: 5, ..Search::default() };
                let hits = snapshot.search(&search).expect("an answer").hits;
                assert!(hits.iter().all(|hit| hit.record.text == text("one.md")));
                looks += 1;
            }
            looks
        });
        for n in 1..25 {
            upstream.write("one.md", &of(n));
            upstream.write("two.md", &of(n));
            let commit = upstream.commit();
            followed.repository.ring();
            // Some are waited for, others pile up.
            if n % 3 == 0 {
                followed.reaches(&commit);
            }
        }
        followed.reaches(&upstream.git(&["rev-parse", "HEAD"]));
        done.store(true, Ordering::Relaxed);
        reader.join().expect("every look was at a whole commit")
    });
    assert!(looks > 10, "{looks}");
}

#[test]
fn a_clone_that_is_deleted_while_it_is_served_comes_back() {
    let upstream = upstream(&[("a.md", "# A\n\nokapi\n")]);
    let followed = follow(&upstream, None);
    let commit = upstream.git(&["rev-parse", "HEAD"]);
    followed.reaches(&commit);
    std::fs::remove_dir_all(followed.repository.dir()).expect("it is deleted");
    let end = Instant::now() + Duration::from_secs(30);
    let mut seen = 0;
    while !followed.repository.root().join("a.md").exists() {
        let stamp = followed.index.snapshot().stamp().clone();
        assert_eq!((stamp.pages(), &stamp.commits["guide"]), (1, &commit), "the docs stay");
        assert!(Instant::now() < end, "the clone does not come back");
        seen += followed.news.try_iter().filter(|it| matches!(it, News::Trouble(_))).count();
        std::thread::yield_now();
    }
    assert!(seen > 0, "nothing was told");
}
