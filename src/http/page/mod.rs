//! The live page: one HTML document, one style sheet and one script, compiled into the program.
//!
//! The script's source is split into one file per topic and served as one file. All parts share one scope. A
//! name that a part uses while it is loaded must be defined in an earlier part; all other names may be
//! defined in any order.

/// The HTML document.
pub(super) const HTML: &str = include_str!("page.html");

/// The style sheet.
pub(super) const STYLE: &str = include_str!("page.css");

/// The script. All its parts are inside one function, so that none of its names is global.
pub(super) const SCRIPT: &str = concat!(
    "'use strict';\n\n(() => {\n\n",
    include_str!("state.js"),
    "\n",
    include_str!("elements.js"),
    "\n",
    include_str!("format.js"),
    "\n",
    include_str!("colours.js"),
    "\n",
    include_str!("charts/ring.js"),
    "\n",
    include_str!("charts/history.js"),
    "\n",
    include_str!("charts/view.js"),
    "\n",
    include_str!("charts/canvas.js"),
    "\n",
    include_str!("charts/trace.js"),
    "\n",
    include_str!("charts/probabilities.js"),
    "\n",
    include_str!("charts/novelty.js"),
    "\n",
    include_str!("charts/timeline.js"),
    "\n",
    include_str!("robots/robot.js"),
    "\n",
    include_str!("robots/card.js"),
    "\n",
    include_str!("robots/line.js"),
    "\n",
    include_str!("robots/fleet.js"),
    "\n",
    include_str!("health.js"),
    "\n",
    include_str!("connection.js"),
    "\n",
    include_str!("controls.js"),
    "\n",
    include_str!("run.js"),
    "\n})();\n",
);

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_part_of_the_script_is_served_exactly_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/page");
        let folders = [folder.join("charts"), folder.join("robots"), folder];
        let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        let paths = files.map(|file| file.unwrap().path());
        let parts: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "js")).collect();
        assert!(parts.len() > 1);
        for part in parts {
            let text = fs::read_to_string(&part).unwrap();
            assert_eq!(SCRIPT.matches(&text).count(), 1, "{}", part.display());
        }
    }

    #[test]
    fn the_reasons_that_pass_by_themselves_are_reasons_of_the_daemon() {
        let (_, list) = SCRIPT.split_once("const PASSING_REASONS = new Set([").unwrap();
        let (list, _) = list.split_once("])").unwrap();
        let table = concat!(
            include_str!("../../decision/surface_table.rs"),
            include_str!("../../decision/outcome.rs")
        );
        let reasons: Vec<_> = list.split('\'').skip(1).step_by(2).collect();
        assert_eq!(reasons.len(), 7);
        for reason in reasons {
            assert!(table.contains(&format!("\"{reason}\"")), "{reason}");
        }
    }
}
