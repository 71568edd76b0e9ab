//! Samples a second through the parts that stand before and after the model, on one core.
#![allow(clippy::expect_used)]

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;

use underfoot::decision::{DecisionFilter, DecisionOptions};
use underfoot::decode::csv::{CsvFormat, CsvRows, Header};
use underfoot::decode::{StreamDecoder, StreamFormat, binary};
use underfoot::model::answers::Answer;
use underfoot::model::card::{Card, Method, Resample};
use underfoot::signal::{Channel, Columns, Drops, Samples, Time, TimeInput};
use underfoot::stream::{StreamWindower, WindowerOptions};

/// Samples in one pass; at 100 Hz, ten minutes of driving.
const SAMPLES: u32 = 60_000;
/// Bytes decoded at once, as a recording is read.
const BLOCK: usize = 64 * 1024;

fn card(method: Method) -> Card {
    Card {
        version: Card::VERSION,
        channels: vec![Channel::in_ampere("current")],
        rate: 100.0,
        window: 100,
        hop: 10,
        resample: Resample { method, max_gap: 0.25 },
        labels: ["concrete", "tile", "wood", "carpet", "grass", "gravel"].map(String::from).to_vec(),
        candidates: None,
        novelty_allowance: None,
        made_by: String::new(),
        training: None,
    }
}

fn columns() -> Columns {
    Columns::of(&[Channel::in_ampere("current")]).expect("one channel")
}

/// A motor's current in the middle of a step, so that [`Method::Linear`] has to interpolate.
fn signal() -> impl Iterator<Item = (f64, f64)> {
    (0..SAMPLES).map(|index| {
        let t = f64::from(index) / 100.0 + if index == 0 { 0.0 } else { 0.003 };
        (t, 1.0 + 0.3 * (7.0 * t).sin())
    })
}

fn csv() -> Vec<u8> {
    let rows = signal().map(|(t, value)| format!("{t:.3},{value:.4}\n"));
    ["t,current\n".to_owned()].into_iter().chain(rows).collect::<String>().into_bytes()
}

fn json() -> Vec<u8> {
    let lines = signal().map(|(t, value)| format!("{{\"t\":{t:.3},\"current\":{value:.4}}}\n"));
    lines.collect::<String>().into_bytes()
}

fn frames() -> Vec<u8> {
    // What stands before the first 0x00 is half a frame.
    let mut bytes = vec![0];
    for (index, (t, value)) in signal().enumerate() {
        binary::encode(index as u16, (t * 1e6) as u32, &[value as f32], &mut bytes);
    }
    bytes
}

/// Decodes block by block and gives each block's samples to `take`; says how many samples there were.
fn decode(
    bytes: &[u8],
    mut feed: impl FnMut(&[u8], &mut Samples, &mut Drops),
    mut take: impl FnMut(&Samples),
) -> usize {
    let (mut samples, mut drops, mut count) = (columns().samples(), Drops::default(), 0);
    for block in bytes.chunks(BLOCK) {
        samples.clear();
        feed(block, &mut samples, &mut drops);
        count += samples.len();
        take(&samples);
    }
    assert_eq!(drops.total(), 0, "{drops}");
    count
}

fn recorded() -> CsvRows {
    CsvRows::recorded(columns(), TimeInput::default(), CsvFormat::default(), Header::Line(1), Vec::new())
}

fn windows(windower: &mut StreamWindower, samples: &Samples, drops: &mut Drops) {
    windower.push(samples, drops, |output| drop(black_box(output)));
}

#[divan::bench]
fn decode_csv(bencher: Bencher<'_, '_>) {
    let csv = csv();
    bencher.counter(ItemsCount::new(SAMPLES)).bench_local(|| {
        let mut rows = recorded();
        let count = decode(&csv, |bytes, samples, drops| rows.feed(bytes, samples, drops), |_| {});
        assert_eq!(count, SAMPLES as usize);
    });
}

#[divan::bench(args = [StreamFormat::Json, StreamFormat::Binary])]
fn decode_stream(bencher: Bencher<'_, '_>, format: StreamFormat) {
    let bytes = if format == StreamFormat::Json { json() } else { frames() };
    bencher.counter(ItemsCount::new(SAMPLES)).bench_local(|| {
        let mut stream = StreamDecoder::new(format, columns(), TimeInput::default());
        let count = decode(&bytes, |bytes, samples, drops| stream.feed(bytes, samples, drops), |_| {});
        assert_eq!(count, SAMPLES as usize);
    });
}

#[divan::bench(args = [Method::Nearest, Method::Linear, Method::Mean])]
fn resample_and_window(bencher: Bencher<'_, '_>, method: Method) {
    let options = WindowerOptions::of(&card(method));
    let mut decoded = columns().samples();
    recorded().feed(&csv(), &mut decoded, &mut Drops::default());
    bencher
        .counter(ItemsCount::new(SAMPLES))
        .with_inputs(|| StreamWindower::new(&options))
        .bench_local_refs(|windower| windows(windower, &decoded, &mut Drops::default()));
}

#[divan::bench(args = [Method::Nearest, Method::Linear, Method::Mean])]
fn decode_csv_resample_and_window(bencher: Bencher<'_, '_>, method: Method) {
    let (csv, options) = (csv(), WindowerOptions::of(&card(method)));
    bencher.counter(ItemsCount::new(SAMPLES)).bench_local(|| {
        let (mut rows, mut windower, mut drops) =
            (recorded(), StreamWindower::new(&options), Drops::default());
        decode(
            &csv,
            |bytes, samples, drops| rows.feed(bytes, samples, drops),
            |samples| windows(&mut windower, samples, &mut drops),
        );
        assert_eq!(drops.total(), 0, "{drops}");
    });
}

#[divan::bench]
fn decide_between_six_surfaces(bencher: Bencher<'_, '_>) {
    let card = card(Method::Nearest);
    let mut filter = DecisionFilter::new(DecisionOptions::default(), &card, card.hop);
    let (mut time, mut step) = (Time::from_seconds(0.0).expect("in range"), 0);
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        time = time.offset(100_000_000);
        step += 1;
        let mut probabilities = [0.1; 6];
        probabilities[step / 50 % 6] = 0.5;
        black_box(filter.step(time, black_box(Answer { probabilities: &probabilities, novelty: Some(0.5) })))
    });
}

fn main() {
    divan::main();
}
