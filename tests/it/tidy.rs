//! The rules of this repository that a machine can hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which folder of `src/` may use which; `commands` sees everything, `lib` and `main` only start.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "commands",
        &[
            "config",
            "corpus",
            "index",
            "mcp",
            "http",
            "auth",
            "limits",
            "store",
            "usage",
            "outward",
            "snapshots",
        ],
    ),
    ("config", &[]),
    ("corpus", &[]),
    ("index", &["corpus"]),
    ("mcp", &["index", "corpus"]),
    ("snapshots", &["index"]),
    ("http", &["mcp", "index", "auth", "limits", "usage", "outward"]),
    ("auth", &["store", "limits"]),
    ("limits", &["store"]),
    ("usage", &["store"]),
    ("store", &[]),
    ("outward", &[]),
];

/// The one home of each library that shapes the code around it.
const HOMES: &[(&str, &str)] = &[
    ("tantivy", "index"),
    ("frostem", "index"),
    ("whatlang", "index"),
    ("rmcp", "mcp"),
    ("axum", "http"),
    ("hyper", "http"),
    ("hyper_util", "http"),
    ("tower", "http"),
    ("tower_http", "http"),
    ("ammonia", "http"),
    ("ipnet", "http"),
    ("notify", "corpus"),
    ("ignore", "corpus"),
    ("globset", "corpus"),
    ("serde_saphyr", "corpus"),
    ("unicode_normalization", "corpus"),
    ("rusqlite", "store"),
    ("sha2", "auth"),
    ("subtle", "auth"),
    ("getrandom", "auth"),
    ("crc32fast", "auth"),
    ("indexmap", "limits"),
    ("humantime", "commands"),
    ("redis", "store"),
    ("object_store", "snapshots"),
    ("clap", "config"),
    ("clap_complete", "config"),
    ("clap_mangen", "config"),
    ("indicatif", "commands"),
    ("opentelemetry", "commands"),
    ("opentelemetry_appender_tracing", "commands"),
    ("opentelemetry_http", "commands"),
    ("opentelemetry_otlp", "commands"),
    ("opentelemetry_sdk", "commands"),
    ("tracing_opentelemetry", "commands"),
    ("tracing_subscriber", "commands"),
    ("maud", "usage"),
    ("prometheus_client", "usage"),
    ("regex", "usage"),
    ("ureq", "outward"),
    ("rustls_native_certs", "outward"),
    ("tokio_rustls", "http"),
    ("oauth_as", "auth"),
    ("jsonwebtoken", "auth"),
    ("rten", "index"),
    ("rten_gemm", "index"),
    ("rten_tensor", "index"),
    ("rten_simd", "index"),
    ("rten_vecmath", "index"),
    ("rayon", "index"),
    ("rustix", "index"),
    ("safetensors", "index"),
    ("tokenizers", "index"),
];

/// Where a library may be seen outside its home, with the reason.
const VISITS: &[(&str, &str, &str)] = &[
    ("clap", "src/commands/mod.rs", "the words are parsed where the commands are chosen"),
    ("clap_complete", "src/commands/exported.rs", "the type that is parsed says which shell"),
    ("humantime", "src/auth/listed.rs", "people write the dates in the keys file"),
    ("unicode_normalization", "src/index/analyzer/", "words are folded where they become terms"),
    ("rustls", "src/commands/model.rs", "the download takes the same provider"),
    ("opentelemetry", "src/http/trace.rs", "a call belongs to the trace that the wire names"),
    ("tracing_opentelemetry", "src/http/trace.rs", "and so does its span"),
    ("rustix", "src/corpus/git/program.rs", "a program is ended with all that it has started"),
    ("rmcp", "src/http/", "the wire names the type of the service it routes to"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of ours below a folder (fixtures are data), with its path relative to the repository.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root().join(folder)];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("a folder is read").flatten() {
            let path = entry.path();
            if path.is_dir()
                && !["target", ".tools", "fixtures"].iter().any(|it| path.ends_with(it))
            {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path
                    .strip_prefix(root())
                    .expect("below the root")
                    .to_string_lossy()
                    .replace('\\', "/");
                found.insert(name, std::fs::read_to_string(&path).expect("a source is text"));
            }
        }
    }
    found
}

/// The folder of `src/` that a file belongs to; none for `lib.rs` and `main.rs`.
fn folder_of(path: &str) -> Option<&str> {
    path.strip_prefix("src/")?.split_once('/').map(|(folder, _)| folder)
}

