//! The log, in the form that is asked for.

use crate::support::daemon::{Daemon, config};
use crate::support::{Ran, folder, underfoot};
use serde_json::Value;

#[test]
fn the_log_is_json_with_its_fields_where_that_is_asked_for() {
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
fn what_cannot_be_logged_is_wrong_usage_and_is_named() {
    let said = |name: &str, value: &str| {
        let ran: Ran = underfoot(["run"]).env(name, value).output().unwrap().into();
        assert_eq!(ran.code, Some(2));
        ran.stderr
    };
    let wrong = said("UNDERFOOT_LOG_FORMAT", "xml");
    assert!(wrong.contains("UNDERFOOT_LOG_FORMAT is \"xml\"; use auto, text, journal or json"), "{wrong}");
    let wrong = said("UNDERFOOT_LOG", "inof");
    assert!(wrong.contains("UNDERFOOT_LOG is \"inof\", which is not a log filter"), "{wrong}");
    let wrong = said("UNDERFOOT_LOG", "underfoot=loud");
    assert!(wrong.contains("UNDERFOOT_LOG is \"underfoot=loud\", which is not a log filter"), "{wrong}");
}
