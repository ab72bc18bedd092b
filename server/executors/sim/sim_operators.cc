#include "server/executors/sim/sim_operators.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/native/Resize.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "server/executors/sim/sim_allocator.h"
#include "server/executors/sim/sim_table.h"
#include "server/executors/sim/sim_windows.h"
#include "server/executors/torch/tensor_needs.h"

namespace ferry {

namespace {

// As on a GPU, these take indices that are on the host.
bool TakesHostIndices(const c10::FunctionSchema& schema) {
  const std::string_view name = schema.name();
  return name == "aten::index" || name == "aten::index_put_" ||
         name == "aten::_index_put_impl_";
}

template <typename Visit>
void ForEachArgumentTensor(const c10::IValue& value, Visit visit) {
  if (value.isTensor()) {
    visit(value.toTensor());
  } else if (value.isList()) {
    for (const c10::IValue& element : value.toListRef()) {
      if (element.isTensor()) visit(element.toTensor());
    }
  }
}

// The one device that the tensors are on; nothing when none is on any.
class CommonDevice {
 public:
  explicit CommonDevice(const c10::OperatorHandle& op)
      : op_(op), host_indices_(TakesHostIndices(op.schema())) {}

  void Add(const at::Tensor& tensor, size_t argument) {
    if (!tensor.defined()) return;
    if (WantsHost(op_.schema(), argument)) {
      TORCH_CHECK(!IsOnSim(tensor), op_.schema().operator_name(), ": ",
                  op_.schema().arguments()[argument].name(),
                  " should be on the CPU, but is on ", tensor.device());
      return;
    }
    // A host scalar is legal beside device tensors.
    if (!IsOnSim(tensor) && (host_indices_ || tensor.dim() == 0)) return;
    if (!device_) device_ = tensor.device();
    TORCH_CHECK(*device_ == tensor.device(),
                "Expected all tensors to be on the same device, but found at "
                "least two devices, ",
                *device_, " and ", tensor.device(),
                "! (when checking the arguments of ",
                op_.schema().operator_name(), ")");
  }

  const std::optional<c10::Device>& device() const { return device_; }

 private:
  const c10::OperatorHandle& op_;
  const bool host_indices_;
  std::optional<c10::Device> device_;
};

// Opens the windows of an argument's tensors in place.
void OpenArgument(c10::IValue& value, SimWindows& windows) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) value = windows.Open(value.toTensor());
  } else if (value.isList()) {
    // Of any static type: TorchScript passes lists of indices as List[Any].
    bool tensors = false;
    ForEachArgumentTensor(value, [&](const at::Tensor&) { tensors = true; });
    if (!tensors) return;
    const c10::impl::GenericList from = value.toList();
    c10::impl::GenericList to(from.elementType());
    to.reserve(from.size());
    for (const c10::IValue& element : value.toListRef()) {
      to.push_back(element.isTensor() && element.toTensor().defined()
                       ? c10::IValue(windows.Open(element.toTensor()))
                       : element);
    }
    value = std::move(to);
  }
}

void MapResult(c10::IValue& value, SimWindows& windows, c10::Device device) {
  if (value.isTensor()) {
    value = windows.Result(value.toTensor(), device);
  } else if (value.isTensorList()) {
    c10::List<at::Tensor> to;
    for (const at::Tensor& tensor : value.toTensorVector()) {
      to.push_back(windows.Result(tensor, device));
    }
    value = std::move(to);
  }
}

void RunOnCpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto begin = static_cast<std::ptrdiff_t>(
      stack->size() - op.schema().arguments().size());
  CommonDevice common(op);
  for (auto value = stack->begin() + begin; value != stack->end(); ++value) {
    const auto argument = static_cast<size_t>(value - (stack->begin() + begin));
    ForEachArgumentTensor(
        *value, [&](const at::Tensor& t) { common.Add(t, argument); });
  }
  std::optional<c10::Device> asked;
  SimWindows windows;
  for (auto value = stack->begin() + begin; value != stack->end(); ++value) {
    if (value->isDevice()) {
      asked = value->toDevice();
      *value = c10::Device(c10::kCPU);
    } else {
      OpenArgument(*value, windows);
    }
  }
  c10::Device device(c10::kPrivateUse1,
                     static_cast<c10::DeviceIndex>(CurrentSimDevice()));
  if (common.device()) {
    device = *common.device();
  } else if (asked && asked->has_index()) {
    device = *asked;
  }
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  SimDeviceAt(device.index()).RanKernel();
  windows.WriteBack();
  const auto results =
      static_cast<std::ptrdiff_t>(stack->size() - op.schema().returns().size());
  for (auto value = stack->begin() + results; value != stack->end(); ++value) {
    MapResult(*value, windows, device);
  }
}

