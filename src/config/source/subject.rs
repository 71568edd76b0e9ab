//! The subject of a NATS source: its tokens, and the messages of which partition and stream it stands for.

use crate::config::error::ValueError;

/// The token of a subject that stands for the number of a partition.
const PARTITION: &str = "{partition}";
/// The token of a subject that stands for the name of any stream.
pub(crate) const STREAM: &str = "{stream}";
/// The largest number of partitions: each has a consumer of its own on the servers.
const MOST: u16 = 1024;

/// The subjects of a NATS source.
#[cfg(feature = "nats")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionedSubject {
    /// The subject, in which `{partition}` and `{stream}` stand for a number and a name.
    pattern: String,
}

#[cfg(feature = "nats")]
impl PartitionedSubject {
    /// The subjects of a pattern that was checked by [`validate`].
    pub(crate) fn new(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned() }
    }

    /// The subjects of one partition, with `*` in place of the stream.
    pub(crate) fn filter(&self, partition: u16) -> String {
        self.replaced(&partition.to_string())
    }

    /// The subjects of all partitions, with `*` in place of the partition and the stream.
    pub(crate) fn filter_of_all(&self) -> String {
        self.replaced("*")
    }

    /// The number of the partition and the name of the stream in a subject, which has not been checked yet; `None` if the
    /// subject is another one.
    pub(crate) fn names<'a>(&self, subject: &'a str) -> Option<(u16, &'a str)> {
        let (mut partition, mut stream) = (None, None);
        let mut tokens = subject.split('.');
        for wanted in self.pattern.split('.') {
            let token = tokens.next()?;
            match wanted {
                PARTITION => partition = token.parse().ok(),
                STREAM => stream = Some(token),
                wanted if wanted != token => return None,
                _ => {}
            }
        }
        tokens.next().is_none().then_some((partition?, stream?))
    }

    fn replaced(&self, partition: &str) -> String {
        let token = |token| match token {
            PARTITION => partition,
            STREAM => "*",
            other => other,
        };
        self.pattern.split('.').map(token).collect::<Vec<_>>().join(".")
    }
}

/// Subjects of which each stream has one.
#[cfg(feature = "nats")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamSubject {
    /// The subject, in which `{stream}` stands for a name.
    pattern: String,
}

#[cfg(feature = "nats")]
impl StreamSubject {
    /// The subjects of a pattern that [`validate_predictions`] takes.
    pub(crate) fn new(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned() }
    }

    /// The subject of a stream. A dot in its name becomes `//`, as the MQTT gateway of NATS writes it. `None` if the name has
    /// a character that no subject has.
    pub(crate) fn of(&self, stream: &str) -> Option<String> {
        let is_valid = !stream.contains(|c: char| c.is_whitespace() || matches!(c, '*' | '>'));
        is_valid.then(|| self.pattern.replace(STREAM, &stream.replace('.', "//")))
    }

    /// The subjects of all streams, with `*` in place of the stream.
    pub(crate) fn filter(&self) -> String {
        self.pattern.replace(STREAM, "*")
    }

    /// The name of the stream in a subject, which has not been checked yet; `None` if the subject is another one.
    pub(crate) fn stream(&self, subject: &str) -> Option<String> {
        let (before, after) = self.pattern.split_once(STREAM)?;
        let name = subject.strip_prefix(before)?.strip_suffix(after)?;
        (!name.contains('.')).then(|| name.replace("//", "."))
    }
}

/// Checks the subject of predictions, the value of `nats.predictions`.
pub(in crate::config) fn validate_predictions(subject: &str) -> Result<(), ValueError> {
    let count = subject.split('.').filter(|token| *token == STREAM).count();
    if count == 1 && subject.split('.').all(|token| token == STREAM || is_token(token)) {
        return Ok(());
    }
    let fix = "it must have {stream} as exactly one of its tokens, and no \"*\" or \">\", such as \
               \"underfoot.{stream}.prediction\"";
    Err(ValueError::new("nats.predictions", subject, fix))
}

/// Whether a token of a subject stands for itself.
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic() && !b".*>/\\{}".contains(&byte))
}

/// The keys of a source of the kind `nats`, and those of other sections that it needs.
pub(super) struct NatsKeys<'a> {
    /// The name of the source, for messages.
    pub source: &'a str,
    pub jetstream: Option<&'a String>,
    pub subject: Option<&'a String>,
    pub partitions: Option<u16>,
    /// Whether `nats.url` and `node.name` are set.
    pub has_url: bool,
    pub has_node: bool,
}

