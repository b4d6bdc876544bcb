//! Digits and the one operation that costs: the programmable bootstrap, a table lookup that also cleans the noise.

use std::cell::RefCell;

use tfhe::core_crypto::prelude::*;

use crate::keys::{DELTA_LOG, GLWE, POLYNOMIAL, ServerKeys, native};
use crate::wire::{BIG, SMALL};

/// Noise of a table's input must stay within this (norm 5, squared).
pub const BUDGET: u64 = 25;
/// Values are counted in halves of a digit: `HALF * 2 * v` encodes `v`.
const HALF: u64 = 1 << (DELTA_LOG - 1);
const BOX: usize = BIG / 16;

thread_local! {
    static BUFFERS: RefCell<ComputationBuffers> = RefCell::default();
}

/// One encrypted digit: mask and body under the large key, and its noise (squared norm, a bootstrap's output is 1).
#[derive(Clone)]
pub struct Block {
    lwe: Vec<u64>,
    noise: u64,
}

impl Block {
    pub fn fresh(lwe: &[u64]) -> Self {
        Block { lwe: lwe.to_vec(), noise: 1 }
    }

    /// A public value; hides nothing.
    pub fn public(value: i64) -> Self {
        let mut block = Block { lwe: vec![0; BIG + 1], noise: 0 };
        block.shift(2 * value);
        block
    }

    pub fn plus(mut self, other: &Block) -> Self {
        self.lwe.iter_mut().zip(&other.lwe).for_each(|(a, b)| *a = a.wrapping_add(*b));
        self.noise += other.noise;
        self
    }

    pub fn minus(mut self, other: &Block) -> Self {
        self.lwe.iter_mut().zip(&other.lwe).for_each(|(a, b)| *a = a.wrapping_sub(*b));
        self.noise += other.noise;
        self
    }

    pub fn times(mut self, factor: i64) -> Self {
        self.lwe.iter_mut().for_each(|a| *a = a.wrapping_mul(factor as u64));
        self.noise *= (factor * factor) as u64;
        self
    }

    fn shift(&mut self, halves: i64) {
        self.lwe[BIG] = self.lwe[BIG].wrapping_add(HALF.wrapping_mul(halves as u64));
    }

    /// Adds a public number of half digits.
    pub fn plus_halves(mut self, halves: i64) -> Self {
        self.shift(halves);
        self
    }

    pub fn plus_public(self, value: i64) -> Self {
        self.plus_halves(2 * value)
    }
}

/// A table over 0..=15 whose outputs count half digits. At 16..=31 it gives minus what it gives 16 lower.
pub struct Table([i64; 16]);

impl Table {
    pub fn halves(f: impl Fn(i64) -> i64) -> Self {
        Table(std::array::from_fn(|i| f(i as i64)))
    }

    pub fn new(f: impl Fn(i64) -> i64) -> Self {
        Self::halves(|i| 2 * f(i))
    }

    /// Over -7..=7.
    pub fn signed(f: impl Fn(i64) -> i64) -> Self {
        Self::halves(|i| if i < 8 { 2 * f(i) } else if i > 8 { -2 * f(i - 16) } else { 0 })
    }
}

impl ServerKeys {
    /// Looks a digit up in a table.
    pub fn look_up(&self, block: &Block, table: &Table) -> Block {
        let switched = lwe_ciphertext_centered_binary_modulus_switch::<u64, usize, _>(
            self.to_small(block), POLYNOMIAL.to_blind_rotation_input_modulus_log(),
        );
        let mut turned = GlweCiphertext::new(0u64, GLWE, POLYNOMIAL, native());
        let mut body = turned.get_mut_body();
        let coefficients = body.as_mut();
        for (part, halves) in coefficients.chunks_exact_mut(BOX).zip(table.0) {
            part.fill(HALF.wrapping_mul(halves as u64));
        }
        coefficients[..BOX / 2].iter_mut().for_each(|c| *c = c.wrapping_neg());
        coefficients.rotate_left(BOX / 2);
        let fft = Fft::new(POLYNOMIAL);
        let fft = fft.as_view();
        BUFFERS.with_borrow_mut(|buffers| {
            buffers.resize(
                blind_rotate_assign_mem_optimized_requirement::<u64>(GLWE, POLYNOMIAL, fft).unaligned_bytes_required(),
            );
            blind_rotate_assign_mem_optimized(&switched, &mut turned, &self.bsk, fft, buffers.stack());
        });
        let mut out = LweCiphertext::new(0u64, LweSize(BIG + 1), native());
        extract_lwe_sample_from_glwe_ciphertext(&turned, &mut out, MonomialDegree(0));
        Block { lwe: out.into_container(), noise: 1 }
    }

    fn to_small(&self, block: &Block) -> LweCiphertextOwned<u64> {
        assert!(block.noise <= BUDGET, "noise {} over the budget", block.noise);
        let input = LweCiphertext::from_container(block.lwe.as_slice(), native());
        let mut small = LweCiphertext::new(0u64, LweSize(SMALL + 1), native());
        keyswitch_lwe_ciphertext(&self.ksk, &input, &mut small);
        small
    }

    /// A digit for the way back: under the small key, 16 bits a coefficient (a bootstrap keeps 12 at this point).
    pub fn answer(&self, block: &Block, out: &mut Vec<u8>) {
        for word in self.to_small(block).into_container() {
            let rounded = (word.wrapping_add(1 << 47) >> 48) as u16;
            out.extend_from_slice(&rounded.to_le_bytes());
        }
    }
}
