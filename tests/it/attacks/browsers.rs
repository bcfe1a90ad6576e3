//! O: browsers, and who sits before them: what is agreed to in one is agreed to in that one.

use axum::body::Body;

use crate::people::{BACK, Browser, House, ORIGIN, authorize, encoded, request};

/// A form of the consent page, sent with these headers besides.
async fn send(
    house: &House,
    form: &[(&str, impl AsRef<str>)],
    cookies: &Browser,
    headers: &[(&str, &str)],
) -> crate::people::Answer {
    let mut request =
        request("POST", "/consent").header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let pairs: Vec<String> =
        cookies.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if !pairs.is_empty() {
        request = request.header("cookie", pairs.join("; "));
    }
    house.ask(request.body(Body::from(encoded(form))).expect("a request")).await
}

#[tokio::test]
async fn o20_only_the_page_that_was_shown_can_be_agreed_to() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let (id, token) = house.open(&mut browser, &authorize(&client, &[])).await.form();
    let (other_id, other_token) = house.open(&mut browser, &authorize(&client, &[])).await.form();
    let allow = |id: &str, token: &str| {
        [("sign_in", id.to_owned()), ("token", token.to_owned()), ("answer", "allow".to_owned())]
    };
    let plain = |form: &[(&'static str, String)]| {
        form.iter().map(|(n, v)| (*n, v.clone())).collect::<Vec<_>>()
    };
    let here = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN)];
    for (form, cookies, headers) in [
        // From a page of another site, whatever it knows.
        (allow(&id, &token), &browser, vec![("sec-fetch-site", "cross-site")]),
        (allow(&id, &token), &browser, vec![("sec-fetch-site", "same-site")]),
        (allow(&id, &token), &browser, vec![("origin", "https://evil.example")]),
        // Without the cookie, or with another sign-in's token, or none.
        (allow(&id, &token), &Browser::default(), here.to_vec()),
        (allow(&id, &other_token), &browser, here.to_vec()),
        (allow(&id, ""), &browser, here.to_vec()),
    ] {
        let form = plain(&form);
        send(&house, &form, cookies, &headers).await.is_page(403);
    }
    for form in [allow("", &token), allow("nobody", &token)] {
        send(&house, &form, &browser, &here).await.is_page(400);
    }
    let twice =
        [("sign_in", id.as_str()), ("sign_in", &id), ("token", &token), ("answer", "allow")];
    send(&house, &twice, &browser, &here).await.is_page(400);
    let get = house.get(&format!("/consent?sign_in={id}&token={token}&answer=allow")).await;
    assert_eq!(get.status, 405);
    // None of that has agreed to anything, nor taken the page away from who sees it.
    for (id, token) in [(id, token), (other_id, other_token)] {
        let form = [("sign_in", id.as_str()), ("token", token.as_str()), ("answer", "allow")];
        assert_eq!(send(&house, &form, &browser, &here).await.status, 303);
    }
    house.is_well().await;
}

#[tokio::test]
async fn o21_the_question_stands_in_no_frame() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let page = house.open(&mut Browser::default(), &authorize(&client, &[])).await;
    assert_eq!(page.header("x-frame-options"), "DENY");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"));
    // It would be held against every address that people are sent on to.
    assert!(!policy.contains("form-action"), "{policy}");
    house.is_well().await;
}

#[tokio::test]
async fn o22_whoever_signs_in_is_who_agreed() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    // One person agrees, and has another follow the way to the provider.
    let mut attacker = Browser::default();
    let sent = house.agree(&mut attacker, &authorize(&client, &[])).await;
    let mut victim = Browser::default();
    house.come_back(&mut victim, &sent["state"]).await.is_page(403);
    // Also where the other has a sign-in of their own.
    house.agree(&mut victim, &authorize(&client, &[])).await;
    house.come_back(&mut victim, &sent["state"]).await.is_page(403);
    assert!(house.provider.forms.lock().expect("no panic").is_empty(), "the code was not used");
    house.is_well().await;
}

