//! `model`, and what the other commands do with one: sections are embedded once, and only where
//! there is a model; a model that does not come whole leaves nothing.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::served::{Served, manual, serve};
use super::{errors, fails};
use crate::harness::{docent, write};
use crate::tiny_model::{tiny_model, tiny_onnx};

/// Bytes of a vector of the tiny model in the file: key, scale, check, numbers.
const RECORD: u64 = 16 + 4 + 4 + 16;
/// Bytes before the first.
const HEADER: u64 = 8 + 16 + 4;

fn run(dir: &Path, words: &[&str]) -> Command {
    let mut command = docent();
    command.current_dir(dir).args(words).args(["--data-dir", "data"]);
    command
}

fn runs(dir: &Path, words: &[&str]) -> (String, String) {
    let output = run(dir, words).output().expect("docent runs");
    let said = errors(&output);
    assert!(output.status.success(), "{words:?}: {said}");
    (String::from_utf8(output.stdout).expect("text"), said)
}

fn vectors(dir: &Path) -> u64 {
    let file = std::fs::metadata(dir.join("data/meaning/vectors")).expect("vectors are there");
    assert_eq!((file.len() - HEADER) % RECORD, 0);
    (file.len() - HEADER) / RECORD
}

#[test]
fn a_model_of_a_folder_is_added_used_and_removed() {
    let (_dir, dir) = manual();
    tiny_model(&dir.join("tiny"));
    let (_, said) = runs(&dir, &["model", "add", "tiny"]);
    assert!(said.contains("added tiny to data"), "{said}");
    let (listed, _) = runs(&dir, &["model", "list"]);
    assert!(listed.contains("all-minilm-l6-v2  English"), "{listed}");
    assert!(listed.contains("tiny  from a folder  (added)"), "{listed}");
    let (_, said) = runs(&dir, &["index", "docs"]);
    assert!(said.contains("2 of 2 sections are embedded with tiny"), "{said}");
    let (found, _) = runs(&dir, &["search", "port", "--docs", "docs", "--json"]);
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["results"][0]["id"], "guide/ports.md#ports");
    let (_, said) = runs(&dir, &["model", "remove"]);
    assert!(said.contains("removed tiny"), "{said}");
    assert!(!dir.join("data/model").exists() && !dir.join("data/meaning").exists());
    let said = fails(&mut run(&dir, &["model", "remove"]));
    assert_eq!(said, "docent: there is no model in data");
}

#[test]
fn meaning_answers_where_no_word_does_and_leaves_code_alone() {
    let (_dir, dir) = manual();
    tiny_model(&dir.join("tiny"));
    let hits = |query: &str| {
        let (found, _) = runs(&dir, &["search", query, "--docs", "docs", "--json"]);
        let found: Value = serde_json::from_str(&found).expect("JSON");
        found["results"].as_array().expect("hits").len()
    };
    assert_eq!(hits("zxqj wvyu"), 0);
    runs(&dir, &["model", "add", "tiny"]);
    runs(&dir, &["index", "docs"]);
    assert_eq!((hits("zxqj wvyu"), hits("zxqj_wvyu")), (2, 0));
}

#[test]
fn a_network_of_another_kind_is_run_from_its_onnx_file() {
    let (_dir, dir) = manual();
    tiny_onnx(&dir.join("tiny"));
    runs(&dir, &["model", "add", "tiny"]);
    let (_, said) = runs(&dir, &["index", "docs"]);
    assert!(said.contains("2 of 2 sections are embedded with tiny"), "{said}");
    // No section holds such words; what they have in common with the sections are letters.
    let (found, _) = runs(&dir, &["search", "zeoltsi xoprtna", "--docs", "docs", "--json"]);
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert!(!found["results"].as_array().expect("hits").is_empty(), "{found}");
    runs(&dir, &["model", "remove"]);
    let (found, _) = runs(&dir, &["search", "zeoltsi xoprtna", "--docs", "docs", "--json"]);
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert!(found["results"].as_array().expect("hits").is_empty(), "{found}");
    // A folder without the network says what there should be, one with another says what is wrong.
    std::fs::remove_dir_all(dir.join("tiny/onnx")).expect("a folder is removed");
    let said = fails(&mut run(&dir, &["model", "add", "tiny"]));
    assert!(said.contains("or with tokenizer.json, model.onnx"), "{said}");
    write(&dir, "tiny/model.onnx", "cut off");
    let said = fails(&mut run(&dir, &["model", "add", "tiny"]));
    assert!(said.contains("no ONNX file that this version can run"), "{said}");
}

