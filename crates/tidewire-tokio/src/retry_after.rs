//! The delay that a `Retry-After` asks for (RFC 9110 §10.2.3).

use std::time::{Duration, SystemTime};

/// The delay: seconds, or up to a date; `None` when the value is neither.
pub(crate) fn delay(value: &[u8]) -> Option<Duration> {
    let value = std::str::from_utf8(value).ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_seconds_or_a_date() {
        let read = |value: &str| delay(value.as_bytes());
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(read("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::ZERO));
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!((95..=100).contains(&read(&soon).unwrap().as_secs()));
        for nonsense in ["", "-1", "+5", "soon", "1.5"] {
            assert_eq!(read(nonsense), None, "{nonsense:?}");
        }
        assert_eq!(delay(&[0xFF]), None);
    }
}
