//! A repeatable source of variety, for data that is made up: the same seed, the same choices, on
//! every machine. Nothing depends on its being unpredictable.

/// A linear congruential generator with Knuth's constants; its upper half is used.
#[derive(Clone, Debug)]
pub struct Variety(u64);

impl Variety {
    /// The same variety for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of many sources of one seed, unlike its neighbours.
    pub fn of(seed: u64, index: u64) -> Self {
        Self(mix(seed ^ mix(index)))
    }

    /// A number from 0 to `limit` − 1; limits up to 2³¹.
    pub fn below(&mut self, limit: i64) -> i64 {
        self.turn() % limit.max(1)
    }

    /// As [`Self::below`], for limits up to 2⁶².
    pub fn far_below(&mut self, limit: i64) -> i64 {
        (self.turn() << 31 | self.turn()) % limit.max(1)
    }

    /// A number from `from` to `to` − 1.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to - from)
    }

    /// True in `share` of 100 cases.
    pub fn percent(&mut self, share: i64) -> bool {
        self.below(100) < share
    }

    /// One of `choices`, each as likely; there must be one.
    pub fn choose<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let count = i64::try_from(choices.len()).unwrap_or(i64::MAX);
        &choices[usize::try_from(self.below(count)).unwrap_or(0)]
    }

    /// 31 bits.
    fn turn(&mut self) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap_or(0)
    }
}

/// Makes numbers that differ little differ much: the end of SplitMix64, by Sebastiano Vigna. No
/// two numbers give the same.
pub fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_differ_and_the_same_is_the_same() {
        let first = |seed, index| Variety::of(seed, index).far_below(1 << 62);
        let mut seen: Vec<i64> = (0..1000).map(|index| first(7, index)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1000);
        assert_eq!(first(7, 3), first(7, 3));
        assert_ne!(first(7, 3), first(8, 3));
    }

    #[test]
    fn choices_are_spread_evenly() {
        let mut variety = Variety::new(1);
        let mut counts = [0; 10];
        for _ in 0..100_000 {
            counts[usize::try_from(variety.below(10)).expect("small")] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert!((0..1000).all(|_| (5..9).contains(&variety.between(5, 9))));
        assert_eq!(variety.below(0), 0);
    }
}
