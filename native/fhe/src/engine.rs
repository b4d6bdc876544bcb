//! Digits and the one operation that costs: the programmable bootstrap, a table lookup that also cleans the noise.
//!
//! Lookups are made several at a time on each processor: the two keys (60 MB each) then pass through the memory once for all.

use std::cell::RefCell;
use std::sync::atomic::Ordering;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;
use tfhe::core_crypto::algorithms::modulus_switch::ModulusSwitchedLweCiphertext;
use tfhe::core_crypto::fft_impl::fft64::crypto::bootstrap::batch_blind_rotate_assign_scratch;
use tfhe::core_crypto::prelude::*;

use crate::keys::{DELTA_LOG, GLWE, KS_BASE, KS_LEVELS, POLYNOMIAL, ServerKeys, native};
use crate::wire::{BIG, SMALL};

/// Noise of a table's input must stay within this (norm 5, squared).
pub const BUDGET: u64 = 25;
/// Above this a sum of two would come near the budget.
pub const TIDY: u64 = 10;
/// Values are counted in halves of a digit: `HALF * 2 * v` encodes `v`.
const HALF: u64 = 1 << (DELTA_LOG - 1);
const BOX: usize = BIG / 16;
/// Lookups made together on one processor.
const TOGETHER: usize = 4;

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

    pub fn noise(&self) -> u64 {
        self.noise
    }

    #[cfg(test)]
    pub fn lwe(&self) -> &[u64] {
        &self.lwe
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

    #[cfg(test)]
    pub fn times(mut self, factor: i64) -> Self {
        self.lwe.iter_mut().for_each(|a| *a = a.wrapping_mul(factor as u64));
        self.noise *= (factor * factor) as u64;
        self
    }

    /// `value` minus this.
    pub fn taken_from(mut self, value: i64) -> Self {
        self.lwe.iter_mut().for_each(|a| *a = a.wrapping_neg());
        self.plus_public(value)
    }

    fn shift(&mut self, halves: i64) {
        self.lwe[BIG] = self.lwe[BIG].wrapping_add(HALF.wrapping_mul(halves as u64));
    }

    fn plus_halves(mut self, halves: i64) -> Self {
        self.shift(halves);
        self
    }

    pub fn plus_public(self, value: i64) -> Self {
        self.plus_halves(2 * value)
    }

    /// The sum of independent blocks.
    pub fn sum<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Self {
        blocks.into_iter().fold(Block::public(0), |sum, block| sum.plus(block))
    }
}

/// A table over 0..=15. What it gives is counted in half digits, and one offset is added to all of it. Without the
/// offset it gives at 16..=31 (or -16..=-1) minus what it gives 16 lower (or higher).
pub struct Table {
    halves: [i64; 16],
    offset: i64,
}

impl Table {
    pub fn halves(f: impl Fn(i64) -> i64) -> Self {
        Table { halves: std::array::from_fn(|i| f(i as i64)), offset: 0 }
    }

    pub fn new(f: impl Fn(i64) -> i64) -> Self {
        Self::halves(|i| 2 * f(i))
    }

    pub fn same() -> Self {
        Self::new(|x| x)
    }

    /// `height` from `edge` (0 to 16) on, 0 below; right over edge - 16 ..= edge + 15.
    pub fn step(edge: i64, height: i64) -> Self {
        let mut table = Self::halves(|x| if x >= edge { height } else { -height });
        table.offset = height;
        table
    }

    fn polynomial(&self, coefficients: &mut [u64]) {
        for (part, halves) in coefficients.chunks_exact_mut(BOX).zip(self.halves) {
            part.fill(HALF.wrapping_mul(halves as u64));
        }
        coefficients[..BOX / 2].iter_mut().for_each(|c| *c = c.wrapping_neg());
        coefficients.rotate_left(BOX / 2);
    }
}

/// All steps of one digit, from one lookup: each is another coefficient of the polynomial that was turned.
pub struct Steps {
    turned: Vec<u64>,
    height: i64,
}

