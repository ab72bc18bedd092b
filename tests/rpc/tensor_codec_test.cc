// ferry.v1 values: what goes in comes out; each refusal by its exact words.

#include "server/rpc/tensor_codec.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/values/tensor_check.h"
#include "tests/support/status_matchers.h"

namespace ferry::tensor_codec_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kNoLimit = UINT64_MAX;

v1::Value& Add(NamedValueMessages& messages, const std::string& name) {
  v1::NamedValue& message = *messages.Add();
  message.set_name(name);
  return *message.mutable_value();
}

v1::Tensor& AddTensor(NamedValueMessages& messages, const std::string& name,
                      v1::DataType dtype, const std::vector<int64_t>& shape,
                      size_t size_bytes) {
  v1::Tensor& tensor = *Add(messages, name).mutable_tensor();
  tensor.set_dtype(dtype);
  tensor.mutable_shape()->Add(shape.begin(), shape.end());
  tensor.set_data(std::string(size_bytes, '\1'));
  return tensor;
}

std::string Refusal(const NamedValueMessages& messages) {
  std::vector<NamedValue> inputs;
  const absl::Status status = DecodeInputs(messages, inputs);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  return std::string(status.message());
}

TEST(TensorCodecTest, DecodesATensorWithoutCopyingIt) {
  NamedValueMessages messages;
  const v1::Tensor& tensor =
      AddTensor(messages, "x", v1::DATA_TYPE_FLOAT32, {2, 3}, 24);
  std::vector<NamedValue> inputs;
  ASSERT_THAT(DecodeInputs(messages, inputs), IsOk());
  ASSERT_EQ(inputs.size(), 1u);
  EXPECT_EQ(inputs[0].name, "x");
  const auto& view = std::get<TensorView>(inputs[0].value.value);
  EXPECT_EQ(view.dtype, DType::kFloat32);
  EXPECT_THAT(view.shape, ElementsAre(2, 3));
  EXPECT_EQ(static_cast<const void*>(view.bytes.data()), tensor.data().data());
  EXPECT_EQ(view.bytes.size(), 24u);
}

TEST(TensorCodecTest, KnowsEveryDtype) {
  for (int number = v1::DATA_TYPE_BOOL; number <= v1::DATA_TYPE_COMPLEX128;
       ++number) {
    const auto dtype = static_cast<DType>(number - 1);
    NamedValueMessages messages;
    AddTensor(messages, "x", static_cast<v1::DataType>(number), {3},
              3 * SizeBytes(dtype));
    std::vector<NamedValue> inputs;
    ASSERT_THAT(DecodeInputs(messages, inputs), IsOk());
    EXPECT_EQ(std::get<TensorView>(inputs[0].value.value).dtype, dtype);
    // The wire's name for it is PyTorch's.
    std::string name = v1::DataType_Name(number);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(name, "data_type_" + std::string(TorchName(dtype)));

    NamedValueMessages back;
    ASSERT_THAT(EncodeOutputs(inputs, kNoLimit, back), IsOk());
    EXPECT_EQ(back[0].SerializeAsString(), messages[0].SerializeAsString());
  }
}

TEST(TensorCodecTest, RefusesATensorWithoutADtype) {
  NamedValueMessages messages;
  AddTensor(messages, "x", v1::DATA_TYPE_UNSPECIFIED, {1}, 4);
  EXPECT_EQ(Refusal(messages), "input \"x\": the tensor has no dtype");
}

TEST(TensorCodecTest, RefusesADtypeThatIsNotThere) {
  NamedValueMessages messages;
  AddTensor(messages, "x", static_cast<v1::DataType>(16), {1}, 4);
  EXPECT_EQ(Refusal(messages), "input \"x\": no dtype has the number 16");
  messages[0].mutable_value()->mutable_tensor()->set_dtype(
      static_cast<v1::DataType>(-1));
  EXPECT_EQ(Refusal(messages), "input \"x\": no dtype has the number -1");
}

TEST(TensorCodecTest, RefusesBytesThatDoNotMatchTheShape) {
  NamedValueMessages messages;
  AddTensor(messages, "ok", v1::DATA_TYPE_FLOAT32, {2, 3}, 24);
  AddTensor(messages, "x", v1::DATA_TYPE_FLOAT32, {2, 3}, 12);
  EXPECT_EQ(Refusal(messages),
            "input \"x\": shape [2, 3] of float32 takes 24 bytes, got 12");
}

