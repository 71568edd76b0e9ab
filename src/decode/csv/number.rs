//! Numbers as programs and people write them: with a decimal comma, with a unit, or missing.

use super::format::{CsvFormat, Decimal, Delimiter};

/// The longest unit, in bytes.
const MAX_UNIT: usize = 12;

/// Which decimal separators a number may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NumberStyle {
    point: bool,
    comma: bool,
}

impl NumberStyle {
    /// The style of numbers in rows with this delimiter.
    pub(super) fn of(format: CsvFormat, delimiter: Delimiter) -> Self {
        Self {
            point: format.decimal != Some(Decimal::Comma),
            comma: match format.decimal {
                Some(decimal) => decimal == Decimal::Comma,
                None => delimiter != Delimiter::COMMA,
            },
        }
    }
}

/// The number in a field that holds nothing but a number with a point or without decimals.
#[inline]
pub(super) fn parse_plain(field: &[u8], style: NumberStyle) -> Option<f64> {
    if style.point { fast_float2::parse(field).ok() } else { None }
}

/// The number in a field: NaN if the field holds a missing value, `None` if it holds something else.
pub(super) fn parse(field: &[u8], style: NumberStyle) -> Option<f64> {
    let field = field.trim_ascii();
    if let Ok(value) = fast_float2::parse(field)
        && style.point
    {
        return Some(value);
    }
    if is_missing(field) {
        return Some(f64::NAN);
    }
    let mut commas = memchr::memchr_iter(b',', field);
    match (commas.next(), commas.next()) {
        (None, _) if style.point || !field.contains(&b'.') => fast_float2::parse(field).ok(),
        (Some(comma), None) if style.comma && field.get(comma + 1).is_some_and(u8::is_ascii_digit) => {
            let mut with_point = field.to_vec();
            *with_point.get_mut(comma)? = b'.';
            // With both a comma and a point, the comma separates thousands: that is not a number here.
            fast_float2::parse(&with_point).ok()
        }
        _ => None,
    }
}

/// The number and the unit in a field such as `1.21 A`; `None` if it is not a number with a unit.
pub(super) fn parse_with_unit(field: &[u8], style: NumberStyle) -> Option<(f64, &[u8])> {
    let field = field.trim_ascii();
    let digits = field.iter().rposition(|byte| byte.is_ascii_digit() || *byte == b'.')?;
    let (number, unit) = field.split_at(digits + 1);
    let unit = unit.trim_ascii();
    let is_unit = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii() || b"%/*^".contains(byte);
    if unit.is_empty() || unit.len() > MAX_UNIT || !unit.iter().all(is_unit) {
        return None;
    }
    let value = parse(number, style)?;
    value.is_finite().then_some((value, unit))
}

/// Whether two units are the same, as people write them.
pub(super) fn is_same_unit(one: &str, other: &str) -> bool {
    let plain = |unit: &str| match unit.trim().replace(['µ', 'μ'], "u") {
        unit if ["amp", "amps", "ampere", "amperes"].contains(&unit.to_lowercase().as_str()) => "A".into(),
        unit => unit,
    };
    plain(one) == plain(other)
}

/// Whether a field stands for a value that is missing.
pub(super) fn is_missing(field: &[u8]) -> bool {
    let names = ["null", "NA", "N/A", "#N/A", "None", "nan"];
    field.is_empty() || names.iter().any(|name| field.eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether a field is a number without anything else.
pub(super) fn is_number(field: &[u8]) -> bool {
    fast_float2::parse::<f64, _>(field).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(delimiter: u8, decimal: Option<Decimal>) -> NumberStyle {
        let format = CsvFormat { delimiter: None, decimal };
        NumberStyle::of(format, Delimiter::Character(delimiter))
    }

    #[test]
    fn a_comma_is_a_decimal_separator_where_it_separates_no_fields() {
        let (semicolon, comma) = (style(b';', None), style(b',', None));
        assert_eq!(parse(b" 1,21 ", semicolon), Some(1.21));
        assert_eq!(parse(b"1.21", semicolon), Some(1.21));
        assert_eq!(parse(b"-1,5e3", semicolon), Some(-1500.0));
        for bad in ["1,21", "1,", "1,2,3", "1.234,5", ",", "x"] {
            assert_eq!(parse(bad.as_bytes(), comma), None, "{bad}");
        }
        for bad in ["1,", "1,2,3", "1.234,5", "1,234.5", ",", "x"] {
            assert_eq!(parse(bad.as_bytes(), semicolon), None, "{bad}");
        }
    }

    #[test]
    fn a_configured_separator_is_the_only_one() {
        assert_eq!(parse(b"1,21", style(b';', Some(Decimal::Point))), None);
        let comma = style(b';', Some(Decimal::Comma));
        assert_eq!(
            (parse(b"1,21", comma), parse(b"1.210", comma), parse(b"12", comma)),
            (Some(1.21), None, Some(12.0))
        );
    }

    #[test]
    fn a_missing_value_is_nan() {
        for missing in ["", " ", "null", "NA", "NaN", "None", "n/a"] {
            assert!(parse(missing.as_bytes(), style(b',', None)).unwrap().is_nan(), "{missing}");
        }
    }

    #[test]
    fn a_unit_is_split_from_its_number() {
        let parse = |field: &str| {
            let parsed = parse_with_unit(field.as_bytes(), style(b';', None));
            parsed.map(|(value, unit)| (value, String::from_utf8_lossy(unit).into_owned()))
        };
        assert_eq!(parse("1.21 A"), Some((1.21, "A".into())));
        assert_eq!(parse("12,5mA"), Some((12.5, "mA".into())));
        assert_eq!(parse("3 µA"), Some((3.0, "µA".into())));
        for bad in ["1.21", "A", "0x1F", "abc", "1 2 A", "nan A", "1.2 and much more text"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert!(is_same_unit("µA", "uA") && is_same_unit("Amps", "A") && !is_same_unit("mA", "A"));
    }
}
