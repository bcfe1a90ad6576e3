//! What a call was and what came of it, for the owner of the docs. Whoever observes is told when the
//! answer is made; nothing of it is shown to callers.

use std::sync::Arc;
use std::time::Duration;

use super::links::Target;
use super::server::Docs;

/// Who is calling, as far as the owner of the docs is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// What kind of caller it is.
    pub kind: CallerKind,
    /// The name of a key, or the keyed hash of a person.
    pub who: Option<String>,
    /// The program, by its own word.
    pub client: Option<Client>,
}

/// Kinds of callers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// Nobody asked who it is.
    #[default]
    Anonymous,
    /// Whoever started docent, on its standard input.
    Local,
    /// The bearer of a key.
    Key,
    /// A person who signed in.
    User,
}

impl CallerKind {
    /// The name that is kept and printed.
    pub fn name(self) -> &'static str {
        match self {
            CallerKind::Anonymous => "anonymous",
            CallerKind::Local => "local",
            CallerKind::Key => "key",
            CallerKind::User => "user",
        }
    }
}

/// A program that speaks MCP (`clientInfo`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Client {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Longest name and version of a client that is kept, in characters.
const LONGEST: usize = 64;

impl Client {
    /// A client with as much of its own words as is kept: a line, and not a long one.
    pub fn new(name: &str, version: &str) -> Option<Client> {
        let kept =
            |text: &str| text.chars().filter(|c| !c.is_control()).take(LONGEST).collect::<String>();
        let (name, version) = (kept(name), kept(version));
        (!name.trim().is_empty()).then_some(Client { name, version })
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// With an answer.
    #[default]
    Ok,
    /// With an error that the model reads.
    Error,
    /// It was refused, because a limit of this kind was used up.
    Limited(&'static str),
}

/// A call, and what came of it.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Name of the tool; [`RESOURCE`] for a resource; empty where nobody looked.
    pub tool: &'static str,
    /// Who called.
    pub caller: Arc<Caller>,
    /// How it ended.
    pub outcome: Outcome,
    /// The question; of a page that is not there, what it was asked for by.
    pub query: Option<String>,
    /// The collection that was asked, or the one of the best hit.
    pub collection: Option<String>,
    /// Hits, of a search.
    pub results: Option<usize>,
    /// Share of the question, by rarity of its words, that the best hit by score holds: 0 to 1.
    pub coverage: Option<f32>,
    /// Ids of the pages and sections in the answer, best first.
    pub ids: Vec<String>,
    /// Words that the docs do not have, and what they were taken for.
    pub corrected: Vec<(String, String)>,
    /// Estimated tokens of the answer.
    pub tokens: usize,
    /// From the call to the answer, waiting for its turn included.
    pub elapsed: Duration,
}

impl Account {
    /// A page or section was found, and is read.
    pub(super) fn read(&mut self, docs: &Docs, Target { collection, path, anchor }: &Target) {
        self.query = None;
        self.collection = Some(collection.clone());
        self.ids = vec![docs.links().id(collection, path, anchor)];
    }
}

/// What a resource that is read is called among the tools.
pub const RESOURCE: &str = "resource";

/// What an agent says of a page.
#[derive(Debug, Clone)]
pub struct Feedback {
    /// Who says it.
    pub caller: Arc<Caller>,
    /// Id of the page or section; none where one is missing.
    pub page: Option<String>,
    /// What is wrong.
    pub problem: &'static str,
    /// A sentence.
    pub comment: String,
}

/// Is told of every call. Must not wait: it is on the way to the answer.
pub trait Observer: Send + Sync {
    /// A call ended.
    fn called(&self, account: Account);
    /// An agent said something of a page.
    fn feedback(&self, feedback: Feedback);
}
