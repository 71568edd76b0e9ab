//! A configuration file that anybody may have written.

use underfoot::config::load;

/// It is read, or refused with an error in one line that has nothing in it that a terminal would obey.
pub fn config(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let outcome = load::parse(&text, "underfoot.toml").map(|config| config.validate());
    let told = match outcome {
        Err(error) => error.to_string(),
        Ok(Err(error)) => error.to_string(),
        Ok(Ok(())) => return,
    };
    assert!(!told.contains(|c: char| c.is_control()), "{told:?} has control characters");
}
