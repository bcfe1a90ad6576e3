//! Tool arguments as models really send them: known aliases are understood, the rest is refused
//! with the list of valid names.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::ToolError;

/// The arguments of one call, taken out one by one.
pub(super) struct Arguments {
    tool: &'static str,
    valid: &'static [&'static str],
    values: JsonObject,
}

impl Arguments {
    /// Renames aliases, drops nulls, refuses unknown names.
    pub(super) fn new(
        tool: &'static str,
        valid: &'static [&'static str],
        aliases: &[(&str, &str)],
        given: Option<JsonObject>,
    ) -> Result<Arguments, ToolError> {
        let mut values = JsonObject::new();
        for (name, value) in given.unwrap_or_default() {
            if value.is_null() {
                continue;
            }
            let alias = aliases.iter().find(|(alias, _)| *alias == name).map(|(_, real)| *real);
            let known = valid.contains(&name.as_str());
            let Some(real) = alias.filter(|_| !known).or(known.then_some(name.as_str())) else {
                return Err(ToolError(format!(
                    "{tool} has no argument {:?}; its arguments are: {}",
                    shorten(&name),
                    valid.join(", ")
                )));
            };
            // The real name wins over an alias beside it.
            if known || !values.contains_key(real) {
                values.insert(real.to_owned(), value);
            }
        }
        Ok(Arguments { tool, valid, values })
    }

    /// A text, or none.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, ToolError> {
        debug_assert!(self.valid.contains(&name), "{name}");
        match self.values.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(self.wrong(name, "a string")),
        }
    }

    /// A whole number, cut to a range; texts of digits are understood.
    pub(super) fn number(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, ToolError> {
        let wrong = format!("a whole number from {} to {}", range.start(), range.end());
        let number = match self.values.remove(name) {
            None => return Ok(default),
            Some(Value::Number(number)) if number.is_u64() => number.as_u64(),
            Some(Value::Number(number)) => {
                number.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64)
            }
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        let number = number.ok_or_else(|| self.wrong(name, &wrong))?;
        if number < *range.start() && *range.start() <= 1 {
            return Err(self.wrong(name, &wrong));
        }
        Ok(number.clamp(*range.start(), *range.end()))
    }

    fn wrong(&self, name: &str, wanted: &str) -> ToolError {
        ToolError(format!("{}: {name:?} must be {wanted}", self.tool))
    }
}

/// What a caller wrote, short enough and plain enough to be said back.
pub(super) fn shorten(text: &str) -> String {
    let mut plain: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
    if plain.len() < text.len() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(json: serde_json::Value) -> Result<Arguments, ToolError> {
        let aliases = [("q", "query")];
        Arguments::new("search", &["query", "limit"], &aliases, json.as_object().cloned())
    }

    #[test]
    fn aliases_are_understood_and_unknown_names_refused() {
        let mut given = arguments(serde_json::json!({"q": "x", "limit": "7"})).ok().unwrap();
        assert_eq!(given.text("query").ok().unwrap().as_deref(), Some("x"));
        assert_eq!(given.number("limit", 1..=20, 6).ok().unwrap(), 7);
        let refused = arguments(serde_json::json!({"colour": 1})).err().unwrap().0;
        assert_eq!(refused, "search has no argument \"colour\"; its arguments are: query, limit");
    }

    #[test]
    fn numbers_are_whole_and_in_range() {
        for (given, expected) in [
            ("20", Some(20)),
            ("1000", Some(20)),
            ("1.0", Some(1)),
            ("0", None),
            ("-1", None),
            ("1.5", None),
            ("1e400", None),
            ("[]", None),
        ] {
            let Ok(value) = serde_json::from_str(&format!("{{\"limit\": {given}}}")) else {
                continue;
            };
            let mut given_arguments = arguments(value).ok().unwrap();
            assert_eq!(given_arguments.number("limit", 1..=20, 6).ok(), expected, "{given}");
        }
    }
}
