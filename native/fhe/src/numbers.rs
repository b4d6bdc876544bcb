//! Numbers of 4-bit digits, lowest first, and what can be done with them. Everything works on many numbers at once:
//! lookups that do not wait for each other are made together.

use rayon::prelude::*;

use crate::engine::{Block, Steps, TIDY, Table};
use crate::keys::ServerKeys;
use crate::wire::Kind;
use crate::{Failure, Result};

#[derive(Clone)]
pub struct Number {
    pub digits: Vec<Block>,
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
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

    fn negated(self) -> bool {
        matches!(self, Op::Lt | Op::Le | Op::Ne)
    }
}

/// A 4-bit digit of a public number.
pub fn digit(value: u64, place: usize) -> i64 {
    (value >> (4 * place) & 15) as i64
}

/// The digits of a value, or of a difference of two, and the public number they are compared with.
struct Against {
    digits: Vec<Block>,
    edge: u64,
    /// Digits from -15 to 15, compared with 0.
    signed: bool,
}

/// One number, for comparing with many public ones: one lookup a digit, then one a comparison.
pub struct Ladder {
    steps: Vec<Steps>,
}

impl Ladder {
    fn weight(place: usize) -> i64 {
        if place == 0 { 1 } else { 1 << (place - 1) }
    }

    /// Above 0 where the number is at least `edge`; for u16 from -7 to 8.
    pub fn at(&self, edge: u64) -> Block {
        let mut sum = self.steps[0].at(digit(edge, 0));
        for (place, steps) in self.steps.iter().enumerate().skip(1) {
            let own = digit(edge, place);
            sum = sum.plus(&steps.pair(own)).plus_public(-Self::weight(place));
        }
        sum
    }
}

impl ServerKeys {
    pub fn ladders(&self, numbers: &[Number]) -> Vec<Ladder> {
        let jobs: Vec<(&Block, i64)> = numbers
            .iter()
            .flat_map(|number| number.digits.iter().enumerate().map(|(place, digit)| (digit, Ladder::weight(place))))
            .collect();
        let mut steps = self.steps(&jobs).into_iter();
        numbers.iter().map(|number| Ladder { steps: steps.by_ref().take(number.digits.len()).collect() }).collect()
    }

    /// Cleans blocks whose noise is above `TIDY`.
    fn tidy(&self, blocks: &mut [Block]) {
        let same = Table::same();
        let (places, jobs): (Vec<usize>, Vec<(&Block, &Table)>) =
            blocks.iter().enumerate().filter(|(_, block)| block.noise() > TIDY).map(|(i, block)| (i, (block, &same))).unzip();
        let clean = self.look_up_all(&jobs);
        for (i, block) in places.into_iter().zip(clean) {
            blocks[i] = block;
        }
    }

    /// `height` where the value is at least its edge (above it if `strict`), else 0; the other way round if `negated`.
    /// A carry runs through the digits, lowest first; one lookup a digit.
    fn reaching(&self, jobs: &[Against], strict: bool, negated: bool, height: i64) -> Vec<Block> {
        let places = jobs.first().map_or(0, |job| job.digits.len());
        // None: reached whatever the value is.
        let mut carries: Vec<Option<Block>> = vec![None; jobs.len()];
        for place in 0..places {
            let last = place + 1 == places;
            let first = |edge: i64| if strict && place == 0 { edge + 1 } else { edge };
            let mut waiting = Vec::new();
            for (i, (job, carry)) in jobs.iter().zip(&carries).enumerate() {
                let edge = digit(job.edge, place);
                let (block, edge) = match carry {
                    Some(carry) => (job.digits[place].clone().plus(carry), edge + 1),
                    None => (job.digits[place].clone(), first(edge)),
                };
                if carry.is_some() || job.signed || edge > 0 {
                    waiting.push((i, block, Table::step(edge, if last { height } else { 1 })));
                }
            }
            let asked: Vec<(&Block, &Table)> = waiting.iter().map(|(_, block, table)| (block, table)).collect();
            let found = self.look_up_all(&asked);
            for ((i, _, _), block) in waiting.iter().zip(found) {
                carries[*i] = Some(block);
            }
        }
        let bits = carries.into_iter().map(|carry| carry.unwrap_or_else(|| Block::public(height)));
        bits.map(|bit| if negated { bit.taken_from(height) } else { bit }).collect()
    }

