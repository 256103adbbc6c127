#!/usr/bin/env python3
"""Writes include/saddle/ops.hpp from ATen's operator schemas.

usage: generate_ops.py NATIVE_FUNCTIONS_YAML > include/saddle/ops.hpp

The YAML file is torchgen/packaged/ATen/native/native_functions.yaml of the torch
wheel. Only the operators listed below get a wrapper; add a name and run again.
"""
import re
import sys

# Operator names with overload, as in the YAML.
OPERATORS = """
abs add.Tensor add.Scalar add_.Tensor add_.Scalar addmm all any arange arange.start argmax argmin baddbmm
batch_norm bernoulli binary_cross_entropy_with_logits bmm cat cdist chunk clamp clone constant_pad_nd
contiguous conv1d conv2d conv3d conv_transpose2d.input copy_ cos cosine_similarity count_nonzero cov
cross_entropy_loss cumsum detach diagonal div.Tensor div.Scalar dot dropout einsum elu embedding eq.Tensor
eq.Scalar erf exp expand eye fill_.Scalar flatten.using_ints flip floor full gather ge.Tensor ge.Scalar gelu
glu grid_sampler_2d affine_grid_generator group_norm gt.Tensor gt.Scalar hardtanh huber_loss im2col index_add
index_select isfinite kthvalue l1_loss layer_norm le.Tensor le.Scalar leaky_relu lerp.Scalar lerp.Tensor
lerp_.Scalar linalg_cholesky linalg_eigh linalg_eigvalsh linalg_inv_ex linalg_qr linalg_svd linalg_vector_norm
linear log log1p log_sigmoid log_softmax.int logaddexp logical_and logical_not logsumexp lt.Tensor lt.Scalar
masked_fill.Scalar matmul max max.dim amax amin max_pool2d maximum mean mean.dim min min.dim minimum mm mse_loss
mul.Tensor mul.Scalar mul_.Tensor mul_.Scalar mv nan_to_num narrow ne.Tensor ne.Scalar neg one_hot ones
ones_like outer avg_pool2d adaptive_avg_pool2d pad permute pixel_shuffle pow.Tensor_Scalar pow.Tensor_Tensor
prelu rand rand_like randn randn_like randperm reciprocal reflection_pad2d relu repeat requires_grad_ reshape roll round rsqrt
rsub.Scalar scatter.src scatter.value scatter_add select.int sigmoid sign silu sin slice.Tensor
smooth_l1_loss softmax.int softplus sort split.Tensor sqrt square squeeze squeeze.dim stack std.correction
sub.Tensor sub.Scalar sum sum.dim_IntList tanh to.dtype topk trace transpose.int tril triu type_as unbind.int
unfold unsqueeze upsample_bilinear2d upsample_nearest2d var.correction view where.self where.ScalarOther
where.ScalarSelf zero_ zeros zeros_like
""".split()

# Arguments that are the host's to fill: never shown to the author.
HOST_ARGUMENTS = {"layout", "device", "pin_memory", "generator", "memory_format", "non_blocking", "copy"}
# A dtype argument is worth showing only where a tensor is made or converted.
DTYPE_SHOWN = {"zeros", "ones", "full", "arange", "randn", "rand", "to", "eye", "randperm"}
DTYPES = {"long": "DType::int64"}


def split_top(text):
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += c in "([" and 1 or (c in ")]" and -1 or 0)
        if c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return parts + ([text[start:].strip()] if text[start:].strip() else [])


class Argument:
    def __init__(self, text):
        text, _, default = text.partition("=")
        self.type, self.name = text.rsplit(" ", 1)
        self.type = re.sub(r"\(\w!?(?: -> \*)?\)", "", self.type).replace("SymInt", "int")
        self.default = default or None
        if self.name in ("from", "self", "end", "other", "min", "max", "input"):
            self.cpp_name = self.name + ("_" if self.name == "from" else "")
        else:
            self.cpp_name = self.name

    def cpp_type(self):
        base = re.sub(r"\[\d+\]", "[]", self.type)
        if base == "int[]?" and self.default is None:
            return "const IntList&"  # so that {1, 2} is taken; the overload without it stands for none
        return {
            "Tensor": "const Tensor&", "Tensor?": "const Tensor&", "Scalar": "Scalar",
            "Scalar?": "std::optional<Scalar>", "int": "int64_t", "int?": "std::optional<int64_t>",
            "float": "double", "float?": "std::optional<double>", "bool": "bool", "bool?": "std::optional<bool>",
            "str": "const char*", "str?": "const char*", "int[]": "const IntList&",
            "int[]?": "const std::optional<IntList>&", "Tensor[]": "std::span<const Tensor>",
            "ScalarType": "DType", "ScalarType?": "std::optional<DType>",
        }[base]

    def member_type(self):
        return self.cpp_type().removeprefix("const ").removesuffix("&") if "char" not in self.cpp_type() \
            else "const char*"

    def cpp_default(self):
        d = self.default
        if d in ("None", "[]"):
            return "nullptr" if self.type.startswith("str") else "{}"
        if d in ("True", "False"):
            return d.lower()
        if d == "Mean":
            return "1"
        if d in DTYPES:
            return DTYPES[d]
        if d[0] in "'\"":
            return '"' + d[1:-1] + '"'
        if d.startswith("["):
            return "{" + d[1:-1] + "}"
        return d

    def hidden(self, operator):
        return self.name in HOST_ARGUMENTS or (self.name == "dtype" and operator not in DTYPE_SHOWN)


