//! What a page says of itself: front matter, title, route, anchors, links.

use docent::corpus::{Page, Site, Skip};
use expect_test::{Expect, expect};

use super::{read, reader};

fn check(site: Site, path: &str, text: &str, expected: Expect) {
    let (page, warnings) = read(site, path, text);
    let Page { title, description, keywords, aliases, route, language, weight, updated, .. } = page;
    let mut out = format!(
        "title {title:?}\ndescription {description:?}\nkeywords {keywords:?}\naliases {aliases:?}\n\
         route {route:?}\nlanguage {language:?}\nweight {weight:?}\nupdated {updated:?}\n",
    );
    for warning in warnings {
        out.push_str(&format!("line {}: {}\n", warning.line, warning.message));
    }
    expected.assert_eq(&out);
}

#[test]
fn yaml_front_matter() {
    let text = "---\ntitle: \"Start: now\"\ndescription: >\n  Two\n  lines\ntags: [a, b]\n\
                sidebar_position: 3\nlast_update:\n  date: 2024-05-01\n---\n# Other\n";
    check(
        Site::Docusaurus,
        "en/01-guide/02-start.md",
        text,
        expect![[r#"
        title "Start: now"
        description "Two lines"
        keywords ["a", "b"]
        aliases []
        route "en/guide/start"
        language Some("en")
        weight Some(3)
        updated Some("2024-05-01")
    "#]],
    );
}

#[test]
fn plain_yaml_front_matter() {
    let text = "---\ntitle: Start here\nkeywords: a, b c\nweight: 10\naliases:\n- /old/\n- /older/\n\
                lastmod: 2024-05-01T10:00:00Z\n---\nText\n";
    check(
        Site::Hugo,
        "Guide/Start.md",
        text,
        expect![[r#"
        title "Start here"
        description ""
        keywords ["a", "b c"]
        aliases ["/old/", "/older/"]
        route "guide/start/"
        language None
        weight Some(10)
        updated Some("2024-05-01T10:00:00Z")
    "#]],
    );
}

#[test]
fn toml_front_matter() {
    let text =
        "+++\ntitle = \"T\"\ndate = 2024-05-01\nurl = \"/x/y/\"\ntags = [\"a\"]\n+++\nText\n";
    check(
        Site::Hugo,
        "a/_index.md",
        text,
        expect![[r#"
        title "T"
        description ""
        keywords ["a"]
        aliases []
        route "x/y/"
        language None
        weight None
        updated Some("2024-05-01")
    "#]],
    );
}

#[test]
fn json_front_matter() {
    let text = "{\n  \"title\": \"T\",\n  \"lang\": \"de\"\n}\nText\n";
    check(
        Site::Plain,
        "x.md",
        text,
        expect![[r#"
        title "T"
        description ""
        keywords []
        aliases []
        route "x.md"
        language Some("de")
        weight None
        updated None
    "#]],
    );
}

#[test]
fn broken_front_matter_is_a_warning_and_the_page_is_read() {
    let text = "---\ntitle: A page\nbad: [1, 2\n---\n\nText\n";
    check(
        Site::Plain,
        "x.md",
        text,
        expect![[r#"
            title "A page"
            description ""
            keywords []
            aliases []
            route "x.md"
            language None
            weight None
            updated None
            line 3: front matter is not YAML: unclosed bracket '['
        "#]],
    );
}

#[test]
fn drafts_and_binaries_are_skipped() {
    let reader = reader(Site::Plain);
    let parse = |bytes: &[u8]| reader.parse("x.md", bytes).0.err();
    assert_eq!(parse(b"---\ndraft: true\n---\nText"), Some(Skip::Draft));
    assert_eq!(parse(b"GIF89a\0\0"), Some(Skip::Unreadable("binary file".to_owned())));
    assert_eq!(parse(b"\xff\xfe#\0 \0T\0"), None);
}

#[test]
fn routes_follow_the_generator() {
    let mut out = String::new();
    let sites = [
        Site::Plain,
        Site::MdBook,
        Site::Docusaurus,
        Site::VitePress,
        Site::MkDocs,
        Site::Hugo,
        Site::Starlight,
        Site::NextJs,
    ];
    for site in sites {
        for path in ["index.md", "01-Guide/README.md", "01-Guide/02-First_steps.md"] {
            let (page, _) = read(site, path, "Text");
            out.push_str(&format!("{site:?} {path} -> {:?}\n", page.route));
        }
    }
    expect![[r#"
        Plain index.md -> "index.md"
        Plain 01-Guide/README.md -> "01-Guide/README.md"
        Plain 01-Guide/02-First_steps.md -> "01-Guide/02-First_steps.md"
        MdBook index.md -> "index.html"
        MdBook 01-Guide/README.md -> "01-Guide/index.html"
        MdBook 01-Guide/02-First_steps.md -> "01-Guide/02-First_steps.html"
        Docusaurus index.md -> ""
        Docusaurus 01-Guide/README.md -> "Guide/"
        Docusaurus 01-Guide/02-First_steps.md -> "Guide/First_steps"
        VitePress index.md -> ""
        VitePress 01-Guide/README.md -> "01-Guide/"
        VitePress 01-Guide/02-First_steps.md -> "01-Guide/02-First_steps.html"
        MkDocs index.md -> ""
        MkDocs 01-Guide/README.md -> "01-Guide/"
        MkDocs 01-Guide/02-First_steps.md -> "01-Guide/02-First_steps/"
        Hugo index.md -> ""
        Hugo 01-Guide/README.md -> "01-guide/"
        Hugo 01-Guide/02-First_steps.md -> "01-guide/02-first_steps/"
        Starlight index.md -> ""
        Starlight 01-Guide/README.md -> "01-guide/"
        Starlight 01-Guide/02-First_steps.md -> "01-guide/02-first_steps/"
        NextJs index.md -> ""
        NextJs 01-Guide/README.md -> "Guide"
        NextJs 01-Guide/02-First_steps.md -> "Guide/First_steps"
    "#]]
    .assert_eq(&out);
}

#[test]
fn anchors_follow_the_generator() {
    let text = "# Page\n\n## What's new in `v1.2`?\n\n## A & B – Größe_x\n\n## A & B – Größe_x\n\n\
                ## 中文 标题 🚀\n";
    let mut out = String::new();
    let sites = [Site::Plain, Site::MdBook, Site::VitePress, Site::MkDocs, Site::Hugo, Site::Mdn];
    for site in sites {
        let (page, _) = read(site, "x.md", text);
        let anchors: Vec<&str> = page.sections.iter().map(|it| it.anchor.as_str()).collect();
        out.push_str(&format!("{site:?} {}\n", anchors.join(" ")));
    }
    expect![[r#"
        Plain page whats-new-in-v12 a--b--größe_x a--b--größe_x-1 中文-标题-
        MdBook page whats-new-in-v12 a--b--größe_x a--b--größe_x-1 中文-标题-
        VitePress page what-s-new-in-v1-2 a-b-–-große-x a-b-–-große-x-1 中文-标题-🚀
        MkDocs page whats-new-in-v12 a-b-groe_x a-b-groe_x_1 _1
        Hugo page whats-new-in-v12 a--b--größe_x a--b--größe_x-1 中文-标题-
        Mdn page whats_new_in_v1.2 a_b_–_größe_x a_b_–_größe_x_2 中文_标题_🚀
    "#]]
    .assert_eq(&out);
}

#[test]
fn anchors_of_other_scripts_and_numbers() {
    let text = "## 全角（ＡＢ）？\n\n## 한\n\n## ガ ½ ②\n\n## ﬁ… Ⅷ\n\n## Step_2\n\n## Step_2\n";
    let mut out = String::new();
    for site in [Site::VitePress, Site::MkDocs, Site::Docusaurus, Site::Hugo] {
        let (page, _) = read(site, "x.md", text);
        let anchors: Vec<&str> = page.sections.iter().map(|it| it.anchor.as_str()).collect();
        out.push_str(&format!("{site:?} {}\n", anchors.join(" ")));
    }
    // The letters of VitePress's anchors are decomposed, as those of its sites are.
    expect![[r#"
        VitePress 全角-ab 한 ガ-1⁄2-2 fi-viii step-2 step-2-1
        MkDocs ab _1 12-2 fi-viii step_2 step_3
        Docusaurus 全角ａｂ 한 ガ-- ﬁ-ⅷ step_2 step_2-1
        Hugo 全角ａｂ 한 ガ-- ﬁ-ⅷ step_2 step_2-1
    "#]]
    .assert_eq(&out);
}

#[test]
fn sections_have_trails_prose_code_and_links() {
    let text = "Lead [out](https://x.y) [in](a.md#b).\n\n# Title\n\nMore.\n\n## One\n\n\
                | a | b |\n|---|---|\n| c | `d` |\n\n### Two\n\n1. x\n2. y\n\n```js\nlet z;\n```\n";
    let (page, _) = read(Site::Plain, "x.md", text);
    let mut out = String::new();
    for it in &page.sections {
        out.push_str(&format!(
            "{} {:?} trail {:?} prose {:?} code {:?} links {:?}\n",
            it.level, it.title, it.trail, it.prose, it.code, it.links,
        ));
    }
    expect![[r#"
        1 "Title" trail [] prose "Lead out in.\nMore." code "" links [Link { target: "a.md#b", text: "in" }]
        2 "One" trail [] prose "a b c d" code "" links []
        3 "Two" trail ["One"] prose "x\ny" code "let z;\n" links []
    "#]].assert_eq(&out);
}

#[test]
fn a_sign_at_the_begin_of_a_line_hides_no_markdown() {
    for text in
        ["<name>\n```sh\nls\n```", "<h2 id=1r0\n```sh\nls\n```", "- <?php\n  ```sh\n  ls\n  ```"]
    {
        let (page, _) = read(Site::Plain, "a.md", text);
        let section = &page.sections[0];
        assert_eq!(section.text, text.replacen('<', "\\<", 1));
        assert_eq!(section.code, "ls\n", "{text:?}");
    }
}

#[test]
fn what_stands_behind_a_tag_that_goes_begins_no_code() {
    for mark in ["```", "~~~"] {
        let text = format!("<script>{mark}sh\nls\n\nWords.\n\n- <i>{mark} x");
        let (page, _) = read(Site::Plain, "a.md", &text);
        let section = &page.sections[0];
        assert_eq!(section.text, format!("\\{mark}sh\nls\n\nWords.\n\n- \\{mark} x"));
        assert_eq!(section.code, "");
    }
    let (page, _) = read(Site::Plain, "a.md", "`<span hidden>``é<a href=x>b\nWords.</a>");
    assert_eq!(page.sections[0].text, "\\```é[b Words.](x)");
    let (page, _) = read(Site::Plain, "a.md", "<table><tr><td>\n\n```\nx</table>\n\nWords.");
    assert_eq!(page.sections[0].text, "\\``` x\n\nWords.");
    let (page, _) = read(Site::Plain, "a.md", "Words.\n<ul><li>```sh</li><li>b</li></ul>");
    assert_eq!(page.sections[0].text, "Words.\n\n- \\```sh\n- b");
}

#[test]
fn indented_code_that_begins_with_a_tick_is_left_as_it_is() {
    let text = "Words.\n\n    `date`\n    ls";
    let (page, _) = read(Site::Plain, "a.md", text);
    assert_eq!(page.sections[0].text, text);
}

#[test]
fn items_of_a_list_in_yaml_stand_in_one_column() {
    let words = |text: &str| {
        let (page, warnings) = read(Site::Hugo, "a.md", text);
        (page.keywords, warnings.len())
    };
    let even = "---\ntags:\n  - first\n  - second\nkeys:\n- third\n---\nText\n";
    assert_eq!(words(even), (vec!["first".to_owned(), "second".to_owned()], 0));
    let further_in = "---\ntags:\n- first\n  - second\n---\nText\n";
    assert_eq!(words(further_in), (vec!["first - second".to_owned()], 0));
    let further_out = "---\ntags:\n  - first\n - second\n---\nText\n";
    assert_eq!(words(further_out), (vec![], 1));
}

#[test]
fn an_item_may_begin_with_indented_code() {
    let text = "- a\n-      ```\n       ls\n- b\n\nWords.";
    let (page, _) = read(Site::Plain, "a.md", text);
    assert_eq!(page.sections[0].text, text);
    let fenced = "- a\n-    ```\n     ls\n     ```\n- b";
    let (page, _) = read(Site::Plain, "a.md", fenced);
    assert_eq!((&*page.sections[0].text, &*page.sections[0].code), (fenced, "ls\n"));
}

#[test]
fn what_a_shortcode_shows_is_one_line() {
    let text = |value: &str| format!("See {{{{% ref {value} %}}}} here.");
    let read = |value: &str| read(Site::Hugo, "a.md", &text(value)).0.sections[0].text.clone();
    assert_eq!(read("`a\n\n~~~ b`"), "See a ~~~ b here.");
    // Hugo takes no such value; what stands there is text.
    assert!(read("\"a\n~~~\nb\"").starts_with("See {{% ref \"a\n~~~"));
}

#[test]
fn what_a_macro_shows_is_one_line() {
    let text = "See {{Glossary(\"node\", \"the\n```nodes\n\nof a tree\")}} here.";
    let (page, _) = read(Site::Mdn, "a.md", text);
    assert_eq!(page.sections[0].text, "See the ```nodes of a tree here.");
    let text = "{{HTMLElement(\"a\", \"The <code>&lt;a&gt;</code> element\")}}";
    assert_eq!(read(Site::Mdn, "a.md", text).0.sections[0].text, "`The <a> element`");
    let text = "## Syntax of {{CSSSyntaxRaw(`a = <b>`)}}\n\n{{CSSSyntaxRaw(`a = <b>`)}}";
    let (page, _) = read(Site::Mdn, "a.md", text);
    assert_eq!(page.sections[0].text, "## Syntax of `a = <b>`\n\n```\na = <b>\n```");
}

#[test]
fn a_title_of_nothing_that_is_seen_is_none() {
    let text = |title: &str| format!("---\ntitle: \"{title}\"\n---\n# Heading\n");
    for (title, shown) in [("\\u200b", "Heading"), ("<b></b>", "Heading"), ("<b>", "<b>")] {
        assert_eq!(read(Site::Mdn, "a.md", &text(title)).0.title, shown, "{title}");
    }
}

#[test]
fn indented_code_below_a_row_stands_by_itself() {
    let text = "| a |\n\n            x\n            ```\n        b\n    ```\n";
    let (page, _) = read(Site::Plain, "a.md", text);
    assert_eq!(page.sections[0].text, "| a |\n\n````\n        x\n        ```\n    b\n```\n````");
}

#[test]
fn indented_code_with_a_fence_in_it_is_fenced_as_a_whole() {
    let text = "Words.\n\n    a\n\n      ```\n    b\n\n- c\n\n      d\n      ~~~\n\nMore.";
    let (page, _) = read(Site::Plain, "a.md", text);
    assert_eq!(
        page.sections[0].text,
        "Words.\n\n````\na\n\n  ```\nb\n````\n\n- c\n\n  ```\n  d\n  ~~~\n  ```\n\nMore."
    );
    assert_eq!(page.sections[0].code, "a\n\n  ```\nb\nd\n~~~\n");
}
