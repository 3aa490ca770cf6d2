//! What a client may do with a topic or a group, as the broker tells it (KIP-430).

use rdkafka::bindings::rd_kafka_AclOperation_t;

/// Something that has to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To fetch records; to be a member and to commit offsets. It holds
    /// [`Right::Describe`].
    Read,
    /// To be told of it.
    Describe,
}

/// All that are had; `None` from a broker that does not tell.
pub type Rights = Option<Vec<Right>>;

/// Reads what librdkafka hands out: a count, and as many operations.
///
/// # Safety
/// `list` returns null, or a pointer to as many operations as it counts.
pub(super) unsafe fn rights(
    list: impl FnOnce(*mut usize) -> *const rd_kafka_AclOperation_t,
) -> Rights {
    let mut count = 0;
    let operations = list(&raw mut count);
    if operations.is_null() {
        return None;
    }
    // SAFETY: as the caller says.
    // As numbers: Kafka may know operations that the enum does not.
    let operations = unsafe { std::slice::from_raw_parts(operations.cast::<u32>(), count) };
    Some(
        operations
            .iter()
            .filter_map(|number| right(*number))
            .collect(),
    )
}

fn right(operation: u32) -> Option<Right> {
    use rd_kafka_AclOperation_t as Operation;
    const READ: u32 = Operation::RD_KAFKA_ACL_OPERATION_READ as u32;
    const DESCRIBE: u32 = Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE as u32;
    match operation {
        READ => Some(Right::Read),
        DESCRIBE => Some(Right::Describe),
        _ => None,
    }
}
