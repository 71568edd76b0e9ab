//! Reads what stands at the end of a path: a value, or a list of values.

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::cell::{Cell, CellVisitor};
use super::found::Found;
use super::path::Place;
use crate::signal::TimeInput;

/// Deserialises what stands at the end of a path: a value, or a list of values.
pub(super) struct Leaf<'a> {
    pub(super) found: &'a mut Found,
    pub(super) time: &'a TimeInput,
    pub(super) place: Place,
    pub(super) depth: usize,
    pub(super) spread: bool,
}

impl Leaf<'_> {
    fn take(self, cell: &Cell) {
        if self.found.begin(self.place, self.depth, self.spread) {
            self.found.push(self.place, cell, self.time);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Leaf<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Leaf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.take(&Cell::Number(value));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.take(&Cell::Text(text.to_owned()));
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.take(&Cell::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.take(&Cell::Wrong(value.to_string()));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let cell = CellVisitor.visit_map(map)?;
        self.take(&cell);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let is_used = self.found.begin(self.place, self.depth, self.spread);
        if is_used {
            self.found.set_list(self.place);
        }
        while let Some(cell) = list.next_element::<Cell>()? {
            if is_used {
                self.found.push(self.place, &cell, self.time);
            }
        }
        Ok(())
    }
}
