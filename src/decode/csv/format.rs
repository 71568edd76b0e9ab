//! How the numbers of a row are written and separated.

/// What is configured about rows of CSV. The default is that nothing is, so that it is worked out from the
/// rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvFormat {
    /// What separates two fields; `None` to work it out from the first rows.
    pub delimiter: Option<Delimiter>,
    /// What separates the whole part of a number from its decimals; `None` if it may be a comma wherever the
    /// comma does not separate fields.
    pub decimal: Option<Decimal>,
}

/// What separates the fields of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delimiter {
    /// One character, which is ASCII.
    Character(u8),
    /// One or more spaces and tabs.
    Blanks,
}

/// What separates the whole part of a number from its decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal {
    /// A point, as in `1.21`.
    Point,
    /// A comma, as in `1,21`.
    Comma,
}

/// Why characters cannot be used as delimiter or decimal separator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is \"{}\"; {fix}", value.escape_debug())]
pub struct CsvFormatError {
    /// The key, without its section: `delimiter` or `decimal`.
    pub key: &'static str,
    /// The character.
    pub value: char,
    /// What to do.
    pub fix: &'static str,
}

impl CsvFormat {
    /// The format with these characters; a space as delimiter stands for any number of blanks.
    ///
    /// # Errors
    /// [`CsvFormatError`]: a character cannot be used, or both are a comma.
    pub fn new(delimiter: Option<char>, decimal: Option<char>) -> Result<Self, CsvFormatError> {
        let delimiter = match delimiter {
            None => None,
            Some(' ') => Some(Delimiter::Blanks),
            Some(value) => {
                let is_in_fields = value.is_ascii_alphanumeric() || "\"'+-.\r\n\0".contains(value);
                match u8::try_from(value) {
                    Ok(byte) if byte.is_ascii() && !is_in_fields => Some(Delimiter::Character(byte)),
                    _ => {
                        let fix = "it must be one ASCII character that numbers and names do not contain, such \
                                   as \",\", \";\", \"\\t\" or \" \"";
                        return Err(CsvFormatError { key: "delimiter", value, fix });
                    }
                }
            }
        };
        let decimal = match decimal {
            None => None,
            Some('.') => Some(Decimal::Point),
            Some(',') if delimiter == Some(Delimiter::Character(b',')) => {
                let fix = "the delimiter is a comma, too; set one of them to another character";
                return Err(CsvFormatError { key: "decimal", value: ',', fix });
            }
            Some(',') => Some(Decimal::Comma),
            Some(value) => {
                return Err(CsvFormatError { key: "decimal", value, fix: "it must be \".\" or \",\"" });
            }
        };
        Ok(Self { delimiter, decimal })
    }

    /// The delimiters that rows may have, in the order in which they are tried. A comma comes after those that
    /// cannot be part of a number with a decimal comma, and blanks, which may stand beside any other, come last.
    pub(super) fn candidates(self) -> impl Iterator<Item = Delimiter> {
        let all = [b';', b'\t', b','].map(Delimiter::Character).into_iter().chain([Delimiter::Blanks]);
        let is_possible = move |candidate: &Delimiter| match self.delimiter {
            Some(delimiter) => delimiter == *candidate,
            None => *candidate != Delimiter::COMMA || self.decimal != Some(Decimal::Comma),
        };
        let other = self.delimiter.filter(|delimiter| !all.clone().any(|usual| usual == *delimiter));
        all.filter(is_possible).chain(other)
    }

    /// Whether nothing is configured, so that a comma may separate fields or decimals.
    pub(super) fn is_open(self) -> bool {
        self == Self::default()
    }

    /// The delimiter that is assumed until one is known.
    pub(super) fn assumed(self) -> Delimiter {
        match (self.delimiter, self.decimal) {
            (Some(delimiter), _) => delimiter,
            (None, Some(Decimal::Comma)) => Delimiter::Character(b';'),
            (None, _) => Delimiter::COMMA,
        }
    }
}

impl Delimiter {
    pub(super) const COMMA: Self = Delimiter::Character(b',');

    /// Whether a byte separates fields.
    pub(super) fn is(self, byte: u8) -> bool {
        match self {
            Delimiter::Character(character) => byte == character,
            Delimiter::Blanks => matches!(byte, b' ' | b'\t'),
        }
    }

    /// The delimiter as it is written between two fields.
    pub(crate) fn text(self) -> char {
        match self {
            Delimiter::Character(character) => char::from(character),
            Delimiter::Blanks => ' ',
        }
    }
}

impl std::fmt::Display for Delimiter {
    /// Writes the name of the delimiter, such as `comma`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Delimiter::Character(b',') => f.write_str("comma"),
            Delimiter::Character(b';') => f.write_str("semicolon"),
            Delimiter::Character(b'\t') => f.write_str("tab"),
            Delimiter::Character(other) => write!(f, "\"{}\"", char::from(*other).escape_debug()),
            Delimiter::Blanks => f.write_str("blanks"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_cannot_separate_anything_are_named() {
        let error = |delimiter, decimal| CsvFormat::new(delimiter, decimal).unwrap_err().to_string();
        assert!(error(Some('5'), None).starts_with("delimiter is \"5\"; it must be one ASCII character"));
        assert!(error(Some('→'), None).contains("\"→\""));
        assert_eq!(error(None, Some('\'')), "decimal is \"\\'\"; it must be \".\" or \",\"");
        assert!(error(Some(','), Some(',')).starts_with("decimal is \",\"; the delimiter is a comma, too"));
    }

    #[test]
    fn a_configured_delimiter_is_the_only_candidate() {
        let candidates = |delimiter, decimal| -> String {
            CsvFormat::new(delimiter, decimal).unwrap().candidates().map(Delimiter::text).collect()
        };
        assert_eq!(candidates(None, None), ";\t, ");
        assert_eq!(candidates(None, Some(',')), ";\t ");
        assert_eq!(candidates(Some('|'), None), "|");
        assert_eq!(candidates(Some(';'), Some(',')), ";");
    }
}