impl Steps {
    /// `height` where the digit is at least `edge` (0 to 16), else 0; right over edge - 16 ..= edge + 15.
    /// Two of one lookup are not to be added; see `pair`.
    pub fn at(&self, edge: i64) -> Block {
        let place = (-(BOX as i64) * edge).rem_euclid(2 * BIG as i64) as usize;
        let block = extract(&self.turned, place % BIG);
        let block = if place < BIG { block } else { Block { lwe: block.lwe.iter().map(|a| a.wrapping_neg()).collect(), ..block } };
        block.plus_halves(self.height)
    }
}

/// Steps of one lookup are not independent: what a bootstrap rounds away meets a key of zeros and ones, which correlates
/// near ones by nearly 1/2. Two of them have at most the noise of 3.
impl Steps {
    /// The steps at `edge` and at the next: 0, one or two heights.
    pub fn pair(&self, edge: i64) -> Block {
        Block { noise: 3, ..self.at(edge).plus(&self.at(edge + 1)) }
    }

    /// `height` where the digit is `value`, else 0 (modulo 32).
    pub fn is(&self, value: i64) -> Block {
        Block { noise: 3, ..self.at(value).minus(&self.at(value + 1)) }
    }
}

#[cfg(test)]
impl Steps {
    pub fn coefficient(&self, place: usize) -> Block {
        extract(&self.turned, place)
    }
}

fn extract(turned: &[u64], place: usize) -> Block {
    let turned = GlweCiphertext::from_container(turned, POLYNOMIAL, native());
    let mut out = LweCiphertext::new(0u64, LweSize(BIG + 1), native());
    extract_lwe_sample_from_glwe_ciphertext(&turned, &mut out, MonomialDegree(place));
    Block { lwe: out.into_container(), noise: 1 }
}

/// A ciphertext whose coefficients count 1/4096 turns.
struct Turns(Vec<usize>);

impl ModulusSwitchedLweCiphertext<usize> for Turns {
    fn log_modulus(&self) -> CiphertextModulusLog {
        POLYNOMIAL.to_blind_rotation_input_modulus_log()
    }

    fn lwe_dimension(&self) -> LweDimension {
        LweDimension(SMALL)
    }

    fn body(&self) -> usize {
        self.0[SMALL]
    }

    fn mask(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.0[..SMALL].iter().copied()
    }
}

/// The key switch of several blocks at once, compiled for what the processor has.
struct Switch<'a> {
    key: &'a [u64],
    blocks: &'a [&'a Block],
}

impl WithSimd for Switch<'_> {
    type Output = Vec<Vec<u64>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        let decomposer = SignedDecomposer::<u64>::new(KS_BASE, KS_LEVELS);
        let digits: Vec<Vec<u64>> = self
            .blocks
            .iter()
            .map(|block| block.lwe[..BIG].iter().flat_map(|a| decomposer.decompose(*a).map(|term| term.value())).collect())
            .collect();
        let mut out: Vec<Vec<u64>> = vec![vec![0; SMALL + 1]; self.blocks.len()];
        for (out, block) in out.iter_mut().zip(self.blocks) {
            out[SMALL] = block.lwe[BIG];
        }
        for (i, row) in self.key.chunks_exact(SMALL + 1).enumerate() {
            for (out, digits) in out.iter_mut().zip(&digits) {
                let digit = digits[i];
                for (out, key) in out.iter_mut().zip(row) {
                    *out = out.wrapping_sub(key.wrapping_mul(digit));
                }
            }
        }
        out
    }
}

impl ServerKeys {
    /// Blocks under the small key.
    pub fn switched(&self, blocks: &[&Block]) -> Vec<Vec<u64>> {
        for block in blocks {
            assert!(block.noise <= BUDGET, "noise {} over the budget", block.noise);
        }
        Arch::new().dispatch(Switch { key: self.ksk.as_ref(), blocks })
    }