#[tokio::test]
async fn o23_nobody_comes_back_who_did_not_agree_and_nobody_twice() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let (id, _) = house.open(&mut browser, &authorize(&client, &[])).await.form();
    // The name of a page that was only shown is no state.
    house.come_back(&mut browser, &id).await.is_page(400);
    house.come_back(&mut browser, "made-up").await.is_page(400);
    house.open(&mut browser, "/auth/google/callback?code=good").await.is_page(400);
    house.open(&mut browser, "/auth/google/callback?code=good&state=a&state=b").await.is_page(400);
    let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
    let kept = browser.clone();
    assert_eq!(house.come_back(&mut browser, &sent["state"]).await.status, 303);
    house.come_back(&mut kept.clone(), &sent["state"]).await.is_page(400);
    // Ten minutes, and not one second more.
    let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
    house.pass(600);
    house.come_back(&mut browser, &sent["state"]).await.is_page(400);
    let (id, token) = house.open(&mut browser, &authorize(&client, &[])).await.form();
    house.pass(600);
    let form = [("sign_in", id.as_str()), ("token", token.as_str()), ("answer", "allow")];
    house.press(&mut browser, "/consent", &form).await.is_page(400);
    let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
    house.pass(599);
    assert_eq!(house.come_back(&mut browser, &sent["state"]).await.status, 303);
    house.is_well().await;
}

#[tokio::test]
async fn o24_nobody_ends_a_sign_in_that_another_began() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut attacker = Browser::default();
    let sent = house.agree(&mut attacker, &authorize(&client, &[])).await;
    // The attacker's way back, with the attacker's code, opened by the victim.
    let mut victim = Browser::default();
    let page = house.come_back(&mut victim, &sent["state"]).await;
    page.is_page(403);
    assert!(page.text.contains("another browser"), "{}", page.text);
    house.is_well().await;
}

#[tokio::test]
async fn o25_no_other_host_can_set_the_cookies_and_no_caller_chooses_their_values() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let page = house.open(&mut browser, &authorize(&client, &[])).await;
    let line = page.header("set-cookie").to_owned();
    assert!(line.starts_with("__Host-docent-"), "{line}");
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure", "; Max-Age=600"] {
        assert!(line.contains(attribute), "{attribute} {line}");
    }
    assert!(!line.contains("Domain"), "{line}");
    let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
    let (id, token) = page.form();
    // A cookie put there beforehand: the value is not what the server gave out.
    let mut fixed = Browser::default();
    for name in browser.0.keys() {
        fixed.0.insert(name.clone(), "chosen".into());
    }
    house.come_back(&mut fixed, &sent["state"]).await.is_page(403);
    let form = [("sign_in", id.as_str()), ("token", token.as_str()), ("answer", "allow")];
    house.press(&mut fixed, "/consent", &form).await.is_page(403);
    // Two of one name: neither is believed.
    let name = line.split_once('=').expect("a value").0.to_owned();
    let value = browser.0[&name].clone();
    let mut twice = browser.clone();
    twice.0.insert(name.clone(), format!("{value}; {name}={value}"));
    house.press(&mut twice, "/consent", &form).await.is_page(403);
    house.is_well().await;
}

#[tokio::test]
async fn o26_what_the_provider_says_of_an_error_reaches_nobody() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    for error in ["server_error", "<script>alert(1)</script>", "invalid_scope"] {
        let mut browser = Browser::default();
        let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
        let query = encoded(&[
            ("error", error),
            ("error_description", "<script>alert(2)</script>"),
            ("state", &sent["state"]),
        ]);
        let answer = house.open(&mut browser, &format!("/auth/google/callback?{query}")).await;
        let query = answer.query();
        assert_eq!(query["error"], "server_error");
        assert_eq!(query["state"], "a state & more");
        assert!(!answer.header("location").contains("%3Cscript") && answer.text.is_empty());
    }
    let page = house
        .open(
            &mut Browser::default(),
            "/auth/google/callback?error=x&error_description=%3Cscript%3E&state=%3Cscript%3E",
        )
        .await;
    page.is_page(400);
    assert!(!page.text.contains("<script"), "{}", page.text);
    house.is_well().await;
}

#[tokio::test]
async fn o28_who_does_not_sign_in_is_refused_and_the_client_learns_it() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
    let denied = format!("/auth/google/callback?error=access_denied&state={}", sent["state"]);
    let query = house.open(&mut browser, &denied).await.query();
    assert_eq!(query["error"], "access_denied");
    assert_eq!((query["state"].as_str(), query["iss"].as_str()), ("a state & more", ORIGIN));
    // And who says no before that is not sent to the provider at all.
    let (id, token) = house.open(&mut browser, &authorize(&client, &[])).await.form();
    let form = [("sign_in", id.as_str()), ("token", token.as_str()), ("answer", "deny")];
    let answer = house.press(&mut browser, "/consent", &form).await;
    assert!(answer.header("location").starts_with(BACK));
    assert_eq!(answer.query()["error"], "access_denied");
    house.is_well().await;
}
