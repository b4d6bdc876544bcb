//! Whole answers computed in one go. The plaintext twins are `quietgrid.algorithms.insight` and
//! `quietgrid.algorithms.schedule.steps`; the tests hold them equal.

use std::collections::BTreeMap;

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

/// Marks for intervals in which something is wished.
const WISHED: i64 = 8;

/// One lookup that is still to be made: 1 (times `height`) where `block` is above 0.
fn positive(height: i64) -> Table {
    Table::step(1, height)
}

impl ServerKeys {
    /// Digits: 0 below, 1 at, 2 above the average; band; class; hours that stand out, 4 a digit; advice, 4 a digit.
    pub fn insight(&self, month: &Number, profile: &[Number], features: &[Number], community: &Community) -> Vec<Block> {
        let mut out = self.stand(month, community);
        out.extend(self.hours(profile, &community.usual));
        out.extend(self.advise(features, &community.advice));
        out
    }

    /// The month among all public thresholds: one lookup a digit, then one a threshold.
    fn stand(&self, month: &Number, community: &Community) -> Vec<Block> {
        let ladder = self.ladders(std::slice::from_ref(month)).swap_remove(0);
        let average = [community.average, community.average + 1];
        let edges = [&average[..], &community.bands, &community.classes].concat();
        // Nothing of 16 bits reaches 65,536.
        let sums: Vec<Block> = edges.iter().map(|edge| if *edge > 65_535 { Block::public(0) } else { ladder.at(*edge) }).collect();
        let bits = self.each(&sums, &positive(1));
        let (side, rest) = bits.split_at(2);
        let (bands, classes) = rest.split_at(community.bands.len());
        vec![Block::sum(side), Block::sum(bands), Block::sum(classes)]
    }

    fn hours(&self, profile: &[Number], usual: &[u64]) -> Vec<Block> {
        let mut bits: Vec<Option<Block>> = vec![None; profile.len()];
        // The last lookup already gives a bit its place in the digit.
        for place in 0..4 {
            let here: Vec<usize> = (place..profile.len()).step_by(4).collect();
            let jobs: Vec<(&Number, u64)> = here.iter().map(|i| (&profile[*i], usual[*i])).collect();
            for (i, bit) in here.iter().zip(self.against(&jobs, Op::Gt, 1 << place)) {
                bits[*i] = Some(bit);
            }
        }
        let bits: Vec<Block> = bits.into_iter().flatten().collect();
        bits.chunks(4).map(Block::sum).collect()
    }