def camel(name):
    return "".join(part.capitalize() for part in name.split("_"))


def wrapper(schema):
    match = re.fullmatch(r"([\w.]+)\((.*)\) -> (.*)", schema)
    full, arguments, returns = match.groups()
    name = full.split(".")[0]
    arguments = [Argument(a) for a in split_top(arguments) if a != "*"]
    shown = [a for a in arguments if not a.hidden(name)]
    positional = [a for a in shown if a.default is None]
    defaulted = [a for a in shown if a.default is not None]
    # A tensor that may be absent (a bias) stays positional; further defaults go
    # into an options struct as soon as there are more than two.
    while defaulted and defaulted[0].type == "Tensor?":
        positional.append(defaulted.pop(0))
    options = defaulted if len(defaulted) > 2 else []
    tag = re.sub(r"_(\.|$)", r"_inplace\1", full).replace(".", "_")  # two underscores are reserved
    quoted = schema.replace('"', '\\"')
    out = [f'struct {tag} {{\n  static constexpr const char* schema = "aten::{quoted}";\n}};']
    if options:
        out.append(f"struct {camel(name)}Options {{")
        out += [f"  {a.member_type()} {a.cpp_name} = {a.cpp_default()};" for a in options]
        out.append("};")
    parameters = []
    for a in positional:
        parameters.append(f"{a.cpp_type()} {a.cpp_name}" + (" = {}" if a.default else ""))
    if options:
        parameters.append(f"const {camel(name)}Options& options = {{}}")
    else:
        parameters += [f"{a.cpp_type()} {a.cpp_name} = {a.cpp_default()}" for a in defaulted]
    values = []
    for a in arguments:
        if a.hidden(name):
            # None, or the schema's own default where none is not allowed.
            values.append({"non_blocking": "detail::value(false)", "copy": "detail::value(false)"}.get(
                a.name, "detail::none()" if a.type.endswith("?") else "detail::value(int64_t{0})"))
        else:
            values.append(f"detail::value({'options.' if a in options else ''}{a.cpp_name})")
    returned = re.sub(r"\(\w!?\)", "", returns)
    count = len(split_top(returned[1:-1])) if returned.startswith("(") else 1
    result, call = {("Tensor[]", 1): ("std::vector<Tensor>", "call_list"), ("Tensor", 1): ("Tensor", "call")}.get(
        (returned, count), (f"std::tuple<{', '.join(['Tensor'] * count)}>", f"call{count}"))
    out.append(f"template <int = 0>\n{result} {name}({', '.join(parameters)}) {{")
    out.append(f"  const saddle_value args[] = {{{', '.join(values)}}};")
    out.append(f"  return detail::{call}<op::{tag}>(args);\n}}")
    head, body = out[0], "\n".join(out[1:])
    return f"namespace op {{\n{head}\n}}  // namespace op\n{body}\n"


HEAD = """// ATen's operators for plugins. Generated by generate_ops.py; do not edit.
//
// Each wrapper is a template so that only the operators a plugin uses are listed
// for the host to resolve. Arguments with a default follow ATen; where there are
// more than two they form a struct: conv2d(x, w, b, {.stride = 2, .padding = 1}).
#pragma once
#include <saddle/tensor.hpp>

// clang-format off

#pragma GCC visibility push(hidden)
namespace saddle {
"""
SUGAR = """
template <int = 0>
Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
template <int = 0>
Tensor operator+(const Tensor& a, Scalar b) { return add(a, b); }
template <int = 0>
Tensor operator+(Scalar a, const Tensor& b) { return add(b, a); }
template <int = 0>
Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
template <int = 0>
Tensor operator-(const Tensor& a, Scalar b) { return sub(a, b); }
template <int = 0>
Tensor operator-(Scalar a, const Tensor& b) { return rsub(b, a); }
template <int = 0>
Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
template <int = 0>
Tensor operator*(const Tensor& a, Scalar b) { return mul(a, b); }
template <int = 0>
Tensor operator*(Scalar a, const Tensor& b) { return mul(b, a); }
template <int = 0>
Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
template <int = 0>
Tensor operator/(const Tensor& a, Scalar b) { return div(a, b); }
template <int = 0>
Tensor operator/(Scalar a, const Tensor& b) { return mul(reciprocal(b), a); }
template <int = 0>
Tensor operator-(const Tensor& a) { return neg(a); }
"""
TAIL = """
}  // namespace saddle
#pragma GCC visibility pop
"""


def main():
    schemas = {}
    with open(sys.argv[1], encoding="utf-8") as f:
        for line in f:
            if line.startswith("- func: "):
                schema = line[len("- func: "):].strip()
                schemas[schema.split("(")[0]] = schema
    missing = [o for o in OPERATORS if o not in schemas]
    if missing:
        sys.exit("not in the schema file: " + ", ".join(missing))
    print(HEAD + "\n" + "\n".join(wrapper(schemas[o]) for o in OPERATORS) + SUGAR + TAIL, end="")


if __name__ == "__main__":
    main()
