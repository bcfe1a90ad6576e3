//! The protocol over a pipe, as a client on stdio speaks it.

use docent::mcp::{Docs, serve_pipe};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

use crate::harness::docs;

/// One client's end of the pipe.
pub(super) struct Server {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    input: WriteHalf<DuplexStream>,
    next: u64,
    /// Notices that came while something else was waited for.
    pub(super) notices: Vec<Value>,
    /// Result of `initialize`.
    pub(super) greeting: Value,
}

impl Server {
    fn start(docs: &Docs) -> Server {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let docs = docs.clone();
        tokio::spawn(async move {
            let (input, output) = tokio::io::split(theirs);
            let _ = serve_pipe(&docs, (input, output)).await;
        });
        let (output, input) = tokio::io::split(ours);
        Server {
            lines: BufReader::new(output).lines(),
            input,
            next: 0,
            notices: Vec::new(),
            greeting: Value::Null,
        }
    }

    /// Connects as clients before 2026-07-28 do.
    pub(super) async fn legacy(docs: &Docs) -> Server {
        let mut server = Server::start(docs);
        let client = json!({"name": "test", "version": "1"});
        let hello =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        server.greeting = server.request("initialize", hello).await;
        server.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        server
    }

    async fn send(&mut self, message: Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.expect("the pipe takes it");
    }

