//! O: what clients say of themselves at an address of their own, which a stranger names.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use docent::outward::guarded_agent;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::people::{BACK, Browser, House, ORIGIN, authorize};

/// How an address answers: all at once, a byte at a time, or without end.
#[derive(Clone)]
enum Reply {
    Whole(Vec<u8>),
    Slow(Vec<u8>),
    Endless,
}

/// A server of documents, over TLS, on this machine.
struct Documents {
    address: SocketAddr,
    root: Vec<u8>,
    replies: Arc<Mutex<HashMap<String, Reply>>>,
    /// Requests that came.
    asked: Arc<AtomicUsize>,
}

impl Documents {
    async fn start() -> Documents {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("a certificate");
        let root = certificate.der().to_vec();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("a certificate");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let documents = Documents {
            address: listener.local_addr().expect("an address"),
            root,
            replies: Arc::default(),
            asked: Arc::default(),
        };
        let (replies, asked) = (documents.replies.clone(), documents.asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, replies) = (acceptor.clone(), replies.clone());
                let asked = asked.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = vec![0; 8192];
                    let length = stream.read(&mut head).await.unwrap_or(0);
                    asked.fetch_add(1, Ordering::Relaxed);
                    let head = String::from_utf8_lossy(&head[..length]).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let reply =
                        replies.lock().unwrap_or_else(PoisonError::into_inner).get(&path).cloned();
                    match reply.unwrap_or_else(|| Reply::Whole(status("404 Not Found", "", b""))) {
                        Reply::Whole(bytes) => drop(stream.write_all(&bytes).await),
                        Reply::Slow(bytes) => {
                            let mut pace = tokio::time::interval(Duration::from_millis(200));
                            for byte in bytes {
                                pace.tick().await;
                                if stream.write_all(&[byte]).await.is_err() {
                                    return;
                                }
                                let _ = stream.flush().await;
                            }
                        }
                        Reply::Endless => {
                            let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
                            let _ = stream.write_all(head).await;
                            while stream.write_all(&[b' '; 4096]).await.is_ok() {}
                        }
                    }
                    let _ = stream.shutdown().await;
                });
            }
        });
        documents
    }

    /// A server that fetches documents from here, and waits a second for each.
    async fn house(&self) -> House {
        let here = |address: IpAddr| address.is_loopback();
        let roots = std::slice::from_ref(&self.root);
        House::fetching(Some(guarded_agent(Duration::from_secs(1), Arc::new(here), roots))).await
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    fn reply(&self, path: &str, reply: Reply) {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), reply);
    }

    /// Serves a document at a path; its address.
    fn serve(&self, path: &str, change: impl FnOnce(&mut Value)) -> String {
        let id = self.url(path);
        let mut document = json!({ "client_id": id, "client_name": "A documented app",
            "redirect_uris": [BACK], "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"], "token_endpoint_auth_method": "none" });
        change(&mut document);
        self.reply(path, Reply::Whole(ok(&document.to_string())));
        id
    }
}

fn status(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn ok(body: &str) -> Vec<u8> {
    status("200 OK", "Content-Type: application/json\r\n", body.as_bytes())
}

/// A port on which somebody listens in clear and nobody should come.
fn trap() -> (std::net::TcpListener, u16) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("it can be");
    let port = listener.local_addr().expect("an address").port();
    (listener, port)
}

#[tokio::test]
async fn o34_nothing_is_fetched_from_where_a_stranger_should_not_reach() {
    let house = House::new().await;
    let (listener, port) = trap();
    let mut said = std::collections::BTreeSet::new();
    for (at, id) in [
        format!("https://127.0.0.1:{port}/c"),
        format!("https://localhost:{port}/c"),
        format!("https://localhost.:{port}/c"),
        format!("https://[::1]:{port}/c"),
        format!("https://127.1:{port}/c"),
        format!("https://0x7f000001:{port}/c"),
        format!("https://2130706433:{port}/c"),
        format!("https://0177.0.0.1:{port}/c"),
        format!("https://[::ffff:127.0.0.1]:{port}/c"),
        format!("https://[64:ff9b::7f00:1]:{port}/c"),
        format!("https://[2002:7f00:1::]:{port}/c"),
        format!("https://user@localhost:{port}/c"),
        format!("https://app.example\\@localhost:{port}/c"),
        format!("https://%6c%6f%63alhost:{port}/c"),
        format!("http://localhost:{port}/c"),
        format!("https://localhost:{port}/../c"),
        format!("https://localhost:{port}"),
        format!("ftp://localhost:{port}/c"),
        "https://169.254.169.254/latest/meta-data".into(),
        "https://metadata.google.internal/c".into(),
        "https://10.0.0.1/c".into(),
        "https://nobody.onion/c".into(),
        "https://localhost:22/c".into(),
        format!("{ORIGIN}/client.json"),
        format!("https://localhost:{port}/{}", "x".repeat(3000)),
    ]
    .into_iter()
    .enumerate()
    {
        // A minute each: how often one host is asked is another matter.
        house.pass(60);
        let page = house.open(&mut Browser::default(), &authorize(&id, &[])).await;
        page.is_page(400);
        assert!(
            !page.text.contains("refused") && !page.text.contains("127.0"),
            "{at} {}",
            page.text
        );
        said.insert(page.text);
    }
    assert!(listener.accept().is_err(), "somebody has come");
    assert!(said.len() <= 2, "{said:?}");

    // Nor is a document followed elsewhere.
    let documents = Documents::start().await;
    let house = documents.house().await;
    for (at, code) in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
        .into_iter()
        .enumerate()
    {
        let path = format!("/moved-{at}");
        let to =
            format!("Location: http://127.0.0.1:{port}/c\r\nContent-Type: application/json\r\n");
        documents.reply(&path, Reply::Whole(status(code, &to, b"{}")));
        let address = authorize(&documents.url(&path), &[]);
        house.open(&mut Browser::default(), &address).await.is_page(400);
    }
    assert!(listener.accept().is_err(), "somebody has come");
    assert_eq!(documents.asked.load(Ordering::Relaxed), 4);
    house.is_well().await;
}

