//! Durations as people write them: `50s`, `1h 30m`.

use std::time::Duration;

/// Reads numbers with units, one after the other. `None` if it is anything else, or too long to be held.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut whole = Duration::ZERO;
    while !rest.is_empty() {
        let number = split_where(&mut rest, |it| !it.is_ascii_digit()).parse().ok()?;
        rest = rest.trim_start();
        let unit = split_where(&mut rest, |it| !it.is_alphabetic());
        rest = rest.trim_start();
        whole = whole.checked_add(one(unit)?.checked_mul(number)?)?;
    }
    (!text.trim().is_empty()).then_some(whole)
}

fn one(unit: &str) -> Option<Duration> {
    Some(match unit {
        "ms" | "millisecond" | "milliseconds" => Duration::from_millis(1),
        "s" | "sec" | "secs" | "second" | "seconds" => Duration::from_secs(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Duration::from_secs(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Duration::from_secs(60 * 60),
        "d" | "day" | "days" => Duration::from_secs(24 * 60 * 60),
        "w" | "week" | "weeks" => Duration::from_secs(7 * 24 * 60 * 60),
        _ => return None,
    })
}

/// Takes off what is before the first such character.
fn split_where<'a>(rest: &mut &'a str, is_end: impl Fn(char) -> bool) -> &'a str {
    let (taken, left) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
    *rest = left;
    taken
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numbers_with_units() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("250ms", 250),
            ("50s", 50_000),
            (" 10 min ", 600_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("2days", 172_800_000),
            ("1w", 604_800_000),
        ] {
            assert_eq!(parse(text).map(|it| it.as_millis()), Some(milliseconds), "{text:?}");
        }
        let no_durations =
            ["", " ", "10", "s", "-1s", "1.5h", "10 minutos", "1h 30", "1h,30m", "1é", "1µs"];
        for text in no_durations {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(parse("18446744073709551615w"), None);
        assert_eq!(parse("99999999999999999999s"), None);
    }
}
