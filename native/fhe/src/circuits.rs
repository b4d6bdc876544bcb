//! Whole answers computed in one go. The plaintext twins are `quietgrid.algorithms.insight` and
//! `quietgrid.algorithms.schedule.steps`; the tests hold them equal.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::engine::{Block, Table};
use crate::keys::ServerKeys;
use crate::numbers::{Number, Op};
use crate::{Failure, Result};

/// What is public in an insight.
pub struct Community {
    pub average: u64,
    pub bands: Vec<u64>,
    pub classes: Vec<u64>,
    pub usual: Vec<u64>,
    /// For each piece of advice the conditions that must all hold: feature, at least (or below), value.
    pub advice: Vec<Vec<(usize, bool, u64)>>,
}

impl Community {
    pub fn check(&self, hours: usize, features: usize) -> Result<()> {
        let fail = |what: &str| Err(Failure::Input(what.to_owned()));
        if self.bands.len() > 15 || self.classes.len() > 15 {
            return fail("at most 15 thresholds");
        }
        if [&self.bands, &self.classes].iter().any(|edges| edges.iter().any(|edge| *edge > 65_535)) || self.average > 65_535 {
            return fail("a threshold outside u16");
        }
        if self.usual.len() != hours || self.usual.iter().any(|usual| *usual > 255) {
            return fail("the usual profile has another length, or is outside u8");
        }
        if self.advice.len() > 64 || self.advice.iter().any(|rule| rule.is_empty() || rule.len() > 15) {
            return fail("at most 64 pieces of advice with 1 to 15 conditions each");
        }
        if self.advice.iter().flatten().any(|(feature, _, value)| *feature >= features || *value > 255) {
            return fail("a condition on a feature that is not there, or outside u8");
        }
        Ok(())
    }
}

/// Limits of one storage, counted in steps: what it moves in one interval at full power.
#[derive(Clone, Copy)]
pub struct Store {
    /// Steps it holds, 1 to 13.
    pub capacity: i64,
    /// Load that one step adds or takes away.
    pub step: u64,
    /// Greatest load of the connection.
    pub limit: u64,
}

/// How an interval may be used: charge or give, each only if its public or encrypted wish and the load allow it.
pub enum Wish {
    Never,
    Always,
    If(Block),
}

impl ServerKeys {
    fn count(&self, value: &Number, edges: &[u64]) -> Block {
        let bits: Vec<Block> = edges.par_iter().map(|edge| self.against(value, *edge, &|s| Op::Ge.of(s))).collect();
        let sum = bits.iter().fold(Block::public(0), |sum, bit| sum.plus(bit));
        self.look_up(&sum, &Table::new(|x| x))
    }

    /// Bits four to a digit, lowest first.
    fn pack(&self, bits: &[Block]) -> Vec<Block> {
        bits.par_chunks(4)
            .map(|four| {
                let parts = four.par_iter().enumerate();
                let parts: Vec<Block> =
                    parts.map(|(i, bit)| self.look_up(bit, &Table::new(|b| (b & 1) << i))).collect();
                parts.iter().fold(Block::public(0), |sum, part| sum.plus(part))
            })
            .collect()
    }

    /// Digits: 0 below, 1 at, 2 above the average; band; class; hours that stand out, 4 a digit; advice, 4 a digit.
    pub fn insight(&self, month: &Number, profile: &[Number], features: &[Number], community: &Community) -> Vec<Block> {
        let ((above, (band, class)), (hours, advice)) = rayon::join(
            || {
                rayon::join(
                    || self.against(month, community.average, &|s| s + 1),
                    || rayon::join(|| self.count(month, &community.bands), || self.count(month, &community.classes)),
                )
            },
            || {
                rayon::join(
                    || {
                        let hours = profile.par_iter().zip(&community.usual);
                        let bits: Vec<Block> =
                            hours.map(|(own, usual)| self.against(own, *usual, &|s| Op::Gt.of(s))).collect();
                        self.pack(&bits)
                    },
                    || self.advise(features, &community.advice),
                )
            },
        );
        let mut out = vec![above, band, class];
        out.extend(hours);
        out.extend(advice);
        out
    }

    fn advise(&self, features: &[Number], rules: &[Vec<(usize, bool, u64)>]) -> Vec<Block> {
        let mut wanted: Vec<(usize, u64)> = rules.iter().flatten().map(|(f, _, value)| (*f, *value)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let known: HashMap<(usize, u64), Block> = wanted
            .into_par_iter()
            .map(|key| (key, self.against(&features[key.0], key.1, &|s| Op::Ge.of(s))))
            .collect();
        let bits: Vec<Block> = rules
            .par_iter()
            .map(|rule| {
                let all = rule.len() as i64;
                let sum = rule.iter().fold(Block::public(0), |sum, (feature, at_least, value)| {
                    let bit = &known[&(*feature, *value)];
                    if *at_least { sum.plus(bit) } else { sum.plus_public(1).minus(bit) }
                });
                self.look_up(&sum, &Table::new(|x| i64::from(x == all)))
            })
            .collect();
        self.pack(&bits)
    }

    fn allowed(&self, wish: Wish, fits: impl FnOnce() -> Block + Send) -> Block {
        match wish {
            Wish::Never => Block::public(0),
            Wish::Always => fits(),
            Wish::If(bit) => self.look_up(&bit.plus(&fits()), &Table::new(|x| i64::from(x == 2))),
        }
    }

    /// 0 give, 1 rest, 2 charge, an interval. Wishes are (charge, give).
    pub fn walk(&self, load: &[Number], level: &Block, wishes: Vec<(Wish, Wish)>, store: Store) -> Vec<Block> {
        let moves: Vec<(Block, Block)> = load
            .par_iter()
            .zip(wishes)
            .map(|(load, (charge, give))| {
                rayon::join(
                    || {
                        if store.step > store.limit {
                            return Block::public(0);
                        }
                        let room = store.limit - store.step;
                        self.allowed(charge, || self.against(load, room, &|s| Op::Le.of(s)))
                    },
                    || self.allowed(give, || self.against(load, store.step, &|s| Op::Ge.of(s))),
                )
            })
            .collect();
        // One below empty reads as 15.
        let clip = Table::new(|x| if x == 15 { 0 } else { x.min(store.capacity) });
        let mut level = self.look_up(level, &Table::new(|x| x.min(store.capacity)));
        let mut out = Vec::with_capacity(moves.len());
        for (up, down) in &moves {
            let next = self.look_up(&level.clone().plus(up).minus(down), &clip);
            out.push(next.clone().minus(&level).plus_public(1));
            level = next;
        }
        out
    }

    /// Charges in the `k` intervals of the least load, gives in the `k` of the greatest.
    pub fn flatten(&self, load: &[Number], level: &Block, k: i64, store: Store) -> Vec<Block> {
        let halves = self.before(load);
        let wishes = halves
            .par_iter()
            .map(|halves| {
                let (low, high) = rayon::join(
                    || self.among(halves, k, load.len(), false),
                    || self.among(halves, k, load.len(), true),
                );
                (Wish::If(low), Wish::If(high))
            })
            .collect();
        self.walk(load, level, wishes, store)
    }
}
