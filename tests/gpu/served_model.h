// What gpu_check asks of a model that serves in a TestPool: its answer, as
// numbers, wherever it serves at this moment.
//
// Threads:  any.

#ifndef TESTS_GPU_SERVED_MODEL_H_
#define TESTS_GPU_SERVED_MODEL_H_

#include <limits>
#include <string>
#include <vector>

#include <ATen/core/ivalue.h>

#include "absl/status/statusor.h"

#include "server/values/value.h"
#include "tests/support/test_pool.h"

namespace ferry {

// The models of a folder that have inputs and answers, by name.
std::vector<std::string> CheckedModels(const std::string& folder);

struct Answer {
  DeviceId device;
  std::vector<double> numbers;  // Every element of every tensor, in order.
};

// `inputs` in the order of the model's arguments.
absl::StatusOr<Answer> Ask(TestPool& pool, const std::string& model,
                           const std::vector<c10::IValue>& inputs);

std::vector<double> NumbersOf(const std::vector<c10::IValue>& values);

// The largest difference, in parts of the largest number there is; infinite
// when they are not of one form, or one has a NaN where the other has none.
double Distance(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace ferry

#endif  // TESTS_GPU_SERVED_MODEL_H_
