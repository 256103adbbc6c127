#include <bridge/operators.hpp>

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include <map>
#include <memory>
#include <mutex>

#include <bridge/handle.hpp>
#include <bridge/host.hpp>
#include <bridge/typed_operators.hpp>
#include <common/error.hpp>

using c10::IValue;

namespace saddle::worker {
namespace {

struct Operator : saddle_operator {
  enum class Kind {
    tensor,
    integer,
    real,
    number,
    boolean,
    string,
    integers,
    reals,
    booleans,
    tensors,
    maybe_tensors,
    device,
    other
  };
  struct Argument {
    std::string name;
    Kind kind;
    bool optional;
    int from;         // place in the plugin's call; -1: this LibTorch's own default
    IValue fallback;  // that default
  };
  std::string name;
  c10::OperatorHandle handle;
  std::vector<Argument> arguments;
  // Arguments that only a newer plugin knows: they must be given their default.
  std::vector<std::pair<int, IValue>> dropped;
};
using Kind = Operator::Kind;
const Operator& whole(const saddle_operator& op) { return static_cast<const Operator&>(op); }

Kind kind_of(const c10::TypePtr& type) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return Kind::tensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return Kind::integer;
    case c10::TypeKind::FloatType:
      return Kind::real;
    case c10::TypeKind::NumberType:
      return Kind::number;
    case c10::TypeKind::BoolType:
      return Kind::boolean;
    case c10::TypeKind::StringType:
      return Kind::string;
    case c10::TypeKind::DeviceObjType:
      return Kind::device;
    case c10::TypeKind::ListType: {
      const auto& element = type->castRaw<c10::ListType>()->getElementType();
      switch (element->kind()) {
        case c10::TypeKind::IntType:
        case c10::TypeKind::SymIntType:
          return Kind::integers;
        case c10::TypeKind::FloatType:
          return Kind::reals;
        case c10::TypeKind::BoolType:
          return Kind::booleans;
        case c10::TypeKind::TensorType:
          return Kind::tensors;
        case c10::TypeKind::OptionalType:
          return Kind::maybe_tensors;
        default:
          return Kind::other;
      }
    }
    default:
      return Kind::other;
  }
}

const char* tag_name(uint32_t tag) {
  constexpr const char* names[] = {"none",     "tensor",      "int",         "double",      "bool", "string",
                                   "int list", "double list", "string list", "tensor list", "dtype"};
  return tag < std::size(names) ? names[tag] : "a value with an unknown tag";
}

[[noreturn]] void wrong(const Operator& op, const Operator::Argument& argument, uint32_t tag) {
  throw Error(op.name + ": argument '" + argument.name + "' cannot be " + tag_name(tag) + "; the schema is " +
              c10::toString(op.handle.schema()));
}

IValue convert(const Operator& op, const Operator::Argument& a, const saddle_value& v) {
  if (v.tag == SADDLE_NONE) {
    if (a.kind == Kind::device) return IValue(trial_device());
    if (!a.optional) wrong(op, a, v.tag);
    return IValue();
  }
  switch (a.kind) {
    case Kind::tensor:
      if (v.tag == SADDLE_TENSOR && v.as.tensor) return IValue(share(v.as.tensor));
      break;
    case Kind::integer:
      if (v.tag == SADDLE_INT) return IValue(v.as.i);
      if (v.tag == SADDLE_DTYPE) return IValue(static_cast<int64_t>(to_scalar_type(v.as.i)));
      break;
    case Kind::real:
      if (v.tag == SADDLE_DOUBLE) return IValue(v.as.d);
      if (v.tag == SADDLE_INT) return IValue(static_cast<double>(v.as.i));
      break;
    case Kind::number:
      if (v.tag == SADDLE_DOUBLE) return IValue(v.as.d);
      if (v.tag == SADDLE_INT) return IValue(v.as.i);
      if (v.tag == SADDLE_BOOL) return IValue(v.as.i != 0);
      break;
    case Kind::boolean:
      if (v.tag == SADDLE_BOOL) return IValue(v.as.i != 0);
      break;
    case Kind::string:
      if (v.tag == SADDLE_STRING) return IValue(std::string(v.as.string));
      break;
    case Kind::integers:
      if (v.tag == SADDLE_INT_LIST) return IValue(at::IntArrayRef(v.as.ints, v.count));
      break;
    case Kind::reals:
      if (v.tag == SADDLE_DOUBLE_LIST) return IValue(at::ArrayRef<double>(v.as.doubles, v.count));
      break;
    case Kind::booleans:
      if (v.tag == SADDLE_INT_LIST) {
        c10::List<bool> list;
        for (uint32_t i = 0; i < v.count; ++i) list.push_back(v.as.ints[i] != 0);
        return IValue(std::move(list));
      }
      break;
    case Kind::tensors:
      if (v.tag == SADDLE_TENSOR_LIST) {
        c10::List<at::Tensor> list;
        list.reserve(v.count);
        for (uint32_t i = 0; i < v.count; ++i) {
          if (!v.as.tensors[i])
            throw Error(op.name + ": argument '" + a.name + "' has an absent tensor in its list");
          list.push_back(share(v.as.tensors[i]));
        }
        return IValue(std::move(list));
      }
      break;
    case Kind::maybe_tensors:
      if (v.tag == SADDLE_TENSOR_LIST) {
        c10::List<std::optional<at::Tensor>> list;
        for (uint32_t i = 0; i < v.count; ++i)
          list.push_back(v.as.tensors[i] ? std::optional(share(v.as.tensors[i])) : std::nullopt);
        return IValue(std::move(list));
      }
      break;
    default:
      break;
  }
  wrong(op, a, v.tag);
}

