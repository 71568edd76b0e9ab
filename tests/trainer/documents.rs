//! Checks the README and the pages of docs/: that links lead somewhere, and that commands exist.

use clap::CommandFactory;
use underfoot::signal::DropReason;

use crate::programs;
use crate::support::markdown::{Page, commands, root};

#[test]
fn every_link_and_anchor_of_the_pages_leads_somewhere() {
    let mut broken = Vec::new();
    for page in Page::all() {
        for link in page.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target =
                page.target(if file.is_empty() { page.path.rsplit('/').next().unwrap() } else { file });
            if !target.exists() {
                broken.push(format!("{}: {link} is not there", page.path));
            } else if !anchor.is_empty() {
                let path = target.canonicalize().unwrap();
                let root = root().canonicalize().unwrap();
                let other = Page::read(path.strip_prefix(root).unwrap().to_str().unwrap());
                if !other.anchors().contains(anchor) {
                    broken.push(format!("{}: {link} names no heading of that page", page.path));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_page_of_docs_is_in_its_index() {
    let index = Page::read("docs/README.md");
    let links = index.links();
    for page in Page::all() {
        if let Some(name) = page.path.strip_prefix("docs/").filter(|name| *name != "README.md") {
            assert!(links.iter().any(|link| link == name), "docs/README.md does not name {name}");
        }
    }
}

#[test]
fn every_command_of_the_pages_is_one_that_the_programs_understand() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for page in Page::all() {
        for words in page.blocks(None, "sh").iter().flat_map(|block| commands(block)) {
            let program = match words[0].rsplit('/').next() {
                Some("underfoot") => programs::daemon::Cli::command(),
                Some("underfoot-train") => programs::trainer::Cli::command(),
                _ => continue,
            };
            count += 1;
            match program.try_get_matches_from(&words) {
                Err(error) if error.use_stderr() => {
                    wrong.push(format!("{}: {}: {error}", page.path, words.join(" ")));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 20, "the pages have only {count} commands");
}

#[test]
fn every_reason_to_drop_something_is_explained() {
    let page = std::fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap();
    for reason in DropReason::ALL {
        let row = format!("\n| `{}` | ", reason.name());
        assert!(page.contains(&row), "docs/troubleshooting.md does not explain {}", reason.name());
    }
}
