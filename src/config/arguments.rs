//! The command line.

use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// Turns folders of Markdown docs into an MCP server.
#[derive(Debug, Parser)]
#[command(name = "docent", version, about, max_term_width = 100, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Settings that every command understands.
    #[command(flatten)]
    pub flags: Flags,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Index the docs, then serve them over HTTP and follow their changes
    Serve(Docs),
    /// The same server on standard input and output, for a client that starts docent itself
    Stdio(Docs),
    /// Only build the index
    Index(IndexArguments),
    /// Show what an assistant would get for a question
    Search(SearchArguments),
    /// Measure answers on a file of questions; fails under a floor, for CI
    Eval(EvalArguments),
    /// Tell what in the docs will hurt answers: a linter for authors
    Check(CheckArguments),
    /// Add, list or remove the model for searching by meaning
    #[command(subcommand)]
    Model(ModelAction),
    /// Make, list, replace and revoke bearer keys for agents
    #[command(subcommand)]
    Key(KeyAction),
    /// Show who is signed in, and end it
    #[command(subcommand)]
    SignIn(SignInAction),
    /// Show who came to the door, from which network, and with what outcome
    Audit(AuditArguments),
    /// Show what was asked, what was not found, who calls, how fast
    Usage(UsageArguments),
    /// Print ready-to-paste configuration for MCP clients
    Connect {
        /// Client to print for; all of them without it. With registry: server.json for the MCP registry
        client: Option<String>,
        /// Docs folder that the stdio configuration names
        #[arg(long, value_name = "DOCS")]
        docs: Option<PathBuf>,
        /// With a bearer key over HTTP, also where people may sign in
        #[arg(long)]
        key: bool,
    },
    /// Show the effective settings and where each value comes from
    Config(ConfigArguments),
    /// Ask the server of these settings whether it is ready, for containers and scripts
    Health(Docs),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write a manual page for every command
    Man {
        /// Folder for the pages; made if it is not there
        folder: PathBuf,
    },
}

/// Arguments of `docent config`.
#[derive(Debug, Args)]
pub struct ConfigArguments {
    /// Docs folder; without it, docent.toml in the current folder says what to serve
    pub docs: Option<PathBuf>,
    /// Only say whether the server would take them
    #[arg(long)]
    pub check: bool,
}

/// Which docs.
#[derive(Debug, Default, Args)]
pub struct Docs {
    /// Docs folder; without it, docent.toml in the current folder says what to serve
    pub docs: Option<PathBuf>,
}

/// Arguments of `docent index`.
#[derive(Debug, Args)]
pub struct IndexArguments {
    /// Docs folder; without it, docent.toml in the current folder says what to index
    pub docs: Option<PathBuf>,
    /// Print a summary for machines instead of a progress bar
    #[arg(long)]
    pub json: bool,
    /// Then publish the index as a snapshot, for servers that follow it.
    #[arg(
        long,
        help = "Then publish the index as a snapshot, for servers that follow it: s3://bucket/prefix, gs://…, az://…, file:///folder",
        value_name = "URL"
    )]
    pub publish: Option<String>,
    /// Change nothing: look whether the index that is there is whole
    #[arg(long, conflicts_with = "publish")]
    pub check: bool,
}