    fn advise(&self, features: &[Number], rules: &[Vec<(usize, bool, u64)>]) -> Vec<Block> {
        let ladders = self.ladders(features);
        let mut wanted: Vec<(usize, u64)> = rules.iter().flatten().map(|(f, _, value)| (*f, *value)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let sums: Vec<Block> = wanted.iter().map(|(feature, value)| ladders[*feature].at(*value)).collect();
        let known: BTreeMap<(usize, u64), Block> = wanted.into_iter().zip(self.each(&sums, &positive(1))).collect();
        let jobs: Vec<(Block, Table)> = rules
            .iter()
            .enumerate()
            .map(|(i, rule)| {
                let mut rule = rule.clone();
                rule.sort_unstable();
                rule.dedup();
                let (all, height) = (rule.len() as i64, 1 << (i % 4));
                let bits = rule.iter().map(|(feature, at_least, value)| {
                    let bit = known[&(*feature, *value)].clone();
                    if *at_least { bit } else { bit.taken_from(1) }
                });
                (Block::sum(&bits.collect::<Vec<Block>>()), Table::new(|x| if x == all { height } else { 0 }))
            })
            .collect();
        let asked: Vec<(&Block, &Table)> = jobs.iter().map(|(block, table)| (block, table)).collect();
        self.look_up_all(&asked).chunks(4).map(Block::sum).collect()
    }

    /// 0 give, 1 rest, 2 charge, an interval.
    pub fn walk(&self, level: &Block, moves: &[(Block, Block)], capacity: i64) -> Vec<Block> {
        // One below empty reads as 15.
        let clip = Table::new(|x| if x == 15 { 0 } else { x.min(capacity) });
        let mut level = self.look_up(level, &Table::new(|x| x.min(capacity)));
        let mut out = Vec::with_capacity(moves.len());
        for (up, down) in moves {
            let next = self.look_up(&level.clone().plus(up).minus(down), &clip);
            out.push(next.clone().minus(&level).plus_public(1));
            level = next;
        }
        out
    }

    /// Follows public wishes (1 charge, -1 give, 0 rest) as far as the load allows it.
    pub fn follow(&self, load: &[Number], level: &Block, wishes: &[i64], store: Store) -> Vec<Block> {
        let wanting = |wish: i64| -> Vec<usize> { (0..load.len()).filter(|t| wishes[*t] == wish).collect() };
        let (ups, downs) = (wanting(1), wanting(-1));
        let mut moves = vec![(Block::public(0), Block::public(0)); load.len()];
        if let Some(room) = store.limit.checked_sub(store.step) {
            let jobs: Vec<(&Number, u64)> = ups.iter().map(|t| (&load[*t], room)).collect();
            for (t, bit) in ups.iter().zip(self.against(&jobs, Op::Le, 1)) {
                moves[*t].0 = bit;
            }
        }
        let jobs: Vec<(&Number, u64)> = downs.iter().map(|t| (&load[*t], store.step)).collect();
        for (t, bit) in downs.iter().zip(self.against(&jobs, Op::Ge, 1)) {
            moves[*t].1 = bit;
        }
        self.walk(level, &moves, store.capacity)
    }

    /// Charges in the `k` (1 to 12) intervals of the least load, gives in the `k` of the greatest.
    pub fn flatten(&self, load: &[Number], level: &Block, k: i64, store: Store) -> Vec<Block> {
        let wishes = self.picked(load, k);
        self.walk(level, &self.allowed(load, &wishes, store), store.capacity)
    }

    /// Two for each value: 8 where it is not among the `k` least, 8 where it is among the `k` greatest, else 0.
    pub fn picked(&self, values: &[Number], k: i64) -> Vec<Block> {
        let n = values.len() as i64;
        let before = self.before(values);
        let half = values.len().div_ceil(2) as i64;
        let (mut clips, mut tables) = (Vec::new(), Vec::new());
        for i in 0..n {
            // Values of the first half besides this one. Of those before it at most k count for being among the least,
            // and only the last k of the possible ones for being among the greatest.
            let others = if i < half { half - 1 } else { half };
            let from = (others - k).max(0);
            clips.extend([Table::new(|x| x.min(k)), Table::new(|x| (x - from).clamp(0, k))]);
            tables.extend([Table::step(k, WISHED), Table::step(n - k - from, WISHED)]);
        }
        let lows = before.iter().flat_map(|(low, _)| [low, low]);
        let clipped = self.look_up_all(&lows.zip(&clips).collect::<Vec<(&Block, &Table)>>());
        let sums: Vec<Block> =
            clipped.into_iter().enumerate().map(|(i, low)| low.plus(&before[i / 2].1)).collect();
        self.look_up_all(&sums.iter().zip(&tables).collect::<Vec<(&Block, &Table)>>())
    }

    /// Moves that are wished (as `picked` says it) and that the load allows.
    pub fn allowed(&self, load: &[Number], wishes: &[Block], store: Store) -> Vec<(Block, Block)> {
        let ladders = self.ladders(load);
        let mut sums = Vec::with_capacity(wishes.len());
        for (ladder, wishes) in ladders.iter().zip(wishes.chunks_exact(2)) {
            // The load is below what leaves no room: at most 0, so 1 - that is above 0.
            let up = match store.limit.checked_sub(store.step) {
                None => Block::public(0),
                Some(room) => ladder.at(room + 1).taken_from(1),
            };
            sums.push(up.minus(&wishes[0]));
            sums.push(ladder.at(store.step).plus(&wishes[1]).plus_public(-WISHED));
        }
        let bits = self.each(&sums, &positive(1));
        bits.chunks_exact(2).map(|two| (two[0].clone(), two[1].clone())).collect()
    }

    /// 1 where the sum of a public table of each 4-bit value reaches `edge`: a boosted sum of one-feature trees.
    pub fn score(&self, values: &[Number], tables: &[Vec<i64>], edge: i64) -> Block {
        let tables: Vec<Table> = tables.iter().map(|table| Table::new(|x| table[x as usize])).collect();
        let asked: Vec<(&Block, &Table)> = values.iter().map(|value| &value.digits[0]).zip(&tables).collect();
        let sum = Block::sum(&self.look_up_all(&asked));
        self.look_up(&sum.plus_public(1 - edge), &positive(1))
    }
}
