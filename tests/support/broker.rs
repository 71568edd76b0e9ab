//! A real MQTT broker (Mosquitto) for a single test.

use std::net::TcpStream;
use std::process::{Child, Stdio};

use tokio::net::TcpSocket;

use super::daemon::Lines;
use super::{folder, program, wait_for};

pub(crate) struct Broker {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    /// A bound socket that never listens. It reserves the port while the broker is down.
    _port: TcpSocket,
    running: Option<(Child, Lines)>,
}

impl Broker {
    /// A running broker that accepts every client.
    pub(crate) fn start() -> Self {
        let mut broker = Self::down();
        broker.up();
        broker
    }

    /// A broker that is not running yet.
    pub(crate) fn down() -> Self {
        Self::new("allow_anonymous true\n")
    }

    /// A running broker with these lines in its configuration.
    pub(crate) fn with(access: &str) -> Self {
        let mut broker = Self::new(access);
        broker.up();
        broker
    }

    /// A running broker that requires this user and password.
    pub(crate) fn with_user(user: &str, password: &str) -> Self {
        Self::with_users("allow_anonymous false\n", &[(user, password)])
    }

    /// A running broker with these lines in its configuration and these users, each with a password.
    pub(crate) fn with_users(access: &str, users: &[(&str, &str)]) -> Self {
        let mut broker = Self::new(access);
        let passwords = broker.folder.path().join("passwords");
        std::fs::write(&passwords, "").unwrap();
        for (user, password) in users {
            let mut passwd = program("mosquitto_passwd", "mosquitto");
            let made = passwd.arg("-b").arg(&passwords).args([user, password]).output().unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        let config = broker.folder.path().join("mosquitto.conf");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(config, format!("{text}password_file {}\n", passwords.display())).unwrap();
        broker.up();
        broker
    }

    /// Changes the password of a user, which takes effect when the broker is started again.
    pub(crate) fn set_password(&self, user: &str, password: &str) {
        let mut passwd = program("mosquitto_passwd", "mosquitto");
        let passwords = self.folder.path().join("passwords");
        let made = passwd.arg("-b").arg(passwords).args([user, password]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
    }

    fn new(access: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().port();
        let folder = folder();
        // The broker drops no messages for a slow client, and keeps nothing across a restart.
        let config = format!(
            "listener {port} 127.0.0.1\n{access}user root\npersistence false\nmax_queued_messages 0\nmax_inflight_messages 0\n"
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        Self { folder, port, _port: socket, running: None }
    }

    /// Starts the broker on its port, and waits until it accepts connections.
    pub(crate) fn up(&mut self) {
        let mut command = program("mosquitto", "mosquitto");
        command.arg("-v").arg("-c").arg(self.folder.path().join("mosquitto.conf"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Lines::read(child.stderr.take().unwrap());
        wait_for("the broker", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "the broker ended with {ended:?}: {:?}", log.all());
            TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        self.running = Some((child, log));
    }

    /// Kills the broker, which loses all its state.
    pub(crate) fn stop(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// The log lines since the broker was started.
    pub(crate) fn log(&self) -> Vec<String> {
        self.running.as_ref().map(|(_, log)| log.all()).unwrap_or_default()
    }

    /// Waits until a client has subscribed to this filter.
    pub(crate) fn wait_for_subscription(&self, filter: &str) {
        // The log has a line for each filter, such as "	robots/+/current (QoS 0)".
        let line = format!("{filter} (QoS ");
        wait_for(&format!("a subscription to {filter}"), || {
            self.log().iter().any(|logged| logged.contains(&line)).then_some(())
        });
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The configuration section for this broker.
    pub(crate) fn section(&self) -> String {
        format!("[mqtt]\nhost = '127.0.0.1'\nport = {}\n", self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}
