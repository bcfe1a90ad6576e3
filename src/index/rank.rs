//! Every number of the ranking, with what it is worth.
//!
//! In two steps: Tantivy's BM25 finds the sections that may answer, then each of them is scored
//! anew by what it, its heading and its page hold of the question.
//!
//! The numbers were learned by `benches/learn.rs` on the open questions over Kubernetes, Docker,
//! FastAPI and the Vue guide in Chinese (260; figures are mean changes of page nDCG@10 and, after a
//! comma, of section nDCG@10). Learning everything on three of the corpora gained on the fourth
//! -0.000, +0.013, -0.011 and +0.010: only what all four agreed on was moved. What each step gave,
//! one after the other, on the 249 English ones: page nDCG@10 0.743 with the first step and
//! evidence from other hits of the page, 0.764 with unknown words corrected, 0.781 with the score
//! of the whole page in its place, 0.786 with priors, 0.808 with words that docs use instead, 0.812
//! with headings, 0.818 with the words of links.
//!
//! Tried on the same questions without gain, and left out: nearness of the words (0.000), coverage
//! of the rare ones (-0.001), more weight for the exact form of a word (-0.001 to -0.007), words of
//! the path (-0.002), terms of the first hits (harm), latent semantic analysis (+0.004 at several
//! times the cost).

use std::time::Duration;

/// The numbers that are learned; see [`Weights::LEARNED`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Weight of a word that docs use instead of one of the question, 0 to below 0.5. None at all:
    /// -0.017, -0.016; twice as much: -0.004, -0.002.
    pub synonym: f32,
    /// Weight of two words of the question written as one, 0.5 to 1. All alike.
    pub joined: f32,
    /// Weight of further words that are as near to an unknown word as the one taken, 0.5 to 1. All
    /// alike.
    pub near: f32,
    /// Saturation of the count of a term (BM25's k1, Robertson and Zaragoza 2009), above 0. 0.9:
    /// -0.009, -0.011; 1.2 to 2 are alike, more of the first five answer at 1.5 than at 1.2.
    pub k1: f32,
    /// How much a section's length counts (BM25's b), 0 to 1. 0.4 to 0.6 are alike; 0.3:
    /// -0.002, -0.004; 0.75: +0.000, -0.002.
    pub section_b: f32,
    /// How much a page's length counts (BM25's b), 0 to 1. All alike.
    pub page_b: f32,
    /// Share of the page's score that its sections gain, 0 or more. None: -0.011, -0.007; twice as
    /// much: -0.004, -0.006.
    pub page_share: f32,
    /// How much a word in a link to the page counts, as a multiple of one in its text, 0 or more.
    /// None: -0.001, +0.002; 3: +0.002, -0.002. Of little consequence where pages are well titled.
    pub anchor: f32,
    /// Share of the best score that a section gains whose heading says all that is asked and
    /// nothing else, 0 or more. None: -0.005, -0.010; twice as much favours sections over pages
    /// (-0.003, +0.002).
    pub heading: f32,
    /// Factor of a section that points elsewhere by its heading, such as "See also", 0 to 1. Of no
    /// consequence for these questions; what it keeps away is no answer to any.
    pub pointer: f32,
    /// Factor of a section that is mostly links, 0 to 1. Of no consequence here either.
    pub links: f32,
    /// Factor of a page that tells what changed, 0 to 1. None: -0.007, -0.006.
    pub changes: f32,
    /// Factor of a section with fewer than 25 words, 0 to 1. 0.5: -0.003, -0.003.
    pub short: f32,
    /// Factor of a section with fewer than 8 words, 0 to 1. None: -0.000, +0.001.
    pub stub: f32,
}

impl Weights {
    /// What `benches/learn.rs` found on the open questions.
    pub const LEARNED: Weights = Weights {
        synonym: 0.2,
        joined: 0.7,
        near: 0.6,
        k1: 1.5,
        section_b: 0.45,
        page_b: 0.5,
        page_share: 0.4,
        anchor: 1.0,
        heading: 0.15,
        pointer: 0.5,
        links: 0.7,
        changes: 0.5,
        short: 0.85,
        stub: 0.3,
    };
}

