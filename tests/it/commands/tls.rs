//! `serve` with a certificate of its own, and without one where it is needed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::fails;
use super::served::{Served, manual, serve};
use crate::harness::{docent, write};

/// A certificate for this machine, and its key in the folder.
pub(super) fn pair(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let CertifiedKey::<KeyPair> { cert, signing_key } = made.expect("a certificate");
    write(dir, "cert.pem", &cert.pem());
    write(dir, "key.pem", &signing_key.serialize_pem());
    cert.der().clone()
}

#[test]
fn a_server_with_a_certificate_speaks_https() {
    let (_dir, dir) = manual();
    let certificate = pair(&dir);
    // The public address names the port, so it has to be known before: where no other test listens.
    let ip = if cfg!(target_os = "linux") { "127.0.0.77" } else { "127.0.0.1" };
    let free = TcpListener::bind((ip, 0)).expect("a port");
    let address = free.local_addr().expect("an address");
    let port = address.port();
    drop(free);
    let mut command = docent();
    command.current_dir(&dir).args(["serve", "docs", "--data-dir", "data", "--log", "human"]);
    command.args(["--listen", &address.to_string(), "--tls-key", "key.pem"]);
    command.args(["--public-url", &format!("https://localhost:{port}")]);
    command.env("DOCENT_TLS_CERTIFICATE", "cert.pem");
    let served = Served::run(command);

    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions");
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let socket = TcpStream::connect(address).expect("it listens");
    let mut stream = StreamOwned::new(client, socket);
    write!(stream, "GET / HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains(&format!("https://localhost:{port}/mcp")), "{answer}");
    let said = served.said().join("\n");
    assert!(!said.contains("plain HTTP"), "{said}");
    #[cfg(unix)]
    assert!(said.contains("others may read the private key key.pem"), "{said}");
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_at_start() {
    let (_dir, dir) = manual();
    pair(&dir);
    let with = |words: &[&str]| {
        let mut command = serve(&dir);
        command.args(words);
        fails(&mut command)
    };
    let (certificate, key) = (["--tls-certificate", "cert.pem"], ["--tls-key", "key.pem"]);
    let said = with(&[&certificate[..], &["--public-url", "https://localhost"]].concat());
    assert!(said.contains("tls.certificate is set without tls.key"), "{said}");
    let said = with(&key);
    assert!(said.contains("tls.key is set without tls.certificate"), "{said}");
    for more in [&[][..], &["--public-url", "http://localhost"]] {
        let said = with(&[&certificate[..], &key, more].concat());
        assert!(said.contains("tls: public_url has to be the https address"), "{said}");
    }
    write(&dir, "key.pem", &KeyPair::generate().expect("a key").serialize_pem());
    let said = with(&[&certificate[..], &key, &["--public-url", "https://localhost"]].concat());
    assert!(
        said.ends_with("the private key key.pem does not fit the certificate cert.pem"),
        "{said}"
    );
}

#[test]
fn an_https_address_without_anybody_who_speaks_it_is_warned_of() {
    let (_dir, dir) = manual();
    let said = |file: &str, words: &[&str]| {
        write(&dir, "docent.toml", &format!("{file}\n[[collections]]\npath = \"docs\"\n"));
        let mut command = serve(&dir);
        command.args(["--config", "docent.toml"]).args(words);
        Served::run(command).said().join("\n")
    };
    let url = ["--public-url", "https://docs.example.com"];
    let warning = "a proxy has to be in front that speaks https for https://docs.example.com";
    assert!(said("", &url).contains(warning));
    assert!(!said("trusted_proxies = [\"127.0.0.1\"]", &url).contains(warning));
    assert!(!said("", &[]).contains("plain HTTP"));
}
