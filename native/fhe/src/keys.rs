//! The two keys. Parameters: Zama's `V1_8_PARAM_MESSAGE_2_CARRY_2_KS_PBS_TUNIFORM_2M128`: 128-bit security,
//! a bootstrap fails with probability 2^-129.6 as long as its input's noise has a 2-norm of at most 5.

use std::sync::atomic::AtomicU64;

use tfhe::core_crypto::commons::math::random::{CompressionSeed, Seed, Seeder};
use tfhe::core_crypto::prelude::*;
use zeroize::Zeroizing;

use crate::wire::{BIG, Form, HEADER, Header, KeyId, Kind, MOST_DIGITS, SMALL, VERSION, array, push_words, words};
use crate::{Failure, Result};

pub const SMALL_NOISE: u32 = 45;
pub const BIG_NOISE: u32 = 17;
pub const PBS_BASE: DecompositionBaseLog = DecompositionBaseLog(23);
pub const PBS_LEVELS: DecompositionLevelCount = DecompositionLevelCount(1);
pub const KS_BASE: DecompositionBaseLog = DecompositionBaseLog(4);
pub const KS_LEVELS: DecompositionLevelCount = DecompositionLevelCount(4);
pub const GLWE: GlweSize = GlweSize(2);
pub const POLYNOMIAL: PolynomialSize = PolynomialSize(BIG);
/// A digit of 4 bits below one bit of padding.
pub const DELTA_LOG: u32 = 59;

const BSK_WORDS: usize = SMALL * 2 * BIG;
const KSK_WORDS: usize = BIG * 4;
/// Bytes of a server key on its way.
pub const SERVER_KEY: usize = 56 + (BSK_WORDS + KSK_WORDS) * 8;
const CLIENT_KEY: usize = 24 + SMALL.div_ceil(8) + BIG / 8;

pub fn native() -> CiphertextModulus<u64> {
    CiphertextModulus::new_native()
}

/// What only the household or the station holds. Wiped when dropped; has no `Debug`.
pub struct Client {
    pub key_id: KeyId,
    small: Zeroizing<Vec<u64>>,
    big: Zeroizing<Vec<u64>>,
}

fn fresh_seed(seeder: &mut dyn Seeder) -> Seed {
    seeder.seed()
}

