//! Names the keys of an object, for the message about one that is missing.

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Maximum number of keys that are collected, of keys that are shown, and of characters of a shown key.
const COLLECTED: usize = 256;
const SHOWN: usize = 20;
const LENGTH: usize = 60;
/// How many keys deep keys are collected.
const DEPTH: usize = 6;

/// Says that the key `wanted` is missing, and which keys the object has, the nearest first. `bytes` are the
/// text of the object; without them, no keys are named.
pub(super) fn missing(wanted: &str, bytes: Option<&[u8]>) -> String {
    let missing = format!("there is no key {wanted:?}");
    let Some(bytes) = bytes else { return missing };
    let mut paths = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    // The object has been read before. If it could not be read now, the names so far are shown.
    let _ = Keys { paths: &mut paths, path: String::new(), depth: 0 }.deserialize(&mut json);
    if paths.is_empty() {
        return format!("{missing}; the object has no keys");
    }
    let count = paths.len();
    paths.sort_by_cached_key(|path| distance(wanted, path));
    let names: Vec<_> = paths.iter().take(SHOWN).map(|path| shown(path)).collect();
    let more = if count > SHOWN { " and more" } else { "" };
    format!("{missing}; the object has {}{more}", names.join(", "))
}

/// How far a path is from the wanted one: the number of changes of single characters, of the whole or of its
/// last key.
fn distance(wanted: &str, path: &str) -> usize {
    let lower = |text: &str| text.chars().take(LENGTH).collect::<String>().to_lowercase();
    let last = |text: &str| lower(text.rsplit('.').next().unwrap_or_default());
    let whole = strsim::levenshtein(&lower(wanted), &lower(path));
    whole.min(1 + strsim::levenshtein(&last(wanted), &last(path)))
}

/// A path as it is shown: as it is if it is plain, otherwise quoted and shortened.
fn shown(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._-/:".contains(c);
    if path.chars().all(is_plain) && path.chars().count() <= LENGTH {
        return path.to_owned();
    }
    let start: String = path.chars().take(LENGTH).collect();
    if start == path { format!("{path:?}") } else { format!("{start:?}…") }
}

/// Collects the paths of all values that are no objects.
struct Keys<'a> {
    paths: &'a mut Vec<String>,
    path: String,
    depth: usize,
}

impl Keys<'_> {
    fn is_full(&self) -> bool {
        self.paths.len() >= COLLECTED || self.depth > DEPTH
    }

    fn add(self) {
        if !self.path.is_empty() && self.paths.len() < COLLECTED {
            self.paths.push(self.path);
        }
    }

    fn below(&mut self, key: &str) -> Keys<'_> {
        let separator = if self.path.is_empty() { "" } else { "." };
        let key: String = key.chars().take(2 * LENGTH).collect();
        Keys {
            path: format!("{}{separator}{key}", self.path),
            paths: &mut *self.paths,
            depth: self.depth + 1,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.is_full() {
            deserializer.deserialize_ignored_any(IgnoredAny).map(drop)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(self.below(&key))?;
        }
        Ok(())
    }

    /// A list of objects is looked into at its first element; any other list is a value.
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let before = self.paths.len();
        let first = list.next_element_seed(self.below("0"))?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        let is_value = self.paths.get(before).is_none_or(|path| *path == format!("{}.0", self.path));
        if first.is_none() || is_value {
            self.paths.truncate(before);
            self.add();
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.add();
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.add();
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.add();
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.add();
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.add();
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.add();
        Ok(())
    }
}
