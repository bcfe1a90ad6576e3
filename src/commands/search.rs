//! `docent search`: what an assistant would get, for a person.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::once;
use crate::config::{SearchArguments, Settings};

/// Asks the same code that the tool runs.
pub(super) fn run(settings: &Settings, asked: &SearchArguments) -> anyhow::Result<()> {
    let docs = once::open(settings, "search")?;
    let mut arguments = Map::new();
    arguments.insert("query".into(), json!(asked.query.join(" ")));
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            arguments.insert(name.into(), value);
        }
    };
    add("limit", asked.limit.map(|n| json!(n)));
    add("max_tokens", asked.max_tokens.map(|n| json!(n)));
    add("path", asked.path.as_ref().map(|text| json!(text)));
    add("collection", asked.collection.as_ref().map(|text| json!(text)));
    add("version", asked.version.as_ref().map(|text| json!(text)));
    add("language", asked.language.as_ref().map(|text| json!(text)));
    let answer = docs.call("search", Some(arguments)).context("no tool called search")?;
    let answer = answer.map_err(anyhow::Error::msg)?;
    let mut out = std::io::stdout().lock();
    if asked.json {
        writeln!(out, "{answer}")?;
        return Ok(());
    }
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = std::io::stdout().is_terminal() && !no_colour;
    write!(out, "{}", readable(&serde_json::from_str(&answer)?, colour))?;
    Ok(())
}

/// The answer as a page of text.
fn readable(answer: &Value, colour: bool) -> String {
    let paint = |code: &str, text: &str| {
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let mut out = String::new();
    let hits = answer["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (at, hit) in hits.iter().enumerate() {
        let field = |name: &str| hit[name].as_str().unwrap_or_default();
        let heading =
            if field("breadcrumb").is_empty() { field("title") } else { field("breadcrumb") };
        out.push_str(&format!(
            "{} {}\n",
            paint("1;36", &format!("{}.", at + 1)),
            paint("1", heading)
        ));
        out.push_str(&format!("   {}  {}\n", paint("32", field("id")), paint("2", field("url"))));
        let also = hit["also"].as_array().map(Vec::as_slice).unwrap_or_default();
        let also: Vec<&str> = also.iter().filter_map(Value::as_str).collect();
        if !also.is_empty() {
            out.push_str(&format!("   {}\n", paint("2", &format!("also: {}", also.join("  ")))));
        }
        for line in field("text").lines() {
            out.push_str(format!("   {line}").trim_end());
            out.push('\n');
        }
        out.push('\n');
    }
    if let Some(notice) = answer["notice"].as_str() {
        out.push_str(&paint("33", notice));
        out.push('\n');
    }
    out
}
