//! Fields of the log have one type each, or what indexes the log drops lines.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn partition_is_logged_as_a_number_wherever_it_is_logged() {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let (mut numbers, mut texts) = (0, Vec::new());
    for file in files {
        for line in fs::read_to_string(&file).expect("a source").lines() {
            // A field of tracing's macros: `%` and `?` make text of it. (Not SQL's
            // column of a like name.)
            let fields = line.replace("kafka_partition", "");
            numbers += usize::from(fields.contains("sink") && fields.contains("partition = "));
            if fields.contains("partition = %") || fields.contains("partition = ?") {
                texts.push(format!("{}: {}", file.display(), line.trim()));
            }
        }
    }
    assert!(numbers > 5, "nothing was found that logs a partition");
    assert!(texts.is_empty(), "{}", texts.join("\n"));
}
