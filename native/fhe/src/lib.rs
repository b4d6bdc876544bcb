//! Computing on numbers the machine cannot read, for Python. See `quietgrid_fhe.pyi` for what each thing does.
//!
//! Nothing that panics inside leaves: every call is caught and becomes a Python error.

mod circuits;
mod engine;
mod keys;
mod numbers;
mod storing;
mod wire;

#[cfg(test)]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use circuits::{Community, Store};
use engine::Block;
use keys::{Client, ServerKeys};
use numbers::{Number, Op};
use wire::{BIG, Form, HEADER, Header, Kind, MOST_DIGITS};

create_exception!(quietgrid_fhe, FheError, PyException, "The root of what this module raises.");
create_exception!(quietgrid_fhe, FormatError, FheError, "Bytes that are not what they should be.");
create_exception!(quietgrid_fhe, ForeignKeyError, FheError, "Made with another key.");
create_exception!(quietgrid_fhe, GarbledError, FheError, "Does not open to a value.");
create_exception!(quietgrid_fhe, InputError, FheError, "A value, type or length that cannot be used.");
create_exception!(quietgrid_fhe, InternalError, FheError, "A fault inside; please report it.");

/// What can go wrong. No message holds a value, a key or a ciphertext.
#[derive(Debug)]
pub enum Failure {
    Format(String),
    Foreign,
    Garbled,
    Input(String),
    Internal,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        match failure {
            Failure::Format(what) => FormatError::new_err(what),
            Failure::Foreign => ForeignKeyError::new_err("made with another key"),
            Failure::Garbled => GarbledError::new_err("does not open to a value: damaged, or not computed as agreed"),
            Failure::Input(what) => InputError::new_err(what),
            Failure::Internal => InternalError::new_err("a fault inside the FHE module"),
        }
    }
}

/// Runs without the interpreter's lock and lets no panic out.
fn guarded<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Failure::Internal)));
    Ok(done?)
}

#[pyclass(frozen, module = "quietgrid_fhe")]
struct ClientKey(Client);

#[pymethods]
impl ClientKey {
    #[staticmethod]
    fn generate(py: Python<'_>) -> PyResult<Self> {
        guarded(py, || Ok(ClientKey(Client::generate())))
    }

    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        guarded(py, || Client::from_bytes(data).map(ClientKey))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    #[getter]
    fn key_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.key_id)
    }

    fn server_key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &guarded(py, || Ok(self.0.server_key()))?))
    }

    fn encrypt<'py>(&self, py: Python<'py>, values: Vec<i64>, kind: &str) -> PyResult<Bound<'py, PyBytes>> {
        let sealed = guarded(py, || self.0.encrypt(&values, Kind::parse(kind)?))?;
        Ok(PyBytes::new(py, &sealed))
    }

    fn decrypt(&self, py: Python<'_>, data: &[u8]) -> PyResult<Vec<i64>> {
        guarded(py, || self.0.decrypt(data))
    }

    fn __repr__(&self) -> &'static str {
        "<ClientKey: secret>"
    }
}

/// Encrypted numbers of one type under one key, held by the server.
#[pyclass(frozen, module = "quietgrid_fhe")]
struct Encrypted {
    key_id: wire::KeyId,
    kind: Kind,
    numbers: Vec<Number>,
}

#[pymethods]
impl Encrypted {
    #[getter]
    fn kind(&self) -> &'static str {
        self.kind.name()
    }

    #[getter]
    fn key_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.key_id)
    }

    fn __len__(&self) -> usize {
        self.numbers.len()
    }

    fn __repr__(&self) -> String {
        format!("<Encrypted: {} × {}>", self.numbers.len(), self.kind.name())
    }
}

impl Encrypted {
    fn bits(key_id: wire::KeyId, kind: Kind, blocks: Vec<Block>) -> Self {
        Encrypted { key_id, kind, numbers: blocks.into_iter().map(|block| Number { digits: vec![block] }).collect() }
    }

