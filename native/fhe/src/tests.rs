use super::*;
use crate::engine::Table;

fn pair() -> (Client, ServerKeys) {
    let client = Client::generate();
    let server = ServerKeys::from_bytes(&client.server_key()).unwrap();
    (client, server)
}

fn load(server: &ServerKeys, bytes: &[u8]) -> Vec<Number> {
    let (header, body) = Header::read(bytes).unwrap();
    assert_eq!(header.key_id, server.key_id);
    let blocks: Vec<Block> = keys::expand(body).chunks_exact(BIG + 1).map(Block::fresh).collect();
    blocks.chunks_exact(header.kind.digits()).map(|d| Number { digits: d.to_vec() }).collect()
}

fn open(client: &Client, server: &ServerKeys, kind: Kind, numbers: &[Number]) -> Vec<i64> {
    let mut out = Header { form: Form::Answer, kind, key_id: client.key_id, count: numbers.len() }.write();
    let digits: Vec<&Block> = numbers.iter().flat_map(|n| &n.digits).collect();
    out.extend(server.answer(&digits));
    client.decrypt(&out).unwrap()
}

#[test]
fn keys_and_values_come_back() {
    let client = Client::generate();
    let again = Client::from_bytes(&client.to_bytes()).unwrap();
    for (kind, values) in [
        (Kind::Bool, vec![0, 1]),
        (Kind::U8, vec![0, 17, 255]),
        (Kind::U16, vec![65_535]),
        (Kind::I32, vec![i64::from(i32::MIN), -1, 0, i64::from(i32::MAX)]),
    ] {
        assert_eq!(again.decrypt(&client.encrypt(&values, kind).unwrap()).unwrap(), values);
        assert!(client.encrypt(&[1 << 40], kind).is_err());
    }
    assert!(Client::generate().decrypt(&client.encrypt(&[1], Kind::U8).unwrap()).is_err());
}

#[test]
fn arithmetic_and_choices() {
    let (client, server) = pair();
    let a = load(&server, &client.encrypt(&[-5, 2_000_000_000], Kind::I32).unwrap());
    let b = load(&server, &client.encrypt(&[-70_000, 2_000_000_000], Kind::I32).unwrap());
    let sums = server.add(&a, &b, Kind::I32, false);
    assert_eq!(open(&client, &server, Kind::I32, &sums), [-70_005, 2_000_000_000i32.wrapping_mul(2).into()]);
    let gaps = server.add(&a, &b, Kind::I32, true);
    assert_eq!(open(&client, &server, Kind::I32, &gaps), [69_995, 0]);
    let bits = server.compare(&[(&a[0], &b[0]), (&b[0], &a[0])], Op::Gt, 1);
    assert_eq!(open(&client, &server, Kind::I32, &server.select(&bits[..1], &a[..1], &b[..1])), [-5]);
    assert_eq!(open(&client, &server, Kind::I32, &server.select(&bits[1..], &a[..1], &b[..1])), [-70_000]);
    let bytes = load(&server, &client.encrypt(&[7, 200, 7, 3], Kind::U8).unwrap());
    assert_eq!(open(&client, &server, Kind::U8, &server.sort(&bytes)), [3, 7, 7, 200]);
    assert_eq!(open(&client, &server, Kind::U8, &server.rank(&bytes)), [1, 3, 2, 0]);
    let table: [u8; 256] = std::array::from_fn(|i| (i * i % 251) as u8);
    assert_eq!(open(&client, &server, Kind::U8, &[server.table(&bytes[1], &table)]), [200 * 200 % 251]);
    let sum = server.weighted(&bytes, &[1, 1000, 0, 65_537]);
    assert_eq!(open(&client, &server, Kind::U32, &[sum]), [7 + 200_000 + 3 * 65_537]);
}

#[test]
#[should_panic(expected = "over the budget")]
fn too_much_noise_is_refused() {
    let (client, server) = pair();
    let digit = load(&server, &client.encrypt(&[1], Kind::U4).unwrap()).swap_remove(0).digits.swap_remove(0);
    server.look_up(&digit.times(6), &Table::new(|x| x));
}

