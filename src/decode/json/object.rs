//! Reads one object: looks for the keys of the columns and of the time at any depth, and for a list of samples.

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::cell::{Cell, RowCells};
use super::found::Found;
use super::leaf::Leaf;
use super::path::{Place, Wanted, with_wanted};
use super::rows::JsonRows;
use crate::signal::{Columns, TimeInput};

/// The key of a list of samples.
const SAMPLES: &str = "samples";

/// Reads an object, in place of what was there before.
///
/// # Errors
/// The text is not valid JSON, or no object.
pub(super) fn read(
    found: &mut Found,
    bytes: &[u8],
    columns: &Columns,
    time: &TimeInput,
) -> Result<(), serde_json::Error> {
    found.clear();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    with_wanted(columns, time, |wanted| {
        ObjectNode { found, columns, time, wanted, depth: 0, spread: false, is_inner: false }
            .deserialize(&mut json)
    })?;
    json.end()
}

/// Reads an object that is an element of a list of samples, in place of what was there before.
///
/// # Errors
/// The text is not valid JSON.
fn element<'de, A: MapAccess<'de>>(
    found: &mut Found,
    map: A,
    columns: &Columns,
    time: &TimeInput,
) -> Result<(), A::Error> {
    found.clear();
    with_wanted(columns, time, |wanted| {
        ObjectNode { found, columns, time, wanted, depth: 0, spread: false, is_inner: true }.visit_map(map)
    })
}

/// Deserialises the values of one object or list on the way to what is wanted.
struct ObjectNode<'a, 'w> {
    found: &'a mut Found,
    columns: &'a Columns,
    time: &'a TimeInput,
    wanted: &'a [Wanted<'w>],
    /// The number of keys that lead here.
    depth: usize,
    /// Whether a list without a place in the path was on the way here.
    spread: bool,
    /// Whether this is an element of the list of samples.
    is_inner: bool,
}

impl<'w> ObjectNode<'_, 'w> {
    /// The node of what follows `key`; `None` if nothing that is wanted is there.
    fn below(&self, key: &str) -> Option<Vec<Wanted<'w>>> {
        let follow = |wanted: &Wanted<'w>| {
            let path = wanted.path.strip_prefix(key)?.strip_prefix('.')?;
            Some(Wanted { place: wanted.place, path })
        };
        let below: Vec<_> = self.wanted.iter().filter_map(follow).collect();
        (!below.is_empty()).then_some(below)
    }

    fn child<'b>(&'b mut self, wanted: &'b [Wanted<'w>], spread: bool) -> ObjectNode<'b, 'w> {
        ObjectNode {
            found: &mut *self.found,
            columns: self.columns,
            time: self.time,
            wanted,
            depth: self.depth + 1,
            spread: self.spread || spread,
            is_inner: self.is_inner,
        }
    }

    fn leaf(&mut self, place: Place) -> Leaf<'_> {
        Leaf { found: &mut *self.found, time: self.time, place, depth: self.depth + 1, spread: self.spread }
    }
}

impl<'de> DeserializeSeed<'de> for ObjectNode<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectNode<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if let Some(wanted) = self.wanted.iter().find(|wanted| wanted.path == key) {
                let place = wanted.place;
                map.next_value_seed(self.leaf(place))?;
            } else if let Some(below) = self.below(&key) {
                map.next_value_seed(self.child(&below, false))?;
            } else if self.depth == 0 && !self.is_inner && key == SAMPLES {
                let Self { found, columns, time, .. } = &mut self;
                found.has_rows = true;
                map.next_value_seed(SampleList { rows: &mut found.rows, columns, time })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let is_place = |wanted: &Wanted<'_>| {
            let part = wanted.path.split('.').next().unwrap_or_default();
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let spread: Vec<_> = self.wanted.iter().filter(|wanted| !is_place(wanted)).copied().collect();
        for index in 0.. {
            let key = index.to_string();
            let more = if let Some(wanted) = self.wanted.iter().find(|wanted| wanted.path == key) {
                let place = wanted.place;
                list.next_element_seed(self.leaf(place))?
            } else if let Some(below) = self.below(&key) {
                list.next_element_seed(self.child(&below, false))?
            } else if spread.is_empty() {
                list.next_element::<IgnoredAny>()?.map(drop)
            } else {
                list.next_element_seed(self.child(&spread, true))?
            };
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }

    // Any other value has nothing inside it.
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Deserialises a list of samples into rows.
struct SampleList<'a> {
    rows: &'a mut JsonRows,
    columns: &'a Columns,
    time: &'a TimeInput,
}

impl<'de> DeserializeSeed<'de> for SampleList<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for SampleList<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of rows, objects or numbers under \"samples\"")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { rows, columns, time } = self;
        let (mut row, mut object, mut numbers) = (Vec::new(), Found::new(columns.names().len()), Vec::new());
        let limit = columns.names().len() + 2;
        let has_one = columns.names().len() == 1;
        while let Some(kind) =
            list.next_element_seed(Element { row: &mut row, limit, object: &mut object, columns, time })?
        {
            match kind {
                ElementKind::Row => rows.add(&row, columns, time),
                ElementKind::Object => rows.append(&mut object, columns, time),
                ElementKind::Number(cell) if has_one => rows.add(&[cell], columns, time),
                ElementKind::Number(cell) if numbers.len() < limit => numbers.push(cell),
                ElementKind::Number(_) => {}
            }
        }
        if !numbers.is_empty() {
            rows.add(&numbers, columns, time);
        }
        Ok(())
    }
}

impl JsonRows {
    /// Adds the samples of an object that is an element of the list.
    fn append(&mut self, object: &mut Found, columns: &Columns, time: &TimeInput) {
        object.flatten(None, columns, time, self.fault.is_none());
        let JsonRows { times, raw, malformed, bad_times, fault } = &mut object.rows;
        self.times.append(times);
        self.raw.append(raw);
        self.malformed += *malformed;
        self.bad_times += *bad_times;
        if self.fault.is_none() {
            self.fault = fault.take();
        }
    }
}

/// What an element of the list was.
enum ElementKind {
    Row,
    Object,
    Number(Cell),
}

/// Deserialises one element of the list.
struct Element<'a> {
    row: &'a mut Vec<Cell>,
    limit: usize,
    object: &'a mut Found,
    columns: &'a Columns,
    time: &'a TimeInput,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ElementKind;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<ElementKind, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = ElementKind;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a row, an object or a number")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ElementKind, A::Error> {
        RowCells { row: self.row, limit: self.limit }.visit_seq(list)?;
        Ok(ElementKind::Row)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ElementKind, A::Error> {
        element(self.object, map, self.columns, self.time)?;
        Ok(ElementKind::Object)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<ElementKind, E> {
        Ok(ElementKind::Number(Cell::Number(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<ElementKind, E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<ElementKind, E> {
        self.visit_f64(value as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ElementKind, E> {
        Ok(ElementKind::Number(Cell::Text(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<ElementKind, E> {
        Ok(ElementKind::Number(Cell::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<ElementKind, E> {
        Ok(ElementKind::Number(Cell::Wrong(value.to_string())))
    }
}
