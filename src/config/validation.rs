//! Checks of what types cannot express: the range of each value, and keys that belong together.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Config;
use super::error::ValueError;
use super::publish::validate_topic;
use super::source::{GivenKeys, SourceConfig, SourceKind};
use crate::decision::DecisionOptions;
use crate::signal::TimeInputError;
use crate::stream::QualityOptions;

impl Config {
    /// Checks every value.
    ///
    /// # Errors
    /// The first [`ValueError`].
    pub fn validate(&self) -> Result<(), ValueError> {
        self.validate_counts()?;
        validate_decision(&self.decide)?;
        validate_quality(&self.quality)?;
        self.validate_times()?;
        validate_topic("publish.base", &self.publish.base, "underfoot")?;
        self.home_assistant.validate(self.mqtt.host.is_some())?;
        self.mqtt.validate()?;
        self.nats.validate()?;
        self.node.validate()?;
        self.http.validate()?;
        self.record.validate(self.mqtt.host.is_some())?;
        if self.record.novel && self.decide.novelty <= 0.0 {
            return Err(ValueError::in_words(
                "record.novel",
                "true",
                "with decide.novelty = 0 no surface is ever novel; raise decide.novelty, or remove this key",
            ));
        }
        self.validate_sources()
    }

    fn validate_counts(&self) -> Result<(), ValueError> {
        for (key, value, highest) in [
            ("model.batch", self.model.batch, 4096),
            ("model.threads", self.model.threads, 64),
            ("limits.streams", self.limits.streams, 1_000_000),
            ("limits.payload", self.limits.payload, 16 << 20),
            ("limits.windows", self.limits.windows, 1_000_000),
            ("window.hop", self.window.hop.unwrap_or(1), 1_000_000),
        ] {
            if !(1..=highest).contains(&value) {
                return Err(ValueError::new(key, value, format!("it must be from 1 to {highest}")));
            }
        }
        Ok(())
    }

    fn validate_times(&self) -> Result<(), ValueError> {
        let second = Duration::from_secs(1);
        at_least("limits.idle", self.limits.idle, second)?;
        at_least("publish.health", self.publish.health, second)?;
        at_least("quality.drift_time", self.quality.drift_time, second)?;
        let keep_alive = self.mqtt.keep_alive;
        // MQTT sends it as whole seconds in 16 bits.
        if !(1..=65535).contains(&keep_alive.as_secs()) || keep_alive.subsec_nanos() > 0 {
            return Err(ValueError::new(
                "mqtt.keep_alive",
                keep_alive,
                "it must be whole seconds, from \"1s\" to \"65535s\"",
            ));
        }
        let tenth = Duration::from_millis(100);
        at_least("limits.drain", self.limits.drain, tenth)?;
        at_least("limits.silence", self.limits.silence, tenth)?;
        if self.window.reorder > Duration::from_secs(60) {
            return Err(ValueError::new("window.reorder", self.window.reorder, "it must be at most \"60s\""));
        }
        Ok(())
    }

    fn validate_sources(&self) -> Result<(), ValueError> {
        let has_nats = self.sources.iter().any(|source| source.kind == SourceKind::Nats);
        if let Some(subject) = self.nats.predictions.as_ref().filter(|_| !has_nats) {
            let fix = "no source has kind = \"nats\", over whose connection predictions would go; remove it, or add such a source";
            return Err(ValueError::new("nats.predictions", subject, fix));
        }
        let given = GivenKeys {
            mqtt_host: self.mqtt.host.is_some(),
            nats_url: self.nats.url.is_some(),
            node_name: self.node.name.is_some(),
        };
        let mut names = BTreeSet::new();
        for (index, source) in self.sources.iter().enumerate() {
            source.validate(index, given)?;
            let name = source.name(index);
            if !names.insert(name.clone()) {
                return Err(ValueError::new(
                    "source.name",
                    name,
                    "another source has the same name; give each source a name of its own",
                ));
            }
        }
        Ok(())
    }
}

impl SourceConfig {
    /// Checks where the time is, and that what needs it has it.
    pub(super) fn validate_time(&self) -> Result<(), ValueError> {
        let invalid = |why: TimeInputError| {
            ValueError::in_words(format!("source.time.{}", why.key), why.value, why.fix)
        };
        self.time.validate().map_err(invalid)?;
        let is_csv = self.format.as_deref().is_none_or(|format| matches!(format, "csv" | "auto"));
        if !self.time.sum.is_empty() && !is_csv {
            let problem = format!("set for the format {:?}", self.format.as_deref().unwrap_or_default());
            return Err(ValueError::in_words(
                "source.time.sum",
                problem,
                "only CSV has such columns; remove it",
            ));
        }
        // A message is decoded by itself, so that there is no last value.
        let held = self.channels.iter().find_map(|channel| channel.hold);
        if let Some(hold) = held.filter(|_| matches!(self.kind, SourceKind::Mqtt | SourceKind::Nats)) {
            let kind = self.kind.name();
            let fix =
                format!("a source of kind \"{kind}\" cannot hold values; send all channels in each message");
            return Err(ValueError::new("source.channel.hold", hold, fix));
        }
        Ok(())
    }
}

