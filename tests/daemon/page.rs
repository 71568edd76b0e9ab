//! The live page, in a real browser.

use std::time::{Duration, Instant};

use crate::support::browser::Browser;
use crate::support::daemon::Daemon;
use crate::support::http::address;
use crate::support::{json, wait_for};

const NAMES: [&str; 3] = ["crawler", "mule <b>\"2\"", "rover"];

/// Three simulated robots, and the page at this address.
fn robots(listen: &str) -> String {
    let robots = NAMES.iter().enumerate().map(|(seed, name)| {
        format!("[[source]]\nkind = 'simulator'\nname = 'robot{seed}'\nstream = '{name}'\nseed = {seed}\n")
    });
    format!("[http]\nlisten = '{listen}'\n{}", robots.collect::<String>())
}

fn names(browser: &Browser) -> Vec<String> {
    let names =
        browser.run("return [...document.querySelectorAll('.card .name')].map((name) => name.textContent)");
    names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// What every canvas of a kind looks like.
fn pictures(browser: &Browser, kind: &str) -> Vec<String> {
    let script =
        format!("return [...document.querySelectorAll('canvas.{kind}')].map((canvas) => canvas.toDataURL())");
    browser.run(&script).as_array().unwrap().iter().map(|url| url.as_str().unwrap().to_owned()).collect()
}

/// The surface that standard output said last of a stream.
fn said(daemon: &Daemon, stream: &str) -> Option<String> {
    let lines = daemon.stdout.all();
    let newest = lines.iter().rev().map(json).find(|line| line["stream"] == stream)?;
    Some(newest["surface"].as_str()?.to_owned())
}

/// Waits until each card names a surface, and that the same which standard output names.
fn agrees(browser: &Browser, daemon: &Daemon) {
    for (index, stream) in NAMES.iter().enumerate() {
        wait_for(&format!("the surface of {stream}"), || {
            let shown =
                browser.text(&format!("document.querySelectorAll('.card .word')[{index}].textContent"));
            (shown != "unknown" && said(daemon, stream) == Some(shown)).then_some(())
        });
    }
}

fn overall(browser: &Browser, part: &str) {
    wait_for(&format!("{part:?} at the top"), || {
        browser.text("document.getElementById('overall').textContent").contains(part).then_some(())
    });
}

#[test]
fn the_page_shows_every_stream_and_comes_back_after_the_daemon_does() {
    let mut daemon = Daemon::run(&robots("127.0.0.1:0"));
    let address = address(&mut daemon);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));

    wait_for("three streams", || (names(&browser) == NAMES).then_some(()));
    overall(&browser, "All is well: 3 streams");
    agrees(&browser, &daemon);
    for kind in ["trace", "likely", "times"] {
        let before = pictures(&browser, kind);
        assert_eq!(before.len(), 3);
        wait_for(&format!("moving pictures of {kind}"), || {
            let now = pictures(&browser, kind);
            before.iter().zip(&now).all(|(before, now)| before != now).then_some(())
        });
    }
    let bars = browser.run("return document.querySelectorAll('.card .bars li').length");
    assert_eq!(bars, 18, "six surfaces a stream");
    let wide = browser.run("return document.documentElement.scrollWidth <= window.innerWidth");
    assert_eq!(wide, true, "nothing sticks out");
    assert_eq!(browser.text("document.getElementById('lost').hidden"), "true");

    daemon.kill();
    let notice = wait_for("the notice", || {
        let text =
            "document.getElementById('lost').hidden ? '' : document.getElementById('lost').textContent";
        Some(browser.text(text)).filter(|text| !text.is_empty())
    });
    assert!(notice.contains("connection to the daemon was lost"), "{notice}");
    overall(&browser, "No connection");

    let daemon = Daemon::run(&robots(&address));
    wait_for("the page to come back", || {
        (browser.text("document.getElementById('lost').hidden") == "true").then_some(())
    });
    overall(&browser, "All is well: 3 streams");
    assert_eq!(names(&browser), NAMES);
    agrees(&browser, &daemon);
    assert_eq!(browser.faults(), Vec::<serde_json::Value>::new());
}

#[test]
fn the_page_fits_a_telephone_and_names_what_is_wrong() {
    let mut daemon = Daemon::run(&format!(
        "{}[[source]]\nkind = 'serial'\nport = '/dev/no-such-board'\nname = 'board'\n",
        robots("127.0.0.1:0")
    ));
    let address = address(&mut daemon);
    let browser = Browser::open(390, 844);
    browser.go(&format!("http://{address}/"));
    overall(&browser, "board is connecting");
    wait_for("three streams", || (names(&browser) == NAMES).then_some(()));
    let wide = browser.run("return document.documentElement.scrollWidth <= window.innerWidth");
    assert_eq!(wide, true, "nothing sticks out");
    let state = browser.text("[...document.querySelectorAll('#sources tr')].at(-1).children[1].textContent");
    assert!(state.contains("connecting"), "{state}");
    assert_eq!(browser.faults(), Vec::<serde_json::Value>::new());
}

#[test]
#[ignore = "it takes ten minutes; cargo test --test daemon page:: -- --ignored --nocapture"]
fn the_page_left_open_for_ten_minutes_holds_no_more_than_before() {
    let mut daemon = Daemon::run(&robots("127.0.0.1:0"));
    let address = address(&mut daemon);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));
    overall(&browser, "All is well: 3 streams");
    let begun = Instant::now();
    let mut held = Vec::new();
    for minute in 0..=10 {
        // Time itself is what is tried here.
        std::thread::sleep(
            (begun + Duration::from_secs(60 * minute)).saturating_duration_since(Instant::now()),
        );
        held.push(browser.memory());
        println!("after {minute} minutes: {:?}", held[held.len() - 1]);
    }
    // The traces and timelines are full after two minutes.
    let (early, late) = (held[2], held[10]);
    assert!(late.0 < 1.1 * early.0 && late.1 < 1.1 * early.1, "{held:?}");
    assert_eq!(browser.faults(), Vec::<serde_json::Value>::new());
}
