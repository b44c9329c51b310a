//! Every fuzz target on stable, without a fuzzer.
//!
//! Goal: the targets compile, their promises hold on the committed corpus and near it. Method: each
//! corpus file as it is, then mutated some thousand times from a fixed seed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

use std::path::{Path, PathBuf};

/// Mutations of the corpus, for each target.
const MUTATIONS: usize = 4_000;
/// Changes to one input, at most.
const CHANGES_MAX: usize = 6;

/// Pieces that mean something to one of the parsers.
const TOKENS: [&[u8]; 20] = [
    b"<",
    b">",
    b"</",
    b"/>",
    b"&",
    b"&amp;",
    b"&#0;",
    b"<![CDATA[",
    b"<!DOCTYPE x>",
    b"<?x?>",
    b"{",
    b"}",
    b"[",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b",",
    b"\r\n",
    b"\0",
    b"\x81",
];

struct XorShift(u64);

impl XorShift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }

    fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(CHANGES_MAX) {
            let at = self.below(input.len() + 1);
            let length = self.below(16).min(input.len() - at);
            match self.below(6) {
                0 if at < input.len() => input[at] ^= 1 << self.below(8),
                1 => drop(input.drain(at..at + length)),
                2 => drop(input.splice(at..at, TOKENS[self.below(TOKENS.len())].iter().copied())),
                3 => {
                    let copy = input[at..at + length].to_vec();
                    drop(input.splice(at..at, copy));
                }
                4 => input.truncate(at),
                _ => {
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(200)).min(other.len());
                    drop(input.splice(at..at + length, other[from..to].iter().copied()));
                }
            }
        }
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn smoke(target: &str, body: fn(&[u8])) {
    let corpus = corpus(target);
    assert!(corpus.len() > 1, "{target} has no corpus");
    corpus.iter().for_each(|input| body(input));
    let mut random = XorShift(0x5348_494B_414B_5501);
    for _ in 0..MUTATIONS {
        let mut input = corpus[random.below(corpus.len())].clone();
        let other = &corpus[random.below(corpus.len())];
        random.mutate(&mut input, other);
        body(&input);
    }
}

#[test]
fn oqs_xml() {
    smoke("oqs_xml", shikaku_wire::fuzzing::oqs_xml);
}

#[test]
fn oqs_json() {
    smoke("oqs_json", shikaku_wire::fuzzing::oqs_json);
}

#[test]
fn card_json() {
    smoke("card_json", shikaku_wire::fuzzing::card_json);
}

#[test]
fn v1_json() {
    smoke("v1_json", shikaku_wire::fuzzing::v1_json);
}

#[test]
fn member_csv() {
    smoke("member_csv", shikaku_wire::fuzzing::member_csv);
}

#[test]
fn answer() {
    smoke("answer", shikaku_wire::fuzzing::answer);
}