/// Checks the keys of a source of the kind `nats`.
pub(super) fn validate(keys: &NatsKeys<'_>) -> Result<(), ValueError> {
    let missing = |key: &str, fix: &str| {
        Err(ValueError::missing(key, format!("{fix} (for the source {:?})", keys.source)))
    };
    if !keys.has_url {
        return missing("nats.url", "set it to the servers, such as \"nats://127.0.0.1:4222\"");
    }
    if !keys.has_node {
        return missing("node.name", "set it to a name that no other daemon at these servers has");
    }
    match keys.jetstream {
        None => {
            return missing(
                "source.jetstream",
                "set it to the name of the JetStream stream, such as \"FLEET\"",
            );
        }
        Some(name) if !is_token(name) => {
            let fix = "it must be the name of a JetStream stream, such as \"FLEET\"";
            return Err(ValueError::new("source.jetstream", name, fix));
        }
        Some(_) => {}
    }
    let example = "such as \"fleet.{partition}.robots.{stream}.current\"";
    let Some(subject) = keys.subject else {
        return missing("source.subject", &format!("set it to the subject of the messages, {example}"));
    };
    let count = |name: &str| subject.split('.').filter(|token| *token == name).count();
    let is_valid = |token: &str| matches!(token, PARTITION | STREAM) || is_token(token);
    if count(PARTITION) != 1 || count(STREAM) != 1 || !subject.split('.').all(is_valid) {
        let fix = format!(
            "it must have {{partition}} and {{stream}} as exactly one of its tokens each, and no \"*\" or \">\", {example}"
        );
        return Err(ValueError::new("source.subject", subject, fix));
    }
    match keys.partitions {
        None => {
            missing("source.partitions", "set it to the number of partitions in the servers' subject mapping")
        }
        Some(count) if !(1..=MOST).contains(&count) => Err(ValueError::new(
            "source.partitions",
            usize::from(count),
            format!("it must be from 1 to {MOST}"),
        )),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::parse;

    #[test]
    fn a_subject_has_the_partition_and_the_stream_in_one_token_each() {
        let subject = PartitionedSubject::new("fleet.{partition}.robots.{stream}.current");
        assert_eq!(subject.filter(7), "fleet.7.robots.*.current");
        assert_eq!(subject.filter_of_all(), "fleet.*.robots.*.current");
        assert_eq!(subject.names("fleet.7.robots.rover.current"), Some((7, "rover")));
        for other in
            ["fleet.7.robots.rover", "fleet.x.robots.rover.current", "fleet.7.robots.a.b.current", "fleet"]
        {
            assert_eq!(subject.names(other), None, "{other}");
        }
    }

    #[test]
    fn predictions_have_the_stream_in_one_token() {
        let subject = StreamSubject::new("underfoot.{stream}.prediction");
        assert_eq!(subject.of("rover").as_deref(), Some("underfoot.rover.prediction"));
        assert_eq!(subject.of("a.b").as_deref(), Some("underfoot.a//b.prediction"));
        assert_eq!([subject.of("a b"), subject.of("a*"), subject.of(">")], [None, None, None]);
        assert_eq!(validate_predictions("underfoot.{stream}.prediction"), Ok(()));
        for wrong in
            ["", "underfoot.prediction", "a.{stream}.{stream}", "a.*.{stream}", "a..{stream}", "{stream}.>"]
        {
            let error = validate_predictions(wrong).unwrap_err().to_string();
            assert!(error.starts_with("nats.predictions is"), "{error}");
        }
    }

    #[test]
    fn each_key_that_is_missing_or_wrong_is_named_with_an_example() {
        const SOURCE: &str = "[[source]]\nkind = 'nats'\njetstream = 'FLEET'\n\
            subject = 'fleet.{partition}.robots.{stream}.current'\npartitions = 64\n";
        let servers = "[nats]\nurl = 'nats://h'\n[node]\nname = 'a'\n";
        let check = |text: String| parse(&text, "x").and_then(|config| config.validate().map_err(Into::into));
        assert!(check(format!("{servers}{SOURCE}")).is_ok());
        for (text, message) in [
            (SOURCE.to_owned(), "nats.url is missing"),
            (format!("[nats]\nurl = 'nats://h'\n{SOURCE}"), "node.name is missing"),
            (
                format!("{servers}{}", SOURCE.replace("jetstream = 'FLEET'\n", "")),
                "source.jetstream is missing",
            ),
            (format!("{servers}{}", SOURCE.replace("FLEET", "A.B")), "source.jetstream is \"A.B\""),
            (
                format!("{servers}{}", SOURCE.replace("{stream}", "*")),
                "source.subject is \"fleet.{partition}.robots.*.cur",
            ),
            (format!("{servers}{}", SOURCE.replace("= 64", "= 0")), "source.partitions is 0"),
            (
                format!("{servers}{SOURCE}").replace("[node]", "predictions = 'a.{robot}'\n[node]"),
                "nats.predictions is \"a",
            ),
            ("[nats]\npredictions = 'a.{stream}'\n".to_owned(), "no source has kind = \"nats\""),
        ] {
            let error = check(text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
