#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| underfoot_fuzz::mcap(data));
