//! Values of formats with types, by the types of columns that they are tried on.

use plimsoll_sink_api::{Cell, Clock, Float, Interval, TimeOfDay, Timestamp, Unit};

pub fn decimal(unscaled: &'static [u8], scale: i32) -> Cell<'static> {
    Cell::Decimal { unscaled, scale }
}

pub fn time(value: i64, unit: Unit) -> Cell<'static> {
    Cell::Time(TimeOfDay { value, unit })
}

pub fn timestamp(value: i64, unit: Unit, clock: Clock) -> Cell<'static> {
    Cell::Timestamp(Timestamp { value, unit, clock })
}

fn double(number: f64) -> Cell<'static> {
    Cell::Float(Float::Double(number))
}

fn single(number: f32) -> Cell<'static> {
    Cell::Float(Float::Single(number))
}

pub fn times() -> Vec<Cell<'static>> {
    vec![
        time(25_689_123, Unit::Millis),
        time(0, Unit::Micros),
        time(86_400_000_000_000, Unit::Nanos),
        // Half a microsecond: the server rounds it.
        time(1_500, Unit::Nanos),
        time(2_500, Unit::Nanos),
    ]
}

pub fn bad_times() -> Vec<Cell<'static>> {
    vec![time(-1, Unit::Millis), time(86_400_001, Unit::Millis)]
}

pub fn intervals() -> Vec<Cell<'static>> {
    [
        (14, -3, -500_000_000),
        (0, 0, 0),
        (-1, 1, 1_000),
        (0, 0, 1_500),
        (i32::MAX, i32::MIN, i64::MAX),
    ]
    .map(|(months, days, nanos)| {
        Cell::Interval(Interval {
            months,
            days,
            nanos,
        })
    })
    .to_vec()
}

fn instants() -> Vec<Cell<'static>> {
    let mut cells = Vec::new();
    for clock in [Clock::Utc, Clock::Local] {
        for (value, unit) in [
            (-1, Unit::Millis),
            (1_700_000_000_123_456, Unit::Micros),
            (1_700_000_000_123_456_500, Unit::Nanos),
            (1_700_000_000_123_457_500, Unit::Nanos),
            (-62_135_596_800_000, Unit::Millis),
            (253_402_300_799_999_999, Unit::Micros),
        ] {
            cells.push(timestamp(value, unit, clock));
        }
    }
    cells.push(Cell::Date(19_000));
    cells
}

/// Values that fit a column, and values that do not.
pub fn of(base: &str) -> (Vec<Cell<'static>>, Vec<Cell<'static>>) {
    let numbers = || {
        vec![
            Cell::Int(-7),
            Cell::Unsigned(7),
            decimal(&[0x04, 0xd2], 0),
            Cell::Date(-1),
            time(5, Unit::Micros),
            timestamp(6, Unit::Nanos, Clock::Local),
        ]
    };
    let fractions = || {
        let fractions = [
            decimal(&[0x04, 0xce], 2),
            decimal(&[0xff], 1),
            decimal(&[7], -3),
            single(0.1),
            double(-0.0),
            double(1e16),
        ];
        [numbers(), fractions.to_vec()].concat()
    };
    let odd = || {
        vec![
            double(f64::NAN),
            double(f64::NEG_INFINITY),
            single(f32::INFINITY),
        ]
    };
    let large = decimal(&[0x7f; 20], 5);
    match base {
        "int2" => (numbers(), vec![Cell::Unsigned(40_000), double(1.5)]),
        "int4" => (numbers(), vec![Cell::Int(i64::MAX), single(1.0)]),
        "int8" => (numbers(), vec![Cell::Unsigned(u64::MAX), large]),
        "float4" => (
            [fractions(), odd(), vec![double(16_777_217.0)]].concat(),
            vec![double(1e300), double(1e-300)],
        ),
        "float8" => (
            [fractions(), odd(), vec![double(5e-324), large]].concat(),
            vec![decimal(&[1], -400), decimal(&[1], 400)],
        ),
        "numeric" => (
            vec![Cell::Int(-7), decimal(&[5], 3)],
            vec![decimal(&[1; 5_000], 0)],
        ),
        "text" => (
            [
                fractions(),
                odd(),
                instants(),
                times(),
                intervals(),
                vec![large, Cell::Uuid([7; 16])],
            ]
            .concat(),
            vec![Cell::Bytes(b"bytes"), Cell::Date(i32::MIN)],
        ),
        "jsonb" => (
            [
                fractions(),
                odd(),
                instants(),
                times(),
                intervals(),
                vec![Cell::Uuid([7; 16])],
            ]
            .concat(),
            vec![Cell::Bytes(b"bytes"), time(-1, Unit::Millis)],
        ),
        "bytea" => (
            vec![Cell::Uuid([0xab; 16])],
            vec![Cell::Int(1), double(1.0)],
        ),
        "uuid" => (vec![Cell::Uuid([0xab; 16])], vec![Cell::Int(1)]),
        "date" => (
            vec![Cell::Date(0), Cell::Date(-719_162), Cell::Date(2_932_896)],
            vec![Cell::Date(-719_163), Cell::Date(2_932_897), Cell::Int(1)],
        ),
        "timestamp" | "timestamptz" => (
            instants(),
            vec![
                timestamp(i64::MAX, Unit::Millis, Clock::Utc),
                timestamp(-62_135_596_800_001, Unit::Millis, Clock::Local),
                Cell::Int(1),
            ],
        ),
        _ => (Vec::new(), Vec::new()),
    }
}