impl Client {
    pub fn generate() -> Self {
        let mut seeder = new_seeder();
        let key_id = fresh_seed(seeder.as_mut()).0.to_le_bytes();
        let mut random = SecretRandomGenerator::<DefaultRandomGenerator>::new(fresh_seed(seeder.as_mut()));
        let small = allocate_and_generate_new_binary_lwe_secret_key::<u64, _>(LweDimension(SMALL), &mut random);
        let big = allocate_and_generate_new_binary_lwe_secret_key::<u64, _>(LweDimension(BIG), &mut random);
        Client { key_id, small: Zeroizing::new(small.into_container()), big: Zeroizing::new(big.into_container()) }
    }

    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(CLIENT_KEY));
        out.extend_from_slice(b"QGFC");
        out.extend_from_slice(&[VERSION, 0, 0, 0]);
        out.extend_from_slice(&self.key_id);
        for bits in [&self.small, &self.big] {
            for chunk in bits.chunks(8) {
                out.push(chunk.iter().enumerate().fold(0, |byte, (i, bit)| byte | (*bit as u8) << i));
            }
        }
        out
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.len() != CLIENT_KEY || &bytes[..4] != b"QGFC" {
            return Err(Failure::Format("not a client key, or cut off".into()));
        }
        if bytes[4] != VERSION || bytes[5..8] != [0, 0, 0] {
            return Err(Failure::Format("a client key of another version".into()));
        }
        let split = 24 + SMALL.div_ceil(8);
        let read = |bytes: &[u8], n: usize| {
            Zeroizing::new((0..n).map(|i| u64::from(bytes[i / 8] >> (i % 8) & 1)).collect::<Vec<u64>>())
        };
        if bytes[split - 1] >> (SMALL % 8) != 0 {
            return Err(Failure::Format("a damaged client key".into()));
        }
        Ok(Client {
            key_id: array(&bytes[8..24]),
            small: read(&bytes[24..split], SMALL),
            big: read(&bytes[split..], BIG),
        })
    }

    /// The key with which somebody else can compute but not read.
    pub fn server_key(&self) -> Vec<u8> {
        let mut seeder = new_seeder();
        let small = LweSecretKey::from_container(self.small.as_slice());
        let glwe = GlweSecretKey::from_container(self.big.as_slice(), POLYNOMIAL);
        let big = LweSecretKey::from_container(self.big.as_slice());
        let (bsk_seed, ksk_seed) = (fresh_seed(seeder.as_mut()), fresh_seed(seeder.as_mut()));
        let mut bsk = SeededLweBootstrapKeyOwned::<u64>::new(
            0, GLWE, POLYNOMIAL, PBS_BASE, PBS_LEVELS, LweDimension(SMALL), bsk_seed.into(), native(),
        );
        par_generate_seeded_lwe_bootstrap_key(&small, &glwe, &mut bsk, TUniform::new(BIG_NOISE), seeder.as_mut());
        let mut ksk = SeededLweKeyswitchKeyOwned::<u64>::new(
            0, KS_BASE, KS_LEVELS, LweDimension(BIG), LweDimension(SMALL), ksk_seed.into(), native(),
        );
        generate_seeded_lwe_keyswitch_key(&big, &small, &mut ksk, TUniform::new(SMALL_NOISE), seeder.as_mut());
        let mut out = Vec::with_capacity(SERVER_KEY);
        out.extend_from_slice(b"QGFS");
        out.extend_from_slice(&[VERSION, 0, 0, 0]);
        out.extend_from_slice(&self.key_id);
        out.extend_from_slice(&bsk_seed.0.to_le_bytes());
        out.extend_from_slice(&ksk_seed.0.to_le_bytes());
        push_words(&mut out, bsk.as_ref());
        push_words(&mut out, ksk.as_ref());
        out
    }

    pub fn encrypt(&self, values: &[i64], kind: Kind) -> Result<Vec<u8>> {
        if values.is_empty() || values.len() * kind.digits() > MOST_DIGITS {
            return Err(Failure::Input(format!("between 1 and {MOST_DIGITS} digits of 4 bits fit in a vector")));
        }
        let mut digits = Zeroizing::new(Vec::with_capacity(values.len() * kind.digits()));
        for value in values {
            let stored = kind.store(*value)?;
            digits.extend((0..kind.digits()).map(|i| (stored >> (4 * i) & 15) << DELTA_LOG));
        }
        let mut seeder = new_seeder();
        let seed = fresh_seed(seeder.as_mut());
        let mut list = SeededLweCiphertextList::new(
            0u64, LweSize(BIG + 1), LweCiphertextCount(digits.len()), seed.into(), native(),
        );
        let plain = PlaintextList::from_container(digits.as_slice());
        let big = LweSecretKey::from_container(self.big.as_slice());
        encrypt_seeded_lwe_ciphertext_list(&big, &mut list, &plain, TUniform::new(BIG_NOISE), seeder.as_mut());
        let header = Header { form: Form::Fresh, kind, key_id: self.key_id, count: values.len() };
        let mut out = header.write();
        out.extend_from_slice(&seed.0.to_le_bytes());
        push_words(&mut out, list.as_ref());
        Ok(out)
    }

    pub fn decrypt(&self, bytes: &[u8]) -> Result<Vec<i64>> {
        let (header, body) = Header::read(bytes)?;
        if header.key_id != self.key_id {
            return Err(Failure::Foreign);
        }
        let digits = match header.form {
            Form::Fresh => {
                let list = expand(body);
                list.chunks_exact(BIG + 1).map(|lwe| phase(lwe, &self.big)).map(digit).collect::<Result<Vec<u64>>>()?
            }
            Form::Answer => body
                .chunks_exact((SMALL + 1) * 2)
                .map(|lwe| {
                    let lwe: Vec<u64> =
                        lwe.chunks_exact(2).map(|c| u64::from(u16::from_le_bytes(array(c))) << 48).collect();
                    digit(phase(&lwe, &self.small))
                })
                .collect::<Result<Vec<u64>>>()?,
        };
        let numbers = digits.chunks_exact(header.kind.digits());
        numbers
            .map(|number| {
                let stored = number.iter().rev().fold(0, |sum, digit| sum << 4 | digit);
                if header.kind == Kind::Bool && stored > 1 { Err(Failure::Garbled) } else { Ok(header.kind.load(stored)) }
            })
            .collect()
    }
}

