//! Every page that can be reached by links from the others, and what no page may ever hold.

use std::collections::{BTreeSet, VecDeque};

use reqwest::StatusCode;
use scraper::{Html, Selector};

use super::server::{Server, Session};

/// Bytes of a page at most.
pub const LARGEST: usize = 150_000;

/// A page as it came.
pub struct Page {
    pub path: String,
    pub text: String,
}

fn select<'a>(page: &'a Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    page.select(&Selector::parse(selector).expect("a selector"))
        .collect()
}

/// Pages and their twins, breadth first; links to the same page with other numbers count as others.
pub async fn crawl(server: &Server, session: &Session, most: usize) -> Vec<Page> {
    let mut seen = BTreeSet::from(["/".to_owned()]);
    let mut waiting = VecDeque::from(["/".to_owned()]);
    let mut pages = Vec::new();
    while let Some(path) = waiting.pop_front() {
        if pages.len() == most {
            break;
        }
        let answer = server.get(&path, session).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let kind = answer.headers()["content-type"]
            .to_str()
            .expect("text")
            .to_owned();
        let text = answer.text().await.expect("text");
        if kind.starts_with("text/html") {
            let page = Html::parse_document(&text);
            for link in select(&page, "a[href]") {
                let href = link.value().attr("href").expect("it has one");
                if href.starts_with('/') && seen.insert(href.to_owned()) {
                    waiting.push_back(href.to_owned());
                }
            }
        }
        pages.push(Page { path, text });
    }
    pages
}

/// Nothing in it runs, nothing leads or reaches elsewhere, and it is not too long.
pub fn inert(page: &Page) {
    let path = &page.path;
    assert!(
        page.text.len() <= LARGEST,
        "{path}: {} bytes",
        page.text.len()
    );
    let turns = |text: &str| text.contains(['\u{202e}', '\u{2066}', '\0']);
    let is_page = page.text.starts_with("<!doctype html>");
    let seen = if is_page {
        shown(&page.text)
    } else {
        page.text.clone()
    };
    assert!(
        !turns(&seen),
        "{path} holds characters that turn text around"
    );
    if !page.text.starts_with("<!doctype html>") {
        return;
    }
    let html = Html::parse_document(&page.text);
    assert_eq!(select(&html, "head > title").len(), 1, "{path}");
    assert!(
        select(&html, "style, iframe, object, embed, base, template, math").is_empty(),
        "{path}"
    );
    for script in select(&html, "script") {
        let src = script.value().attr("src").unwrap_or_default();
        assert!(
            src.starts_with("/assets/weir.js"),
            "{path}: a script of {src:?}"
        );
        assert!(
            script.text().all(|t| t.trim().is_empty()),
            "{path}: an inline script"
        );
    }
    for element in select(&html, "*") {
        for (name, value) in element.value().attrs() {
            assert!(
                !name.starts_with("on") && name != "style" && name != "srcdoc",
                "{path}: {name}"
            );
            let leads = matches!(
                name,
                "href" | "src" | "action" | "formaction" | "xlink:href" | "data" | "poster"
            );
            let here = value.starts_with(['/', '#', '?']) && !value.starts_with("//");
            assert!(!leads || here, "{path}: {name}={value:?}");
            // A form must send back what it is about, to the letter; nobody sees that.
            let unseen = element.value().attr("type") == Some("hidden")
                || element.value().name() == "option";
            assert!(unseen || !turns(value), "{path}: {name}={value:?}");
        }
    }
    for image in select(&html, "img") {
        let src = image.value().attr("src").unwrap_or_default();
        assert!(
            src.starts_with("/assets/icon.svg"),
            "{path}: an image of {src:?}"
        );
    }
}

/// The text of a page, without its markup.
pub fn shown(page: &str) -> String {
    Html::parse_document(page).root_element().text().collect()
}
