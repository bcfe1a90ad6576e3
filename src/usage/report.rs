//! What the events of a time say: how much was asked, by what, what was found and what was not.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;

use super::question;
use crate::store::{CallRow, FeedbackRow};

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;
/// Below this share of the question, by rarity of its words, little was found.
const LITTLE: f64 = 0.5;
/// Lines of each list.
const LISTED: usize = 20;
/// Different questions that are told apart, and different names of each kind; more are counted in the
/// sums alone. Strangers can make up as many as they like.
const QUESTIONS: usize = 500_000;
const NAMES: usize = 100_000;

/// What the events of a time say.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// First day, as seconds since 1970.
    pub since: u64,
    /// When it was made, as seconds since 1970.
    pub until: u64,
    /// Sums.
    pub totals: Totals,
    /// Each day (UTC), the oldest first; days without calls among them.
    pub days: Vec<Day>,
    /// Programs, by their own word, most calls first.
    pub clients: Vec<Counted>,
    /// Keys by name, and people by hash where those are kept; most calls first.
    pub callers: Vec<Counted>,
    /// Calls by kind of caller.
    pub kinds: Vec<Counted>,
    /// Calls by collection.
    pub collections: Vec<Counted>,
    /// Questions, most often asked first; those with the same words are one.
    pub questions: Vec<Question>,
    /// Questions that found nothing, or only pages that hold less than half of them; most often asked
    /// first.
    pub unanswered: Vec<Question>,
    /// Words that the docs do not have and what they were taken for, most frequent first.
    pub corrected: Vec<Counted>,
    /// Pages in answers, most often first.
    pub cited: Vec<Cited>,
    /// Pages that were no hit and were not read, of those that there are now.
    pub never_found: Pages,
    /// Ids that were asked for and are not there, most frequent first.
    pub not_there: Vec<Counted>,
    /// Time of answers by tool.
    pub latency: Vec<Latency>,
    /// Limits that were used up, by kind, and how many calls were refused.
    pub limits: Vec<Counted>,
    /// What agents said, the newest first.
    pub feedback: Vec<Said>,
}

/// Sums of a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Calls that were answered, errors included.
    pub calls: u64,
    /// Searches among them.
    pub searches: u64,
    /// Searches that found nothing.
    pub nothing: u64,
    /// Searches that found little.
    pub little: u64,
    /// Calls that were answered with an error.
    pub errors: u64,
    /// Calls that were refused because a limit was used up.
    pub limited: u64,
    /// Estimated tokens of all answers.
    pub tokens: u64,
}

/// A day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Day {
    /// The day, as 2026-11-26.
    pub day: String,
    /// Searches.
    pub searches: u64,
    /// Of those, how many found nothing or little.
    pub unanswered: u64,
    /// Everything else: pages, sections and outlines that were read.
    pub reads: u64,
    /// Calls that were refused because a limit was used up.
    pub limited: u64,
}

/// A name, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// The name.
    pub name: String,
    /// How often.
    pub times: u64,
}

/// A question.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Question {
    /// As it is asked most often.
    pub question: String,
    /// How often.
    pub times: u64,
    /// How often nothing was found.
    pub nothing: u64,
    /// The page that is nearest: the best hit, or where nothing was found the likest heading.
    pub nearest: Option<String>,
    /// Share of the question that the best hit held, when it was asked last.
    pub coverage: f64,
}

/// A page that was in answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cited {
    /// Id of the page.
    pub page: String,
    /// Times that it was among the hits of a search.
    pub found: u64,
    /// Times that it, or a section of it, was read.
    pub read: u64,
}

/// Some of many pages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pages {
    /// How many there are; none where the index cannot be read.
    pub count: Option<usize>,
    /// Of how many.
    pub of: usize,
    /// Ids of the first.
    pub pages: Vec<String>,
}

/// How long answers took.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Name of the tool.
    pub tool: String,
    /// Answers.
    pub calls: u64,
    /// Milliseconds that half of them took at the most.
    pub p50: f64,
    /// The same of 95 in 100.
    pub p95: f64,
    /// The same of 99 in 100.
    pub p99: f64,
}

/// What an agent said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Said {
    /// When, as seconds since 1970.
    pub at: u64,
    /// Of what.
    pub page: Option<String>,
    /// `wrong`, `stale` or `missing`.
    pub problem: String,
    /// The sentence.
    pub comment: String,
}

