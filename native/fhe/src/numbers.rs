//! Numbers of 4-bit digits, lowest first, and what can be done with them.

use rayon::prelude::*;

use crate::engine::{Block, Table};
use crate::keys::ServerKeys;
use crate::wire::Kind;
use crate::{Failure, Result};

#[derive(Clone)]
pub struct Number {
    pub digits: Vec<Block>,
}

/// A relation as 0 or 1 of the sign of a difference.
#[derive(Clone, Copy)]
pub enum Op {
    Gt,
    Ge,
    Lt,
    Le,
    Eq,
    Ne,
}

impl Op {
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "gt" => Op::Gt,
            "ge" => Op::Ge,
            "lt" => Op::Lt,
            "le" => Op::Le,
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            _ => return Err(Failure::Input("no such comparison; there are gt, ge, lt, le, eq, ne".into())),
        })
    }

    pub fn of(self, sign: i64) -> i64 {
        i64::from(match self {
            Op::Gt => sign > 0,
            Op::Ge => sign >= 0,
            Op::Lt => sign < 0,
            Op::Le => sign <= 0,
            Op::Eq => sign == 0,
            Op::Ne => sign != 0,
        })
    }
}

fn both<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    rayon::join(a, b)
}

impl ServerKeys {
    fn each(&self, blocks: &[Block], table: &Table) -> Vec<Block> {
        blocks.par_iter().map(|block| self.look_up(block, table)).collect()
    }

    /// The sign of the highest digit that differs, then `f` of it. Signs lowest first.
    fn verdict(&self, mut signs: Vec<Block>, f: &(dyn Fn(i64) -> i64 + Sync)) -> Block {
        loop {
            let last = signs.len() <= 3;
            let table = if last { Table::signed(|y| f(y.signum())) } else { Table::signed(i64::signum) };
            signs = signs
                .par_chunks(3)
                .map(|three| {
                    let mut sum = three[0].clone();
                    for (i, sign) in three.iter().enumerate().skip(1) {
                        sum = sum.plus(&sign.clone().times(1 << i));
                    }
                    self.look_up(&sum, &table)
                })
                .collect();
            if last {
                return signs.swap_remove(0);
            }
        }
    }

    /// `f(sign(a - c))` for a public `c` as stored.
    pub fn against(&self, a: &Number, c: u64, f: &(dyn Fn(i64) -> i64 + Sync)) -> Block {
        let clear = |i: usize| (c >> (4 * i) & 15) as i64;
        if a.digits.len() == 1 {
            return self.look_up(&a.digits[0], &Table::new(|x| f((x - clear(0)).signum())));
        }
        let signs = a.digits.par_iter().enumerate();
        let signs = signs.map(|(i, digit)| self.look_up(digit, &Table::new(|x| (x - clear(i)).signum()))).collect();
        self.verdict(signs, f)
    }

    /// `f(sign(a - b))`.
    pub fn compare(&self, a: &Number, b: &Number, f: &(dyn Fn(i64) -> i64 + Sync)) -> Block {
        let sign = Table::new(i64::signum);
        let differences: Vec<Block> = a.digits.iter().zip(&b.digits).map(|(a, b)| a.clone().minus(b)).collect();
        self.verdict(self.each(&differences, &sign), f)
    }

    /// A digit and a carry of a sum between 0 and 31. Costs 3 lookups.
    fn split(&self, sum: &Block, turn: i64) -> (Block, Block) {
        both(
            || {
                let half = self.look_up(&sum.clone().times(2), &Table::halves(|i| 2 * (i / 2) + 1));
                let value = |i: i64| if i >= 8 { i - 8 } else { 15 - i };
                self.look_up(&half.plus_halves(15), &Table::new(|i| (value(i) + turn) & 15))
            },
            || self.look_up(sum, &Table::halves(|_| -1)).plus_halves(1),
        )
    }

    fn turn(kind: Kind, i: usize) -> i64 {
        if kind == Kind::I32 && i == 7 { 8 } else { 0 }
    }

    /// a + b, modulo the type.
    pub fn add(&self, a: &Number, b: &Number, kind: Kind) -> Number {
        let mut carry = Block::public(0);
        let mut digits = Vec::with_capacity(a.digits.len());
        for (i, (a, b)) in a.digits.iter().zip(&b.digits).enumerate() {
            let (digit, next) = self.split(&a.clone().plus(b).plus(&carry), Self::turn(kind, i));
            digits.push(digit);
            carry = next;
        }
        Number { digits }
    }

