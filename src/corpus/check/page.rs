//! The rules about one page.

use std::collections::HashMap;

use super::{Finding, Limits, Rule, finding};
use crate::corpus::survey::{Oddity, Survey};
use crate::corpus::{Page, tokens};

/// Everything that is to be said of a page without knowing the others.
pub(super) fn findings(page: &Page, survey: &Survey, limits: Limits) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |line, rule, message| found.push(finding(&page.path, line, rule, message));
    oddities(survey, &mut say);
    // The rest is about Markdown; of plain text we know neither titles nor sections.
    if survey.cleaned.is_empty() && page.sections.iter().all(|section| section.level == 0) {
        long_sections(page, survey, limits, &mut say);
        return found;
    }
    title(page, survey, &mut say);
    repeated_headings(page, survey, &mut say);
    long_sections(page, survey, limits, &mut say);
    empty_sections(page, survey, &mut say);
    let lines: Vec<&str> = survey.source.lines().collect();
    for line in &survey.images {
        // A caption says it as well.
        let below = lines.get(line.saturating_sub(1)..).unwrap_or_default().iter().take(6);
        if below.take_while(|it| !it.contains("</figure")).any(|it| it.contains("<figcaption")) {
            continue;
        }
        let message = "the image has no alternative text, and assistants read nothing but text: say in it what the image shows";
        say(*line, Rule::ImageWithoutText, message.to_owned());
    }
    found
}

fn oddities(survey: &Survey, say: &mut impl FnMut(usize, Rule, String)) {
    for (at, (kind, line, message)) in survey.oddities.iter().enumerate() {
        let same = |other: &(Oddity, usize, String)| other.0 == *kind && other.2 == *message;
        if survey.oddities[..at].iter().any(same) {
            continue;
        }
        // One finding for all lines: whoever pasted one such character pasted more of them.
        let more = survey.oddities[at + 1..].iter().filter(|other| same(other)).count();
        let also = match more {
            0 => String::new(),
            1 => " here and on 1 more line".to_owned(),
            n => format!(" here and on {n} more lines"),
        };
        let (rule, message) = match kind {
            Oddity::Encoding => (
                Rule::Unreadable,
                format!(
                    "{message}{also}: assistants get \u{fffd} for each; save the file as UTF-8"
                ),
            ),
            Oddity::FrontMatter => (
                Rule::FrontMatter,
                format!(
                    "{message}: description, keywords and address of the page are lost to assistants; mend it"
                ),
            ),
            Oddity::Invisible => (
                Rule::InvisibleText,
                format!(
                    "{message}{also}: readers do not see it, so assistants are not given it; delete it, or show it if it is worth reading"
                ),
            ),
        };
        say(*line, rule, message);
    }
}

fn title(page: &Page, survey: &Survey, say: &mut impl FnMut(usize, Rule, String)) {
    if survey.titled || page.sections.iter().any(|section| section.level == 1) {
        return;
    }
    let message = format!(
        "the page has no title, so results call it {:?} after its file: give it a `title` in the front matter or a level-one heading",
        page.title
    );
    say(1, Rule::NoTitle, message);
}

/// Headings that nothing tells apart: equal ones under the same headings.
fn repeated_headings(page: &Page, survey: &Survey, say: &mut impl FnMut(usize, Rule, String)) {
    let mut first: HashMap<(&[String], &str), usize> = HashMap::new();
    for (at, section) in page.sections.iter().enumerate().filter(|(_, it)| !it.title.is_empty()) {
        let line = survey.sections.get(at).copied().unwrap_or(1);
        let before = *first.entry((&section.trail, &section.title)).or_insert(line);
        if before != line {
            let message = format!(
                "the heading {:?} stands on line {before} already, with the same headings above: in results an assistant cannot tell the two apart; say in each what it is about",
                section.title
            );
            say(line, Rule::RepeatedHeading, message);
        }
    }
}

fn long_sections(
    page: &Page,
    survey: &Survey,
    limits: Limits,
    say: &mut impl FnMut(usize, Rule, String),
) {
    for (at, section) in page.sections.iter().enumerate() {
        let tokens = tokens::estimate(&section.text);
        if tokens <= limits.section_tokens {
            continue;
        }
        let name = match &*section.title {
            "" => "the text above all headings".to_owned(),
            title => format!("the section {title:?}"),
        };
        let message = format!(
            "{name} has about {tokens} tokens, and an answer holds {}: an assistant gets pieces of it; split it with sub-headings",
            limits.section_tokens
        );
        say(survey.sections.get(at).copied().unwrap_or(1), Rule::LongSection, message);
    }
}

/// Headings with nothing under them, neither for readers nor for assistants.
fn empty_sections(page: &Page, survey: &Survey, say: &mut impl FnMut(usize, Rule, String)) {
    let lines: Vec<&str> = survey.source.lines().collect();
    for (at, section) in page.sections.iter().enumerate().filter(|(_, it)| it.level > 0) {
        // Headings in HTML are part of examples as often as not.
        let line = survey.sections.get(at).copied().unwrap_or(1);
        let is_html = lines.get(line - 1).is_some_and(|it| it.trim_start().starts_with('<'));
        if section.title.is_empty() || is_html {
            continue;
        }
        let next = page.sections.get(at + 1);
        let has_parts = next.is_some_and(|next| next.level > section.level);
        if has_parts || !is_heading_alone(&section.text) {
            continue;
        }
        let end = survey.sections.get(at + 1).copied().unwrap_or(lines.len() + 1);
        // What the site's generator puts there is not in the file, and no fault of its author.
        let written = lines.get(line..end.saturating_sub(1).max(line)).unwrap_or_default();
        if !written.iter().all(|line| is_blank_or_underline(line)) {
            continue;
        }
        let message = format!(
            "there is nothing under {:?}: an assistant that finds the heading gets no answer; write the text or remove the heading",
            section.title
        );
        say(line, Rule::EmptySection, message);
    }
}

fn is_heading_alone(text: &str) -> bool {
    text.lines().skip(1).all(is_blank_or_underline)
}

fn is_blank_or_underline(line: &str) -> bool {
    let line = line.trim();
    line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-')
}
