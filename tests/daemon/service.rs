//! The daemon as a service: its messages to the service manager, and the unit files.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::broker::Broker;
use crate::support::certificates::Authority;
use crate::support::daemon::{Daemon, config};
use crate::support::manager::Manager;
use crate::support::pty::Pty;
use crate::support::recording::Recording;
use crate::support::{assert_says, folder, private, program, underfoot, wait_for};

/// A configuration with these sections and a model that never returns if a value is over 100.
fn stalling(sections: &str) -> String {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/stalling.onnx");
    format!("[model]\npath = {model:?}\n{sections}")
}

/// 30 samples with this value at 100 Hz, the first with this index.
fn samples(from: usize, value: f64) -> String {
    (from..from + 30).map(|step| format!("{},{value}\n", step as f64 / 100.0)).collect()
}

#[test]
fn the_daemon_notifies_the_manager_of_its_start_its_status_and_its_end() {
    let manager = Manager::new();
    let config = stalling("[[source]]\nkind = 'stdin'\nstream = 'cart'\n");
    let mut daemon = manager.start(&config, Duration::from_secs(4));
    manager.wait_for("READY=1");
    daemon.feed(samples(0, 1.0));
    manager.wait_for("STATUS=1 stream, 5 predictions");
    for _ in 0..2 {
        manager.wait_for("WATCHDOG=1");
    }
    let ended = daemon.terminate();
    manager.wait_for("STOPPING=1");
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
}

#[test]
fn the_service_uses_tls_and_the_password_that_the_manager_passes() {
    serves_a_board_over_tls(|manager, sections| {
        std::fs::write(manager.file(), config(sections)).unwrap();
        let mut command = underfoot(["run", "-c"]);
        command.arg(manager.file());
        command
    });
}

/// Runs in a temporary copy of this machine in which `make test-deb` has installed the package.
#[test]
#[ignore = "needs an installed package; make test-deb runs it"]
fn the_installed_service_started_with_the_command_of_its_unit_serves_a_board_over_tls() {
    serves_a_board_over_tls(|_, sections| {
        let folder = Path::new("/etc/underfoot/conf.d");
        std::fs::create_dir_all(folder).unwrap();
        let example = std::fs::read_to_string("/usr/share/doc/underfoot/examples/simulated.toml").unwrap();
        let example: toml::Table = example.parse().unwrap();
        let model = format!("[model]\npath = {}\n", example["model"]["path"]);
        std::fs::write(folder.join("50-board.toml"), model + sections).unwrap();
        let unit = std::fs::read_to_string("/usr/lib/systemd/system/underfoot.service").unwrap();
        let mut line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap().split(' ');
        let mut command = Command::new(line.next().unwrap());
        command.args(line).env_remove("ORT_DYLIB_PATH");
        command
    });
}

/// Tests the command that `start` returns for a manager and configuration sections: as a service, with a
/// board on a serial port and a broker that requires TLS and a password.
fn serves_a_board_over_tls(start: impl FnOnce(&Manager, &str) -> Command) {
    let home = folder();
    let authority = Authority::new(home.path());
    let acl = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/mosquitto/acl");
    let ca = &authority.certificate;
    let listener = authority.listener(&authority.sign("127.0.0.1"));
    let access = format!("allow_anonymous false\nacl_file {acl}\n{listener}");
    let broker = Broker::with_users(&access, &[("underfoot", "moon"), ("viewer", "sun")]);
    let mut pty = Pty::open(&home.path().join("board"));
    let manager = Manager::new();
    let user = format!("tls = true\nca_file = {ca:?}\nusername = 'underfoot'\n");
    let mut command = start(&manager, &(broker.section() + &user + &pty.section("cart", "csv")));
    // The file that LoadCredential= in the unit makes.
    let credential = private(home.path(), "moon");
    std::fs::rename(credential, home.path().join("underfoot.mqtt-password")).unwrap();
    command.env("CREDENTIALS_DIRECTORY", home.path()).env("WATCHDOG_USEC", "4000000");
    let mut daemon = manager.command(command);
    manager.wait_for("READY=1");
    daemon.wait_for_line("connected to the broker");
    daemon.wait_for_line("the serial port is open");

    let mut listener = program("mosquitto_sub", "mosquitto-clients");
    listener.arg("--cafile").arg(ca).args([
        "-h",
        "127.0.0.1",
        "-u",
        "viewer",
        "-P",
        "sun",
        "-t",
        "underfoot/#",
        "-v",
        "-p",
    ]);
    let listener = Daemon::command({
        listener.arg(broker.port.to_string());
        listener
    });
    listener.wait_for_output(2);
    let recording = Recording::tour(71, 4.0);
    pty.send(recording.csv(0..recording.rows.len()).as_bytes());
    for topic in ["underfoot/cart/prediction {", "underfoot/cart/surface {"] {
        wait_for(topic, || listener.stdout.all().iter().any(|line| line.starts_with(topic)).then_some(()));
    }
    manager.wait_for("STATUS=1 stream");
    manager.wait_for("WATCHDOG=1");
    listener.kill();
    assert_eq!(daemon.terminate().code, Some(0));
}

