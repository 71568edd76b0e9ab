//! A cluster of three NATS servers with the configuration of deploy/fleet, on ports that the system chooses.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::certificates::{Authority, Files};
use super::daemon::Daemon;
use super::{folder, program, wait_for};

/// The shipped file of a fleet with this name.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/fleet").join(name)
}

/// The ports of one server.
#[derive(Clone, Copy)]
struct Ports {
    nats: u16,
    mqtt: u16,
    route: u16,
    monitoring: u16,
}

pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    ports: Vec<Ports>,
    authority: Authority,
    configs: Vec<PathBuf>,
    servers: Vec<Option<Daemon>>,
}

impl Cluster {
    /// Starts the servers with the users for these robots, and makes the stream of samples with the shipped file.
    pub(crate) fn start(robots: &[&str]) -> Self {
        let folder = folder();
        let authority = Authority::new(folder.path());
        let files = authority.sign("127.0.0.1");
        let mut cluster =
            Self { folder, ports: free_ports(), authority, configs: Vec::new(), servers: Vec::new() };
        cluster.make_users(robots);
        for index in 0..3 {
            let config = cluster.configure(index, &files);
            cluster.configs.push(config);
            cluster.servers.push(None);
            cluster.restart(index);
        }
        for server in cluster.servers.iter_mut().flatten() {
            server.wait_for_line("Server is ready");
        }
        cluster.make_stream();
        cluster
    }

    /// Makes the stream of samples with the shipped file.
    pub(crate) fn make_stream(&self) {
        let stream = std::fs::read_to_string(shipped("stream.json")).unwrap().replace('\n', "");
        wait_for("the stream of samples", || self.request(0, "$JS.API.STREAM.CREATE.FLEET", &stream).ok());
    }

    /// Writes users.conf with the shipped script.
    fn make_users(&self, robots: &[&str]) {
        let names = self.folder.path().join("robots.txt");
        std::fs::write(&names, robots.join("\n")).unwrap();
        let made = Command::new(shipped("make-users"))
            .arg(self.folder.path().join("secrets"))
            .stdin(std::fs::File::open(names).unwrap())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        std::fs::write(self.folder.path().join("users.conf"), made.stdout).unwrap();
    }

    /// Writes the shipped configuration of a server with its ports, its certificates and a folder of its own.
    fn configure(&self, index: usize, Files { certificate, key }: &Files) -> PathBuf {
        let home = self.folder.path().join(format!("n{}", index + 1));
        std::fs::create_dir(&home).unwrap();
        let Ports { nats, mqtt, route, monitoring } = self.ports[index];
        let mut text = std::fs::read_to_string(shipped("nats-common.conf")).unwrap();
        let mut replace = |from: &str, to: String| {
            assert!(text.contains(from), "nats-common.conf has no {from}");
            text = text.replace(from, &to);
        };
        replace("port: 4222", format!("port: {nats}"));
        replace("port: 8883", format!("port: {mqtt}"));
        replace("port: 6222", format!("port: {route}"));
        replace("127.0.0.1:8222", format!("127.0.0.1:{monitoring}"));
        replace("/var/lib/nats", home.join("js").display().to_string());
        replace("/etc/nats/server.crt", certificate.display().to_string());
        replace("/etc/nats/server.key", key.display().to_string());
        replace("/etc/nats/ca.crt", self.authority.certificate.display().to_string());
        for (other, ports) in self.ports.iter().enumerate() {
            replace(&format!("n{}.example.org:6222", other + 1), format!("127.0.0.1:{}", ports.route));
        }
        std::fs::write(home.join("nats-common.conf"), text).unwrap();
        std::fs::copy(self.folder.path().join("users.conf"), home.join("users.conf")).unwrap();
        let name = format!("nats-{}.conf", index + 1);
        std::fs::copy(shipped(&name), home.join(&name)).unwrap();
        home.join(name)
    }

    /// Sends a request to a server with the shipped script as the user admin, and returns the answer, or what the script
    /// says if it is an error.
    pub(crate) fn request(&self, server: usize, subject: &str, payload: &str) -> Result<String, String> {
        self.request_as("admin", server, subject, payload)
    }

