//! Ready-to-paste configuration for well-known MCP clients: text only, no file is touched.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::json;

use super::shell;
use crate::http;

/// What a client is to be pointed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// The server's name in the client, for example `docs`; rewritten where clients are strict.
    pub name: String,
    /// The HTTP endpoint, for example `http://127.0.0.1:8080/mcp`.
    pub url: String,
    /// The docent binary, as an absolute path: clients start it from folders of their own.
    pub command: String,
    /// What to pass to the binary so that it speaks MCP on stdin and stdout.
    pub args: Vec<String>,
    /// How it comes in over HTTP.
    pub entrance: Entrance,
}

/// How a client comes in over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entrance {
    /// As it is.
    Open,
    /// With a bearer key.
    Key,
    /// With a token, which it fetches itself: it opens a browser, where its user signs in.
    SignIn,
}

/// Where clients that read variables find the key: it then stands in no file.
const VARIABLE: &str = "DOCENT_KEY";
/// The header that carries it, in the form in which each client reads a variable, or with a place
/// for the key itself.
const SHELL: &str = "\"Authorization: Bearer $DOCENT_KEY\"";
const BRACES: &str = "Bearer ${DOCENT_KEY}";
const ENV: &str = "Bearer ${env:DOCENT_KEY}";
const OPENCODE: &str = "Bearer {env:DOCENT_KEY}";
const ASKED: &str = "Bearer ${input:docent-key}";
const ITSELF: &str = "Bearer dk_live_…";

/// A program that speaks MCP and that people use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Client {
    /// Claude Code, Anthropic's terminal agent.
    ClaudeCode,
    /// Claude Desktop.
    ClaudeDesktop,
    /// Claude in the browser and on phones.
    ClaudeAi,
    /// ChatGPT in the browser.
    ChatGpt,
    /// Cursor.
    Cursor,
    /// Visual Studio Code with GitHub Copilot.
    VsCode,
    /// Codex: terminal, editor extension and desktop app share one file.
    CodexCli,
    /// Gemini CLI.
    GeminiCli,
    /// Windsurf, called Devin Desktop since June 2026.
    Windsurf,
    /// Zed.
    Zed,
    /// opencode.
    Opencode,
    /// MCP Inspector, for looking at a server without an assistant.
    Inspector,
}

/// A client name that is not in [`Client::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnknownClient(String);

