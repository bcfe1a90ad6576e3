//! The report as one page that needs nothing else: no script, no address that is loaded. What was
//! asked is text of strangers; the templates escape it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::{bar, days};
use super::report::{Cited, Counted, Question, Report};

const STYLE: &str = include_str!("report.css");

/// The page. `title` names the docs; `written` is when the report was made, for people.
pub fn page(report: &Report, title: &str, written: &str) -> String {
    let first = report.days.first().map_or("", |day| &day.day);
    let last = report.days.last().map_or("", |day| &day.day);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'";
                title { "What was asked: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "What was asked of " (title) }
                    p class="note" { (first) " to " (last) " (UTC), written " (written) " by docent." }
                }
                main {
                    (sums(report))
                    (by_day(report))
                    h2 { "What to write next" }
                    p class="note" {
                        "Questions that found nothing, or only pages that hold less than half of their words, "
                        "with the page that comes nearest."
                    }
                    (questions(&report.unanswered, "Every question found something."))
                    h2 { "What is asked most" }
                    p class="note" { "The same words in another order are one question." }
                    (questions(&report.questions, "Nothing was asked, or questions are not kept (usage.queries)."))
                    div class="pair" { (of_pages(report)) (of_callers(report)) }
                    @if !report.feedback.is_empty() {
                        h2 { "What agents said" }
                        (feedback(report))
                    }
                }
            }
        }
    };
    page.into_string()
}

fn sums(report: &Report) -> Markup {
    let totals = &report.totals;
    let unanswered = totals.nothing + totals.little;
    let share = |part: u64, all: u64| {
        if all == 0 {
            "–".to_owned()
        } else {
            format!("{:.0} %", part as f64 / all as f64 * 100.0)
        }
    };
    html! {
        dl class="sums" {
            (sum("calls", &grouped(totals.calls), false))
            (sum("searches", &grouped(totals.searches), false))
            (sum("found little or nothing", &share(unanswered, totals.searches), unanswered > 0))
            (sum("errors", &share(totals.errors, totals.calls), false))
            (sum("refused by a limit", &grouped(totals.limited), false))
            (sum("tokens in answers", &grouped(totals.tokens), false))
        }
    }
}

fn sum(words: &str, value: &str, bad: bool) -> Markup {
    html! { div class=[bad.then_some("bad")] { dt { (words) } dd { (value) } } }
}

/// The chart, and the same as a table.
fn by_day(report: &Report) -> Markup {
    html! {
        h2 { "Calls per day" }
        ul class="key" {
            @for (class, words) in [
                ("answered", "searches"),
                ("unanswered", "searches that found little or nothing"),
                ("reads", "pages and outlines read"),
            ] {
                li {
                    svg viewBox="0 0 10 10" aria-hidden="true" {
                        rect class=(class) width="10" height="10" {}
                    }
                    (words)
                }
            }
        }
        div class="wide" tabindex="0" role="group" aria-label="Chart of calls per day" {
            (days(&report.days))
        }
        details {
            summary { "The same as a table" }
            (numbers(
                ["day", "searches", "little or nothing", "read", "refused"],
                report.days.iter().map(|it| {
                    let numbers = [it.searches, it.unanswered, it.reads, it.limited];
                    (html! { (it.day) }, numbers.map(grouped))
                }),
            ))
        }
    }
}

/// A table of names with their numbers.
fn numbers<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = (Markup, impl IntoIterator<Item = String>)>,
) -> Markup {
    html! {
        table {
            thead { tr {
                @for (at, words) in head.into_iter().enumerate() {
                    th class=[(at > 0).then_some("number")] { (words) }
                }
            } }
            tbody {
                @for (name, numbers) in rows {
                    tr {
                        td { (name) }
                        @for number in numbers { td class="number" { (number) } }
                    }
                }
            }
        }
    }
}

/// What the lists say of pages and words.
fn of_pages(report: &Report) -> Markup {
    html! {
        section { h2 { "Pages cited most" } (cited(&report.cited)) }
        section { h2 { "Pages never found" } (never_found(report)) }
        section {
            h2 { "Asked for, and not there" }
            p class="note" { "Ids that were fetched in vain: pages that moved, or that a model made up." }
            (counted(&report.not_there, "id", "None."))
        }
        section {
            h2 { "Words taken for others" }
            p class="note" { "What the docs do not have, and what was searched instead." }
            (counted(&report.corrected, "word", "None."))
        }
    }
}

