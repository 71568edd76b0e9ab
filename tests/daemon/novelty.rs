//! A model that says how unlike the training data a window is, and which surfaces are candidates.

use serde_json::{Value, json as value};

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::daemon::Daemon;
use crate::support::http::{address, get};
use crate::support::novelty::{NOVEL_CURRENT, model_with_novelty};
use crate::support::recording::Recording;
use crate::support::{self, assert_same, assert_says, json, run};

/// The rows of a recording at 100 Hz that are on a surface that the model does not know.
const NOVEL: std::ops::Range<usize> = 800..1600;

/// The least probability of a candidate.
const CANDIDATE: f64 = 0.25;

/// A drive over all surfaces, 4 s on each, and over an unknown one instead of the third and the fourth.
fn drive(seed: u32) -> Recording {
    let novel =
        |row: usize, value: f64| if NOVEL.contains(&row) { value + 2.0 * NOVEL_CURRENT } else { value };
    Recording::tour(seed, 4.0).with(novel)
}

/// The output of a replay with this model.
fn replay(model: &std::path::Path, recording: &Recording, args: &[&str]) -> Vec<String> {
    let paths = [recording.path.to_str().unwrap(), "--model", model.to_str().unwrap()];
    run(["replay"].iter().chain(&paths).chain(args)).ok().lines().map(str::to_owned).collect()
}

/// The candidates of a prediction, by its probabilities.
fn expected_candidates(line: &Value) -> Vec<String> {
    let probabilities = line["probabilities"].as_object().unwrap();
    let mut all: Vec<_> =
        probabilities.iter().map(|(label, p)| (label.clone(), p.as_f64().unwrap())).collect();
    all.sort_by(|one, other| other.1.total_cmp(&one.1));
    let most = all[0].1;
    all.into_iter().filter(|(_, p)| *p >= CANDIDATE || *p == most).map(|(label, _)| label).collect()
}

#[test]
fn a_floor_that_the_model_does_not_know_becomes_unknown_and_every_batch_size_gives_the_same_bytes() {
    let (folder, recording) = (support::folder(), drive(91));
    let model = model_with_novelty(folder.path(), CANDIDATE);
    let lines = replay(&model, &recording, &[]);
    for args in [["--batch", "1"], ["--batch", "7"], ["--threads", "2"]] {
        assert_same(&replay(&model, &recording, &args), &lines);
    }
    let (mut novel, mut several) = (Vec::new(), 0);
    for line in lines.iter().map(json) {
        let (t, novelty) = (line["t"].as_f64().unwrap(), line["novelty"].as_f64().unwrap());
        // A window is 1 s long; the unknown floor begins at 8 s and ends at 16 s.
        if !(8.0..=17.0).contains(&t) {
            assert!(novelty < 0.01, "{line}");
        } else if (9.0..15.9).contains(&t) {
            assert!(novelty > 0.99 && novelty <= 1.0, "{line}");
        }
        assert_eq!(line["candidates"], value!(expected_candidates(&line)), "{line}");
        several += usize::from(expected_candidates(&line).len() > 1);
        if line["surface"] == "unknown" && (8.0..20.0).contains(&t) {
            novel.push(t);
        }
    }
    assert!(several > 0, "some windows lie between two surfaces");
    let (begins, ends) = (novel[0], novel[novel.len() - 1]);
    assert!((9.0..11.5).contains(&begins) && (16.5..20.0).contains(&ends), "{begins} to {ends}");
    assert!(novel.len() as f64 > 9.5 * (ends - begins), "it stays unknown in between: {novel:?}");
    // Without weight, the floor is one of the known ones.
    let config = folder.path().join("underfoot.toml");
    std::fs::write(&config, "[decide]\nnovelty = 0\n").unwrap();
    let ignored = replay(&model, &recording, &["--config", config.to_str().unwrap()]);
    let is_unknown = |line: &&String| json(line)["surface"] == "unknown";
    assert!(ignored.iter().filter(is_unknown).count() < lines.iter().filter(is_unknown).count() / 2);
    let csv = replay(&model, &recording, &["--format", "csv"]);
    assert!(csv[0].ends_with(",measured,novelty,candidates"), "{}", csv[0]);
    for (row, line) in csv[1..].iter().zip(lines.iter().map(json)) {
        let cells: Vec<_> = row.split(',').rev().collect();
        assert_eq!(cells[1].parse::<f64>().unwrap(), line["novelty"].as_f64().unwrap());
        assert_eq!(cells[0], expected_candidates(&line).join("|"));
    }
}

