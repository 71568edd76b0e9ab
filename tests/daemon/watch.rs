//! `underfoot watch`: a table on a terminal, a line per change elsewhere, and safety against hostile
//! messages.

use crate::support::broker::Broker;
use crate::support::certificates::{Authority, Files};
use crate::support::client::Client;
use crate::support::daemon::Daemon;
use crate::support::recording::Recording;
use crate::support::terminal::Terminal;
use crate::support::{self, assert_says, folder, json, run, underfoot, wait_for};

const CART: &str = "[[source]]\nkind = 'stdin'\nstream = 'cart'\n";
/// With these settings the first window already decides a surface, whatever its confidence.
const DECIDE: &str = "[decide]\nmin_confidence = 0.0\nhysteresis = 0.0\n";

fn surface(name: &str, since: f64) -> String {
    format!(
        r#"{{"surface":"{name}","confidence":0.8,"since":{since},"t":{since},"previous":"unknown","model":"m"}}"#
    )
}

fn prediction(name: &str, t: f64) -> String {
    format!(
        r#"{{"t":{t},"surface":"{name}","confidence":0.84,"probabilities":{{"{name}":0.5,"tile":0.3,"sand":0.2}},"quality":{{}}}}"#
    )
}

/// Runs `underfoot watch` on a terminal.
fn on_a_terminal(broker: &Broker, lines: u16, columns: u16) -> Terminal {
    let terminal = Terminal::run(underfoot(["watch", "--mqtt", &broker.address()]), lines, columns);
    broker.wait_for_subscription("underfoot/+/surface");
    terminal
}

/// Runs `underfoot watch` without a terminal.
fn in_lines(broker: &Broker) -> Daemon {
    Daemon::command(underfoot(["watch", "--mqtt", &broker.address()]))
}

#[test]
fn without_a_terminal_every_change_of_surface_is_a_line() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let mut watch = in_lines(&broker);
    broker.wait_for_subscription("underfoot/+/surface");
    let mut daemon = Daemon::run(&(broker.section() + CART + DECIDE));
    watch.wait_for_line("underfoot is online");
    // The samples are fed step by step, because changes that happen while another is being published are
    // combined.
    let recording = Recording::tour(61, 1.0);
    daemon.feed(recording.csv(0..50));
    watch.wait_for_output(1);
    daemon.feed(recording.csv(50..300));
    watch.wait_for_output(2);
    daemon.close();
    assert_eq!(daemon.wait().code, Some(0));
    watch.wait_for_line("underfoot is offline");
    client.wait_for("underfoot/status", |message| message.payload == "offline");
    let mut surfaces: Vec<_> = client.on("underfoot/cart/surface").iter().map(json).collect();
    surfaces.dedup_by(|next, before| next["surface"] == before["surface"]);
    assert!(surfaces.len() > 2, "{surfaces:?}");
    let ended = watch.interrupt();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let lines: Vec<_> = ended.stdout.iter().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
    assert_eq!(lines.len(), surfaces.len(), "{lines:?}");
    for (line, surface) in lines.iter().zip(&surfaces) {
        assert!(line[0].starts_with("20") && line[0].ends_with('Z'), "{line:?}");
        assert_eq!((line[1], line[2]), ("cart", surface["surface"].as_str().unwrap()));
    }
}

#[test]
fn the_table_is_redrawn_in_place_and_ctrl_c_restores_the_terminal() {
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    client.retain("underfoot/status", "online");
    client.retain("underfoot/old/surface", surface("sand", 5.0));
    client.wait_for("underfoot/old/surface", |_| true);
    let terminal = on_a_terminal(&broker, 24, 100);
    let line = terminal.wait_for_line("old");
    assert!(line.starts_with("dim: ") && line.ends_with("not yet"), "{line}");
    assert_says(&terminal.wait_for_line("connected, underfoot online"), &[&broker.address()]);

    client.publish("underfoot/rover/surface", surface("gravel", 1.0));
    client.publish("underfoot/rover/prediction", prediction("gravel", 3.0));
    let line = terminal.wait_for_line("tile 30 %, sand 20 %");
    assert_says(&line, &["rover", "gravel", "########..  84 %", "ago"]);
    assert!(!line.starts_with("dim: "), "{line}");
    client.publish("underfoot/rover/surface", surface("grass", 4.0));
    terminal.wait_for_line("grass");
    client.publish("underfoot/status", "offline");
    terminal.wait_for_line("underfoot offline for ");

    for robot in 0..30 {
        client.publish(&format!("underfoot/r{robot:02}/surface"), surface("gravel", 1.0));
    }
    terminal.wait_for_line("and 13 more");
    terminal.resize(10, 30);
    let matches = |lines: &[String]| {
        lines.len() == 10 && lines.iter().all(|line| line.trim_start_matches("dim: ").chars().count() < 30)
    };
    terminal.wait_for("a small table", matches);
    terminal.resize(40, 120);
    terminal.wait_for("a large table", |lines| lines.len() == 36);

    let (code, written) = terminal.interrupt();
    assert_eq!(code, Some(0));
    assert!(written.starts_with("\x1b[?1049h\x1b[?25l"), "it uses the alternate screen");
    assert!(written.ends_with("\x1b[?25h\x1b[?1049l"), "the cursor and the screen are restored");
}

