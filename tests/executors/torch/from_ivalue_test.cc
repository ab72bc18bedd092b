// What forward may return, and the outputs that a client gets of it.

#include "server/executors/torch/from_ivalue.h"

#include <ATen/Functions.h>
#include <ATen/core/jit_type.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::from_ivalue_test {
namespace {

using ::testing::HasSubstr;

class FromIValueTest : public ::testing::Test {
 protected:
  std::vector<std::string> Names(const c10::IValue& answer) {
    const auto outputs = AnswerValues(answer, tensors_);
    EXPECT_THAT(outputs, IsOk());
    std::vector<std::string> names;
    for (const NamedValue& output : *outputs) names.push_back(output.name);
    return names;
  }

  const c10::InferenceMode inference_;
  AnswerTensors tensors_;
};

TEST_F(FromIValueTest, ASingleValueIsTheOutput) {
  EXPECT_EQ(Names(at::ones({2})), (std::vector<std::string>{"output"}));
  EXPECT_EQ(Names(int64_t{3}), (std::vector<std::string>{"output"}));
}

TEST_F(FromIValueTest, ATuplesElementsAreOutputsByPlaceOrByName) {
  EXPECT_EQ(Names(c10::ivalue::Tuple::create({1, 2.0})),
            (std::vector<std::string>{"output_0", "output_1"}));
  const auto type = c10::TupleType::createNamed(
      c10::QualifiedName("__torch__.Box"),
      std::vector<std::string>{"left", "right"},
      std::vector<c10::TypePtr>{c10::IntType::get(), c10::IntType::get()});
  EXPECT_EQ(Names(c10::ivalue::Tuple::createNamed({1, 2}, type)),
            (std::vector<std::string>{"left", "right"}));
}

TEST_F(FromIValueTest, ADictsEntriesAreOutputsInOrder) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::TensorType::get());
  dict.insert("z", at::ones({1}));
  dict.insert("a", at::ones({1}));
  EXPECT_EQ(Names(dict), (std::vector<std::string>{"z", "a"}));
}

TEST_F(FromIValueTest, DenseTensorsAreLentAndOthersMadeDense) {
  const at::Tensor x = at::arange(6, at::kFloat).view({2, 3});
  const auto dense = AnswerValues(x, tensors_);
  const auto& lent = std::get<TensorView>(dense->front().value.value);
  EXPECT_EQ(static_cast<const void*>(lent.bytes.data()), x.const_data_ptr());

  const auto turned = AnswerValues(x.t(), tensors_);
  const auto& made = std::get<TensorView>(turned->front().value.value);
  EXPECT_EQ(made.shape, (std::vector<int64_t>{3, 2}));
  const auto* numbers = reinterpret_cast<const float*>(made.bytes.data());
  EXPECT_EQ(numbers[1], 3);
}

TEST_F(FromIValueTest, NothingIsLentByAModelThatWritesToItsTensors) {
  const at::Tensor x = at::ones({4});
  tensors_.copy_all = true;
  const auto outputs = AnswerValues(x.slice(0, 1), tensors_);
  const auto& view = std::get<TensorView>(outputs->front().value.value);
  EXPECT_EQ(view.bytes.size(), 12u);
  EXPECT_NE(static_cast<const void*>(view.bytes.data()),
            x.slice(0, 1).const_data_ptr());
}

TEST_F(FromIValueTest, TensorsWithoutElementsKeepTheirShape) {
  const auto outputs = AnswerValues(at::empty({0, 3}), tensors_);
  const auto& view = std::get<TensorView>(outputs->front().value.value);
  EXPECT_EQ(view.shape, (std::vector<int64_t>{0, 3}));
  EXPECT_TRUE(view.bytes.empty());
}

TEST_F(FromIValueTest, PlainValuesAndNestingStayWhatTheyAre) {
  c10::impl::GenericList list(c10::AnyType::get());
  list.push_back(c10::IValue());
  list.push_back(true);
  list.push_back("text");
  const auto outputs = AnswerValues(list, tensors_);
  const auto& made = std::get<Value::List>(outputs->front().value.value);
  EXPECT_TRUE(std::holds_alternative<None>(made[0].value));
  EXPECT_TRUE(std::get<bool>(made[1].value));
  EXPECT_EQ(std::get<std::string>(made[2].value), "text");
}

TEST_F(FromIValueTest, WhatNoAnswerCanCarryIsSaid) {
  const auto quantised = AnswerValues(
      c10::ivalue::Tuple::create(
          {1, at::quantize_per_tensor(at::ones({2}), 0.1, 0, at::kQInt8)}),
      tensors_);
  EXPECT_THAT(quantised, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(std::string(quantised.status().message()),
              HasSubstr("outputs: output_1: the model returned"));
  EXPECT_THAT(AnswerValues(c10::Device(c10::kCPU), tensors_),
              StatusIs(absl::StatusCode::kInternal));
}

TEST_F(FromIValueTest, NestingHasALimit) {
  c10::IValue deep = int64_t{1};
  for (int i = 0; i < Value::kDepthMax + 1; ++i) {
    c10::impl::GenericList list(c10::AnyType::get());
    list.push_back(deep);
    deep = list;
  }
  EXPECT_THAT(AnswerValues(deep, tensors_),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace ferry::from_ivalue_test
