//! Where people are sent back to: two lines are the address that a client registered and the one
//! that is asked for. What passes is what `url` reads in the same way and harmless; what matches is
//! the same but for the port of an address of this machine.
#![no_main]

use docent::auth::{APPS, check_redirect, is_local, matches, shown_host};
use libfuzzer_sys::fuzz_target;
use url::Url;

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

fn is_loopback(uri: &str) -> bool {
    uri.starts_with("http://")
}

/// The address as the library reads it, if it passes.
fn checked(uri: &str) -> Option<Url> {
    check_redirect(uri, &APPS.map(str::to_owned)).ok()?;
    let url = Url::parse(uri).expect("what passes is an address");
    assert!(uri.starts_with(&format!("{}:", url.scheme())), "{uri}");
    assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None), "{uri}");
    assert_eq!(is_local(uri), url.scheme() != "https", "{uri}");
    if ["http", "https"].contains(&url.scheme()) {
        // People are shown the host that a browser goes to.
        let host = url.host_str().expect("a host");
        let shown = shown_host(uri);
        let (name, port) = shown.strip_prefix('[').map_or_else(
            || shown.split_once(':').unwrap_or((&shown, "")),
            |_| shown.split_at(shown.find(']').expect("its end") + 1),
        );
        assert!(name.eq_ignore_ascii_case(host), "{uri}: {shown} {host}");
        let port = port.trim_start_matches(':').parse().ok();
        assert_eq!(port.or(url.port_or_known_default()), url.port_or_known_default(), "{uri}");
        assert!(url.scheme() == "https" || LOOPBACK.contains(&host), "{uri}");
    } else {
        assert!(APPS.contains(&url.scheme()), "{uri}");
        let shown = shown_host(uri);
        assert!(
            shown.starts_with(&format!("{}:", url.scheme())) && uri.starts_with(&shown),
            "{uri}"
        );
    }
    Some(url)
}

fuzz_target!(|text: &str| {
    let (registered, asked) = text.split_once('\n').unwrap_or((text, text));
    let (ours, theirs) = (checked(registered), checked(asked));
    assert!(matches(registered, registered));
    let same = matches(registered, asked);
    assert_eq!(same, matches(asked, registered), "{registered} {asked}");
    let Some(mut ours) = ours else { return };
    if same && registered != asked {
        // A longer port may make it too long.
        let Some(mut theirs) = theirs else { return assert!(asked.len() > 2048, "{asked}") };
        assert!(is_loopback(registered) && is_loopback(asked), "{registered} {asked}");
        for url in [&mut ours, &mut theirs] {
            url.set_port(None).expect("it has a host");
        }
        assert_eq!(ours, theirs, "{registered} {asked}");
    } else if is_loopback(registered) && ours.as_str() == registered {
        // Any port of an address that is written plainly.
        let port = text.len() as u16 | 1;
        ours.set_port(Some(port)).expect("it has a host");
        assert!(matches(registered, ours.as_str()), "{registered} {ours}");
        assert!(!matches(registered, &format!("{ours}x")), "{registered} {ours}");
    }
});
