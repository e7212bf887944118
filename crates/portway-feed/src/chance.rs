//! Chance, so that what many proxies do alike they do not do at the same moment.

/// From 0 to less than 1.
pub(crate) fn random_share() -> f64 {
    let mut bytes = [0; 4];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return 0.5;
    }
    f64::from(u32::from_ne_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}