/// Arguments of `docent search`.
#[derive(Debug, Args)]
pub struct SearchArguments {
    /// What to look for
    #[arg(required = true)]
    pub query: Vec<String>,
    /// Docs folder; without it, docent.toml in the current folder says what to search
    #[arg(long, value_name = "DOCS")]
    pub docs: Option<PathBuf>,
    /// Number of hits, 1 to 20
    #[arg(long)]
    pub limit: Option<u64>,
    /// Only under this folder or page
    #[arg(long)]
    pub path: Option<String>,
    /// Only this collection
    #[arg(long)]
    pub collection: Option<String>,
    /// Only collections of this version
    #[arg(long)]
    pub version: Option<String>,
    /// Only pages in this language
    #[arg(long)]
    pub language: Option<String>,
    /// Size of the whole answer in tokens, 200 to 20000
    #[arg(long)]
    pub max_tokens: Option<u64>,
    /// Print exactly the tool's structured content
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `docent eval`.
#[derive(Debug, Args)]
pub struct EvalArguments {
    /// Questions, a JSON object a line; - reads standard input
    #[arg(value_name = "FILE")]
    pub questions: PathBuf,
    /// Docs folder; without it, docent.toml in the current folder says what to ask
    #[arg(long, value_name = "DOCS")]
    pub docs: Option<PathBuf>,
    /// Only questions of this kind
    #[arg(long)]
    pub kind: Option<String>,
    /// Fail below this value: ndcg=0.7, section.hit@5=0.8, howto.mrr=0.5; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub floor: Vec<String>,
    /// Show what moved since an earlier result, as --json printed it
    #[arg(long, value_name = "OTHER.json")]
    pub compare: Option<PathBuf>,
    /// Number of questions to show: the worst, and those that moved most
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub worst: usize,
    /// Print the whole result for machines
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `docent check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Docs folder; without it, docent.toml in the current folder says what to check
    pub docs: Option<PathBuf>,
    /// Look for this only; may be repeated
    #[arg(long, value_name = "RULE")]
    pub rule: Vec<String>,
    /// Do not look for this; may be repeated
    #[arg(long, value_name = "RULE")]
    pub ignore: Vec<String>,
    /// Fail for warnings, too
    #[arg(long)]
    pub strict: bool,
    /// Print the findings for machines
    #[arg(long, conflicts_with = "sarif")]
    pub json: bool,
    /// Print the findings as SARIF 2.1.0, for code hosts
    #[arg(long)]
    pub sarif: bool,
}

/// What `docent model` does.
#[derive(Debug, Subcommand)]
pub enum ModelAction {
    /// Add a model, in place of the one that is there
    Add(AddArguments),
    /// Show the models that are known by name, and which is there
    List(Whose),
    /// Remove the model and its vectors
    Remove(Whose),
}

impl ModelAction {
    /// The docs folder that was named, if any.
    pub fn docs(&self) -> Option<&Path> {
        let (ModelAction::Add(AddArguments { whose, .. })
        | ModelAction::List(whose)
        | ModelAction::Remove(whose)) = self;
        whose.docs.as_deref()
    }
}

/// Arguments of `docent model add`.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// Name of a known model, or a folder with config.json, tokenizer.json and model.safetensors, or with tokenizer.json and model.onnx
    #[arg(value_name = "NAME|FOLDER")]
    pub model: String,
    /// Where the docs of the model are
    #[command(flatten)]
    pub whose: Whose,
    /// Address of a mirror of the hub.
    #[arg(
        long,
        help = "Address of a mirror of the hub [default: https://huggingface.co]",
        value_name = "URL"
    )]
    pub from: Option<String>,
}

/// What `docent key` does.
#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Make a key; it is shown once, on standard output
    Create {
        /// What to call it, such as the agent that will use it
        #[arg(long)]
        name: String,
        /// Keep nothing of it here: print what to put into the file that keys_file names
        #[arg(long)]
        for_file: bool,
        /// How much it may call instead of the limit in the settings, such as 600/hour
        #[arg(long, value_name = "CALLS/UNIT")]
        limit: Option<String>,
        /// The only collections that it sees, by name; without it all, also later ones
        #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
        collections: Option<Vec<String>>,
        /// The only tools that it has: search, fetch, outline, feedback; without it all
        #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
        tools: Option<Vec<String>>,
        /// When it ends
        #[command(flatten)]
        lifetime: Lifetime,
        /// Where the docs of the key are
        #[command(flatten)]
        whose: Whose,
    },
    /// Show all keys, without what would let anybody in
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
        /// Where the docs of the keys are
        #[command(flatten)]
        whose: Whose,
    },
    /// Make a key in place of another, which goes on for a while
    Rotate {
        /// The key to replace, by its id
        id: String,
        /// How long the old key goes on
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: String,
        /// When the new key ends
        #[command(flatten)]
        lifetime: Lifetime,
        /// Where the docs of the key are
        #[command(flatten)]
        whose: Whose,
    },
    /// Refuse a key from now on
    Revoke {
        /// The key, by its id
        id: String,
        /// Where the docs of the key are
        #[command(flatten)]
        whose: Whose,
    },
}

impl KeyAction {
    /// The docs folder that was named, if any.
    pub fn docs(&self) -> Option<&Path> {
        let (KeyAction::Create { whose, .. }
        | KeyAction::List { whose, .. }
        | KeyAction::Rotate { whose, .. }
        | KeyAction::Revoke { whose, .. }) = self;
        whose.docs.as_deref()
    }
}

/// When a key ends.
#[derive(Debug, Args)]
pub struct Lifetime {
    /// How long it lets in: 90d, 12h
    #[arg(long, value_name = "TIME", default_value = "365d", conflicts_with = "never")]
    pub expires: String,
    /// It lets in until it is revoked
    #[arg(long)]
    pub never: bool,
}

/// What to do with sign-ins.
#[derive(Debug, Subcommand)]
pub enum SignInAction {
    /// Show who is signed in, by keyed hashes, with which client and until when
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
        /// Where the docs of the server are
        #[command(flatten)]
        whose: Whose,
    },
    /// End sign-ins: their tokens let nobody in any more
    Revoke {
        /// Which
        #[command(flatten)]
        ended: Ended,
        /// Where the docs of the server are
        #[command(flatten)]
        whose: Whose,
    },
}

impl SignInAction {
    /// The docs folder that was named, if any.
    pub fn docs(&self) -> Option<&Path> {
        let (SignInAction::List { whose, .. } | SignInAction::Revoke { whose, .. }) = self;
        whose.docs.as_deref()
    }
}

/// Which sign-ins are ended.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Ended {
    /// All of a person, by the keyed hash that the list shows
    #[arg(long, value_name = "HASH")]
    pub person: Option<String>,
    /// All with a client, by its id; it is forgotten, too
    #[arg(long, value_name = "ID")]
    pub client: Option<String>,
    /// All; after a backup was restored, so that nothing that was ended since comes back
    #[arg(long)]
    pub all: bool,
}

/// Arguments of `docent audit`.
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// How far to look back, at most 90 days: 7d, 12h, 30m
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub since: String,
    /// Print a JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Where the docs of the server are
    #[command(flatten)]
    pub whose: Whose,
}

/// Arguments of `docent usage`.
#[derive(Debug, Args)]
pub struct UsageArguments {
    /// How far to look back: 7d, 12h, 30m
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub since: String,
    /// Write a page with charts, which needs nothing else
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Print the report for machines
    #[arg(long)]
    pub json: bool,
    /// Where the docs of the server are
    #[command(flatten)]
    pub whose: Whose,
}

/// Which data folder.
#[derive(Debug, Args)]
pub struct Whose {
    /// Docs folder; without it, docent.toml in the current folder says which data folder it is
    #[arg(long, value_name = "DOCS")]
    pub docs: Option<PathBuf>,
}

/// Settings as flags and environment variables.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// Settings file [default: docent.toml in the current folder, if there]
    #[arg(
        long,
        global = true,
        env = "DOCENT_CONFIG",
        value_name = "FILE",
        hide_env_values = true,
        value_parser = path()
    )]
    pub config: Option<PathBuf>,
    /// Folder for the index and everything docent keeps
    #[arg(
        long,
        global = true,
        env = "DOCENT_DATA_DIR",
        value_name = "DIR",
        hide_env_values = true,
        value_parser = path()
    )]
    pub data_dir: Option<PathBuf>,
    /// Redis or Valkey in which replicas share their state: redis://HOST:PORT, rediss://…, redis+cluster://…, redis+sentinel://… [default: a file in the data folder]
    #[arg(long, global = true, env = "DOCENT_STATE", value_name = "URL", hide_env_values = true)]
    pub state: Option<String>,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(
        long,
        global = true,
        env = "DOCENT_LISTEN",
        value_name = "ADDR:PORT",
        hide_env_values = true
    )]
    pub listen: Option<String>,
    /// Address under which clients reach this server.
    #[arg(
        long,
        help = "Address under which clients reach this server, such as https://docs.example.com",
        global = true,
        env = "DOCENT_PUBLIC_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub public_url: Option<String>,
    /// Who may come in: open (everybody), keys (who has a key), google (who signs in, and keys), external (who has a token of your authorization server, and keys)
    #[arg(long, global = true, env = "DOCENT_ACCESS", value_name = "MODE", hide_env_values = true)]
    pub access: Option<String>,
    /// File of hashes of keys that let in, besides those in the data folder
    #[arg(
        long,
        global = true,
        env = "DOCENT_KEYS_FILE",
        value_name = "FILE",
        hide_env_values = true,
        value_parser = path()
    )]
    pub keys_file: Option<PathBuf>,
    /// A single key that lets in, by its hash, as docent key create --for-file prints it
    #[arg(
        long,
        global = true,
        env = "DOCENT_KEY_HASH",
        value_name = "ID:HASH",
        hide_env_values = true
    )]
    pub key_hash: Option<String>,
    /// Certificate of this server with those above it, in PEM: then it speaks https
    #[arg(
        long,
        global = true,
        env = "DOCENT_TLS_CERTIFICATE",
        value_name = "FILE",
        hide_env_values = true,
        value_parser = path()
    )]
    pub tls_certificate: Option<PathBuf>,
    /// Private key of the certificate, in PEM
    #[arg(
        long,
        global = true,
        env = "DOCENT_TLS_KEY",
        value_name = "FILE",
        hide_env_values = true,
        value_parser = path()
    )]
    pub tls_key: Option<PathBuf>,
    /// Format of the log on standard error: auto, human or json
    #[arg(long, global = true, env = "DOCENT_LOG", value_name = "FORMAT", hide_env_values = true)]
    pub log: Option<String>,
    /// How changes of the docs are noticed: auto, events, poll or off
    #[arg(long, global = true, env = "DOCENT_WATCH", value_name = "MODE", hide_env_values = true)]
    pub watch: Option<String>,
    /// Serve the index snapshots that are published there, in place of docs.
    #[arg(
        long,
        help = "Serve the index snapshots that are published there, in place of docs: s3://bucket/prefix, gs://…, az://…, file:///folder",
        global = true,
        env = "DOCENT_FOLLOW",
        value_name = "URL",
        hide_env_values = true
    )]
    pub follow: Option<String>,
}

/// A path that may be empty: a variable that is set to nothing counts as unset, and clap's own
/// parser of paths refuses it.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}