    fn one(&self) -> Result<&Number> {
        if self.numbers.len() == 1 { Ok(&self.numbers[0]) } else { Err(Failure::Input("exactly one value is needed here".into())) }
    }
}

#[pyclass(frozen, module = "quietgrid_fhe")]
struct ServerKey(Arc<ServerKeys>);

impl ServerKey {
    fn same(&self, vectors: &[&Encrypted]) -> Result<()> {
        if vectors.iter().any(|vector| vector.key_id != self.0.key_id) { Err(Failure::Foreign) } else { Ok(()) }
    }

    fn alike(&self, a: &Encrypted, b: &Encrypted) -> Result<()> {
        self.same(&[a, b])?;
        if a.kind != b.kind || a.numbers.len() != b.numbers.len() {
            return Err(Failure::Input("two vectors of the same type and length are needed".into()));
        }
        Ok(())
    }

    fn of(&self, kind: Kind, numbers: Vec<Number>) -> Encrypted {
        Encrypted { key_id: self.0.key_id, kind, numbers }
    }

    fn numeric(a: &Encrypted) -> Result<()> {
        if matches!(a.kind, Kind::Bool | Kind::U4) { Err(Failure::Input("needs u8, u16, u32 or i32".into())) } else { Ok(()) }
    }

    fn kind(a: &Encrypted, kind: Kind) -> Result<()> {
        if a.kind == kind { Ok(()) } else { Err(Failure::Input(format!("needs {}", kind.name()))) }
    }

    fn most(a: &Encrypted, low: usize, high: usize) -> Result<()> {
        if (low..=high).contains(&a.numbers.len()) { Ok(()) } else { Err(Failure::Input(format!("needs {low} to {high} values"))) }
    }
}

