//! The HTTP server of the daemon: metrics, probes, live events, and the requests that it rejects.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Write};

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::{Daemon, config};
use crate::support::http::{Response, address, connect, events, events_without_reading, get, raw};
use crate::support::recording::Recording;
use crate::support::{self, assert_says, folder, json, underfoot, wait_for};

/// Serves the page on a port that the system chooses.
const HTTP: &str = "[http]\nlisten = '127.0.0.1:0'\n";
const ROBOT: &str = "[[source]]\nkind = 'simulator'\nstream = 'rover'\nname = 'a \"quoted\" \\ name'\n";

/// Starts a daemon with the page and these sections, and returns it with the address of the page.
fn daemon(sections: &str) -> (Daemon, String) {
    let mut daemon = Daemon::run(&format!("{HTTP}{sections}"));
    let address = address(&mut daemon);
    (daemon, address)
}

/// Parses the Prometheus text format. The keys are names with labels. Fails if the text is invalid.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let (mut kinds, mut helped, mut family) = (HashMap::new(), HashSet::new(), "");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split_once(' ').unwrap().0;
            assert!(helped.insert(family), "{family} occurs twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, family, "the type comes after the help");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            kinds.insert(name, kind);
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()), "{line}");
            let own = match kinds[family] {
                "histogram" => {
                    ["_bucket", "_sum", "_count"].iter().any(|end| name == format!("{family}{end}"))
                }
                _ => name == family,
            };
            assert!(own, "{line} is in the family {family}");
            check_labels(labels);
            let value = if value == "+Inf" { f64::INFINITY } else { value.parse().unwrap() };
            assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} occurs twice");
        }
    }
    assert_eq!(helped.len(), kinds.len());
    samples
}

/// Fails unless the text in braces is a list of label names with escaped values.
fn check_labels(mut labels: &str) {
    while labels != "}" {
        let (name, rest) = labels.split_once("=\"").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        let mut escaped = false;
        let end = rest.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        labels = &rest[end.unwrap() + 1..];
        labels = labels.strip_prefix(',').unwrap_or(labels);
    }
}

/// Requests and parses the metrics.
fn metrics(address: &str) -> BTreeMap<String, f64> {
    let response = get(address, "/metrics");
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(response.body.ends_with('\n'));
    parse(&response.body)
}

/// The sum of all samples of a family.
fn sum(samples: &BTreeMap<String, f64>, family: &str) -> f64 {
    let own = |name: &&String| name.split('{').next() == Some(family);
    samples.keys().filter(own).map(|name| samples[name]).sum()
}

