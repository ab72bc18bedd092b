// Bad input and faults, through the wire: the answer names what was wrong, and
// what served before still serves.

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/formats/test_model.h"
#include "tests/integration/faults_fixture.h"

namespace ferry::faults_test {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST_F(FaultsTest, FilesThatAreNoModels) {
  Write("text.pt", "hello");
  Write("empty.pt", "");
  const std::string good = Bytes("twice.pt");
  Write("short.pt", good.substr(0, good.size() / 2));
  std::filesystem::create_directory(daemon_.models / "folder.pt");
  mkfifo((daemon_.models / "fifo.pt").c_str(), 0600);
  ExpectFileRefused("text.pt", StatusCode::kInvalidArgument, "text.pt");
  ExpectFileRefused("empty.pt", StatusCode::kInvalidArgument, "empty.pt");
  ExpectFileRefused("short.pt", StatusCode::kInvalidArgument, "short.pt");
  ExpectFileRefused("folder.pt", StatusCode::kInvalidArgument, "folder.pt");
  ExpectFileRefused("fifo.pt", StatusCode::kInvalidArgument, "fifo.pt");
  ExpectFileRefused("missing.pt", StatusCode::kNotFound, "missing.pt");
}

TEST_F(FaultsTest, PathsThatLeaveTheModelDirectories) {
  std::filesystem::create_symlink("/etc/passwd", daemon_.models / "link.pt");
  for (const char* path : {"../secret.pt", "/etc/passwd", "link.pt"}) {
    ExpectFileRefused(path, StatusCode::kInvalidArgument, "model director");
  }
  ExpectFileRefused(std::string("a\0b", 3), StatusCode::kInvalidArgument,
                    "holds a NUL byte");
}

TEST_F(FaultsTest, NamesThatBreakTheRules) {
  for (const std::string& name :
       {std::string("../x"), std::string("a/b"), std::string("a\0b", 3),
        std::string(300, 'a'), std::string("")}) {
    ExpectRefused(name, "cpu", StatusCode::kInvalidArgument, "name");
  }
}

TEST_F(FaultsTest, WeightsThatFailTheirChecksum) {
  std::string bytes = Bytes("twice.pt");
  // Float 2.0 is 00 00 00 40: the weights are 256 of them. Flip one bit of one.
  const size_t weights =
      bytes.find(std::string("\0\0\0@\0\0\0@\0\0\0@\0\0\0@", 16));
  ASSERT_NE(weights, std::string::npos);
  bytes[weights + 40] ^= 1;
  Write("flipped.pt", bytes);
  ExpectFileRefused("flipped.pt", StatusCode::kDataLoss, "flipped.pt");
}

TEST_F(FaultsTest, RecordsThatLie) {
  const uint64_t far = uint64_t{1} << 40;
  const auto expect_refused = [&](const ZipLies& lies) {
    Write("lies.pt", ModelBytes(ModelRecords(), {{"data/0", lies}}));
    ExpectFileRefused("lies.pt", StatusCode::kInvalidArgument, "data/0");
  };
  expect_refused({.size_bytes = far});
  expect_refused({.stored_size_bytes = 1'000'000});
  expect_refused({.header_offset_bytes = far});
  expect_refused({.header_offset_bytes = 0});  // Where another record lies.
  expect_refused({.local_name = "model/data/9"});
}

TEST_F(FaultsTest, CodeNestedTooDeep) {
  std::map<std::string, std::string> records = ModelRecords();
  records["code/__torch__.py"] = "x = " + std::string(100'000, '(') + "1" +
                                 std::string(100'000, ')') + "\n";
  Write("deep.pt", ModelBytes(records));
  ExpectFileRefused("deep.pt", StatusCode::kInvalidArgument, "brackets");
}

TEST_F(FaultsTest, ModelsThatReachForFiles) {
  SKIP_WITHOUT_MODELS();
  CopyTestModel("reads_file.pt");
  ExpectFileRefused("reads_file.pt", StatusCode::kInvalidArgument,
                    "aten::from_file");
}

TEST_F(FaultsTest, AModelWhoseLoadNeverEnds) {
  SKIP_WITHOUT_MODELS();
  CopyTestModel("endless_load.pt");
  const auto hasty =
      client::Client::Connect(daemon_.daemon->grpc_address(),
                              {.call_timeout = absl::Milliseconds(500)});
  ASSERT_THAT(hasty, IsOk());
  client::LoadRequest request;
  request.name = "endless_load";
  request.devices = {"sim:0"};
  EXPECT_THAT((*hasty)->Load(request), StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_EQ(*daemon_.Run("twice", 3), 7);
  // The undoing ends when the name is free again.
  while (client_.Get("endless_load").ok()) std::this_thread::yield();
}

TEST_F(FaultsTest, DevicesThatAreNotThere) {
  ExpectRefused("counter", "sim:7", StatusCode::kNotFound, "sim:7");
  ExpectRefused("counter", "gpu0", StatusCode::kInvalidArgument, "gpu0");
  ASSERT_THAT(daemon_.Load("counter", {"cpu"}), IsOk());
  const auto expect_refused = [&](std::vector<std::string> devices,
                                  StatusCode code, const std::string& words) {
    const auto refused = daemon_.Migrate("counter", devices);
    EXPECT_THAT(refused, StatusIs(code));
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(words));
  };
  expect_refused({"sim:7"}, StatusCode::kNotFound, "sim:7");
  expect_refused({"gpu0"}, StatusCode::kInvalidArgument, "gpu0");
  expect_refused({"sim:0", "sim:0"}, StatusCode::kInvalidArgument, "twice");
  EXPECT_EQ(*daemon_.Run("counter", 10), 10);
  ASSERT_THAT(client_.Unload("counter"), IsOk());
  const auto twice = daemon_.Load("counter", {"cpu", "cpu"});
  EXPECT_THAT(twice, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(twice.status().message()), HasSubstr("twice"));
}

TEST_F(FaultsTest, ModelsThatDoNotFit) {
  SaveScaleModel(daemon_.models / "large.pt", 2, uint64_t{20} << 20);
  ExpectRefused("large", "sim:0", StatusCode::kResourceExhausted, "sim:0");
}

TEST_F(FaultsTest, ModelsThatDoNotFitInOnePiece) {
  SaveScaleModel(daemon_.models / "five.pt", 2, uint64_t{5} << 20);
  SaveScaleModel(daemon_.models / "eight.pt", 2, uint64_t{8} << 20);
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_THAT(daemon_.Load(name, {"sim:0"}, "five.pt"), IsOk());
  }
  ASSERT_THAT(client_.Unload("a"), IsOk());
  ASSERT_THAT(client_.Unload("c"), IsOk());
  const client::Device sim = daemon_.Device("sim:0");
  ASSERT_GT(sim.capacity_bytes - sim.used_bytes, uint64_t{10} << 20);
  ExpectRefused("eight", "sim:0", StatusCode::kResourceExhausted,
                "in one piece");
  EXPECT_THAT(daemon_.Run("b", 3), IsOk());
  ASSERT_THAT(client_.Unload("b"), IsOk());
  ASSERT_THAT(daemon_.Load("eight", {"sim:0"}), IsOk());
  ASSERT_THAT(client_.Unload("eight"), IsOk());
}

TEST_F(FaultsTest, InputsThatDoNotMatch) {
  const client::Value floats = TestDaemon::Floats({1});
  client::Tensor too_short;
  too_short.shape = {2};
  too_short.data = "1234";
  client::Tensor negative;
  negative.shape = {-1};
  ExpectInputsRefused({}, "inputs: x: missing, a Tensor");
  const char* no_y = "inputs: there is no argument \"y\"; the model takes: x";
  ExpectInputsRefused({{"y", floats}}, no_y);
  ExpectInputsRefused({{"x", floats}, {"y", floats}}, no_y);
  ExpectInputsRefused({{"x", floats}, {"x", floats}},
                      "input \"x\" is there twice");
  ExpectInputsRefused({{"x", {too_short}}},
                      "input \"x\": shape [2] of float32 takes 8 bytes, got 4");
  ExpectInputsRefused({{"x", {negative}}},
                      "input \"x\": shape [-1] has the negative size -1");
  ExpectInputsRefused({{"x", {std::string("text")}}},
                      "inputs: x: the model takes Tensor, got a string");
}

TEST_F(FaultsTest, InputsThatTheModelCannotTake) {
  SaveMatrixModel(daemon_.models / "matrix.pt");
  ASSERT_THAT(daemon_.Load("matrix", {"sim:0"}), IsOk());
  client::Tensor tensor;
  const auto infer = [&](std::vector<int64_t> shape) {
    tensor.shape = std::move(shape);
    size_t size_bytes = sizeof(float);
    for (const int64_t size : tensor.shape) size_bytes *= size;
    tensor.data.assign(size_bytes, '\0');
    return daemon_.Infer("matrix", {{"x", {tensor}}}).status();
  };
  const auto expect_refused = [&](std::vector<int64_t> shape,
                                  const std::string& shown,
                                  const std::string& expected) {
    const absl::Status refused = infer(std::move(shape));
    EXPECT_THAT(refused, StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(
        std::string(refused.message()),
        StartsWith("model \"matrix\": input \"x\" is " + shown +
                   ", but the model " + expected + "; forward threw: "));
  };
  // Whose mistake it is cannot be told before the first request that succeeds.
  EXPECT_THAT(infer({1, 3}), StatusIs(StatusCode::kInternal));
  EXPECT_THAT(infer({1, 2}), IsOk());
  EXPECT_THAT(infer({3, 2}), IsOk());
  expect_refused({1, 3}, "FP32 [1, 3]", "has run with [1, 2]");
  expect_refused({2}, "FP32 [2]", "has run with [1, 2]");
  tensor.dtype = client::DType::kInt32;
  expect_refused({1, 2}, "INT32 [1, 2]", "takes FP32");
  ASSERT_THAT(client_.Unload("matrix"), IsOk());
}

TEST_F(FaultsTest, InputsThatAreNotWhatTheSidecarDeclares) {
  SaveScaleModel(daemon_.models / "declared.pt", 2);
  Write("declared.json",
        R"({"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
       "outputs": [{"name": "output", "datatype": "FP32", "shape": [-1, 2]}]})");
  ASSERT_THAT(daemon_.Load("declared", {"sim:0"}), IsOk());
  client::Tensor tensor;
  tensor.shape = {1, 2};
  tensor.data = std::string(8, '\0');
  EXPECT_THAT(daemon_.Infer("declared", {{"x", {tensor}}}), IsOk());

  const auto expect_refused = [&](const std::string& shown) {
    const auto refused = daemon_.Infer("declared", {{"x", {tensor}}});
    EXPECT_THAT(refused, StatusIs(StatusCode::kInvalidArgument));
    EXPECT_EQ(std::string(refused.status().message()),
              "model \"declared\": input \"x\" is " + shown +
                  ", but the file beside the model declares FP32 [-1, 2]");
  };
  tensor.shape = {2, 1};
  expect_refused("FP32 [2, 1]");
  tensor.shape = {2};
  expect_refused("FP32 [2]");
  tensor.dtype = client::DType::kInt32;
  tensor.shape = {1, 2};
  expect_refused("INT32 [1, 2]");
  ASSERT_THAT(client_.Unload("declared"), IsOk());
}

TEST_F(FaultsTest, NanAndNothingAreServedAsTheyAre) {
  const auto nan =
      daemon_.Run("twice", std::numeric_limits<float>::quiet_NaN());
  ASSERT_THAT(nan, IsOk());
  EXPECT_TRUE(std::isnan(*nan));
  const auto empty = daemon_.Infer("twice", {{"x", TestDaemon::Floats({})}});
  ASSERT_THAT(empty, IsOk());
  EXPECT_EQ(std::get<client::Tensor>(empty->outputs[0].value.value).data, "");
}

TEST_F(FaultsTest, AForwardThatThrows) {
  ASSERT_THAT(daemon_.Load("throwing", {"cpu"}), IsOk());
  const auto threw =
      daemon_.Infer("throwing", {{"x", TestDaemon::Floats({1})}});
  EXPECT_THAT(threw, StatusIs(StatusCode::kInternal));
  EXPECT_THAT(std::string(threw.status().message()), HasSubstr("no thanks"));
  ASSERT_THAT(client_.Unload("throwing"), IsOk());
}

TEST_F(FaultsTest, AMessageOverTheLimit) {
  // The least that the configuration allows.
  TestDaemon small({"--message-bytes-max=64KiB", "--devices=cpu=64MiB"});
  ASSERT_THAT(small.Load("twice", {"cpu"}), IsOk());
  const auto refused = small.Infer(
      "twice", {{"x", TestDaemon::Floats(std::vector<float>(1 << 16))}});
  EXPECT_THAT(refused, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("larger than max (2621"));
  EXPECT_EQ(*small.Run("twice", 3), 7);
}

TEST_F(FaultsTest, ADeviceThatFailsInTheMiddleOfACopy) {
  ASSERT_THAT(daemon_.Load("counter", {"cpu"}), IsOk());
  daemon_.sim(0).Inject({.kind = SimFault::Kind::kFailDevice});
  const auto failed = daemon_.Migrate("counter", {"sim:0"});
  EXPECT_THAT(failed, StatusIs(StatusCode::kInternal));
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr("sim:0"));
  EXPECT_FALSE(daemon_.Device("sim:0").healthy);
  EXPECT_THAT(daemon_.Run("counter", 1), IsOk());
  ASSERT_THAT(client_.Unload("counter"), IsOk());
}

TEST_F(FaultsTest, ADeviceThatDamagesBytes) {
  ASSERT_THAT(daemon_.Load("counter", {"cpu"}), IsOk());
  daemon_.sim(0).Inject({.kind = SimFault::Kind::kCorrupt});
  const auto refilled = daemon_.Migrate("counter", {"sim:0"});
  ASSERT_THAT(refilled, IsOk());
  EXPECT_EQ(refilled->report->chunks_refilled, 1);
  ASSERT_THAT(daemon_.Migrate("counter", {"cpu"}), IsOk());

  daemon_.sim(0).Inject(
      {.kind = SimFault::Kind::kCorrupt, .count = SimFault::kForever});
  EXPECT_THAT(daemon_.Migrate("counter", {"sim:0"}),
              StatusIs(StatusCode::kDataLoss));
  daemon_.sim(0).faults().Clear();
  EXPECT_THAT(daemon_.Run("counter", 1), IsOk());
  ASSERT_THAT(client_.Unload("counter"), IsOk());
}

TEST_F(FaultsTest, ADeviceThatRunsOutOfMemoryInForward) {
  daemon_.sim(1).Inject(
      {.kind = SimFault::Kind::kOutOfMemory, .count = SimFault::kForever});
  EXPECT_THAT(daemon_.Run("twice", 3),
              StatusIs(StatusCode::kResourceExhausted));
  daemon_.sim(1).faults().Clear();
}

}  // namespace
}  // namespace ferry::faults_test