#[test]
fn control_characters_in_payloads_and_names_do_not_reach_the_terminal() {
    let broker = Broker::start();
    let client = Client::new(&broker, "$SYS/nothing");
    let hostile = r"\u001b[2J\u001b]0;owned\u0007\u009b31m\u202egravel\r\n\u001b[?1049l";
    let terminal = on_a_terminal(&broker, 24, 160);
    let mut lines = in_lines(&broker);
    wait_for("a second subscription", || {
        let asked = |line: &&String| line.contains("underfoot/+/surface (QoS ");
        (broker.log().iter().filter(asked).count() >= 2).then_some(())
    });
    client.publish("underfoot/a\u{202e}b\u{200b}c/surface", surface(hostile, 1.0));
    client.publish("underfoot/a\u{202e}b\u{200b}c/prediction", prediction(hostile, 2.0));
    client.publish("underfoot/status", "\x1b[2J");
    let health = format!(
        r#"{{"healthy":false,"uptime":1,"streams":1,"sources":[{{"name":"{hostile}","state":"silent"}}],"dropped":{{"{hostile}":1}}}}"#
    );
    client.publish("underfoot/health", health);
    let shown = "[2J]0;owned31mgravel[?1049l";
    assert_says(&terminal.wait_for_line("abc"), &[shown]);
    terminal.wait_for_line(&format!("degraded, {shown} is silent"));
    assert_says(&lines.wait_for_output(1)[0], &[" abc ", shown]);
    assert!(lines.is_running());
    let (code, written) = terminal.interrupt();
    assert_eq!(code, Some(0));
    let own = [
        "\x1b[?1049h",
        "\x1b[?25l",
        "\x1b[H",
        "\x1b[K",
        "\x1b[J",
        "\x1b[2m",
        "\x1b[0m",
        "\x1b[?25h",
        "\x1b[?1049l",
    ];
    let rest = own.iter().fold(written, |text, sequence| text.replace(sequence, ""));
    let is_control =
        |c: char| (c.is_control() && c != '\r' && c != '\n') || matches!(c, '\u{202e}' | '\u{200b}');
    assert!(!rest.contains(is_control), "{rest:?}");
    assert!(!lines.terminate().stdout.concat().contains(is_control));
}

#[test]
fn an_unreachable_broker_is_reported_once_until_it_is_back() {
    let mut broker = Broker::down();
    let mut lines = in_lines(&broker);
    assert_says(&lines.wait_for_line("cannot be reached"), &[&broker.address(), "trying again"]);
    let terminal = Terminal::run(underfoot(["watch", "--mqtt", &broker.address()]), 24, 200);
    terminal.wait_for_line("unreachable for ");
    terminal.wait_for_line("cannot be reached");
    broker.up();
    terminal.wait_for_line(" connected, underfoot not heard");
    lines.wait_for_line("connected to the broker");
    assert_eq!(lines.stderr.count("cannot be reached"), 1, "{:?}", lines.stderr.all());
    broker.stop();
    terminal.wait_for_line("unreachable for ");
    assert_eq!(terminal.interrupt().0, Some(0));
    assert_eq!(lines.terminate().code, Some(0));
}

#[test]
fn watch_uses_the_configured_user_and_tls_and_does_not_disturb_the_daemon() {
    let home = folder();
    let authority = Authority::new(home.path());
    let Files { certificate, key } = authority.sign("127.0.0.1");
    let (ca, certificate, key) = (authority.certificate.display(), certificate.display(), key.display());
    let access = format!("allow_anonymous false\ncafile {ca}\ncertfile {certificate}\nkeyfile {key}\n");
    let broker = Broker::with_users(&access, &[("robot", "moon")]);
    let with = |password: &str, name: &str| {
        let file = home.path().join(name);
        let tls = format!("tls = true\nca_file = '{ca}'\nusername = 'robot'\npassword = '{password}'\n");
        std::fs::write(&file, support::daemon::config(&(broker.section() + &tls + CART))).unwrap();
        Daemon::command(underfoot(["watch", "-c", file.to_str().unwrap()]))
    };
    let tls = format!("tls = true\nca_file = '{ca}'\nusername = 'robot'\npassword = 'moon'\n");
    let mut daemon = Daemon::run(&(broker.section() + &tls + CART));
    daemon.wait_for_line("connected to the broker");
    let mut watch = with("moon", "right.toml");
    watch.wait_for_line("underfoot is online");
    let mut wrong = with("hunter2", "wrong.toml");
    let line = wrong.wait_for_line("refuses the user");
    assert_says(&line, &["\"robot\"", "mqtt.password_file", "trying again"]);
    wait_for("three rejected connections", || {
        (broker.log().iter().filter(|line| line.contains("not authorised")).count() >= 3).then_some(())
    });
    let ended = wrong.interrupt();
    assert_eq!((ended.code, ended.stderr.len()), (Some(0), 1), "{ended:?}");
    assert!(!format!("{ended:?}").contains("hunter2"));
    assert_eq!(watch.interrupt().code, Some(0));
    // The daemon kept its connection, so its last will was not published.
    assert_eq!(daemon.stderr.count("connected to the broker"), 1);
    let again = with("moon", "right.toml").wait_for_line("underfoot is");
    assert_eq!(again, "underfoot is online");
}

#[test]
fn an_invalid_broker_or_base_topic_is_rejected_in_one_line() {
    let home = folder();
    let empty = home.path().join("empty.toml");
    std::fs::write(&empty, "").unwrap();
    let line = run(["watch", "-c", empty.to_str().unwrap()]).one_line(78);
    assert_says(&line, &["mqtt.host is missing", "--mqtt HOST:PORT"]);
    let line = run(["watch", "--mqtt", "localhost:1883", "--base", "a/#"]).one_line(78);
    assert_says(&line, &["publish.base is \"a/#\""]);
    assert_eq!(run(["watch", "--mqtt", "localhost"]).code, Some(2));
}
