// Client against a FakeServer: what goes over the wire and comes back, and what
// each way to fail is told as.

#include "client/client.h"

#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::client::client_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

class ClientTest : public testing::Test {
 protected:
  FakeServer server_;
  std::unique_ptr<Client> client_ = *Client::Connect(server_.address());
};

TEST_F(ClientTest, LoadSendsWhatWasAskedAndReadsTheReport) {
  const auto outcome = client_->Load({.name = "vad",
                                      .devices = {"cpu", "sim:0"},
                                      .path = "a/b.pt",
                                      .version = 3});
  ASSERT_THAT(outcome, IsOk());
  EXPECT_THAT(server_.requests(),
              ElementsAre("LoadModelRequest name: \"vad\" devices: \"cpu\" "
                          "devices: \"sim:0\" path: \"a/b.pt\" version: 3"));
  EXPECT_EQ(outcome->model.name, "vad");
  EXPECT_EQ(outcome->model.state, "SERVING");
  EXPECT_THAT(outcome->model.serving_on, ElementsAre("cpu", "sim:0"));
  EXPECT_EQ(outcome->model.bytes.at(0).size_bytes, 2u << 20);
  EXPECT_EQ(outcome->model.loaded_at, absl::FromUnixSeconds(1767225600));
  EXPECT_EQ(outcome->model.signature.shape_source, "SIDECAR");
  EXPECT_THAT(outcome->model.signature.input_shapes.at(0).shape,
              ElementsAre(-1, 4));
  ASSERT_TRUE(outcome->report.has_value());
  EXPECT_THAT(outcome->report->from, ElementsAre("disk"));
  EXPECT_EQ(outcome->report->copy, absl::Milliseconds(1));
  EXPECT_EQ(outcome->report->total, absl::Milliseconds(2));
  EXPECT_TRUE(outcome->report->verified);
}

TEST_F(ClientTest, SendsNothingThatAServerCannotRead) {
  const std::string latin = "caf\xe9";
  const auto expect_refused = [](const absl::Status& status,
                                 const std::string& why) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(status.message(), "request: " + why);
  };
  const std::string not_utf8 =
      "\"caf\\xe9\" is not UTF-8, which is all that a string can be";
  expect_refused(client_->Load({.name = "vad", .path = latin}).status(),
                 not_utf8);
  expect_refused(client_->Load({.name = "vad", .devices = {latin}}).status(),
                 not_utf8);
  expect_refused(client_->Migrate({.name = latin}).status(), not_utf8);
  expect_refused(client_->Unload(latin).status(), not_utf8);
  expect_refused(client_->Get(latin).status(), not_utf8);
  expect_refused(client_->Moves(1, latin).status(), not_utf8);
  expect_refused(client_->Watch(
                     {latin}, [](const ModelChange&) {}, std::stop_token()),
                 not_utf8);
  InferRequest request{.model = "vad", .version = 0, .inputs = {}};
  request.inputs.push_back({.name = "x", .value = {Value::List{{latin}}}});
  expect_refused(client_->Infer(request).status(), not_utf8);

  Value deep;
  for (int i = 0; i <= Value::kDepthMax; ++i) {
    Value::Dict dict;
    dict.push_back({"k", std::move(deep)});
    deep = Value{std::move(dict)};
  }
  request.inputs = {{.name = "x", .value = deep}};
  expect_refused(client_->Infer(request).status(),
                 "nested deeper than 32 levels");
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(ClientTest, ALoadOfWhatServesHasNoReport) {
  server_.Put(FakeModel("vad"));
  const auto outcome = client_->Load({.name = "vad"});
  ASSERT_THAT(outcome, IsOk());
  EXPECT_FALSE(outcome->report.has_value());
}

TEST_F(ClientTest, MigratesUnloadsAndTellsTheMoves) {
  server_.Put(FakeModel("vad"));
  const auto moved = client_->Migrate({.name = "vad", .devices = {"sim:0"}});
  ASSERT_THAT(moved, IsOk());
  EXPECT_THAT(moved->model.serving_on, ElementsAre("sim:0"));
  const auto moves = client_->Moves(5, "vad");
  ASSERT_THAT(moves, IsOk());
  ASSERT_EQ(moves->size(), 1);
  EXPECT_THAT(moves->at(0).to, ElementsAre("sim:0"));
  const auto unloaded = client_->Unload("vad");
  ASSERT_THAT(unloaded, IsOk());
  EXPECT_EQ(unloaded->value().total, absl::Milliseconds(3));
  EXPECT_THAT(*client_->List(), IsEmpty());
  EXPECT_THAT(server_.requests(),
              ElementsAre(HasSubstr("MigrateModelRequest"),
                          "ListMovesRequest moves_max: 5 model: \"vad\"",
                          HasSubstr("UnloadModelRequest"),
                          HasSubstr("ListModelsRequest")));
}

TEST_F(ClientTest, NamesTheVersionThatItIsAskedFor) {
  server_.Put(FakeModel("vad"));
  EXPECT_THAT(client_->Get("vad", 2), IsOk());
  EXPECT_THAT(client_->Migrate({.name = "vad", .version = 3}), IsOk());
  EXPECT_THAT(client_->Unload("vad", 4), IsOk());
  EXPECT_THAT(server_.requests(),
              ElementsAre("GetModelRequest name: \"vad\" version: 2",
                          "MigrateModelRequest name: \"vad\" version: 3",
                          "UnloadModelRequest name: \"vad\" version: 4"));
}