/// How to connect `client`, for a person to read and paste from.
pub(super) fn render(client: Client, target: &Target) -> String {
    let mut text = format!("{}\n", client.title());
    match target.entrance {
        Entrance::Key if !matches!(client, Client::ClaudeAi | Client::ChatGpt) => {
            text.push_str(&format!(
                "\nOver HTTP the server wants a key, which docent key create makes. Have it in the \
                 variable\n{VARIABLE} when the client starts; where dk_live_… stands, put the key \
                 itself.\n"
            ));
        }
        Entrance::SignIn => {
            text.push_str(
                "\nOver HTTP people sign in, and need no key: when the client connects for the first \
                 time, a\nbrowser opens.",
            );
            text.push_str(
                &begin_sign_in(client, target)
                    .map_or("\n".to_owned(), |how| format!(" If none does: {how}\n")),
            );
        }
        Entrance::Open | Entrance::Key => {}
    }
    for step in steps(client, target) {
        text.push_str(&format!("\n{}\n", step.say));
        if !step.code.is_empty() {
            text.push('\n');
        }
        for line in step.code.lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    text
}

/// How to have a client open the browser, where that is known.
fn begin_sign_in(client: Client, target: &Target) -> Option<String> {
    let name = target.slug();
    match client {
        Client::ClaudeCode => Some(format!("/mcp in a session, {name}, Authenticate.")),
        Client::ClaudeAi | Client::ClaudeDesktop | Client::ChatGpt => {
            Some("press Connect beside the name.".to_owned())
        }
        Client::Cursor => Some("Cursor Settings, Tools & MCP, Connect.".to_owned()),
        Client::VsCode => Some("the command \"MCP: List Servers\", the server, Start.".to_owned()),
        Client::CodexCli => Some(format!("codex mcp login {name}")),
        Client::GeminiCli => Some(format!("/mcp auth {} in a session.", dashed(&name))),
        Client::Opencode => Some(format!("opencode mcp auth {name}")),
        Client::Windsurf | Client::Zed | Client::Inspector => None,
    }
}

/// The one line that connects `client` over HTTP: a command, or a link to open. `None` where a
/// file or a dialog is the only way; [`render`] tells which.
pub(super) fn one_line(client: Client, target: &Target) -> Option<String> {
    let mut name = target.slug();
    let words: Vec<&str> = match client {
        Client::ClaudeCode => vec!["claude", "mcp", "add", "--transport", "http", &name],
        Client::CodexCli => vec!["codex", "mcp", "add", &name, "--url"],
        Client::GeminiCli => {
            name = dashed(&name);
            vec!["gemini", "mcp", "add", "--scope", "user", "--transport", "http", &name]
        }
        Client::Inspector => vec!["npx", INSPECTOR, "--transport", "http", "--server-url"],
        Client::Cursor => return Some(cursor_link(target)),
        // Their commands are not known to take a header.
        Client::Opencode | Client::Windsurf | Client::VsCode if target.has_key() => return None,
        Client::Opencode => vec!["opencode", "mcp", "add", &name, "--url"],
        Client::Windsurf => vec!["devin", "mcp", "add", "-s", "user", &name],
        Client::VsCode => return Some(shell::line(["code", "--add-mcp", &vscode_json(target)])),
        Client::ClaudeDesktop | Client::ClaudeAi | Client::ChatGpt | Client::Zed => return None,
    };
    let mut line = shell::line(words.into_iter().chain([target.url.as_str()]));
    match client {
        _ if !target.has_key() => {}
        Client::CodexCli => line.push_str(&format!(" --bearer-token-env-var {VARIABLE}")),
        // In double quotes: the shell puts the key in.
        _ => line.push_str(&format!(" --header {SHELL}")),
    }
    Some(line)
}

/// What whoever reads that page needs before.
pub(super) fn note(entrance: Entrance) -> Option<String> {
    (entrance == Entrance::Key).then(|| {
        format!(
            "Have your key in the variable `{VARIABLE}` when the client starts; where `dk_live_…` \
             stands, put the key itself."
        )
    })
}

/// How to connect `client` over HTTP, for a page that others read: nothing of this machine is in it.
pub(super) fn guide(client: Client, target: &Target) -> http::Guide {
    let link = match client {
        Client::Cursor => Some(cursor_link(target)),
        Client::VsCode if !target.has_key() => Some(vscode_link(target)),
        _ => None,
    };
    let mut steps: Vec<http::Step> = steps(client, target)
        .into_iter()
        // What the link does needs no step of its own.
        .filter(|step| step.transport == Transport::Http && Some(&step.code) != link.as_ref())
        .map(|Step { say, code, .. }| http::Step { say: alone(&say), code })
        .collect();
    if target.entrance == Entrance::SignIn
        && let Some(how) = begin_sign_in(client, target)
    {
        let say =
            format!("When it connects for the first time, a browser opens. If none does: {how}");
        steps.push(http::Step { say, code: String::new() });
    }
    http::Guide { title: client.title().to_owned(), link, steps }
}

/// What is said of a step where there is no other transport to tell it from.
fn alone(say: &str) -> String {
    match say.strip_prefix("Over HTTP") {
        None => say.to_owned(),
        Some(":") => "In a terminal:".to_owned(),
        Some(rest) => {
            let mut letters = rest.trim_start_matches(['.', ',', ' ']).chars();
            letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
        }
    }
}

/// Every client with its one line, or where to read on: what `docent connect` says by itself.
pub(super) fn overview(target: &Target) -> String {
    let mut text = format!("Connect a client to {}\n\n", target.url);
    for client in Client::ALL {
        let line = one_line(client, target).unwrap_or_else(|| format!("docent connect {client}"));
        text.push_str(&format!("  {:<28}{line}\n", client.title()));
    }
    text.push_str("\nMore for one of them, stdio included: docent connect CLIENT\n");
    text
}

impl Client {
    /// All of them, in the order they are listed to people.
    pub(super) const ALL: [Client; 12] = [
        Client::ClaudeCode,
        Client::ClaudeDesktop,
        Client::ClaudeAi,
        Client::ChatGpt,
        Client::Cursor,
        Client::VsCode,
        Client::CodexCli,
        Client::GeminiCli,
        Client::Windsurf,
        Client::Zed,
        Client::Opencode,
        Client::Inspector,
    ];

    /// The name to type after `docent connect`.
    pub(super) fn id(self) -> &'static str {
        self.names()[0]
    }

    /// The name its makers give it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Client::ClaudeCode => "Claude Code",
            Client::ClaudeDesktop => "Claude Desktop",
            Client::ClaudeAi => "claude.ai",
            Client::ChatGpt => "ChatGPT",
            Client::Cursor => "Cursor",
            Client::VsCode => "VS Code",
            Client::CodexCli => "Codex CLI",
            Client::GeminiCli => "Gemini CLI",
            Client::Windsurf => "Windsurf (Devin Desktop)",
            Client::Zed => "Zed",
            Client::Opencode => "opencode",
            Client::Inspector => "MCP Inspector",
        }
    }

    /// The id first, then what else people type.
    fn names(self) -> &'static [&'static str] {
        match self {
            Client::ClaudeCode => &["claude-code", "claude", "cc"],
            Client::ClaudeDesktop => &["claude-desktop", "desktop"],
            Client::ClaudeAi => &["claude-ai", "claude-web"],
            Client::ChatGpt => &["chatgpt", "chat-gpt", "openai"],
            Client::Cursor => &["cursor"],
            Client::VsCode => &["vscode", "vs-code", "code", "copilot"],
            Client::CodexCli => &["codex-cli", "codex"],
            Client::GeminiCli => &["gemini-cli", "gemini"],
            Client::Windsurf => &["windsurf", "devin", "devin-desktop"],
            Client::Zed => &["zed"],
            Client::Opencode => &["opencode", "open-code"],
            Client::Inspector => &["inspector", "mcp-inspector"],
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl FromStr for Client {
    type Err = UnknownClient;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = text.trim().to_lowercase().replace([' ', '_', '.'], "-");
        Client::ALL
            .into_iter()
            .find(|client| client.names().contains(&wanted.as_str()))
            .ok_or_else(|| UnknownClient(text.to_owned()))
    }
}

impl fmt::Display for UnknownClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> = Client::ALL.iter().map(|client| client.id()).collect();
        write!(f, "unknown client {:?}, expected one of: {}", self.0, known.join(", "))
    }
}

