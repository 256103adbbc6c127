//! Saddle's plugin ABI for Rust: abi.h written out by hand, and a thin safe layer over it for losses.
//! The standard library is all it needs; Rust 1.63 or later.
#![allow(dead_code)] // a plugin rarely uses all of it

use std::ffi::{c_void, CStr, CString};
use std::os::raw::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

/// What crosses the boundary: the same names, fields and order as in abi.h.
pub mod abi {
    use super::*;

    pub const VERSION: u32 = 1;
    pub type Status = i32;
    pub const OK: Status = 0;
    pub const ERROR: Status = 1;
    pub const CANCELLED: Status = 2;

    #[repr(C)]
    pub struct Tensor {
        _opaque: [u8; 0],
    }
    #[repr(C)]
    pub struct Operator {
        _opaque: [u8; 0],
    }

    pub const NONE: u32 = 0;
    pub const TENSOR: u32 = 1;
    pub const INT: u32 = 2;
    pub const DOUBLE: u32 = 3;
    pub const BOOL: u32 = 4;
    pub const STRING: u32 = 5;

    #[repr(C)]
    #[derive(Clone, Copy)]
    pub union Payload {
        pub i: i64,
        pub d: f64,
        pub tensor: *mut Tensor,
        pub string: *const c_char,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct Value {
        pub tag: u32,
        pub count: u32,
        pub payload: Payload,
    }

    /// The host writes `handle` when it loads the plugin, before anything reads it.
    #[repr(C)]
    pub struct OperatorSlot {
        pub schema: *const c_char,
        pub handle: AtomicPtr<Operator>,
    }

    #[repr(C)]
    pub struct Host {
        pub struct_size: u32,
        pub abi_version: u32,
        pub set_error: unsafe extern "C" fn(*const c_char),
        pub last_error: unsafe extern "C" fn() -> *const c_char,
        pub log: unsafe extern "C" fn(i32, *const c_char),
        pub extension: unsafe extern "C" fn(*const c_char) -> *const c_void,
        pub call:
            unsafe extern "C" fn(*const Operator, *const Value, u32, *mut Value, u32) -> Status,
        pub retain: unsafe extern "C" fn(*mut Tensor),
        pub release: unsafe extern "C" fn(*mut Tensor),
        pub sizes: unsafe extern "C" fn(*const Tensor, *mut u32) -> *const i64,
        pub dtype: unsafe extern "C" fn(*const Tensor) -> i32,
        pub requires_grad: unsafe extern "C" fn(*const Tensor) -> i32,
        pub data: unsafe extern "C" fn(*mut Tensor) -> *mut c_void,
        pub from_data:
            unsafe extern "C" fn(*const c_void, i32, *const i64, u32, *mut *mut Tensor) -> Status,
        pub item: unsafe extern "C" fn(*const Tensor, *mut f64) -> Status,
        pub grad: unsafe extern "C" fn(
            *const *mut Tensor,
            *const *mut Tensor,
            u32,
            *const *mut Tensor,
            u32,
            u32,
            *mut *mut Tensor,
        ) -> Status,
        pub set_grad_enabled: unsafe extern "C" fn(i32) -> i32,
    }

    #[repr(C)]
    pub struct Builder {
        pub struct_size: u32,
        pub context: *mut c_void,
        pub role: *const c_char,
        pub config: *const c_char,
        pub get: unsafe extern "C" fn(*const Builder, *const c_char, *mut Value) -> Status,
        pub fact: unsafe extern "C" fn(*const Builder, *const c_char, *mut Value) -> Status,
        // Of models and losses with tensors of their own; not used here.
        pub parameter: *const c_void,
        pub buffer: *const c_void,
    }

    #[repr(C)]
    pub struct Step {
        pub struct_size: u32,
        pub training: i32,
        pub context: *mut c_void,
        pub role: *const c_char,
        pub round: i64,
        pub parameters: *const *mut Tensor,
        pub buffers: *const *mut Tensor,
        pub input: unsafe extern "C" fn(*const Step, *const c_char, *mut *mut Tensor) -> Status,
        pub output: unsafe extern "C" fn(
            *const Step,
            *const c_char,
            *const c_char,
            *const c_char,
            *mut *mut Tensor,
        ) -> Status,
        pub run: *const c_void,
        pub term: unsafe extern "C" fn(*const Step, *const c_char, *mut Tensor) -> Status,
        // Fields that later releases appended are left out: struct_size says that they are there.
    }

    #[repr(C)]
    pub struct Loss {
        pub struct_size: u32,
        pub create: unsafe extern "C" fn(*const Builder, *mut *mut c_void) -> Status,
        pub destroy: unsafe extern "C" fn(*mut c_void),
        pub compute: unsafe extern "C" fn(*mut c_void, *const Step) -> Status,
    }

