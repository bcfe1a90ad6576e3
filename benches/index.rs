//! How fast pages are read and indexed: `DOCS=folder cargo bench --bench index` (default: the
//! manual).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use docent::corpus::{Collection, Reader, tokens, walk};
use docent::index::{Indexer, Progress};

fn collection() -> Collection {
    let root = std::env::var("DOCS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/corpus").into());
    let root = std::path::Path::new(&root).canonicalize().expect("the docs folder");
    Collection { name: "docs".into(), root, ..Collection::default() }
}

fn index(criterion: &mut Criterion) {
    let collection = collection();
    let reader = Reader::new(&collection);
    let files = walk(&collection).files;
    let sources: Vec<_> = files
        .iter()
        .filter_map(|file| Some((file.path.clone(), reader.load(&file.path).ok()?.bytes)))
        .collect();
    let bytes: usize = sources.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut group = criterion.benchmark_group("index");
    group.sample_size(10).throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("walk", |bencher| bencher.iter(|| walk(&collection).files.len()));
    group.bench_function("read one thread", |bencher| {
        bencher.iter(|| {
            sources.iter().filter(|(path, bytes)| reader.parse(path, bytes).0.is_ok()).count()
        });
    });
    group.bench_function("estimate tokens", |bencher| {
        let texts: Vec<_> =
            sources.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
        bencher.iter(|| texts.iter().map(|text| tokens::estimate(text)).sum::<usize>());
    });
    group.bench_function("build", |bencher| {
        bencher.iter(|| {
            let data = tempfile::tempdir().expect("a temporary folder");
            let collections = std::slice::from_ref(&collection);
            let (mut indexer, _) =
                Indexer::open(data.path(), collections, "bench").expect("an index");
            indexer.catch_up(&Progress::default()).expect("it is built").sections
        });
    });
    group.finish();
}

criterion_group!(benches, index);
criterion_main!(benches);