/// Makes a report of events that are shown one by one.
#[derive(Default)]
pub struct Reporter {
    since: u64,
    until: u64,
    totals: Totals,
    days: BTreeMap<u64, Day>,
    clients: Counts,
    callers: Counts,
    kinds: Counts,
    collections: Counts,
    corrected: Counts,
    not_there: Counts,
    limits: Counts,
    questions: FxHashMap<String, (Question, Wording)>,
    cited: FxHashMap<String, (u64, u64)>,
    micros: BTreeMap<String, Vec<u32>>,
}

/// How the wording of a question fares against the others of the same words: the one that is asked
/// most often is left at the end if it is asked more often than all others together (Boyer and Moore's
/// majority vote), without a count for each.
#[derive(Default)]
struct Wording(u64);

impl Wording {
    fn vote(&mut self, shown: &mut String, asked: String) {
        if self.0 == 0 {
            *shown = asked;
            self.0 = 1;
        } else if *shown == asked {
            self.0 += 1;
        } else {
            self.0 -= 1;
        }
    }
}

/// Names with their numbers.
#[derive(Default)]
struct Counts(FxHashMap<String, u64>);

impl Counts {
    fn add(&mut self, name: impl Into<String>, times: u64) {
        let (is_full, name) = (self.0.len() >= NAMES, name.into());
        if !is_full || self.0.contains_key(&name) {
            *self.0.entry(name).or_default() += times;
        }
    }

    /// The most frequent; the alphabet decides between equals.
    fn most(self, limit: usize) -> Vec<Counted> {
        let mut all: Vec<Counted> =
            self.0.into_iter().map(|(name, times)| Counted { name, times }).collect();
        all.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.name.cmp(&b.name)));
        all.truncate(limit);
        all
    }
}

impl Reporter {
    /// Of a time, in seconds since 1970.
    pub fn new(since: u64, until: u64) -> Reporter {
        Reporter { since, until, ..Reporter::default() }
    }

    /// One more event.
    pub fn see(&mut self, row: CallRow) {
        let day = self.days.entry(row.at / DAY).or_default();
        if let Some(limit) = row.outcome.strip_prefix("limited:") {
            day.limited += row.times;
            self.totals.limited += row.times;
            self.limits.add(limit, row.times);
            return;
        }
        let is_search = row.tool == "search";
        let is_ok = row.outcome == "ok";
        self.totals.calls += row.times;
        self.totals.tokens += row.tokens;
        self.totals.errors += if is_ok { 0 } else { row.times };
        self.micros
            .entry(row.tool.clone())
            .or_default()
            .push(row.micros.min(u32::MAX.into()) as u32);
        if is_search {
            day.searches += row.times;
            self.totals.searches += row.times;
        } else if is_ok && ["fetch", "outline", "resource"].contains(&row.tool.as_str()) {
            day.reads += row.times;
        }
        self.clients.add(row.client.as_deref().unwrap_or("unknown"), row.times);
        self.kinds.add(row.caller.as_str(), row.times);
        if let Some(who) = &row.who {
            self.callers.add(who.as_str(), row.times);
        }
        if let Some(collection) = &row.collection {
            self.collections.add(collection.as_str(), row.times);
        }
        for word in &row.corrected {
            self.corrected.add(word.as_str(), row.times);
        }
        let mut pages = FxHashSet::default();
        let answered = if is_ok { &row.ids[..] } else { &[] };
        for page in answered.iter().map(|id| page_of(id)).filter(|page| pages.insert(*page)) {
            let (found, read) = self.cited.entry(page.to_owned()).or_default();
            *(if is_search { found } else { read }) += row.times;
        }
        if is_search && is_ok {
            self.ask(row);
        } else if let Some(wanted) = row.query.filter(|_| !is_ok && !is_search) {
            self.not_there.add(wanted, row.times);
        }
    }

    fn ask(&mut self, row: CallRow) {
        let nothing = row.results == Some(0);
        let coverage = row.coverage.unwrap_or(1.0);
        let little = !nothing && coverage < LITTLE;
        self.totals.nothing += if nothing { row.times } else { 0 };
        self.totals.little += if little { row.times } else { 0 };
        if let Some(day) = self.days.get_mut(&(row.at / DAY)).filter(|_| nothing || little) {
            day.unanswered += row.times;
        }
        let Some(query) = row.query else { return };
        let words = question::words(&query);
        if words.is_empty() {
            return;
        }
        if self.questions.len() >= QUESTIONS && !self.questions.contains_key(&words) {
            return;
        }
        let (asked, wording) = self.questions.entry(words).or_default();
        wording.vote(&mut asked.question, query);
        asked.times += row.times;
        asked.nothing += if nothing { row.times } else { 0 };
        // The docs may have changed: what was found last is what is found.
        if let Some(best) = row.ids.into_iter().next() {
            asked.nearest = Some(best);
        }
        asked.coverage = if nothing { 0.0 } else { coverage };
    }