    pub const KIND_LOSS: i32 = 2;

    #[repr(C)]
    pub struct Component {
        pub struct_size: u32,
        pub kind: i32,
        pub name: *const c_char,
        pub description: *const c_char,
        pub interface: *const c_void,
    }

    /// As in the first layout of version 1, before `extensions`: an older plugin is shorter, and that is all.
    #[repr(C)]
    pub struct Plugin {
        pub struct_size: u32,
        pub abi_version: u32,
        pub name: *const c_char,
        pub version: *const c_char,
        pub component_count: u32,
        pub operator_count: u32,
        pub components: *const &'static Component,
        pub operators: *const &'static OperatorSlot,
    }

    // Texts and functions for the whole life of the process, that nobody writes.
    unsafe impl Sync for OperatorSlot {}
    unsafe impl Sync for Component {}
    unsafe impl Sync for Plugin {}

    const fn is<T>(size: usize) -> bool {
        std::mem::size_of::<T>() == size
    }
    const _: () =
        assert!(is::<Value>(16) && is::<OperatorSlot>(16) && is::<Host>(128) && is::<Builder>(64));
    const _: () =
        assert!(is::<Step>(80) && is::<Loss>(32) && is::<Component>(32) && is::<Plugin>(48));
}

pub use abi::OperatorSlot;

static HOST: AtomicPtr<abi::Host> = AtomicPtr::new(null_mut());

fn host() -> &'static abi::Host {
    unsafe { &*HOST.load(Ordering::Relaxed) }
}

/// To be called first by `saddle_plugin_v1`. False, after telling the host why, when it is too old.
///
/// # Safety
/// `table` is what the host passed.
pub unsafe fn set_host(table: *const abi::Host) -> bool {
    HOST.store(table as *mut abi::Host, Ordering::Relaxed);
    let enough = (*table).struct_size as usize >= std::mem::size_of::<abi::Host>();
    if !enough {
        fail("this host is older than version 1 of the ABI");
    }
    enough
}

/// Why has been said: by `fail`, or by the host.
#[derive(Debug)]
pub struct Failed(abi::Status);

pub fn fail(why: &str) -> Failed {
    let text = CString::new(why.replace('\0', " ")).unwrap_or_default();
    unsafe { (host().set_error)(text.as_ptr()) };
    Failed(abi::ERROR)
}

fn check(status: abi::Status) -> Result<(), Failed> {
    match status {
        abi::OK => Ok(()),
        other => Err(Failed(other)),
    }
}

/// Runs the plugin's code for the host: no panic gets out.
fn guarded(body: impl FnOnce() -> Result<(), Failed>) -> abi::Status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => abi::OK,
        Ok(Err(Failed(status))) => status,
        Err(_) => fail("the plugin panicked; its message is in the log").0,
    }
}

fn c_text(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// A counted reference to a tensor that lives in the host.
pub struct Tensor(NonNull<abi::Tensor>);

impl Tensor {
    fn own(handle: *mut abi::Tensor) -> Result<Tensor, Failed> {
        NonNull::new(handle)
            .map(Tensor)
            .ok_or_else(|| fail("the host gave no tensor"))
    }
    fn share(handle: *mut abi::Tensor) -> Result<Tensor, Failed> {
        unsafe { (host().retain)(handle) };
        Tensor::own(handle)
    }
}

impl Drop for Tensor {
    fn drop(&mut self) {
        unsafe { (host().release)(self.0.as_ptr()) }
    }
}

/// An argument of an operator.
pub enum Arg<'a> {
    None,
    Number(f64),
    Tensor(&'a Tensor),
}

impl Arg<'_> {
    fn value(&self) -> abi::Value {
        let (tag, payload) = match self {
            Arg::None => (abi::NONE, abi::Payload { i: 0 }),
            Arg::Number(d) => (abi::DOUBLE, abi::Payload { d: *d }),
            Arg::Tensor(t) => (
                abi::TENSOR,
                abi::Payload {
                    tensor: t.0.as_ptr(),
                },
            ),
        };
        abi::Value {
            tag,
            count: 0,
            payload,
        }
    }
}

impl OperatorSlot {
    /// `schema` ends in "\0".
    pub const fn new(schema: &'static str) -> OperatorSlot {
        OperatorSlot {
            schema: c_literal(schema),
            handle: AtomicPtr::new(null_mut()),
        }
    }
    /// Calls an operator that gives one tensor.
    pub fn call(&self, arguments: &[Arg]) -> Result<Tensor, Failed> {
        let values: Vec<abi::Value> = arguments.iter().map(Arg::value).collect();
        let mut result = Arg::None.value();
        let op = self.handle.load(Ordering::Relaxed);
        check(unsafe { (host().call)(op, values.as_ptr(), values.len() as u32, &mut result, 1) })?;
        Tensor::own(unsafe { result.payload.tensor })
    }
}

