//! The program itself, several at a time over one Redis.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use docent::outward;

use crate::redis::{PATIENCE, Redis, free_port, until};

/// A running `docent serve`, until it is dropped.
struct Program {
    process: Child,
    origin: String,
}

impl Program {
    /// Serves with the settings that are in the folder, and a data folder of its own.
    fn start(folder: &Path, name: &str) -> Program {
        let listen = format!("127.0.0.1:{}", free_port());
        let process = Command::new(env!("CARGO_BIN_EXE_docent"))
            .current_dir(folder)
            .args(["serve", "--listen", &listen, "--data-dir", name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docent starts");
        let program = Program { process, origin: format!("http://{listen}") };
        let agent = outward::agent(Duration::from_secs(1));
        until("it serves", || {
            let answer = outward::get(&agent, &format!("{}/readyz", program.origin), 1 << 16);
            answer.is_ok_and(|(status, _)| status == 200)
        });
        program
    }

    fn registers(&self) -> u16 {
        let client = br#"{"redirect_uris":["https://app.example/back"],"client_name":"App"}"#;
        let request = ureq::http::Request::post(format!("{}/register", self.origin))
            .header("content-type", "application/json")
            .body(client)
            .expect("a request");
        outward::send(&outward::agent(PATIENCE), request, 1 << 16).expect("an answer").0
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn clients_that_register_are_counted_over_all_replicas() {
    let redis = Redis::start();
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("it");
    std::fs::create_dir(folder.path().join("docs")).expect("a folder");
    write("docs/index.md", "# Harbour\n\nWhere ships lie.\n");
    let settings = format!(
        "access = \"google\"\npublic_url = \"http://localhost\"\nstate = \"{}\"\n\
         [sign_in]\nclient_id = \"x\"\nclient_secret = \"x\"\n[limits]\nregistration = \"3/hour\"\n\
         [[collections]]\npath = \"docs\"\n",
        redis.url()
    );
    write("docent.toml", &settings);
    let programs = ["one", "two"].map(|name| Program::start(folder.path(), name));
    let [one, two] = &programs;
    let told = [one, two, one, two, one, two].map(Program::registers);
    assert_eq!(told, [201, 201, 201, 429, 429, 429]);
}
