//! As much of Kafka's protocol as it takes to put an error into an answer, or to
//! damage a batch: kafka.apache.org/protocol, and the message definitions in Kafka's
//! own sources.

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Api {
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    OffsetCommit = 8,
    FindCoordinator = 10,
    Heartbeat = 12,
    OffsetForLeaderEpoch = 23,
}

impl Api {
    /// All that can be answered with an error here.
    pub const ALL: [Self; 7] = [
        Self::Fetch,
        Self::ListOffsets,
        Self::Metadata,
        Self::OffsetCommit,
        Self::FindCoordinator,
        Self::Heartbeat,
        Self::OffsetForLeaderEpoch,
    ];

    /// The first version whose lengths are varints, with tagged fields (KIP-482).
    const fn flexible_from(self) -> i16 {
        match self {
            Self::Fetch => 12,
            Self::ListOffsets => 6,
            Self::Metadata => 9,
            Self::OffsetCommit => 8,
            Self::FindCoordinator => 3,
            Self::Heartbeat | Self::OffsetForLeaderEpoch => 4,
        }
    }
}

/// What an answer is to.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Its kind.
    pub api: Api,
    version: i16,
}

/// The number of an answer, by which it finds its request.
pub fn number(answer: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(answer.get(..4)?.try_into().ok()?))
}

/// A request's number and kind; none of a kind that passes as it is.
pub fn asked(request: &[u8]) -> Option<(i32, Asked)> {
    let mut at = Cursor::new(request, false);
    let key = at.i16()?;
    let api = Api::ALL.into_iter().find(|api| *api as i16 == key)?;
    let version = at.i16()?;
    Some((at.i32()?, Asked { api, version }))
}

/// Makes the answer's first error code another one.
pub fn put_error(answer: &mut [u8], asked: Asked, code: i16) -> Option<()> {
    let at = match asked.api {
        Api::Fetch => first_fetched(answer, asked)?.error,
        _ => error_at(answer, asked)?,
    };
    answer
        .get_mut(at..at + 2)?
        .copy_from_slice(&code.to_be_bytes());
    Some(())
}

/// No partition has a leader, as where the broker that leads is late with its heartbeats.
pub fn take_leaders(answer: &mut [u8], asked: Asked) -> Option<()> {
    const LEADER_NOT_AVAILABLE: i16 = 5;
    let partitions = partitions_told(answer, asked)?;
    (!partitions.is_empty()).then_some(())?;
    for at in partitions {
        answer[at..at + 2].copy_from_slice(&LEADER_NOT_AVAILABLE.to_be_bytes());
        answer[at + 6..at + 10].copy_from_slice(&(-1_i32).to_be_bytes());
    }
    Some(())
}

/// Where the partitions stand in an answer to Metadata: an error, a number, a leader.
fn partitions_told(answer: &[u8], asked: Asked) -> Option<Vec<usize>> {
    let Asked { api, version } = asked;
    (api == Api::Metadata).then_some(())?;
    let mut at = Cursor::answer(answer, api, version)?;
    at.skip(4)?;
    let mut found = Vec::new();
    for _ in 0..at.topics_told()? {
        at.skip(2)?;
        at.string()?;
        at.skip(if version >= 10 { 16 + 1 } else { 1 })?;
        for _ in 0..at.array()? {
            found.push(at.place);
            at.skip(2 + 4 + 4 + if version >= 7 { 4 } else { 0 })?;
            for _ in 0..if version >= 5 { 3 } else { 2 } {
                let brokers = at.array()?;
                at.skip(4 * brokers)?;
            }
            at.tags()?;
        }
        at.skip(if version >= 8 { 4 } else { 0 })?;
        at.tags()?;
    }
    Some(found)
}

/// Turns a bit of the first batch over.
pub fn damage(answer: &mut [u8], asked: Asked) -> Option<()> {
    let batch = first_batch(answer, asked)?;
    // The last byte is of the last record.
    answer[batch.end - 1] ^= 1;
    Some(())
}

/// Gives the first batch another codec than it was compressed with.
pub fn garble(answer: &mut [u8], asked: Asked) -> Option<()> {
    let batch = first_batch(answer, asked)?;
    let codec = &mut answer[batch.start + ATTRIBUTES + 1];
    // gzip, or zstd in its place.
    *codec = (*codec & !7) | if *codec & 7 == 1 { 4 } else { 1 };
    let sum = crc32c(&answer[batch.start + ATTRIBUTES..batch.end]);
    answer[batch.start + CRC..batch.start + ATTRIBUTES].copy_from_slice(&sum.to_be_bytes());
    Some(())
}

/// Where they stand in a batch of the second format.
const LENGTH: usize = 8;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
const HEADER: usize = 61;