saddle_value plain(uint32_t tag) { return {tag, 0, {}}; }

saddle_value to_value(const Operator& op, IValue&& value) {
  // Arrays of tensor lists stay the host's until the next call on this thread.
  thread_local std::vector<saddle_tensor*> lent;
  saddle_value v = plain(SADDLE_NONE);
  if (value.isTensor()) {
    v.tag = SADDLE_TENSOR;
    v.as.tensor = give(std::move(value).toTensor());
  } else if (value.isInt()) {
    v.tag = SADDLE_INT;
    v.as.i = value.toInt();
  } else if (value.isDouble()) {
    v.tag = SADDLE_DOUBLE;
    v.as.d = value.toDouble();
  } else if (value.isBool()) {
    v.tag = SADDLE_BOOL;
    v.as.i = value.toBool();
  } else if (value.isTensorList()) {
    lent.clear();
    for (const at::Tensor& t : value.toTensorVector()) lent.push_back(give(t));
    v.tag = SADDLE_TENSOR_LIST;
    v.count = static_cast<uint32_t>(lent.size());
    v.as.tensors = lent.data();
  } else if (!value.isNone()) {
    throw Error(op.name + " returns a " + value.tagKind() + ", which cannot cross to a plugin");
  }
  return v;
}

c10::FunctionSchema parse(const std::string& text) {
  try {
    return torch::jit::parseSchema(text, /*allow_typevars=*/true);
  } catch (const std::exception& e) {
    throw Error("'" + text + "' is not an operator schema: " + message_of(e));
  }
}

bool accepts(const c10::FunctionSchema& ours, const c10::FunctionSchema& asked) {
  std::ostringstream reason;
  return ours.isBackwardCompatibleWith(asked, &reason) || asked.isForwardCompatibleWith(ours, reason);
}

std::unique_ptr<Operator> resolve(const std::string& text) {
  const c10::FunctionSchema asked = parse(text);
  const auto handle = c10::Dispatcher::singleton().findSchema(asked.operator_name());
  if (!handle)
    throw Error("this LibTorch (" + libtorch_version() + ") has no operator " +
                c10::toString(asked.operator_name()));
  const c10::FunctionSchema& ours = handle->schema();
  if (!accepts(ours, asked))
    throw Error("operator " + c10::toString(asked.operator_name()) + " of this LibTorch (" +
                libtorch_version() + ") takes other arguments\n  the plugin calls  " + text +
                "\n  LibTorch has      " + c10::toString(ours));

  auto op =
      std::unique_ptr<Operator>(new Operator{{}, c10::toString(asked.operator_name()), *handle, {}, {}});
  op->arg_count = static_cast<uint32_t>(asked.arguments().size());
  op->result_count = static_cast<uint32_t>(ours.returns().size());
  std::vector<bool> used(op->arg_count);
  bool same_order = asked.arguments().size() == ours.arguments().size();
  for (size_t i = 0; i < ours.arguments().size(); ++i) {
    const c10::Argument& argument = ours.arguments()[i];
    const auto index = asked.argumentIndexWithName(argument.name());
    c10::TypePtr type = argument.type();
    const bool optional = type->kind() == c10::TypeKind::OptionalType;
    if (optional) type = type->castRaw<c10::OptionalType>()->getElementType();
    op->arguments.push_back({argument.name(), kind_of(type), optional, index ? *index : -1,
                             argument.default_value().value_or(IValue())});
    if (index) used[static_cast<size_t>(*index)] = true;
    same_order = same_order && index && static_cast<size_t>(*index) == i;
  }
  for (size_t i = 0; i < used.size(); ++i)
    if (!used[i])
      op->dropped.emplace_back(static_cast<int>(i), asked.arguments()[i].default_value().value_or(IValue()));
  if (same_order) op->typed = find_typed(op->name);
  return op;
}

