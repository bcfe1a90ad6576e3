//! TLS: a certificate of our own, a real client, and what happens to both while serving.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use docent::http::{Listening, Patience, Tls, serve};
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{PING, Server};

const NAME: &str = "docs.example.com";
const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// Writes a certificate and its key; the certificate.
fn pair(dir: &Path, change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
    let mut params = CertificateParams::new([NAME.to_owned()]).expect("a name");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    std::fs::write(dir.join("cert.pem"), certificate.pem()).expect("it is written");
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).expect("it is written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let own = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(dir.join("key.pem"), own).expect("it is ours");
    }
    certificate.der().clone()
}

fn open(dir: &Path) -> anyhow::Result<Tls> {
    Tls::open(&dir.join("cert.pem"), &dir.join("key.pem"), NAME)
}

/// A server on a real port, with the folder of its certificate.
struct Running {
    address: SocketAddr,
    certificate: CertificateDer<'static>,
    dir: TempDir,
    stop: Arc<Notify>,
    done: JoinHandle<anyhow::Result<()>>,
    _server: Server,
}

impl Running {
    async fn new(patience: Patience) -> Running {
        let dir = tempfile::tempdir().expect("a folder");
        let certificate = pair(dir.path(), |_| {});
        let server = Server::with(|options| {
            options.patience = patience;
            options.public_url = Some(format!("https://{NAME}"));
        });
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let listening = Listening::new(socket, Some(open(dir.path()).expect("a certificate")));
        let stop = Arc::new(Notify::new());
        let (stopped, router, token) = (stop.clone(), server.router.clone(), server.cancel.clone());
        let done = tokio::spawn(async move {
            serve(listening, router, patience, token, async move { stopped.notified().await }).await
        });
        Running { address, certificate, dir, stop, done, _server: server }
    }

    /// In clear.
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// As a client that trusts this certificate.
    async fn shake(
        &self,
        trusted: &CertificateDer<'static>,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a certificate");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_protocol_versions(versions).expect("versions");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(NAME).expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, self.connect().await).await
    }

    /// Whether a client that trusts this certificate gets an answer.
    async fn answers(&self, trusted: &CertificateDer<'static>) -> bool {
        match self.shake(trusted, BOTH, &[]).await {
            Ok(stream) => ping(stream).await.contains("\"result\":{}"),
            Err(_) => false,
        }
    }
}

/// Calls; the whole answer.
async fn ping(mut stream: TlsStream<TcpStream>) -> String {
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{PING}",
        PING.len()
    );
    stream.write_all(head.as_bytes()).await.expect("it reads");
    rest(&mut stream).await
}

/// What still comes until the other side closes, politely or not.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Each thing is waited for 200 ms, so that tests see the end of waiting.
fn hasty() -> Patience {
    let short = Duration::from_millis(200);
    Patience { first: short, idle: short, ..Patience::default() }
}

