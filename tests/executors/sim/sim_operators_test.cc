// Operators on simulated devices, bit-equal to the cpu's.

#include "server/executors/sim/sim_operators.h"

#include <ATen/Functions.h>
#include <ATen/TensorIndexing.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "tests/executors/model_file.h"

namespace ferry::sim_operators_test {
namespace {

class SimOperatorsTest : public ::testing::Test {
 protected:
  SimOperatorsTest() { at::manual_seed(3); }

  const c10::InferenceMode inference_;
  Devices devices_;
  const c10::Device sim0_{c10::kPrivateUse1, 0};
  const c10::Device sim1_{c10::kPrivateUse1, 1};
};

TEST_F(SimOperatorsTest, ViewsInPlaceOutAndIndexing) {
  const at::Tensor x = at::randn({6, 8});
  const at::Tensor y = x.to(sim0_);
  y.t().slice(0, 2, 5).add_(1);
  x.t().slice(0, 2, 5).add_(1);
  EXPECT_TRUE(at::equal(y.cpu(), x));
  at::Tensor out = at::empty({0}, y.options());
  at::add_out(out, y, y);
  EXPECT_TRUE(at::equal(out.cpu(), x + x));
  EXPECT_TRUE(at::equal(y.index({at::tensor({0, 3})}).cpu(),
                        x.index({at::tensor({0, 3})})));
  const auto parts = y.chunk(2, 1);
  EXPECT_TRUE(at::equal(at::cat({parts[1], parts[0]}, 1).cpu(),
                        at::cat({x.chunk(2, 1)[1], x.chunk(2, 1)[0]}, 1)));
  EXPECT_TRUE(at::equal(y.nonzero().cpu(), x.nonzero()));
  EXPECT_TRUE(at::equal(std::get<0>(y.topk(3)).cpu(), std::get<0>(x.topk(3))));
  EXPECT_EQ(y.sum().item<float>(), x.sum().item<float>());
}

TEST_F(SimOperatorsTest, CompositeOperatorsTakeTheCpusPath) {
  const at::Tensor image = at::randn({1, 3, 16, 16});
  const at::Tensor filter = at::randn({8, 3, 3, 3});
  EXPECT_TRUE(at::equal(at::conv2d(image.to(sim0_), filter.to(sim0_)).cpu(),
                        at::conv2d(image, filter)));
  const at::Tensor q = at::randn({2, 4, 6, 8});
  EXPECT_TRUE(at::equal(
      at::scaled_dot_product_attention(q.to(sim0_), q.to(sim0_), q.to(sim0_))
          .cpu(),
      at::scaled_dot_product_attention(q, q, q)));
}

TEST_F(SimOperatorsTest, OperatorsMadeOfOthersAnswerAsOnTheCpu) {
  const at::Tensor x = at::randn({3, 9, 32});
  const at::Tensor scale = at::randn({32});
  const at::Tensor in_weight = at::randn({96, 32});
  const at::Tensor out_weight = at::randn({32, 32});
  const at::Tensor pairs = at::randn({7, 32, 32});
  const auto expect_same = [&](const char* name, const auto& run) {
    const auto there = [this](const at::Tensor& tensor) {
      return tensor.to(sim0_);
    };
    const auto here = [](const at::Tensor& tensor) { return tensor; };
    EXPECT_TRUE(at::equal(run(there).cpu(), run(here))) << name;
  };
  expect_same("rms_norm", [&](const auto& on) {
    return at::rms_norm(on(x), {32}, on(scale), 1e-6);
  });
  expect_same("cdist", [&](const auto& on) {
    return at::cdist(on(x), on(x.flip({1})));
  });
  expect_same("bilinear", [&](const auto& on) {
    return at::bilinear(on(x[0]), on(x[1]), on(pairs));
  });
  expect_same("_native_multi_head_attention", [&](const auto& on) {
    return std::get<0>(at::_native_multi_head_attention(
        on(x), on(x), on(x), 32, 4, on(in_weight), on(at::zeros({96})),
        on(out_weight), on(at::zeros({32}))));
  });
}

TEST_F(SimOperatorsTest, TensorsOfDifferentDevicesAreRefused) {
  const at::Tensor a = at::ones({4}).to(sim0_);
  for (const at::Tensor& other : {at::ones({4}).to(sim1_), at::ones({4})}) {
    try {
      a.add(other);
      ADD_FAILURE() << other.device();
    } catch (const c10::Error& error) {
      EXPECT_NE(std::string(error.what())
                    .find("Expected all tensors to be on the same device"),
                std::string::npos);
    }
  }
  EXPECT_TRUE(
      at::equal(a.add(at::scalar_tensor(1.0)).cpu(), at::full({4}, 2.0)));
}

TEST_F(SimOperatorsTest, CopiesGoAnywhere) {
  const at::Tensor x = at::randn({3, 5});
  EXPECT_TRUE(at::equal(x.to(sim0_).to(sim1_).cpu(), x));
  EXPECT_TRUE(at::equal(x.to(sim0_, at::kDouble).cpu(), x.to(at::kDouble)));
  EXPECT_TRUE(at::equal(x.t().to(sim0_).contiguous().cpu(), x.t()));
}

TEST_F(SimOperatorsTest, AViewBeyondItsStorageIsRefusedOrTheStorageGrows) {
  // Neighbours, as two models' weights are.
  const at::Tensor mine = at::zeros({256}).to(sim0_);
  const at::Tensor next = at::full({256}, 5.0).to(sim0_);
  mine.storage().unsafeGetStorageImpl()->set_resizable(false);
  const auto expect_refused = [](const char* what, const auto& set) {
    EXPECT_THROW(set(), c10::Error) << what;
  };
  at::Tensor view = at::empty({0}, mine.options());
  expect_refused("size", [&] { view.set_(mine, 0, {2048}, {1}); });
  expect_refused("stride", [&] { view.set_(mine, 0, {2}, {4096}); });
  expect_refused("offset", [&] { view.set_(mine, 512, {1}, {1}); });
  expect_refused("negative", [&] { view.set_(mine, -1, {1}, {1}); });
  expect_refused("ranks", [&] { view.set_(mine, 0, {2, 2}, {1}); });
  at::Tensor same = at::empty({0}, mine.options());
  same.set_(mine, 128, {128}, {1});
  same.fill_(7);
  EXPECT_TRUE(at::equal(mine.cpu().slice(0, 128), at::full({128}, 7.0)));
  EXPECT_TRUE(at::equal(next.cpu(), at::full({256}, 5.0)));

  at::Tensor here = at::ones({4});
  at::Tensor there = here.to(sim0_);
  for (at::Tensor* tensor : {&here, &there}) {
    tensor->set_(*tensor, 0, {3, 4}, {4, 1});
    tensor->slice(0, 1).fill_(2);
  }
  EXPECT_TRUE(at::equal(there.cpu(), here));
}

TEST_F(SimOperatorsTest, FactoriesMakeTensorsWhereTheyAreAskedTo) {
  EXPECT_EQ(at::zeros({3}, at::TensorOptions().device(sim1_)).device(), sim1_);
  EXPECT_TRUE(at::equal(at::arange(5, at::TensorOptions().device(sim1_)).cpu(),
                        at::arange(5)));
}

}  // namespace
}  // namespace ferry::sim_operators_test
