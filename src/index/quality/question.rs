//! The question file: a JSON object a line.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A question, and what answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is asked.
    pub query: String,
    /// What sort of question it is, if the author sorts them.
    pub kind: Option<String>,
    /// What answers; at least one.
    pub gold: Vec<Gold>,
}

/// A page or section that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gold {
    /// The page, as ids name it.
    pub path: String,
    /// Heading on the page, as its anchor or in words; none for the whole page.
    pub heading: Option<String>,
    /// How well it answers, from 1.
    pub grade: u32,
}

/// A line that cannot be asked or judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line in the file, from 1.
    pub line: usize,
    /// Lower case, no full stop.
    pub message: String,
}

/// A question file, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// The questions of sound lines, in order.
    pub questions: Vec<Question>,
    /// The other lines.
    pub mistakes: Vec<Mistake>,
    /// Names of members that mean nothing here: one of them may be a slip of the pen.
    pub ignored: BTreeSet<String>,
}

/// Members of a line; `id` and `note` are for its author.
const QUESTION: &[&str] = &["query", "kind", "gold", "id", "note"];
const GOLD: &[&str] = &["path", "heading", "grade", "note"];

impl Questions {
    /// Reads the text of a file; blank lines are nothing.
    pub fn read(text: &str) -> Questions {
        let mut read = Questions::default();
        let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
        for (at, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
            let line = at + 1;
            match read.question(line, text) {
                Ok(question) => read.questions.push(question),
                Err(message) => read.mistakes.push(Mistake { line, message }),
            }
        }
        read
    }

    fn question(&mut self, line: usize, text: &str) -> Result<Question, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            // The parser's own line is always the first.
            let problem = error.to_string();
            let problem = problem.split(" at line ").next().unwrap_or_default();
            format!("not a JSON object on one line: {problem} at column {}", error.column())
        })?;
        let members = value.as_object().ok_or("not a JSON object")?;
        self.ignore("", members, QUESTION);
        let query = filled(members, "query")?.ok_or("\"query\" is missing: what to ask")?;
        let list = match members.get("gold") {
            None => return Err("\"gold\" is missing: the list of what answers".into()),
            Some(list) => list
                .as_array()
                .filter(|list| !list.is_empty())
                .ok_or("\"gold\" must be a list of at least one {\"path\": …, \"grade\": …}")?,
        };
        let mut gold: Vec<Gold> = Vec::with_capacity(list.len());
        for value in list {
            let next = self.gold(value)?;
            if gold.iter().any(|other| (&other.path, &other.heading) == (&next.path, &next.heading))
            {
                return Err(format!("{:?} is in \"gold\" twice", next.path));
            }
            gold.push(next);
        }
        Ok(Question { line, query, kind: filled(members, "kind")?, gold })
    }

    fn gold(&mut self, value: &Value) -> Result<Gold, String> {
        let members = value.as_object().ok_or("\"gold\" holds something that is not an object")?;
        self.ignore("gold.", members, GOLD);
        let path = filled(members, "path")?.ok_or("an entry of \"gold\" has no \"path\"")?;
        let grade = members.get("grade").and_then(Value::as_u64).and_then(|n| n.try_into().ok());
        let grade = grade.filter(|grade| *grade > 0).ok_or_else(|| {
            format!("the \"grade\" of {path:?} must be a whole number from 1, 2 for a full answer")
        })?;
        Ok(Gold { path, heading: filled(members, "heading")?, grade })
    }

    fn ignore(&mut self, before: &str, members: &Map<String, Value>, known: &[&str]) {
        let unknown = members.keys().filter(|name| !known.contains(&name.as_str()));
        self.ignored.extend(unknown.map(|name| format!("{before}{name}")));
    }
}

/// A text that is not blank; none if it is absent or null.
fn filled(members: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.clone())),
        Some(_) => Err(format!("{name:?} must be a text that is not empty")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(line: &str) -> String {
        let read = Questions::read(line);
        assert!(read.questions.is_empty(), "{read:?}");
        read.mistakes.into_iter().map(|mistake| mistake.message).collect()
    }

    #[test]
    fn a_file_is_read_line_by_line_and_a_bad_line_spoils_only_itself() {
        let sound = r#"{"query": "a", "kind": "k", "gold": [{"path": "a.md", "heading": "b", "grade": 2}]}"#;
        let read = Questions::read(&format!("\u{feff}{sound}\r\n\n{{\n{sound}\n"));
        let lines: Vec<usize> = read.questions.iter().map(|question| question.line).collect();
        assert_eq!(lines, [1, 4]);
        assert_eq!(read.questions[0].gold[0].heading.as_deref(), Some("b"));
        assert_eq!(read.mistakes.len(), 1);
        assert_eq!(read.mistakes[0].line, 3);
    }

    #[test]
    fn a_mistake_names_the_member() {
        for (line, part) in [
            ("[]", "not a JSON object"),
            ("{\"query\": \"a\"", "at column 13"),
            (r#"{"gold": [{"path": "a.md", "grade": 1}]}"#, "\"query\" is missing"),
            (r#"{"query": " ", "gold": [{"path": "a.md", "grade": 1}]}"#, "\"query\" must be"),
            (r#"{"query": "a"}"#, "\"gold\" is missing"),
            (r#"{"query": "a", "gold": []}"#, "\"gold\" must be"),
            (r#"{"query": "a", "gold": ["a.md"]}"#, "not an object"),
            (r#"{"query": "a", "gold": [{"grade": 1}]}"#, "no \"path\""),
            (r#"{"query": "a", "gold": [{"path": "a.md"}]}"#, "\"grade\" of \"a.md\""),
            (r#"{"query": "a", "gold": [{"path": "a.md", "grade": 0}]}"#, "\"grade\""),
            (r#"{"query": "a", "gold": [{"path": "a.md", "grade": "2"}]}"#, "\"grade\""),
            (r#"{"query": "a", "kind": 1, "gold": [{"path": "a.md", "grade": 1}]}"#, "\"kind\""),
            (
                r#"{"query": "a", "gold": [{"path": "a.md", "grade": 1}, {"path": "a.md", "grade": 2}]}"#,
                "twice",
            ),
        ] {
            let said = mistake(line);
            assert!(said.contains(part), "{line}: {said}");
        }
    }

    #[test]
    fn members_that_mean_nothing_are_remembered() {
        let read = Questions::read(
            r#"{"id": 1, "query": "a", "tag": 1, "gold": [{"path": "a.md", "headng": "b", "grade": 1}]}"#,
        );
        assert_eq!(read.questions.len(), 1);
        assert_eq!(read.ignored.into_iter().collect::<Vec<_>>(), ["gold.headng", "tag"]);
    }
}
