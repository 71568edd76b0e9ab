//! The live page, in a real browser.

use std::time::{Duration, Instant};

use crate::support::browser::Browser;
use crate::support::daemon::Daemon;
use crate::support::http::address;
use crate::support::novelty::model_with_novelty;
use crate::support::recording::Recording;
use crate::support::{folder, json, wait_for};

const NAMES: [&str; 3] = ["crawler", "mule <b>\"2\"", "rover"];

/// A configuration with three simulated robots and the page at this address.
fn robots(listen: &str) -> String {
    let robots = NAMES.iter().enumerate().map(|(seed, name)| {
        format!("[[source]]\nkind = 'simulator'\nname = 'robot{seed}'\nstream = '{name}'\nseed = {seed}\n")
    });
    format!("[http]\nlisten = '{listen}'\n{}", robots.collect::<String>())
}

/// The names on the cards, in their order.
fn names(browser: &Browser) -> Vec<String> {
    let names =
        browser.run("return [...document.querySelectorAll('.card .name')].map((name) => name.textContent)");
    names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The image of every canvas of a kind, as a data URL.
fn pictures(browser: &Browser, kind: &str) -> Vec<String> {
    let script =
        format!("return [...document.querySelectorAll('canvas.{kind}')].map((canvas) => canvas.toDataURL())");
    browser.run(&script).as_array().unwrap().iter().map(|url| url.as_str().unwrap().to_owned()).collect()
}

/// The newest surface of a stream on standard output.
fn printed_surface(daemon: &Daemon, stream: &str) -> Option<String> {
    let lines = daemon.stdout.all();
    let newest = lines.iter().rev().map(json).find(|line| line["stream"] == stream)?;
    Some(newest["surface"].as_str()?.to_owned())
}

/// Waits until each card shows a surface and it is the one on standard output.
fn wait_for_surfaces(browser: &Browser, daemon: &Daemon) {
    for (index, stream) in NAMES.iter().enumerate() {
        wait_for(&format!("the surface of {stream}"), || {
            let shown =
                browser.text(&format!("document.querySelectorAll('.card .word')[{index}].textContent"));
            (shown != "unknown" && printed_surface(daemon, stream) == Some(shown)).then_some(())
        });
    }
}

/// Waits until the line at the top contains `part`.
fn wait_for_overall(browser: &Browser, part: &str) {
    wait_for(&format!("{part:?} at the top"), || {
        browser.text("document.getElementById('overall').textContent").contains(part).then_some(())
    });
}

#[test]
fn the_page_shows_every_stream_and_reconnects_when_the_daemon_is_back() {
    let mut daemon = Daemon::run(&robots("127.0.0.1:0"));
    let address = address(&mut daemon);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));

    wait_for("three streams", || (names(&browser) == NAMES).then_some(()));
    wait_for_overall(&browser, "All is well: 3 streams");
    wait_for_surfaces(&browser, &daemon);
    for kind in ["trace", "likely", "times"] {
        let before = pictures(&browser, kind);
        assert_eq!(before.len(), 3);
        wait_for(&format!("moving pictures of {kind}"), || {
            let now = pictures(&browser, kind);
            before.iter().zip(&now).all(|(before, now)| before != now).then_some(())
        });
    }
    let bars = browser.run("return document.querySelectorAll('.card .bars li').length");
    assert_eq!(bars, 18, "six surfaces per stream");
    let fits = browser.run("return document.documentElement.scrollWidth <= window.innerWidth");
    assert_eq!(fits, true, "nothing is wider than the window");
    assert_eq!(browser.text("document.getElementById('lost').hidden"), "true");

    daemon.kill();
    let notice = wait_for("the notice", || {
        let text =
            "document.getElementById('lost').hidden ? '' : document.getElementById('lost').textContent";
        Some(browser.text(text)).filter(|text| !text.is_empty())
    });
    assert!(notice.contains("connection to the daemon was lost"), "{notice}");
    wait_for_overall(&browser, "No connection");

    let daemon = Daemon::run(&robots(&address));
    wait_for("the page to reconnect", || {
        (browser.text("document.getElementById('lost').hidden") == "true").then_some(())
    });
    wait_for_overall(&browser, "All is well: 3 streams");
    assert_eq!(names(&browser), NAMES);
    wait_for_surfaces(&browser, &daemon);
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}

#[test]
fn the_page_fits_a_phone_and_names_a_problem() {
    let mut daemon = Daemon::run(&format!(
        "{}[[source]]\nkind = 'serial'\nport = '/dev/no-such-board'\nname = 'board'\n",
        robots("127.0.0.1:0")
    ));
    let address = address(&mut daemon);
    let browser = Browser::open(390, 844);
    browser.go(&format!("http://{address}/"));
    wait_for_overall(&browser, "board is connecting");
    wait_for("three streams", || (names(&browser) == NAMES).then_some(()));
    let fits = browser.run("return document.documentElement.scrollWidth <= window.innerWidth");
    assert_eq!(fits, true, "nothing is wider than the window");
    let state = browser.text("[...document.querySelectorAll('#sources tr')].at(-1).children[1].textContent");
    assert!(state.contains("connecting"), "{state}");
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}

#[test]
fn the_page_shows_the_novelty_and_the_candidates_of_a_model_that_says_them() {
    let (folder, recording) = (folder(), Recording::tour(95, 2.0));
    let model = model_with_novelty(folder.path(), 0.0);
    let mut daemon = Daemon::with_config(&format!(
        "[model]\npath = {model:?}\n[limits]\nsilence = '10m'\n[http]\nlisten = '127.0.0.1:0'\n\
         [[source]]\nkind = 'stdin'\nstream = 'cart'\n"
    ));
    let address = address(&mut daemon);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));
    daemon.feed(recording.csv(0..50));
    wait_for("the stream", || (names(&browser) == ["cart"]).then_some(()));
    daemon.feed(recording.csv(50..recording.rows.len()));
    wait_for("the candidates", || {
        let shown = browser.text("document.querySelector('.card .candidates:not([hidden])')?.textContent");
        (shown.matches(", ").count() == 2 && shown.ends_with(" or others")).then_some(())
    });
    wait_for("the novelty", || {
        let number = browser.text("document.querySelector('.card .quality .novelty').textContent");
        (number == "0.00").then_some(())
    });
    assert_eq!(browser.text("document.querySelector('.card .unlike').hidden"), "false");
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}

#[test]
#[ignore = "it takes ten minutes; cargo test --test daemon page:: -- --ignored --nocapture"]
fn a_page_left_open_for_ten_minutes_uses_no_more_memory() {
    let mut daemon = Daemon::run(&robots("127.0.0.1:0"));
    let address = address(&mut daemon);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));
    wait_for_overall(&browser, "All is well: 3 streams");
    let started = Instant::now();
    let mut used = Vec::new();
    for minute in 0..=10 {
        // The test is about the passing of real time, so it sleeps.
        std::thread::sleep(
            (started + Duration::from_secs(60 * minute)).saturating_duration_since(Instant::now()),
        );
        used.push(browser.memory());
        println!("after {minute} minutes: {:?}", used[used.len() - 1]);
    }
    // The traces and timelines have reached their full length after two minutes.
    let (early, late) = (used[2], used[10]);
    assert!(late.0 < 1.1 * early.0 && late.1 < 1.1 * early.1, "{used:?}");
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}