    fn turn<R: Send>(&self, jobs: &[(&Block, &Table)], finish: impl Fn(usize, &[u64]) -> R + Sync) -> Vec<R> {
        self.lookups.fetch_add(jobs.len() as u64, Ordering::Relaxed);
        let together = jobs.len().div_ceil(rayon::current_num_threads()).clamp(1, TOGETHER);
        let parts = jobs.par_chunks(together).enumerate();
        parts
            .flat_map_iter(|(part, jobs)| {
                let blocks: Vec<&Block> = jobs.iter().map(|(block, _)| *block).collect();
                let turns: Vec<Turns> = self.switched(&blocks).into_iter().map(in_turns).collect();
                let mut turned = vec![0; jobs.len() * 2 * BIG];
                for (glwe, (_, table)) in turned.chunks_exact_mut(2 * BIG).zip(jobs) {
                    table.polynomial(&mut glwe[BIG..]);
                }
                self.rotate(&mut turned, &turns);
                let glwes = turned.chunks_exact(2 * BIG).enumerate();
                glwes.map(|(i, glwe)| finish(part * together + i, glwe)).collect::<Vec<R>>()
            })
            .collect()
    }

    fn rotate(&self, turned: &mut [u64], turns: &[Turns]) {
        let fft = Fft::new(POLYNOMIAL);
        let fft = fft.as_view();
        let count = CiphertextCount(turns.len());
        let list = GlweCiphertextList::from_container(turned, GLWE, POLYNOMIAL, native());
        BUFFERS.with_borrow_mut(|buffers| {
            let scratch = batch_blind_rotate_assign_scratch::<u64>(GLWE, POLYNOMIAL, count, fft);
            buffers.resize(scratch.unaligned_bytes_required());
            self.bsk.as_view().batch_blind_rotate_assign(list, turns, fft, buffers.stack());
        });
    }

    /// Looks digits up, each in its table.
    pub fn look_up_all(&self, jobs: &[(&Block, &Table)]) -> Vec<Block> {
        self.turn(jobs, |i, turned| extract(turned, 0).plus_halves(jobs[i].1.offset))
    }

    pub fn look_up(&self, block: &Block, table: &Table) -> Block {
        self.look_up_all(&[(block, table)]).swap_remove(0)
    }

    /// Looks all digits up in one table.
    pub fn each(&self, blocks: &[Block], table: &Table) -> Vec<Block> {
        let jobs: Vec<(&Block, &Table)> = blocks.iter().map(|block| (block, table)).collect();
        self.look_up_all(&jobs)
    }

    /// All steps of each digit; one lookup a digit. `height` is what a step reached counts.
    pub fn steps(&self, jobs: &[(&Block, i64)]) -> Vec<Steps> {
        let tables: Vec<Table> = jobs.iter().map(|(_, height)| Table::halves(|_| *height)).collect();
        let jobs: Vec<(&Block, &Table)> = jobs.iter().map(|(block, _)| *block).zip(&tables).collect();
        self.turn(&jobs, |i, turned| Steps { turned: turned.to_vec(), height: tables[i].halves[0] })
    }

    /// A digit for the way back: under the small key, 16 bits a coefficient (a bootstrap keeps 12 at this point).
    pub fn answer(&self, blocks: &[&Block]) -> Vec<u8> {
        let parts: Vec<Vec<Vec<u64>>> = blocks.par_chunks(TOGETHER).map(|blocks| self.switched(blocks)).collect();
        let words = parts.into_iter().flatten().flatten();
        words.flat_map(|word| ((word.wrapping_add(1 << 47) >> 48) as u16).to_le_bytes()).collect()
    }
}

fn in_turns(small: Vec<u64>) -> Turns {
    let small = LweCiphertext::from_container(small, native());
    let log = POLYNOMIAL.to_blind_rotation_input_modulus_log();
    let switched = lwe_ciphertext_centered_binary_modulus_switch::<u64, usize, _>(small, log);
    let mut turns: Vec<usize> = switched.mask().collect();
    turns.push(switched.body());
    Turns(turns)
}
