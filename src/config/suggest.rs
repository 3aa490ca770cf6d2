//! "Did you mean": the nearest of a few words.

pub(super) use plimsoll_sink_api::text::nearest;

/// `"a", "b" or "c"`.
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|w| format!("\"{w}\"")).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
    }
}

/// `did you mean "x"?`, or all that there is.
pub(super) fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(word, candidates.clone()) {
        Some(best) => format!("did you mean \"{best}\"?"),
        None => format!("it can be {}", one_of(candidates)),
    }
}
