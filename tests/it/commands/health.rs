//! `docent health`: what containers and scripts ask whether a server is ready.

use std::net::TcpListener;
use std::process::Output;

use super::served::{Served, manual, serve};
use super::{errors, fails};
use crate::harness::docent;

#[test]
fn a_server_that_answers_is_ready_and_one_that_is_gone_is_not() {
    let (_dir, dir) = manual();
    let served = Served::start(&dir);
    let listen = served.address.clone();
    let ask = |address: &str| {
        let mut command = docent();
        command.current_dir(&dir).args(["health", "docs", "--listen", address]);
        command
    };
    let ready = |output: Output| {
        assert!(output.status.success(), "{}", errors(&output));
        assert_eq!(String::from_utf8(output.stdout).expect("text"), "ready\n");
    };
    ready(ask(&listen).output().expect("docent runs"));
    // A server that listens on all addresses answers on loopback.
    let (_, port) = listen.rsplit_once(':').expect("a port");
    let all = ask(&format!("0.0.0.0:{port}")).args(["--access", "open"]).output();
    ready(all.expect("docent runs"));
    drop(served);
    let said = fails(&mut ask(&listen));
    assert!(said.starts_with(&format!("docent: nobody answers at {listen}: ")), "{said}");
    let said = fails(&mut ask("127.0.0.1:0"));
    assert_eq!(said, "docent: --listen: listen says no port, so nobody knows it");
}

#[test]
fn a_server_with_a_certificate_of_its_own_is_asked_over_tls() {
    let (_dir, dir) = manual();
    super::tls::pair(&dir);
    let ip = if cfg!(target_os = "linux") { "127.0.0.78" } else { "127.0.0.1" };
    let free = TcpListener::bind((ip, 0)).expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let settings = |command: &mut std::process::Command| {
        command.args(["--listen", &address, "--public-url", "https://localhost"]);
        command.args(["--tls-certificate", "cert.pem", "--tls-key", "key.pem"]);
    };
    let mut command = docent();
    command.current_dir(&dir).args(["serve", "docs", "--data-dir", "data", "--log", "human"]);
    settings(&mut command);
    let served = Served::run(command);
    let mut command = docent();
    command.current_dir(&dir).args(["health", "docs"]);
    settings(&mut command);
    let output = command.output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    drop(served);
    // In clear nobody is asked.
    let plain = Served::run(serve(&dir));
    let mut command = docent();
    command.current_dir(&dir).args(["health", "docs"]);
    settings(&mut command);
    command.args(["--listen", &plain.address]);
    assert!(!command.output().expect("docent runs").status.success());
}
