//! The figures of `benches/README.md`, as a table: `cargo bench --bench report -- FOLDER` (default:
//! the manual). Questions are the headings of the docs, or the lines of the file that `QUESTIONS`
//! names, such as `benches/load/questions.py` writes.
#![expect(clippy::print_stdout, reason = "a report is printed")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use docent::corpus::{Collection, Watch};
use docent::index::{Follow, Index, Indexer, News, PageRecord, Progress, Search};
use docent::mcp::{Docs, Links, Shelf};
use serde_json::json;

/// The program's own allocator: the figures are those of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let folder = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let folder = folder.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/corpus").into());
    let copy = tempfile::tempdir().expect("a temporary folder");
    // The docs are copied, because some of them are edited here.
    copy_all(Path::new(&folder), copy.path());
    let root = copy.path().canonicalize().expect("the docs folder");
    let collections =
        [Collection { name: "docs".into(), root: root.clone(), ..Collection::default() }];
    let data = tempfile::tempdir().expect("a temporary folder");
    println!("| figure | value |\n|---|---|");

    let (mut indexer, _) = Indexer::open(data.path(), &collections, "bench").expect("an index");
    let report = indexer.catch_up(&Progress::default()).expect("it is built");
    let megabytes = report.bytes as f64 / 1e6;
    row("pages, sections", format!("{}, {}", report.pages, report.sections));
    row(
        "index",
        format!(
            "{:.2} s, {:.0} pages/s, {:.1} MB/s",
            report.seconds,
            report.pages as f64 / report.seconds,
            megabytes / report.seconds
        ),
    );
    let started = Instant::now();
    indexer.compact().expect("it is merged");
    row("merge to one segment, behind it", format!("{:.2} s", started.elapsed().as_secs_f64()));
    drop(indexer);

    let mut starts: Vec<Duration> = (0..9)
        .map(|_| {
            let started = Instant::now();
            let index = Arc::new(Index::open(data.path(), &collections).expect("it opens"));
            answer(&docs(index), "how to create a window and handle events");
            started.elapsed()
        })
        .collect();
    row("open to first answer (warm)", percentiles(&mut starts));

    let started = Instant::now();
    let index = Arc::new(Index::open(data.path(), &collections).expect("it opens"));
    let snapshot = index.snapshot();
    let pages = snapshot.catalog().expect("a catalog").pages().to_vec();
    row("catalog read back", format!("{:.1} ms", started.elapsed().as_secs_f64() * 1e3));

    let server = docs(index.clone());
    let questions = questions(&pages);
    let (mut hits, mut answers) = (Vec::new(), Vec::new());
    // The first round warms the memory map and the stemmer.
    for _ in 0..2 {
        hits.clear();
        answers.clear();
        for question in &questions {
            let search = Search { query: question.clone(), limit: 6, ..Search::default() };
            hits.push(time(|| drop(snapshot.search(&search).expect("hits"))));
        }
        for question in &questions {
            answers.push(time(|| answer(&server, question)));
        }
    }
    row("query, hits only", percentiles(&mut hits));
    row("query, passages and JSON included", percentiles(&mut answers));
    live(
        data.path(),
        &collections,
        &root,
        &pages.iter().map(|page| page.path.clone()).collect::<Vec<_>>(),
    );
}

fn questions(pages: &[Arc<PageRecord>]) -> Vec<String> {
    if let Ok(path) = std::env::var("QUESTIONS") {
        let text = std::fs::read_to_string(path).expect("the file of questions");
        return text.lines().map(str::to_owned).collect();
    }
    let titles = pages.iter().flat_map(|page| page.sections.iter().map(|s| s.title.to_string()));
    let titles: Vec<String> = titles.filter(|title| title.split(' ').count() > 1).collect();
    titles.iter().step_by((titles.len() / 500).max(1)).cloned().collect()
}

/// Saves files under a follower; from the save until a search finds the new word.
fn live(data: &Path, collections: &[Collection], root: &Path, paths: &[String]) {
    let (indexer, _) = Indexer::open(data, collections, "bench").expect("an index");
    let index = indexer.index().clone();
    let (sender, news) = mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let follow = Follow {
        watch: Watch::Events,
        interval: Duration::from_secs(2),
        repositories: Vec::new(),
        stop: stop.clone(),
        tell: Box::new(move |news| drop(sender.send(news))),
    };
    let started = Instant::now();
    let thread = std::thread::spawn(move || follow.run(indexer));
    while !matches!(news.recv().expect("news"), News::Following) {}
    row("start to following changes", format!("{:.0} ms", started.elapsed().as_secs_f64() * 1e3));
    let mut saves: Vec<Duration> = (0..40)
        .map(|n| {
            let path = root.join(&paths[n * 7919 % paths.len()]);
            let word = format!("zqxword{n}");
            let mut text = std::fs::read(&path).expect("a page");
            text.extend_from_slice(format!("\n\n{word}\n").as_bytes());
            let search = Search { query: word, limit: 1, ..Search::default() };
            time(|| {
                std::fs::write(&path, &text).expect("a page is saved");
                while index.snapshot().search(&search).expect("hits").hits.is_empty() {
                    news.recv_timeout(Duration::from_secs(10)).expect("news of the save");
                }
            })
        })
        .collect();
    row("save to searchable", percentiles(&mut saves));
    stop.store(true, Ordering::Relaxed);
    thread.join().expect("the follower ends");
}

fn docs(index: Arc<Index>) -> Docs {
    let shelf = Shelf { name: "docs".into(), ..Shelf::default() };
    Docs::new(index, Links::new(vec![shelf], None))
}

fn answer(docs: &Docs, question: &str) {
    let arguments = json!({"query": question});
    let answer = docs.call("search", arguments.as_object().cloned()).expect("the tool");
    std::hint::black_box(answer.expect("an answer"));
}

fn time(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort();
    let mean = times.iter().sum::<Duration>().as_secs_f64() * 1e3 / times.len() as f64;
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("mean {mean:.2} ms, p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}

fn row(name: &str, value: String) {
    println!("| {name} | {value} |");
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the docs folder").flatten() {
        let target: PathBuf = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).expect("a folder is made");
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file is copied");
        }
    }
}
