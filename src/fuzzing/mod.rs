//! What the fuzz targets call, and the tests of their corpus. A property that
//! does not hold panics.

mod config;
mod json;

pub use config::config;
pub use json::json;

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn corpus(target: &str, run: fn(&[u8])) {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus"));
        let files = std::fs::read_dir(folder.join(target)).expect("the corpus");
        let mut count = 0;
        for file in files {
            let path = file.expect("a file").path();
            let data = std::fs::read(&path).expect("a readable file");
            eprintln!("{}", path.display());
            run(&data);
            count += 1;
        }
        assert!(count >= 5, "{count} files in the corpus of {target}");
    }

    #[test]
    fn the_corpus_of_json_holds() {
        corpus("json", super::json);
    }

    #[test]
    fn the_corpus_of_config_holds() {
        corpus("config", super::config);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_payloads_are_decoded_as_serde_json_reads_them(
            flags: u8,
            pieces in proptest::collection::vec(
                proptest::prelude::prop_oneof![
                    proptest::strategy::Just("{".to_owned()),
                    proptest::strategy::Just("}".to_owned()),
                    proptest::strategy::Just("\"a\":".to_owned()),
                    proptest::strategy::Just("\"b\":".to_owned()),
                    proptest::strategy::Just("\"c\":{\"d\":".to_owned()),
                    proptest::strategy::Just(",".to_owned()),
                    proptest::strategy::Just("[1,null]".to_owned()),
                    proptest::strategy::Just("\"\\ud83d\\ude00\"".to_owned()),
                    "[0-9eE.+-]{1,8}",
                    "\"[a-z\\\\\"/u0-9]{0,6}\"",
                    proptest::prelude::any::<char>().prop_map(String::from),
                ],
                0..12,
            ),
        ) {
            let mut data = vec![flags];
            data.extend(pieces.concat().into_bytes());
            super::json(&data);
        }
    }

    use proptest::strategy::Strategy as _;
}