TEST_F(ClientTest, TellsTheServersCodeAndSentence) {
  const absl::Status absent = client_->Load({.name = "absent"}).status();
  EXPECT_THAT(absent, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(Message(absent),
            "model \"absent\": no file absent.pt in any directory");
  EXPECT_THAT(client_->Get("other"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(client_->Infer({.model = "broken"}),
              StatusIs(absl::StatusCode::kInternal));
}

TEST_F(ClientTest, ListsDevices) {
  const auto devices = client_->Devices();
  ASSERT_THAT(devices, IsOk());
  ASSERT_EQ(devices->size(), 2);
  EXPECT_EQ(devices->at(0).used_bytes, uint64_t{2} << 30);
  EXPECT_TRUE(devices->at(0).healthy);
  EXPECT_FALSE(devices->at(1).healthy);
  EXPECT_EQ(devices->at(1).error, "injected: link down");
}

TEST_F(ClientTest, CarriesEveryKindOfValueThereAndBack) {
  const Value tensor{
      Tensor{DType::kBfloat16, {2, 1}, std::string("\0\1\2\3", 4)}};
  const std::vector<NamedValue> inputs = {
      {"none", {None{}}},
      {"tensor", tensor},
      {"scalar", {Tensor{DType::kBool, {}, std::string(1, '\1')}}},
      {"empty", {Tensor{DType::kComplex128, {0, 3}, ""}}},
      {"int", {std::numeric_limits<int64_t>::min()}},
      {"float", {-0.5}},
      {"bool", {true}},
      {"text", {std::string("\xc3\xa4 b")}},
      {"list", {Value::List{tensor, {Value::List{}}}}},
      {"tuple", {Value::Tuple{{{int64_t{1}}, {2.5}}, {"a", "b"}}}},
      {"dict", {Value::Dict{{"k", tensor}, {"e", {Value::Dict{}}}}}},
  };
  const auto answer = client_->Infer({.model = "vad", .inputs = inputs});
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->outputs, inputs);
  EXPECT_EQ(answer->version, 1);
  EXPECT_EQ(answer->device, "cpu");
}

TEST_F(ClientTest, ConnectSaysWhereItTried) {
  std::string address;
  {
    const FakeServer gone;
    address = gone.address();
  }
  const absl::Status status = Client::Connect(address).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Message(status), HasSubstr("cannot connect to " + address));
}

TEST_F(ClientTest, ATimeoutSaysHowLongItWas) {
  const auto hasty = Client::Connect(server_.address(),
                                     {.call_timeout = absl::Milliseconds(20)});
  ASSERT_THAT(hasty, IsOk());
  const absl::Status status = (*hasty)->Load({.name = "slow"}).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(Message(status),
            "no answer from " + server_.address() + " within 20ms");
}

TEST_F(ClientTest, AStopCancelsTheCallUnderWay) {
  std::stop_source stop;
  server_.SetChanges({}, /*stays=*/true);
  server_.Put(FakeModel("vad"));
  // The watch tells that the server is at work; then it is stopped from there.
  const absl::Status status = client_->Watch(
      {}, [&](const ModelChange&) { stop.request_stop(); }, stop.get_token());
  EXPECT_THAT(status, IsOk());
  EXPECT_THAT(client_->Load({.name = "slow"}, stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(client_->Infer({.model = "slow"}, stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(ClientTest, WatchTellsTheSnapshotThenTheChanges) {
  server_.Put(FakeModel("a"));
  server_.Put(FakeModel("b"));
  v1::WatchModelsResponse moving;
  *moving.mutable_model() = FakeModel("b");
  moving.mutable_model()->set_state(v1::MODEL_STATE_MIGRATING);
  v1::MoveProgress& move = *moving.mutable_model()->mutable_move();
  move.add_from("cpu");
  move.add_to("sim:0");
  move.set_step("copy");
  move.set_done_bytes(1);
  move.set_total_bytes(2);
  v1::WatchModelsResponse removed;
  removed.mutable_model()->set_name("a");
  removed.set_removed(true);
  server_.SetChanges({moving, removed}, /*stays=*/false);

  std::vector<ModelChange> changes;
  const absl::Status status = client_->Watch(
      {"a", "b"}, [&](const ModelChange& c) { changes.push_back(c); }, {});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Message(status), HasSubstr("the server ended the watch"));
  ASSERT_EQ(changes.size(), 4);
  EXPECT_FALSE(changes[0].snapshot_complete);
  EXPECT_TRUE(changes[1].snapshot_complete);
  EXPECT_EQ(changes[2].model.state, "MIGRATING");
  EXPECT_EQ(changes[2].model.move->step, "copy");
  EXPECT_TRUE(changes[3].removed);
  EXPECT_THAT(server_.requests(),
              ElementsAre("WatchModelsRequest names: \"a\" names: \"b\""));
}

TEST_F(ClientTest, HealthIsOkOnlyWhileTheServerServes) {
  EXPECT_THAT(client_->Health(), IsOk());
  server_.SetServing(false);
  const absl::Status status = client_->Health();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Message(status), HasSubstr("not serving"));
}

}  // namespace
}  // namespace ferry::client::client_test