impl std::error::Error for UnknownClient {}

impl Target {
    /// The name as every client takes it. Claude Code refuses anything but letters, digits, `-`
    /// and `_`; models see `mcp__NAME__search`, of which providers allow 64 characters.
    fn slug(&self) -> String {
        let mut slug = String::new();
        for c in self.name.chars() {
            match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => slug.push(c),
                _ if slug.is_empty() || slug.ends_with('-') => {}
                _ => slug.push('-'),
            }
        }
        slug.truncate(40);
        let slug = slug.trim_matches('-');
        if slug.is_empty() { "docs".to_owned() } else { slug.to_owned() }
    }

    fn has_key(&self) -> bool {
        self.entrance == Entrance::Key
    }

    fn stdio(&self) -> Entry<'_> {
        Entry {
            command: Some(Command::Program(&self.command)),
            args: Some(&self.args),
            ..Entry::default()
        }
    }

    /// Over HTTP, with this header if the server wants a key.
    fn http(&self, bearer: &'static str) -> Entry<'_> {
        Entry { url: Some(&self.url), headers: self.headers(bearer), ..Entry::default() }
    }

    fn headers(&self, bearer: &'static str) -> Option<Headers> {
        self.has_key().then(|| BTreeMap::from([("Authorization", bearer)]))
    }
}

/// Something to do, and what to paste while doing it (may be empty).
struct Step {
    say: String,
    code: String,
    transport: Transport,
}

/// Which way of connecting a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    /// The server runs by itself.
    Http,
    /// The client starts the server, on this machine.
    Stdio,
}

/// One server in some client's file: every key a client here reads, in reading order.
#[derive(Serialize, Default)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Command<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(rename = "httpUrl", skip_serializing_if = "Option::is_none")]
    http_url: Option<&'a str>,
    #[serde(rename = "serverUrl", skip_serializing_if = "Option::is_none")]
    server_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bearer_token_env_var: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Headers>,
}

type Headers = BTreeMap<&'static str, &'static str>;

