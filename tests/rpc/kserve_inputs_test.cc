// KServe v2 inputs: typed and raw contents of every datatype, and each rule of
// the protocol broken once, with the words of its refusal.

#include "server/rpc/kserve_inputs.h"

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/values/tensor_check.h"
#include "tests/support/status_matchers.h"

namespace ferry::kserve_inputs_test {
namespace {

using inference::InferTensorContents;
using inference::ModelInferRequest;
using testing::ElementsAre;
using testing::HasSubstr;
using Input = ModelInferRequest::InferInputTensor;

Input& AddInput(ModelInferRequest& request, const std::string& name,
                const std::string& datatype,
                const std::vector<int64_t>& shape) {
  Input& input = *request.add_inputs();
  input.set_name(name);
  input.set_datatype(datatype);
  input.mutable_shape()->Add(shape.begin(), shape.end());
  return input;
}

struct Decoded {
  KServeScratch scratch;
  std::vector<NamedValue> inputs;
  absl::Status status;  // Last: it is made from the others.

  explicit Decoded(const ModelInferRequest& request)
      : status(DecodeKServeInputs(request, scratch, inputs)) {}

  const TensorView& tensor(size_t index = 0) const {
    return std::get<TensorView>(inputs.at(index).value.value);
  }
  template <typename T>
  std::vector<T> Elements(size_t index = 0) const {
    const auto bytes = tensor(index).bytes;
    std::vector<T> elements(bytes.size() / sizeof(T));
    memcpy(elements.data(), bytes.data(), bytes.size());
    return elements;
  }
};

std::string Refusal(const ModelInferRequest& request) {
  const Decoded decoded(request);
  EXPECT_THAT(decoded.status, StatusIs(absl::StatusCode::kInvalidArgument));
  return std::string(decoded.status.message());
}

std::string RawString(const std::string& text) {
  const auto size = static_cast<uint32_t>(text.size());
  return std::string(reinterpret_cast<const char*>(&size), 4) + text;
}

std::vector<std::string> Strings(const Value& value) {
  std::vector<std::string> strings;
  for (const Value& element : std::get<Value::List>(value.value)) {
    strings.push_back(std::get<std::string>(element.value));
  }
  return strings;
}

TEST(KServeInputsTest, BorrowsRawContentsInTheOrderOfInputs) {
  ModelInferRequest request;
  AddInput(request, "a", "FP32", {2});
  AddInput(request, "b", "BF16", {1, 3});
  request.add_raw_input_contents("12345678");
  request.add_raw_input_contents("abcdef");
  const Decoded decoded(request);
  ASSERT_THAT(decoded.status, IsOk());
  EXPECT_EQ(decoded.inputs[1].name, "b");
  EXPECT_EQ(decoded.tensor(0).dtype, DType::kFloat32);
  EXPECT_EQ(decoded.tensor(1).dtype, DType::kBfloat16);
  EXPECT_THAT(decoded.tensor(1).shape, ElementsAre(1, 3));
  EXPECT_EQ(static_cast<const void*>(decoded.tensor(1).bytes.data()),
            request.raw_input_contents(1).data());
}

TEST(KServeInputsTest, KnowsEveryDatatypeAsRawContents) {
  for (const char* datatype :
       {"BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32",
        "INT64", "FP16", "BF16", "FP32", "FP64"}) {
    const DType dtype = *ParseKServeName(datatype);
    ModelInferRequest request;
    AddInput(request, "x", datatype, {3});
    request.add_raw_input_contents(std::string(3 * SizeBytes(dtype), '\1'));
    const Decoded decoded(request);
    ASSERT_THAT(decoded.status, IsOk()) << datatype;
    EXPECT_EQ(decoded.tensor().dtype, dtype);
  }
}

TEST(KServeInputsTest, ReadsTypedContentsOfEveryWidth) {
  ModelInferRequest request;
  AddInput(request, "bool", "BOOL", {2})
      .mutable_contents()
      ->mutable_bool_contents()
      ->Add(true);
  request.mutable_inputs(0)->mutable_contents()->add_bool_contents(false);
  for (const char* datatype : {"INT8", "INT16", "INT32"}) {
    InferTensorContents& contents =
        *AddInput(request, datatype, datatype, {2}).mutable_contents();
    contents.add_int_contents(-128);
    contents.add_int_contents(127);
  }
  for (const char* datatype : {"UINT8", "UINT16", "UINT32"}) {
    InferTensorContents& contents =
        *AddInput(request, datatype, datatype, {2}).mutable_contents();
    contents.add_uint_contents(0);
    contents.add_uint_contents(255);
  }
  AddInput(request, "i64", "INT64", {1})
      .mutable_contents()
      ->add_int64_contents(INT64_MIN);
  AddInput(request, "u64", "UINT64", {1})
      .mutable_contents()
      ->add_uint64_contents(UINT64_MAX);
  AddInput(request, "f32", "FP32", {1})
      .mutable_contents()
      ->add_fp32_contents(1.5F);
  AddInput(request, "f64", "FP64", {})
      .mutable_contents()
      ->add_fp64_contents(2.5);

  const Decoded decoded(request);
  ASSERT_THAT(decoded.status, IsOk());
  EXPECT_THAT(decoded.Elements<uint8_t>(0), ElementsAre(1, 0));
  EXPECT_THAT(decoded.Elements<int8_t>(1), ElementsAre(-128, 127));
  EXPECT_THAT(decoded.Elements<int16_t>(2), ElementsAre(-128, 127));
  EXPECT_THAT(decoded.Elements<int32_t>(3), ElementsAre(-128, 127));
  EXPECT_THAT(decoded.Elements<uint8_t>(4), ElementsAre(0, 255));
  EXPECT_THAT(decoded.Elements<uint16_t>(5), ElementsAre(0, 255));
  EXPECT_THAT(decoded.Elements<uint32_t>(6), ElementsAre(0, 255));
  EXPECT_THAT(decoded.Elements<int64_t>(7), ElementsAre(INT64_MIN));
  EXPECT_THAT(decoded.Elements<uint64_t>(8), ElementsAre(UINT64_MAX));
  EXPECT_THAT(decoded.Elements<float>(9), ElementsAre(1.5F));
  EXPECT_THAT(decoded.Elements<double>(10), ElementsAre(2.5));
}

TEST(KServeInputsTest, RefusesNumbersThatDoNotFitTheirDatatype) {
  const std::vector<std::pair<const char*, int32_t>> signed_cases = {
      {"INT8", 128}, {"INT8", -129}, {"INT16", 32768}, {"INT16", -32769}};
  for (const auto& [datatype, number] : signed_cases) {
    ModelInferRequest request;
    InferTensorContents& contents =
        *AddInput(request, "x", datatype, {2}).mutable_contents();
    contents.add_int_contents(0);
    contents.add_int_contents(number);
    EXPECT_EQ(Refusal(request), "input \"x\": element 1 is " +
                                    std::to_string(number) +
                                    ", which does not fit its datatype");
  }
  for (const char* datatype : {"UINT8", "UINT16"}) {
    ModelInferRequest request;
    AddInput(request, "x", datatype, {1})
        .mutable_contents()
        ->add_uint_contents(65536);
    EXPECT_THAT(Refusal(request), HasSubstr("element 0 is 65536"));
  }
}

TEST(KServeInputsTest, RefusesContentsBesideRawContents) {
  ModelInferRequest request;
  AddInput(request, "x", "FP32", {1}).mutable_contents()->add_fp32_contents(1);
  request.add_raw_input_contents("1234");
  EXPECT_EQ(Refusal(request),
            "input \"x\": its contents are sent twice, in contents and in "
            "raw_input_contents");
}

TEST(KServeInputsTest, RefusesAnInputWithoutContents) {
  ModelInferRequest request;
  AddInput(request, "x", "FP32", {1});
  EXPECT_EQ(Refusal(request),
            "input \"x\": it has neither contents nor raw_input_contents");
}

TEST(KServeInputsTest, RefusesARawEntryTooManyOrTooFew) {
  ModelInferRequest request;
  AddInput(request, "x", "FP32", {1});
  request.add_raw_input_contents("1234");
  request.add_raw_input_contents("1234");
  EXPECT_EQ(Refusal(request),
            "raw_input_contents has 2 entries for 1 inputs; it takes one each");
}

TEST(KServeInputsTest, RefusesRawBytesThatDoNotMatchTheShape) {
  ModelInferRequest request;
  AddInput(request, "x", "FP32", {2, 2});
  request.add_raw_input_contents("12345");
  EXPECT_EQ(Refusal(request),
            "input \"x\": shape [2, 2] of FP32 takes 16 bytes, got 5");
}

TEST(KServeInputsTest, RefusesTypedContentsThatDoNotMatchTheShape) {
  ModelInferRequest request;
  AddInput(request, "x", "FP32", {2}).mutable_contents()->add_fp32_contents(1);
  EXPECT_EQ(Refusal(request),
            "input \"x\": shape [2] takes 2 elements, got 1 in fp32_contents");
}

TEST(KServeInputsTest, RefusesTypedContentsInAnotherField) {
  ModelInferRequest request;
  AddInput(request, "x", "FP32", {1}).mutable_contents()->add_fp64_contents(1);
  EXPECT_THAT(Refusal(request), HasSubstr("got 0 in fp32_contents"));
  request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
  EXPECT_EQ(Refusal(request),
            "input \"x\": datatype FP32 is sent in fp32_contents, got 1 values "
            "in fp64_contents");
}

TEST(KServeInputsTest, RefusesHalfPrecisionAsTypedContents) {
  for (const std::string datatype : {"FP16", "BF16"}) {
    ModelInferRequest request;
    AddInput(request, "x", datatype, {1})
        .mutable_contents()
        ->add_fp32_contents(1);
    EXPECT_EQ(Refusal(request), "input \"x\": datatype " + datatype +
                                    " is only sent in raw_input_contents");
  }
}

TEST(KServeInputsTest, RefusesDatatypesThatAreNotThere) {
  for (const char* datatype : {"", "float32", "FP128", "COMPLEX64"}) {
    ModelInferRequest request;
    AddInput(request, "x", datatype, {1});
    request.add_raw_input_contents("1234");
    EXPECT_THAT(Refusal(request), HasSubstr("input \"x\": datatype"))
        << datatype;
  }
}

TEST(KServeInputsTest, RefusesNegativeSizes) {
  ModelInferRequest request;
  AddInput(request, "x", "FP32", {-1});
  request.add_raw_input_contents("1234");
  EXPECT_EQ(Refusal(request),
            "input \"x\": shape [-1] has the negative size -1");
}

TEST(KServeInputsTest, RefusesABoolThatIsNeitherTrueNorFalse) {
  ModelInferRequest request;
  AddInput(request, "x", "BOOL", {1});
  request.add_raw_input_contents("\2");
  EXPECT_EQ(Refusal(request), "input \"x\": a bool is 0 or 1, element 0 is 2");
}

TEST(KServeInputsTest, RefusesNamesThatAreMissingOrThereTwice) {
  ModelInferRequest request;
  AddInput(request, "x", "FP32", {0});
  AddInput(request, "x", "FP32", {0});
  EXPECT_EQ(Refusal(request), "input \"x\" is there twice");
  request.mutable_inputs(1)->set_name("");
  EXPECT_EQ(Refusal(request), "input number 1 has no name");
  ModelInferRequest many;
  for (int i = 0; i < 40; ++i) {
    AddInput(many, absl::StrCat("y", i % 39), "FP32", {0});
  }
  EXPECT_EQ(Refusal(many), "input \"y0\" is there twice");
}

TEST(KServeInputsTest, TakesEmptyTensorsInEveryForm) {
  ModelInferRequest request;
  AddInput(request, "x", "FP32", {3, 0});
  EXPECT_THAT(Decoded(request).status, IsOk());
  request.mutable_inputs(0)->mutable_contents();
  EXPECT_THAT(Decoded(request).status, IsOk());
  request.mutable_inputs(0)->clear_contents();
  request.add_raw_input_contents("");
  EXPECT_THAT(Decoded(request).status, IsOk());
}

TEST(KServeInputsTest, MakesAListOfStringsOfBytes) {
  ModelInferRequest request;
  AddInput(request, "x", "BYTES", {3});
  request.add_raw_input_contents(RawString("one") + RawString("") +
                                 RawString(std::string("\0\xFF", 2)));
  const Decoded raw(request);
  ASSERT_THAT(raw.status, IsOk());
  EXPECT_THAT(Strings(raw.inputs[0].value),
              ElementsAre("one", "", std::string("\0\xFF", 2)));

  request.clear_raw_input_contents();
  InferTensorContents& contents =
      *request.mutable_inputs(0)->mutable_contents();
  for (const char* text : {"a", "b", "c"}) contents.add_bytes_contents(text);
  const Decoded typed(request);
  ASSERT_THAT(typed.status, IsOk());
  EXPECT_THAT(Strings(typed.inputs[0].value), ElementsAre("a", "b", "c"));
}

TEST(KServeInputsTest, NestsStringsAsDeepAsTheirShape) {
  ModelInferRequest request;
  AddInput(request, "scalar", "BYTES", {});
  AddInput(request, "matrix", "BYTES", {2, 2});
  AddInput(request, "empty", "BYTES", {int64_t{1} << 40, 0});
  request.add_raw_input_contents(RawString("s"));
  request.add_raw_input_contents(RawString("a") + RawString("b") +
                                 RawString("c") + RawString("d"));
  request.add_raw_input_contents("");
  const Decoded decoded(request);
  ASSERT_THAT(decoded.status, IsOk());
  EXPECT_EQ(std::get<std::string>(decoded.inputs[0].value.value), "s");
  const auto& matrix = std::get<Value::List>(decoded.inputs[1].value.value);
  ASSERT_EQ(matrix.size(), 2u);
  EXPECT_THAT(Strings(matrix[1]), ElementsAre("c", "d"));
  EXPECT_TRUE(std::get<Value::List>(decoded.inputs[2].value.value).empty());
}

TEST(KServeInputsTest, RefusesBytesThatLieAboutTheirLengths) {
  ModelInferRequest request;
  AddInput(request, "x", "BYTES", {2});
  request.add_raw_input_contents(RawString("one"));
  EXPECT_EQ(Refusal(request),
            "input \"x\": the bytes end before element 1 of 2");
  request.set_raw_input_contents(0, RawString("one") + "\xFF");
  EXPECT_THAT(Refusal(request), HasSubstr("end before element 1 of 2"));
  request.set_raw_input_contents(
      0, RawString("one") + std::string("\xFF\xFF\xFF\xFF") + "x");
  EXPECT_EQ(Refusal(request),
            "input \"x\": element 1 says that it has 4294967295 bytes, but "
            "only 1 are left");
  request.set_raw_input_contents(
      0, RawString("one") + RawString("two") + RawString(""));
  EXPECT_EQ(Refusal(request),
            "input \"x\": 4 bytes are left behind the last of 2 elements");
}

TEST(KServeInputsTest, ReservesNothingForElementsThatAreOnlyPromised) {
  ModelInferRequest request;
  AddInput(request, "x", "BYTES", {int64_t{kValuesMax} - 1});
  request.add_raw_input_contents(RawString("one"));
  EXPECT_THAT(Refusal(request), HasSubstr("end before element 1"));
}

TEST(KServeInputsTest, RefusesMoreStringsThanItsLimit) {
  ModelInferRequest request;
  AddInput(request, "x", "BYTES", {kValuesMax + 1});
  request.add_raw_input_contents(std::string(4 * (kValuesMax + 1), '\0'));
  EXPECT_EQ(Refusal(request),
            "input \"x\": more than 1048576 values in lists, tuples and dicts; "
            "send numbers as a tensor");
}

TEST(KServeInputsTest, CountsTheStringsOfAllInputsTogether) {
  ModelInferRequest request;
  AddInput(request, "x", "BYTES", {kValuesMax / 2});
  AddInput(request, "y", "BYTES", {kValuesMax / 2});
  EXPECT_EQ(Refusal(request),
            "input \"y\": more than 1048576 values in lists, tuples and dicts; "
            "send numbers as a tensor");
}

TEST(KServeInputsTest, RefusesShapesThatNestEachStringInManyLists) {
  ModelInferRequest request;
  std::vector<int64_t> shape(Value::kDepthMax, 1);
  shape[0] = 4096;
  AddInput(request, "x", "BYTES", shape);
  request.add_raw_input_contents(std::string(4 * 4096, '\0'));
  EXPECT_THAT(Refusal(request),
              HasSubstr("makes 126977 lists of 4096 strings, more than two"));
}

TEST(KServeInputsTest, RefusesStringsThatNestDeeperThanValues) {
  ModelInferRequest request;
  AddInput(request, "x", "BYTES",
           std::vector<int64_t>(Value::kDepthMax + 1, 1));
  request.add_raw_input_contents(std::string(4, '\0'));
  EXPECT_THAT(Refusal(request),
              HasSubstr("nests strings deeper than 32 levels"));
}

TEST(KServeInputsTest, CountsAStringAndEachListAroundIt) {
  ModelInferRequest request;
  AddInput(request, "scalar", "BYTES", {});
  AddInput(request, "batch", "BYTES", {5, 1});
  AddInput(request, "none", "BYTES", {5, 0});
  AddInput(request, "numbers", "FP32", {5, 1});
  EXPECT_EQ(*CountKServeValues(request), 1u + (5 + 1 + 5) + 1u);
}

TEST(KServeInputsTest, NestsInputsByTheDotsInTheirNames) {
  ModelInferRequest request;
  AddInput(request, "x.1", "INT8", {1}).mutable_contents()->add_int_contents(1);
  AddInput(request, "x.0", "INT8", {1}).mutable_contents()->add_int_contents(0);
  const Decoded decoded(request);
  ASSERT_THAT(decoded.status, IsOk());
  ASSERT_EQ(decoded.inputs.size(), 1u);
  EXPECT_EQ(decoded.inputs[0].name, "x");
  const auto& list = std::get<Value::List>(decoded.inputs[0].value.value);
  EXPECT_EQ(std::get<TensorView>(list[1].value).bytes[0], std::byte{1});
}

}  // namespace
}  // namespace ferry::kserve_inputs_test
