// MessageShape::Scan: what it counts is held against what protobuf really takes
// for messages that are all overhead; and every way in which bytes are no
// message, which the parser of protobuf refuses too.

#include "server/rpc/wire_scan.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ferry/v1/inference_service.pb.h"
#include "ferry/v1/model_service.pb.h"
#include "inference/grpc_service.pb.h"

#include "server/values/value.h"
#include "tests/support/status_matchers.h"

namespace ferry::wire_scan_test {
namespace {

using google::protobuf::Message;
using inference::ModelInferRequest;
using testing::HasSubstr;

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

// In slices as short as the transport's may be.
grpc::ByteBuffer Sliced(const std::string& bytes, size_t slice_bytes) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < bytes.size(); at += slice_bytes) {
    slices.emplace_back(bytes.substr(at, slice_bytes));
  }
  return {slices.data(), slices.size()};
}

absl::StatusOr<WireScan> Scan(const google::protobuf::Descriptor& type,
                              const std::string& bytes,
                              uint64_t memory_bytes_max = kNoLimit,
                              size_t slice_bytes = 8192) {
  grpc::ByteBuffer buffer = Sliced(bytes, slice_bytes);
  return MessageShape(type).Scan(buffer, memory_bytes_max);
}

std::string Repeated(const std::string& unit, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += unit;
  return text;
}

// A field of `number` that holds `bytes`, of under 16 KiB.
std::string Delimited(int number, const std::string& bytes) {
  std::string field(1, static_cast<char>(number << 3 | 2));
  if (bytes.size() >= 128) {
    field += static_cast<char>((bytes.size() & 127) | 128);
    field += static_cast<char>(bytes.size() >> 7);
  } else {
    field += static_cast<char>(bytes.size());
  }
  return field + bytes;
}

struct Overhead {
  const char* what;
  const Message& message;
  std::string bytes;
};

TEST(WireScanTest, CountsAtLeastWhatTheParsedMessageTakes) {
  v1::InferRequest ferry;
  ModelInferRequest kserve;
  v1::WatchModelsRequest watch;
  inference::ModelReadyRequest ready;
  v1::LoadModelRequest load;
  constexpr int kMany = 4000;
  std::string parameters;
  for (int i = 0; i < kMany; ++i) {
    parameters += Delimited(4, Delimited(1, std::to_string(i)));
  }
  const std::string none = Delimited(1, Delimited(9, ""));
  const std::string entry = Delimited(1, "");
  const std::vector<Overhead> all = {
      {"values", ferry,
       Delimited(3, Delimited(2, Delimited(6, Repeated(none, 2000))))},
      {"entries", ferry,
       Delimited(3, Delimited(2, Delimited(8, Repeated(entry, 4000))))},
      {"names", ferry,
       Delimited(3,
                 Delimited(2, Delimited(7, Repeated(Delimited(2, ""), 4000))))},
      {"inputs", ferry, Repeated(Delimited(3, ""), kMany)},
      {"inputs", kserve, Repeated(Delimited(5, ""), kMany)},
      {"outputs", kserve, Repeated(Delimited(6, ""), kMany)},
      {"raw contents", kserve, Repeated(Delimited(7, ""), kMany)},
      {"parameters", kserve, parameters},
      {"shape", kserve, Delimited(5, Delimited(3, std::string(4000, '\1')))},
      {"numbers", kserve,
       Delimited(5, Delimited(5, Delimited(3, std::string(4000, '\1'))))},
      {"numbers unpacked", kserve,
       Delimited(5, Delimited(5, Repeated(std::string("\x18\1", 2), 2000)))},
      {"texts", kserve,
       Delimited(5, Delimited(5, Repeated(Delimited(8, ""), 4000)))},
      {"versions that have a length", load, Repeated(Delimited(4, ""), kMany)},
      {"versions in eight bytes", load,
       Repeated(std::string("\x21\0\0\0\0\0\0\0\0", 9), kMany)},
      {"names", watch, Repeated(Delimited(1, ""), kMany)},
      {"unknown texts", ready, Repeated(Delimited(15, ""), kMany)},
      {"unknown numbers", ready, Repeated(std::string("\x78\0", 2), kMany)},
  };
  for (const Overhead& one : all) {
    SCOPED_TRACE(one.message.GetTypeName() + " " + one.what);
    const auto scan = Scan(*one.message.GetDescriptor(), one.bytes);
    ASSERT_THAT(scan, IsOk());
    const std::unique_ptr<Message> parsed(one.message.New());
    ASSERT_TRUE(parsed->ParseFromString(one.bytes));
    EXPECT_GE(scan->memory_bytes, parsed->SpaceUsedLong());
    EXPECT_LE(scan->memory_bytes, 16 * parsed->SpaceUsedLong());
  }
}

TEST(WireScanTest, ATensorCountsOnlyAsItsBytes) {
  ModelInferRequest request;
  request.set_model_name("m");
  request.add_inputs()->set_name("x");
  request.add_raw_input_contents(std::string(1 << 20, 'x'));
  const auto scan =
      Scan(*ModelInferRequest::descriptor(), request.SerializeAsString());
  ASSERT_THAT(scan, IsOk());
  EXPECT_GE(scan->memory_bytes, 1u << 20);
  EXPECT_LE(scan->memory_bytes, (1u << 20) + 8192);
}

