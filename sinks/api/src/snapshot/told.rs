//! Texts and bytes as docs/CONFIG.md tells them, for snapshots alone: no writer uses
//! these.

use super::Unreadable;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A record's time, in the years 1 to 9999.
///
/// # Errors
/// [`Unreadable::Value`]: another year.
pub fn rfc3339(ms: i64) -> Result<String, Unreadable> {
    let time = jiff::Timestamp::from_millisecond(ms).map_err(|_| Unreadable::Value)?;
    match time.strftime("%Y").to_string().parse::<i16>() {
        Ok(1..) => Ok(format!("{time:.3}")),
        Ok(_) | Err(_) => Err(Unreadable::Value),
    }
}

/// Bytes out of base64.
///
/// # Errors
/// [`Unreadable::Value`]: it is not.
pub fn base64(text: &str) -> Result<Vec<u8>, Unreadable> {
    STANDARD.decode(text).map_err(|_| Unreadable::Value)
}
