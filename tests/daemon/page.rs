//! The live page, in a real browser.

use std::time::{Duration, Instant};

use crate::support::browser::Browser;
use crate::support::daemon::Daemon;
use crate::support::http::address;
use crate::support::novelty::{NOVEL_CURRENT, model_with_novelty};
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
    wait_for_overall(&browser, "No problems: 3 streams");
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
    wait_for_overall(&browser, "No problems: 3 streams");
    assert_eq!(names(&browser), NAMES);
    wait_for_surfaces(&browser, &daemon);
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}

/// A configuration with the page, and with standard input as the stream `zebra`.
const ZEBRA: &str = "[http]\nlisten = '127.0.0.1:0'\n[[source]]\nkind = 'stdin'\nstream = 'zebra'\n";

/// With these settings the first window already decides a surface, whatever its confidence.
const DECIDE: &str = "[decide]\nmin_confidence = 0.0\nhysteresis = 0.0\n";

/// Waits until the text of the element has this part, and returns it.
fn wait_for_text(browser: &Browser, selector: &str, part: &str) -> String {
    wait_for(&format!("{part:?} in {selector}"), || {
        let text = browser.text(&format!("document.querySelector(\"{selector}\")?.textContent"));
        text.contains(part).then_some(text)
    })
}

fn click(browser: &Browser, selector: &str) {
    browser.run(&format!("document.querySelector(\"{selector}\").click()"));
}

/// The names of the lines that the overview shows, in their order.
fn lines(browser: &Browser) -> Vec<String> {
    let shown =
        "return [...document.querySelectorAll('.line:not([hidden]) .open')].map((open) => open.textContent)";
    browser.run(shown).as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_card_of_a_stuck_robot_says_why_and_how_to_fix_it_and_names_no_surface() {
    let recording = Recording::tour(96, 20.0);
    let mut daemon = Daemon::run(&format!("{DECIDE}{ZEBRA}"));
    let address = address(&mut daemon);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));
    // The samples come little by little, because only one prediction in 150 ms is shown.
    let mut fed = 0;
    wait_for("a surface", || {
        daemon.feed(recording.csv(fed..fed + 20));
        fed += 20;
        let good =
            browser.text("document.querySelector('.card:not(.bad, .undecided) .confidence')?.textContent");
        good.ends_with(" % confidence").then_some(())
    });
    assert_eq!(browser.text("document.querySelector('.card .trouble').hidden"), "true");
    let fixes = wait_for("the fix", || {
        let stuck = recording.rows[fed..fed + 20].iter().map(|(t, _)| format!("{t},1.4321\n"));
        daemon.feed(stuck.collect::<String>());
        fed += 20;
        let fixes = browser.text("document.querySelector('.card.bad .fixes')?.textContent");
        fixes.contains("check the sensor").then_some(fixes)
    });
    assert_eq!(fixes, "Current stays at 1.4321 A; check the sensor and its wires.");
    wait_for_text(&browser, ".card.bad .why", "Unknown: current is stuck.");
    wait_for_text(&browser, ".card.bad .changes", "unknown: current is stuck");
    assert_eq!(browser.text("document.querySelector('.card .confidence').textContent"), "");
    assert_eq!(browser.text("document.querySelector('.card').classList.contains('undecided')"), "true");
    wait_for_text(&browser, ".card .share-of", "Probability of each surface, by the last window; no surface");
    let grey = browser.text("getComputedStyle(document.querySelector('.card .fill')).backgroundColor");
    assert_eq!(grey, "rgb(87, 96, 106)", "the bars do not have the colours of surfaces");
    wait_for_overall(&browser, "zebra: current is stuck");
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}

#[test]
fn the_card_of_a_robot_on_a_novel_surface_says_between_which_surfaces_it_is() {
    let novel = |row: usize, value: f64| if row >= 300 { value + 2.0 * NOVEL_CURRENT } else { value };
    let (folder, recording) = (folder(), Recording::tour(97, 4.0).with(novel));
    let model = model_with_novelty(folder.path(), 0.0);
    let mut daemon =
        Daemon::with_config(&format!("[model]\npath = {model:?}\n[limits]\nsilence = '10m'\n{ZEBRA}"));
    let address = address(&mut daemon);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));
    daemon.feed(recording.csv(0..1000));
    let why = wait_for_text(&browser, ".card.bad .why", "Unknown: unlike the training data, between ");
    assert!(why.matches(", ").count() == 3 && why.ends_with(" and others."), "{why}");
    wait_for_text(&browser, ".card.bad .fixes", "record it with its label and fit the model again");
    assert_eq!(browser.text("document.querySelector('.card .candidates').hidden"), "true");
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}