    /// The report. `pages` are the ids of all pages that there are, none where nobody knows; `nearest`
    /// finds the page that a question comes nearest to, where a search found nothing.
    pub fn report(
        self,
        feedback: Vec<FeedbackRow>,
        pages: Option<Vec<String>>,
        nearest: impl Fn(&str) -> Option<String>,
    ) -> Report {
        let mut questions: Vec<Question> =
            self.questions.into_values().map(|(question, _)| question).collect();
        questions.sort_by(|a, b| b.times.cmp(&a.times).then_with(|| a.question.cmp(&b.question)));
        let unanswered = questions.iter().filter(|asked| asked.coverage < LITTLE).take(LISTED);
        let unanswered = unanswered.cloned().map(|asked| Question {
            nearest: asked.nearest.clone().or_else(|| nearest(&asked.question)),
            ..asked
        });
        let unanswered = unanswered.collect();
        questions.truncate(LISTED);
        let never_found = match pages {
            None => Pages::default(),
            Some(pages) => {
                let of = pages.len();
                let mut left: Vec<String> =
                    pages.into_iter().filter(|page| !self.cited.contains_key(page)).collect();
                let count = Some(left.len());
                left.truncate(5 * LISTED);
                Pages { count, of, pages: left }
            }
        };
        let mut cited: Vec<Cited> = self
            .cited
            .into_iter()
            .map(|(page, (found, read))| Cited { page, found, read })
            .collect();
        cited.sort_by(|a, b| {
            (b.found + b.read).cmp(&(a.found + a.read)).then_with(|| a.page.cmp(&b.page))
        });
        cited.truncate(LISTED);
        let said = feedback.into_iter().map(|row| Said {
            at: row.at / 1000,
            page: row.page,
            problem: row.problem,
            comment: row.comment,
        });
        Report {
            since: self.since,
            until: self.until,
            totals: self.totals,
            days: days(self.days, self.since, self.until),
            clients: self.clients.most(LISTED),
            callers: self.callers.most(LISTED),
            kinds: self.kinds.most(LISTED),
            collections: self.collections.most(LISTED),
            questions,
            unanswered,
            corrected: self.corrected.most(LISTED),
            cited,
            never_found,
            not_there: self.not_there.most(LISTED),
            latency: self.micros.into_iter().map(|(tool, micros)| latency(tool, micros)).collect(),
            limits: self.limits.most(LISTED),
            feedback: said.take(5 * LISTED).collect(),
        }
    }
}

/// The page that an id of a section belongs to.
fn page_of(id: &str) -> &str {
    id.split('#').next().unwrap_or(id)
}

/// Every day from the first to the last, those without calls among them.
fn days(mut seen: BTreeMap<u64, Day>, since: u64, until: u64) -> Vec<Day> {
    let of = |seconds: u64| seconds * 1000 / DAY;
    // Of a long time in which nobody came before a day, only what came after is worth a look.
    let first = seen.keys().next().copied().unwrap_or(of(until)).max(of(since));
    let first = first.min(of(until).saturating_sub(6)).max(of(since));
    (first..=of(until))
        .map(|number| Day { day: date(number), ..seen.remove(&number).unwrap_or_default() })
        .collect()
}

/// A day since 1970 as 2026-11-26.
fn date(day: u64) -> String {
    let days = i32::try_from(day).unwrap_or(i32::MAX / 2);
    let epoch = time::OffsetDateTime::UNIX_EPOCH.date();
    epoch.checked_add(time::Duration::days(days.into())).unwrap_or(epoch).to_string()
}

