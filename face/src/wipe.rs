//! Overwriting what was somebody's face: in words, because a picture has millions of bytes.

use bytemuck::{Pod, pod_align_to_mut};
use zeroize::{DefaultIsZeroes, Zeroize};

/// Sets all values to zero, in such a way that a compiler does not leave it out.
pub(crate) fn wipe<T: Pod + DefaultIsZeroes>(values: &mut [T]) {
    let (first, words, last) = pod_align_to_mut::<T, u64>(values);
    first.zeroize();
    words.zeroize();
    last.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_overwritten_wherever_a_word_begins() {
        for (start, end) in [(0, 40), (1, 40), (3, 38), (5, 7), (2, 2)] {
            let mut bytes = [7_u8; 40];
            wipe(&mut bytes[start..end]);
            let is_wiped = |at: usize| (start..end).contains(&at);
            assert!((0..40).all(|at| bytes[at] == if is_wiped(at) { 0 } else { 7 }));
        }
        let mut numbers = [1.5_f32; 9];
        wipe(&mut numbers);
        assert_eq!(numbers, [0.0; 9]);
    }
}