/// What the lists say of those who asked, and of how they were served.
fn of_callers(report: &Report) -> Markup {
    html! {
        section { h2 { "Clients" } (counted(&report.clients, "client", "None.")) }
        section {
            h2 { "Callers" }
            (counted(&report.kinds, "kind", "None."))
            @if !report.callers.is_empty() { (counted(&report.callers, "name", "")) }
        }
        @if report.collections.len() > 1 {
            section { h2 { "Collections" } (counted(&report.collections, "collection", "None.")) }
        }
        section { h2 { "Time of answers" } (latency(report)) }
        section { h2 { "Limits used up" } (counted(&report.limits, "limit", "None.")) }
    }
}

fn questions(questions: &[Question], none: &str) -> Markup {
    if questions.is_empty() {
        return html! { p { (none) } };
    }
    let most = questions.iter().map(|asked| asked.times).max().unwrap_or(0);
    html! {
        table {
            thead { tr {
                th class="number" { "times" }
                th class="share" aria-hidden="true" {}
                th { "question, and the page that is nearest" }
                th class="number" { "held" }
            } }
            tbody {
                @for asked in questions {
                    tr {
                        td class="number" { (grouped(asked.times)) }
                        td class="share" aria-hidden="true" { (bar(asked.times, most)) }
                        td {
                            (asked.question)
                            @if let Some(page) = &asked.nearest { div { code { (page) } } }
                        }
                        td class="number" { (format!("{:.0} %", asked.coverage * 100.0)) }
                    }
                }
            }
        }
    }
}

fn cited(pages: &[Cited]) -> Markup {
    if pages.is_empty() {
        return html! { p { "None." } };
    }
    let rows = pages.iter().map(|Cited { page, found, read }| {
        (html! { code { (page) } }, [grouped(*found), grouped(*read)])
    });
    numbers(["page", "found", "read"], rows)
}

fn never_found(report: &Report) -> Markup {
    let pages = &report.never_found;
    let Some(count) = pages.count else {
        return html! { p { "The index could not be read." } };
    };
    html! {
        p class="note" { (grouped(count as u64)) " of " (grouped(pages.of as u64)) " pages were no hit, and were not read." }
        @if count > 0 {
            details open[count <= 20] {
                summary { @if count > pages.pages.len() { "The first " (pages.pages.len()) } @else { "Which" } }
                ul class="columns" { @for page in &pages.pages { li { code { (page) } } } }
            }
        }
    }
}

fn counted(all: &[Counted], what: &str, none: &str) -> Markup {
    if all.is_empty() {
        return html! { p { (none) } };
    }
    let most = all.iter().map(|it| it.times).max().unwrap_or(0);
    html! {
        table {
            thead { tr {
                th class="number" { "times" }
                th class="share" aria-hidden="true" {}
                th { (what) }
            } }
            tbody {
                @for Counted { name, times } in all {
                    tr {
                        td class="number" { (grouped(*times)) }
                        td class="share" aria-hidden="true" { (bar(*times, most)) }
                        td { (name) }
                    }
                }
            }
        }
    }
}

fn latency(report: &Report) -> Markup {
    let rows = report.latency.iter().map(|it| {
        let [p50, p95, p99] = [it.p50, it.p95, it.p99].map(|ms| ms.to_string());
        (html! { (it.tool) }, [grouped(it.calls), p50, p95, p99])
    });
    html! {
        p class="note" { "Milliseconds in the server, waiting for a turn included." }
        (numbers(["tool", "calls", "p50", "p95", "p99"], rows))
    }
}

fn feedback(report: &Report) -> Markup {
    html! {
        table {
            thead { tr { th { "problem" } th { "page" } th { "comment" } } }
            tbody {
                @for said in &report.feedback {
                    tr {
                        td { (said.problem) }
                        td { @if let Some(page) = &said.page { code { (page) } } }
                        td { (said.comment) }
                    }
                }
            }
        }
    }
}

/// A number as people read it: 12 345.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            // Narrow, and never a line's end.
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }

    #[test]
    fn what_strangers_wrote_is_text() {
        let evil = "</title><script>alert(1)</script>\"'&";
        let question = Question { question: evil.into(), times: 1, ..Question::default() };
        let counted = vec![Counted { name: evil.into(), times: 1 }];
        let report = Report {
            questions: vec![question.clone()],
            unanswered: vec![Question { nearest: Some(evil.into()), ..question }],
            clients: counted.clone(),
            not_there: counted,
            ..Report::default()
        };
        let page = page(&report, evil, "now");
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;/title&gt;&lt;script&gt;"));
        // Nothing is loaded.
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("url("));
    }
}