/// The first batch of an answer, whole.
fn first_batch(answer: &[u8], asked: Asked) -> Option<std::ops::Range<usize>> {
    if asked.api != Api::Fetch {
        return None;
    }
    let start = first_fetched(answer, asked)?.records.start;
    let mut at = Cursor::new(answer, false);
    at.skip(start + LENGTH)?;
    let end = start + LENGTH + 4 + usize::try_from(at.i32()?).ok()?;
    let is_control = answer.get(start + ATTRIBUTES + 1)? & 0x20 != 0;
    (end <= answer.len() && end - start > HEADER && !is_control).then_some(start..end)
}

/// A partition of an answer to a Fetch.
struct Fetched {
    error: usize,
    records: std::ops::Range<usize>,
}

/// The first one with records.
fn first_fetched(answer: &[u8], asked: Asked) -> Option<Fetched> {
    let Asked { api, version } = asked;
    let mut at = Cursor::answer(answer, api, version)?;
    at.skip(4 + 2 + 4)?;
    for _ in 0..at.array()? {
        match version {
            13.. => at.skip(16)?,
            _ => at.string()?,
        }
        for _ in 0..at.array()? {
            at.skip(4)?;
            let error = at.place;
            at.skip(2 + 8 + 8 + 8)?;
            for _ in 0..at.array()? {
                at.skip(8 + 8)?;
                at.tags()?;
            }
            at.skip(4)?;
            let length = at.length()?;
            let records = at.place..at.place + length;
            at.skip(length)?;
            at.tags()?;
            if length > 0 {
                return Some(Fetched { error, records });
            }
        }
        at.tags()?;
    }
    None
}

/// Where the first error code of another answer stands.
fn error_at(answer: &[u8], asked: Asked) -> Option<usize> {
    let Asked { api, version } = asked;
    let mut at = Cursor::answer(answer, api, version)?;
    at.skip(4)?;
    match api {
        Api::Heartbeat => {}
        // Later ones answer for many at once.
        Api::FindCoordinator => (version < 4).then_some(())?,
        Api::Metadata => (at.topics_told()? > 0).then_some(())?,
        Api::Fetch | Api::ListOffsets | Api::OffsetCommit | Api::OffsetForLeaderEpoch => {
            (at.array()? > 0).then_some(())?;
            at.string()?;
            (at.array()? > 0).then_some(())?;
            // The epoch's answer begins with its error.
            if api != Api::OffsetForLeaderEpoch {
                at.skip(4)?;
            }
        }
    }
    Some(at.place)
}

/// Reads on; none: the bytes are not what they should be.
struct Cursor<'b> {
    bytes: &'b [u8],
    place: usize,
    flexible: bool,
}

impl<'b> Cursor<'b> {
    fn new(bytes: &'b [u8], flexible: bool) -> Self {
        Self {
            bytes,
            place: 0,
            flexible,
        }
    }

    /// Behind the header of an answer.
    fn answer(bytes: &'b [u8], api: Api, version: i16) -> Option<Self> {
        let mut at = Self::new(bytes, version >= api.flexible_from());
        at.skip(4)?;
        at.tags()?;
        Some(at)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = self.bytes.get(self.place..self.place + N)?;
        self.place += N;
        taken.try_into().ok()
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.place += bytes;
        (self.place <= self.bytes.len()).then_some(())
    }

    fn i16(&mut self) -> Option<i16> {
        self.take().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    fn varint(&mut self) -> Option<usize> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let [byte] = self.take()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Of an array, or of bytes; none stands for zero.
    fn length(&mut self) -> Option<usize> {
        match self.flexible {
            true => Some(self.varint()?.saturating_sub(1)),
            false => Some(usize::try_from(self.i32()?).unwrap_or(0)),
        }
    }

    fn array(&mut self) -> Option<usize> {
        self.length()
    }

    /// Behind the brokers of an answer to Metadata: how many topics it tells.
    fn topics_told(&mut self) -> Option<usize> {
        for _ in 0..self.array()? {
            self.skip(4)?;
            self.string()?;
            self.skip(4)?;
            self.string()?;
            self.tags()?;
        }
        self.string()?;
        self.skip(4)?;
        self.array()
    }

    fn string(&mut self) -> Option<()> {
        let length = match self.flexible {
            true => self.varint()?.saturating_sub(1),
            false => usize::try_from(self.i16()?).unwrap_or(0),
        };
        self.skip(length)
    }

    /// Fields that a reader may skip.
    fn tags(&mut self) -> Option<()> {
        if self.flexible {
            for _ in 0..self.varint()? {
                self.varint()?;
                let length = self.varint()?;
                self.skip(length)?;
            }
        }
        Some(())
    }
}

/// The checksum of a batch: CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut sum = !0_u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg());
        }
    }
    !sum
}

#[test]
fn the_checksum_is_the_one_of_the_standard() {
    // RFC 3720, B.4: 32 bytes of zeros, of ones, and rising ones.
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    let rising: Vec<u8> = (0..32).collect();
    assert_eq!(crc32c(&rising), 0x46dd_794e);
}