    /// a - b, modulo the type.
    pub fn sub(&self, a: &Number, b: &Number, kind: Kind) -> Number {
        let mut borrow = Block::public(0);
        let mut digits = Vec::with_capacity(a.digits.len());
        for (i, (a, b)) in a.digits.iter().zip(&b.digits).enumerate() {
            // Below 0 is above 15 of 32: the "carry" of such a digit is the borrow.
            let (digit, next) = self.split(&a.clone().minus(b).minus(&borrow), Self::turn(kind, i));
            digits.push(digit);
            borrow = next;
        }
        Number { digits }
    }

    /// The sum of weight × value, modulo 2^32, as 8 digits.
    pub fn weighted(&self, values: &[Number], weights: &[u32]) -> Number {
        let products: Vec<(usize, Block)> = values
            .par_iter()
            .zip(weights)
            .flat_map_iter(|(value, weight)| {
                let weight = i128::from(*weight);
                value.digits.iter().enumerate().flat_map(move |(p, digit)| {
                    (0..8 - p)
                        .filter(move |j| (15 * weight) >> (4 * j) != 0)
                        .map(move |j| (p + j, digit, Table::new(|x| ((weight * i128::from(x)) >> (4 * j) & 15) as i64)))
                })
            })
            .map(|(place, digit, table)| (place, self.look_up(digit, &table)))
            .collect();
        let mut columns: Vec<Vec<Block>> = vec![Vec::new(); 8];
        for (place, block) in products {
            columns[place].push(block);
        }
        let mut digits = Vec::with_capacity(8);
        for place in 0..8 {
            let mut column = std::mem::take(&mut columns[place]);
            while column.len() > 1 {
                let pairs: Vec<_> = column
                    .par_chunks(2)
                    .map(|pair| match pair {
                        [a, b] => {
                            let (digit, carry) = self.split(&a.clone().plus(b), 0);
                            (digit, Some(carry))
                        }
                        _ => (pair[0].clone(), None),
                    })
                    .collect();
                column = Vec::with_capacity(pairs.len());
                for (digit, carry) in pairs {
                    column.push(digit);
                    if let (Some(carry), Some(next)) = (carry, columns.get_mut(place + 1)) {
                        next.push(carry);
                    }
                }
            }
            digits.push(column.pop().unwrap_or_else(|| Block::public(0)));
        }
        Number { digits }
    }

    /// A bit (0 or 1) where the padding is: 0 or 16.
    fn flag(&self, bit: &Block) -> Block {
        self.look_up(bit, &Table::halves(|b| if b > 0 { 16 } else { -16 })).plus_halves(16)
    }

    /// digit × bit, the bit as a `flag`. Costs 2 lookups, noise 2.
    fn kept(&self, digit: &Block, flag: &Block, wanted: bool) -> Block {
        let half = Table::halves(|x| x);
        let (plain, turned) =
            both(|| self.look_up(digit, &half), || self.look_up(&digit.clone().plus(flag), &half));
        if wanted { plain.minus(&turned) } else { plain.plus(&turned) }
    }

    fn choose(&self, flag: &Block, a: &Number, b: &Number) -> Number {
        let digits = a.digits.par_iter().zip(&b.digits);
        let digits = digits.map(|(a, b)| {
            let (a, b) = both(|| self.kept(a, flag, true), || self.kept(b, flag, false));
            self.look_up(&a.plus(&b), &Table::new(|x| x))
        });
        Number { digits: digits.collect() }
    }

    /// a where the bit is 1, b where it is 0.
    pub fn select(&self, bit: &Block, a: &Number, b: &Number) -> Number {
        self.choose(&self.flag(bit), a, b)
    }

    /// The least (or greatest) value and its place (u8); of equal ones the first.
    pub fn extreme(&self, values: &[Number], greatest: bool) -> (Number, Number) {
        let place = |i: usize| Number { digits: vec![Block::public(i as i64 & 15), Block::public(i as i64 >> 4)] };
        let mut left: Vec<(Number, Number)> = values.iter().enumerate().map(|(i, v)| (v.clone(), place(i))).collect();
        while left.len() > 1 {
            left = left
                .par_chunks(2)
                .map(|pair| match pair {
                    [(a, i), (b, j)] => {
                        let op = if greatest { Op::Ge } else { Op::Le };
                        let flag = self.flag(&self.compare(a, b, &|s| op.of(s)));
                        both(|| self.choose(&flag, a, b), || self.choose(&flag, i, j))
                    }
                    _ => pair[0].clone(),
                })
                .collect();
        }
        left.swap_remove(0)
    }

