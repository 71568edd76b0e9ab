//! Reads the project's pages: their code blocks, their links and the anchors of their headings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A page in Markdown.
pub(crate) struct Page {
    /// The path below the root of the project, such as `docs/mqtt.md`.
    pub(crate) path: String,
    text: String,
}

/// A line of a page, and whether it is in a code block.
type Line<'a> = (&'a str, bool);

impl Page {
    /// Reads a page by its path below the root of the project.
    pub(crate) fn read(path: &str) -> Self {
        let text =
            std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self { path: path.to_owned(), text }
    }

    /// The README, the pages of docs/ in the order of their names, and the pages elsewhere that these lead to.
    pub(crate) fn all() -> Vec<Self> {
        let mut paths: Vec<String> = std::fs::read_dir(root().join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .map(|path| format!("docs/{}", path.file_name().unwrap().to_str().unwrap()))
            .collect();
        paths.sort();
        let others = ["README.md", "CONTRIBUTING.md", "deploy/microcontroller/README.md"];
        others.into_iter().map(str::to_owned).chain(paths).map(|path| Self::read(&path)).collect()
    }

    /// The lines, with those of code blocks marked. The lines that begin and end a block are left out.
    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut within = false;
        self.text.lines().filter_map(move |line| {
            if line.trim_start().starts_with("```") {
                within = !within;
                return None;
            }
            Some((line, within))
        })
    }

    /// The lines of each code block of a language below a heading of the second level, or of the whole page.
    pub(crate) fn blocks(&self, heading: Option<&str>, language: &str) -> Vec<Vec<String>> {
        let text = match heading {
            None => &*self.text,
            Some(heading) => self
                .text
                .split("\n## ")
                .find(|section| section.starts_with(heading))
                .unwrap_or_else(|| panic!("{} has no heading {heading:?}", self.path)),
        };
        let (mut blocks, mut within) = (Vec::new(), None::<Vec<String>>);
        for line in text.lines().map(str::trim) {
            match &mut within {
                None if line == format!("```{language}") => within = Some(Vec::new()),
                None => {}
                Some(_) if line == "```" => blocks.extend(within.take()),
                Some(lines) => lines.push(line.to_owned()),
            }
        }
        blocks
    }

    /// The anchors of the headings, as GitHub makes them.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let mut counts = BTreeMap::new();
        let headings = self.lines().filter(|(_, is_code)| !is_code).filter_map(|(line, _)| {
            let text = line.trim_start_matches('#');
            (line.starts_with('#') && text.starts_with(' ')).then(|| text.trim())
        });
        headings
            .map(|heading| {
                let kept = heading.to_lowercase();
                let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
                let count = counts.entry(anchor.clone()).or_insert(0);
                *count += 1;
                if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
            })
            .collect()
    }

    /// The targets of all links and pictures.
    pub(crate) fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        // A link may go on in the next line, so the paragraphs are searched as a whole, without their code.
        let prose: Vec<&str> = self.lines().filter(|(_, is_code)| !is_code).map(|(line, _)| line).collect();
        let prose = prose.join("\n");
        let without_code: String = prose.split('`').step_by(2).collect();
        for rest in without_code.split("](").skip(1) {
            links.extend(rest.split_once(')').map(|(target, _)| target.trim().to_owned()));
        }
        links
    }

    /// The file that a relative link of this page leads to.
    pub(crate) fn target(&self, link: &str) -> PathBuf {
        let folder = Path::new(&self.path).parent().unwrap_or(Path::new(""));
        root().join(folder).join(link)
    }
}

/// The root of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The commands of the lines of a shell block, each as its words. Comments, redirections, and what comes before a
/// program's name, such as `sudo` and variables, are left out.
pub(crate) fn commands(lines: &[String]) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    for line in lines.join("\n").replace("\\\n", " ").lines() {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '"' | '\'') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, '#') if word.is_none() => break,
                (None, ' ') => words.extend(word.take()),
                (None, '|' | ';' | '&') => {
                    words.extend(word.take());
                    commands.push(std::mem::take(&mut words));
                }
                (None, '\\') => word.get_or_insert_default().extend(chars.next()),
                (_, c) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        commands.push(words);
    }
    for words in &mut commands {
        if let Some(redirection) = words.iter().position(|word| word.starts_with(['>', '<']) || word == "2>")
        {
            words.truncate(redirection);
        }
        let is_prefix = |word: &String| word == "sudo" || word.split('=').next().is_some_and(is_variable);
        while words.first().is_some_and(is_prefix) {
            words.remove(0);
        }
    }
    commands.retain(|words| !words.is_empty());
    commands
}

/// Whether a word before `=` is the name of a variable.
fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}
