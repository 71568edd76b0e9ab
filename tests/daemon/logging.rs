//! The format and the level of the log.

use crate::support::daemon::{Daemon, config};
use crate::support::{Ran, folder, underfoot};
use serde_json::Value;

#[test]
fn the_log_has_json_lines_with_fields_if_the_format_is_json() {
    let folder = folder();
    let file = folder.path().join("underfoot.toml");
    std::fs::write(&file, config("[[source]]\nkind = 'stdin'\nstream = 'cart'\n")).unwrap();
    let mut command = underfoot(["run", "--stdout", "-c"]);
    command.arg(file).env("UNDERFOOT_LOG_FORMAT", "json");
    let mut daemon = Daemon::command(command);
    daemon.wait_for_line("\"ready\"");
    let ended = daemon.terminate();
    let lines: Vec<Value> = ended.stderr.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ready = lines.iter().find(|line| line["message"] == "ready").unwrap();
    assert_eq!((&ready["level"], &ready["sources"]), (&Value::from("INFO"), &Value::from(1)), "{ready}");
    assert!(ready["timestamp"].is_string() && ready["ready_ms"].is_number(), "{ready}");
}

#[test]
fn an_invalid_log_setting_is_wrong_usage_and_is_named() {
    let stderr_with = |name: &str, value: &str| {
        let ran: Ran = underfoot(["run"]).env(name, value).output().unwrap().into();
        assert_eq!(ran.code, Some(2));
        ran.stderr
    };
    let stderr = stderr_with("UNDERFOOT_LOG_FORMAT", "xml");
    assert!(stderr.contains("UNDERFOOT_LOG_FORMAT is \"xml\"; use auto, text, journal or json"), "{stderr}");
    let stderr = stderr_with("UNDERFOOT_LOG", "inof");
    assert!(stderr.contains("UNDERFOOT_LOG is \"inof\", which is not a log filter"), "{stderr}");
    let stderr = stderr_with("UNDERFOOT_LOG", "underfoot=loud");
    assert!(stderr.contains("UNDERFOOT_LOG is \"underfoot=loud\", which is not a log filter"), "{stderr}");
}