    pub(crate) fn request_as(
        &self,
        user: &str,
        server: usize,
        subject: &str,
        payload: &str,
    ) -> Result<String, String> {
        let body = self.folder.path().join("payload");
        std::fs::write(&body, payload).unwrap();
        let output = Command::new(shipped("nats-request"))
            .args([&format!("127.0.0.1:{}", self.ports[server].nats), subject, user])
            .env("NATS_CA", &self.authority.certificate)
            .env("NATS_PASSWORD_FILE", self.folder.path().join("secrets").join(user))
            .stdin(std::fs::File::open(body).unwrap())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    /// Connects to a server as the user of a node, without being one.
    pub(crate) async fn connect(&self, server: usize) -> async_nats::Client {
        let password = std::fs::read_to_string(self.folder.path().join("secrets/node")).unwrap();
        async_nats::ConnectOptions::with_user_and_password("node".into(), password.trim().into())
            .add_root_certificates(self.authority.certificate.clone())
            .require_tls(true)
            .connect(format!("127.0.0.1:{}", self.ports[server].nats))
            .await
            .unwrap()
    }

    /// A command of Mosquitto's clients that connects to the MQTT gateway of a server as this user.
    fn client(&self, tool: &str, server: usize, user: &str) -> Command {
        let password = std::fs::read_to_string(self.folder.path().join("secrets").join(user)).unwrap();
        // What the subscriber prints goes into a pipe, where it would be held back until there is more of it.
        let mut command = program("stdbuf", "coreutils");
        command.arg("-oL").arg(program(tool, "mosquitto-clients").get_program());
        command.args(["-h", "127.0.0.1", "-V", "mqttv311", "-q", "1", "-u", user, "-P", password.trim()]);
        command
            .args(["-p", &self.ports[server].mqtt.to_string(), "--cafile"])
            .arg(&self.authority.certificate);
        command
    }

    /// Publishes a message as this user and waits until the server has acknowledged it. It acknowledges forbidden ones, too.
    pub(crate) fn publish(&self, server: usize, user: &str, topic: &str, payload: &str, retain: bool) {
        self.try_publish(server, user, topic, payload, retain).unwrap();
    }

    /// Like `publish`, at a server that may refuse the connection because the cluster has no leader.
    pub(crate) fn try_publish(
        &self,
        server: usize,
        user: &str,
        topic: &str,
        payload: &str,
        retain: bool,
    ) -> Result<(), String> {
        let mut command = self.client("mosquitto_pub", server, user);
        command.args(["-t", topic, "-m", payload]).args(retain.then_some("-r"));
        let ran = command.output().unwrap();
        if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ran.stderr).into_owned()) }
    }

    /// Subscribes as this user. Each line of the output is a message: its topic and its payload.
    pub(crate) fn subscribe(&self, server: usize, user: &str, filter: &str) -> Daemon {
        let mut command = self.client("mosquitto_sub", server, user);
        // With -d, the subscription is printed too, once the server has acknowledged it.
        command.args(["-d", "-v", "-t", filter]).stdin(Stdio::null());
        Daemon::command(command)
    }

    /// The retained payload of a topic, as this user reads it at this server; `None` if none comes within two seconds.
    pub(crate) fn retained(&self, server: usize, user: &str, topic: &str) -> Option<String> {
        let mut command = self.client("mosquitto_sub", server, user);
        let output = command.args(["-C", "1", "-W", "2", "-t", topic]).stdin(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().next().map(str::to_owned)
    }

    /// The sections of a configuration with which a node of this name reads the robots of the cluster.
    pub(crate) fn node(&self, name: &str) -> String {
        let ca = self.authority.certificate.display();
        let secret = self.folder.path().join("secrets/node");
        let login = format!("ca_file = '{ca}'\nusername = 'node'\npassword_file = '{}'\n", secret.display());
        let urls: Vec<_> =
            self.ports.iter().map(|ports| format!("nats://127.0.0.1:{}", ports.nats)).collect();
        format!(
            "[node]\nname = '{name}'\n[mqtt]\nhost = '127.0.0.1'\nport = {}\ntls = true\n{login}\
             [nats]\nurl = '{}'\nfailover = '2s'\n{login}\
             [[source]]\nkind = 'nats'\nname = 'fleet'\njetstream = 'FLEET'\n\
             subject = 'fleet.{{partition}}.robots.{{stream}}.current'\npartitions = 64\n",
            self.ports[0].mqtt,
            urls.join(","),
        )
    }

    /// The sections of [`Cluster::node`] for a node that knows only this server at first.
    pub(crate) fn with_server(&self, sections: &str, server: usize) -> String {
        let url = format!("nats://127.0.0.1:{}", self.ports[server].nats);
        let lines = sections
            .lines()
            .map(|line| if line.starts_with("url = ") { format!("url = '{url}'") } else { line.to_owned() });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }

    /// A robot that publishes each line of its input as a message with samples.
    pub(crate) fn robot(&self, name: &str) -> Daemon {
        let mut command = self.client("mosquitto_pub", 0, name);
        // With QoS 1, the gateway would wait for a stream of its own that has no leader while a server is lost.
        command.args(["-q", "0", "-l", "-t", &format!("robots/{name}/current")]).stdin(Stdio::piped());
        Daemon::command(command)
    }

    /// Kills a server, as the loss of its computer does.
    pub(crate) fn kill(&mut self, server: usize) {
        self.servers[server].take().unwrap().kill();
    }

    /// Starts a server that was killed.
    pub(crate) fn restart(&mut self, server: usize) {
        let mut command = Command::new(nats_server());
        command.arg("-c").arg(&self.configs[server]);
        self.servers[server] = Some(Daemon::command(command));
    }

    /// Waits until at least `count` lines in the log of a server contain this text.
    pub(crate) fn wait_for_lines(&mut self, server: usize, text: &str, count: usize) {
        self.servers[server].as_mut().unwrap().wait_for_lines(text, count);
    }
}

/// The path of the pinned server, which is downloaded the first time.
pub(crate) fn nats_server() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/fetch-nats-server");
    let output = Command::new(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// The ports of three servers, which were free a moment ago.
fn free_ports() -> Vec<Ports> {
    let listeners: Vec<_> = (0..12).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    let of = |ports: &[u16]| Ports { nats: ports[0], mqtt: ports[1], route: ports[2], monitoring: ports[3] };
    ports.chunks(4).map(of).collect()
}
