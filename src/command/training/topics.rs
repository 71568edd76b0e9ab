//! `underfoot-train topics`: what MCAP recordings have, and how a dataset.toml names their channels.

use std::path::PathBuf;

#[cfg(feature = "mcap")]
use crate::recordings::reader::{TopicInfo, list_topics};

/// List the topics of MCAP recordings, and the dataset.toml lines that name channels
#[derive(Clone, Debug, clap::Args)]
pub struct TopicsArgs {
    /// MCAP files, folders of rosbag2 recordings, or folders of them
    #[arg(required = true, value_name = "DATA")]
    pub data: Vec<PathBuf>,
}

/// Runs the command, which prints to stdout.
///
/// # Errors
/// If a recording cannot be read, or none is an MCAP file.
#[cfg(feature = "mcap")]
pub fn run(args: TopicsArgs) -> anyhow::Result<()> {
    let found = crate::recordings::find(&args.data, None)?;
    let bags: Vec<_> = found.iter().filter(|recording| recording.is_mcap()).collect();
    anyhow::ensure!(
        !bags.is_empty(),
        "there is no MCAP file and no folder of a rosbag2 recording in what was given"
    );
    let mut proposed = None;
    for recording in bags {
        let topics = list_topics(recording)?;
        let path = recording.path.display().to_string();
        println!("{}", crate::model::card_text::printable(&path));
        if topics.is_empty() {
            println!("  no messages");
        }
        for topic in &topics {
            println!("  {}", describe(topic));
        }
        proposed = proposed.or_else(|| propose(&topics));
    }
    match proposed {
        Some(lines) => {
            println!("\nA dataset.toml beside the recordings, which names the channels:\n\n{lines}")
        }
        None => println!("\nNo topic has numbers that can be listed."),
    }
    Ok(())
}

/// Says that this program reads no MCAP files.
///
/// # Errors
/// Always.
#[cfg(not(feature = "mcap"))]
pub fn run(_: TopicsArgs) -> anyhow::Result<()> {
    anyhow::bail!("this program was built without the feature \"mcap\"; build it with `make build`")
}

/// Maximum number of fields that are shown of a topic.
#[cfg(feature = "mcap")]
const SHOWN: usize = 40;

/// A topic in one line.
#[cfg(feature = "mcap")]
fn describe(topic: &TopicInfo) -> String {
    let TopicInfo { name, kind, messages, seconds, fields, fault } = topic;
    let rate = if *seconds > 0.0 {
        format!(" at {:.1} Hz", (*messages - 1) as f64 / seconds)
    } else {
        String::new()
    };
    let count = if *messages == 1 { "1 message".into() } else { format!("{messages} messages{rate}") };
    let has = match fault {
        Some(why) => format!("cannot be read: {why}"),
        None if fields.is_empty() => "no numbers".into(),
        None => {
            let more = if fields.len() > SHOWN {
                format!(" and {} more", fields.len() - SHOWN)
            } else {
                String::new()
            };
            fields.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ") + &more
        }
    };
    crate::model::card_text::printable(&format!("{name} ({kind}), {count}: {has}")).into_owned()
}

/// The lines of a dataset.toml for the fields that are most likely the channels: those that sound like currents, by their own
/// names or those of their topics, or else those of the topic with the most messages.
#[cfg(feature = "mcap")]
fn propose(topics: &[TopicInfo]) -> Option<String> {
    let sounds_right = |name: &str| {
        let name = name.to_lowercase();
        ["current", "effort", "amp"].iter().any(|word| name.contains(word))
    };
    let with_numbers = || topics.iter().filter(|topic| !topic.fields.is_empty());
    let likely = |topic: &&TopicInfo| -> Vec<String> {
        let by_field: Vec<_> = topic.fields.iter().filter(|field| sounds_right(field)).cloned().collect();
        if by_field.is_empty() && sounds_right(&topic.name) { topic.fields.clone() } else { by_field }
    };
    let mut found: Vec<_> = with_numbers().map(|topic| (topic, likely(&topic))).collect();
    found.retain(|(_, fields)| !fields.is_empty());
    if found.is_empty() {
        let topic = with_numbers().max_by_key(|topic| topic.messages)?;
        found = vec![(topic, topic.fields.clone())];
    }
    let is_one = found.len() == 1;
    let short = |topic: &str| topic.trim_matches('/').replace('/', "_");
    let mut lines = match found.as_slice() {
        [(topic, _)] => format!("[mcap]\ntopic = {:?}\n", topic.name),
        _ => String::new(),
    };
    let listed =
        found.iter().flat_map(|(topic, fields)| fields.iter().map(move |field| (topic, field, fields.len())));
    for (topic, field, fields) in listed.take(SHOWN) {
        let inside = field.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(name, _)| name);
        let name = match inside.filter(|name| name.parse::<usize>().is_err()) {
            Some(joint) => joint.to_owned(),
            None if is_one => field.clone(),
            None if fields == 1 => short(&topic.name),
            None => format!("{}_{field}", short(&topic.name)),
        };
        let topic = if is_one { String::new() } else { format!("topic = {:?}\n", topic.name) };
        lines += &format!("\n[[channel]]\n{topic}field = {field:?}\nname = {name:?}\nunit = \"A\"\n");
    }
    let is_label = |topic: &&TopicInfo| {
        let name = topic.name.to_lowercase();
        topic.kind.ends_with("/String")
            && ["label", "surface", "terrain", "floor", "ground"].iter().any(|word| name.contains(word))
    };
    if let Some(topic) = topics.iter().find(is_label) {
        lines += &format!("\n[label]\nfrom = \"topic\"\ntopic = {:?}\n", topic.name);
    }
    Some(lines)
}

#[cfg(all(test, feature = "mcap"))]
mod tests {
    use super::*;

    fn topic(name: &str, kind: &str, fields: &[&str]) -> TopicInfo {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        TopicInfo { name: name.into(), kind: kind.into(), messages: 5, fields, ..TopicInfo::default() }
    }

    #[test]
    fn the_channels_that_are_proposed_are_those_that_sound_like_currents() {
        let joints = topic(
            "/joint_states",
            "sensor_msgs/msg/JointState",
            &["position[left]", "effort[left]", "effort[right]"],
        );
        let imu = topic("/imu", "sensor_msgs/msg/Imu", &["angular_velocity.x"]);
        let lines = propose(&[imu.clone(), joints]).unwrap();
        assert!(
            lines.starts_with(
                "[mcap]\ntopic = \"/joint_states\"\n\n[[channel]]\nfield = \"effort[left]\"\nname = \"left\""
            ),
            "{lines}"
        );
        assert_eq!(lines.matches("[[channel]]").count(), 2);
        let wheels =
            ["/left/current", "/right/current"].map(|name| topic(name, "std_msgs/msg/Float64", &["data"]));
        let label = topic("/surface", "std_msgs/msg/String", &[]);
        let lines = propose(&[wheels[0].clone(), imu.clone(), wheels[1].clone(), label]).unwrap();
        assert!(
            lines.contains("topic = \"/left/current\"\nfield = \"data\"\nname = \"left_current\""),
            "{lines}"
        );
        assert!(
            lines.contains("/right/current") && !lines.contains("/imu") && !lines.contains("[mcap]"),
            "{lines}"
        );
        assert!(lines.ends_with("[label]\nfrom = \"topic\"\ntopic = \"/surface\"\n"), "{lines}");
        assert!(propose(&[imu]).unwrap().contains("angular_velocity.x"));
        assert_eq!(propose(&[topic("/note", "std_msgs/msg/String", &[])]), None);
    }
}