#[cfg(test)]
impl Client {
    pub fn phase(&self, lwe: &[u64]) -> u64 {
        phase(lwe, &self.big)
    }
}

fn phase(lwe: &[u64], key: &[u64]) -> u64 {
    let (body, mask) = (lwe[key.len()], &lwe[..key.len()]);
    mask.iter().zip(key).fold(body, |sum, (a, s)| sum.wrapping_sub(a.wrapping_mul(*s)))
}

fn digit(phase: u64) -> Result<u64> {
    let value = phase.wrapping_add(1 << (DELTA_LOG - 1)) >> DELTA_LOG;
    if value > 15 { Err(Failure::Garbled) } else { Ok(value) }
}

/// Masks drawn again from the seed: the ciphertexts of a fresh vector, one behind the other.
pub fn expand(body: &[u8]) -> Vec<u64> {
    let seed = CompressionSeed::from(Seed(u128::from_le_bytes(array(&body[..16]))));
    let bodies = words(&body[16..]);
    let mut list = LweCiphertextList::new(0u64, LweSize(BIG + 1), LweCiphertextCount(bodies.len()), native());
    let seeded = SeededLweCiphertextList::from_container(bodies, LweSize(BIG + 1), seed, native());
    decompress_seeded_lwe_ciphertext_list::<_, _, _, DefaultRandomGenerator>(&mut list, &seeded);
    list.into_container()
}

/// A server key, expanded and in the Fourier domain: about 125 MB.
pub struct ServerKeys {
    pub key_id: KeyId,
    pub bsk: FourierLweBootstrapKeyOwned,
    pub ksk: LweKeyswitchKeyOwned<u64>,
    /// Lookups made so far.
    pub lookups: AtomicU64,
}

impl ServerKeys {
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.len() < HEADER || &bytes[..4] != b"QGFS" {
            return Err(Failure::Format("not a server key".into()));
        }
        if bytes[4] != VERSION || bytes[5..8] != [0, 0, 0] {
            return Err(Failure::Format("a server key of another version or other parameters".into()));
        }
        if bytes.len() != SERVER_KEY {
            return Err(Failure::Format("a server key of the wrong length: cut off or too long".into()));
        }
        let seed = |from: usize| CompressionSeed::from(Seed(u128::from_le_bytes(array(&bytes[from..from + 16]))));
        let (bsk_bytes, ksk_bytes) = bytes[56..].split_at(BSK_WORDS * 8);
        let seeded = SeededLweBootstrapKey::from_container(
            words(bsk_bytes), GLWE, POLYNOMIAL, PBS_BASE, PBS_LEVELS, seed(24), native(),
        );
        let mut standard = LweBootstrapKeyOwned::<u64>::new(
            0, GLWE, POLYNOMIAL, PBS_BASE, PBS_LEVELS, LweDimension(SMALL), native(),
        );
        par_decompress_seeded_lwe_bootstrap_key::<_, _, _, DefaultRandomGenerator>(&mut standard, &seeded);
        drop(seeded);
        let mut bsk =
            FourierLweBootstrapKeyOwned::new(LweDimension(SMALL), GLWE, POLYNOMIAL, PBS_BASE, PBS_LEVELS);
        par_convert_standard_lwe_bootstrap_key_to_fourier(&standard, &mut bsk);
        let seeded = SeededLweKeyswitchKey::from_container(
            words(ksk_bytes), KS_BASE, KS_LEVELS, LweSize(SMALL + 1), seed(40), native(),
        );
        let mut ksk = LweKeyswitchKeyOwned::<u64>::new(
            0, KS_BASE, KS_LEVELS, LweDimension(BIG), LweDimension(SMALL), native(),
        );
        par_decompress_seeded_lwe_keyswitch_key::<_, _, _, DefaultRandomGenerator>(&mut ksk, &seeded);
        Ok(ServerKeys { key_id: array(&bytes[8..24]), bsk, ksk, lookups: AtomicU64::new(0) })
    }
}
