//! Where the output of the scanner comes from, and what it leaves out: kept for the linter only.

/// Kept while a page is scanned; offsets are those of the page's body.
#[derive(Debug, Default)]
pub(in crate::corpus) struct Trace {
    /// For each line that was read: where the output stood, where the line starts; in order.
    lines: Vec<(usize, usize)>,
    /// Images in HTML that have no alternative text.
    pub(in crate::corpus) images: Vec<usize>,
    /// Comments, without their marks.
    pub(in crate::corpus) comments: Vec<std::ops::Range<usize>>,
}

impl Trace {
    /// The line at `src` is read while the output ends at `out`.
    pub(super) fn line(&mut self, out: usize, src: usize) {
        // Output may be taken back: rows of a table wait at its end until they are whole.
        while self.lines.last().is_some_and(|(at, _)| *at > out) {
            self.lines.pop();
        }
        self.lines.push((out, src));
    }

    /// Where the line of the body starts that the output at `out` comes from.
    pub(in crate::corpus) fn source(&self, out: usize) -> usize {
        let behind = self.lines.partition_point(|(at, _)| *at <= out);
        behind.checked_sub(1).map_or(0, |at| self.lines[at].1)
    }
}