    /// Looks a u8 up in 256 public u8.
    pub fn table(&self, value: &Number, table: &[u8; 256]) -> Number {
        let flags: Vec<Block> = (0..16i64)
            .into_par_iter()
            .map(|h| self.look_up(&value.digits[1], &Table::halves(|x| if x == h { 16 } else { -16 })).plus_halves(16))
            .collect();
        let digits = (0..2usize).into_par_iter().map(|place| {
            let entry = |h: usize, low: i64| i64::from(table[16 * h + low as usize] >> (4 * place) & 15);
            let sum = self.look_up(&value.digits[0], &Table::halves(|low| (0..16).map(|h| entry(h, low)).sum()));
            let turned: Vec<Block> = (0..16usize)
                .into_par_iter()
                .map(|h| {
                    self.look_up(&value.digits[0].clone().plus(&flags[h]), &Table::halves(|low| entry(h, low)))
                })
                .collect();
            let out = turned.iter().fold(sum, |sum, part| sum.minus(part));
            self.look_up(&out, &Table::new(|x| x))
        });
        Number { digits: digits.collect() }
    }

    /// How many come before each value, as two halves of at most 15 each; of equal ones the first comes first.
    pub fn before(&self, values: &[Number]) -> Vec<(Block, Block)> {
        let n = values.len();
        let pairs: Vec<(usize, usize)> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
        let later: Vec<Block> = pairs
            .par_iter()
            .map(|&(i, j)| self.compare(&values[i], &values[j], &|s| i64::from(s > 0)))
            .collect();
        let mut sums = vec![(Block::public(0), Block::public(0)); n];
        for (&(i, j), bit) in pairs.iter().zip(&later) {
            let mut add = |at: usize, from: usize, bit: Block| {
                let (low, high) = sums[at].clone();
                sums[at] = if from < n.div_ceil(2) { (low.plus(&bit), high) } else { (low, high.plus(&bit)) };
            };
            add(i, j, bit.clone());
            add(j, i, bit.clone().times(-1).plus_public(1));
        }
        sums
    }

    /// Ranks as u8.
    pub fn rank(&self, values: &[Number]) -> Vec<Number> {
        let id = Table::new(|x| x);
        self.before(values)
            .par_iter()
            .map(|(low, high)| {
                let (low, high) = both(|| self.look_up(low, &id), || self.look_up(high, &id));
                let (digit, carry) = self.split(&low.plus(&high), 0);
                Number { digits: vec![digit, carry] }
            })
            .collect()
    }

    /// 1 where fewer than `k` (1 to 15) come before; `last` counts from the other end of `n`.
    pub fn among(&self, halves: &(Block, Block), k: i64, n: usize, last: bool) -> Block {
        let (low, high) = halves.clone();
        let (many_low, many_high) = (n.div_ceil(2) as i64, n as i64 - n.div_ceil(2) as i64);
        // Each half leaves out the value itself, which is in one of them.
        let (low, high) = if last {
            (low.times(-1).plus_public(many_low), high.times(-1).plus_public(many_high))
        } else {
            (low, high)
        };
        let k = if last { k + 1 } else { k };
        let most = Table::new(|x| x.min(k));
        let (low, high) = both(|| self.look_up(&low, &most), || self.look_up(&high, &most));
        self.look_up(&low.plus(&high).plus_public(-k), &Table::halves(|_| 1)).times(-1).plus_halves(1)
    }

    /// The values in rising order; at most 12.
    pub fn sort(&self, values: &[Number]) -> Vec<Number> {
        let n = values.len();
        let id = Table::new(|x| x);
        let ranks: Vec<Block> = self
            .before(values)
            .par_iter()
            .map(|(low, high)| self.look_up(&low.clone().plus(high), &id))
            .collect();
        (0..n)
            .into_par_iter()
            .map(|place| {
                let here = Table::halves(|x| if x == place as i64 { 16 } else { -16 });
                let flags: Vec<Block> =
                    ranks.par_iter().map(|rank| self.look_up(rank, &here).plus_halves(16)).collect();
                let digits = (0..values[0].digits.len()).into_par_iter().map(|d| {
                    let parts: Vec<Block> = values
                        .par_iter()
                        .zip(&flags)
                        .map(|(value, flag)| self.kept(&value.digits[d], flag, true))
                        .collect();
                    let mut parts = parts.into_iter();
                    let first = parts.next().unwrap_or_else(|| Block::public(0));
                    self.look_up(&parts.fold(first, |sum, part| sum.plus(&part)), &id)
                });
                Number { digits: digits.collect() }
            })
            .collect()
    }
}