#[test]
fn metrics_parse_and_counters_grow() {
    let (daemon, address) = daemon(ROBOT);
    daemon.wait_for_output(3);
    let before = metrics(&address);
    for family in [
        "underfoot_samples_total",
        "underfoot_windows_total",
        "underfoot_predictions_total",
        "underfoot_inference_duration_seconds_count",
        "underfoot_latency_seconds_count",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "underfoot_streams",
        "underfoot_build_info",
        "underfoot_model_info",
    ] {
        assert!(sum(&before, family) > 0.0, "{family}: {before:#?}");
    }
    assert!(before.contains_key(r#"underfoot_samples_total{source="a \"quoted\" \\ name"}"#), "{before:#?}");
    assert_eq!(sum(&before, "underfoot_source_state"), 1.0, "a source is in exactly one state");
    assert_eq!(before["underfoot_dropped_total{reason=\"corrupt_frame\"}"], 0.0);
    assert_eq!(
        before["underfoot_latency_seconds_bucket{le=\"+Inf\"}"],
        before["underfoot_latency_seconds_count"]
    );
    wait_for("counters that grow", || {
        let now = metrics(&address);
        let grew = |family| sum(&now, family) > sum(&before, family);
        let steady = now.iter().all(|(name, value)| !name.contains("_total") || value >= &before[name]);
        assert!(steady, "{before:#?} {now:#?}");
        (grew("underfoot_samples_total")
            && grew("underfoot_predictions_total")
            && grew("underfoot_latency_seconds_count"))
        .then_some(())
    });
}

#[test]
fn dropped_messages_gaps_and_connections_are_counted() {
    let mut broker = Broker::start();
    let source = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n";
    let (_daemon, address) = daemon(&format!("{}{source}", broker.section()));
    broker.wait_for_subscription("robots/+/current");
    {
        let robot = Client::new(&broker, "nothing");
        robot.publish("robots/cart/current", "no numbers");
        // The last sample confirms the gap.
        for seconds in [1.0, 1.01, 1000.0, 1000.01] {
            robot.publish("robots/cart/current", format!("{{\"t\":{seconds},\"current\":1}}"));
        }
        wait_for("the gap", || {
            (metrics(&address)["underfoot_gaps_total{reason=\"gap\"}"] > 0.0).then_some(())
        });
    }
    let now = metrics(&address);
    assert_eq!(now["underfoot_dropped_total{reason=\"malformed\"}"], 1.0);
    assert_eq!((now["underfoot_mqtt_connected"], now["underfoot_mqtt_connects_total"]), (1.0, 1.0));
    broker.stop();
    wait_for("the lost connection", || (metrics(&address)["underfoot_mqtt_connected"] == 0.0).then_some(()));
    broker.up();
    wait_for("the new connection", || {
        (metrics(&address)["underfoot_mqtt_reconnects_total"] == 1.0).then_some(())
    });
}

#[test]
fn a_daemon_whose_sources_deliver_samples_is_alive_and_ready() {
    let (daemon, address) = daemon(ROBOT);
    daemon.wait_for_output(1);
    let live = get(&address, "/livez");
    assert_eq!((live.status, live.body.as_str()), (200, "ok\n"));
    let ready = get(&address, "/readyz");
    assert_eq!(ready.status, 200);
    let body = json(&ready.body);
    assert_eq!((&body["ready"], &body["model"]), (&true.into(), &"simulated".into()));
}

#[test]
fn a_silent_source_is_named_and_the_daemon_is_not_ready() {
    let config = config("").replace("'10m'", "'200ms'");
    let config = format!("{config}{HTTP}[[source]]\nkind = 'stdin'\nname = 'board'\n");
    let mut daemon = Daemon::with_config(&config);
    let address = address(&mut daemon);
    let ready = get(&address, "/readyz");
    assert_eq!(ready.status, 503);
    daemon.feed("1.0,1.0\n");
    let body = wait_for("the silence", || {
        let ready = get(&address, "/readyz");
        Some(json(&ready.body)).filter(|body| body["not_ok"][0]["state"] == "silent")
    });
    assert_eq!((&body["ready"], &body["not_ok"][0]["source"]), (&false.into(), &"board".into()));
    assert_eq!(get(&address, "/livez").status, 200, "a silent board is no reason to restart the daemon");
}

#[test]
fn a_daemon_whose_model_never_returns_is_not_alive() {
    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/stalling.onnx");
    let config = format!(
        "[model]\npath = {model:?}\n[limits]\ndrain = '200ms'\n{HTTP}[[source]]\nkind = 'stdin'\nstream = 'cart'\n"
    );
    let mut daemon = Daemon::with_config(&config);
    let address = address(&mut daemon);
    let samples: String = (0..30).map(|step| format!("{},1000.0\n", f64::from(step) / 100.0)).collect();
    daemon.feed(samples);
    let stuck = wait_for("the probe", || Some(get(&address, "/livez")).filter(|live| live.status == 503));
    assert_says(&stuck.body, &["the pipeline makes no progress"]);
    daemon.kill();
}

#[test]
fn only_requests_for_this_computers_names_and_the_configured_names_are_answered() {
    let (_daemon, address) = daemon(&ROBOT.replace("[[source]]", "hosts = ['robot.local']\n[[source]]"));
    let port = address.rsplit_once(':').unwrap().1;
    let request = |host: &str| raw(&address, &format!("GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    for host in
        ["localhost", &format!("localhost:{port}"), "127.0.0.1", "[::1]", &format!("robot.local:{port}")]
    {
        assert_eq!(request(host).status, 200, "{host}");
    }
    for path in ["/", "/metrics", "/events", "/nothing"] {
        let rejected = raw(&address, &format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n"));
        assert_eq!(rejected.status, 403, "{path}");
        assert_eq!(rejected.body.lines().count(), 1);
        assert_says(&rejected.body, &["evil.example", "set http.hosts = [\"evil.example\"]"]);
    }
    assert_eq!(raw(&address, "GET / HTTP/1.1\r\n\r\n").status, 403, "no host name");
}

#[test]
fn methods_that_could_change_something_are_rejected() {
    let (_daemon, address) = daemon(ROBOT);
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let request = format!("{method} /metrics HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n");
        let rejected = raw(&address, &request);
        assert_eq!((rejected.status, rejected.field("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    for path in ["/", "/metrics", "/livez", "/events"] {
        let head = raw(&address, &format!("HEAD {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
    assert_eq!(get(&address, "/../../etc/passwd").status, 404);
}

#[test]
fn every_response_forbids_browsers_to_load_anything_from_elsewhere() {
    let (_daemon, address) = daemon(ROBOT);
    for path in ["/", "/page.css", "/page.js", "/metrics", "/readyz", "/nothing"] {
        let response = get(&address, path);
        assert_says(
            response.field("content-security-policy").unwrap(),
            &["default-src 'self'", "frame-ancestors 'none'"],
        );
        assert_eq!(response.field("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.field("cache-control"), Some("no-store"), "{path}");
        assert_eq!(response.field("access-control-allow-origin"), None, "{path}");
    }
    for path in ["/", "/page.css", "/page.js"] {
        // The name of an XML namespace looks like an address, but browsers do not load anything from it.
        let body = get(&address, path).body.replace("xmlns='http://www.w3.org/2000/svg'", "");
        assert!(!body.is_empty(), "{path}");
        for elsewhere in ["http://", "https://", "=\"//", "='//", "url(//", "@import"] {
            assert!(
                !body.contains(elsewhere),
                "{path} has {elsewhere:?}: something would come from elsewhere"
            );
        }
    }
}

#[test]
fn a_port_in_use_is_reported_in_one_line() {
    let (_daemon, address) = daemon(ROBOT);
    let folder = folder();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config(&format!("[http]\nlisten = '{address}'\n{ROBOT}"))).unwrap();
    let mut command = underfoot(["run", "-c"]);
    let ran: support::Ran = command.arg(&file).output().unwrap().into();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let errors: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(
        errors,
        [format!(
            "error: http.listen is \"{address}\", and another program has that port; end it, or set another port"
        )]
    );
    let checked: support::Ran = underfoot(["check", "-c"]).arg(file).output().unwrap().into();
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.stdout.contains(&format!("failed  page: http.listen is \"{address}\"")), "{checked:?}");
}

#[test]
fn check_names_the_address_at_which_the_page_will_be_served() {
    let folder = folder();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config(&format!("[http]\nlisten = '127.0.0.1:0'\n{ROBOT}"))).unwrap();
    let checked: support::Ran = underfoot(["check", "-c"]).arg(file).output().unwrap().into();
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("ok      page: it will be served at http://127.0.0.1:"), "{checked:?}");
}

/// The data of all events with this name in the lines of an event stream.
fn bodies(lines: &[String], name: &str) -> Vec<serde_json::Value> {
    let event = format!("event: {name}");
    let named = lines.windows(2).filter(|pair| pair[0] == event);
    named.map(|pair| json(pair[1].strip_prefix("data: ").unwrap())).collect()
}

#[test]
fn live_events_agree_with_standard_output() {
    let (daemon, address) = daemon(ROBOT);
    let received = events(&address);
    let published = wait_for("predictions, traces and health", || {
        let lines = received.all();
        let all =
            ["hello", "trace", "health", "prediction"].iter().all(|name| !bodies(&lines, name).is_empty());
        let predictions = bodies(&lines, "prediction");
        (all && predictions.len() >= 5).then_some(predictions)
    });
    let lines = received.all();
    assert_eq!(lines[0], "HTTP/1.1 200 OK");
    assert!(
        lines.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")),
        "{lines:?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("retry: ")));
    assert!(lines.iter().any(|line| line.starts_with(": heartbeat")));
    let ids: Vec<u64> = lines.iter().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    assert!(ids.len() > 5 && ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    let hello = &bodies(&lines, "hello")[0];
    assert_eq!(hello["about"]["channels"][0]["unit"], "A");
    let labels: Vec<_> =
        hello["about"]["labels"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    for event in published {
        let printed = wait_for("the same prediction on standard output", || {
            daemon.stdout.all().into_iter().map(json).find(|line| line["t"] == event["t"])
        });
        for field in ["stream", "surface", "confidence"] {
            assert_eq!(printed[field], event[field], "{field}");
        }
        for (label, probability) in labels.iter().zip(event["probabilities"].as_array().unwrap()) {
            assert_eq!(&printed["probabilities"][label], probability);
        }
    }
    let spans = &bodies(&lines, "trace")[0]["spans"];
    let span: Vec<f64> = spans[0].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    assert!(span.len() == 4 && span[2] <= span[1] && span[1] <= span[3], "{span:?}");
}

#[test]
fn the_samples_and_predictions_of_the_last_half_minute_are_kept_for_pages_that_come_later() {
    let recording = Recording::tour(94, 1.0);
    let (mut daemon, address) = daemon("[[source]]\nkind = 'stdin'\nstream = 'mule <b>\"2\"'\n");
    // What comes before the stream has begun on the page is not kept.
    daemon.feed(recording.csv(0..110));
    daemon.wait_for_output(1);
    daemon.feed(recording.csv(110..300));
    daemon.wait_for_output(20);
    let trace = get(&address, "/trace?stream=mule%20%3Cb%3E%222%22");
    assert_eq!((trace.status, trace.field("content-type")), (200, Some("application/json")));
    let body = json(&trace.body);
    let spans: Vec<Vec<f64>> = serde_json::from_value(body["spans"].clone()).unwrap();
    // The last 190 samples are 1.9 s; the newest span is not complete.
    assert!((36..=61).contains(&spans.len()), "{}", spans.len());
    assert!(spans.windows(2).all(|pair| pair[0][0] < pair[1][0]));
    assert!(spans.iter().all(|span| span.len() == 4 && span[2] <= span[1] && span[1] <= span[3]));
    assert_eq!(body["beyond"], false);
    // How many predictions are far enough apart to be shown depends on how fast the samples were read.
    // The one before the last number, the novelty, is null, because the model does not say it.
    let predictions =
        body["predictions"].as_array().unwrap().iter().map(|row| row.as_array().unwrap().clone());
    let predictions: Vec<Vec<f64>> =
        predictions.map(|row| row.iter().map(|value| value.as_f64().unwrap_or_default()).collect()).collect();
    assert!((1..=20).contains(&predictions.len()), "{}", predictions.len());
    let sum = |row: &[f64]| row[1..row.len() - 2].iter().sum::<f64>();
    assert!(predictions.iter().all(|row| (sum(row) - 1.0).abs() < 1e-2), "{predictions:?}");
    for unknown in ["/trace", "/trace?stream=rover", "/trace?stream=%ff", "/trace?stream="] {
        assert_eq!(get(&address, unknown).status, 404, "{unknown}");
    }
}

#[test]
fn pages_of_other_sites_get_no_events_and_no_trace() {
    let (_daemon, address) = daemon(ROBOT);
    for (path, site) in
        [("events", "cross-site"), ("events", "same-site"), ("trace?stream=rover", "cross-site")]
    {
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nSec-Fetch-Site: {site}\r\n\r\n");
        assert_eq!(raw(&address, &request).status, 403, "{path} {site}");
    }
    let link = format!("GET / HTTP/1.1\r\nHost: {address}\r\nSec-Fetch-Site: cross-site\r\n\r\n");
    assert_eq!(raw(&address, &link).status, 200, "links from other sites to the page work");
}

#[test]
fn pages_over_the_limit_are_rejected_until_another_page_is_closed() {
    let (_daemon, address) = daemon(ROBOT);
    let mut pages: Vec<_> = (0..8)
        .map(|_| {
            let (page, status) = events_without_reading(&address);
            assert_says(&status, &["200 OK"]);
            page
        })
        .collect();
    let rejected: Response = get(&address, "/events");
    assert_eq!((rejected.status, rejected.field("retry-after")), (503, Some("5")));
    assert_eq!(metrics(&address)["underfoot_http_pages"], 8.0, "other requests are answered");
    pages.pop();
    wait_for("a free page", || events_without_reading(&address).1.contains("200 OK").then_some(()));
}

#[test]
fn idle_connections_are_closed_and_other_clients_are_served() {
    let (_daemon, address) = daemon(ROBOT);
    let mut idle: Vec<_> = (0..40).map(|_| connect(&address)).collect();
    idle[1].write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
    assert_eq!(get(&address, "/livez").status, 200);
    for stream in &mut idle[..2] {
        let mut answer = Vec::new();
        // The read must end because the daemon closes the connection, not by the client's own timeout. It ends
        // with a reset if the client has sent something since then.
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    }
}

#[test]
fn a_request_that_is_too_large_or_not_http_is_rejected() {
    let (_daemon, address) = daemon(ROBOT);
    let large = format!("GET /{} HTTP/1.1\r\nHost: {address}\r\n\r\n", "x".repeat(100_000));
    assert_eq!(raw(&address, &large).status, 431);
    let many: String = (0..200).map(|number| format!("X{number}: y\r\n")).collect();
    let many = raw(&address, &format!("GET / HTTP/1.1\r\nHost: {address}\r\n{many}\r\n"));
    assert_eq!(many.status, 431);
    assert_eq!(raw(&address, "what is this\r\n\r\n").status, 400);
    assert_eq!(get(&address, "/livez").status, 200);
}

#[test]
fn an_open_page_does_not_delay_the_end_of_the_daemon() {
    let (daemon, address) = daemon(ROBOT);
    let received = events(&address);
    wait_for("the first event", || (received.count("event: health") > 0).then_some(()));
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
}

#[test]
fn probes_are_answered_whatever_slow_clients_do() {
    let (_daemon, address) = daemon(ROBOT);
    // More than are served at once: some send nothing, some a part of a request.
    let mut slow = Vec::new();
    for index in 0..200 {
        let mut client = connect(&address);
        if index % 2 == 0 {
            client.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
        }
        slow.push(client);
        if index % 20 == 0 {
            assert_eq!(get(&address, "/livez").status, 200, "after {index} slow clients");
        }
    }
    let begun = std::time::Instant::now();
    for _ in 0..7 {
        assert_eq!(get(&address, "/livez").status, 200);
    }
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(2), "probes do not wait for slow clients: {took:?}");
}

#[test]
fn a_daemon_of_which_one_inference_thread_never_returns_is_not_alive() {
    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/stalling.onnx");
    let config = format!(
        "[model]\npath = {model:?}\nthreads = 2\nbatch = 1\n[limits]\ndrain = '200ms'\n{HTTP}[[source]]\nkind = 'stdin'\nstream = 'cart'\n"
    );
    let mut daemon = Daemon::with_config(&config);
    let address = address(&mut daemon);
    // Only the first window has the value that stalls the model; the other thread goes on with the rest.
    daemon.feed("0.0,1000.0\n");
    let mut step = 1;
    let stuck = wait_for("the probe", || {
        daemon.feed(format!("{},1.0\n", f64::from(step) / 100.0));
        step += 1;
        Some(get(&address, "/livez")).filter(|live| live.status == 503)
    });
    assert_says(&stuck.body, &["the pipeline makes no progress"]);
    assert!(daemon.stdout.all().is_empty(), "the first prediction never came");
    daemon.kill();
}