bool is_default(const saddle_value& given, const IValue& value) {
  switch (given.tag) {
    case SADDLE_NONE:
      return value.isNone();
    case SADDLE_INT:
      return value.isInt() && value.toInt() == given.as.i;
    case SADDLE_DOUBLE:
      return value.isDouble() && value.toDouble() == given.as.d;
    case SADDLE_BOOL:
      return value.isBool() && value.toBool() == (given.as.i != 0);
    case SADDLE_STRING:
      return value.isString() && value.toStringRef() == given.as.string;
    default:
      return false;
  }
}

}  // namespace

saddle_dtype to_dtype(int8_t scalar_type) {
  switch (static_cast<at::ScalarType>(scalar_type)) {
    case at::kByte:
      return SADDLE_UINT8;
    case at::kInt:
      return SADDLE_INT32;
    case at::kLong:
      return SADDLE_INT64;
    case at::kFloat:
      return SADDLE_FLOAT32;
    case at::kDouble:
      return SADDLE_FLOAT64;
    case at::kBool:
      return SADDLE_BOOL8;
    case at::kBFloat16:
      return SADDLE_BFLOAT16;
    case at::kHalf:
      return SADDLE_FLOAT16;
    default:
      return SADDLE_OTHER_DTYPE;
  }
}

int8_t to_scalar_type(int64_t dtype) {
  switch (dtype) {
    case SADDLE_UINT8:
      return static_cast<int8_t>(at::kByte);
    case SADDLE_INT32:
      return static_cast<int8_t>(at::kInt);
    case SADDLE_INT64:
      return static_cast<int8_t>(at::kLong);
    case SADDLE_FLOAT32:
      return static_cast<int8_t>(at::kFloat);
    case SADDLE_FLOAT64:
      return static_cast<int8_t>(at::kDouble);
    case SADDLE_BOOL8:
      return static_cast<int8_t>(at::kBool);
    case SADDLE_BFLOAT16:
      return static_cast<int8_t>(at::kBFloat16);
    case SADDLE_FLOAT16:
      return static_cast<int8_t>(at::kHalf);
    default:
      throw Error("element type " + std::to_string(dtype) + " is not one of saddle_dtype");
  }
}

const saddle_operator* resolve_operator(const std::string& schema) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Operator>> known;
  const std::lock_guard lock(mutex);
  auto& op = known[schema];
  if (!op) op = resolve(schema);
  return op.get();
}

const std::string& operator_name(const saddle_operator& op) { return whole(op).name; }

namespace {

void call_boxed(const Operator& op, const saddle_value* args, saddle_value* results) {
  for (const auto& [place, value] : op.dropped)
    if (!is_default(args[place], value))
      throw Error(op.name + ": argument " + std::to_string(place) +
                  " is unknown to this LibTorch and may only have its default value");
  torch::jit::Stack stack;
  stack.reserve(op.arguments.size());
  for (const auto& argument : op.arguments)
    stack.push_back(argument.from < 0 ? argument.fallback : convert(op, argument, args[argument.from]));
  op.handle.callBoxed(stack);
  for (uint32_t i = 0; i < op.result_count; ++i) results[i] = to_value(op, std::move(stack[i]));
}

}  // namespace

void call_untyped(const saddle_operator& op, const saddle_value* args, uint32_t arg_count,
                  saddle_value* results, uint32_t result_count) {
  if (arg_count != op.arg_count || result_count != op.result_count)
    throw Error(whole(op).name + ": called with " + std::to_string(arg_count) + " arguments and " +
                std::to_string(result_count) + " results; the schema has " + std::to_string(op.arg_count) +
                " and " + std::to_string(op.result_count));
  call_boxed(whole(op), args, results);
}

}  // namespace saddle::worker
