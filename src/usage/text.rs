//! The report for a terminal.

use super::report::{Counted, Question, Report};

/// Lines of each list.
const LISTED: usize = 10;
/// Columns of the bars of days.
const BAR: usize = 40;

/// The report as text; no line says what a page of the report says better.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    let totals = &report.totals;
    let days = report.days.len();
    out.push_str(&format!(
        "{} in {}: {}, of which {} found nothing and {} little; {}, {} refused by a limit\n",
        some(totals.calls, "call"),
        some(days as u64, "day"),
        if totals.searches == 1 {
            "1 search".into()
        } else {
            format!("{} searches", totals.searches)
        },
        totals.nothing,
        totals.little,
        some(totals.errors, "error"),
        totals.limited
    ));
    let most = report.days.iter().map(|day| day.searches + day.reads).max().unwrap_or(0).max(1);
    out.push_str("\ncalls per day (UTC)\n");
    // A month is enough for a terminal: the page has all of them.
    for day in report.days.iter().skip(days.saturating_sub(31)) {
        let calls = day.searches + day.reads;
        let bar = "█".repeat((calls as usize * BAR).div_ceil(most as usize));
        out.push_str(format!("  {}  {calls:>7}  {bar}", day.day).trim_end());
        out.push('\n');
    }
    questions(&mut out, "what to write next: found nothing, or little", &report.unanswered);
    questions(&mut out, "asked most", &report.questions);
    if !report.cited.is_empty() {
        out.push_str("\npages cited most (found, read)\n");
        for it in report.cited.iter().take(LISTED) {
            out.push_str(&format!("  {:>7}  {:>7}  {}\n", it.found, it.read, shown(&it.page)));
        }
    }
    if let Some(count) = report.never_found.count {
        out.push_str(&format!("\npages never found: {count} of {}\n", report.never_found.of));
        for page in report.never_found.pages.iter().take(LISTED) {
            out.push_str(&format!("  {}\n", shown(page)));
        }
        if count > LISTED {
            out.push_str("  … (--html and --json list more)\n");
        }
    }
    counted(&mut out, "asked for, and not there", &report.not_there);
    counted(&mut out, "words taken for others", &report.corrected);
    counted(&mut out, "clients", &report.clients);
    counted(&mut out, "keys and people", &report.callers);
    counted(&mut out, "limits used up", &report.limits);
    if !report.latency.is_empty() {
        out.push_str("\nmilliseconds     calls      p50      p95      p99\n");
        for it in &report.latency {
            out.push_str(&format!(
                "  {:10}  {:>8} {:>8.2} {:>8.2} {:>8.2}\n",
                it.tool, it.calls, it.p50, it.p95, it.p99
            ));
        }
    }
    if !report.feedback.is_empty() {
        out.push_str("\nwhat agents said, the newest first\n");
        for said in report.feedback.iter().take(LISTED) {
            let page = said.page.as_deref().unwrap_or("(no page)");
            out.push_str(&format!(
                "  {:8} {}: {}\n",
                said.problem,
                shown(page),
                shown(&said.comment)
            ));
        }
    }
    out
}

fn questions(out: &mut String, title: &str, questions: &[Question]) {
    if questions.is_empty() {
        return;
    }
    out.push_str(&format!("\n{title}\n"));
    for asked in questions.iter().take(LISTED) {
        out.push_str(&format!("  {:>7}  {}", asked.times, shown(&asked.question)));
        if let Some(page) = &asked.nearest {
            out.push_str(&format!("  → {}", shown(page)));
        }
        out.push('\n');
    }
}

fn counted(out: &mut String, title: &str, all: &[Counted]) {
    if all.is_empty() {
        return;
    }
    out.push_str(&format!("\n{title}\n"));
    for it in all.iter().take(LISTED) {
        out.push_str(&format!("  {:>7}  {}\n", it.times, shown(&it.name)));
    }
}

fn some(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Words of strangers without what moves a cursor.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