fn validate_decision(decide: &DecisionOptions) -> Result<(), ValueError> {
    at_least("decide.dwell", decide.dwell, Duration::from_millis(1))?;
    if !(decide.evidence > 0.0 && decide.evidence <= 1e6) {
        return Err(ValueError::new(
            "decide.evidence",
            decide.evidence,
            "it must be more than 0 and at most 1000000",
        ));
    }
    if !(0.0..=1.0).contains(&decide.min_confidence) {
        return Err(ValueError::new(
            "decide.min_confidence",
            decide.min_confidence,
            "it must be from 0 to 1",
        ));
    }
    if !(0.0..=decide.min_confidence).contains(&decide.hysteresis) {
        return Err(ValueError::new(
            "decide.hysteresis",
            decide.hysteresis,
            format!("it must be from 0 to decide.min_confidence, which is {}", decide.min_confidence),
        ));
    }
    if !(0.0..=1.0).contains(&decide.novelty) {
        return Err(ValueError::new("decide.novelty", decide.novelty, "it must be from 0 to 1"));
    }
    Ok(())
}

fn validate_quality(quality: &QualityOptions) -> Result<(), ValueError> {
    if !(quality.clipped > 0.0 && quality.clipped <= 1.0) {
        return Err(ValueError::new(
            "quality.clipped",
            quality.clipped,
            "it must be more than 0 and at most 1",
        ));
    }
    if !(quality.drift > 1.0 && quality.drift <= 1000.0) {
        return Err(ValueError::new(
            "quality.drift",
            quality.drift,
            "it must be more than 1 and at most 1000",
        ));
    }
    Ok(())
}

