//! "Did you mean": what to say to a word that is not one of a few.

pub(super) use plimsoll_sink_api::text::nearest;

/// `a, b or c`.
pub(super) fn listed<T: AsRef<str>>(items: impl IntoIterator<Item = T>, and: &str) -> String {
    let items: Vec<T> = items.into_iter().collect();
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} {and} {last}", first.join(", ")),
    }
}

/// `"a", "b" or "c"`.
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    listed(words.into_iter().map(|word| format!("\"{word}\"")), "or")
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