/// The parameters of a component, in `Loss::create`.
pub struct Builder<'a>(&'a abi::Builder);

impl Builder<'_> {
    pub fn number(&self, name: &str) -> Result<f64, Failed> {
        let mut value = Arg::None.value();
        check(unsafe { (self.0.get)(self.0, c_text(name).as_ptr(), &mut value) })?;
        match value.tag {
            abi::DOUBLE => Ok(unsafe { value.payload.d }),
            abi::INT => Ok(unsafe { value.payload.i } as f64),
            _ => Err(fail(&format!("there is no number '{}'", name))),
        }
    }
}

/// One update of one player.
pub struct Step<'a>(&'a abi::Step);

impl Step<'_> {
    pub fn role(&self) -> &str {
        unsafe { CStr::from_ptr(self.0.role) }
            .to_str()
            .unwrap_or("")
    }
    pub fn output(&self, model: &str, sample: &str, name: &str) -> Result<Tensor, Failed> {
        let (model, sample, name) = (c_text(model), c_text(sample), c_text(name));
        let mut borrowed = null_mut();
        check(unsafe {
            (self.0.output)(
                self.0,
                model.as_ptr(),
                sample.as_ptr(),
                name.as_ptr(),
                &mut borrowed,
            )
        })?;
        Tensor::share(borrowed)
    }
    /// Adds a scalar to what the player minimises.
    pub fn term(&self, name: &str, value: Tensor) -> Result<(), Failed> {
        check(unsafe { (self.0.term)(self.0, c_text(name).as_ptr(), value.0.as_ptr()) })
    }
}

/// A loss: made from its parameters, it adds terms to each update of the players it speaks to.
pub trait Loss: Sized {
    fn create(builder: &Builder) -> Result<Self, Failed>;
    fn compute(&self, step: &Step) -> Result<(), Failed>;
}

unsafe extern "C" fn create<T: Loss>(
    builder: *const abi::Builder,
    instance: *mut *mut c_void,
) -> abi::Status {
    guarded(|| {
        let made = T::create(&Builder(&*builder))?;
        *instance = Box::into_raw(Box::new(made)) as *mut c_void;
        Ok(())
    })
}
unsafe extern "C" fn destroy<T: Loss>(instance: *mut c_void) {
    guarded(|| {
        drop(Box::from_raw(instance as *mut T));
        Ok(())
    });
}
unsafe extern "C" fn compute<T: Loss>(
    instance: *mut c_void,
    step: *const abi::Step,
) -> abi::Status {
    guarded(|| (*(instance as *const T)).compute(&Step(&*step)))
}

impl abi::Loss {
    pub const fn of<T: Loss>() -> abi::Loss {
        abi::Loss {
            struct_size: std::mem::size_of::<abi::Loss>() as u32,
            create: create::<T>,
            destroy: destroy::<T>,
            compute: compute::<T>,
        }
    }
}

impl abi::Component {
    /// Both texts end in "\0".
    pub const fn loss(
        name: &'static str,
        description: &'static str,
        table: &'static abi::Loss,
    ) -> abi::Component {
        abi::Component {
            struct_size: std::mem::size_of::<abi::Component>() as u32,
            kind: abi::KIND_LOSS,
            name: c_literal(name),
            description: c_literal(description),
            interface: table as *const abi::Loss as *const c_void,
        }
    }
}

impl abi::Plugin {
    pub const fn new(
        name: &'static str,
        components: &'static [&'static abi::Component],
        operators: &'static [&'static OperatorSlot],
    ) -> abi::Plugin {
        abi::Plugin {
            struct_size: std::mem::size_of::<abi::Plugin>() as u32,
            abi_version: abi::VERSION,
            name: c_literal(name),
            version: c_literal("1\0"),
            component_count: components.len() as u32,
            operator_count: operators.len() as u32,
            components: components.as_ptr(),
            operators: operators.as_ptr(),
        }
    }
}

/// What `saddle_plugin_v1` returns.
///
/// # Safety
/// `table` is what the host passed.
pub unsafe fn enter(table: *const abi::Host, plugin: &'static abi::Plugin) -> *const abi::Plugin {
    if set_host(table) {
        plugin
    } else {
        null()
    }
}

/// A text of the program as C wants it; the "\0" at its end is checked when the plugin is compiled.
const fn c_literal(text: &'static str) -> *const c_char {
    let bytes = text.as_bytes();
    assert!(!bytes.is_empty() && bytes[bytes.len() - 1] == 0);
    bytes.as_ptr() as *const c_char
}
