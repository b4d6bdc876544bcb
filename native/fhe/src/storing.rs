//! Storage plans that look for more than an order of the intervals. The plaintext twins are
//! `quietgrid.algorithms.schedule.{shaving,steps}`; the tests hold them equal.

use crate::circuits::Store;
use crate::engine::{Block, Table};
use crate::keys::ServerKeys;
use crate::numbers::Number;

/// Caps that are tried, one step apart.
pub const CAPS: i64 = 6;
/// Most steps a storage may hold here: two states more are needed for "has failed".
pub const HOLDS: i64 = 10;

/// What a cap asks for when the load was counted `above` it: charge below, give above, rest between.
fn wish(above: i64) -> i64 {
    match above {
        ..=0 => 1,
        1 => 0,
        _ => -1,
    }
}

impl ServerKeys {
    /// Finds the lowest cap under which the storage is never asked to give what it has not, and keeps it.
    ///
    /// `counted` says how many of the caps' thresholds a load exceeds. Returns 0 give, 1 rest, 2 charge.
    pub fn shave(&self, counted: &[Block], level: &Block, capacity: i64) -> Vec<Block> {
        let start = self.look_up(level, &Table::new(|x| x.min(capacity)));
        let failed = capacity + 3;
        // One below empty reads as minus what stands at 15.
        let next = Table::new(|x| match x {
            15 => -failed,
            x if x > capacity + 1 => failed,
            x => x.min(capacity),
        });
        // What each cap asks for is a sum of steps: 1, less 1 above the cap, less 1 more further above.
        let asked: Vec<(&Block, i64)> = counted.iter().map(|count| (count, 1)).collect();
        let mut ends = vec![start.clone(); CAPS as usize];
        for steps in self.steps(&asked) {
            let levels: Vec<Block> = (1..=CAPS)
                .zip(&ends)
                .map(|(cap, level)| level.clone().plus_public(1).minus(&steps.pair(cap)))
                .collect();
            ends = self.each(&levels, &next);
        }
        let sum = Block::sum(&self.each(&ends, &Table::new(|x| i64::from(x > capacity + 1))));
        let chosen = self.look_up(&sum, &Table::new(|x| x.min(CAPS - 1)));
        // Below zero, where every cap asks to charge, reads as minus what stands 16 higher.
        let asked = Table::new(|x| if x > 10 { -1 } else { wish(x) });
        let above: Vec<Block> = counted.iter().map(|count| count.clone().minus(&chosen)).collect();
        let wishes = self.each(&above, &asked);
        let clip = Table::new(|x| if x == 15 { 0 } else { x.min(capacity) });
        let mut level = start;
        let mut out = Vec::with_capacity(wishes.len());
        for wish in &wishes {
            let next = self.look_up(&level.clone().plus(wish), &clip);
            out.push(next.clone().minus(&level).plus_public(1));
            level = next;
        }
        out
    }

    /// Charges in the `k` intervals of the least private cost, gives in the `k` of the greatest.
    pub fn prefer(&self, costs: &[Number], load: &[Number], level: &Block, k: i64, store: Store) -> Vec<Block> {
        let wishes = self.picked(costs, k);
        self.walk(level, &self.allowed(load, &wishes, store), store.capacity)
    }
}