#[test]
fn only_sections_whose_text_changed_are_embedded_again() {
    let (_dir, dir) = manual();
    tiny_model(&dir.join("tiny"));
    runs(&dir, &["model", "add", "tiny"]);
    runs(&dir, &["index", "docs"]);
    assert_eq!(vectors(&dir), 2);
    runs(&dir, &["index", "docs"]);
    assert_eq!(vectors(&dir), 2);
    write(
        &dir,
        "docs/install.md",
        "# Installation\n\n## Linux\n\nUse the package.\n\n## Windows\n\nUse the other.\n",
    );
    runs(&dir, &["index", "docs"]);
    assert_eq!(vectors(&dir), 3);
}

#[test]
fn a_server_embeds_what_changes_while_it_serves() {
    let (_dir, dir) = manual();
    tiny_model(&dir.join("tiny"));
    runs(&dir, &["model", "add", "tiny"]);
    let served = Served::start(&dir);
    served.follows();
    let until = |sections: u64| {
        // Each look is a request of its own; the runner's own limit ends a wait that is in vain.
        loop {
            let meaning = &served.ready()["meaning"];
            if meaning["embedded"] == sections && meaning["sections"] == sections {
                return meaning["model"].as_str().expect("a name").to_owned();
            }
        }
    };
    assert_eq!(until(2), "tiny");
    write(&dir, "docs/guide/hosts.md", "# Hosts\n\nName the hosts.\n");
    until(3);
    let answer = served.call("search", serde_json::json!({"query": "hosts"}));
    assert!(answer.contains("guide/hosts.md"), "{answer}");
    drop(served);
    assert_eq!(vectors(&dir), 3);
}

#[test]
fn without_a_model_nothing_is_made_for_one() {
    let (_dir, dir) = manual();
    let served = Served::start(&dir);
    served.follows();
    assert_eq!(served.ready().get("meaning"), None);
    assert!(!dir.join("data/model").exists() && !dir.join("data/meaning").exists());
}

#[test]
fn a_model_that_is_not_what_was_added_is_not_used() {
    let (_dir, dir) = manual();
    tiny_model(&dir.join("tiny"));
    runs(&dir, &["model", "add", "tiny"]);
    let file = dir.join("data/model/model.safetensors");
    let mut bytes = std::fs::read(&file).expect("the weights are there");
    *bytes.last_mut().expect("weights") ^= 1;
    std::fs::write(&file, bytes).expect("a file is written");
    let (found, said) = runs(&dir, &["search", "port", "--docs", "docs"]);
    assert!(found.contains("guide/ports.md"), "{found}");
    assert!(said.contains("by words alone") && said.contains("not what was added"), "{said}");
    let served = Served::run(serve(&dir));
    // The log's lines come in any order.
    while !served.said().iter().any(|line| line.contains("the model does not load")) {
        assert_eq!(served.ready().get("meaning"), None);
    }
}

#[test]
fn what_is_no_model_is_refused_and_leaves_nothing() {
    let (_dir, dir) = manual();
    let said = fails(&mut run(&dir, &["model", "add", "gpt"]));
    assert!(said.contains("known: all-minilm-l6-v2"), "{said}");
    let said = fails(&mut run(&dir, &["model", "add", "docs"]));
    assert!(said.contains("docs is no model: that is a folder with config.json"), "{said}");
    tiny_model(&dir.join("tiny"));
    write(&dir, "tiny/model.safetensors", "cut off");
    let said = fails(&mut run(&dir, &["model", "add", "tiny"]));
    assert!(said.contains("no safetensors file"), "{said}");
    tiny_model(&dir.join("tiny"));
    runs(&dir, &["model", "add", "tiny"]);
    write(&dir, "tiny/config.json", r#"{"model_type":"t5"}"#);
    let said = fails(&mut run(&dir, &["model", "add", "tiny"]));
    assert!(said.contains("not that of a BERT model"), "{said}");
    // The one that was there before stays.
    assert!(runs(&dir, &["model", "list"]).0.contains("tiny  from a folder  (added)"));
    assert!(!dir.join("data/model.new").exists());
}

/// A hub that gives the same answer to each request; its address.
fn hub(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let _ = stream.write_all(&answer);
        }
    });
    address
}

#[test]
fn a_download_that_goes_wrong_says_so_and_leaves_nothing() {
    let (_dir, dir) = manual();
    let whole = |length: usize| {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        [head.into_bytes(), vec![b'x'; length]].concat()
    };
    let mut broken = whole(612);
    broken.truncate(400);
    let cases = [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec(), "cannot get"),
        (broken, "broke off"),
        (whole(100), "100 of 612 bytes"),
        (whole(612), "is not the file that this version knows"),
        (whole(700), "is not the file that this version knows"),
    ];
    for (answer, told) in cases {
        let words = ["model", "add", "all-minilm-l6-v2", "--from", &hub(answer)];
        let said = fails(&mut run(&dir, &words));
        assert!(said.contains("the model was not added") && said.contains(told), "{said}");
        assert!(!dir.join("data/model").exists() && !dir.join("data/model.new").exists());
    }
}