    async fn receive(&mut self) -> Value {
        let line = tokio::time::timeout(std::time::Duration::from_secs(20), self.lines.next_line());
        let line = line.await.expect("in time").expect("the pipe is whole").expect("a message");
        serde_json::from_str(&line).expect("every line is a message")
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn answer(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        loop {
            let message = self.receive().await;
            if message["id"] == id {
                return message;
            }
            self.notices.push(message);
        }
    }

    /// The result of a request that must succeed.
    pub(super) async fn request(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Waits for a notice.
    async fn notice(&mut self, method: &str) -> Value {
        loop {
            if let Some(at) = self.notices.iter().position(|notice| notice["method"] == method) {
                return self.notices.remove(at);
            }
            let message = self.receive().await;
            self.notices.push(message);
        }
    }
}

const PAGES: &[(&str, &str)] = &[
    (
        "guide/install.md",
        "---\ndescription: How to install.\n---\n# Installation\n\nGet it.\n\n## Linux\n\nUse the package.\n",
    ),
    ("ports.md", "# Ports\n\nChange the port.\n"),
    (
        "review.prompt.md",
        "---\ntitle: Review\ndescription: Reviews a change.\n---\nReview ${change} by the rules.\n",
    ),
];

#[tokio::test]
async fn both_channels_of_an_answer_are_complete() {
    let (_folder, docs) = docs(PAGES);
    let mut server = Server::legacy(&docs).await;
    let result = server
        .request("tools/call", json!({"name": "search", "arguments": {"query": "port"}}))
        .await;
    let text: Value =
        serde_json::from_str(result["content"][0]["text"].as_str().expect("text")).expect("JSON");
    assert_eq!(text, result["structuredContent"]);
    assert_eq!(result["isError"], false);
    let wrong = server
        .request("tools/call", json!({"name": "fetch", "arguments": {"id": "nope.md"}}))
        .await;
    assert_eq!(wrong["isError"], true);
    assert!(wrong["content"][0]["text"].as_str().expect("text").contains("there is no page"));
    let unknown = server.answer("tools/call", json!({"name": "nope", "arguments": {}})).await;
    assert_eq!(unknown["error"]["code"], -32602);
}

#[tokio::test]
async fn pages_are_resources() {
    let (_folder, docs) = docs(PAGES);
    let mut server = Server::legacy(&docs).await;
    let listed = server.request("resources/list", json!({})).await;
    let resources = listed["resources"].as_array().expect("resources");
    assert_eq!(resources.len(), 2, "{listed}");
    assert_eq!(resources[0]["uri"], "docs:///docs/guide/install.md");
    assert_eq!(resources[0]["title"], "Installation");
    assert_eq!(resources[0]["description"], "How to install.");
    assert_eq!(resources[0]["mimeType"], "text/markdown");
    let read = server
        .request("resources/read", json!({"uri": "docs:///docs/guide/install.md#linux"}))
        .await;
    assert_eq!(read["contents"][0]["text"], "## Linux\n\nUse the package.");
    let templates = server.request("resources/templates/list", json!({})).await;
    assert_eq!(templates["resourceTemplates"].as_array().expect("templates").len(), 2);
    for uri in [
        "docs:///docs/../../etc/passwd",
        "docs:///docs/..%2f..%2fetc/passwd",
        "file:///etc/passwd",
        "docs:////etc/passwd",
        "docs:///docs/guide/INSTALL.md",
        "docs:///docs/guide/install.md#no",
        "",
        "x\u{202e}",
    ] {
        let answer = server.answer("resources/read", json!({"uri": uri})).await;
        assert!(
            answer["error"]["message"]
                .as_str()
                .is_some_and(|m| m.starts_with("there is no such resource")),
            "{uri}: {answer}"
        );
    }
    let foreign = server.answer("resources/list", json!({"cursor": "zzz"})).await;
    assert_eq!(foreign["error"]["code"], -32602);
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let files: Vec<(String, String)> =
        (0..1500).map(|n| (format!("p{n:04}.md"), format!("# P{n}\n"))).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (_folder, docs) = docs(&files);
    let mut server = Server::legacy(&docs).await;
    let first = server.request("resources/list", json!({})).await;
    assert_eq!(first["resources"].as_array().expect("resources").len(), 1000);
    let rest = server.request("resources/list", json!({"cursor": first["nextCursor"]})).await;
    assert_eq!(rest["resources"][0]["name"], "p1000.md");
    assert_eq!(rest["resources"].as_array().expect("resources").len(), 500);
    assert!(rest["nextCursor"].is_null());
}

#[tokio::test]
async fn prompts_are_asked_and_filled_in() {
    let (_folder, docs) = docs(PAGES);
    let mut server = Server::legacy(&docs).await;
    let listed = server.request("prompts/list", json!({})).await;
    let names: Vec<_> =
        listed["prompts"].as_array().expect("prompts").iter().map(|p| p["name"].clone()).collect();
    assert_eq!(names, ["ask", "review"]);
    assert_eq!(listed["prompts"][1]["arguments"][0]["name"], "change");
    let ask = server
        .request("prompts/get", json!({"name": "ask", "arguments": {"question": "which port?"}}))
        .await;
    assert!(
        ask["messages"][0]["content"]["text"]
            .as_str()
            .expect("text")
            .ends_with("Question: which port?")
    );
    let review = server
        .request("prompts/get", json!({"name": "review", "arguments": {"change": "it"}}))
        .await;
    assert_eq!(review["messages"][0]["content"]["text"], "Review it by the rules.");
    for params in [
        json!({"name": "ask"}),
        json!({"name": "review", "arguments": {}}),
        json!({"name": "nope"}),
    ] {
        assert_eq!(server.answer("prompts/get", params).await["error"]["code"], -32602);
    }
}

#[tokio::test]
async fn template_arguments_are_completed() {
    let (_folder, docs) = docs(PAGES);
    let mut server = Server::legacy(&docs).await;
    let mut complete = async |name: &str, value: &str, context: Value| {
        let reference =
            json!({"type": "ref/resource", "uri": "docs:///{collection}/{+path}#{anchor}"});
        let params = json!({"ref": reference, "argument": {"name": name, "value": value}, "context": {"arguments": context}});
        server.request("completion/complete", params).await["completion"]["values"].clone()
    };
    assert_eq!(complete("collection", "d", json!({})).await, json!(["docs"]));
    assert_eq!(
        complete("path", "guide", json!({"collection": "docs"})).await,
        json!(["guide/install.md"])
    );
    assert_eq!(
        complete("anchor", "li", json!({"collection": "docs", "path": "guide/install.md"})).await,
        json!(["linux"])
    );
}

#[tokio::test]
async fn a_changed_file_is_announced() {
    let (mut folder, docs) = docs(PAGES);
    let mut server = Server::legacy(&docs).await;
    server.request("resources/subscribe", json!({"uri": "docs:///docs/ports.md"})).await;
    // The server begins to push once it has read that the client is ready.
    server.request("ping", json!({})).await;
    folder.write("ports.md", "# Ports\n\nAll new.\n");
    folder.write("new.md", "# New\n");
    docs.announce(folder.catch_up().changes);
    let updated = server.notice("notifications/resources/updated").await;
    assert_eq!(updated["params"]["uri"], "docs:///docs/ports.md");
    server.notice("notifications/resources/list_changed").await;
}

#[tokio::test]
async fn an_edit_that_lists_do_not_show_changes_no_list() {
    let (mut folder, docs) = docs(PAGES);
    let mut server = Server::legacy(&docs).await;
    server.request("logging/setLevel", json!({"level": "info"})).await;
    folder.write("ports.md", "# Ports\n\nAll new.\n");
    docs.announce(folder.catch_up().changes);
    assert_eq!(server.notice("notifications/message").await["params"]["data"]["pages"], 1);
    folder.write("ports.md", "# Harbours\n\nAll new.\n");
    docs.announce(folder.catch_up().changes);
    server.notice("notifications/resources/list_changed").await;
    let lists = |notice: &&Value| notice["method"] == "notifications/resources/list_changed";
    assert_eq!(server.notices.iter().filter(lists).count(), 0);
}

#[tokio::test]
async fn a_modern_client_listens_for_changes() {
    let (mut folder, docs) = docs(PAGES);
    let mut server = Server::start(&docs);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let discovered = server.request("server/discover", json!({"_meta": meta})).await;
    assert!(discovered["supportedVersions"].to_string().contains("2026-07-28"), "{discovered}");
    let wanted =
        json!({"resourcesListChanged": true, "resourceSubscriptions": ["docs:///docs/ports.md"]});
    server.send(json!({"jsonrpc": "2.0", "id": "listen", "method": "subscriptions/listen", "params": {"_meta": meta, "notifications": wanted}})).await;
    server.notice("notifications/subscriptions/acknowledged").await;
    folder.write("ports.md", "# Ports\n\nAll new.\n");
    folder.write("new.md", "# New\n");
    let changes = folder.catch_up().changes;
    // The acknowledgement is sent before the listener listens.
    while docs.listeners() == 0 {
        tokio::task::yield_now().await;
    }
    docs.announce(changes);
    server.notice("notifications/resources/list_changed").await;
    let updated = server.notice("notifications/resources/updated").await;
    assert_eq!(updated["params"]["uri"], "docs:///docs/ports.md");
    docs.close();
    loop {
        let message = server.receive().await;
        if message["id"] == "listen" {
            assert!(message["error"].is_null(), "{message}");
            break;
        }
    }
}
