//! Brokers with TLS: certificates, and the messages about certificates that are not trusted.

use crate::support::broker::Broker;
use crate::support::certificates::{Authority, Files};
use crate::support::daemon::{Daemon, config};
use crate::support::{assert_says, folder, private, run};

const SIMULATOR: &str = "[[source]]\nkind = 'simulator'\n";

/// The lines of a broker's configuration for TLS without passwords.
fn listener(authority: &Authority, files: &Files) -> String {
    format!("allow_anonymous true\n{}", authority.listener(files))
}

/// The daemon's configuration section for this broker, with the certificate of its CA.
fn trusting(broker: &Broker, authority: &Authority) -> String {
    format!("{}tls = true\nca_file = {:?}\n", broker.section(), authority.certificate)
}

#[test]
fn the_daemon_connects_to_a_broker_with_tls_a_password_and_the_example_acl() {
    let home = folder();
    let authority = Authority::new(home.path());
    let acl = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/mosquitto/acl");
    let access = listener(&authority, &authority.sign("127.0.0.1")).replace("true", "false");
    let broker =
        Broker::with_users(&format!("{access}acl_file {acl}\n"), &[("underfoot", "moon"), ("rover", "sun")]);
    let user = format!("username = 'underfoot'\npassword_file = {:?}\n", private(home.path(), "moon"));
    let robots = "[[source]]\nkind = 'mqtt'\ntopic = 'robots/{stream}/current'\n";
    let mut daemon = Daemon::run(&(trusting(&broker, &authority) + &user + robots));
    daemon.wait_for_line("connected to the broker");
    broker.wait_for_subscription("robots/+/current");
    assert_eq!(daemon.stderr.count("refuses"), 0, "{:?}", daemon.stderr.all());
    assert_eq!(daemon.terminate().code, Some(0));
}

#[test]
fn a_client_certificate_is_sent_if_the_broker_requires_one() {
    let home = folder();
    let authority = Authority::new(home.path());
    let access = listener(&authority, &authority.sign("127.0.0.1")) + "require_certificate true\n";
    let broker = Broker::with(&access);
    let mut daemon = Daemon::run(&(trusting(&broker, &authority) + SIMULATOR));
    assert_says(&daemon.wait_for_line("WARN"), &["requires a client certificate", "mqtt.certificate_file"]);
    let Files { certificate, key } = authority.sign("rover");
    let own = format!("certificate_file = {certificate:?}\nkey_file = {key:?}\n");
    let mut daemon = Daemon::run(&(trusting(&broker, &authority) + &own + SIMULATOR));
    daemon.wait_for_line("connected to the broker");
}

#[test]
fn the_warning_about_an_untrusted_certificate_gives_the_reason() {
    let home = folder();
    let authority = Authority::new(home.path());
    for (files, expected) in [
        (authority.sign_expired("127.0.0.1"), "the broker's certificate has expired"),
        (authority.sign("example.org"), "the broker's certificate is for another host"),
        (authority.self_signed("127.0.0.1"), "set mqtt.ca_file to the certificate of its CA"),
    ] {
        let broker = Broker::with(&listener(&authority, &files));
        let mut daemon = Daemon::run(&(trusting(&broker, &authority) + SIMULATOR));
        assert_says(&daemon.wait_for_line("WARN"), &[&broker.address(), expected]);
    }
    let plain = Broker::start();
    let mut daemon = Daemon::run(&(trusting(&plain, &authority) + SIMULATOR));
    assert_says(&daemon.wait_for_line("WARN"), &[&plain.address(), "TLS", "mqtt.port"]);
}

#[test]
fn invalid_files_for_tls_and_passwords_are_rejected_in_one_line() {
    let home = folder();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let broker = "[mqtt]\nhost = '127.0.0.1'\n";
    let (open, empty) = (write("open", "secret"), write("empty.crt", "no certificate"));
    let authority = Authority::new(home.path());
    let whole = std::fs::read_to_string(&authority.certificate).unwrap();
    let half = write("half.crt", &whole[..whole.len() / 2]);
    let begun = write("begun.crt", &format!("{whole}-----BEG"));
    for (keys, expected) in [
        (
            format!("username = 'u'\npassword_file = {open:?}\n"),
            "every user of this computer can read the file (mode 644)",
        ),
        (format!("tls = true\nca_file = {empty:?}\n"), "the file has no certificate"),
        (format!("tls = true\nca_file = {half:?}\n"), "the file ends in the middle of a certificate"),
        (format!("tls = true\nca_file = {begun:?}\n"), "the file ends in the middle of a certificate"),
        ("tls = true\nca_file = '/nowhere/ca.crt'\n".into(), "the file cannot be read: No such file"),
        ("ca_file = 'ca.crt'\n".into(), "set mqtt.tls = true"),
    ] {
        let file = write("underfoot.toml", &config(&format!("{broker}{keys}{SIMULATOR}")));
        let line = run(["run", "-c", file.to_str().unwrap()]).one_line(78);
        assert_says(&line, &[expected]);
        assert!(!line.contains("secret"), "{line}");
    }
}

#[test]
fn certificates_are_read_at_each_connection_and_a_half_written_one_is_named_and_tried_again() {
    let home = folder();
    let authority = Authority::new(home.path());
    let mut broker = Broker::with(&listener(&authority, &authority.sign("127.0.0.1")));
    let mut daemon = Daemon::run(&(trusting(&broker, &authority) + SIMULATOR));
    daemon.wait_for_line("connected to the broker");
    let whole = std::fs::read_to_string(&authority.certificate).unwrap();
    std::fs::write(&authority.certificate, &whole[..whole.len() / 2]).unwrap();
    daemon.hang_up();
    assert_says(&daemon.wait_for_line("the reload failed"), &["mqtt.ca_file", "ends in the middle"]);
    broker.stop();
    let line = daemon.wait_for_line("trying again");
    assert_says(&line, &["WARN"]);
    daemon.wait_for_lines("ends in the middle of a certificate", 2);
    // The broker reads the same file.
    std::fs::write(&authority.certificate, &whole).unwrap();
    broker.up();
    daemon.wait_for_lines("connected to the broker", 2);
}