#[tokio::test]
async fn calls_are_answered_over_tls_of_both_versions() {
    let server = Running::new(Patience::default()).await;
    for version in BOTH {
        let stream = server.shake(&server.certificate, &[version], &["h2", "http/1.1"]).await;
        let stream = stream.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let answer = ping(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
    let only_h2 = server.shake(&server.certificate, BOTH, &["h2"]).await;
    assert!(only_h2.is_err(), "HTTP/2 is not spoken");
    assert!(server.answers(&server.certificate).await);
}

#[tokio::test]
async fn what_is_no_tls_is_refused() {
    let server = Running::new(Patience::default()).await;
    for bytes in
        ["GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "\0\0\0\0\0\0\0\0", "SSH-2.0\r\n"]
    {
        let mut stream = server.connect().await;
        stream.write_all(bytes.as_bytes()).await.expect("it reads");
        let answer = rest(&mut stream).await;
        assert!(!answer.contains("HTTP"), "{answer}");
    }
    assert!(server.answers(&server.certificate).await);
}

#[tokio::test]
async fn who_does_not_finish_a_handshake_or_a_first_head_is_not_waited_for() {
    let server = Running::new(hasty()).await;
    // Nothing, and the beginning of a greeting.
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let mut stream = server.connect().await;
        stream.write_all(bytes).await.expect("it reads");
        assert_eq!(rest(&mut stream).await, "");
    }
    let mut stream = server.shake(&server.certificate, BOTH, &[]).await.expect("a handshake");
    stream.write_all(b"GET / HT").await.expect("it reads");
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_handshake_that_is_under_way_does_not_keep_the_server() {
    let patient = Duration::from_secs(3600);
    let server = Running::new(Patience { first: patient, ..Patience::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"\x16\x03\x01").await.expect("it reads");
    // It was taken before this one, which was answered.
    assert!(server.answers(&server.certificate).await);
    server.stop.notify_one();
    let end = tokio::time::timeout(Duration::from_secs(20), server.done).await;
    end.expect("it waits for no handshake").expect("no panic").expect("it ends well");
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_new_certificate_is_used_at_the_next_handshake_and_a_broken_one_never() {
    let server = Running::new(Patience::default()).await;
    let (dir, first) = (server.dir.path(), &server.certificate);
    let mut open_before = server.shake(first, BOTH, &[]).await.expect("a handshake");
    let other = tempfile::tempdir().expect("a folder");
    let second = pair(other.path(), |_| {});
    // Half of the new pair, which does not fit; then what is none; then nothing.
    std::fs::copy(other.path().join("cert.pem"), dir.join("cert.pem")).expect("it is copied");
    assert!(server.answers(first).await);
    std::fs::write(dir.join("cert.pem"), "-----BEGIN CERT").expect("it is written");
    assert!(server.answers(first).await);
    std::fs::remove_file(dir.join("cert.pem")).expect("it is there");
    assert!(server.answers(first).await);
    assert!(!server.answers(&second).await);
    for file in ["cert.pem", "key.pem"] {
        std::fs::copy(other.path().join(file), dir.join(file)).expect("it is copied");
    }
    assert!(server.answers(&second).await);
    assert!(!server.answers(first).await);
    // Whoever had shaken hands before goes on.
    let head = format!("GET /healthz HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n");
    open_before.write_all(head.as_bytes()).await.expect("it reads");
    assert!(rest(&mut open_before).await.starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let other = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    pair(other.path(), |_| {});
    let key = std::fs::read_to_string(other.path().join("key.pem")).expect("a key");
    let inner = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (file, text, parts) in [
        ("cert.pem", None, ["cannot read the certificate", "cert.pem"]),
        ("key.pem", None, ["cannot read the private key", "key.pem"]),
        ("cert.pem", Some(""), ["cert.pem", "holds no certificate in PEM"]),
        ("cert.pem", Some("-----BEGIN CERTIFICATE-----\nA"), ["cert.pem", "is no PEM"]),
        ("cert.pem", Some(inner), ["cert.pem", "holds no certificate that can be used"]),
        ("cert.pem", Some(&key), ["cert.pem", "holds no certificate in PEM"]),
        ("key.pem", Some("secret words"), ["key.pem", "holds no private key in PEM"]),
        ("key.pem", Some(&key), ["key.pem", "does not fit the certificate"]),
        (
            "key.pem",
            Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
            ["the private key", "cannot be used"],
        ),
    ] {
        pair(dir, |_| {});
        match text {
            Some(text) => std::fs::write(dir.join(file), text).expect("it is written"),
            None => std::fs::remove_file(dir.join(file)).expect("it is there"),
        }
        let error = format!("{:#}", open(dir).err().expect("it is refused"));
        assert!(parts.iter().all(|part| error.contains(part)), "{file} {text:?}: {error}");
        let secret = &key.lines().nth(1).expect("a key has lines");
        assert!(!error.contains(secret) && !error.contains("secret words"), "{error}");
    }
}

#[test]
fn what_clients_will_not_take_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let concerns = |change: &dyn Fn(&mut CertificateParams)| {
        pair(dir.path(), change);
        open(dir.path()).expect("it can be used").concerns().join("\n")
    };
    assert_eq!(concerns(&|_| {}), "");
    let day = rcgen::date_time_ymd;
    assert!(
        concerns(&|params| params.not_after = day(2020, 1, 1)).contains("cert.pem has expired")
    );
    assert!(concerns(&|params| params.not_before = day(4000, 1, 1)).contains("is not valid yet"));
    let other = |params: &mut CertificateParams| {
        *params = CertificateParams::new(["elsewhere.example".to_owned()]).expect("a name");
    };
    assert!(concerns(&other).contains("is not for the name docs.example.com"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        pair(dir.path(), |_| {});
        let all = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(dir.path().join("key.pem"), all).expect("it is ours");
        let said = open(dir.path()).expect("it can be used").concerns().join("\n");
        assert!(said.contains("others may read the private key"), "{said}");
    }
}
