//! Kafka's Produce request, with the records of many partitions in each, as Kafka's own
//! client sends them. librdkafka sends a request for each partition: a few records a
//! second for each of a thousand partitions are then thousands of requests a second, and
//! what is measured is how long they wait for the broker.

use crate::paced::Spread;
use crate::{Failed, Result};
use std::collections::BTreeMap;

/// Produce, in a version that brokers from 0.11 to 4 have: the last form of batches.
const PRODUCE: (i16, i16) = (0, 3);
/// All replicas in sync.
const ACKS: i16 = -1;
/// How long the broker may wait for them, in milliseconds.
const TIMEOUT_MS: i32 = 30_000;
/// What stands in front of the checksum of a batch, without offset and length.
const BEFORE_SUM: usize = 9;

/// A record for a partition.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where it goes.
    pub place: u64,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Vec<u8>,
    /// Its time, in milliseconds since 1970.
    pub at_ms: i64,
}

/// What the broker says of one batch of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its partition.
    pub place: u64,
    /// The offset of its first record.
    pub first_offset: u64,
}

/// One request, its length in front.
#[must_use]
pub fn request(spread: &Spread, correlation: i32, records: &[Record]) -> Vec<u8> {
    let mut places = BTreeMap::<u64, Vec<&Record>>::new();
    for record in records {
        places.entry(record.place).or_default().push(record);
    }
    let mut topics = BTreeMap::<&str, Vec<(i32, Vec<u8>)>>::new();
    for (place, records) in places {
        let (topic, partition) = spread.at(place);
        let batches = topics.entry(topic).or_default();
        batches.push((partition, batch(&records)));
    }
    let mut out = Vec::new();
    out.extend(PRODUCE.0.to_be_bytes());
    out.extend(PRODUCE.1.to_be_bytes());
    out.extend(correlation.to_be_bytes());
    text(&mut out, "bench");
    // No transaction.
    out.extend((-1_i16).to_be_bytes());
    out.extend(ACKS.to_be_bytes());
    out.extend(TIMEOUT_MS.to_be_bytes());
    count(&mut out, topics.len());
    for (topic, batches) in topics {
        text(&mut out, topic);
        count(&mut out, batches.len());
        for (partition, batch) in batches {
            out.extend(partition.to_be_bytes());
            count(&mut out, batch.len());
            out.extend(batch);
        }
    }
    let mut whole = Vec::with_capacity(out.len() + 4);
    count(&mut whole, out.len());
    whole.extend(out);
    whole
}

/// Records of one partition, in the form of magic 2.
fn batch(records: &[&Record]) -> Vec<u8> {
    let first_ms = records.first().map_or(0, |r| r.at_ms);
    let last_ms = records.iter().map(|r| r.at_ms).max().unwrap_or_default();
    // What the checksum is of.
    let mut sealed = Vec::new();
    // No compression, times of the producer, no transaction.
    sealed.extend(0_i16.to_be_bytes());
    count(&mut sealed, records.len().saturating_sub(1));
    sealed.extend(first_ms.to_be_bytes());
    sealed.extend(last_ms.to_be_bytes());
    // No idempotent producer: its id, epoch and sequence.
    sealed.extend((-1_i64).to_be_bytes());
    sealed.extend((-1_i16).to_be_bytes());
    sealed.extend((-1_i32).to_be_bytes());
    count(&mut sealed, records.len());
    let mut body = Vec::new();
    for (n, record) in records.iter().enumerate() {
        body.clear();
        body.push(0);
        varint(&mut body, record.at_ms - first_ms);
        varint(&mut body, n as i64);
        varint(&mut body, record.key.len() as i64);
        body.extend(record.key.as_bytes());
        varint(&mut body, record.value.len() as i64);
        body.extend(&record.value);
        // No headers.
        varint(&mut body, 0);
        varint(&mut sealed, body.len() as i64);
        sealed.extend(&body);
    }
    let mut out = Vec::with_capacity(sealed.len() + 21);
    // The broker sets the offset.
    out.extend(0_i64.to_be_bytes());
    count(&mut out, BEFORE_SUM + sealed.len());
    // The leader's epoch is the broker's to set, too.
    out.extend((-1_i32).to_be_bytes());
    out.push(2);
    out.extend(crc32c(&sealed).to_be_bytes());
    out.extend(sealed);
    out
}