/// Code without comment lines: prose may name anything.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a word stands in the code as a whole word before `::`.
fn uses(code: &str, crate_name: &str) -> bool {
    code.match_indices(&format!("{crate_name}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

#[test]
fn arrows_between_folders_are_those_of_the_map() {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    for (path, text) in sources("src") {
        let Some(folder) = folder_of(&path) else { continue };
        let allowed =
            allowed.get(folder).unwrap_or_else(|| panic!("{path}: {folder} is not on the map"));
        let code = code(&text);
        for part in code.split("crate::").skip(1) {
            let names: Vec<&str> = match part.strip_prefix('{') {
                Some(list) => {
                    list.split('}').next().unwrap_or("").split(',').map(str::trim).collect()
                }
                None => vec![part],
            };
            for name in names {
                let used =
                    name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
                let fine = used.is_empty() || used == folder || allowed.contains(&used);
                assert!(fine, "{path}: {folder} must not use {used}; see the map in src/lib.rs");
            }
        }
    }
}

#[test]
fn arrows_have_no_cycle() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    fn visit<'a>(at: &'a str, arrows: &BTreeMap<&'a str, &'a [&'a str]>, path: &mut Vec<&'a str>) {
        assert!(!path.contains(&at), "a cycle: {path:?} -> {at}");
        path.push(at);
        for next in arrows.get(at).copied().unwrap_or_default() {
            visit(next, arrows, path);
        }
        path.pop();
    }
    for (folder, _) in ARROWS {
        visit(folder, &arrows, &mut Vec::new());
    }
}

#[test]
fn a_library_has_one_home() {
    for (path, text) in sources("src") {
        let code = code(&text);
        for (library, home) in HOMES {
            let visit =
                VISITS.iter().any(|(name, file, _)| name == library && path.starts_with(file));
            let at_home = folder_of(&path) == Some(*home);
            assert!(
                at_home || visit || !uses(&code, library),
                "{path}: {library} lives in src/{home}"
            );
        }
    }
}

/// A library that nothing names costs whoever builds docent time, and whoever watches it a look.
#[test]
fn each_library_is_used() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let names = |table: &toml::Table, of: &str| -> Vec<String> {
        let table = table.get(of).and_then(toml::Value::as_table);
        table.into_iter().flat_map(|it| it.keys()).map(|name| name.replace('-', "_")).collect()
    };
    let all = |folders: &[&str]| -> String {
        folders.iter().flat_map(|it| sources(it).into_values()).map(|text| code(&text)).collect()
    };
    let (shipped, tried) = (all(&["src"]), all(&["src", "tests", "benches"]));
    let platforms = manifest["target"].as_table().expect("platforms").values();
    let of_platforms = platforms.flat_map(|it| names(it.as_table().expect("one"), "dependencies"));
    for name in names(&manifest, "dependencies").into_iter().chain(of_platforms) {
        assert!(uses(&shipped, &name), "nothing in src/ uses {name}; take it out of Cargo.toml");
    }
    for name in names(&manifest, "dev-dependencies") {
        assert!(uses(&tried, &name), "no test and no bench uses {name}; take it out of Cargo.toml");
    }
}

#[test]
fn the_map_names_every_folder_and_every_folder_is_there() {
    let map = std::fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("src"))
        .expect("src")
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    for folder in &folders {
        assert!(map.contains(&format!("* [`{folder}`]")), "src/lib.rs does not name {folder}");
        assert!(
            ARROWS.iter().any(|(name, _)| name == folder),
            "{folder} has no arrows in tests/it/tidy.rs"
        );
    }
    for (name, _) in ARROWS {
        assert!(folders.contains(*name), "there is no src/{name}");
    }
}

#[test]
fn each_file_says_what_it_is_for() {
    for (path, text) in sources("src").into_iter().chain(sources("tests")).chain(sources("benches"))
    {
        assert!(text.starts_with("//! "), "{path} does not open with a //! sentence");
    }
}

#[test]
fn names_say_what_is_inside() {
    for path in sources("src").keys() {
        let name = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let banned = ["util", "utils", "common", "helper", "helpers", "misc", "types"];
        assert!(!banned.contains(&name.as_str()), "{path}: say what is inside");
    }
}

/// All that is asked of a generation of the index from outside. A search engine that runs elsewhere would
/// have to answer these: see the manual on architecture.
const ASKED_OF_A_SNAPSHOT: &[&str] = &[
    "bytes",
    "catalog",
    "content",
    "embedded",
    "files",
    "generation",
    "matches",
    "near_headings",
    "near_words",
    "nearest_pages",
    "only",
    "search",
    "sections",
    "stamp",
];

#[test]
fn another_engine_could_stand_behind_the_index() {
    for (path, text) in sources("src") {
        if folder_of(&path).is_none_or(|folder| folder == "index") {
            continue;
        }
        let code = code(&text);
        for call in ["snapshot.", "snapshot()."] {
            for (at, _) in code.match_indices(call) {
                let rest = &code[at + call.len()..];
                let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric());
                let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
                let is_known = ASKED_OF_A_SNAPSHOT.contains(&name);
                assert!(!rest.starts_with('(') || is_known, "{path} asks {name} of a snapshot");
            }
        }
    }
}

#[test]
fn tests_neither_sleep_nor_hide() {
    // Put together here so that this file does not find itself.
    let banned = [
        ["#[", "ignore"].concat(),
        ["thread::", "sleep"].concat(),
        ["time::", "sleep"].concat(),
        ["fn ", "test_"].concat(),
        ["should_", "panic"].concat(),
    ];
    for (path, text) in sources("tests") {
        for word in &banned {
            assert!(!text.contains(word.as_str()), "{path} holds {word}");
        }
    }
}

#[test]
fn the_main_file_only_starts() {
    let main = std::fs::read_to_string(root().join("src/main.rs")).expect("src/main.rs");
    assert!(main.lines().count() < 60, "src/main.rs does more than start");
}

#[test]
fn the_changelog_has_the_current_version() {
    let changelog = std::fs::read_to_string(root().join("CHANGELOG.md")).expect("CHANGELOG.md");
    assert!(changelog.contains(env!("CARGO_PKG_VERSION")), "CHANGELOG.md lacks this version");
}

#[test]
fn the_top_level_holds_what_it_may() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "corpus",
        "index",
        "tests",
        "benches",
        "README.md",
        "CHANGELOG.md",
        "docent.toml",
        "deploy",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "target",
    ];
    for entry in std::fs::read_dir(root()).expect("the root").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(
            name.starts_with('.') || allowed.contains(&name.as_str()),
            "{name} does not belong at the top"
        );
    }
}
