//! Numbers and times as people read them.

use std::time::Duration;

/// A time with three digits and its unit.
pub(super) fn time(time: Duration) -> String {
    nanos(time.as_nanos() as f64)
}

/// Nanoseconds with three digits and their unit.
pub(super) fn nanos(nanos: f64) -> String {
    let (value, unit) = match nanos {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(value))
}

/// The mark of an axis of times: as [`nanos`], without needless zeros.
pub(super) fn nanos_short(value: f64) -> String {
    let text = nanos(value);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

fn three_digits(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A whole number with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value of any size: whole numbers as such, others with three digits.
pub(super) fn figure(value: f64) -> String {
    match value {
        v if v < 0.0 => format!("-{}", figure(-v)),
        v if v.fract() == 0.0 || v >= 1e4 => count(whole(v)),
        v if v >= 0.1 => three_digits(v),
        v => format!("{v:.3}"),
    }
}

/// The mark of an axis of small values.
pub(super) fn decimal_mark(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A rate, in whole numbers where it has many digits.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 100.0 {
        return format!("{per_second:.1}");
    }
    count(whole(per_second))
}

/// The mark of an axis of counts.
pub(super) fn count_mark(number: f64) -> String {
    if number < 1.0 { format!("{number}") } else { count(whole(number)) }
}

/// Bytes in the unit that fits.
pub(super) fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b < 1024.0 => (b, "B"),
        b if b < 1024.0 * 1024.0 => (b / 1024.0, "KiB"),
        b if b < 1024.0 * 1024.0 * 1024.0 => (b / (1024.0 * 1024.0), "MiB"),
        b => (b / (1024.0 * 1024.0 * 1024.0), "GiB"),
    };
    format!("{} {unit}", three_digits(value))
}

/// The nearest whole number; negative ones are 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(super) fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(time(Duration::from_nanos(950)), "950 ns");
        assert_eq!(time(Duration::from_micros(1_234)), "1.23 ms");
        assert_eq!(time(Duration::from_millis(99_960)), "100 s");
        assert_eq!(nanos_short(2e5), "200 µs");
        assert_eq!(nanos_short(1e6), "1 ms");
        assert_eq!(nanos_short(1.5e9), "1.5 s");
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(123_456), "123,456");
        assert_eq!(rate(99.96), "100.0");
        assert_eq!(rate(14_999.6), "15,000");
        assert_eq!(bytes(3.0 * 1024.0 * 1024.0), "3.00 MiB");
    }
}
