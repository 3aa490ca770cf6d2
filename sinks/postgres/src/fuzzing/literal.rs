//! Array literals, read as Postgres' documentation tells their form.

/// An element.
#[derive(Debug, PartialEq, Eq)]
pub enum Node {
    Null,
    Text(String),
    Array(Vec<Node>),
}

/// Reads a whole literal.
///
/// # Panics
/// Where it is none.
pub fn read(literal: &str) -> Node {
    let mut chars = literal.chars().peekable();
    assert_eq!(chars.next(), Some('{'), "an array begins: {literal}");
    let node = array(&mut chars, literal);
    assert_eq!(chars.next(), None, "nothing behind the array: {literal}");
    node
}

type Chars<'c> = std::iter::Peekable<std::str::Chars<'c>>;

/// Behind the opening brace.
fn array(chars: &mut Chars<'_>, literal: &str) -> Node {
    let mut nodes = Vec::new();
    if chars.next_if_eq(&'}').is_some() {
        return Node::Array(nodes);
    }
    loop {
        nodes.push(match chars.next() {
            Some('{') => array(chars, literal),
            Some('"') => quoted(chars, literal),
            Some('N') => {
                assert!("ULL".chars().all(|c| chars.next() == Some(c)), "{literal}");
                Node::Null
            }
            other => panic!("{other:?} begins no element: {literal}"),
        });
        match chars.next() {
            Some(',') => {}
            Some('}') => return Node::Array(nodes),
            other => panic!("{other:?} behind an element: {literal}"),
        }
    }
}

/// Behind the opening quote.
fn quoted(chars: &mut Chars<'_>, literal: &str) -> Node {
    let mut text = String::new();
    loop {
        match chars.next() {
            Some('"') => return Node::Text(text),
            Some('\\') => text.push(chars.next().expect("something is escaped")),
            Some(other) => text.push(other),
            None => panic!("a quote without its end: {literal}"),
        }
    }
}
