//! The page docs/configuration.md.

use std::fmt::Write as _;

use super::command_reference::escape;

/// The longest line of the page, apart from single long words.
const WIDTH: usize = 110;

const HEAD: &str = "\
# Configuration

This page has what `underfoot config --sample` prints: every key with its type, its default and its meaning. It follows
from [config/underfoot.toml](../config/underfoot.toml); `make references` writes it.
";

/// A key of the sample, with its name below the section.
struct Key {
    name: String,
    value: String,
    /// Whether there is a `#` in front of it, so that it is not set.
    is_example: bool,
}

/// The page for the sample configuration.
pub(super) fn page(sample: &str) -> String {
    let mut out = HEAD.to_owned();
    let (mut prose, mut keys) = (Vec::new(), Vec::<Key>::new());
    let (mut section, mut seen) = (String::new(), Vec::new());
    // A key is written when what follows it is known: keys without a text of their own share that of the key before.
    let mut pending = Vec::new();
    for line in sample.lines().chain([""]) {
        let code = line.strip_prefix('#').unwrap_or(line);
        if line == "#" || line.starts_with("# ") {
            write_key(&section, &mut pending, &mut keys, &mut out);
            prose.push(line.trim_start_matches('#').strip_prefix(' ').unwrap_or_default().to_owned());
        } else if code.is_empty() {
            write_key(&section, &mut pending, &mut keys, &mut out);
            if prose.iter().any(|line| line.starts_with("Sources:")) {
                out.push_str("\n## Sources\n");
            }
            text(&std::mem::take(&mut prose), &mut out);
        } else if let Some(name) =
            code.trim_start_matches('[').split(']').next().filter(|_| code.starts_with('['))
        {
            write_key(&section, &mut pending, &mut keys, &mut out);
            section = name.to_owned();
            // The next line of a source has its kind.
            if name == "source" {
                pending = std::mem::take(&mut prose);
                continue;
            }
            if !seen.contains(&section) {
                let _ = write!(out, "\n## `{code}`\n");
                seen.push(section.clone());
            }
            text(&std::mem::take(&mut prose), &mut out);
        } else if let Some((name, value)) = code.split_once(" = ") {
            let key = Key { name: name.into(), value: value.into(), is_example: line.starts_with('#') };
            if section == "source" && name == "kind" {
                let _ = write!(out, "\n## `[[source]]` with `kind = {value}`\n");
                text(&std::mem::take(&mut pending), &mut out);
            } else if !prose.is_empty() {
                pending = std::mem::take(&mut prose);
                keys.push(key);
            } else if !keys.is_empty() {
                keys.push(key);
            }
        }
    }
    out
}

/// Writes the keys that are waiting, which share the text `prose`.
fn write_key(section: &str, prose: &mut Vec<String>, keys: &mut Vec<Key>, out: &mut String) {
    let (prose, keys) = (std::mem::take(prose), std::mem::take(keys));
    let Some(last) = keys.last() else { return };
    let names: Vec<String> = keys.iter().map(|key| format!("`{section}.{}`", key.name)).collect();
    let _ = write!(out, "\n### {}\n", names.join(", "));
    let joined = prose.join("\n");
    let (meaning, kind) = joined.split_once("Type: ").unwrap_or((&joined, ""));
    text(&meaning.lines().map(str::to_owned).collect::<Vec<_>>(), out);
    let kind = kind.split_whitespace().collect::<Vec<_>>().join(" ");
    out.push('\n');
    if !kind.is_empty() {
        let _ = writeln!(out, "{}", wrapped(&format!("- Type: {}", escape(&kind)), "  "));
    }
    if last.is_example {
        let examples: Vec<String> =
            keys.iter().map(|key| format!("`{} = {}`", key.name, key.value)).collect();
        let _ = writeln!(out, "- Example: {}", examples.join(", "));
    } else {
        let _ = writeln!(out, "- Default: `{}`", last.value);
    }
}

/// Writes lines as paragraphs. Indented lines that are numbered become a list, and others a block of text.
fn text(lines: &[String], out: &mut String) {
    let kind = |line: &String| match line.trim_start().chars().next() {
        None => 'e',
        Some(first) if line.starts_with("  ") && first.is_ascii_digit() => 'n',
        Some(_) if line.starts_with("  ") => 't',
        Some(_) => 'p',
    };
    for lines in lines.chunk_by(|one, other| kind(one) == kind(other)) {
        let joined = || lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        match lines.first().map(kind) {
            Some('p') => {
                let _ = write!(out, "\n{}\n", wrapped(&escape(&joined()), ""));
            }
            Some('n') => {
                out.push('\n');
                lines.iter().for_each(|line| {
                    let _ = writeln!(out, "{}", escape(line.trim()));
                });
            }
            Some('t') => {
                let indent = lines.iter().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
                let lines: Vec<&str> = lines.iter().map(|line| &line[indent..]).collect();
                let _ = write!(out, "\n```text\n{}\n```\n", lines.join("\n"));
            }
            _ => {}
        }
    }
}

/// Breaks text into lines of at most `WIDTH` characters, of which all but the first begin with `indent`.
fn wrapped(text: &str, indent: &str) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, indent.to_owned() + word));
        } else {
            line += if line.is_empty() { "" } else { " " };
            line += word;
        }
    }
    lines.push(line);
    lines.join("\n")
}
