#include "server/executors/torch/tensor_needs.h"

#include <iterator>
#include <unordered_map>

namespace ferry {

namespace {

using NeedsByName = std::unordered_map<std::string_view, std::string_view>;

// Operators whose overloads differ, by their whole names.
const NeedsByName& NeedsOfOverloads() {
  static const auto* const needs = new NeedsByName{
      {"aten::lstm.input", "sss"},
      {"aten::lstm.data", "shss"},
      {"aten::gru.input", "sss"},
      {"aten::gru.data", "shss"},
      {"aten::rnn_tanh.input", "sss"},
      {"aten::rnn_tanh.data", "shss"},
      {"aten::rnn_relu.input", "sss"},
      {"aten::rnn_relu.data", "shss"},
      {"aten::tensor_split.tensor_indices_or_sections", "kh"},
      {"aten::randint_like.Tensor", "kh"},
      {"aten::__getitem__.t", "k"},
  };
  return *needs;
}

// The rest, by name; one that writes in place needs what the other does.
constexpr NeedsByName::value_type kNeedsOfOperators[] = {
    // Products.
    {"aten::linear", "sss"},
    {"aten::matmul", "ss"},
    {"aten::mm", "ss"},
    {"aten::bmm", "ss"},
    {"aten::mv", "ss"},
    {"aten::dot", "ss"},
    {"aten::addmm", "sss"},
    {"aten::addmv", "sss"},
    {"aten::addbmm", "sss"},
    {"aten::baddbmm", "sss"},
    {"aten::bilinear", "ssss"},
    {"aten::einsum", ".s"},
    {"aten::scaled_dot_product_attention", "sss"},
    // Convolutions.
    {"aten::convolution", "sss"},
    {"aten::_convolution", "sss"},
    {"aten::conv1d", "sss"},
    {"aten::conv2d", "sss"},
    {"aten::conv3d", "sss"},
    {"aten::conv_tbc", "sss"},
    {"aten::conv_transpose1d", "sss"},
    {"aten::conv_transpose2d", "sss"},
    {"aten::conv_transpose3d", "sss"},
    // Cells, and what packs sequences for them.
    {"aten::lstm_cell", "ssssss"},
    {"aten::gru_cell", "ssssss"},
    {"aten::rnn_tanh_cell", "ssssss"},
    {"aten::rnn_relu_cell", "ssssss"},
    {"aten::_pack_padded_sequence", "kh"},
    {"aten::_pad_packed_sequence", "kh"},
    // Normalisers: (input, weight, bias, mean, var), or with sizes between.
    {"aten::batch_norm", "sssss"},
    {"aten::instance_norm", "sssss"},
    {"aten::layer_norm", "s.ss"},
    {"aten::rms_norm", "s.s"},
    {"aten::group_norm", "s.ss"},
    {"aten::prelu", "ss"},
    // Look-ups and masks.
    {"aten::embedding", "ki"},
    {"aten::embedding_bag", "kii"},
    {"aten::index_select", "k.i"},
    {"aten::gather", "k.i"},
    {"aten::take", "ki"},
    {"aten::one_hot", "i"},
    {"aten::masked_fill", "kb"},
    {"aten::masked_select", "kb"},
    {"aten::masked_scatter", "kb"},
    // What numbers without a fraction cannot go through.
    {"aten::softmax", "f"},
    {"aten::log_softmax", "f"},
    {"aten::gelu", "f"},
    {"aten::silu", "f"},
    {"aten::elu", "f"},
    {"aten::mish", "f"},
    {"aten::softplus", "f"},
    {"aten::leaky_relu", "f"},
    {"aten::hardswish", "f"},
    {"aten::mean", "f"},
    {"aten::std", "f"},
    {"aten::var", "f"},
    {"aten::linalg_vector_norm", "f"},
    {"aten::dropout", "k"},
    {"aten::adaptive_avg_pool1d", "f"},
    {"aten::adaptive_avg_pool2d", "f"},
    {"aten::grid_sampler", "ss"},
    // Arithmetic.
    {"aten::add", "pp"},
    {"aten::sub", "pp"},
    {"aten::rsub", "pp"},
    {"aten::mul", "pp"},
    {"aten::div", "pp"},
    {"aten::maximum", "pp"},
    {"aten::minimum", "pp"},
    {"aten::addcmul", "ppp"},
    {"aten::lerp", "ss"},
    {"aten::cat", "p"},
    {"aten::stack", "p"},
    {"aten::relu", "k"},
    {"aten::neg", "k"},
    {"aten::abs", "k"},
    {"aten::max_pool1d", "k"},
    {"aten::max_pool2d", "k"},
    {"aten::max_pool3d", "k"},
    {"aten::pad", "k"},
    {"aten::constant_pad_nd", "k"},
    {"aten::reflection_pad1d", "k"},
    {"aten::reflection_pad2d", "k"},
    {"aten::replication_pad1d", "k"},
    {"aten::replication_pad2d", "k"},
    // Views, and other ways to look at the same numbers.
    {"aten::alias", "k"},
    {"aten::as_strided", "k"},
    {"aten::broadcast_to", "k"},
    {"aten::chunk", "k"},
    {"aten::clone", "k"},
    {"aten::contiguous", "k"},
    {"aten::detach", "k"},
    {"aten::expand", "k"},
    {"aten::expand_as", "k"},
    {"aten::flatten", "k"},
    {"aten::flip", "k"},
    {"aten::movedim", "k"},
    {"aten::narrow", "k"},
    {"aten::numpy_T", "k"},
    {"aten::permute", "k"},
    {"aten::pixel_shuffle", "k"},
    {"aten::repeat", "k"},
    {"aten::reshape", "k"},
    {"aten::reshape_as", "k"},
    {"aten::roll", "k"},
    {"aten::select", "k"},
    {"aten::slice", "k"},
    {"aten::split", "k"},
    {"aten::split_with_sizes", "k"},
    {"aten::squeeze", "k"},
    {"aten::swapaxes", "k"},
    {"aten::t", "k"},
    {"aten::transpose", "k"},
    {"aten::unbind", "k"},
    {"aten::unflatten", "k"},
    {"aten::unfold", "k"},
    {"aten::unsqueeze", "k"},
    {"aten::view_as", "k"},
    {"aten::_unwrap_optional", "k"},
};

const NeedsByName& NeedsOfOperators() {
  static const auto* const needs = new NeedsByName(
      std::begin(kNeedsOfOperators), std::end(kNeedsOfOperators));
  return *needs;
}

}  // namespace

std::string_view TensorNeeds(const c10::FunctionSchema& schema) {
  const NeedsByName& overloads = NeedsOfOverloads();
  if (!schema.overload_name().empty()) {
    const std::string whole = schema.name() + "." + schema.overload_name();
    if (const auto found = overloads.find(whole); found != overloads.end()) {
      return found->second;
    }
  }
  // view.dtype reads the same bytes as other numbers.
  if (schema.name() == "aten::view") {
    return schema.overload_name() == "dtype" ? "" : "k";
  }
  std::string_view name = schema.name();
  if (name.ends_with('_') && !name.ends_with("__")) name.remove_suffix(1);
  const NeedsByName& operators = NeedsOfOperators();
  const auto found = operators.find(name);
  return found == operators.end() ? "" : found->second;
}

bool WantsHost(const c10::FunctionSchema& schema, size_t argument) {
  const std::string_view needs = TensorNeeds(schema);
  return argument < needs.size() && needs[argument] == 'h';
}

bool CarriesTensors(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return true;
    case c10::TypeKind::OptionalType:
      return CarriesTensors(
          *type.expectRef<c10::OptionalType>().getElementType());
    case c10::TypeKind::ListType:
      return CarriesTensors(*type.expectRef<c10::ListType>().getElementType());
    default:
      return false;
  }
}

}  // namespace ferry
