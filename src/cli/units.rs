//! Sizes in readable units.

/// Returns bytes in their largest unit: `512B`, `4.0K`, `12.3M`, `1.5G`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{}{name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_unit() {
        let all = [0, 1023, 1024, 12_900_000, 3 << 30, u64::MAX].map(size);
        assert_eq!(all, ["0B", "1023B", "1.0K", "12.3M", "3.0G", "16777215.9T"]);
    }
}
