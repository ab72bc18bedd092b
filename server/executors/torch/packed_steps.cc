#include "server/executors/torch/packed_steps.h"

#include <cstdint>
#include <limits>

namespace ferry {

const char* PackedStepsFault(const at::Tensor& data,
                             const at::Tensor& batch_sizes) {
  if (!batch_sizes.defined() || batch_sizes.dim() != 1 ||
      !batch_sizes.is_cpu() || batch_sizes.scalar_type() != at::kLong) {
    return nullptr;
  }
  if (batch_sizes.numel() == 0) return "there are no steps";
  const at::Tensor sizes = batch_sizes.contiguous();
  int64_t rows = data.defined() && data.dim() > 0 ? data.size(0) : 0;
  int64_t before = std::numeric_limits<int64_t>::max();
  for (int64_t step = 0; step < sizes.numel(); ++step) {
    const int64_t size = sizes.const_data_ptr<int64_t>()[step];
    if (size < 0) return "a batch size below zero";
    if (size > before) return "batch sizes that rise";
    if (size > rows) return "batch sizes of more rows than there are";
    rows -= size;
    before = size;
  }
  return nullptr;
}

}  // namespace ferry
