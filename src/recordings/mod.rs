//! Recordings: CSV and MCAP files of samples with labels, which the daemon and the trainer read with the same code.
//!
//! - [`find()`] finds the recordings in files and folders, and [`layout`] reads the `dataset.toml` that
//!   describes their format.
//! - [`reader::RecordingReader`] reads the samples of a [`Recording`] in bounded memory.
//! - [`labels`] are the surfaces over the time of a recording: from its folder, a column, a topic, or a
//!   file of intervals.
//! - `folders` says which folder of a recording names its surface and which its session, and `start_time` when it was
//!   started.
//! - [`digest()`] identifies the data that a model was trained on, and [`short_digests`] its recordings.

mod bag;
mod bytes;
mod digest;
mod error;
mod find;
mod first_lines;
mod folders;
mod format;
pub mod labels;
pub mod layout;
pub mod reader;
mod recording;
mod row_counts;
mod start_time;
mod unit;

pub(crate) use digest::{MAX_DIGESTS, short_digest_of};
pub use digest::{digest, short_digests, trained_on_warning};
pub use error::RecordingError;
pub use find::find;
pub use format::RecordingFormat;
pub use recording::Recording;

#[cfg(test)]
pub(crate) mod tests {
    use super::reader::RecordingReader;
    use super::*;
    use crate::signal::{Channel, Samples};