/// A program with its arguments beside it, or, for opencode, the whole line in one list.
#[derive(Serialize)]
#[serde(untagged)]
enum Command<'a> {
    Program(&'a str),
    Line(Vec<&'a str>),
}

/// Without `-y`: `npx` asks before it installs, and people should see that question once.
const INSPECTOR: &str = "@modelcontextprotocol/inspector";

fn steps(client: Client, target: &Target) -> Vec<Step> {
    match client {
        Client::ClaudeCode => claude_code(target),
        Client::ClaudeDesktop => claude_desktop(target),
        Client::ClaudeAi => claude_ai(target),
        Client::ChatGpt => chatgpt(target),
        Client::Cursor => cursor(target),
        Client::VsCode => vscode(target),
        Client::CodexCli => codex(target),
        Client::GeminiCli => gemini(target),
        Client::Windsurf => windsurf(target),
        Client::Zed => zed(target),
        Client::Opencode => opencode(target),
        Client::Inspector => inspector(target),
    }
}

fn claude_code(target: &Target) -> Vec<Step> {
    let name = target.slug();
    let typed = Entry { r#type: Some("http"), ..target.http(BRACES) };
    let stdio = ["claude", "mcp", "add", &name, "--", &target.command];
    vec![
        run(
            "Over HTTP. Add --scope user for all your projects:",
            one_line(Client::ClaudeCode, target),
        ),
        Step::new(
            "Or share it with a project: .mcp.json in its top folder.",
            named("mcpServers", &name, typed),
        ),
        Step::stdio(
            "Over stdio:",
            shell::line(stdio.into_iter().chain(target.args.iter().map(String::as_str))),
        ),
        Step::say("Check with `claude mcp list`, or /mcp in a session."),
    ]
}

fn claude_desktop(target: &Target) -> Vec<Step> {
    let mut steps = vec![
        Step::stdio(
            "Over stdio. Settings > Developer > Edit Config opens claude_desktop_config.json:\n\
             macOS    ~/Library/Application Support/Claude/claude_desktop_config.json\n\
             Windows  %APPDATA%\\Claude\\claude_desktop_config.json\n\
             Linux    ~/.config/Claude/claude_desktop_config.json",
            named("mcpServers", &target.slug(), target.stdio()),
        ),
        Step::stdio("Quit Claude Desktop completely and start it again.", String::new()),
    ];
    steps.push(connector(target, "Over HTTP. Customize > Connectors > + > Add custom connector."));
    steps
}

fn claude_ai(target: &Target) -> Vec<Step> {
    vec![
        connector(target, "Customize > Connectors > + > Add custom connector."),
        Step::say(
            "In Team and Enterprise plans an owner adds it first, under Organization settings > \
             Connectors.\nThen switch it on in a chat: + > Connectors.",
        ),
    ]
}

fn chatgpt(target: &Target) -> Vec<Step> {
    let authentication = match target.entrance {
        Entrance::SignIn => "OAuth",
        Entrance::Open | Entrance::Key => "No authentication",
    };
    let say = format!(
        "https://chatgpt.com/plugins > + > Add custom MCP server. Authentication: {authentication}."
    );
    vec![
        connector(target, &say),
        Step::say(
            "Accounts without the Plugins page: Settings > Apps > Advanced settings > Developer \
             mode, then Create app.",
        ),
    ]
}

fn cursor(target: &Target) -> Vec<Step> {
    let name = target.slug();
    vec![
        run("Over HTTP. Open this link:", one_line(Client::Cursor, target)),
        Step::new(
            "Or put it in a file: ~/.cursor/mcp.json for all projects, .cursor/mcp.json for one.",
            named("mcpServers", &name, target.http(ENV)),
        ),
        Step::stdio("Over stdio, in the same file:", named("mcpServers", &name, target.stdio())),
    ]
}

fn vscode(target: &Target) -> Vec<Step> {
    let name = target.slug();
    let http = Entry { r#type: Some("http"), ..target.http(ASKED) };
    let stdio = Entry { r#type: Some("stdio"), ..target.stdio() };
    let mut steps = Vec::new();
    if !target.has_key() {
        let link = vscode_link(target);
        steps.push(run("Over HTTP:", one_line(Client::VsCode, target)));
        steps.push(Step::new(
            "Or open this link (the way to go in cmd.exe, which quotes differently):",
            link,
        ));
    }
    steps.extend([
        Step::new(
            "Over HTTP, in a file: .vscode/mcp.json for a project; for yourself, the command\n\
             \"MCP: Open User Configuration\". The key is \"servers\".",
            named("servers", &name, http),
        ),
        Step::stdio("Over stdio, in the same file:", named("servers", &name, stdio)),
        Step::say("The tools are there in Agent mode."),
    ]);
    if target.has_key() {
        let inputs = json!({"inputs": [{
            "type": "promptString",
            "id": "docent-key",
            "description": "Key of the docent server",
            "password": true,
        }]});
        let say = "Beside \"servers\", so that VS Code asks for the key once and keeps it:";
        steps.insert(1, Step::new(say, pretty(&inputs)));
    }
    steps
}

fn codex(target: &Target) -> Vec<Step> {
    let name = target.slug();
    let http = Entry {
        url: Some(&target.url),
        bearer_token_env_var: target.has_key().then_some(VARIABLE),
        ..Entry::default()
    };
    vec![
        run("Over HTTP:", one_line(Client::CodexCli, target)),
        Step::new(
            "Or in ~/.codex/config.toml (a trusted project may have .codex/config.toml).",
            toml_table(&name, http),
        ),
        Step::stdio("Over stdio, in the same file:", toml_table(&name, target.stdio())),
        Step::say("The terminal, the editor extension and the desktop app read the same file."),
    ]
}

fn gemini(target: &Target) -> Vec<Step> {
    let name = dashed(&target.slug());
    let http =
        Entry { http_url: Some(&target.url), headers: target.headers(BRACES), ..Entry::default() };
    vec![
        run("Over HTTP:", one_line(Client::GeminiCli, target)),
        Step::new(
            "Or in a file: ~/.gemini/settings.json for you, .gemini/settings.json for a project.\n\
             Every version reads \"httpUrl\"; older ones take \"url\" for SSE.",
            named("mcpServers", &name, http),
        ),
        Step::stdio("Over stdio, in the same file:", named("mcpServers", &name, target.stdio())),
        Step::say(
            "Check with `gemini mcp list`, or /mcp in a session. In folders that are not trusted, \
             servers are off.",
        ),
    ]
}

fn windsurf(target: &Target) -> Vec<Step> {
    let name = target.slug();
    let http = Entry { transport: Some("http"), ..target.http(ITSELF) };
    let old =
        Entry { server_url: Some(&target.url), headers: target.headers(ENV), ..Entry::default() };
    let line = one_line(Client::Windsurf, target);
    let line = line.map(|line| run("Over HTTP, where the Devin CLI is installed:", Some(line)));
    let files = [
        Step::new(
            "Over HTTP, in Devin Desktop (the name since June 2026):\n\
             macOS, Linux  ~/.config/devin/mcp_config.json\n\
             Windows       %APPDATA%\\devin\\mcp_config.json",
            named("mcpServers", &name, http),
        ),
        Step::new(
            "Over HTTP, in Windsurf: ~/.codeium/windsurf/mcp_config.json, with \"serverUrl\".",
            named("mcpServers", &name, old),
        ),
        Step::stdio("Over stdio, in either file:", named("mcpServers", &name, target.stdio())),
    ];
    line.into_iter().chain(files).collect()
}

fn zed(target: &Target) -> Vec<Step> {
    let name = target.slug();
    vec![
        Step::new(
            "Over HTTP. The command \"zed: open settings file\" opens settings.json:\n\
             macOS, Linux  ~/.config/zed/settings.json\n\
             Windows       %APPDATA%\\Zed\\settings.json",
            named("context_servers", &name, target.http(ITSELF)),
        ),
        Step::stdio(
            "Over stdio, in the same file:",
            named("context_servers", &name, target.stdio()),
        ),
    ]
}

fn opencode(target: &Target) -> Vec<Step> {
    let name = target.slug();
    let remote = || Entry { r#type: Some("remote"), ..target.http(OPENCODE) };
    let mut line = vec![target.command.as_str()];
    line.extend(target.args.iter().map(String::as_str));
    let local =
        Entry { r#type: Some("local"), command: Some(Command::Line(line)), ..Entry::default() };
    let line = one_line(Client::Opencode, target).map(|line| run("Over HTTP:", Some(line)));
    let files = [
        Step::new(
            "Over HTTP, in opencode.json (a project's, or ~/.config/opencode/opencode.json).",
            servers(&name, remote()),
        ),
        Step::new(
            "Before opencode 1.18 there is no \"servers\" level:",
            named("mcp", &name, remote()),
        ),
        Step::stdio("Over stdio, in the same file:", servers(&name, local)),
    ];
    line.into_iter().chain(files).collect()
}

fn inspector(target: &Target) -> Vec<Step> {
    let name = target.slug();
    let list = ["--cli", target.url.as_str(), "--transport", "http", "--method", "tools/list"];
    let stdio = ["--cli", "--config", "mcp.json", "--server", &name, "--method", "tools/list"];
    let npx = ["npx", INSPECTOR];
    let mut in_terminal = shell::line(npx.into_iter().chain(list));
    if target.has_key() {
        in_terminal.push_str(&format!(" --header {SHELL}"));
    }
    vec![
        run("Over HTTP, in a browser (Node 22 or newer):", one_line(Client::Inspector, target)),
        Step::new("Over HTTP, in a terminal:", in_terminal),
        Step::stdio(
            "Over stdio, save this as mcp.json",
            named("mcpServers", &name, target.stdio()),
        ),
        Step::stdio("and run:", shell::line(npx.into_iter().chain(stdio))),
    ]
}

/// What to type into a vendor's dialog; their servers, not this machine, open the connection.
fn connector(target: &Target, say: &str) -> Step {
    let fields = format!("Name  {}\nURL   {}", target.slug(), target.url);
    if target.has_key() {
        let say = format!(
            "{say}\nIt can send no key, so it cannot connect to this server, unless people may sign in."
        );
        return Step::new(say, String::new());
    }
    if is_public(&target.url) {
        return Step::new(say, fields);
    }
    Step::new(
        format!(
            "{say}\nIts servers fetch this address from the internet, so it must be a public https \
             URL; the one below is not.\nPut docent behind one and start it with \
             --public-url https://YOUR.HOST first."
        ),
        fields,
    )
}

impl Step {
    fn new(say: impl Into<String>, code: String) -> Step {
        Step { say: say.into(), code, transport: Transport::Http }
    }

    fn stdio(say: &str, code: String) -> Step {
        Step { transport: Transport::Stdio, ..Step::new(say, code) }
    }

    fn say(say: &str) -> Step {
        Step::new(say, String::new())
    }
}

fn run(say: &str, line: Option<String>) -> Step {
    Step::new(say, line.unwrap_or_default())
}

/// What `code --add-mcp` and the link take: the file's entry with the name inside.
fn vscode_json(target: &Target) -> String {
    compact(&Entry { name: Some(&target.slug()), r#type: Some("http"), ..target.http(ASKED) })
}

/// VS Code takes the same behind its own scheme.
fn vscode_link(target: &Target) -> String {
    format!("vscode:mcp/install?{}", percent(&vscode_json(target)))
}

/// Cursor takes the server's entry as base64 of JSON, and the base64 percent-encoded.
fn cursor_link(target: &Target) -> String {
    let config = percent(&STANDARD.encode(compact(&target.http(ENV))));
    format!(
        "cursor://anysphere.cursor-deeplink/mcp/install?name={}&config={config}",
        percent(&target.slug())
    )
}

/// Gemini CLI splits `server_tool` names at underscores.
fn dashed(name: &str) -> String {
    name.replace('_', "-")
}

fn named(key: &str, name: &str, entry: Entry<'_>) -> String {
    pretty(&BTreeMap::from([(key, BTreeMap::from([(name, entry)]))]))
}

fn servers(name: &str, entry: Entry<'_>) -> String {
    let servers = BTreeMap::from([("servers", BTreeMap::from([(name, entry)]))]);
    pretty(&BTreeMap::from([("mcp", servers)]))
}

fn toml_table(name: &str, entry: Entry<'_>) -> String {
    let tables = BTreeMap::from([("mcp_servers", BTreeMap::from([(name, entry)]))]);
    toml::to_string(&tables).expect("maps of strings are always TOML")
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("maps of strings are always JSON")
}

fn compact(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("maps of strings are always JSON")
}

/// As a query component: only what RFC 3986 calls unreserved stays.
fn percent(text: &str) -> String {
    const RESERVED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Whether a vendor's servers could open `url`: https, and no address of a private network.
fn is_public(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified())
        }
        Ok(IpAddr::V6(ip)) => !(ip.is_loopback() || ip.is_unspecified()),
        Err(_) => host.contains('.') && !host.ends_with(".local"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target {
            name: "docs".into(),
            url: "http://127.0.0.1:8080/mcp".into(),
            command: "/opt/docent".into(),
            args: vec!["stdio".into(), "/srv/my docs".into()],
            entrance: Entrance::Open,
        }
    }

    /// A name and paths that break whatever pastes them in unquoted.
    fn hostile() -> Target {
        Target {
            name: "it's \"my\" docs]\n[evil]; $(rm -rf .) `x`".into(),
            url: "https://docs.example.com/mcp?a='b'&c=\"d\"".into(),
            command: r"C:\Program Files\docent\docent.exe".into(),
            args: vec!["stdio".into(), r#"D:\it's "docs""#.into()],
            entrance: Entrance::Open,
        }
    }

    fn codes(client: Client, target: &Target) -> Vec<String> {
        steps(client, target).into_iter().map(|step| step.code).collect()
    }

    fn strings(value: &serde_json::Value, out: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) => out.push(text.clone()),
            serde_json::Value::Array(all) => all.iter().for_each(|v| strings(v, out)),
            serde_json::Value::Object(all) => all.values().for_each(|v| strings(v, out)),
            _ => {}
        }
    }

    #[test]
    fn every_block_parses_back_and_holds_the_address_or_the_command() {
        for target in [target(), hostile()] {
            let mut blocks = 0;
            for client in Client::ALL {
                for code in codes(client, &target) {
                    let value: serde_json::Value = if code.starts_with('{') {
                        serde_json::from_str(&code).unwrap()
                    } else if code.starts_with('[') {
                        toml::from_str(&code).unwrap()
                    } else {
                        continue;
                    };
                    blocks += 1;
                    let mut found = Vec::new();
                    strings(&value, &mut found);
                    let stdio = found.contains(&target.command)
                        && target.args.iter().all(|arg| found.contains(arg));
                    assert!(found.contains(&target.url) || stdio, "{client}: {code}");
                }
            }
            assert_eq!(blocks, 19);
        }
    }

    #[test]
    fn each_client_reads_its_own_keys() {
        let target = target();
        let at = |client, index: usize, pointer: &str| {
            let value: serde_json::Value =
                serde_json::from_str(&codes(client, &target)[index]).unwrap();
            value.pointer(pointer).and_then(|v| v.as_str()).map(str::to_owned)
        };
        let url = Some(target.url.clone());
        assert_eq!(at(Client::ClaudeCode, 1, "/mcpServers/docs/url"), url);
        assert_eq!(at(Client::ClaudeCode, 1, "/mcpServers/docs/type"), Some("http".into()));
        assert_eq!(at(Client::Cursor, 1, "/mcpServers/docs/url"), url);
        assert_eq!(at(Client::VsCode, 2, "/servers/docs/url"), url);
        assert_eq!(at(Client::VsCode, 2, "/servers/docs/type"), Some("http".into()));
        assert_eq!(at(Client::GeminiCli, 1, "/mcpServers/docs/httpUrl"), url);
        assert_eq!(at(Client::Windsurf, 1, "/mcpServers/docs/url"), url);
        assert_eq!(at(Client::Windsurf, 2, "/mcpServers/docs/serverUrl"), url);
        assert_eq!(at(Client::Zed, 0, "/context_servers/docs/url"), url);
        assert_eq!(at(Client::Opencode, 1, "/mcp/servers/docs/url"), url);
        assert_eq!(at(Client::Opencode, 2, "/mcp/docs/url"), url);
        assert_eq!(at(Client::Opencode, 3, "/mcp/servers/docs/command/1"), Some("stdio".into()));
        assert_eq!(at(Client::ClaudeDesktop, 0, "/mcpServers/docs/args/0"), Some("stdio".into()));
        let codex: toml::Table = toml::from_str(&codes(Client::CodexCli, &target)[1]).unwrap();
        assert_eq!(codex["mcp_servers"]["docs"]["url"].as_str(), Some(target.url.as_str()));
    }

    #[test]
    fn one_lines_are_what_the_clients_document() {
        let line = |client| one_line(client, &target()).unwrap();
        let url = "http://127.0.0.1:8080/mcp";
        assert_eq!(line(Client::ClaudeCode), format!("claude mcp add --transport http docs {url}"));
        assert_eq!(line(Client::CodexCli), format!("codex mcp add docs --url {url}"));
        assert_eq!(
            line(Client::GeminiCli),
            format!("gemini mcp add --scope user --transport http docs {url}")
        );
        assert_eq!(line(Client::Opencode), format!("opencode mcp add docs --url {url}"));
        assert_eq!(
            line(Client::VsCode),
            format!(r#"code --add-mcp '{{"name":"docs","type":"http","url":"{url}"}}'"#)
        );
        assert_eq!(one_line(Client::ChatGpt, &target()), None);
    }

    #[test]
    fn a_key_is_sent_in_the_way_of_each_client_and_stands_in_no_entry() {
        let keyed = Target { entrance: Entrance::Key, ..target() };
        let url = &keyed.url;
        let header = r#"--header "Authorization: Bearer $DOCENT_KEY""#;
        for (client, line) in [
            (Client::ClaudeCode, format!("claude mcp add --transport http docs {url} {header}")),
            (
                Client::CodexCli,
                format!("codex mcp add docs --url {url} --bearer-token-env-var DOCENT_KEY"),
            ),
            (
                Client::GeminiCli,
                format!("gemini mcp add --scope user --transport http docs {url} {header}"),
            ),
        ] {
            assert_eq!(one_line(client, &keyed).as_ref(), Some(&line));
        }
        let bearer = |client, index: usize, pointer: &str| {
            let value: serde_json::Value =
                serde_json::from_str(&codes(client, &keyed)[index]).unwrap();
            let bearer = value.pointer(&format!("{pointer}/docs/headers/Authorization"));
            bearer.unwrap().as_str().unwrap().to_owned()
        };
        assert_eq!(bearer(Client::ClaudeCode, 1, "/mcpServers"), "Bearer ${DOCENT_KEY}");
        assert_eq!(bearer(Client::Cursor, 1, "/mcpServers"), "Bearer ${env:DOCENT_KEY}");
        assert_eq!(bearer(Client::VsCode, 0, "/servers"), "Bearer ${input:docent-key}");
        assert_eq!(bearer(Client::GeminiCli, 1, "/mcpServers"), "Bearer ${DOCENT_KEY}");
        assert_eq!(bearer(Client::Windsurf, 0, "/mcpServers"), "Bearer dk_live_…");
        assert_eq!(bearer(Client::Windsurf, 1, "/mcpServers"), "Bearer ${env:DOCENT_KEY}");
        assert_eq!(bearer(Client::Zed, 0, "/context_servers"), "Bearer dk_live_…");
        assert_eq!(bearer(Client::Opencode, 0, "/mcp/servers"), "Bearer {env:DOCENT_KEY}");
        assert!(codes(Client::VsCode, &keyed)[1].contains("promptString"));
        assert!(
            codes(Client::CodexCli, &keyed)[1].contains("bearer_token_env_var = \"DOCENT_KEY\"")
        );
        for client in Client::ALL {
            let text = render(client, &keyed);
            // Whoever can send none is not given an entry that cannot work.
            let sends = text.contains("Bearer") || text.contains("DOCENT_KEY\n");
            assert!(sends || text.contains("It can send no key"), "{text}");
            assert!(!render(client, &target()).contains("DOCENT_KEY"));
        }
    }

    #[test]
    fn who_signs_in_needs_no_key_and_is_told_of_the_browser() {
        let public = Target { url: "https://docs.example.com/mcp".into(), ..target() };
        let signed_in = Target { entrance: Entrance::SignIn, ..public.clone() };
        for client in Client::ALL {
            let text = render(client, &signed_in);
            assert!(text.contains("browser opens"), "{text}");
            assert!(!text.contains("DOCENT_KEY") && !text.contains("Bearer"), "{text}");
            // What is pasted is the same as for a server that is open to everybody.
            assert_eq!(codes(client, &signed_in), codes(client, &public), "{client}");
            assert_eq!(one_line(client, &signed_in), one_line(client, &public), "{client}");
        }
        assert!(render(Client::CodexCli, &signed_in).contains("codex mcp login docs\n"));
        assert!(render(Client::ChatGpt, &signed_in).contains("Authentication: OAuth."));
    }

    #[test]
    fn what_others_read_has_nothing_of_this_machine() {
        for entrance in [Entrance::Open, Entrance::Key, Entrance::SignIn] {
            let target = Target { entrance, ..target() };
            for client in Client::ALL {
                let guide = guide(client, &target);
                assert!(!guide.steps.is_empty(), "{client}");
                let text = format!("{guide:?}");
                for own in ["/opt/docent", "/srv/my docs", "stdio", "Over HTTP"] {
                    assert!(!text.contains(own), "{client}: {text}");
                }
                let told = text.contains(&target.url) || text.contains("It can send no key");
                assert!(told || guide.link.is_some(), "{client}: {text}");
            }
        }
        let links = |target: &Target| {
            let guides = Client::ALL.map(|client| guide(client, target));
            guides.map(|it| it.link).into_iter().flatten().collect::<Vec<_>>()
        };
        let open = links(&target());
        assert!(open[0].starts_with("cursor://") && open[1].starts_with("vscode:mcp/install?"));
        // VS Code asks for a key in a file only.
        assert_eq!(links(&Target { entrance: Entrance::Key, ..target() }).len(), 1);
    }

    #[test]
    fn the_cursor_link_unpacks_to_the_entry() {
        let link = one_line(Client::Cursor, &hostile()).unwrap();
        let (_, config) = link.split_once("&config=").unwrap();
        let base64 = percent_encoding::percent_decode_str(config).decode_utf8().unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&STANDARD.decode(base64.as_bytes()).unwrap()).unwrap();
        assert_eq!(json["url"], hostile().url);
    }

    #[test]
    fn names_are_reduced_to_what_the_strictest_client_takes() {
        let slug = |name: &str| Target { name: name.into(), ..target() }.slug();
        assert_eq!(slug("docs"), "docs");
        assert_eq!(slug("My Docs 2.0"), "My-Docs-2-0");
        assert_eq!(slug("--scope user"), "scope-user");
        assert_eq!(slug(&hostile().name), "it-s-my-docs-evil-rm-rf-x");
        assert_eq!(slug("文档"), "docs");
        assert_eq!(slug(""), "docs");
        assert_eq!(slug(&"x".repeat(99)).len(), 40);
        assert!(
            render(Client::GeminiCli, &Target { name: "a_b".into(), ..target() }).contains("a-b")
        );
    }

    #[test]
    fn hostile_words_are_quoted_for_the_shell() {
        let line = one_line(Client::ClaudeCode, &hostile()).unwrap();
        assert!(line.ends_with(r#"'https://docs.example.com/mcp?a='\''b'\''&c="d"'"#), "{line}");
    }

    #[test]
    fn client_names_round_trip_and_unknown_ones_list_the_known() {
        for client in Client::ALL {
            assert_eq!(client.to_string().parse(), Ok(client));
            assert_eq!(client.names().iter().filter_map(|n| n.parse().ok()).next(), Some(client));
        }
        assert_eq!("Claude Code".parse(), Ok(Client::ClaudeCode));
        assert_eq!("claude.ai".parse(), Ok(Client::ClaudeAi));
        assert_eq!("VS_Code".parse(), Ok(Client::VsCode));
        let error = "emacs".parse::<Client>().unwrap_err().to_string();
        assert!(error.starts_with("unknown client \"emacs\", expected one of: claude-code, "));
    }

    #[test]
    fn vendors_that_call_from_outside_are_told_when_they_cannot() {
        for client in [Client::ClaudeAi, Client::ChatGpt, Client::ClaudeDesktop] {
            assert!(render(client, &target()).contains("--public-url"), "{client}");
            assert!(!render(client, &hostile()).contains("--public-url"), "{client}");
        }
        for private in ["https://localhost/mcp", "https://10.0.0.1/mcp", "https://[::1]:8080/mcp"] {
            assert!(!is_public(private), "{private}");
        }
        assert!(is_public("https://docs.example.com:8443/mcp"));
    }

    #[test]
    fn the_overview_names_every_client() {
        let text = overview(&target());
        assert!(Client::ALL.iter().all(|client| text.contains(client.title())), "{text}");
    }
}
