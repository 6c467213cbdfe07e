//! Durations in overlays and names, in Octolapse's little language: `%D %H %M %S` are whole durations in days, hours,
//! minutes, seconds, `%d %h %m %s` what is left of the next larger unit, `%F` and `%f` milliseconds of each kind. A code may
//! be followed by `:width.decimals`: `%h:2:%m:2:%s:2` gives 05:05:05.

/// Writes `seconds`; without a format as `5:05:05`, hours first.
pub(super) fn write_duration(seconds: f64, format: Option<&str>) -> String {
    let usual = || format!("{:.0}:%m:2:%s:2", (seconds / 3600.0).floor());
    let format = format.map_or_else(usual, str::to_owned);
    let mut text = String::new();
    let mut rest = format.as_str();
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let code = &rest[at + 1..];
        let Some((value, whole)) = code.chars().next().and_then(|c| unit(c, seconds)) else {
            text.push('%');
            rest = code;
            continue;
        };
        let (width, decimals, after) = precision(&code[1..]);
        match decimals {
            Some(decimals) => text.push_str(&format!("{value:0width$.decimals$}")),
            None if whole => text.push_str(&format!("{:0width$.0}", value.floor())),
            None => text.push_str(&format!("{:0width$.0}", value.round())),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The value of a code, and whether it is cut to whole numbers.
fn unit(code: char, seconds: f64) -> Option<(f64, bool)> {
    Some(match code {
        'D' => (seconds / 86_400.0, true),
        'H' => (seconds / 3600.0, true),
        'M' => (seconds / 60.0, true),
        'S' => (seconds, true),
        'F' => (seconds * 1000.0, false),
        'd' => ((seconds / 86_400.0).floor(), true),
        'h' => ((seconds / 3600.0).floor() % 24.0, true),
        'm' => ((seconds / 60.0).floor() % 60.0, true),
        's' => (seconds.floor() % 60.0, true),
        'f' => ((seconds * 1000.0).round() % 1000.0, false),
        _ => return None,
    })
}

/// Reads `:width.decimals`; gives both and what follows.
fn precision(text: &str) -> (usize, Option<usize>, &str) {
    let Some(rest) = text.strip_prefix(':') else { return (0, None, text) };
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).count();
    let (width, after) = rest.split_at(digits(rest));
    let (decimals, end) = match after.strip_prefix('.') {
        Some(fraction) if digits(fraction) > 0 => {
            let (decimals, end) = fraction.split_at(digits(fraction));
            (decimals.parse().ok().map(|decimals: usize| decimals.min(6)), end)
        }
        _ => (None, after),
    };
    if width.is_empty() && decimals.is_none() {
        return (0, None, text);
    }
    (width.parse().unwrap_or(0).min(20), decimals, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_octolapse() {
        // Vector RN02 of its behaviour.
        let seconds = 5.0 * 86_400.0 + 5.0 * 3600.0 + 5.0 * 60.0 + 5.123;
        let of = |format| write_duration(seconds, Some(format));
        assert_eq!(of("%d %h:%m:%s"), "5 5:5:5");
        assert_eq!(of("%H:.3 %S:.1 %F %f"), "125.085 450305.1 450305123 123");
        assert_eq!(of("%h:2:%m:2:%s:2"), "05:05:05");
    }

    #[test]
    fn the_usual_form_is_hours_minutes_seconds() {
        assert_eq!(write_duration(0.0, None), "0:00:00");
        assert_eq!(write_duration(3_725.9, None), "1:02:05");
        assert_eq!(write_duration(100.0 * 3600.0, None), "100:00:00");
        assert_eq!(write_duration(61.0, Some("100%% %q")), "100%% %q");
    }
}
