// The list of operators whose results are new, held against what they do: over
// drawn arguments, over those that look most like nothing to do, and, where
// drawing finds none that fit, over arguments written down here.

#include "server/executors/torchscript/graph/fresh_results.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/operator.h>

#include "absl/strings/str_cat.h"

#include "server/executors/torch/ivalue_walk.h"
#include "server/executors/torch/start_libtorch.h"
#include "tests/executors/operator_arguments.h"
#include "tests/executors/scripted.h"

namespace ferry {
namespace {

using Storages = std::set<const void*>;

void AddStorages(const c10::IValue& value, Storages& storages) {
  ForEachTensor(value, [&](const at::Tensor& tensor) {
    if (tensor.has_storage() && tensor.storage().nbytes() > 0) {
      storages.insert(tensor.storage().data());
    }
  });
}

Storages StoragesOf(const std::vector<c10::IValue>& values) {
  Storages storages;
  for (const c10::IValue& value : values) AddStorages(value, storages);
  return storages;
}

bool Meet(const Storages& some, const Storages& others) {
  return std::ranges::any_of(
      some, [&](const void* one) { return others.contains(one); });
}

// How often it ran; a failure is added when a result that the schema declares
// as new is not.
int TryDraws(const torch::jit::Operator& op) {
  constexpr int kDrawsOfOne = 120;
  const c10::FunctionSchema& schema = op.schema();
  OperatorArguments arguments(schema, OperatorArguments::Integers::kSmall);
  torch::jit::Operation run = op.getOperation();
  int ran = 0;
  for (int i = 0; i < kDrawsOfOne; ++i) {
    auto stack = arguments.Draw();
    if (!stack) return ran;
    const std::vector<c10::IValue> given = *stack;
    try {
      run(*stack);
    } catch (...) {
      continue;
    }
    ++ran;
    const Storages inputs = StoragesOf(given);
    for (size_t k = 0; k < schema.returns().size(); ++k) {
      if (schema.returns()[k].alias_info() != nullptr) continue;
      EXPECT_FALSE(Meet(StoragesOf({(*stack)[k]}), inputs))
          << schema.name() << "." << schema.overload_name() << "("
          << OperatorArguments::Text(given) << ")";
    }
  }
  return ran;
}

// Operators that drawing does not get to run, with arguments that they take:
// v [2], m [2, 2], a [2, 2, 3], i [1, 2, 4, 4], j [1, 2, 2, 4, 4], k [2] whole.
const auto kWritten = std::to_array<std::pair<const char*, const char*>>({
    {"_convolution_mode",
     "torch._convolution_mode(i, i[:, :, :1, :1], None, [1, 1], "
     "\"valid\", [1, 1], 1)"},
    {"_convolution",
     "torch._convolution(i, i[:, :, :1, :1], None, [1, 1], [0, 0], [1, 1], "
     "False, [0, 0], 1, False, False, False, False)"},
    {"convolution",
     "torch.convolution(i, i[:, :, :1, :1], None, [1, 1], [0, 0], [1, 1], "
     "False, [0, 0], 1)"},
    {"conv1d", "torch.conv1d(a, a[:, :, :1])"},
    {"conv2d", "torch.conv2d(i, i[:, :, :1, :1])"},
    {"conv3d", "torch.conv3d(j, j[:, :, :1, :1, :1])"},
    {"conv_transpose1d", "torch.conv_transpose1d(a, a[:, :, :1])"},
    {"conv_transpose2d",
     "torch.conv_transpose2d(i, i[:, :, :1, :1].transpose(0, 1))"},
    {"conv_transpose3d",
     "torch.conv_transpose3d(j, j[:, :, :1, :1, :1].transpose(0, 1))"},
    {"_native_multi_head_attention",
     "torch._native_multi_head_attention(a, a, a, 3, 1, torch.ones([9, 3]), "
     "torch.ones([9]), torch.ones([3, 3]), torch.ones([3]))"},
    {"_pack_padded_sequence",
     "torch._pack_padded_sequence(a, torch.tensor([2, 2]), False)"},
    {"_upsample_bilinear2d_aa",
     "torch._upsample_bilinear2d_aa(i, [4, 4], False)"},
    {"_upsample_bicubic2d_aa",
     "torch._upsample_bicubic2d_aa(i, [4, 4], False)"},
    {"addbmm", "torch.addbmm(m, a[:, :, :2], a[:, :, :2])"},
    {"addmv", "torch.addmv(v, m, v)"},
    {"baddbmm", "torch.baddbmm(a[:, :, :2], a[:, :, :2], a[:, :, :2])"},
    {"bmm", "torch.bmm(a[:, :, :2], a[:, :, :2])"},
    {"mv", "torch.mv(m, v)"},
    {"avg_pool2d", "torch.avg_pool2d(i, [1, 1])"},
    {"avg_pool3d", "torch.avg_pool3d(j, [1, 1, 1])"},
    {"max_pool3d", "torch.max_pool3d(j, [1, 1, 1])"},
    {"batch_norm",
     "torch.batch_norm(i, None, None, v, v, False, 0.1, 1e-5, False)"},
    {"native_batch_norm",
     "torch.native_batch_norm(i, None, None, v, v, False, 0.1, 1e-5)"},
    {"instance_norm",
     "torch.instance_norm(i, None, None, None, None, True, 0.1, 1e-5, False)"},
    {"layer_norm", "torch.layer_norm(m, [2])"},
    {"native_layer_norm", "torch.native_layer_norm(m, [2], None, None, 1e-5)"},
    {"native_group_norm",
     "torch.native_group_norm(i, None, None, 1, 2, 16, 1, 1e-5)"},
    {"group_norm", "torch.group_norm(i, 1)"},
    {"bilinear", "torch.bilinear(m, m, a[:, :, :2])"},
    {"embedding_bag", "torch.embedding_bag(m, k, torch.tensor([0, 1]))"},
    {"gather", "torch.gather(m, 0, torch.zeros([2, 2], dtype=4))"},
    {"scatter", "torch.scatter(m, 0, torch.zeros([2, 2], dtype=4), m)"},
    {"scatter_add", "torch.scatter_add(m, 0, torch.zeros([2, 2], dtype=4), m)"},
    {"scatter_reduce",
     "torch.scatter_reduce(m, 0, torch.zeros([2, 2], dtype=4), m, \"sum\")"},
    {"grid_sampler",
     "torch.grid_sampler(i, torch.zeros([1, 4, 4, 2]), 0, 0, False)"},
    {"affine_grid_generator",
     "torch.affine_grid_generator(a[:, :2], [2, 2, 4, 4], False)"},
    {"lstm",
     "torch.lstm(a, [torch.ones([1, 2, 3]), torch.ones([1, 2, 3])], "
     "[torch.ones([12, 3]), torch.ones([12, 3])], False, 1, 0.0, False, "
     "False, False)"},
    {"gru",
     "torch.gru(a, torch.ones([1, 2, 3]), [torch.ones([9, 3]), "
     "torch.ones([9, 3])], False, 1, 0.0, False, False, False)"},
    {"rnn_tanh",
     "torch.rnn_tanh(a, torch.ones([1, 2, 3]), [torch.ones([3, 3]), "
     "torch.ones([3, 3])], False, 1, 0.0, False, False, False)"},
    {"rnn_relu",
     "torch.rnn_relu(a, torch.ones([1, 2, 3]), [torch.ones([3, 3]), "
     "torch.ones([3, 3])], False, 1, 0.0, False, False, False)"},
    {"lstm_cell",
     "torch.lstm_cell(m, [m, m], torch.ones([8, 2]), torch.ones([8, 2]))"},
    {"gru_cell",
     "torch.gru_cell(m, m, torch.ones([6, 2]), torch.ones([6, 2]))"},
    {"index", "torch.index(m, [k])"},
    {"index_add", "torch.index_add(m, 0, k, m)"},
    {"index_copy", "torch.index_copy(m, 0, k, m)"},
    {"index_fill", "torch.index_fill(m, 0, k, 1.0)"},
    {"index_put", "torch.index_put(m, [k], m)"},
    {"index_select", "torch.index_select(m, 0, k)"},
    {"stft",
     "torch.stft(torch.ones([8]), 4, None, None, None, False, None, "
     "True)"},
    {"istft",
     "torch.istft(torch.stft(torch.ones([8]), 4, None, None, torch.ones([4]), "
     "False, None, True), 4, None, None, torch.ones([4]), False)"},
    {"tensordot", "torch.tensordot(m, m, [0], [0])"},
    {"upsample_nearest3d", "torch.upsample_nearest3d(j, [2, 4, 4])"},
    {"upsample_trilinear3d", "torch.upsample_trilinear3d(j, [2, 4, 4], False)"},
    {"max_unpool2d",
     "torch.max_unpool2d(i, torch.arange(16).view([1, 1, 4, 4]).repeat([1, 2, "
     "1, 1]), [4, 4])"},
    {"quantize_per_tensor", "torch.quantize_per_tensor(m, 0.1, 0, 13)"},
    {"quantize_per_channel",
     "torch.quantize_per_channel(m, v, torch.zeros([2], dtype=4), 0, 13)"},
    {"fake_quantize_per_channel_affine",
     "torch.fake_quantize_per_channel_affine(m, v, torch.zeros([2], dtype=3), "
     "0, 0, 255)"},
    {"nll_loss", "torch.nll_loss(m, k)"},
    {"im2col", "torch.im2col(i, [2, 2], [1, 1], [0, 0], [1, 1])"},
    {"rms_norm", "torch.rms_norm(m, [2])"},
    {"col2im",
     "torch.col2im(torch.ones([1, 2, 4]), [2, 2], [1, 1], [1, 1], [0, 0], [1, "
     "1])"},
    {"masked_scatter", "torch.masked_scatter(m, m > 0, m)"},
});

bool TryWritten(const std::string& name, const std::string& call) {
  const at::Tensor v = at::ones({2});
  const std::vector<c10::IValue> inputs = {v,
                                           at::ones({2, 2}),
                                           at::ones({2, 2, 3}),
                                           at::ones({1, 2, 4, 4}),
                                           at::ones({1, 2, 2, 4, 4}),
                                           at::tensor({0, 1}, at::kLong)};
  torch::jit::Module module("Call");
  module.define(
      absl::StrCat("def forward(self, v, m, a, i, j, k):\n    return ", call,
                   "\n"),
      Names());
  int found = 0;
  for (torch::jit::Node* node : module.get_method("forward").graph()->nodes()) {
    found += node->kind().toQualString() == name;
  }
  EXPECT_EQ(found, 1) << call;
  const c10::IValue result = module.forward(inputs);
  EXPECT_FALSE(Meet(StoragesOf({result}), StoragesOf(inputs))) << call;
  return true;
}

TEST(FreshResultsTest, ResultsOfTheListedOperatorsShareNoMemory) {
  StartLibTorch(1);
  const c10::InferenceMode inference;
  for (const std::string& name : FreshOperators()) {
    const auto operators =
        torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(name));
    EXPECT_FALSE(operators.empty()) << name;
    int ran = 0;
    for (const auto& op : operators) {
      if (op->hasOperation()) ran += TryDraws(*op);
    }
    for (const auto& [written, call] : kWritten) {
      if (name == absl::StrCat("aten::", written)) {
        ran += TryWritten(name, call) ? 1 : 0;
      }
    }
    // Quantised ones take packed weights: instance_test.cc runs them.
    EXPECT_TRUE(ran > 0 || name.starts_with("quantized::")) << name;
  }
}

TEST(FreshResultsTest, WhatSometimesGivesBackItsArgumentIsNotListed) {
  for (const std::string name : {"type_as",
                                 "dropout",
                                 "alpha_dropout",
                                 "feature_dropout",
                                 "native_dropout",
                                 "atleast_1d",
                                 "atleast_2d",
                                 "atleast_3d",
                                 "_unsafe_view",
                                 "sum_to_size",
                                 "einsum",
                                 "cartesian_prod",
                                 "dequantize",
                                 "chain_matmul",
                                 "to",
                                 "contiguous",
                                 "reshape",
                                 "expand",
                                 "view_as",
                                 "conj_physical",
                                 "lift",
                                 "to_dense",
                                 "_cast_Float",
                                 "unsafe_split",
                                 "unsafe_chunk",
                                 "broadcast_tensors",
                                 "meshgrid",
                                 "_to_cpu",
                                 "data",
                                 "align_as",
                                 "pin_memory"}) {
    EXPECT_FALSE(MakesFreshResults("aten::" + name)) << name;
  }
  EXPECT_FALSE(MakesFreshResults("prim::ListUnpack"));
  EXPECT_TRUE(MakesFreshResults("aten::add"));
}

}  // namespace
}  // namespace ferry
