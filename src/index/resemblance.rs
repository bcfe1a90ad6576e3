//! Sections that say the same: copies of a page, a text that several pages include, versions.
//!
//! Two texts are as alike as the share of their runs of three words that both hold (Broder 1997,
//! "On the resemblance and containment of documents"). Only the few sections at the head of a
//! list are compared, so the share is counted and not estimated from sketches.

use std::cell::OnceCell;
use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use super::query::QueryTerms;
use super::schema::{SectionRecord, Stored};
use super::snapshot::Snapshot;
use super::{Hit, analyzer, rank};

/// Words of a section that are compared; longer ones are generated reference pages.
const MAX_WORDS: usize = 4096;

impl Snapshot {
    /// The first `limit` sections of a list, best first, that do not say the same; each with those
    /// that say what it says, as far as they score like the hits that are shown.
    pub(super) fn distinct(
        &self,
        list: impl Iterator<Item = (tantivy::DocAddress, f32)>,
        limit: usize,
        terms: &QueryTerms,
    ) -> anyhow::Result<Vec<Hit>> {
        let mut hits: Vec<Hit> = Vec::with_capacity(limit);
        let mut texts: Vec<Text> = Vec::with_capacity(limit);
        for (looked_at, (address, score)) in list.enumerate() {
            let last = hits.last().map_or(0.0, |hit| hit.score);
            let past = hits.len() == limit && score < last * rank::ALIKE;
            if past && looked_at >= limit * rank::LOOKED_AT {
                break;
            }
            let Stored::Section(record) = self.load(address)? else { continue };
            let own = Text::default();
            let says_the_same = |at: usize| {
                let shown = &hits[at].record;
                may_say_the_same(shown, &record)
                    && resemblance(texts[at].runs(shown), own.runs(&record)) >= rank::SAME
                    && texts[at].asked(shown, terms) == own.asked(&record, terms)
            };
            let same = (0..hits.len()).find(|at| says_the_same(*at));
            let hit = Hit { record, score, also: Vec::new() };
            match same {
                Some(at) => hits[at].also.push(hit),
                None if hits.len() < limit => {
                    hits.push(hit);
                    texts.push(own);
                }
                None => {}
            }
        }
        Ok(hits)
    }
}

/// Whether two sections have the same heading and about the same size. Under another heading the
/// same words are about something else: affinity, anti-affinity.
fn may_say_the_same(a: &SectionRecord, b: &SectionRecord) -> bool {
    let title = |section: &SectionRecord| {
        let title = if section.title.is_empty() { &section.page } else { &section.title };
        title.trim().to_lowercase()
    };
    let (less, more) = (a.tokens.min(b.tokens), a.tokens.max(b.tokens));
    less as f32 >= more as f32 * rank::SAME_SIZE && title(a) == title(b)
}

/// What is compared of a section, read when it is first asked for: few get as far as that.
#[derive(Default)]
struct Text {
    runs: OnceCell<Vec<u64>>,
    asked: OnceCell<Vec<bool>>,
}

impl Text {
    fn runs(&self, section: &SectionRecord) -> &[u64] {
        self.runs.get_or_init(|| word_runs(section))
    }

    /// Which words of the question it holds, its headings among them: texts that differ there are
    /// not the same to whoever asks.
    fn asked(&self, section: &SectionRecord, terms: &QueryTerms) -> &[bool] {
        let SectionRecord { page, trail, text, stemmed, .. } = section;
        self.asked.get_or_init(|| {
            terms.found_in(&format!("{page}\n{}\n{text}", trail.join("\n")), *stemmed)
        })
    }
}

/// Share of the runs of two sections that both hold, 0 to 1.
fn resemblance(a: &[u64], b: &[u64]) -> f32 {
    // The share is at most that of the lengths, which rules out nearly all pairs.
    let (less, more) = (a.len().min(b.len()) as f32, a.len().max(b.len()) as f32);
    if less < more * rank::SAME {
        return 0.0;
    }
    let (mut at, mut other, mut common) = (0, 0, 0);
    while at < a.len() && other < b.len() {
        common += u32::from(a[at] == b[other]);
        let (first, second) = (a[at], b[other]);
        at += usize::from(first <= second);
        other += usize::from(second <= first);
    }
    common as f32 / (less + more - common as f32).max(1.0)
}

/// Hashes of the runs of three words in a section and the headings over it, sorted, each once. The
/// headings tell apart the many short sections that say "None." on different pages.
fn word_runs(section: &SectionRecord) -> Vec<u64> {
    let mut words = Vec::new();
    each_word(&section.page, &mut words);
    section.trail.iter().for_each(|above| each_word(above, &mut words));
    each_word(&section.text, &mut words);
    runs(&words)
}

fn runs(words: &[u64]) -> Vec<u64> {
    let hash = |run: &[u64]| {
        let mut hasher = FxHasher::default();
        run.hash(&mut hasher);
        hasher.finish()
    };
    let mut runs: Vec<u64> =
        if words.len() < 3 { vec![hash(words)] } else { words.windows(3).map(hash).collect() };
    runs.sort_unstable();
    runs.dedup();
    runs
}

/// Adds a hash for each word of a text, whatever its case. What links point to is not read; a
/// character of a script without spaces is a word.
fn each_word(text: &str, words: &mut Vec<u64>) {
    let mut hasher = FxHasher::default();
    let mut open = false;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if words.len() >= MAX_WORDS {
            return;
        }
        let unspaced = !c.is_ascii() && analyzer::is_unspaced(c);
        if open && (unspaced || !c.is_alphanumeric()) {
            words.push(std::mem::take(&mut hasher).finish());
            open = false;
        }
        if unspaced {
            words.push(u64::from(c));
        } else if c.is_alphanumeric() {
            c.to_lowercase().for_each(|c| c.hash(&mut hasher));
            open = true;
        } else if c == ']' && rest.as_str().starts_with('(') {
            let target = rest.as_str().find(')').unwrap_or(0);
            rest = rest.as_str()[target..].chars();
        }
    }
    if open {
        words.push(hasher.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> f32 {
        let [a, b] = [a, b].map(|text| {
            let mut words = Vec::new();
            each_word(text, &mut words);
            runs(&words)
        });
        resemblance(&a, &b)
    }

    #[test]
    fn case_marks_and_targets_of_links_do_not_count() {
        let a = "Use [the option](#option-a) --locked to keep it, as *is*.";
        let b = "use [The Option](other.md#b) `--locked` to keep it as is";
        assert_eq!(alike(a, b), 1.0);
        assert_eq!(alike("把弹窗渲染到下面", "把弹窗渲染到 下面"), 1.0);
    }

    #[test]
    fn a_change_in_one_word_of_many_is_the_same_and_in_one_of_few_is_not() {
        let many: Vec<String> = (0..100).map(|n| format!("word{n}")).collect();
        let changed = many.join(" ").replace("word50", "other");
        assert!(alike(&many.join(" "), &changed) >= rank::SAME);
        assert!(alike("it returns the key or none", "it returns the name or none") < rank::SAME);
    }
}