#[test]
fn many_robots_have_an_overview_with_problems_first_a_filter_and_cards_that_open() {
    let robots: String = (1..=9)
        .map(|robot| format!("[[source]]\nkind = 'simulator'\nname = 's{robot}'\nstream = 'robot-{robot}'\nseed = {robot}\n"))
        .collect();
    let robots = format!("{robots}[[source]]\nkind = 'simulator'\nname = 's10'\nstream = 'robot-10'\n");
    let stuck = |row: usize, value: f64| if row >= 100 { 1.4321 } else { value };
    let recording = Recording::tour(98, 1.0).with(stuck);
    let mut daemon = Daemon::run(&format!("{DECIDE}{ZEBRA}{robots}"));
    let address = address(&mut daemon);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));
    daemon.feed(recording.csv(0..500));
    let in_order: Vec<_> =
        std::iter::once("zebra".to_owned()).chain((1..=10).map(|robot| format!("robot-{robot}"))).collect();
    wait_for("the stuck robot before the others", || (lines(&browser) == in_order).then_some(()));
    assert_eq!(names(&browser), Vec::<String>::new(), "no card is open");
    wait_for_text(
        &browser,
        ".line.bad .problem",
        "Current stays at 1.4321 A; check the sensor and its wires.",
    );
    wait_for_text(&browser, "#count", "11 robots, 1 with a problem");
    wait_for("every surface with its confidence", || {
        let text = "[...document.querySelectorAll('.line .confidence')].filter(({ textContent }) => textContent.endsWith(' %')).length";
        (browser.text(text) == "10").then_some(())
    });
    let fits = "document.documentElement.scrollWidth <= window.innerWidth";
    assert_eq!(browser.text(fits), "true", "nothing is wider than the window");

    let filter = |text: &str| {
        browser.run(&format!(
            "const filter = document.getElementById('filter'); filter.value = {text:?}; filter.dispatchEvent(new Event('input'))"
        ));
    };
    filter("BOT-1");
    assert_eq!(lines(&browser), ["robot-1", "robot-10"]);
    wait_for_text(&browser, "#count", "; 2 shown");
    filter("");
    click(&browser, "#only-problems");
    assert_eq!(lines(&browser), ["zebra"]);
    click(&browser, "#only-problems");

    click(&browser, ".line[data-stream='robot-2'] .open");
    click(&browser, ".line.bad td:last-child");
    assert_eq!(names(&browser), ["zebra", "robot-2"], "each card is below its line");
    wait_for_text(&browser, ".line.bad + .place .card.bad .why", "Unknown: current is stuck.");
    wait_for_text(&browser, ".line[data-stream='robot-2'] + .place .card .newest", "now");
    browser.run("location.reload()");
    wait_for("the same open cards after a reload", || {
        (names(&browser) == ["zebra", "robot-2"]).then_some(())
    });
    click(&browser, ".line[data-stream='robot-2'] .open");
    assert_eq!(names(&browser), ["zebra"]);
    let expanded =
        "[...document.querySelectorAll('.open')].filter((open) => open.ariaExpanded === 'true').length";
    assert_eq!(browser.text(expanded), "1");
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}

#[test]
fn a_page_that_is_loaded_again_shows_the_trace_of_the_time_before() {
    let recording = Recording::tour(99, 1.0);
    let mut daemon = Daemon::run(ZEBRA);
    let address = address(&mut daemon);
    // No page is open while the samples come, and none comes while it is.
    daemon.feed(recording.csv(0..110));
    daemon.wait_for_output(1);
    daemon.feed(recording.csv(110..300));
    daemon.wait_for_output(20);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));
    for _ in 0..2 {
        wait_for("the newest sample", || {
            let newest = browser.text("document.querySelector('.card .newest')?.textContent");
            (newest == "now" || newest.ends_with(" ago")).then_some(())
        });
        let coloured = "const canvas = document.querySelector('canvas.trace'); \
             const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height); \
             let pixels = 0; \
             for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 0 && data[at + 2] - data[at] > 60) pixels++; \
             return pixels";
        wait_for("the line of the channel", || (browser.run(coloured).as_u64()? > 50).then_some(()));
        browser.run("location.reload()");
    }
    assert_eq!(browser.errors(), Vec::<serde_json::Value>::new());
}

#[test]
fn the_space_bar_stops_the_charts_while_data_arrives_and_the_range_and_the_time_can_be_chosen() {
    let mut daemon = Daemon::run(&robots("127.0.0.1:0"));
    let address = address(&mut daemon);
    let browser = Browser::open(1280, 900);
    browser.go(&format!("http://{address}/"));
    wait_for_surfaces(&browser, &daemon);
    let key = |key: &str| {
        browser.run(&format!(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key: {key:?}, bubbles: true }}))"
        ));
    };
    let wait_for_reports = || {
        let count = || browser.text("[...document.querySelectorAll('#facts dd')].at(-2).textContent");
        for _ in 0..2 {
            let before = count();
            wait_for("more predictions", || (count() != before).then_some(()));
        }
    };
    key(" ");
    wait_for_text(&browser, "#pause", "Resume");
    wait_for_text(&browser, "#stands", "new samples still arrive");
    wait_for_reports();
    let stopped = ["trace", "likely", "times"].map(|kind| pictures(&browser, kind));
    wait_for_reports();
    assert!(
        ["trace", "likely", "times"].map(|kind| pictures(&browser, kind)) == stopped,
        "the charts stand still"
    );
    key("ArrowLeft");
    wait_for("an earlier time", || (pictures(&browser, "trace") != stopped[0]).then_some(()));
    key(" ");
    wait_for_text(&browser, "#pause", "Pause");
    let moving = pictures(&browser, "trace");
    wait_for("moving charts", || (pictures(&browser, "trace") != moving).then_some(()));

    click(&browser, "#ranges button:last-child");
    assert_eq!(browser.text("document.querySelector('#ranges [aria-pressed=true]').textContent"), "1 h");
    wait_for("a description of the hour", || {
        let label = browser.text("document.querySelector('canvas.trace').ariaLabel");
        label.contains("current over the last 1 h, from ").then_some(())
    });
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
    wait_for_overall(&browser, "No problems: 3 streams");
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