#[test]
fn a_model_that_never_returns_stops_the_watchdog_messages() {
    let manager = Manager::new();
    let config = stalling("[limits]\ndrain = '200ms'\n[[source]]\nkind = 'stdin'\nstream = 'cart'\n");
    let mut daemon = manager.start(&config, Duration::from_secs(4));
    manager.wait_for("WATCHDOG=1");
    daemon.feed(samples(0, 1000.0));
    daemon.wait_for_lines("the watchdog is not notified", 1);
    while manager.next_message().is_some() {}
    daemon.wait_for_lines("the watchdog is not notified", 3);
    let after: Vec<_> = std::iter::from_fn(|| manager.next_message()).collect();
    assert!(after.iter().all(|message| !message.contains("WATCHDOG")), "{after:?}");
    daemon.kill();
}

#[test]
fn the_units_are_valid_and_restrict_the_service() {
    let folder = folder();
    for (unit, name) in [
        ("underfoot.service", "underfoot.service"),
        ("underfoot@.service", "underfoot@a.service"),
        ("underfoot@.service", "underfoot@b.service"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(unit);
        let text = std::fs::read_to_string(path).unwrap();
        // The unit names the installed program, so it is replaced by the program that was built here.
        let text = text.replace("/usr/bin/underfoot", env!("CARGO_BIN_EXE_underfoot"));
        let unit = folder.path().join(name);
        std::fs::write(&unit, text.replace("Documentation=man:underfoot(1)\n", "")).unwrap();
        let verified = program("systemd-analyze", "systemd").arg("verify").arg(&unit).output().unwrap();
        let output = String::from_utf8_lossy(&verified.stderr);
        assert!(verified.status.success() && output.is_empty(), "{output}");
        let mut security = program("systemd-analyze", "systemd");
        let rated =
            security.args(["security", "--offline=true", "--threshold=20"]).arg(&unit).output().unwrap();
        let output = String::from_utf8_lossy(&rated.stdout);
        assert!(rated.status.success(), "{output}{}", String::from_utf8_lossy(&rated.stderr));
    }
}

/// The lines of a unit file without comments.
fn settings(unit: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(unit);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn the_unit_of_an_instance_differs_only_in_its_configuration_its_user_and_its_folder() {
    let (plain, instance) = (settings("underfoot.service"), settings("underfoot@.service"));
    let only = |these: &[String], others: &[String]| -> Vec<String> {
        these.iter().filter(|line| !others.contains(line)).skip(1).cloned().collect()
    };
    // The first line that differs is the description.
    assert_eq!(
        only(&plain, &instance),
        [
            "ExecStart=/usr/bin/underfoot run",
            "User=underfoot",
            "StateDirectory=underfoot",
            "WorkingDirectory=/var/lib/underfoot"
        ]
    );
    // No folder is inside that of the other unit, whose user would get it as well.
    assert_eq!(
        only(&instance, &plain),
        [
            "ExecStart=/usr/bin/underfoot run -c /etc/underfoot/%i.toml",
            "User=underfoot-%i",
            "StateDirectory=underfoot-instances/%i",
            "WorkingDirectory=/var/lib/underfoot-instances/%i"
        ]
    );
    let purge = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/debian/postrm");
    let purge = std::fs::read_to_string(purge).unwrap();
    for folder in ["underfoot", "underfoot-instances"] {
        assert_says(&purge, &[&format!("rm -rf /var/lib/{folder} /var/lib/private/{folder}\n")]);
    }
}

#[test]
fn a_part_that_panics_ends_the_daemon_with_an_error_that_names_it() {
    let broker = Broker::start();
    let recording = Recording::tour(93, 1.0);
    // "source" alone would end the daemon normally if its end were taken for the end of the input.
    for part in [
        "source",
        "connection",
        "publisher",
        "health",
        "supervisor",
        "http",
        "reload",
        "drop",
        "streams",
        "inference",
        "decisions",
        "recorder",
        "output",
    ] {
        let manager = Manager::new();
        let out = manager.folder.path().join("out");
        let sections = format!(
            "{}[record]\nfolder = {out:?}\n[http]\nlisten = '127.0.0.1:0'\n[[source]]\nkind = 'stdin'\nname = 'cart'\n",
            broker.section()
        );
        let text = config(&sections).replace("[model]\n", "[model]\nthreads = 2\n");
        std::fs::write(manager.file(), text).unwrap();
        let mut command = underfoot(["run", "--stdout", "-c"]);
        command.arg(manager.file()).env("UNDERFOOT_TEST_PANIC", part);
        let mut daemon = Daemon::command(command);
        // Standard input stays open, so that nothing ends the daemon but the panic. A part that needs no
        // samples may have ended it before they are written.
        daemon.try_feed(recording.csv(0..600));
        let ended = daemon.wait();
        assert_eq!(ended.code, Some(1), "{part}: {:?}", ended.stderr);
        let error = ended.stderr.iter().find(|line| line.starts_with("error: ")).unwrap();
        assert_says(error, &[&format!("the part \"{part}"), "stopped by itself", "please report this"]);
        let panic = ended.stderr.iter().find(|line| line.contains("panicked")).unwrap();
        assert_says(panic, &["ERROR", "thread=", &format!("this panic of {part} was asked for")]);
        assert!(ended.stderr.iter().any(|line| line.contains("ended predictions=")), "{:?}", ended.stderr);
    }
}

#[test]
fn a_manager_that_does_not_read_its_messages_stops_nothing() {
    let manager = Manager::new();
    // Hundreds of messages, which no socket holds.
    let source = "[[source]]\nkind = 'simulator'\nstream = 'cart'\n";
    let mut daemon = manager.start(&config(source), Duration::from_millis(2));
    daemon.wait_for_line("the service manager does not read its messages");
    let so_far = daemon.stdout.all().len();
    daemon.wait_for_output(so_far + 20);
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let said = ended.stderr.iter().filter(|line| line.contains("does not read its messages")).count();
    assert_eq!(said, 1, "{:?}", ended.stderr);
}

#[test]
fn every_reason_for_drops_of_one_batch_is_logged_and_late_samples_count_once_while_recording() {
    let folder = folder();
    let out = folder.path().join("out");
    let mut daemon =
        Daemon::run(&format!("[record]\nfolder = {out:?}\n[[source]]\nkind = 'stdin'\nname = 'cart'\n"));
    daemon.feed("5.00,1.0\n5.01,1.0\n5.02,1.0\n5.02,1.0\n5.015,1.0\n5.03,1.0\n");
    daemon.close();
    let ended = daemon.wait();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    for reason in ["late", "duplicate"] {
        let part = format!("reason=\"{reason}\" count=1 total=1");
        assert_eq!(ended.stderr.iter().filter(|line| line.contains(&part)).count(), 1, "{:?}", ended.stderr);
    }
    assert_says(ended.stderr.last().unwrap(), &["ended", "dropped=1 duplicate, 1 late"]);
}

#[test]
fn a_repeated_recording_goes_on_without_a_gap() {
    let recording = Recording::tour(94, 1.0);
    let source = format!(
        "[http]\nlisten = '127.0.0.1:0'\n[[source]]\nkind = 'file'\npath = {:?}\nspeed = '50'\nrepeat = true\n",
        recording.path
    );
    let mut daemon = Daemon::run(&source);
    let address = crate::support::http::address(&mut daemon);
    let round = recording.replayed().len();
    let lines = daemon.wait_for_output(4 * round);
    let metrics = crate::support::http::get(&address, "/metrics").body;
    for reason in ["gap", "restart", "silence"] {
        assert_says(&metrics, &[&format!("underfoot_gaps_total{{reason=\"{reason}\"}} 0\n")]);
    }
    let times: Vec<_> = lines.iter().map(|line| crate::support::json(line)["t"].as_f64().unwrap()).collect();
    assert!(times.windows(2).all(|pair| (pair[1] - pair[0] - 0.1).abs() < 1e-6), "{times:?}");
    let ended = daemon.terminate();
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    assert_says(ended.stderr.last().unwrap(), &["dropped=none"]);
}
