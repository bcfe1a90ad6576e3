//! What a question costs in process, passages and JSON included:
//! `DOCS=folder cargo bench --bench search` (default: the manual).

use criterion::{Criterion, criterion_group, criterion_main};
use docent::corpus::Collection;
use docent::index::{Indexer, Progress, Search};
use docent::mcp::{Docs, Links, Shelf};
use serde_json::json;

fn search(criterion: &mut Criterion) {
    let root = std::env::var("DOCS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/corpus").into());
    let root = std::path::Path::new(&root).canonicalize().expect("the docs folder");
    let collection = Collection { name: "docs".into(), root, ..Collection::default() };
    let data = tempfile::tempdir().expect("a temporary folder");
    let (mut indexer, _) = Indexer::open(data.path(), &[collection], "bench").expect("an index");
    indexer.catch_up(&Progress::default()).expect("it is built");
    let shelf = Shelf { name: "docs".into(), ..Shelf::default() };
    let docs = Docs::new(indexer.index().clone(), Links::new(vec![shelf], None));
    let snapshot = docs.snapshot();
    let pages = snapshot.catalog().expect("a catalog").pages();
    let titles = pages.iter().flat_map(|page| page.sections.iter().map(|s| s.title.to_string()));
    let titles: Vec<String> = titles.filter(|title| title.split(' ').count() > 1).collect();
    let questions: Vec<&String> = titles.iter().step_by((titles.len() / 500).max(1)).collect();
    let mut group = criterion.benchmark_group("search");
    let mut at = 0;
    let mut next = || {
        at = (at + 1) % questions.len();
        questions[at].clone()
    };
    group.bench_function("hits", |bencher| {
        bencher.iter(|| {
            let search = Search { query: next(), limit: 6, ..Search::default() };
            snapshot.search(&search).expect("an answer").hits.len()
        });
    });
    group.bench_function("answer", |bencher| {
        bencher.iter(|| {
            let arguments = json!({"query": next()});
            docs.call("search", arguments.as_object().cloned())
                .expect("the tool")
                .expect("an answer")
                .to_string()
        });
    });
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);