    /// Writes these files into a temporary folder, which is deleted when the result is dropped.
    pub(crate) fn folder(files: &[(&str, impl AsRef<[u8]>)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn read_all(
        recording: &Recording,
        wanted: Option<&[Channel]>,
    ) -> Result<(Samples, labels::Labels), RecordingError> {
        let mut reader = RecordingReader::open(recording, wanted)?;
        let mut samples = Samples::new(wanted.map_or(1, <[Channel]>::len));
        while reader.next_batch(&mut samples)? {}
        Ok((samples, reader.labels()?))
    }

    #[test]
    fn the_recordings_of_a_folder_of_folders_are_read_in_order_with_their_labels() {
        let folder = folder(&[
            ("wood/b.csv", "t,current\n0,1\n0.1,2\n"),
            ("tile/a.csv", "t,current\n0,3\n"),
            ("tile/a.labels.csv", ""),
            ("tile/.hidden.csv", ""),
        ]);
        let recordings = find(&[folder.path().into()], None).unwrap();
        assert_eq!(recordings.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["tile/a", "wood/b"]);
        let (samples, labels) = read_all(&recordings[1], None).unwrap();
        assert_eq!(samples.values(), [1.0, 2.0]);
        assert_eq!(labels.at(samples.times()[0]), Some("wood"));
        assert_eq!(digest(&recordings).unwrap().len(), 64);
    }

    #[test]
    fn a_pattern_that_also_names_the_labels_of_a_recording_is_the_recording() {
        let folder = folder(&[("a.csv", "t,current\n0,3\n"), ("a.labels.csv", ""), ("b.labels.csv", "")]);
        let path = |name: &str| folder.path().join(name);
        let recordings = find(&[path("a.csv"), path("a.labels.csv"), path("b.labels.csv")], None).unwrap();
        // Nothing else says that this one is a file of labels.
        assert_eq!(recordings.iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["a", "b.labels"]);
    }

    #[test]
    fn a_single_file_is_read_with_the_dataset_toml_in_a_folder_above_it() {
        let folder = folder(&[
            (
                "dataset.toml",
                "[csv]\ndelimiter = ';'\n[time]\nunit = 'ms'\n[[channel]]\nname = 'm'\nsum = ['a', 'b']",
            ),
            ("wood/x.csv", "t;a;b;\n0;1;2;\n10;3;4;\n"),
        ]);
        let recordings = find(&[folder.path().join("wood/x.csv")], None).unwrap();
        let (samples, _) = read_all(&recordings[0], Some(&[Channel::in_ampere("m")])).unwrap();
        assert_eq!(samples.values(), [3.0, 7.0]);
        assert_eq!(samples.times()[1].seconds(), 0.01);
    }

    #[test]
    fn an_incomplete_last_row_after_a_crash_is_dropped() {
        let folder = folder(&[("wood/x.csv", "t,a,b\n0,1,2\n0.1,3")]);
        let recordings = find(&[folder.path().into()], None).unwrap();
        let channels = [Channel::in_ampere("a"), Channel::in_ampere("b")];
        let (samples, _) = read_all(&recordings[0], Some(&channels)).unwrap();
        assert_eq!(samples.len(), 1);
    }

    /// A text as a gzip file.
    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_recording_that_is_compressed_with_gzip_is_read_like_any_other() {
        let text: String =
            (0..20_000).map(|row| format!("{}.{},{}\n", row / 10, row % 10, row % 7)).collect();
        let whole = gzip(&format!("t,current\n{text}"));
        let cut = whole[..whole.len() / 2].to_vec();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 0xff;
        // `cat a.csv.gz b.csv.gz` is a gzip file, too.
        let two = [gzip("t,current\n0,1\n"), gzip("0.1,2\n")].concat();
        let folder = folder(&[
            ("wood/a.csv.gz", whole),
            ("wood/b.CSV.GZ", two),
            ("wood/c.csv.gz", cut),
            ("wood/d.csv.gz", damaged),
            ("wood/a.labels.csv.gz", Vec::new()),
            ("wood/notes.gz", Vec::new()),
        ]);
        let recordings = find(&[folder.path().into()], None).unwrap();
        let names: Vec<_> = recordings.iter().map(|recording| recording.name.as_str()).collect();
        assert_eq!(names, ["wood/a", "wood/b", "wood/c", "wood/d"]);
        assert_eq!(recordings[0].labels_path(), folder.path().join("wood/a.labels.csv"));
        let (_, samples, reader) = read_to_end(&recordings[0], None);
        assert_eq!((samples.len(), samples.values()[6], reader.warning()), (20_000, 6.0, None));
        assert_eq!(read_to_end(&recordings[1], None).1.values(), [1.0, 2.0]);
        let (_, samples, reader) = read_to_end(&recordings[2], None);
        assert!((5_000..20_000).contains(&samples.len()), "{}", samples.len());
        assert!(reader.warning().unwrap().starts_with("the file ends in the middle of its gzip data"));
        let error = read_all(&recordings[3], None).unwrap_err().to_string();
        assert!(error.contains("are damaged (") || error.contains("rows cannot be read"), "{error}");
    }

    #[test]
    fn recordings_are_read_as_other_programs_write_them() {
        let rows = |row: &dyn Fn(u32) -> String| (0..300).map(row).collect::<String>();
        let value = |index: u32| f64::from(index) / 64.0;
        let second = |index: u32| format!("{}.{:02}", 1_700_000_000 + index / 100, index % 100);
        let echoed = rows(&|index| {
            let (second, nano) = (1_700_000_000 + index / 100, index % 100 * 10_000_000);
            format!("{second},{nano},,left,right,0.1,0.1,0.0,0.0,{},2.5\n", value(index))
        });
        let plotted = rows(&|index| {
            let battery = if index % 10 == 0 { "7.5" } else { "" };
            format!("{}0000000,{},{battery}\n", second(index), value(index))
        });
        let shown = rows(&|index| {
            format!(
                "{},{},{},/joint_states.effort[0],{}\n",
                f64::from(index) / 100.0,
                second(index),
                second(index),
                value(index)
            )
        });
        let indexed = rows(&|index| {
            format!("2023-11-14 22:13:{:02}.{:02}0,{},wet\n", 20 + index / 100, index % 100, value(index))
        });
        let channel = |column: &str| format!("[[channel]]\ncolumn = '{column}'\nname = 'm'\n");
        for (text, layout, names) in [
            (echoed, channel("10"), vec!["6", "7", "8", "9", "10", "11"]),
            (
                format!("__time,/joint_states/left/effort,/battery/current\n{plotted}"),
                channel("/joint_states/left/effort"),
                vec!["/joint_states/left/effort", "/battery/current"],
            ),
            (
                format!("elapsed time (seconds),receive time,header.stamp,topic,value\n{shown}"),
                channel("value") + "[time]\ncolumn = 'header.stamp'\n",
                vec!["value"],
            ),
            (format!(",current,weather\n{indexed}"), channel("current"), vec!["current"]),
        ] {
            let folder = folder(&[("a/x.csv", &text), ("b/x.csv", &text), ("b/dataset.toml", &layout)]);
            let recordings = find(&[folder.path().join("a"), folder.path().join("b")], None).unwrap();
            let inputs = recordings[0].layout.channels_of(&recordings[0].path).unwrap();
            assert_eq!(
                inputs.iter().map(|input| input.column.as_deref().unwrap()).collect::<Vec<_>>(),
                names
            );
            let (samples, _) = read_all(&recordings[1], Some(&[Channel::in_ampere("m")])).unwrap();
            assert_eq!((samples.len(), samples.values()[299]), (300, value(299) as f32), "{layout}");
            let time = samples.times()[299].nanos();
            assert!((time - 1_700_000_002_990_000_000).abs() < 1000, "{time} {layout}");
        }
    }

    #[test]
    fn samples_without_a_time_get_one_from_the_rate() {
        let folder = folder(&[
            ("dataset.toml", "[time]\nunit = 'none'\nrate = 4.0\n"),
            ("wood/x.csv", "current\n1\n2\n3\n"),
        ]);
        let (samples, _) = read_all(&find(&[folder.path().into()], None).unwrap()[0], None).unwrap();
        assert_eq!(samples.times()[2].seconds(), 0.5);
    }

    /// The reader of the first recording of a folder, read to its end; also its samples.
    fn read_to_end<'a>(
        recording: &'a Recording,
        wanted: Option<&[Channel]>,
    ) -> (String, Samples, RecordingReader<'a>) {
        let mut reader = RecordingReader::open(recording, wanted).unwrap();
        let (mut samples, mut conclusion) = (reader.samples(), String::new());
        while reader.next_batch(&mut samples).unwrap() {
            conclusion = reader.take_conclusion().unwrap_or(conclusion);
        }
        (conclusion, samples, reader)
    }

    #[test]
    fn recordings_of_any_form_are_read_without_a_dataset_toml() {
        let utf8 = |text: &str| text.as_bytes().to_vec();
        for (text, names, said) in [
            (
                utf8("\u{feff}t,current\r\n0,1.5\r\n0.1,1.6\r\n"),
                "current",
                "comma, header: time column \"t\", channels current",
            ),
            (
                utf8("\n\ntime_ms;current\n0;1,5\n100;1,6\n"),
                "current",
                "semicolon, decimal comma, header: time column \"time_ms\" in ms, channels current",
            ),
            (
                utf8("Time (us)\tcurrent\n0\t1.5\n100000\t1.6\n"),
                "current",
                "tab, header: time column \"Time (us)\" in us",
            ),
            (utf8("0,1.5\n0.1,1.6\n"), "2", "comma, no header: time column \"1\", channels 2"),
            (
                utf8(",stamp,current,note\n0,0,1.5,dry\n1,0.1,1.6,dry\n2,0.2,1.7,wet\n3,0.3,1.8,wet\n"),
                "current",
                "channels current; not channels: \"\" counts the rows, \"note\" is not of numbers",
            ),
            (
                b"t,current,weg \xb5m\n0,1.5,x\n0.1,1.6,x\n".to_vec(),
                "current",
                "not channels: \"weg µm\" is not of numbers",
            ),
            (
                utf8("\"t\",\"current\"\n\"0\",\"1.5\"\n\"0.1\",\"1.6\"\n"),
                "current",
                "comma, header: time column \"t\"",
            ),
        ] {
            let folder = folder(&[("wood/x.csv", text)]);
            let recordings = find(&[folder.path().into()], None).unwrap();
            let inputs = recordings[0].layout.channels_of(&recordings[0].path).unwrap();
            assert_eq!(
                inputs.iter().map(|input| input.column.as_deref().unwrap()).collect::<Vec<_>>(),
                [names]
            );
            let (conclusion, samples, reader) = read_to_end(&recordings[0], None);
            assert_eq!((samples.values()[1], samples.times()[1].seconds()), (1.6, 0.1), "{conclusion}");
            assert!(conclusion.contains(said), "{conclusion}");
            assert_eq!((reader.drops().total(), reader.warning()), (0, None));
        }
    }

    #[test]
    fn a_damaged_row_among_many_is_dropped_and_counted_and_many_are_an_error() {
        let rows = |damaged: usize| -> String {
            let row = |index: usize| match index % 100 {
                50 if index / 100 < damaged => format!("{}.0,1{}.1,2\n", index, index),
                _ => format!("{index}.0,1.5\n"),
            };
            (0..1500).map(row).collect()
        };
        let damaged = rows(12);
        let folder = folder(&[
            ("wood/x.csv", format!("t,current\n{damaged}")),
            ("wood/y.csv", format!("t,current\n{damaged}\n0,x\n0,x\n0,x\n0,x")),
        ]);
        let recordings = find(&[folder.path().into()], None).unwrap();
        let (_, samples, reader) = read_to_end(&recordings[0], None);
        assert_eq!((samples.len(), reader.drops().to_string().as_str()), (1488, "12 malformed"));
        assert!(reader.drops().first().unwrap().1.starts_with("line 52: the row has 3 fields"));
        let error = read_all(&recordings[1], None).unwrap_err().to_string();
        assert!(error.contains("line 52: ") && error.contains("(15 of 1503 rows cannot be read)"), "{error}");
    }

    #[test]
    fn a_time_in_two_columns_is_named_and_can_be_added_up() {
        let rows: String = (0..100).map(|row| format!("1700000000,{},1.5\n", row * 10_000_000)).collect();
        let text = format!("header.stamp.secs,header.stamp.nsecs,current\n{rows}");
        let sum = "[time]\nsum = [{column = \"header.stamp.secs\", unit = \"s\"}, {column = \"header.stamp.nsecs\", unit = \"ns\"}]";
        let folder = folder(&[("a/x.csv", text.as_str()), ("b/x.csv", &text), ("b/dataset.toml", sum)]);
        let current = [Channel::in_ampere("current")];
        let recordings = find(&[folder.path().join("a"), folder.path().join("b")], None).unwrap();
        let warning = read_to_end(&recordings[0], Some(&current)).2.warning().unwrap();
        assert!(
            warning.starts_with("99 of 100 rows repeat the time of the row before; its columns"),
            "{warning}"
        );
        assert!(warning.contains(&format!("set {}", sum.replace('\n', " "))), "{warning}");
        let (_, samples, reader) = read_to_end(&recordings[1], Some(&current));
        assert_eq!(samples.times()[99].nanos(), 1_700_000_000_990_000_000);
        assert_eq!(reader.warning(), None);
    }

    #[test]
    fn channels_in_rows_of_their_own_are_named_and_can_be_held() {
        let row = |row: i32| match row % 2 {
            0 => format!("{row},1.5,\n"),
            _ => format!("{row},,{row}\n"),
        };
        let text = format!("t_ms,left,right\n{}", (0..2000).map(row).collect::<String>());
        let rare = text.replace("2,1.5,\n", "2,1.5,7\n");
        let hold = "[[channel]]\nname = 'left'\nhold = '10ms'\n[[channel]]\nname = 'right'\n";
        let folder = folder(&[
            ("a/x.csv", text.as_str()),
            ("b/x.csv", &text),
            ("b/dataset.toml", hold),
            ("c/x.csv", &rare),
        ]);
        let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
        let recordings = find(&paths, None).unwrap();
        let error = read_all(&recordings[0], Some(&["left", "right"].map(Channel::in_ampere))).unwrap_err();
        let expected =
            "no row has both left and right (rows with a value: left in 1000, right in 1000); set hold";
        assert!(error.to_string().contains(expected), "{error}");
        let (_, samples, reader) = read_to_end(&recordings[1], None);
        let complete = samples.iter().filter(|(_, row)| row.iter().all(|value| !value.is_nan())).count();
        assert_eq!((complete, reader.warning()), (1000, None));
        let warning = read_to_end(&recordings[2], None).2.warning().unwrap();
        assert!(warning.starts_with("only 200 of 2000 rows have both left and right"), "{warning}");
    }

    #[test]
    fn what_a_dataset_toml_says_wrongly_is_named() {
        let text = "t,current\n0,1.5\n1,1.6\n";
        for (toml, expected) in [
            ("[csv]\nheader_row = 5", "line 5 is missing or empty, but [csv] header_row says"),
            ("[csv]\ndelimiter = ';'\n", "\"current\" is not in the header, which has t,current"),
            ("[csv]\ndelimiter = 'é'\n", "csv.delimiter is \"é\"; it must be one ASCII character"),
            (
                "[csv]\ndelimiter = ','\ndecimal = ','\n",
                "csv.decimal is \",\"; the delimiter is a comma, too",
            ),
            ("[time]\ncolum = 't'\n", "unknown key `time.colum`"),
            ("[[channel]]\nname = 'current'\nscal = 2\n", "unknown key `channel.0.scal`"),
            ("[time]\nrate = -1\n", "time.rate is -1.0; it must be more than 0"),
            ("[time]\ncolumn = 't'\nsum = [{column = 't', unit = 's'}]\n", "time.sum is a list that begins"),
            ("[split]\nsession = 'week'\n", "unknown variant `week`, expected one of `day`, `folder`, `gap`"),
            (
                "[label]\nfrom = 'column'\ncolumn = 'x'\nfolder = 'outer'\n",
                "label.folder is set, but label.from is not \"folder\"; remove label.folder",
            ),
            ("[time]\nunit = 'none'\n", "time.unit is \"none\", but time.rate is not set"),
        ] {
            let folder = folder(&[("wood/x.csv", text), ("dataset.toml", toml)]);
            let found = find(&[folder.path().into()], None);
            let result = found
                .and_then(|found| read_all(&found[0], Some(&[Channel::in_ampere("current")])).map(|_| ()));
            let error = result.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn rows_without_a_header_that_may_have_decimal_commas_are_an_error_with_the_key() {
        let folder = folder(&[
            ("a/x.csv", "1,21\n1,24\n1,19\n"),
            ("b/x.csv", "1,21\n1,24\n1,19\n"),
            ("b/dataset.toml", "[csv]\ndecimal = ','\n[time]\nunit = 'none'\nrate = 100\n"),
        ]);
        let recordings = find(&[folder.path().join("a"), folder.path().join("b")], None).unwrap();
        let current = [Channel::in_ampere("current")];
        let error = read_all(&recordings[0], Some(&current)).unwrap_err().to_string();
        assert!(
            error.contains("set decimal = \",\"") && error.ends_with("under [csv] in a dataset.toml"),
            "{error}"
        );
        assert_eq!(read_all(&recordings[1], Some(&current)).unwrap().0.values(), [1.21, 1.24, 1.19]);
    }

    #[test]
    fn every_error_is_one_line_that_names_the_file_and_the_fix() {
        let folder = folder(&[
            ("empty/x.csv", ""),
            ("header/x.csv", "t,current\n"),
            ("text/x.csv", "t,current\n0,1\n1,abc\n"),
            ("column/x.csv", "t,m1\n0,1\n"),
            ("time/x.csv", "clock,current\n0,1\n"),
            ("toml/x.csv", "t,current\n0,1\n"),
            ("toml/dataset.toml", "[csv]\ndelimeter = ';'\n"),
            ("nothing/notes.txt", ""),
            ("wide/x.csv", "t\0,\0c\0\n\0"),
            ("cut/x.csv", "t,current\n0,1"),
        ]);
        let current = [Channel::in_ampere("current")];
        for (name, expected) in [
            ("empty", "is empty; delete it"),
            ("header", "has a header and no samples"),
            ("text", "line 3: column \"current\" holds \"abc\", which is not a number"),
            ("column", "column \"current\" is not in the header, which has t, m1"),
            ("time", "has no time column \"t\"; name it under [time] column"),
            ("toml", "line 2: unknown field `delimeter`"),
            ("nothing", "there is no .csv or .mcap recording in"),
            ("absent", "cannot be read: No such file"),
            ("wide", "the file is UTF-16; save it as UTF-8"),
            ("cut", "line 2 is the last one and has no line end"),
        ] {
            let path = folder.path().join(name);
            let result =
                find(&[path], None).and_then(|found| read_all(&found[0], Some(&current)).map(|_| ()));
            let error = result.unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains(name) && !error.contains('\n'), "{error}");
        }
    }
}