TEST(TensorCodecTest, RefusesABoolThatIsNeitherTrueNorFalse) {
  NamedValueMessages messages;
  AddTensor(messages, "x", v1::DATA_TYPE_BOOL, {2}, 2)
      .set_data(std::string("\1\x7F"));
  EXPECT_EQ(Refusal(messages),
            "input \"x\": a bool is 0 or 1, element 1 is 127");
}

TEST(TensorCodecTest, TakesEmptyTensorsAndScalars) {
  NamedValueMessages messages;
  AddTensor(messages, "empty", v1::DATA_TYPE_INT64, {4, 0}, 0);
  AddTensor(messages, "scalar", v1::DATA_TYPE_INT64, {}, 8);
  std::vector<NamedValue> inputs;
  EXPECT_THAT(DecodeInputs(messages, inputs), IsOk());
}

TEST(TensorCodecTest, RefusesAnInputWithoutANameOrAValue) {
  NamedValueMessages messages;
  Add(messages, "x").set_int64_value(1);
  Add(messages, "").set_int64_value(1);
  EXPECT_EQ(Refusal(messages), "input number 1 has no name");
  messages[1].set_name("y");
  messages[1].clear_value();
  EXPECT_EQ(Refusal(messages), "input \"y\": it has no value");
}

TEST(TensorCodecTest, RefusesAnInputThatIsThereTwice) {
  for (const int others : {0, 40}) {  // Few are compared, many looked up.
    NamedValueMessages messages;
    Add(messages, "x").set_int64_value(1);
    for (int i = 0; i < others; ++i) {
      Add(messages, absl::StrCat("y", i)).set_int64_value(i);
    }
    std::vector<NamedValue> inputs;
    EXPECT_THAT(DecodeInputs(messages, inputs), IsOk());
    Add(messages, "x").set_int64_value(1);
    EXPECT_EQ(Refusal(messages), "input \"x\" is there twice");
  }
}

TEST(TensorCodecTest, ShowsNoMoreThanTheStartOfAHostileName) {
  NamedValueMessages messages;
  std::string name(100'000, 'x');
  name[1] = '\n';
  Add(messages, name);
  EXPECT_LT(Refusal(messages).size(), 200u);
}

// {"options": {"scale": [1.5, None], "flag": True}, "pair": P(a=1, b="text")}
NamedValueMessages Nested() {
  NamedValueMessages messages;
  v1::ValueDict& options = *Add(messages, "options").mutable_dict();
  v1::ValueDict::Entry& scale = *options.add_entries();
  scale.set_key("scale");
  v1::ValueList& list = *scale.mutable_value()->mutable_list();
  list.add_values()->set_double_value(1.5);
  list.add_values()->mutable_none();
  v1::ValueDict::Entry& flag = *options.add_entries();
  flag.set_key("flag");
  flag.mutable_value()->set_bool_value(true);
  v1::ValueTuple& pair = *Add(messages, "pair").mutable_tuple();
  pair.add_values()->set_int64_value(1);
  pair.add_values()->set_string_value("text");
  pair.add_names("a");
  pair.add_names("b");
  return messages;
}

TEST(TensorCodecTest, CarriesAnyNestingThereAndBack) {
  const NamedValueMessages messages = Nested();
  std::vector<NamedValue> inputs;
  ASSERT_THAT(DecodeInputs(messages, inputs), IsOk());
  const auto& options = std::get<Value::Dict>(inputs[0].value.value);
  EXPECT_EQ(options[0].key, "scale");
  const auto& scale = std::get<Value::List>(options[0].value.value);
  EXPECT_EQ(std::get<double>(scale[0].value), 1.5);
  EXPECT_TRUE(std::holds_alternative<None>(scale[1].value));
  const auto& pair = std::get<Value::Tuple>(inputs[1].value.value);
  EXPECT_THAT(pair.names, ElementsAre("a", "b"));

  NamedValueMessages back;
  ASSERT_THAT(EncodeOutputs(inputs, kNoLimit, back), IsOk());
  ASSERT_EQ(back.size(), messages.size());
  for (int i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i].DebugString(), messages[i].DebugString());
  }
}