TEST(WireScanTest, TellsTheModelAndItsVersionWhateverTheSlices) {
  v1::InferRequest ferry;
  ferry.set_model("the_model");
  ferry.set_version(-7);
  ferry.add_inputs()->set_name("x");
  ModelInferRequest kserve;
  kserve.set_model_name("the_model");
  kserve.set_model_version("12");
  for (const size_t slice_bytes : {1, 3, 100}) {
    auto scan = Scan(*v1::InferRequest::descriptor(), ferry.SerializeAsString(),
                     kNoLimit, slice_bytes);
    ASSERT_THAT(scan, IsOk());
    EXPECT_EQ(scan->name, "the_model");
    EXPECT_EQ(scan->version, -7);
    scan = Scan(*ModelInferRequest::descriptor(), kserve.SerializeAsString(),
                kNoLimit, slice_bytes);
    ASSERT_THAT(scan, IsOk());
    EXPECT_EQ(scan->name, "the_model");
    EXPECT_EQ(scan->version_text, "12");
  }
}

TEST(WireScanTest, TheLastNameCountsAsItDoesToProtobuf) {
  const std::string bytes = Delimited(1, "one") + Delimited(1, "two");
  ModelInferRequest request;
  ASSERT_TRUE(request.ParseFromString(bytes));
  EXPECT_EQ(request.model_name(), "two");
  EXPECT_EQ(Scan(*ModelInferRequest::descriptor(), bytes)->name, "two");
}

TEST(WireScanTest, StopsWhereItWouldTakeTooMuch) {
  const auto scan = Scan(*ModelInferRequest::descriptor(),
                         Repeated(Delimited(5, ""), 4000), 100'000);
  EXPECT_THAT(scan, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(scan.status().message(),
            "the message would take more than the 100000 bytes of memory that "
            "it may; send less, or numbers as tensors");
}

TEST(WireScanTest, RefusesBytesThatAreNoMessage) {
  const std::vector<std::pair<std::string, const char*>> all = {
      {"\x0a", "it ends in a length"},
      {std::string("\x0a\x05"
                   "ab",
                   4),
       "says that it has 5 bytes, where 2 are"},
      {"\x0a\xff\xff\xff\xff\x0f", "says that it has 4294967295 bytes"},
      {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
       "says that it has 4294967295 bytes"},
      {std::string("\0\0", 2), "tag is wrong"},
      {std::string("\x02\0", 2), "number 0"},
      {"\x0b", "a group"},
      {"\x0f", "a group"},
      {"\x10\xff", "it ends inside a number"},
      {"\x11\x01", "it ends inside a number"},
      {"\x15\x01", "it ends inside a number"},
      {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "tag is wrong"},
      // An input that says that it ends behind the message's end, and one
      // whose field ends behind its own.
      {"\x2a\x04\x0a\x01", "says that it has 4 bytes"},
      {std::string("\x2a\x02\x0a\x09", 4) + std::string(20, '\0'),
       "says that it has 9 bytes, where 0 are left"},
  };
  for (const auto& [bytes, why] : all) {
    SCOPED_TRACE(testing::PrintToString(bytes));
    const auto scan = Scan(*ModelInferRequest::descriptor(), bytes);
    EXPECT_THAT(scan, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(scan.status().message()), HasSubstr(why));
    EXPECT_FALSE(ModelInferRequest().ParseFromString(bytes));
  }
}

TEST(WireScanTest, RefusesWhatNestsTooDeep) {
  // As bytes: each level holds the next.
  std::string bytes;
  for (int i = 0; i < 60; ++i) {
    bytes = Delimited(6, Delimited(1, bytes));  // A Value with a list of one.
  }
  bytes = Delimited(3, Delimited(2, bytes));
  EXPECT_THAT(Scan(*v1::InferRequest::descriptor(), bytes),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(WireScanTest, TheDeepestDictsAreScannedAndParsed) {
  v1::InferRequest request;
  v1::Value* value = request.add_inputs()->mutable_value();
  for (int i = 0; i < Value::kDepthMax; ++i) {
    value = value->mutable_dict()->add_entries()->mutable_value();
  }
  value->mutable_tensor()->set_dtype(v1::DATA_TYPE_BOOL);
  const std::string text = request.SerializeAsString();
  EXPECT_THAT(Scan(*v1::InferRequest::descriptor(), text), IsOk());
  grpc::ByteBuffer bytes = Sliced(text, 7);
  v1::InferRequest parsed;
  EXPECT_THAT(ParseMessage(bytes, parsed), IsOk());
  EXPECT_EQ(parsed.SerializeAsString(), text);
  EXPECT_EQ(bytes.Length(), 0u);
}

TEST(WireScanTest, SaysWhatProtobufCannotRead) {
  grpc::ByteBuffer bytes = Sliced(Delimited(1, "\xff"), 8);
  v1::InferRequest parsed;
  const absl::Status status = ParseMessage(bytes, parsed);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr("not UTF-8"));
}

}  // namespace
}  // namespace ferry::wire_scan_test
