//! Every fuzz target on stable, without a fuzzer: the targets compile, and their promises hold on
//! the committed corpus and near it.

use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut inputs: Vec<_> =
        entries.filter_map(|entry| fs::read(entry.ok()?.path()).ok()).collect();
    inputs.sort();
    inputs
}

/// One of the corpus with a piece of it replaced by other bytes.
fn near(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let one = prop::sample::select(corpus(target));
    let change =
        (any::<prop::sample::Index>(), 0_usize..8, prop::collection::vec(any::<u8>(), 0..8));
    (one, prop::collection::vec(change, 0..4)).prop_map(|(mut input, changes)| {
        for (at, removed, bytes) in changes {
            let at = at.index(input.len() + 1);
            let end = input.len().min(at + removed);
            input.splice(at..end, bytes);
        }
        input
    })
}

proptest! {
    #[test]
    fn command(data in near("command")) {
        shikaku_card::fuzzing::command(&data);
    }

    #[test]
    fn tlv(data in near("tlv")) {
        shikaku_card::fuzzing::tlv(&data);
    }

    #[test]
    fn card(data in near("card")) {
        shikaku_card::fuzzing::card(&data);
    }
}

fn check(target: &str, body: impl Fn(&[u8])) {
    let inputs = corpus(target);
    assert!(inputs.len() > 3, "{target} has no corpus");
    inputs.iter().for_each(|input| body(input));
}

#[test]
fn the_corpus_itself_holds() {
    check("command", shikaku_card::fuzzing::command);
    check("tlv", shikaku_card::fuzzing::tlv);
    check("card", shikaku_card::fuzzing::card);
}
