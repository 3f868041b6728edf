//! Randomness, from the operating system.

/// So many random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A seed for the jitter of one session.
pub(crate) fn seed() -> [u64; 2] {
    let bytes: [u8; 16] = bytes();
    let (low, high) = bytes.split_at(8);
    [low, high].map(|half| half.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte)))
}