fn digits(client: &Client, server: &ServerKeys, values: &[i64]) -> Vec<Block> {
    let sealed = client.encrypt(values, Kind::U4).unwrap();
    load(server, &sealed).into_iter().map(|mut number| number.digits.swap_remove(0)).collect()
}

#[test]
fn key_switch_is_the_librarys() {
    use tfhe::core_crypto::prelude::*;
    let (client, server) = pair();
    let blocks = digits(&client, &server, &[3, 15]);
    let ours = server.switched(&blocks.iter().collect::<Vec<&Block>>());
    for (block, ours) in blocks.iter().zip(ours) {
        let input = LweCiphertext::from_container(block.lwe(), keys::native());
        let mut out = LweCiphertext::new(0u64, LweSize(wire::SMALL + 1), keys::native());
        keyswitch_lwe_ciphertext(&server.ksk, &input, &mut out);
        assert_eq!(out.into_container(), ours);
    }
}

#[test]
fn comparisons_at_their_edges() {
    let (client, server) = pair();
    let values = [0, 1, 15, 16, 255, 256, 4095, 4096, 65_534, 65_535];
    let numbers = load(&server, &client.encrypt(&values, Kind::U16).unwrap());
    for edge in [0u64, 16, 255, 256, 4096, 65_535] {
        let jobs: Vec<(&Number, u64)> = numbers.iter().map(|number| (number, edge)).collect();
        for (op, holds) in [
            (Op::Ge, (|a, b| a >= b) as fn(i64, i64) -> bool),
            (Op::Gt, |a, b| a > b),
            (Op::Eq, |a, b| a == b),
        ] {
            let bits: Vec<Number> =
                server.against(&jobs, op, 1).into_iter().map(|bit| Number { digits: vec![bit] }).collect();
            let expected: Vec<i64> = values.iter().map(|value| i64::from(holds(*value, edge as i64))).collect();
            assert_eq!(open(&client, &server, Kind::Bool, &bits), expected);
        }
        let sums: Vec<Block> = server.ladders(&numbers).iter().map(|ladder| ladder.at(edge)).collect();
        let bits = server.each(&sums, &Table::step(1, 1)).into_iter().map(|bit| Number { digits: vec![bit] });
        let expected: Vec<i64> = values.iter().map(|value| i64::from(*value >= edge as i64)).collect();
        assert_eq!(open(&client, &server, Kind::Bool, &bits.collect::<Vec<Number>>()), expected);
    }
}

/// Neighbouring steps of one lookup have correlated noise, by less than the half that `Steps::pair` counts with.
#[test]
fn noise_of_neighbouring_steps() {
    let (client, server) = pair();
    let blocks = digits(&client, &server, &[0, 5, 10, 15]);
    let asked: Vec<(&Block, i64)> = blocks.iter().map(|block| (block, 1)).collect();
    let half = 1u64 << (keys::DELTA_LOG - 1);
    let (mut own, mut with_next, mut count) = (0.0, 0.0, 0.0);
    for steps in server.steps(&asked) {
        let noise: Vec<f64> = (0..BIG)
            .map(|place| {
                let phase = client.phase(steps.coefficient(place).lwe());
                // What is left beside plus or minus one half digit.
                (phase.wrapping_add(half) & (2 * half - 1)) as i64 as f64
            })
            .map(|rest| if rest > half as f64 { rest - 2.0 * half as f64 } else { rest })
            .collect();
        for (a, b) in noise.iter().zip(&noise[BIG / 16..]) {
            own += a * a;
            with_next += a * b;
            count += 1.0;
        }
    }
    assert!((0.2..0.5).contains(&(with_next / own)), "correlation {}", with_next / own);
    assert!((own / count).sqrt() < half as f64 / 64.0, "deviation {}", (own / count).sqrt() / half as f64);
}
