//! HTML tables: one readable line for each row.

use super::{
    scan::Scanner,
    tags::{Kind, Tag},
};

/// A table that is being read; its text waits at the end of the output.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    caption: String,
    /// Where the current cell's text starts.
    cell: Option<usize>,
    in_caption: bool,
    /// Where everything between the cells starts, which is dropped.
    start: usize,
    /// Tables within this table.
    inner: usize,
    prefix: String,
}

#[derive(Debug, Default)]
struct Row {
    cells: Vec<String>,
    headers: usize,
}

impl Scanner<'_> {
    pub(super) fn begin_table(&mut self) {
        self.break_paragraph();
        self.out.truncate(self.line_out);
        let start = self.out.len();
        // Up to three spaces are no list's, and would only be noise before each row.
        let is_bare = self.prefix.len() < 4 && self.prefix.trim().is_empty() && !self.in_list();
        let prefix = if is_bare { String::new() } else { self.prefix.clone() };
        self.table = Some(Table { start, prefix, ..Table::default() });
    }

    /// Handles a tag within a table; says whether it was one of the table's own.
    pub(super) fn table_tag(&mut self, name: &str, tag: &Tag<'_>) -> bool {
        let closes = tag.kind == Kind::Close;
        let Some(table) = &mut self.table else { return false };
        match name {
            "table" if !closes => table.inner += 1,
            "table" if table.inner > 0 => table.inner -= 1,
            "table" => self.finish_table(),
            _ if table.inner > 0 && matches!(name, "td" | "th" | "tr" | "caption") => {
                self.out.push(' ');
            }
            "tr" => {
                self.end_cell();
                if let Some(table) = &mut self.table
                    && !closes
                {
                    table.rows.push(Row::default());
                }
            }
            "td" | "th" | "caption" => {
                self.end_cell();
                let Some(table) = &mut self.table else { return true };
                if closes {
                    return true;
                }
                self.out.truncate(table.start);
                table.cell = Some(table.start);
                table.in_caption = name == "caption";
                if name != "caption" {
                    if table.rows.is_empty() {
                        table.rows.push(Row::default());
                    }
                    if let Some(row) = table.rows.last_mut() {
                        row.headers += usize::from(name == "th");
                    }
                }
                self.open.clear();
            }
            "thead" | "tbody" | "tfoot" => {}
            _ => return false,
        }
        true
    }

    fn end_cell(&mut self) {
        let Some(table) = &mut self.table else { return };
        let Some(start) = table.cell.take() else { return };
        let text = self.out.get(start..).unwrap_or_default();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.out.truncate(table.start);
        if table.in_caption {
            table.caption = words;
        } else if let Some(row) = table.rows.last_mut() {
            row.cells.push(words);
        }
    }

    /// Writes the table that has been read: with a header row as Markdown's, without one as lines,
    /// because a reference page's rows are no grid.
    pub(super) fn finish_table(&mut self) {
        self.end_cell();
        let Some(table) = self.table.take() else { return };
        self.out.truncate(table.start);
        self.line_out = self.out.len();
        let prefix = &table.prefix;
        if !table.caption.is_empty() {
            self.out.push_str(&format!("{prefix}**{}**\n\n", table.caption));
        }
        let mut rows = table.rows;
        rows.retain(|row| row.cells.iter().any(|cell| !cell.is_empty()));
        let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
        let is_header = |row: &Row| row.headers == row.cells.len() && row.cells.len() == columns;
        let is_grid = columns > 1 && rows.len() > 1 && rows.first().is_some_and(is_header);
        for (at, row) in rows.iter().enumerate() {
            self.line_out = self.out.len();
            self.out.push_str(prefix);
            if is_grid {
                for column in 0..columns {
                    let cell = row.cells.get(column).map_or("", String::as_str);
                    self.out.push_str("| ");
                    push_cell(&mut self.out, cell);
                    self.out.push(' ');
                }
                self.out.push_str("|\n");
                if at == 0 {
                    self.out.push_str(prefix);
                    self.out.push_str(&"| --- ".repeat(columns));
                    self.out.push_str("|\n");
                }
            } else {
                let cells: Vec<&str> =
                    row.cells.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
                self.out.push_str(&cells.join(" | "));
                self.begin_no_fence();
                // Each row stays a line of its own for any reader.
                self.out.push_str(if rows.len() > 1 { "\n\n" } else { "\n" });
            }
        }
        self.line_out = self.out.len();
        self.after_blank = false;
        self.blank();
        self.out.push_str(&table.prefix);
    }
}

/// A bar would end the cell.
fn push_cell(out: &mut String, cell: &str) {
    let mut before = ' ';
    for c in cell.chars() {
        if c == '|' && before != '\\' {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
}
