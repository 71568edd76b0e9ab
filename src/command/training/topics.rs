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

/// The lines of a dataset.toml for the topic that is most likely the one: that with fields which sound like currents.
#[cfg(feature = "mcap")]
fn propose(topics: &[TopicInfo]) -> Option<String> {
    let sounds_right = |field: &&String| {
        let field = field.to_lowercase();
        ["current", "effort", "amp"].iter().any(|word| field.contains(word))
    };
    let likely = |topic: &TopicInfo| topic.fields.iter().filter(sounds_right).count();
    let topic = topics.iter().filter(|topic| !topic.fields.is_empty()).max_by_key(|topic| likely(topic))?;
    let fields: Vec<_> = match likely(topic) {
        0 => topic.fields.iter().collect(),
        _ => topic.fields.iter().filter(sounds_right).collect(),
    };
    let mut lines = format!("[mcap]\ntopic = {:?}\n", topic.name);
    for field in fields.into_iter().take(SHOWN) {
        let inside = field.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(name, _)| name);
        let name = inside.filter(|name| name.parse::<usize>().is_err()).unwrap_or(field);
        lines += &format!("\n[[channel]]\nfield = {field:?}\nname = {name:?}\nunit = \"A\"\n");
    }
    Some(lines)
}