#[test]
fn a_daemon_says_that_a_surface_is_novel_in_its_payloads_its_health_and_its_metrics() {
    let (folder, recording) = (support::folder(), drive(92));
    let model = model_with_novelty(folder.path(), CANDIDATE);
    let broker = Broker::start();
    let client = Client::new(&broker, "underfoot/#");
    let stream = recording.stream.as_str();
    let topic = format!("underfoot/{stream}/surface");
    let config = format!(
        "[model]\npath = {model:?}\n[limits]\nsilence = '10m'\n[publish]\nhealth = '1s'\n[http]\nlisten = '127.0.0.1:0'\n\
         [[source]]\nkind = 'stdin'\nstream = '{stream}'\n{}",
        broker.section()
    );
    let mut daemon = Daemon::with_config(&config);
    let address = address(&mut daemon);
    daemon.feed(recording.csv(0..50));
    let first = json(client.wait_for(&topic, |_| true).payload);
    assert_eq!(first["reason"], "no window is complete yet", "{first}");
    assert!(first["novelty"].is_null() && first["candidates"].is_null(), "{first}");
    daemon.feed(recording.csv(50..1500));
    let surface = client.wait_for(&topic, |message| json(&message.payload)["reason"] == "novel");
    let surface = json(&surface.payload);
    assert_eq!(surface["surface"], "unknown");
    assert!(surface["novelty"].as_f64().unwrap() > 0.99, "{surface}");
    assert!(!surface["candidates"].as_array().unwrap().is_empty(), "{surface}");
    let health = client.health(|report| report["problems"][0]["problem"] == "novel");
    assert_eq!((&health["state"], &health["problem_count"]), (&"degraded".into(), &1.into()), "{health}");
    let detail = health["problems"][0]["detail"].as_str().unwrap();
    assert_says(
        detail,
        &["unlike the training data (novelty ", "record it with its label and fit the model again"],
    );
    let metrics = get(&address, "/metrics").body;
    let novel =
        metrics.lines().find_map(|line| line.strip_prefix("underfoot_withheld_total{reason=\"novel\"} "));
    assert!(novel.unwrap().parse::<f64>().unwrap() > 0.0, "{metrics}");
    daemon.feed(recording.csv(1500..recording.rows.len()));
    client.health(|report| report["problem_count"] == 0);
    let expected = replay(&model, &recording, &[]);
    // The last window may wait for the sample after it.
    daemon.close();
    assert_same(&daemon.wait_for_output(expected.len()), &expected);
}

#[test]
fn scores_say_how_many_decisions_were_withheld_and_what_became_of_unknown_labels() {
    let folder = support::folder();
    let model = model_with_novelty(folder.path(), CANDIDATE);
    let recording = drive(93);
    let sand = folder.path().join("drives/sand");
    std::fs::create_dir_all(&sand).unwrap();
    let rows = recording.csv(NOVEL);
    std::fs::write(sand.join("one.csv"), format!("t,current\n{rows}")).unwrap();
    std::fs::write(folder.path().join("drives/dataset.toml"), "[label]\nfrom = 'folder'\n").unwrap();
    let tile = folder.path().join("drives/tile");
    std::fs::create_dir_all(&tile).unwrap();
    std::fs::write(tile.join("two.csv"), format!("t,current\n{rows}")).unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let ran = run([
        "replay",
        &path("drives"),
        "--model",
        model.to_str().unwrap(),
        "--report",
        &path("report.json"),
    ]);
    assert_says(
        &ran.stderr,
        &["predictions are on \"sand\", which the model does not know: ", " are novel (above 0.95), and "],
    );
    let report = json(std::fs::read(path("report.json")).unwrap());
    let sand = &report["unknown_labels"]["sand"];
    let count = sand["count"].as_u64().unwrap();
    assert!([70, 71].contains(&count), "{report}");
    assert_eq!(sand["novel"], count, "{report}");
    // The first two seconds or so are needed to tell a floor from a bump.
    let unknown = sand["unknown"].as_u64().unwrap();
    assert!(unknown > count - 25 && unknown < count, "{report}");
    let (withheld, decisions) = (&report["decisions"]["withheld"], &report["decisions"]["count"]);
    assert_eq!(withheld.as_f64().unwrap(), unknown as f64 / decisions.as_f64().unwrap(), "{report}");
    assert_eq!(report["windows"]["withheld"], 0.0);
}