/// What an answer says, without its length.
///
/// # Errors
/// It is another one's, or says that a batch was not stored.
pub fn answer(spread: &Spread, correlation: i32, bytes: &[u8]) -> Result<Vec<Stored>> {
    let mut rest = bytes;
    if i32::from_be_bytes(take(&mut rest)?) != correlation {
        return Err(Failed::new("an answer to another request"));
    }
    let mut all = Vec::new();
    for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
        let len = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).unwrap_or_default();
        let (topic, behind) = rest.split_at_checked(len).ok_or_else(short)?;
        rest = behind;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            let partition = i32::from_be_bytes(take(&mut rest)?);
            let code = i16::from_be_bytes(take(&mut rest)?);
            let offset = i64::from_be_bytes(take(&mut rest)?);
            // When the log was appended to, where that counts.
            take::<8>(&mut rest)?;
            let place = spread.place(&String::from_utf8_lossy(topic), partition);
            let (Some(place), Ok(first_offset), 0) = (place, u64::try_from(offset), code) else {
                let why = format!("a batch was not stored: Kafka's error {code}");
                return Err(Failed::new(why));
            };
            all.push(Stored {
                place,
                first_offset,
            });
        }
    }
    Ok(all)
}

fn short() -> Failed {
    Failed::new("an answer that ends too early")
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk().ok_or_else(short)?;
    *rest = behind;
    Ok(*taken)
}

/// A length or a count; none here comes near to two thousand millions.
fn count(out: &mut Vec<u8>, n: usize) {
    out.extend(i32::try_from(n).unwrap_or(i32::MAX).to_be_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(i16::try_from(text.len()).unwrap_or(i16::MAX).to_be_bytes());
    out.extend(text.as_bytes());
}

/// Small numbers of either sign in few bytes.
fn varint(out: &mut Vec<u8>, n: i64) {
    let mut rest = ((n << 1) ^ (n >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Castagnoli's.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut n = 0;
        while n < 256 {
            let mut sum = n as u32;
            let mut bit = 0;
            while bit < 8 {
                sum = (sum >> 1) ^ (0x82F6_3B78 * (sum & 1));
                bit += 1;
            }
            table[n] = sum;
            n += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |sum: u32, byte| {
        (sum >> 8) ^ TABLE[usize::from(sum as u8 ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_that_of_the_standard() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn a_varint_is_zigzag() {
        for (n, bytes) in [
            (0, &[0][..]),
            (-1, &[1]),
            (63, &[0x7E]),
            (64, &[0x80, 1]),
            (-8_193, &[0x81, 0x80, 1]),
        ] {
            let mut out = Vec::new();
            varint(&mut out, n);
            assert_eq!(out, bytes, "{n}");
        }
    }

    fn spread() -> Spread {
        Spread {
            topics: vec!["t".to_owned()],
            partitions: 2,
        }
    }

    #[test]
    fn records_of_one_partition_are_one_batch() {
        let record = |place| Record {
            place,
            key: "k".to_owned(),
            value: vec![7; 100],
            at_ms: 5,
        };
        let one = request(&spread(), 1, &[record(0)]);
        let length = i32::from_be_bytes(one[..4].try_into().expect("four bytes"));
        assert_eq!(usize::try_from(length).expect("a length") + 4, one.len());
        let two = request(&spread(), 1, &[record(0), record(0)]);
        let apart = request(&spread(), 1, &[record(0), record(1)]);
        assert!(two.len() < apart.len());
    }

    #[test]
    fn an_answer_tells_offsets_and_a_refusal_is_a_failure() {
        let answered = |code: i16| {
            let mut bytes = 9_i32.to_be_bytes().to_vec();
            count(&mut bytes, 1);
            text(&mut bytes, "t");
            count(&mut bytes, 1);
            bytes.extend(1_i32.to_be_bytes());
            bytes.extend(code.to_be_bytes());
            bytes.extend(41_i64.to_be_bytes());
            bytes.extend([0; 12]);
            bytes
        };
        let stored = answer(&spread(), 9, &answered(0)).expect("an answer");
        let wanted = Stored {
            place: 1,
            first_offset: 41,
        };
        assert_eq!(stored, [wanted]);
        let why = answer(&spread(), 9, &answered(6)).expect_err("a refusal").0;
        assert_eq!(why, "a batch was not stored: Kafka's error 6");
        assert!(answer(&spread(), 8, &answered(0)).is_err());
        assert!(answer(&spread(), 9, &answered(0)[..20]).is_err());
    }
}