    /// `height` where every digit is that of its edge, else 0; the other way round if `negated`.
    fn equal(&self, jobs: &[Against], negated: bool, height: i64) -> Vec<Block> {
        let places = jobs.first().map_or(0, |job| job.digits.len());
        let one = if places == 1 { height } else { 1 };
        let tables: Vec<Table> = (0..16).map(|own| Table::new(|x| if x == own { one } else { 0 })).collect();
        let asked: Vec<(&Block, &Table)> = jobs
            .iter()
            .flat_map(|job| job.digits.iter().enumerate().map(|(i, block)| (block, &tables[digit(job.edge, i) as usize])))
            .collect();
        let mut bits = self.look_up_all(&asked);
        if places > 1 {
            let sums: Vec<Block> = bits.chunks_exact(places).map(Block::sum).collect();
            bits = self.each(&sums, &Table::new(|x| if x == places as i64 { height } else { 0 }));
        }
        bits.into_iter().map(|bit| if negated { bit.taken_from(height) } else { bit }).collect()
    }

    fn decide(&self, jobs: &[Against], op: Op, height: i64) -> Vec<Block> {
        match op {
            Op::Eq | Op::Ne => self.equal(jobs, op.negated(), height),
            Op::Ge | Op::Lt => self.reaching(jobs, false, op.negated(), height),
            Op::Gt | Op::Le => self.reaching(jobs, true, op.negated(), height),
        }
    }

    /// `height` where `op` holds between a number and its public one (as stored), else 0.
    pub fn against(&self, jobs: &[(&Number, u64)], op: Op, height: i64) -> Vec<Block> {
        let jobs: Vec<Against> = jobs
            .iter()
            .map(|(number, edge)| Against { digits: number.digits.clone(), edge: *edge, signed: false })
            .collect();
        self.decide(&jobs, op, height)
    }

    /// `height` where `op` holds between the two of a pair, else 0.
    pub fn compare(&self, pairs: &[(&Number, &Number)], op: Op, height: i64) -> Vec<Block> {
        let jobs: Vec<Against> = pairs
            .par_iter()
            .map(|(a, b)| {
                let digits = a.digits.iter().zip(&b.digits).map(|(a, b)| a.clone().minus(b)).collect();
                Against { digits, edge: 0, signed: true }
            })
            .collect();
        self.decide(&jobs, op, height)
    }

    /// Digits and carries of numbers between 0 and 31 (or -16 and 15, whose carry is a borrow).
    fn split(&self, sums: &[Block], carried: bool) -> (Vec<Block>, Vec<Block>) {
        let (sixteen, one) = (Table::step(16, 16), Table::step(16, 1));
        let mut jobs: Vec<(&Block, &Table)> = sums.iter().map(|sum| (sum, &sixteen)).collect();
        if carried {
            jobs.extend(sums.iter().map(|sum| (sum, &one)));
        }
        let mut over = self.look_up_all(&jobs);
        let carries = over.split_off(sums.len());
        let mut digits: Vec<Block> = sums.iter().zip(&over).map(|(sum, over)| sum.clone().minus(over)).collect();
        self.tidy(&mut digits);
        (digits, carries)
    }

