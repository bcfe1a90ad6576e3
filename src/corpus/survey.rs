//! What reading learns of a file besides its page: where things stand, and what is odd by kind.
//! Kept for the linter only; indexing asks for none of it.

use super::{
    dialect::{Cleaned, Trace},
    front_matter::Split,
    markdown::Marks,
};

/// What is odd in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
    /// Its bytes are no text.
    Encoding,
    /// Text that readers of the site do not see.
    Invisible,
    /// The front matter cannot be read.
    FrontMatter,
}

/// Filled while a file is read; lines count from 1.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The file as text, front matter and all.
    pub(super) source: String,
    /// Its body as plain Markdown; empty if it is no Markdown.
    pub(super) cleaned: String,
    /// The front matter has the page's title.
    pub(super) titled: bool,
    /// The line of each section's heading.
    pub(super) sections: Vec<usize>,
    /// Line and target of each link; line 0 if it comes with text of another file.
    pub(super) links: Vec<(usize, String)>,
    /// Images without alternative text.
    pub(super) images: Vec<usize>,
    /// Anchors of headings that start no section.
    pub(super) anchors: Vec<String>,
    /// Line and text of each comment.
    pub(super) comments: Vec<(usize, String)>,
    /// Line and message of what is odd.
    pub(super) oddities: Vec<(Oddity, usize, String)>,
    noted: usize,
}

impl Survey {
    /// Says what the notes that came up since the last call are about.
    pub(super) fn note(&mut self, kind: Oddity, notes: &[(usize, String)]) {
        for (line, message) in &notes[self.noted.min(notes.len())..] {
            self.oddities.push((kind, *line, message.clone()));
        }
        self.noted = notes.len();
    }

    /// Turns offsets in plain Markdown into lines of the file.
    pub(super) fn settle(&mut self, split: &Split<'_>, cleaned: &mut Cleaned, marks: Marks) {
        let trace: Trace = cleaned.trace.take().map(|trace| *trace).unwrap_or_default();
        let feeds: Vec<usize> = memchr::memchr_iter(b'\n', split.body.as_bytes()).collect();
        let line = |at: usize| split.lines + feeds.partition_point(|feed| *feed < at) + 1;
        let of_output = |out: usize| line(trace.source(out));
        self.sections = marks.sections.into_iter().map(of_output).collect();
        let lines: Vec<&str> = split.body.split('\n').collect();
        let link = |(at, target): (usize, String)| {
            let near = of_output(at) - split.lines - 1;
            let at =
                written_at(&lines, near, &target).or(cleaned.includes.is_empty().then_some(near));
            (at.map_or(0, |at| split.lines + 1 + at), target)
        };
        self.links = marks.links.into_iter().map(link).collect();
        let in_html = trace.images.iter().map(|at| line(*at));
        self.images = marks.images.into_iter().map(of_output).chain(in_html).collect();
        self.images.sort_unstable();
        let comment = |place: &std::ops::Range<usize>| {
            Some((line(place.start), split.body.get(place.clone())?.to_owned()))
        };
        self.comments = trace.comments.iter().filter_map(comment).collect();
        self.anchors = marks.anchors;
        self.cleaned = std::mem::take(&mut cleaned.text);
    }
}

/// The line nearest to `near` on which `target` is written: in tables of HTML, in links over
/// several lines and where a label stands for the target it is another one.
fn written_at(lines: &[&str], near: usize, target: &str) -> Option<usize> {
    let holds = |at: &usize| lines.get(*at).is_some_and(|line| line.contains(target));
    let around = |step| [near.checked_sub(step), Some(near + step)].into_iter().flatten();
    (0..lines.len()).flat_map(around).find(holds)
}
