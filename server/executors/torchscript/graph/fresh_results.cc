#include "server/executors/torchscript/graph/fresh_results.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace ferry {

namespace {

// Of aten, unless another library is named.
constexpr char kFresh[] =
    "__and__ __or__ __xor__ _convolution _convolution_mode _log_softmax "
    "_native_multi_head_attention _pack_padded_sequence _shape_as_tensor "
    "_softmax _to_copy _unique2 _upsample_bicubic2d_aa "
    "_upsample_bilinear2d_aa abs absolute acos acosh adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d "
    "adaptive_max_pool2d adaptive_max_pool3d add addbmm addcdiv addcmul addmm "
    "addmv addr affine_grid_generator all amax amin aminmax angle any arange "
    "arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin "
    "argsort argwhere asin asinh atan atan2 atanh avg_pool1d avg_pool2d "
    "avg_pool3d baddbmm bartlett_window batch_norm bilinear "
    "binary_cross_entropy binary_cross_entropy_with_logits bincount "
    "bitwise_and bitwise_left_shift bitwise_not bitwise_or "
    "bitwise_right_shift bitwise_xor blackman_window bmm bucketize cat cdist "
    "ceil celu clamp clamp_max clamp_min clip clone col2im column_stack "
    "complex concat concatenate constant_pad_nd conv1d conv2d conv3d "
    "conv_transpose1d conv_transpose2d conv_transpose3d convolution copysign "
    "cos cosh cross cummax cummin cumprod cumsum deg2rad diag diag_embed "
    "diagflat diff div divide dot dstack elu embedding embedding_bag empty "
    "empty_like eq erf erfc exp exp2 expm1 eye "
    "fake_quantize_per_channel_affine fake_quantize_per_tensor_affine fft_fft "
    "fft_ifft fft_irfft fft_rfft flip fliplr flipud float_power floor "
    "floor_divide fmax fmin fmod frac frexp full full_like gather gcd ge gelu "
    "ger glu greater greater_equal grid_sampler group_norm gru gru_cell gt "
    "hamming_window hann_window hardshrink hardsigmoid hardswish hardtanh "
    "heaviside histc hstack hypot i0 im2col index index_add index_copy "
    "index_fill index_put index_select inner instance_norm isclose isfinite "
    "isin isinf isnan isneginf isposinf isreal istft kaiser_window kron "
    "kthvalue layer_norm lcm ldexp le leaky_relu lerp less less_equal lgamma "
    "linalg_norm linalg_vector_norm linear linspace log log10 log1p log2 "
    "log_sigmoid log_softmax logaddexp logaddexp2 logcumsumexp logical_and "
    "logical_not logical_or logical_xor logit logspace logsumexp lstm "
    "lstm_cell lt masked_fill masked_scatter masked_select matmul "
    "matrix_power max max_pool1d max_pool1d_with_indices max_pool2d "
    "max_pool2d_with_indices max_pool3d max_unpool2d maximum mean median min "
    "minimum mish mm mode msort mul multiply mv nan_to_num nanmean nanmedian "
    "nanquantile nansum native_batch_norm native_group_norm native_layer_norm "
    "ne neg negative new_empty new_full new_ones new_zeros nextafter nll_loss "
    "nonzero_static norm norm_except_dim not_equal one_hot ones ones_like "
    "outer pad pad_sequence pdist polar pow prelu prod quantile "
    "quantize_per_channel quantize_per_tensor rad2deg rand rand_like randint "
    "randint_like randn randn_like range reciprocal reflection_pad1d "
    "reflection_pad2d reflection_pad3d relu relu6 remainder repeat "
    "repeat_interleave replication_pad1d replication_pad2d replication_pad3d "
    "rms_norm rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell roll rot90 round "
    "row_stack rrelu rsqrt rsub scalar_tensor scaled_dot_product_attention "
    "scatter scatter_add scatter_reduce searchsorted selu sgn sigmoid sign "
    "signbit silu sin sinc sinh size slice_scatter softmax softplus "
    "softshrink sort sqrt square stack std std_mean stft sub subtract sum "
    "take take_along_dim tan tanh tensor tensordot threshold tile topk trace "
    "tril tril_indices triu triu_indices true_divide trunc unique_consecutive "
    "upsample_bicubic2d upsample_bilinear2d upsample_linear1d "
    "upsample_nearest1d upsample_nearest2d upsample_nearest3d "
    "upsample_trilinear3d var var_mean vstack where xlogy zeros zeros_like "
    "quantized::add quantized::add_relu quantized::batch_norm2d "
    "quantized::cat quantized::conv1d quantized::conv1d_relu "
    "quantized::conv2d quantized::conv2d_relu quantized::linear "
    "quantized::linear_dynamic quantized::linear_relu "
    "quantized::linear_relu_dynamic quantized::mul quantized::mul_relu";

const std::set<std::string, std::less<>>& FreshNames() {
  static const auto* const names = [] {
    auto* made = new std::set<std::string, std::less<>>;
    for (const absl::string_view name : absl::StrSplit(kFresh, ' ')) {
      const bool whole = absl::StrContains(name, "::");
      made->insert(absl::StrCat(whole ? "" : "aten::", name));
    }
    return made;
  }();
  return *names;
}

}  // namespace

bool MakesFreshResults(std::string_view operator_name) {
  return FreshNames().contains(operator_name);
}

std::vector<std::string> FreshOperators() {
  return {FreshNames().begin(), FreshNames().end()};
}

}  // namespace ferry