/// Terms below this weight do not make a word of the question common, and do not make a section a
/// candidate as long as there are enough others: looking for them first costs twice the time and
/// gives the same lists.
pub(super) const OWN: f32 = 0.5;

/// Hits of one page before other pages had a turn.
pub(super) const PER_PAGE: usize = 2;
/// Sections that are scored anew for each hit that is shown, so that there are other pages to
/// turn to.
pub(super) const DEPTH: usize = 5;
/// Sections that are scored anew in any case (100: -0.004; 200 to 500: -0.001, by a script).
pub(super) const LEAST_DEPTH: usize = 150;

/// Share of runs of three words that two sections must have in common to be shown as one. Of 174
/// pairs at 0.9 and above, met in answers over six corpora, 26 drawn by lot all said the same; one
/// that was met later did not (affinity, anti-affinity), and is told apart by its heading. From
/// 0.85 to 0.9 three of 17 differed in what they were about (an ARIA role, a function).
pub(super) const SAME: f32 = 0.9;
/// Least share of the larger one's tokens that the smaller of two such sections has. What links
/// point to counts in tokens and not in words, so that this is less than [`SAME`].
pub(super) const SAME_SIZE: f32 = 0.8;
/// Copies score alike down to this share of the best: what else stands on their pages moves a
/// score a little. Between two editions of which the newer had lost a section of each page, 19 of
/// 20 copies (128, met in 15 answers) scored at least 0.98 of the better one.
pub(super) const ALIKE: f32 = 0.95;
/// Sections that are looked at for each hit that is shown, because some of them may be copies.
pub(super) const LOOKED_AT: usize = 2;
/// The same where all that were looked at are copies of a few: several versions in one index.
pub(super) const MOST_LOOKED_AT: usize = 5;

/// How long a search waits for the model from its beginning on; then it answers from words alone.
/// A question of ten words takes 3 to 5 ms on a core of its own.
pub(super) const PATIENCE: Duration = Duration::from_millis(25);
/// The same where questions come one at a time, as those of `docent eval`: an answer that depended
/// on what else the machine does could not be measured.
pub(super) const PATIENCE_ALONE: Duration = Duration::from_secs(60);
/// Sections that each leg brings in, and over which its scores are spread from 0 to 1.
pub(super) const LEG: usize = 100;
/// Share of the meaning in the score, with all-MiniLM-L6-v2. Docker and FastAPI together, dev and
/// test halves: none 0.838, 0.835; 0.2: 0.858, 0.885; 0.3: 0.891, 0.884; 0.35: 0.893, 0.886; 0.4:
/// 0.894, 0.889; 0.5: 0.899, 0.894; 0.6: 0.881, 0.875; meaning alone 0.774, 0.814. More than 0.4
/// takes from questions about concepts what it gives to others. With Kubernetes, which had no part
/// in the choice, all 249 go from 0.818 to 0.857 (0.45: 0.855); the figures above are older.
pub(super) const MEANING: f32 = 0.4;
/// Words of a question that may be nothing but code, such as `--dry-run=client -o yaml`: meaning
/// takes from those what words find exactly (identifiers 0.867 with it, 0.897 without; all 0.845
/// and 0.850; up to 2 words: 0.849).
pub(super) const CODE_WORDS: usize = 3;
/// A section without any word of the question is an answer from this cosine on. The best section
/// for nonsense has 0.20 to 0.26, the best for a real question 0.33 at least, 0.60 in the median.
pub(super) const RELATED: f32 = 0.3;

/// Headings of sections that point elsewhere instead of answering.
pub(super) const POINTERS: &[&str] = &[
    "see also",
    "what's next",
    "whats next",
    "next steps",
    "next step",
    "specifications",
    "browser compatibility",
    "related",
    "related topics",
    "related resources",
    "further reading",
    "learn more",
    "additional resources",
    "more information",
    "references",
];
/// Parts of paths of pages that tell what changed, not how things are.
pub(super) const CHANGES: &[&str] =
    &["changelog", "release-notes", "release_notes", "/releases/", "whats-new"];

/// Words below which a section is short, and below which it says next to nothing.
pub(super) const SHORT: usize = 25;
pub(super) const STUB: usize = 8;