#[pymethods]
impl ServerKey {
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        guarded(py, || ServerKeys::from_bytes(data).map(|keys| ServerKey(Arc::new(keys))))
    }

    #[getter]
    fn key_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.key_id)
    }

    #[getter]
    fn lookups(&self) -> u64 {
        self.0.lookups.load(Ordering::Relaxed)
    }

    fn __repr__(&self) -> &'static str {
        "<ServerKey>"
    }

    fn load(&self, py: Python<'_>, data: &[u8]) -> PyResult<Encrypted> {
        guarded(py, || {
            let (header, body) = Header::read(data)?;
            if header.key_id != self.0.key_id {
                return Err(Failure::Foreign);
            }
            if header.form != Form::Fresh {
                return Err(Failure::Format("an answer cannot be computed on".into()));
            }
            let blocks: Vec<Block> = keys::expand(body).chunks_exact(BIG + 1).map(Block::fresh).collect();
            let numbers = blocks.chunks_exact(header.kind.digits()).map(|digits| Number { digits: digits.to_vec() });
            Ok(self.of(header.kind, numbers.collect()))
        })
    }

    fn answer<'py>(&self, py: Python<'py>, a: &Encrypted) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = guarded(py, || {
            self.same(&[a])?;
            let header = Header { form: Form::Answer, kind: a.kind, key_id: a.key_id, count: a.numbers.len() };
            let digits: Vec<&Block> = a.numbers.iter().flat_map(|number| &number.digits).collect();
            let mut out = header.write();
            out.extend(self.0.answer(&digits));
            Ok(out)
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn join(&self, py: Python<'_>, parts: Vec<PyRef<'_, Encrypted>>) -> PyResult<Encrypted> {
        let parts: Vec<&Encrypted> = parts.iter().map(|part| &**part).collect();
        guarded(py, || {
            self.same(&parts)?;
            let kind = parts.first().ok_or_else(|| Failure::Input("nothing to join".into()))?.kind;
            if parts.iter().any(|part| part.kind != kind)
                || parts.iter().map(|p| p.numbers.len()).sum::<usize>() * kind.digits() > MOST_DIGITS
            {
                return Err(Failure::Input("vectors of one type, together not too long, are needed".into()));
            }
            Ok(self.of(kind, parts.iter().flat_map(|part| part.numbers.clone()).collect()))
        })
    }

    fn add(&self, py: Python<'_>, a: &Encrypted, b: &Encrypted) -> PyResult<Encrypted> {
        guarded(py, || {
            self.alike(a, b)?;
            Self::numeric(a)?;
            Ok(self.of(a.kind, self.0.add(&a.numbers, &b.numbers, a.kind, false)))
        })
    }

    fn sub(&self, py: Python<'_>, a: &Encrypted, b: &Encrypted) -> PyResult<Encrypted> {
        guarded(py, || {
            self.alike(a, b)?;
            Self::numeric(a)?;
            Ok(self.of(a.kind, self.0.add(&a.numbers, &b.numbers, a.kind, true)))
        })
    }

    fn weighted_sum(&self, py: Python<'_>, a: &Encrypted, weights: Vec<u32>) -> PyResult<Encrypted> {
        guarded(py, || {
            self.same(&[a])?;
            if a.kind == Kind::I32 || weights.len() != a.numbers.len() {
                return Err(Failure::Input("needs unsigned values and as many weights".into()));
            }
            Ok(self.of(Kind::U32, vec![self.0.weighted(&a.numbers, &weights)]))
        })
    }

    fn compare_public(&self, py: Python<'_>, a: &Encrypted, op: &str, values: Vec<i64>) -> PyResult<Encrypted> {
        guarded(py, || {
            self.same(&[a])?;
            let op = Op::parse(op)?;
            if values.len() != 1 && values.len() != a.numbers.len() {
                return Err(Failure::Input("needs one public value, or as many as there are encrypted ones".into()));
            }
            let stored = values.iter().map(|value| a.kind.store(*value)).collect::<Result<Vec<u64>>>()?;
            let jobs: Vec<(&Number, u64)> = a.numbers.iter().zip(stored.into_iter().cycle()).collect();
            Ok(Encrypted::bits(a.key_id, Kind::Bool, self.0.against(&jobs, op, 1)))
        })
    }

    fn compare(&self, py: Python<'_>, a: &Encrypted, op: &str, b: &Encrypted) -> PyResult<Encrypted> {
        guarded(py, || {
            self.alike(a, b)?;
            let op = Op::parse(op)?;
            let pairs: Vec<(&Number, &Number)> = a.numbers.iter().zip(&b.numbers).collect();
            Ok(Encrypted::bits(a.key_id, Kind::Bool, self.0.compare(&pairs, op, 1)))
        })
    }

    fn select(&self, py: Python<'_>, bits: &Encrypted, a: &Encrypted, b: &Encrypted) -> PyResult<Encrypted> {
        guarded(py, || {
            self.alike(a, b)?;
            self.same(&[bits])?;
            Self::kind(bits, Kind::Bool)?;
            if bits.numbers.len() != a.numbers.len() {
                return Err(Failure::Input("needs as many bits as values".into()));
            }
            let bits: Vec<Block> = bits.numbers.iter().map(|bit| bit.digits[0].clone()).collect();
            Ok(self.of(a.kind, self.0.select(&bits, &a.numbers, &b.numbers)))
        })
    }

    fn extreme(&self, py: Python<'_>, a: &Encrypted, greatest: bool) -> PyResult<(Encrypted, Encrypted)> {
        guarded(py, || {
            self.same(&[a])?;
            Self::most(a, 1, 256)?;
            let (value, place) = self.0.extreme(&a.numbers, greatest);
            Ok((self.of(a.kind, vec![value]), self.of(Kind::U8, vec![place])))
        })
    }

    fn lookup(&self, py: Python<'_>, a: &Encrypted, table: Vec<u8>) -> PyResult<Encrypted> {
        guarded(py, || {
            self.same(&[a])?;
            Self::kind(a, Kind::U8)?;
            let table: [u8; 256] =
                table.try_into().map_err(|_| Failure::Input("needs a table of 256 bytes".into()))?;
            Ok(self.of(Kind::U8, a.numbers.iter().map(|x| self.0.table(x, &table)).collect()))
        })
    }

    fn rank(&self, py: Python<'_>, a: &Encrypted) -> PyResult<Encrypted> {
        guarded(py, || {
            self.same(&[a])?;
            Self::most(a, 2, 30)?;
            Ok(self.of(Kind::U8, self.0.rank(&a.numbers)))
        })
    }

    fn sort(&self, py: Python<'_>, a: &Encrypted) -> PyResult<Encrypted> {
        guarded(py, || {
            self.same(&[a])?;
            Self::most(a, 2, 12)?;
            Ok(self.of(a.kind, self.0.sort(&a.numbers)))
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn insight(
        &self, py: Python<'_>, month: &Encrypted, profile: &Encrypted, features: &Encrypted, average: u64,
        bands: Vec<u64>, classes: Vec<u64>, usual: Vec<u64>, advice: Vec<Vec<(usize, bool, u64)>>,
    ) -> PyResult<Encrypted> {
        guarded(py, || {
            self.same(&[month, profile, features])?;
            Self::kind(month, Kind::U16)?;
            Self::kind(profile, Kind::U8)?;
            Self::kind(features, Kind::U8)?;
            Self::most(profile, 1, 96)?;
            let community = Community { average, bands, classes, usual, advice };
            community.check(profile.numbers.len(), features.numbers.len())?;
            let digits = self.0.insight(month.one()?, &profile.numbers, &features.numbers, &community);
            Ok(Encrypted::bits(month.key_id, Kind::U4, digits))
        })
    }

    /// Flattens the peak: charge in the k least, give in the k greatest intervals.
    fn flatten(&self, py: Python<'_>, load: &Encrypted, level: &Encrypted, k: i64, store: (i64, u64, u64)) -> PyResult<Encrypted> {
        guarded(py, || {
            let store = self.storage(load, level, store)?;
            Self::most(load, 2, 30)?;
            if k < 1 || k > 12 || 2 * k as usize > load.numbers.len() {
                return Err(Failure::Input("k is between 1 and 12, and at most half of the intervals".into()));
            }
            let plan = self.0.flatten(&load.numbers, &level.one()?.digits[0], k, store);
            Ok(Encrypted::bits(load.key_id, Kind::U4, plan))
        })
    }

    /// Follows public wishes (1 charge, -1 give, 0 rest) within encrypted limits.
    fn follow(
        &self, py: Python<'_>, load: &Encrypted, level: &Encrypted, wishes: Vec<i64>, store: (i64, u64, u64),
    ) -> PyResult<Encrypted> {
        guarded(py, || {
            let store = self.storage(load, level, store)?;
            Self::most(load, 1, 96)?;
            if wishes.len() != load.numbers.len() || wishes.iter().any(|wish| !(-1..=1).contains(wish)) {
                return Err(Failure::Input("needs one wish of -1, 0 or 1 for each interval".into()));
            }
            let plan = self.0.follow(&load.numbers, &level.one()?.digits[0], &wishes, store);
            Ok(Encrypted::bits(load.key_id, Kind::U4, plan))
        })
    }

    /// Keeps the lowest cap that the storage can keep; loads are counted in the caps' thresholds.
    fn shave(&self, py: Python<'_>, counted: &Encrypted, level: &Encrypted, capacity: i64) -> PyResult<Encrypted> {
        guarded(py, || {
            self.same(&[counted, level])?;
            Self::kind(counted, Kind::U4)?;
            Self::kind(level, Kind::U4)?;
            Self::most(counted, 1, 96)?;
            if !(1..=storing::HOLDS).contains(&capacity) {
                return Err(Failure::Input("a storage of 1 to 10 steps is needed here".into()));
            }
            let counted: Vec<Block> = counted.numbers.iter().map(|number| number.digits[0].clone()).collect();
            Ok(Encrypted::bits(level.key_id, Kind::U4, self.0.shave(&counted, &level.one()?.digits[0], capacity)))
        })
    }

    /// Charge in the k intervals of the least private cost, give in the k of the greatest.
    fn prefer(
        &self, py: Python<'_>, costs: &Encrypted, load: &Encrypted, level: &Encrypted, k: i64, store: (i64, u64, u64),
    ) -> PyResult<Encrypted> {
        guarded(py, || {
            let store = self.storage(load, level, store)?;
            self.same(&[costs])?;
            Self::kind(costs, Kind::U8)?;
            Self::most(load, 2, 30)?;
            if k < 1 || k > 12 || 2 * k as usize > load.numbers.len() || costs.numbers.len() != load.numbers.len() {
                return Err(Failure::Input("a cost for each interval; k to 12, and at most half of them".into()));
            }
            let plan = self.0.prefer(&costs.numbers, &load.numbers, &level.one()?.digits[0], k, store);
            Ok(Encrypted::bits(load.key_id, Kind::U4, plan))
        })
    }

    /// Whether the sum of public tables of 4-bit values reaches an edge.
    fn score(&self, py: Python<'_>, a: &Encrypted, tables: Vec<Vec<i64>>, edge: i64) -> PyResult<Encrypted> {
        guarded(py, || {
            self.same(&[a])?;
            Self::kind(a, Kind::U4)?;
            Self::most(a, 1, 24)?;
            let small = |table: &Vec<i64>| table.len() == 16 && table.iter().all(|part| part.abs() <= 15);
            if tables.len() != a.numbers.len() || !tables.iter().all(small) || edge.abs() > 1000 {
                return Err(Failure::Input("needs a table of 16 numbers from -15 to 15 for each value".into()));
            }
            let reach = |best: fn(&Vec<i64>) -> i64| tables.iter().map(best).sum::<i64>() + 1 - edge;
            let (low, high) =
                (reach(|t| t.iter().copied().min().unwrap_or(0)), reach(|t| t.iter().copied().max().unwrap_or(0)));
            if low < -15 || high > 16 {
                return Err(Failure::Input("the sum may be at most 16 below and 15 above the edge".into()));
            }
            Ok(Encrypted::bits(a.key_id, Kind::Bool, vec![self.0.score(&a.numbers, &tables, edge)]))
        })
    }
}

impl ServerKey {
    fn storage(&self, load: &Encrypted, level: &Encrypted, (capacity, step, limit): (i64, u64, u64)) -> Result<Store> {
        self.same(&[load, level])?;
        Self::kind(load, Kind::U16)?;
        Self::kind(level, Kind::U4)?;
        if !(1..=13).contains(&capacity) || step == 0 || step > 65_535 || limit > 65_535 {
            return Err(Failure::Input("a storage holds 1 to 13 steps; step and limit are within u16".into()));
        }
        Ok(Store { capacity, step, limit })
    }
}

#[pymodule]
fn quietgrid_fhe(m: &Bound<'_, PyModule>) -> PyResult<()> {
    // A panic is turned into an error; its message would only confuse.
    std::panic::set_hook(Box::new(|_| {}));
    m.add("VERSION", env!("CARGO_PKG_VERSION"))?;
    m.add("SECURITY_BITS", 128)?;
    m.add("LOG2_FAILURE", -129.581)?;
    m.add("HEADER_BYTES", HEADER)?;
    m.add("FheError", m.py().get_type::<FheError>())?;
    m.add("FormatError", m.py().get_type::<FormatError>())?;
    m.add("ForeignKeyError", m.py().get_type::<ForeignKeyError>())?;
    m.add("GarbledError", m.py().get_type::<GarbledError>())?;
    m.add("InputError", m.py().get_type::<InputError>())?;
    m.add("InternalError", m.py().get_type::<InternalError>())?;
    m.add_class::<ClientKey>()?;
    m.add_class::<ServerKey>()?;
    m.add_class::<Encrypted>()?;
    Ok(())
}
