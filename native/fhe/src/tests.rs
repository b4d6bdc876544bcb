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
    numbers.iter().flat_map(|n| &n.digits).for_each(|digit| server.answer(digit, &mut out));
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
    let sums: Vec<Number> = a.iter().zip(&b).map(|(a, b)| server.add(a, b, Kind::I32)).collect();
    assert_eq!(open(&client, &server, Kind::I32, &sums), [-70_005, 2_000_000_000i32.wrapping_mul(2).into()]);
    let gaps: Vec<Number> = a.iter().zip(&b).map(|(a, b)| server.sub(a, b, Kind::I32)).collect();
    assert_eq!(open(&client, &server, Kind::I32, &gaps), [69_995, 0]);
    let bit = server.compare(&a[0], &b[0], &|s| Op::Gt.of(s));
    assert_eq!(open(&client, &server, Kind::I32, &[server.select(&bit, &a[0], &b[0])]), [-5]);
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