fn latency(tool: String, mut micros: Vec<u32>) -> Latency {
    micros.sort_unstable();
    let at = |share: f64| {
        let place = (micros.len() as f64 * share).ceil() as usize;
        let micros = micros.get(place.saturating_sub(1)).copied().unwrap_or_default();
        // Hundredths of a millisecond are what a reader compares.
        (f64::from(micros) / 10.0).round() / 100.0
    };
    let (p50, p95, p99) = (at(0.5), at(0.95), at(0.99));
    Latency { tool, calls: micros.len() as u64, p50, p95, p99 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 20_000 * DAY + DAY / 2;

    fn search(query: &str, ids: &[&str], coverage: f64) -> CallRow {
        CallRow {
            at: NOON,
            tool: "search".into(),
            outcome: "ok".into(),
            caller: "anonymous".into(),
            query: Some(query.into()),
            results: Some(ids.len() as u64),
            coverage: Some(coverage),
            ids: ids.iter().map(|&id| id.into()).collect(),
            micros: 1000,
            times: 1,
            ..CallRow::default()
        }
    }

    fn report(rows: Vec<CallRow>, pages: &[&str]) -> Report {
        let noon = NOON / 1000;
        let mut reporter = Reporter::new(noon - 7 * DAY / 1000, noon);
        rows.into_iter().for_each(|row| reporter.see(row));
        let pages = pages.iter().map(|&page| page.to_owned()).collect();
        reporter.report(Vec::new(), Some(pages), |_| Some("near.md".into()))
    }

    #[test]
    fn the_same_words_in_another_order_are_one_question() {
        let report = report(
            vec![
                search("port change", &["a.md#port"], 1.0),
                search("How do I change the port?", &["a.md#port"], 1.0),
                search("How do I change the port?", &["a.md#port"], 1.0),
                search("install", &["b.md"], 1.0),
            ],
            &[],
        );
        let asked: Vec<_> = report.questions.iter().map(|it| (&*it.question, it.times)).collect();
        assert_eq!(asked, [("How do I change the port?", 3), ("install", 1)]);
    }

    #[test]
    fn questions_that_found_nothing_or_little_come_with_the_nearest_page() {
        let rows = vec![
            search("kafka", &[], 0.0),
            search("kafka", &[], 0.0),
            search("redis cluster", &["state.md#redis"], 0.3),
            search("install", &["b.md"], 0.5),
        ];
        let report = report(rows, &[]);
        let asked: Vec<_> = report
            .unanswered
            .iter()
            .map(|it| (&*it.question, it.times, it.nothing, it.nearest.as_deref().unwrap()))
            .collect();
        assert_eq!(asked, [("kafka", 2, 2, "near.md"), ("redis cluster", 1, 0, "state.md#redis")]);
        assert_eq!((report.totals.nothing, report.totals.little), (2, 1));
        assert_eq!(report.days.last().unwrap().unanswered, 3);
    }

    #[test]
    fn pages_are_counted_once_an_answer_and_those_in_none_are_named() {
        let fetch = CallRow { tool: "fetch".into(), ..search("", &["a.md#x"], 1.0) };
        let report = report(
            vec![search("x", &["a.md#x", "a.md#y", "b.md"], 1.0), fetch],
            &["a.md", "b.md", "c.md", "d.md"],
        );
        assert_eq!(
            report.cited,
            [
                Cited { page: "a.md".into(), found: 1, read: 1 },
                Cited { page: "b.md".into(), found: 1, read: 0 }
            ]
        );
        let Pages { count, of, pages } = report.never_found;
        assert_eq!((count, of, pages), (Some(2), 4, vec!["c.md".into(), "d.md".into()]));
    }

    #[test]
    fn what_was_refused_is_no_call_and_what_is_not_there_is_named() {
        let refused = CallRow {
            tool: String::new(),
            outcome: "limited:key".into(),
            times: 50,
            ..search("", &[], 0.0)
        };
        let gone =
            CallRow { tool: "fetch".into(), outcome: "error".into(), ..search("old.md", &[], 0.0) };
        let report = report(vec![refused, gone], &[]);
        let Totals { calls, errors, limited, searches, .. } = report.totals;
        assert_eq!((calls, errors, limited, searches), (1, 1, 50, 0));
        assert_eq!(report.limits, [Counted { name: "key".into(), times: 50 }]);
        assert_eq!(report.not_there, [Counted { name: "old.md".into(), times: 1 }]);
    }

    #[test]
    fn every_day_is_there_and_percentiles_are_of_answers() {
        let rows = (1..=100).map(|ms| CallRow { micros: ms * 1000, ..search("x", &[], 1.0) });
        let report = report(rows.collect(), &[]);
        assert_eq!(report.days.len(), 7);
        assert_eq!((&*report.days[6].day, report.days[6].searches), ("2024-10-04", 100));
        let Latency { p50, p95, p99, .. } = report.latency[0];
        assert_eq!((p50, p95, p99), (50.0, 95.0, 99.0));
    }
}
