//! Addresses of repositories, which git is given: what passes is no option, runs no program, and holds
//! no secret; what does not pass is named without the secret in it.
#![no_main]

use docent::corpus::git::Address;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Address::parse(text) {
        Ok(address) => {
            assert_eq!(address.as_str(), text);
            assert!(!text.starts_with('-') && !text.contains(char::is_whitespace), "{text:?}");
            assert!(!text.contains(char::is_control), "{text:?}");
            let (before, _) = text.split_once("::").unwrap_or(("[", ""));
            let is_helper = before.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            assert!(!is_helper, "{text:?} runs a program");
            if let Some((scheme, rest)) = text.split_once("://") {
                let authority = rest.split('/').next().unwrap_or_default();
                let known = ["https", "http", "ssh", "git", "file"].contains(&scheme);
                assert!(known || text.starts_with(['/', '.']) || !scheme.contains(':'), "{text:?}");
                assert!(
                    !known || scheme == "ssh" || scheme == "file" || !authority.contains('@'),
                    "{text:?}"
                );
            }
            assert!(!address.is_https() || text.starts_with("https://"), "{text:?}");
            assert!(!address.name().contains('/'), "{text:?}");
        }
        Err(error) => assert!(!error.contains(char::is_control), "{error:?}"),
    }
    // A secret in the place of a user, before whatever comes then.
    if !text.contains("hunter2") && !text.contains(['/', '\\']) {
        for secret in [format!("https://hunter2@{text}"), format!("https://u:hunter2@{text}")] {
            let error = Address::parse(&secret).expect_err("a secret");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
});
