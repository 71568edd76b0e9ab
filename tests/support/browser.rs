//! A real browser without a screen, controlled over the WebDriver protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use super::daemon::Lines;
use super::http::connect;
use super::{folder, program, wait_for};

pub(crate) struct Browser {
    driver: Child,
    _log: Lines,
    address: String,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// A browser with a new profile and a screen of this size in pixels.
    pub(crate) fn open(width: u32, height: u32) -> Self {
        let browser = program("chromium", "chromium");
        let mut driver = program("chromedriver", "chromium-driver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = Lines::read(driver.stdout.take().unwrap());
        let port = wait_for("the browser's driver", || {
            let line = log.all().into_iter().find(|line| line.contains("successfully on port "))?;
            line.rsplit(' ').next()?.trim_end_matches('.').parse::<u16>().ok()
        });
        let profile = folder();
        let mut args: Vec<_> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ]
        .map(str::to_owned)
        .into();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        let mut opened = Self {
            driver,
            _log: log,
            address: format!("127.0.0.1:{port}"),
            session: String::new(),
            _profile: profile,
        };
        let chrome = json!({ "binary": browser.get_program().to_string_lossy(), "args": args });
        let wanted = json!({ "goog:chromeOptions": chrome, "goog:loggingPrefs": { "browser": "ALL" } });
        let session = opened.ask("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        opened.session = session["sessionId"].as_str().unwrap().to_owned();
        let screen =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        opened.command(
            "goog/cdp/execute",
            &json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": screen }),
        );
        opened
    }

    pub(crate) fn go(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    /// Runs a script in the page, and returns its result.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The value of a JavaScript expression as text.
    pub(crate) fn text(&self, expression: &str) -> String {
        self.run(&format!("return String({expression})")).as_str().unwrap().to_owned()
    }

    /// The errors that scripts raised or logged, without network errors.
    pub(crate) fn errors(&self) -> Vec<Value> {
        let entries = self.command("se/log", &json!({ "type": "browser" }));
        let own = |entry: &&Value| entry["level"] == "SEVERE" && entry["source"] != "network";
        entries.as_array().unwrap().iter().filter(own).cloned().collect()
    }

    /// The bytes that the page's scripts use after garbage collection, and the number of nodes in its
    /// document.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let ask = |name: &str| self.command("goog/cdp/execute", &json!({ "cmd": name, "params": json!({}) }));
        ask("HeapProfiler.collectGarbage");
        let used = ask("Runtime.getHeapUsage")["usedSize"].as_f64().unwrap();
        (used, ask("Memory.getDOMCounters")["nodes"].as_f64().unwrap())
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}/{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = connect(&self.address);
        let body = body.to_string();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}",
            self.address
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.split_once(':') else {
                if line.trim().is_empty() {
                    break;
                }
                continue;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert!(answer["value"]["error"].is_null(), "{method} {path}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver closes the browser when its session ends.
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.driver),
            rustix::process::Signal::TERM,
        );
        let _ = self.driver.wait();
    }
}
