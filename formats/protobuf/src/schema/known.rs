//! Files that schemas import and that nobody registers, because all programs that read
//! Protobuf bring them: only what is needed to read bytes stands in them here.

/// Whether it is one of those below `google/protobuf/` that the library has.
pub fn is_googles(name: &str) -> bool {
    let google = prost_reflect::DescriptorPool::global();
    google.get_file_by_name(name).is_some()
}

/// The text of another one.
pub fn text(name: &str) -> Option<&'static str> {
    Some(match name {
        "confluent/meta.proto" => include_str!("known/confluent_meta.proto"),
        "confluent/type/decimal.proto" | "confluent/types/decimal.proto" => {
            include_str!("known/confluent_decimal.proto")
        }
        "google/type/calendar_period.proto" => include_str!("known/calendar_period.proto"),
        "google/type/color.proto" => include_str!("known/color.proto"),
        "google/type/date.proto" => include_str!("known/date.proto"),
        "google/type/datetime.proto" => include_str!("known/datetime.proto"),
        "google/type/dayofweek.proto" => include_str!("known/dayofweek.proto"),
        "google/type/decimal.proto" => include_str!("known/decimal.proto"),
        "google/type/expr.proto" => include_str!("known/expr.proto"),
        "google/type/fraction.proto" => include_str!("known/fraction.proto"),
        "google/type/interval.proto" => include_str!("known/interval.proto"),
        "google/type/latlng.proto" => include_str!("known/latlng.proto"),
        "google/type/localized_text.proto" => include_str!("known/localized_text.proto"),
        "google/type/money.proto" => include_str!("known/money.proto"),
        "google/type/month.proto" => include_str!("known/month.proto"),
        "google/type/phone_number.proto" => include_str!("known/phone_number.proto"),
        "google/type/postal_address.proto" => include_str!("known/postal_address.proto"),
        "google/type/quaternion.proto" => include_str!("known/quaternion.proto"),
        "google/type/timeofday.proto" => include_str!("known/timeofday.proto"),
        _ => return None,
    })
}
