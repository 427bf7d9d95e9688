//! Good examples in, broken ones out, and a property that holds of all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// SplitMix64: small, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 {
            0
        } else {
            (self.next() % limit as u64) as usize
        }
    }

    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

/// Runs `property` on `cases` mutations of the examples, or on as many as `FUZZ_SECONDS` allow.
///
/// # Panics
/// The property does not hold; the case is printed.
pub fn fuzz(target: &str, cases: u64, examples: &[Vec<u8>], property: impl Fn(&[u8], &mut Chance)) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let (seconds, one) = (number("FUZZ_SECONDS"), number("FUZZ_CASE"));
    let begun = now();
    let mut case = one.unwrap_or(0);
    let goes_on = |case: u64| match (one, seconds) {
        (Some(one), _) => case == one,
        (None, Some(seconds)) => now().duration_since(begun) < Duration::from_secs(seconds),
        (None, None) => case < cases,
    };
    while goes_on(case) {
        let mut chance = Chance::new(case);
        let input = mutated(examples, &mut chance);
        let held = catch_unwind(AssertUnwindSafe(|| property(&input, &mut chance)));
        if held.is_err() {
            println!(
                "{target}: FUZZ_CASE={case} {:?}",
                String::from_utf8_lossy(&input)
            );
            panic!("{target}: case {case} breaks its property");
        }
        case += 1;
    }
    println!("{target}: {case} cases");
}

#[expect(clippy::disallowed_methods, reason = "a test that runs for a while")]
fn now() -> Instant {
    Instant::now()
}

/// An example with up to six wounds.
fn mutated(examples: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut input = chance.pick(examples).clone();
    for _ in 0..chance.below(7) {
        wound(&mut input, examples, chance);
    }
    input
}

fn wound(input: &mut Vec<u8>, examples: &[Vec<u8>], chance: &mut Chance) {
    const EDGES: [u64; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX];
    const WORDS: [&[u8]; 14] = [
        b"-",
        b":",
        b",",
        b"..",
        b"\"",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\n",
        b"18446744073709551615",
        b"0",
        "\u{fc}\u{1f980}".as_bytes(),
        b"\xff",
    ];
    let at = chance.below(input.len() + 1);
    let end = at + chance.below((input.len() - at + 1).min(64));
    match chance.below(8) {
        0 if at < input.len() => input[at] ^= 1 << chance.below(8),
        1 if at < input.len() => input[at] = chance.next() as u8,
        2 => input.truncate(at),
        3 => drop(input.drain(at..end)),
        4 => {
            let copy = input[at..end].to_vec();
            input.splice(at..at, copy);
        }
        5 => {
            let word = *chance.pick(&WORDS);
            input.splice(at..at, word.iter().copied());
        }
        6 => {
            let edge = chance.pick(&EDGES).to_le_bytes();
            let width = *chance.pick(&[1, 2, 4, 8]);
            let end = (at + width).min(input.len());
            input.splice(at..end, edge[..end - at].iter().copied());
        }
        _ => {
            let other = chance.pick(examples);
            let from = chance.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
}
