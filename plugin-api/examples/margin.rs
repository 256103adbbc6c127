//! The hinge loss with a margin to choose, in Rust with the standard library alone.
//!
//!   rustc --edition 2021 --crate-type cdylib -O -C strip=symbols margin.rs -o margin.so

mod saddle;
use saddle::{abi, Arg, Builder, Failed, Loss, OperatorSlot, Step, Tensor};

// The operators it uses: the host fills in the handles when it loads the plugin.
static RSUB: OperatorSlot =
    OperatorSlot::new("aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor\0");
static RELU: OperatorSlot = OperatorSlot::new("aten::relu(Tensor self) -> Tensor\0");
static MEAN: OperatorSlot =
    OperatorSlot::new("aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor\0");
static NEG: OperatorSlot = OperatorSlot::new("aten::neg(Tensor self) -> Tensor\0");

struct Margin {
    margin: f64,
}

impl Margin {
    /// mean(relu(margin - sign * logit))
    fn hinge(&self, step: &Step, sample: &str, sign: f64) -> Result<Tensor, Failed> {
        let logit = step.output("discriminator", sample, "logit")?;
        let distance = RSUB.call(&[
            Arg::Tensor(&logit),
            Arg::Number(self.margin),
            Arg::Number(sign),
        ])?;
        let short = RELU.call(&[Arg::Tensor(&distance)])?;
        MEAN.call(&[Arg::Tensor(&short), Arg::None])
    }
}

impl Loss for Margin {
    fn create(builder: &Builder) -> Result<Self, Failed> {
        Ok(Margin {
            margin: builder.number("margin")?,
        })
    }

    fn compute(&self, step: &Step) -> Result<(), Failed> {
        if step.role() == "discriminator" {
            step.term("real", self.hinge(step, "real", 1.0)?)?;
            step.term("fake", self.hinge(step, "fake", -1.0)?)
        } else {
            let logit = step.output("discriminator", "fake", "logit")?;
            let mean = MEAN.call(&[Arg::Tensor(&logit), Arg::None])?;
            step.term("fake", NEG.call(&[Arg::Tensor(&mean)])?)
        }
    }
}

static LOSS: abi::Loss = abi::Loss::of::<Margin>();
static COMPONENT: abi::Component = abi::Component::loss(
    "margin\0",
    concat!(
        r#"{"kind": "loss", "name": "margin", "version": "1", "doc": "Hinge loss whose margin is a parameter.","#,
        r#" "parameters": {"type": "object", "additionalProperties": false, "properties": {"margin": {"type":"#,
        r#" "number", "default": 1, "minimum": 0, "description": "distance from the boundary that is far enough"}}},"#,
        r#" "roles": {"discriminator": {"needs": ["discriminator.logit"]},"#,
        r#" "generator": {"needs": ["discriminator.logit"]}}}"#,
        "\0"
    ),
    &LOSS,
);
static PLUGIN: abi::Plugin =
    abi::Plugin::new("margin\0", &[&COMPONENT], &[&RSUB, &RELU, &MEAN, &NEG]);

/// # Safety
/// Called by the host.
#[no_mangle]
pub unsafe extern "C" fn saddle_plugin_v1(host: *const abi::Host) -> *const abi::Plugin {
    saddle::enter(host, &PLUGIN)
}
