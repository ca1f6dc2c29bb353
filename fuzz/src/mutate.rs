//! Changes of an input that are the same on every machine: for the short run that is part of the tests.

/// Numbers that look random (xorshift64*, Vigna 2016) and follow from a seed.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next one below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        (number as usize).checked_rem(end).unwrap_or_default()
    }
}

/// Pieces that mean something to one of the targets.
const WORDS: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b" ",
    b"\xEF\xBB\xBF",
    b"\xFF",
    b"\xC3",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-0",
    b"1e999",
    b"18446744073709551616",
    b"\"id\":",
    b"\"jsonrpc\":\"2.0\"",
    b"\"method\":",
    b"\"type\":",
    b"\"params\":",
    b"\"result\":{}",
    b"data: ",
    b"event: ",
    b"retry: ",
    b"%2B",
    b"%",
    b"=",
    b"@",
    b"#",
    b"..",
    b"[::1]",
    b"127.0.0.1",
    b"localhost",
    b":80",
    b".",
    b"https://",
    b"Host: ",
    b"Origin: ",
    b"bearer.",
];

/// Changes an input one to eight times; `other` is another one, to take pieces of.
pub fn mutate(input: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers, max_bytes: usize) {
    for _ in 0..=numbers.below(8) {
        let at = numbers.below(input.len() + 1);
        match numbers.below(7) {
            0 if at < input.len() => input[at] ^= 1 << numbers.below(8),
            1 if at < input.len() => input[at] = numbers.below(256) as u8,
            2 => {
                let end = (at + numbers.below(16)).min(input.len());
                input.drain(at..end);
            }
            3 => {
                let start = numbers.below(other.len() + 1);
                let end = (start + numbers.below(32)).min(other.len());
                input.splice(at..at, other[start..end].iter().copied());
            }
            4 => {
                let end = (at + numbers.below(16)).min(input.len());
                input.extend_from_within(at..end);
            }
            5 => input.truncate(at),
            _ => {
                let word = WORDS[numbers.below(WORDS.len())];
                input.splice(at..at, word.iter().copied());
            }
        }
    }
    input.truncate(max_bytes);
}