#[tokio::test]
async fn o35_a_document_is_small_in_time_plain_and_its_own() {
    let documents = Documents::start().await;
    let house = documents.house().await;
    let id = documents.serve("/good", |_| {});
    let page = house.open(&mut Browser::default(), &authorize(&id, &[])).await;
    assert_eq!(page.status, 200, "{}", page.text);
    // The host that has the document is what is shown of it.
    let host = format!("<strong>localhost:{}</strong>", documents.address.port());
    assert!(
        page.text.contains(&host) && !page.text.contains("nobody has checked"),
        "{}",
        page.text
    );

    let good = json!({ "client_id": documents.url("/good"), "client_name": "A",
        "redirect_uris": [BACK] })
    .to_string();
    let padded = |length: usize| format!("{good}{}", " ".repeat(length - good.len()));
    let replies = [
        ("/big", Reply::Whole(ok(&padded(6 * 1024)))),
        ("/endless", Reply::Endless),
        ("/slow", Reply::Slow(ok(&good))),
        ("/html", Reply::Whole(status("200 OK", "Content-Type: text/html\r\n", good.as_bytes()))),
        (
            "/gzip",
            Reply::Whole(status(
                "200 OK",
                "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
                good.as_bytes(),
            )),
        ),
        ("/500", Reply::Whole(status("500 Oh", "Content-Type: application/json\r\n", b"{}"))),
        ("/cut", Reply::Whole(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{".to_vec())),
        ("/nonsense", Reply::Whole(b"SSH-2.0-x\r\n".to_vec())),
        ("/not-json", Reply::Whole(ok("hello"))),
        ("/list", Reply::Whole(ok("[]"))),
    ];
    for (path, reply) in replies {
        house.pass(60);
        documents.reply(path, reply);
        let address = authorize(&documents.url(path), &[]);
        house.open(&mut Browser::default(), &address).await.is_page(400);
    }
    type Change = fn(&mut Value);
    let changes: [Change; 8] = [
        |document| document["client_id"] = json!("https://localhost/other"),
        |document| document["client_id"] = Value::Null,
        |document| document["client_name"] = Value::Null,
        |document| document["redirect_uris"] = json!([]),
        |document| document["redirect_uris"] = json!(["javascript:alert(1)"]),
        |document| document["token_endpoint_auth_method"] = json!("client_secret_post"),
        |document| document["client_secret"] = json!("x"),
        |document| document["grant_types"] = json!(["client_credentials"]),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        house.pass(60);
        let id = documents.serve(&format!("/changed-{at}"), change);
        let page = house.open(&mut Browser::default(), &authorize(&id, &[])).await;
        page.is_page(400);
        assert!(page.text.contains("cannot be used"), "{at} {}", page.text);
    }
    // Another case, or a slash more, is another address.
    house.pass(60);
    for other in [documents.url("/Good"), documents.url("/good/")] {
        documents.reply(&other[other.rfind('/').unwrap_or(0)..], Reply::Whole(ok(&good)));
        house.open(&mut Browser::default(), &authorize(&other, &[])).await.is_page(400);
    }
    // What failed is asked for again, and may have become right.
    documents.serve("/500", |_| {});
    let address = authorize(&documents.url("/500"), &[]);
    assert_eq!(house.open(&mut Browser::default(), &address).await.status, 200);
    house.is_well().await;
}

#[tokio::test]
async fn o36_a_document_that_changed_is_read_again_and_people_are_asked_again() {
    let documents = Documents::start().await;
    let house = documents.house().await;
    let id = documents.serve("/app", |_| {});
    let tokens = house.tokens(&id).await;
    assert_eq!(house.search(&tokens.access).await.status, 200);
    let other = "https://app.example/other";
    documents.serve("/app", |document| document["redirect_uris"] = json!([other]));
    // For a few minutes what was read is what holds.
    let asked = documents.asked.load(Ordering::Relaxed);
    let before = house.open(&mut Browser::default(), &authorize(&id, &[])).await;
    assert_eq!(before.status, 200);
    assert_eq!(documents.asked.load(Ordering::Relaxed), asked);
    house.pass(300);
    house.open(&mut Browser::default(), &authorize(&id, &[])).await.is_page(400);
    let address = authorize(&id, &[("redirect_uri", Some(other))]);
    let page = house.open(&mut Browser::default(), &address).await;
    assert!(page.text.contains("name=\"answer\" value=\"allow\""), "{}", page.text);
    // Who was signed in stays so; nothing of that sends anybody anywhere.
    assert_eq!(house.search(&tokens.access).await.status, 200);
    assert_eq!(house.refresh(&id, &tokens.refresh).await.status, 200);
    house.is_well().await;
}

#[tokio::test]
async fn a_document_that_cannot_be_had_just_now_keeps_nobody_out_for_a_day() {
    let documents = Documents::start().await;
    let house = documents.house().await;
    let id = documents.serve("/app", |_| {});
    let tokens = house.tokens(&id).await;
    documents.reply("/app", Reply::Whole(status("503 Service Unavailable", "", b"")));
    for (after, good) in [(300, true), (24 * 60 * 60 - 1, true), (1, false)] {
        house.pass(after);
        let asked = documents.asked.load(Ordering::Relaxed);
        let page = house.open(&mut Browser::default(), &authorize(&id, &[])).await;
        assert_eq!(page.status, if good { 200 } else { 400 }, "{after}: {}", page.text);
        assert_eq!(documents.asked.load(Ordering::Relaxed), asked + 1);
    }
    // Who is signed in stays so.
    assert_eq!(house.refresh(&id, &tokens.refresh).await.status, 200);
    documents.serve("/app", |_| {});
    assert_eq!(house.open(&mut Browser::default(), &authorize(&id, &[])).await.status, 200);
    house.is_well().await;
}

#[tokio::test]
async fn o37_nobody_finds_out_here_what_listens_where() {
    let documents = Documents::start().await;
    let house = documents.house().await;
    let (_listener, clear) = trap();
    let closed = {
        let (listener, port) = trap();
        drop(listener);
        port
    };
    let mut said = std::collections::BTreeSet::new();
    for id in [
        format!("https://localhost:{closed}/c"),
        format!("https://localhost:{clear}/c"),
        documents.url("/nothing"),
        "https://no-such-name.invalid/c".to_owned(),
        "https://[fd00::1]/c".to_owned(),
    ] {
        let page = house.open(&mut Browser::default(), &authorize(&id, &[])).await;
        page.is_page(400);
        said.insert(page.text.replace(&id, ""));
    }
    // One answer for whatever cannot be fetched, one for what is no address of a document.
    assert!(said.len() <= 2, "{said:?}");
    // And a host is asked ten times a minute, not more, whoever wants it to be.
    house.pass(60);
    let asked = documents.asked.load(Ordering::Relaxed);
    for at in 0..30 {
        let id = documents.url(&format!("/scan-{at}"));
        house.open(&mut Browser::default(), &authorize(&id, &[])).await.is_page(400);
    }
    assert_eq!(documents.asked.load(Ordering::Relaxed) - asked, 10);
    house.pass(60);
    house.is_well().await;
}

#[tokio::test]
async fn o38_clients_that_offer_more_than_is_needed_get_in() {
    let documents = Documents::start().await;
    let house = documents.house().await;
    let editor = documents.serve("/editor", |document| {
        document["grant_types"] = json!([
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code"
        ]);
        document["redirect_uris"] =
            json!([BACK, "http://127.0.0.1/", "https://vscode.dev/redirect"]);
    });
    let assistant = documents.serve("/assistant", |document| {
        document["token_endpoint_auth_method"] = json!("private_key_jwt");
        document["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt", "none"]);
        document["jwks_uri"] = json!("https://app.example/keys");
        document["jwks"] = json!({ "keys": [] });
    });
    for id in [editor, assistant] {
        let tokens = house.tokens(&id).await;
        assert_eq!(house.search(&tokens.access).await.status, 200);
        assert_eq!(house.refresh(&id, &tokens.refresh).await.status, 200);
    }
    house.is_well().await;
}
