#include "server/executors/torch/operator_guards.h"

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/ops/result_type.h>
#include <torch/csrc/jit/runtime/operator.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/executors/torch/packed_steps.h"
#include "server/executors/torch/torch_error.h"

namespace ferry {

namespace {

using GuardedArguments = at::ArrayRef<c10::IValue>;

// Null, or why the operator must not run.
using OperatorGuard = const char* (*)(GuardedArguments arguments);

constexpr int64_t kSmallest = std::numeric_limits<int64_t>::min();
constexpr char kByZero[] = "division by zero";
constexpr char kTooLarge[] = "the smallest integer divided by -1";
constexpr char kNoWindow[] = "a window or a padding of more than 2^31 elements";

// What LibTorch's kernels throw themselves, without saying who.
constexpr std::string_view kKernelsByZero = "ZeroDivisionError";

const char* DividesIntegers(GuardedArguments arguments) {
  if (!arguments[0].isInt() || !arguments[1].isInt()) return nullptr;
  const int64_t divisor = arguments[1].toInt();
  if (divisor == 0) return kByZero;
  return divisor == -1 && arguments[0].toInt() == kSmallest ? kTooLarge
                                                            : nullptr;
}

// Its first step is to take absolute values.
const char* HasGcd(GuardedArguments arguments) {
  return arguments[0].toInt() == kSmallest || arguments[1].toInt() == kSmallest
             ? "the smallest integer has no absolute value"
             : nullptr;
}

// The host runs it, and integers there raise signals.
bool IsHostInteger(const at::Tensor& tensor) {
  return tensor.defined() && !tensor.is_cuda() && !tensor.is_meta() &&
         c10::isIntegralType(tensor.scalar_type(), /*includeBool=*/false);
}

bool HoldsSmallest(const at::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case at::kInt:
      return tensor.eq(std::numeric_limits<int32_t>::min()).any().item<bool>();
    case at::kLong:
      return tensor.eq(kSmallest).any().item<bool>();
    default:  // Narrower ones are divided as 32 bits.
      return false;
  }
}

bool HoldsMinusOne(const c10::IValue& divisor, at::ScalarType type) {
  if (divisor.isInt()) return divisor.toInt() == -1;
  return divisor.isTensor() && IsHostInteger(divisor.toTensor()) &&
         divisor.toTensor().to(type).eq(-1).any().item<bool>();
}

// div(self, other, rounding_mode): zeros are the kernel's to find.
const char* DividesTensors(GuardedArguments arguments) {
  const at::Tensor& self = arguments[0].toTensor();
  const c10::IValue& divisor = arguments[1];
  if (!arguments[2].isString() || arguments[2].toStringRef() != "trunc" ||
      !IsHostInteger(self)) {
    return nullptr;
  }
  const at::ScalarType type = divisor.isTensor()
                                  ? at::result_type(self, divisor.toTensor())
                                  : at::result_type(self, divisor.toScalar());
  if (!c10::isIntegralType(type, /*includeBool=*/false)) return nullptr;
  return HoldsMinusOne(divisor, type) && HoldsSmallest(self.to(type))
             ? kTooLarge
             : nullptr;
}

const char* HasLcm(GuardedArguments arguments) {
  const at::Tensor& self = arguments[0].toTensor();
  const at::Tensor& other = arguments[1].toTensor();
  if (!IsHostInteger(self) || !IsHostInteger(other)) return nullptr;
  const at::ScalarType type = at::result_type(self, other);
  return HoldsSmallest(self.to(type)) || HoldsSmallest(other.to(type))
             ? "the smallest integer has no absolute value"
             : nullptr;
}

// The numbers of a window: LibTorch multiplies them without a look.
const char* HasSmallWindow(GuardedArguments arguments) {
  constexpr int64_t kWindowMax = std::numeric_limits<int32_t>::max();
  for (const c10::IValue& argument : arguments) {
    if (!argument.isIntList()) continue;
    for (const int64_t number : argument.toIntVector()) {
      if (number > kWindowMax || number < -kWindowMax) return kNoWindow;
    }
  }
  return nullptr;
}

// embedding_bag(weight, indices, offsets, scale_grad_by_freq, mode, ...)
const char* HasBagMode(GuardedArguments arguments) {
  const int64_t mode = arguments[4].toInt();
  return mode < 0 || mode > 2 ? "there are modes 0, 1 and 2" : nullptr;
}

// (query [batch, heads, length, width], ...)
const char* HasHeads(GuardedArguments arguments) {
  const at::Tensor& query = arguments[0].toTensor();
  return query.dim() == 4 && query.size(1) == 0 ? "there are no heads"
                                                : nullptr;
}

template <size_t kIndex>
const char* HasHeadCount(GuardedArguments arguments) {
  return arguments[kIndex].toInt() <= 0 ? "there are no heads" : nullptr;
}

// _native_batch_norm_legit.no_stats(input, weight, bias, training, ...)
const char* HasNoNeedOfStatistics(GuardedArguments arguments) {
  return arguments[3].toBool() ? nullptr : "there are no statistics";
}

// native_batch_norm(input, weight, bias, mean, var, training, ...)
const char* HasStatistics(GuardedArguments arguments) {
  const auto missing = [](const c10::IValue& one) {
    return !one.isTensor() || !one.toTensor().defined();
  };
  return !arguments[5].toBool() &&
                 (missing(arguments[3]) || missing(arguments[4]))
             ? "there are no statistics"
             : nullptr;
}

// (start, end, step, dtype or out, ...): a step of 0.5 is 0 as an integer.
const char* HasStep(GuardedArguments arguments) {
  if (!arguments[2].isDouble()) return nullptr;
  const double step = arguments[2].toDouble();
  if (step <= -1 || step >= 1) return nullptr;
  const c10::IValue& target = arguments[3];
  const bool whole =
      (target.isInt() &&
       c10::isIntegralType(target.toScalarType(), /*includeBool=*/true)) ||
      (target.isTensor() && c10::isIntegralType(target.toTensor().scalar_type(),
                                                /*includeBool=*/true));
  return whole ? "a step of less than one, of integers" : nullptr;
}

// to.prim_dtype(self, dtype, non_blocking, copy)
const char* HasType(GuardedArguments arguments) {
  return arguments[1].isNone() &&
                 (arguments[2].toBool() || arguments[3].toBool())
             ? "there is no type to copy to"
             : nullptr;
}

// (left, right, ...)
const char* HasMatrices(GuardedArguments arguments) {
  return arguments[0].toTensor().dim() == 2 &&
                 arguments[1].toTensor().dim() == 2
             ? nullptr
             : "it takes matrices";
}

const char* Never(GuardedArguments) { return "it is not served"; }

// (list or text, how often or how wide, ...)
const char* FitsInMemory(GuardedArguments arguments) {
  constexpr int64_t kElementsMax = int64_t{1} << 24;
  const bool list = arguments[0].isList();
  const int64_t size =
      list ? static_cast<int64_t>(arguments[0].toListRef().size()) : 1;
  const int64_t times = arguments[1].toInt();
  return size > 0 && (times > kElementsMax / size || (!list && times < 0))
             ? "a result of more than 2^24 elements"
             : nullptr;
}

const char* HasPower(GuardedArguments arguments) {
  return arguments[1].toInt() == kSmallest
             ? "the smallest integer has no absolute value"
             : nullptr;
}

// (v, g, dim): g has a number for each slice of v, or one for all.
const char* HasNorms(GuardedArguments arguments) {
  const at::Tensor& weight = arguments[0].toTensor();
  const int64_t dim = arguments[2].toInt();
  const bool known = weight.numel() > 0 && dim >= -1 && dim < weight.dim();
  return known && arguments[1].toTensor().numel() ==
                      (dim == -1 ? 1 : weight.size(dim))
             ? nullptr
             : "there is not one norm for each slice";
}

// __interpolate(input, size, scale_factor, ...)
const char* HasScaleForEach(GuardedArguments arguments) {
  if (!arguments[2].isDoubleList()) return nullptr;
  const auto scales = static_cast<int64_t>(arguments[2].toDoubleList().size());
  return scales + 2 < arguments[0].toTensor().dim()
             ? "fewer scale factors than dimensions"
             : nullptr;
}

// (log_probs [length, batch, classes], targets, ...): targets index classes.
const char* HasTargets(GuardedArguments arguments) {
  const at::Tensor& odds = arguments[0].toTensor();
  const at::Tensor& targets = arguments[1].toTensor();
  if (odds.dim() == 0 || targets.numel() == 0) return nullptr;
  const int64_t classes = odds.size(-1);
  return targets.lt(0).logical_or(targets.ge(classes)).any().item<bool>()
             ? "a target is no class"
             : nullptr;
}

// (data, batch_sizes, ...)
const char* HasSteps(GuardedArguments arguments) {
  return PackedStepsFault(arguments[0].toTensor(), arguments[1].toTensor());
}

// (x, n, ...): it takes n steps for each x.
const char* HasDegree(GuardedArguments arguments) {
  constexpr int64_t kDegreeMax = 4096;
  const c10::IValue& degree = arguments[1];
  const bool more = degree.isTensor()
                        ? degree.toTensor().gt(kDegreeMax).any().item<bool>()
                        : degree.toScalar().to<double>() > kDegreeMax;
  return more ? "a degree of more than 4096" : nullptr;
}

// The kernel looks itself: only the operator's name is missing.
const char* Always(GuardedArguments) { return nullptr; }

struct GuardRow {
  std::string_view name;
  std::string_view overload;  // "*" for every one.
  OperatorGuard guard;
};

constexpr std::string_view kEvery = "*";

constexpr std::array kGuardRows = {
    GuardRow{"aten::floordiv", "int", &DividesIntegers},
    GuardRow{"aten::floordiv", "", &DividesIntegers},
    GuardRow{"aten::remainder", "int", &DividesIntegers},
    GuardRow{"aten::remainder", "", &DividesIntegers},
    GuardRow{"aten::__round_to_zero_floordiv", "int", &DividesIntegers},
    GuardRow{"aten::divmod", "int", &DividesIntegers},
    GuardRow{"aten::gcd", "int", &HasGcd},
    GuardRow{"aten::div", "Tensor_mode", &DividesTensors},
    GuardRow{"aten::div", "Scalar_mode", &DividesTensors},
    GuardRow{"aten::div", "out_mode", &DividesTensors},
    GuardRow{"aten::div", "Scalar_mode_out", &DividesTensors},
    GuardRow{"aten::div_", "Tensor_mode", &DividesTensors},
    GuardRow{"aten::div_", "Scalar_mode", &DividesTensors},
    GuardRow{"aten::divide", "Tensor_mode", &DividesTensors},
    GuardRow{"aten::divide", "Scalar_mode", &DividesTensors},
    GuardRow{"aten::divide", "out_mode", &DividesTensors},
    GuardRow{"aten::divide_", "Tensor_mode", &DividesTensors},
    GuardRow{"aten::divide_", "Scalar_mode", &DividesTensors},
    GuardRow{"aten::lcm", kEvery, &HasLcm},
    GuardRow{"aten::lcm_", kEvery, &HasLcm},
    GuardRow{"aten::floor_divide", kEvery, &Always},
    GuardRow{"aten::floor_divide_", kEvery, &Always},
    GuardRow{"aten::remainder", "Tensor", &Always},
    GuardRow{"aten::remainder", "Scalar", &Always},
    GuardRow{"aten::remainder", "Scalar_Tensor", &Always},
    GuardRow{"aten::remainder_", kEvery, &Always},
    GuardRow{"aten::fmod", "Tensor", &Always},
    GuardRow{"aten::fmod", "Scalar", &Always},
    GuardRow{"aten::fmod_", kEvery, &Always},
    GuardRow{"aten::max_pool1d", kEvery, &HasSmallWindow},
    GuardRow{"aten::max_pool1d_with_indices", kEvery, &HasSmallWindow},
    GuardRow{"aten::pad", kEvery, &HasSmallWindow},
    GuardRow{"aten::_pad_enum", kEvery, &HasSmallWindow},
    GuardRow{"aten::replication_pad1d", kEvery, &HasSmallWindow},
    GuardRow{"aten::replication_pad2d", kEvery, &HasSmallWindow},
    GuardRow{"aten::replication_pad3d", kEvery, &HasSmallWindow},
    GuardRow{"aten::embedding_bag", kEvery, &HasBagMode},
    GuardRow{"aten::_embedding_bag", kEvery, &HasBagMode},
    GuardRow{"aten::_embedding_bag_forward_only", kEvery, &HasBagMode},
    GuardRow{"aten::scaled_dot_product_attention", kEvery, &HasHeads},
    GuardRow{"aten::_scaled_dot_product_flash_attention_for_cpu", kEvery,
             &HasHeads},
    GuardRow{"aten::_native_multi_head_attention", kEvery, &HasHeadCount<4>},
    GuardRow{"aten::_transformer_encoder_layer_fwd", kEvery, &HasHeadCount<2>},
    GuardRow{"aten::_native_batch_norm_legit", "no_stats",
             &HasNoNeedOfStatistics},
    GuardRow{"aten::native_batch_norm", kEvery, &HasStatistics},
    GuardRow{"aten::arange", "start_step", &HasStep},
    GuardRow{"aten::arange", "start_out", &HasStep},
    GuardRow{"aten::range", "step", &HasStep},
    GuardRow{"aten::range", "out", &HasStep},
    GuardRow{"aten::to", "prim_dtype", &HasType},
    GuardRow{"aten::_scaled_mm", kEvery, &HasMatrices},
    GuardRow{"aten::_unsafe_view", "out", &Never},
    GuardRow{"aten::mul", "left_t", &FitsInMemory},
    GuardRow{"aten::mul_", "t", &FitsInMemory},
    GuardRow{"aten::ljust", kEvery, &FitsInMemory},
    GuardRow{"aten::rjust", kEvery, &FitsInMemory},
    GuardRow{"aten::center", kEvery, &FitsInMemory},
    GuardRow{"aten::zfill", kEvery, &FitsInMemory},
    GuardRow{"aten::matrix_power", kEvery, &HasPower},
    GuardRow{"aten::linalg_matrix_power", kEvery, &HasPower},
    GuardRow{"aten::_weight_norm", kEvery, &HasNorms},
    GuardRow{"aten::__interpolate", kEvery, &HasScaleForEach},
    GuardRow{"aten::ctc_loss", kEvery, &HasTargets},
    GuardRow{"aten::_ctc_loss", kEvery, &HasTargets},
    GuardRow{"aten::_pad_packed_sequence", kEvery, &HasSteps},
    GuardRow{"aten::lstm", "data", &HasSteps},
    GuardRow{"aten::gru", "data", &HasSteps},
    GuardRow{"aten::rnn_tanh", "data", &HasSteps},
    GuardRow{"aten::rnn_relu", "data", &HasSteps},
};

// aten::special_legendre_polynomial_p and eleven others.
bool IsPolynomial(std::string_view name) {
  return name.starts_with("aten::special_") &&
         name.find("_polynomial_") != std::string_view::npos;
}

[[noreturn]] void RefuseRun(const std::string& name, std::string_view reason) {
  throw StatusError(absl::InvalidArgumentError(
      absl::StrCat("operator ", name, ": ", std::string(reason))));
}

torch::jit::Operation Guarded(const c10::FunctionSchema& schema,
                              OperatorGuard guard,
                              torch::jit::Operation plain) {
  return [name = schema.name(), count = schema.arguments().size(), guard,
          plain = std::move(plain)](torch::jit::Stack& stack) mutable {
    if (const char* reason = guard(torch::jit::last(stack, count))) {
      RefuseRun(name, reason);
    }
    try {
      plain(stack);
    } catch (const c10::Error& error) {
      if (error.msg() == kKernelsByZero) RefuseRun(name, kByZero);
      throw;
    }
  };
}

// In its place in LibTorch's table: the order there decides between overloads.
void PutGuard(torch::jit::Operator& op, OperatorGuard guard) {
  const c10::FunctionSchema schema = op.schema();
  torch::jit::Operation guarded = Guarded(schema, guard, op.getOperation());
  if (op.isC10Op()) {
    op = torch::jit::Operator(
        c10::Dispatcher::singleton().findSchemaOrThrow(
            schema.name().c_str(), schema.overload_name().c_str()),
        std::move(guarded));
  } else {
    op = torch::jit::Operator(schema.name(), schema.overload_name(),
                              schema.arguments(), schema.returns(),
                              std::move(guarded), op.aliasAnalysisKind());
  }
}

}  // namespace

void GuardOperators() {
  static const bool once = [] {
    for (const GuardRow& row : kGuardRows) {
      const auto kind = c10::Symbol::fromQualString(std::string(row.name));
      for (const std::shared_ptr<torch::jit::Operator>& op :
           torch::jit::getAllOperatorsFor(kind)) {
        if (row.overload == kEvery ||
            row.overload == op->schema().overload_name()) {
          PutGuard(*op, row.guard);
        }
      }
    }
    for (const auto& op : torch::jit::getAllOperators()) {
      if (IsPolynomial(op->schema().name())) PutGuard(*op, &HasDegree);
    }
    return true;
  }();
  (void)once;
}

}  // namespace ferry