at::Tensor Empty(c10::IntArrayRef sizes, std::optional<at::ScalarType> type,
                 std::optional<at::Layout>, std::optional<at::Device> device,
                 std::optional<bool>, std::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard guard(c10::device_or_default(device));
  return at::Tensor(at::detail::empty_generic(
      sizes, &SimAllocator(),
      c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
      c10::dtype_or_default(type), format));
}

at::Tensor EmptyStrided(c10::IntArrayRef sizes, c10::IntArrayRef strides,
                        std::optional<at::ScalarType> type,
                        std::optional<at::Layout>,
                        std::optional<at::Device> device, std::optional<bool>) {
  return EmptyOnSim(sizes, strides, c10::dtype_or_default(type),
                    c10::device_or_default(device));
}

// Between host and device, and between devices: the link is for weights, so
// activations travel at once.
at::Tensor CopyFrom(const at::Tensor& from, const at::Tensor& to, bool) {
  if (from.numel() == 0) return to;
  SimWindows windows;
  windows.Open(to).copy_(windows.Open(from));
  return to;
}

at::Tensor CopyFromAndResize(const at::Tensor& from, const at::Tensor& to) {
  to.resize_(from.sizes());
  return CopyFrom(from, to, false);
}

// As on the cpu: a storage that is too small grows, and a lease, which cannot,
// is refused.
at::Tensor& SetStorage(at::Tensor& self, at::Storage storage, int64_t offset,
                       c10::IntArrayRef sizes, c10::IntArrayRef strides) {
  at::native::checkSetStorage(self, std::move(storage), offset, sizes, strides);
  c10::TensorImpl* impl = self.unsafeGetTensorImpl();
  const bool strided = strides.data() != nullptr;
  const size_t needed_bytes =
      strided ? at::detail::computeStorageNbytes(sizes, strides,
                                                 impl->itemsize(), offset)
              : at::detail::computeStorageNbytesContiguous(
                    sizes, impl->itemsize(), offset);
  c10::StorageImpl& held = *self.storage().unsafeGetStorageImpl();
  if (c10::multiply_integers(sizes) > 0 && needed_bytes > held.nbytes()) {
    GrowSimStorage(held, needed_bytes);
  }
  impl->set_storage_offset(offset);
  if (strided) {
    impl->set_sizes_and_strides(sizes, strides);
  } else {
    impl->set_sizes_contiguous(sizes);
  }
  return self;
}

constexpr std::array kWholeOperators = {"convolution",
                                        "_convolution",
                                        "scaled_dot_product_attention",
                                        "lstm.input",
                                        "lstm.data",
                                        "gru.input",
                                        "gru.data",
                                        "rnn_tanh.input",
                                        "rnn_tanh.data",
                                        "rnn_relu.input",
                                        "rnn_relu.data",
                                        "lstm_cell",
                                        "gru_cell",
                                        "linear",
                                        "matmul",
                                        "batch_norm",
                                        "layer_norm",
                                        "group_norm",
                                        "instance_norm",
                                        "conv1d",
                                        "conv2d",
                                        "conv3d",
                                        "conv_transpose1d",
                                        "conv_transpose2d.input",
                                        "conv_transpose3d.input",
                                        "max_pool1d",
                                        "max_pool2d",
                                        "einsum",
                                        "embedding_bag",
                                        "softmax.int",
                                        "log_softmax.int"};

}  // namespace

void RegisterSimOperators() {
  // Kept for ever: taking kernels away while LibTorch lives is not supported.
  static torch::Library* const fallback =
      new torch::Library(torch::Library::IMPL, "_",
                         c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
  static torch::Library* const aten =
      new torch::Library(torch::Library::IMPL, "aten",
                         c10::DispatchKey::PrivateUse1, __FILE__, __LINE__);
  static const bool once = [] {
    fallback->fallback(torch::CppFunction::makeFromBoxedFunction<&RunOnCpu>());
    aten->impl("empty.memory_format", &Empty);
    aten->impl("empty_strided", &EmptyStrided);
    aten->impl("_copy_from", &CopyFrom);
    aten->impl("_copy_from_and_resize", &CopyFromAndResize);
    aten->impl("set_.source_Storage_storage_offset", &SetStorage);
    for (const char* name : kWholeOperators) {
      aten->impl(name, torch::CppFunction::makeFromBoxedFunction<&RunOnCpu>());
    }
    return true;
  }();
  (void)once;
}

}  // namespace ferry