TEST(TensorCodecTest, NamesThePlaceInANesting) {
  NamedValueMessages messages = Nested();
  v1::Value& wrong = *messages[0]
                          .mutable_value()
                          ->mutable_dict()
                          ->mutable_entries(0)
                          ->mutable_value()
                          ->mutable_list()
                          ->mutable_values(1);
  wrong.mutable_tensor();
  EXPECT_EQ(Refusal(messages),
            "input \"options\"[\"scale\"][1]: the tensor has no dtype");
}

TEST(TensorCodecTest, RefusesAKeyThatIsThereTwice) {
  NamedValueMessages messages = Nested();
  messages[0].mutable_value()->mutable_dict()->mutable_entries(1)->set_key(
      "scale");
  EXPECT_EQ(Refusal(messages),
            "input \"options\"[\"scale\"]: the key is there twice");
}

TEST(TensorCodecTest, RefusesATupleWithMoreOrFewerNamesThanValues) {
  NamedValueMessages messages = Nested();
  messages[1].mutable_value()->mutable_tuple()->add_names("c");
  EXPECT_EQ(Refusal(messages),
            "input \"pair\": a tuple of 2 values has 3 names");
}

TEST(TensorCodecTest, RefusesNestingBelowTheDeepestLevel) {
  NamedValueMessages messages;
  v1::Value* value = &Add(messages, "x");
  for (int i = 0; i < Value::kDepthMax; ++i) {
    value = value->mutable_list()->add_values();
  }
  value->set_int64_value(1);
  std::vector<NamedValue> inputs;
  EXPECT_THAT(DecodeInputs(messages, inputs), IsOk());
  value->mutable_list()->add_values()->set_int64_value(1);
  EXPECT_THAT(Refusal(messages), HasSubstr("nested deeper than 32 levels"));
}

TEST(TensorCodecTest, RefusesMoreValuesThanItsLimit) {
  NamedValueMessages messages;
  v1::ValueList& list = *Add(messages, "x").mutable_list();
  for (uint64_t i = 1; i < kValuesMax; ++i) list.add_values()->mutable_none();
  std::vector<NamedValue> inputs;
  EXPECT_THAT(DecodeInputs(messages, inputs), IsOk());
  v1::Value& last = *list.add_values();
  last.mutable_none();
  const char* refusal =
      "inputs: more than 1048576 values in lists, tuples and dicts; send "
      "numbers as a tensor";
  EXPECT_EQ(Refusal(messages), refusal);
  // In whatever they are.
  list.mutable_values()->DeleteSubrange(0, 2);
  last.mutable_dict()
      ->add_entries()
      ->mutable_value()
      ->mutable_tuple()
      ->add_values();
  EXPECT_EQ(Refusal(messages), refusal);
}

TEST(TensorCodecTest, RefusesAnAnswerThatIsTooLarge) {
  const std::vector<std::byte> bytes(100);
  const std::vector<NamedValue> outputs = {
      {"y",
       {Value::List{
           {TensorView{.dtype = DType::kUint8, .shape = {100}, .bytes = bytes}},
           {std::string(20, 'x')}}}}};
  NamedValueMessages messages;
  EXPECT_THAT(EncodeOutputs(outputs, 120, messages), IsOk());
  NamedValueMessages none;
  const absl::Status status = EncodeOutputs(outputs, 119, none);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(status.message()), HasSubstr("120 bytes"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("may have 119"));
  EXPECT_EQ(none.size(), 0);
}

TEST(TensorCodecTest, RefusesStringsThatAreNotText) {
  NamedValueMessages messages;
  const std::vector<NamedValue> outputs = {{"y", {std::string("\xFF")}}};
  const absl::Status status = EncodeOutputs(outputs, kNoLimit, messages);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(std::string(status.message()), HasSubstr("output \"y\""));
  const std::vector<NamedValue> keys = {
      {"y", {Value::Dict{{"\xFF", {int64_t{1}}}}}}};
  EXPECT_THAT(EncodeOutputs(keys, kNoLimit, messages),
              StatusIs(absl::StatusCode::kUnimplemented));
  // Of a dict, whose entries are outputs.
  const std::vector<NamedValue> names = {{"\xFF", {int64_t{1}}}};
  EXPECT_THAT(EncodeOutputs(names, kNoLimit, messages),
              StatusIs(absl::StatusCode::kUnimplemented));
}

}  // namespace
}  // namespace ferry::tensor_codec_test
