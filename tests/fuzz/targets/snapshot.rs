//! What stands in an object store, where anybody may have written it: the input is a pointer, and a
//! manifest. Whatever is taken names files of its own folder alone, is of a bounded size, and is
//! written as it was read.
#![no_main]

use std::path::{Component, Path};

use docent::snapshots::{Manifest, Pointer};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// A name that is one part of a path, whatever the system.
fn is_plain(name: &Value) -> bool {
    let Some(name) = name.as_str() else { return false };
    let mut parts = Path::new(name).components();
    let one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    one && name.len() <= 100 && !name.contains(['/', '\\', ':', '\0']) && !name.starts_with('.')
}

fn is_hash(hash: &Value) -> bool {
    let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    hash.as_str().is_some_and(hex)
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(pointer) = Pointer::read(bytes) {
        let written = serde_json::to_value(&pointer).expect("JSON");
        assert!(is_plain(&written["id"]) && is_hash(&written["blake3"]), "{written}");
        let again = Pointer::read(written.to_string().as_bytes()).expect("it was one");
        assert_eq!(again, pointer);
        assert!(Manifest::read(&pointer, bytes).is_err(), "no text holds its own hash");
    }
    let Ok(manifest) = Manifest::read_any("it", bytes) else { return };
    let written = serde_json::to_value(&manifest).expect("JSON");
    assert!(is_plain(&written["id"]), "{written}");
    let vectors = &written["vectors"]["file"];
    let files = written["files"].as_array().expect("files");
    let files: Vec<&Value> = files.iter().chain(vectors.is_object().then_some(vectors)).collect();
    let mut bytes: u128 = 0;
    for file in &files {
        assert!(is_plain(&file["name"]) && is_hash(&file["blake3"]), "{file}");
        for piece in file["pieces"].as_array().into_iter().flatten() {
            assert!(is_hash(piece), "{file}");
        }
        bytes += u128::from(file["size"].as_u64().expect("a size"));
    }
    assert!(bytes <= 1 << 40 && files.len() <= 10_000, "{bytes} bytes, {} files", files.len());
    let collections = written["collections"].as_array().expect("collections");
    for collection in collections {
        assert!(is_plain(&collection["name"]), "{collection}");
        let url = collection["base_url"].as_str().unwrap_or("https:///");
        assert!(url.starts_with("https://") || url.starts_with("http://"), "{url}");
    }
    let again = Manifest::read_any("it", written.to_string().as_bytes()).expect("it was one");
    assert_eq!(serde_json::to_value(&again).expect("JSON"), written);
});
