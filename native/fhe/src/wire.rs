//! What travels: fixed headers, lengths known before anything is allocated.
//!
//! All numbers little-endian. A header is `magic[4] version form kind 0 key_id[16] count[4]`.

use crate::{Failure, Result};

pub const VERSION: u8 = 1;
pub const HEADER: usize = 28;
/// Dimension of the large key (ciphertexts that are computed on).
pub const BIG: usize = 2048;
/// Dimension of the small key (results on their way back).
pub const SMALL: usize = 918;
/// At most so many digits in one vector; the server holds 16 kB a digit.
pub const MOST_DIGITS: usize = 8192;

pub type KeyId = [u8; 16];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Made by a client: a seed and one 64-bit body for each digit.
    Fresh = 1,
    /// Made by a server: under the small key, coefficients rounded to 16 bits.
    Answer = 2,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Bool = 1,
    U4 = 2,
    U8 = 3,
    U16 = 4,
    U32 = 5,
    /// Kept with its highest bit turned, so that order is the order of unsigned numbers.
    I32 = 6,
}

impl Kind {
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "bool" => Kind::Bool,
            "u4" => Kind::U4,
            "u8" => Kind::U8,
            "u16" => Kind::U16,
            "u32" => Kind::U32,
            "i32" => Kind::I32,
            _ => return Err(Failure::Input("no such type; there are bool, u4, u8, u16, u32, i32".into())),
        })
    }

    fn code(code: u8) -> Result<Self> {
        Ok(match code {
            1 => Kind::Bool,
            2 => Kind::U4,
            3 => Kind::U8,
            4 => Kind::U16,
            5 => Kind::U32,
            6 => Kind::I32,
            _ => return Err(Failure::Format("unknown type of value".into())),
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::U4 => "u4",
            Kind::U8 => "u8",
            Kind::U16 => "u16",
            Kind::U32 => "u32",
            Kind::I32 => "i32",
        }
    }

    /// Digits of four bits.
    pub fn digits(self) -> usize {
        match self {
            Kind::Bool | Kind::U4 => 1,
            Kind::U8 => 2,
            Kind::U16 => 4,
            Kind::U32 | Kind::I32 => 8,
        }
    }

    /// The value as it is kept, or an error if it does not fit.
    pub fn store(self, value: i64) -> Result<u64> {
        let (low, high) = match self {
            Kind::Bool => (0, 1),
            Kind::U4 => (0, 15),
            Kind::U8 => (0, 255),
            Kind::U16 => (0, 65_535),
            Kind::U32 => (0, i64::from(u32::MAX)),
            Kind::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        };
        if value < low || value > high {
            return Err(Failure::Input(format!("a value is outside {} ({low} to {high})", self.name())));
        }
        Ok((if self == Kind::I32 { value + (1 << 31) } else { value }) as u64)
    }

    pub fn load(self, stored: u64) -> i64 {
        if self == Kind::I32 { stored as i64 - (1 << 31) } else { stored as i64 }
    }
}

pub struct Header {
    pub form: Form,
    pub kind: Kind,
    pub key_id: KeyId,
    pub count: usize,
}

impl Header {
    pub fn body_len(&self) -> usize {
        let digits = self.count * self.kind.digits();
        match self.form {
            Form::Fresh => 16 + digits * 8,
            Form::Answer => digits * (SMALL + 1) * 2,
        }
    }

    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + self.body_len());
        out.extend_from_slice(b"QGFE");
        out.extend_from_slice(&[VERSION, self.form as u8, self.kind as u8, 0]);
        out.extend_from_slice(&self.key_id);
        out.extend_from_slice(&(self.count as u32).to_le_bytes());
        out
    }

    /// Reads and checks a header and the length of what follows it.
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8])> {
        if bytes.len() < HEADER || &bytes[..4] != b"QGFE" {
            return Err(Failure::Format("not an encrypted vector".into()));
        }
        if bytes[4] != VERSION {
            return Err(Failure::Format("another version of the format or of the parameters".into()));
        }
        let form = match bytes[5] {
            1 => Form::Fresh,
            2 => Form::Answer,
            _ => return Err(Failure::Format("unknown form of ciphertext".into())),
        };
        if bytes[7] != 0 {
            return Err(Failure::Format("reserved byte is not 0".into()));
        }
        let count = u32::from_le_bytes(array(&bytes[24..28])) as usize;
        let header = Header { form, kind: Kind::code(bytes[6])?, key_id: array(&bytes[8..24]), count };
        if count == 0 || count > MOST_DIGITS / header.kind.digits() {
            return Err(Failure::Format(format!("between 1 and {MOST_DIGITS} digits of 4 bits fit in a vector")));
        }
        if bytes.len() != HEADER + header.body_len() {
            return Err(Failure::Format("wrong length: cut off or too long".into()));
        }
        Ok((header, &bytes[HEADER..]))
    }
}

/// A slice of known length as an array.
pub fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(bytes);
    out
}

pub fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).map(|chunk| u64::from_le_bytes(array(chunk))).collect()
}

pub fn push_words(out: &mut Vec<u8>, words: &[u64]) {
    for word in words {
        out.extend_from_slice(&word.to_le_bytes());
    }
}