fn at_least(key: &str, value: Duration, lowest: Duration) -> Result<(), ValueError> {
    if value >= lowest {
        return Ok(());
    }
    let lowest = humantime::format_duration(lowest);
    Err(ValueError::new(key, value, format!("it must be at least \"{lowest}\"")))
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;

    #[test]
    fn a_value_out_of_range_is_reported_with_its_key_and_the_fix() {
        for (toml, expected) in [
            ("[model]\nbatch = 0", "model.batch is 0; it must be from 1 to 4096"),
            ("[publish]\nbase = 'a/#'", "publish.base is \"a/#\"; it must be a topic without"),
            (
                "[home_assistant]\nprefix = 'a/+'",
                "home_assistant.prefix is \"a/+\"; it must be a topic without",
            ),
            (
                "[home_assistant]\nenabled = true",
                "home_assistant.enabled is true; Home Assistant is reached over MQTT, but mqtt.host is \
                 missing",
            ),
            ("[home_assistant]\ndevices = 0", "home_assistant.devices is 0; it must be from 1 to 10000"),
            ("[record]\nlabel = '../x'", "record.label is \"../x\"; it must be the name of a folder"),
            (
                "[record]\nonly_labelled = true",
                "record.only_labelled is true; it needs record.folder, the folder",
            ),
            (
                "[record]\nfolder = 'r'\nonly_labelled = true",
                "record.only_labelled is true; it needs mqtt.host",
            ),
            (
                "[mqtt]\nhost = 'h'\n[record]\nfolder = 'r'\nlabel = 'x'\nonly_labelled = true",
                "record.only_labelled is true; record.label would have no effect",
            ),
            ("[record]\nnovel = true", "record.novel is true; it needs record.folder, the folder"),
            (
                "[record]\nfolder = 'r'\nlabel = 'x'\nnovel = true",
                "record.novel is true; record.label would have no effect",
            ),
            (
                "[decide]\nnovelty = 0.0\n[record]\nfolder = 'r'\nnovel = true",
                "record.novel is true; with decide.novelty = 0 no surface is ever novel",
            ),
            ("[decide]\nmin_confidence = 1.5", "decide.min_confidence is 1.5; it must be from 0 to 1"),
            ("[decide]\nnovelty = 2.0", "decide.novelty is 2.0; it must be from 0 to 1"),
            ("[mqtt]\nkeep_alive = '500ms'", "mqtt.keep_alive is \"500ms\"; it must be whole seconds"),
            ("[mqtt]\nca_file = 'ca'", "mqtt.ca_file is \"ca\"; it is used only with TLS"),
            (
                "[mqtt]\ntls = true\nkey_file = 'k'",
                "mqtt.certificate_file is missing; mqtt.key_file has no effect",
            ),
            (
                "[mqtt]\ntls = true\ncertificate_file = 'c'",
                "mqtt.key_file is missing; mqtt.certificate_file has no effect",
            ),
            ("[quality]\nclipped = 0.0", "quality.clipped is 0.0; it must be more than 0 and at most 1"),
            ("[quality]\ndrift = 1.0", "quality.drift is 1.0; it must be more than 1"),
            ("[quality]\ndrift_time = '0s'", "quality.drift_time is \"0s\"; it must be at least"),
            ("[http]\nlisten = '8089'", "http.listen is \"8089\"; it must be an IP address and a port"),
            (
                "[http]\nhosts = ['robot.local:80']",
                "http.hosts is \"robot.local:80\"; each name must be without",
            ),
            ("[limits]\ndrain = '0s'", "limits.drain is \"0s\"; it must be at least \"100ms\""),
            (
                "[[source]]\nkind = 'serial'\nport = 'x'\nsilence = '0s'",
                "source.silence is \"0s\"; it must be at least \"100ms\"",
            ),
            ("[[source]]\nkind = 'serial'", "source.port is missing"),
            ("[[source]]\nkind = 'mqtt'\ntopic = 'a/{stream}'", "mqtt.host is missing"),
            ("[mqtt]\nhost = 'h'\n[[source]]\nkind = 'mqtt'\ntopic = 'a/#'", "source.topic is \"a/#\""),
            ("[node]\nname = 'a/b'", "node.name is \"a/b\"; the name has a character that is not allowed"),
            ("[node]\nname = ''", "node.name is \"\"; the name is empty; use 1 to 64 bytes"),
            (
                "[mqtt]\nhost = 'h'\n[[source]]\nkind = 'mqtt'\ntopic = '$share/{stream}'",
                "source.topic is \"$share/{stream}\"; a shared subscription begins with \"$share\"",
            ),
            (
                "[mqtt]\nhost = 'h'\n[[source]]\nkind = 'mqtt'\ntopic = '{channel}/{stream}/{channel}'",
                "source.topic is \"{channel}/{stream}/{channel}\"; it must have {stream} as exactly one",
            ),
            (
                "[mqtt]\nhost = 'h'\n[[source]]\nkind = 'mqtt'\ntopic = 'a/{channel}'",
                "source.topic is \"a/{channel}\"",
            ),
            (
                "[[source]]\nkind = 'stdin'\nbaud = 9600",
                "source.baud is 9600; a source of kind \"stdin\" has no such key",
            ),
            (
                "[[source]]\nkind = 'stdin'\nformat = 'xml'",
                "source.format is \"xml\"; it must be csv, json or binary",
            ),
            (
                "[[source]]\nkind = 'file'\npath = 'x'\nspeed = 'fast'",
                "source.speed is \"fast\"; it must be \"max\" or a number above 0",
            ),
            ("[[source]]\n[source.time]\nrate = 0.0", "source.time.rate is 0.0; it must be more than 0"),
            (
                "[[source]]\n[source.time]\nunit = 'none'\ncolumn = 't'",
                "source.time.column is \"t\"; with unit = \"none\"",
            ),
            (
                "[[source]]\n[source.time]\nunit = 's'\nsum = [{column = 'secs', unit = 's'}]",
                "source.time.sum is a list that begins with the column \"secs\"; the columns and units",
            ),
            (
                "[[source]]\nformat = 'json'\n[source.time]\nsum = [{column = 'secs', unit = 's'}]",
                "source.time.sum is set for the format \"json\"; only CSV has such columns",
            ),
            ("[[source]]\ndelimiter = 'x'", "source.delimiter is \"x\"; it must be one ASCII character"),
            (
                "[[source]]\ndelimiter = ','\ndecimal = ','",
                "source.decimal is \",\"; the delimiter is a comma, too",
            ),
            (
                "[[source]]\nkind = 'file'\npath = 'x'\ndecimal = ','",
                "source.decimal is \",\"; a source of kind \"file\" has no such key",
            ),
            (
                "[mqtt]\nhost = 'h'\n[[source]]\nkind = 'mqtt'\ntopic = 'a/{stream}'\n[[source.channel]]\n\
                 name = 'm'\nhold = '1s'",
                "source.channel.hold is \"1s\"; a source of kind \"mqtt\" cannot hold values",
            ),
            (
                "[[source]]\n[[source.channel]]\nscale = 2.0",
                "source.channel is not valid in the source \"stdin0\"; ",
            ),
        ] {
            let error = parse(toml, "x").unwrap().validate().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
