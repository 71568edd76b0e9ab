//! The simulated robots of the demo, as clients of the broker.

use std::time::Duration;

use rumqttc::{AsyncClient, MqttOptions, QoS};
use tokio::time::Instant;

use crate::signal::StreamId;
use crate::simulator::drive::Drive;
use crate::simulator::wire;

/// The name and the drive of each robot.
pub(super) type Drives = Vec<(StreamId, Drive)>;

/// Pause before connecting again after a failed attempt.
const RETRY: Duration = Duration::from_millis(200);

/// Publishes every robot's samples in real time, as boards on a network would, until all drives end.
pub(super) async fn publish(port: u16, drives: &Drives) {
    let (client, mut events) = AsyncClient::new(MqttOptions::new("robots", "127.0.0.1", port), 64);
    events.network_options.set_tcp_nodelay(true);
    let network = async {
        loop {
            if events.poll().await.is_err() {
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    let driving = async {
        let started = Instant::now();
        let mut drives = drives.clone();
        loop {
            let mut moving = false;
            for (stream, drive) in &mut drives {
                let Some(reading) = drive.next() else { continue };
                moving = true;
                tokio::time::sleep_until(started + Duration::from_secs_f64(reading.time.seconds())).await;
                let payload = wire::message(&reading);
                // If the broker is gone, the board shows it: its values stop changing.
                let _ =
                    client.publish(format!("robots/{stream}/current"), QoS::AtMostOnce, false, payload).await;
            }
            if !moving {
                return;
            }
        }
    };
    tokio::select! {
        () = network => {}
        () = driving => {}
    }
}