    /// a + b or a - b, modulo the type.
    pub fn add(&self, a: &[Number], b: &[Number], kind: Kind, subtract: bool) -> Vec<Number> {
        let places = kind.digits();
        let mut out: Vec<Number> = vec![Number { digits: Vec::with_capacity(places) }; a.len()];
        let mut carries: Vec<Block> = Vec::new();
        for place in 0..places {
            let last = place + 1 == places;
            let mut sums = Vec::with_capacity(a.len());
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                let both = |sum: Block, more: &Block| if subtract { sum.minus(more) } else { sum.plus(more) };
                let mut sum = both(a.digits[place].clone(), &b.digits[place]);
                if let Some(carry) = carries.get(i) {
                    sum = both(sum, carry);
                }
                // The highest bit of an i32 is kept turned.
                sums.push(if kind == Kind::I32 && last { sum.plus_public(-8) } else { sum });
            }
            let (digits, next) = self.split(&sums, !last);
            out.iter_mut().zip(digits).for_each(|(number, digit)| number.digits.push(digit));
            carries = next;
        }
        out
    }

    /// The sum of weight × value, modulo 2^32, as 8 digits.
    pub fn weighted(&self, values: &[Number], weights: &[u32]) -> Number {
        let mut products: Vec<(usize, &Block, Table)> = Vec::new();
        for (value, weight) in values.iter().zip(weights) {
            let weight = i128::from(*weight);
            for (p, digit) in value.digits.iter().enumerate() {
                for j in (0..8 - p).filter(|j| (15 * weight) >> (4 * j) != 0) {
                    products.push((p + j, digit, Table::new(|x| ((weight * i128::from(x)) >> (4 * j) & 15) as i64)));
                }
            }
        }
        let asked: Vec<(&Block, &Table)> = products.iter().map(|(_, digit, table)| (*digit, table)).collect();
        let mut columns: Vec<Vec<Block>> = vec![Vec::new(); 8];
        for ((place, _, _), block) in products.iter().zip(self.look_up_all(&asked)) {
            columns[*place].push(block);
        }
        let mut digits = Vec::with_capacity(8);
        for place in 0..8 {
            let mut column = std::mem::take(&mut columns[place]);
            while column.len() > 1 {
                let odd = if column.len() % 2 == 1 { column.pop() } else { None };
                let sums: Vec<Block> = column.chunks_exact(2).map(Block::sum).collect();
                let (next, carries) = self.split(&sums, place < 7);
                column = next;
                column.extend(odd);
                if let Some(above) = columns.get_mut(place + 1) {
                    above.extend(carries);
                }
            }
            digits.push(column.pop().unwrap_or_else(|| Block::public(0)));
        }
        Number { digits }
    }

    /// a where the flag is 16, b where it is 0. A flag sits on the padding and turns the sign of a table.
    fn choose(&self, jobs: &[(&Block, &Number, &Number)]) -> Vec<Number> {
        let half = Table::halves(|x| x);
        let mut asked: Vec<(Block, bool)> = Vec::new();
        for (flag, a, b) in jobs {
            for (a, b) in a.digits.iter().zip(&b.digits) {
                asked.push((a.clone(), true));
                asked.push((a.clone().plus(flag), false));
                asked.push((b.clone(), true));
                asked.push((b.clone().plus(flag), true));
            }
        }
        let tables: Vec<(&Block, &Table)> = asked.iter().map(|(block, _)| (block, &half)).collect();
        let found = self.look_up_all(&tables);
        let sums: Vec<Block> = found
            .chunks_exact(4)
            .map(|four| four[0].clone().minus(&four[1]).plus(&four[2]).plus(&four[3]))
            .collect();
        let mut digits = sums.into_iter();
        jobs.iter().map(|(_, a, _)| Number { digits: digits.by_ref().take(a.digits.len()).collect() }).collect()
    }

    /// a where the bit is 1, b where it is 0.
    pub fn select(&self, bits: &[Block], a: &[Number], b: &[Number]) -> Vec<Number> {
        let flags = self.each(bits, &Table::step(1, 16));
        let jobs: Vec<(&Block, &Number, &Number)> =
            flags.iter().zip(a).zip(b).map(|((flag, a), b)| (flag, a, b)).collect();
        self.choose(&jobs)
    }

    /// The least (or greatest) value and its place (u8); of equal ones the first.
    pub fn extreme(&self, values: &[Number], greatest: bool) -> (Number, Number) {
        let place = |i: usize| Number { digits: vec![Block::public(i as i64 & 15), Block::public(i as i64 >> 4)] };
        let op = if greatest { Op::Ge } else { Op::Le };
        let mut left: Vec<(Number, Number)> = values.iter().enumerate().map(|(i, v)| (v.clone(), place(i))).collect();
        while left.len() > 1 {
            let odd = if left.len() % 2 == 1 { left.pop() } else { None };
            let pairs: Vec<(&Number, &Number)> = left.chunks_exact(2).map(|two| (&two[0].0, &two[1].0)).collect();
            let flags = self.compare(&pairs, op, 16);
            let values = flags.iter().zip(left.chunks_exact(2)).map(|(flag, two)| (flag, &two[0].0, &two[1].0));
            let places = flags.iter().zip(left.chunks_exact(2)).map(|(flag, two)| (flag, &two[0].1, &two[1].1));
            let jobs: Vec<(&Block, &Number, &Number)> = values.chain(places).collect();
            let mut values = self.choose(&jobs);
            let places = values.split_off(flags.len());
            left = values.into_iter().zip(places).collect();
            left.extend(odd);
        }
        left.swap_remove(0)
    }

    /// Looks u8 up in 256 public u8.
    pub fn table(&self, value: &Number, table: &[u8; 256]) -> Number {
        let high = self.steps(&[(&value.digits[1], 16)]).swap_remove(0);
        let turned: Vec<Block> =
            (0..16).map(|h| value.digits[0].clone().plus(&high.is(h))).collect();
        let entry = |place: usize, h: usize, low: i64| i64::from(table[16 * h + low as usize] >> (4 * place) & 15);
        let mut tables: Vec<(usize, Table)> = Vec::new();
        for place in 0..2 {
            tables.push((16, Table::halves(|low| (0..16).map(|h| entry(place, h, low)).sum())));
            tables.extend((0..16).map(|h| (h, Table::halves(|low| entry(place, h, low)))));
        }
        let asked: Vec<(&Block, &Table)> =
            tables.iter().map(|(h, table)| (turned.get(*h).unwrap_or(&value.digits[0]), table)).collect();
        let found = self.look_up_all(&asked);
        let sums: Vec<Block> = found
            .chunks_exact(17)
            .map(|parts| parts[1..].iter().fold(parts[0].clone(), |sum, part| sum.minus(part)))
            .collect();
        Number { digits: self.each(&sums, &Table::same()) }
    }

    /// How many come before each value, in two parts of at most 15 each: those of the first half of the vector, and the
    /// others. Of equal ones the first comes first.
    pub fn before(&self, values: &[Number]) -> Vec<(Block, Block)> {
        let n = values.len();
        let pairs: Vec<(usize, usize)> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
        let numbers: Vec<(&Number, &Number)> = pairs.iter().map(|&(i, j)| (&values[i], &values[j])).collect();
        let later = self.compare(&numbers, Op::Gt, 1);
        let mut sums = vec![(Block::public(0), Block::public(0)); n];
        for (&(i, j), bit) in pairs.iter().zip(&later) {
            let mut add = |at: usize, from: usize, bit: Block| {
                let (low, high) = sums[at].clone();
                sums[at] = if from < n.div_ceil(2) { (low.plus(&bit), high) } else { (low, high.plus(&bit)) };
            };
            add(i, j, bit.clone());
            add(j, i, bit.clone().taken_from(1));
        }
        sums
    }

    /// Ranks as u8.
    pub fn rank(&self, values: &[Number]) -> Vec<Number> {
        let (mut lows, mut highs): (Vec<Block>, Vec<Block>) = self.before(values).into_iter().unzip();
        self.tidy(&mut lows);
        self.tidy(&mut highs);
        let sums: Vec<Block> = lows.into_iter().zip(&highs).map(|(low, high)| low.plus(high)).collect();
        let (digits, carries) = self.split(&sums, true);
        digits.into_iter().zip(carries).map(|(digit, carry)| Number { digits: vec![digit, carry] }).collect()
    }

    /// The values in rising order; at most 12.
    pub fn sort(&self, values: &[Number]) -> Vec<Number> {
        let (n, places) = (values.len(), values[0].digits.len());
        let ranks: Vec<Block> = self.before(values).iter().map(|(low, high)| low.clone().plus(high)).collect();
        let asked: Vec<(&Block, i64)> = ranks.iter().map(|rank| (rank, 16)).collect();
        let steps = self.steps(&asked);
        let half = Table::halves(|x| x);
        let digits: Vec<Block> = values.iter().flat_map(|value| value.digits.iter().cloned()).collect();
        let plain = self.each(&digits, &half);
        let mut out = Vec::with_capacity(n);
        for place in 0..n as i64 {
            let flags: Vec<Block> = steps.iter().map(|steps| steps.is(place)).collect();
            let turned: Vec<Block> =
                digits.iter().enumerate().map(|(i, digit)| digit.clone().plus(&flags[i / places])).collect();
            let turned = self.each(&turned, &half);
            let sums: Vec<Block> = (0..places)
                .map(|d| {
                    let parts = (0..n).map(|i| plain[i * places + d].clone().minus(&turned[i * places + d]));
                    Block::sum(&parts.collect::<Vec<Block>>())
                })
                .collect();
            out.push(Number { digits: self.each(&sums, &Table::same()) });
        }
        out
    }
}
