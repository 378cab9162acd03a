//! [`SuccessCodes`]: the exit codes that are no failure. Must not know whose.

use std::ops::Deref;

const ONLY_ZERO: &[u8] = &[0];

/// Exit codes that count as success, as a slice; nearly always only 0, which takes no memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SuccessCodes {
    /// `None`: only 0.
    listed: Option<Box<[u8]>>,
}

impl Deref for SuccessCodes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.listed.as_deref().unwrap_or(ONLY_ZERO)
    }
}

impl From<Vec<u8>> for SuccessCodes {
    fn from(codes: Vec<u8>) -> Self {
        Self { listed: (codes != ONLY_ZERO).then(|| codes.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zero_is_the_default_and_takes_no_memory() {
        assert_eq!(*SuccessCodes::default(), [0]);
        assert_eq!(SuccessCodes::from(vec![0]), SuccessCodes::default());
        assert_eq!((&*SuccessCodes::from(vec![0, 143]), &*SuccessCodes::from(vec![])), (&[0, 143][..], &[][..]));
    }
}
