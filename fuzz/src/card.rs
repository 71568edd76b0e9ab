//! The model card, as a stranger's model may carry it, and the ONNX file around it.

use underfoot::model::card::Card;
use underfoot::model::onnx;

use super::split_first;

/// A card that is accepted is written and read again unchanged; bytes that are not a model are refused, and a model that takes a card
/// takes another one.
pub fn card(data: &[u8]) {
    let (choice, data) = split_first(data);
    if choice & 1 == 0 {
        let Ok(card) = Card::parse(&String::from_utf8_lossy(data)) else { return };
        let again =
            Card::parse(&card.to_json()).unwrap_or_else(|error| panic!("its own JSON is refused: {error}"));
        assert_eq!(card, again);
    } else if let Ok(stamped) = onnx::stamp(data, "{}") {
        let again =
            onnx::stamp(&stamped, "{}").unwrap_or_else(|error| panic!("a stamped model is refused: {error}"));
        assert_eq!(stamped, again, "stamping twice is stamping once");
    }
}
