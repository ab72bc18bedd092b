// OperatorArguments draws arguments for any operator of LibTorch's: right ones,
// wrong ones, and the edges of every integer type.
//
// For tests that hold a statement about operators against what all of them do.
//
// Threads:  one thread at a time.

#ifndef TESTS_EXECUTORS_OPERATOR_ARGUMENTS_H_
#define TESTS_EXECUTORS_OPERATOR_ARGUMENTS_H_

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

namespace ferry {

class OperatorArguments {
 public:
  enum class Integers { kSmall, kEdges };

  // The same draws for the same schema, on every machine.
  OperatorArguments(const c10::FunctionSchema& schema, Integers integers);

  // Nothing when some argument is of a type that is not drawn.
  std::optional<std::vector<c10::IValue>> Draw();

  static std::string Text(const std::vector<c10::IValue>& arguments);

 private:
  size_t Below(size_t limit) { return random_() % limit; }
  std::optional<c10::IValue> DrawFor(const c10::Argument& argument);
  std::optional<c10::IValue> DrawType(const c10::Type& type,
                                      const std::string& name, int32_t count);
  c10::IValue DrawTensor();
  int64_t DrawInt();

  const c10::FunctionSchema& schema_;
  const Integers integers_;
  std::minstd_rand random_;
  // All tensors of one draw are alike, or each is as it comes.
  std::optional<size_t> alike_;
  bool wild_ = false;  // Integers of any size.
};

}  // namespace ferry

#endif  // TESTS_EXECUTORS_OPERATOR_ARGUMENTS_H_
