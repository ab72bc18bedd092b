// WatchModels through a real server: a snapshot, then each change, then an end;
// and clients that read slowly or leave.

#include "server/rpc/watch_call.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/worker.h"
#include "tests/rpc/test_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::watch_call_test {
namespace {

// One client's watch.
class Watcher {
 public:
  explicit Watcher(TestServer& server,
                   const std::vector<std::string>& names = {}) {
    v1::WatchModelsRequest request;
    request.mutable_names()->Assign(names.begin(), names.end());
    reader_ = server.models->WatchModels(&context_, request);
  }
  ~Watcher() {
    context_.TryCancel();
    if (reader_ != nullptr) (void)End();
  }

  // The next answer; fails the test when there is none.
  v1::WatchModelsResponse Next() {
    v1::WatchModelsResponse response;
    EXPECT_TRUE(reader_->Read(&response));
    return response;
  }

  // Reads on until the model is as told.
  template <typename Predicate>
  v1::WatchModelsResponse Await(const Predicate& predicate) {
    v1::WatchModelsResponse response;
    while (reader_->Read(&response)) {
      if (predicate(response)) return response;
    }
    ADD_FAILURE() << "the watch ended";
    return response;
  }

  absl::Status End() {
    v1::WatchModelsResponse response;
    while (reader_->Read(&response)) {
    }
    const absl::Status status = FromGrpc(reader_->Finish());
    reader_.reset();
    return status;
  }

  void Leave() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchModelsResponse>> reader_;
};

class WatchCallTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(server_.pool.models / "a.pt", 2);
    SaveScaleModel(server_.pool.models / "b.pt", 2);
  }

  TestServer server_;
};

TEST_F(WatchCallTest, SaysThatThereIsNothing) {
  Watcher watcher(server_);
  const v1::WatchModelsResponse first = watcher.Next();
  EXPECT_FALSE(first.has_model());
  EXPECT_TRUE(first.snapshot_complete());
}

TEST_F(WatchCallTest, ShowsWhatThereIsAndThenWhatChanges) {
  ASSERT_THAT(server_.pool.Load("a", {"cpu"}), IsOk());
  ASSERT_THAT(server_.pool.Load("b", {"cpu"}), IsOk());
  Watcher watcher(server_);
  const v1::WatchModelsResponse first = watcher.Next();
  EXPECT_EQ(first.model().name(), "a");
  EXPECT_FALSE(first.snapshot_complete());
  const v1::WatchModelsResponse second = watcher.Next();
  EXPECT_EQ(second.model().name(), "b");
  EXPECT_TRUE(second.snapshot_complete());

  ASSERT_THAT(server_.pool.Migrate("b", {"sim:1"}), IsOk());
  watcher.Await([](const v1::WatchModelsResponse& response) {
    EXPECT_FALSE(response.snapshot_complete());
    EXPECT_EQ(response.model().name(), "b");
    return response.model().serving_on_size() == 1 &&
           response.model().serving_on(0) == "sim:1" &&
           response.model().state() == v1::MODEL_STATE_SERVING;
  });
}

TEST_F(WatchCallTest, TellsThatAModelIsGone) {
  ASSERT_THAT(server_.pool.Load("a", {"cpu"}), IsOk());
  Watcher watcher(server_);
  EXPECT_EQ(watcher.Next().model().name(), "a");
  ASSERT_THAT(server_.pool.Unload("a"), IsOk());
  const auto gone = watcher.Await([](const v1::WatchModelsResponse& response) {
    return response.removed() ||
           response.model().state() == v1::MODEL_STATE_COLD;
  });
  EXPECT_EQ(gone.model().name(), "a");
}

TEST_F(WatchCallTest, ShowsOnlyTheModelsNamed) {
  ASSERT_THAT(server_.pool.Load("a", {"cpu"}), IsOk());
  Watcher watcher(server_, {"b", "b", "c"});
  const v1::WatchModelsResponse first = watcher.Next();
  EXPECT_FALSE(first.has_model());
  EXPECT_TRUE(first.snapshot_complete());
  ASSERT_THAT(server_.pool.Migrate("a", {"sim:0"}), IsOk());
  ASSERT_THAT(server_.pool.Load("b", {"cpu"}), IsOk());
  EXPECT_EQ(watcher.Next().model().name(), "b");
}

TEST_F(WatchCallTest, RefusesNamesThatNoModelCanHave) {
  Watcher watcher(server_, {"a", "b/c"});
  EXPECT_THAT(watcher.End(), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(WatchCallTest, ASlowClientSeesTheLastStateAndNotEveryOne) {
  ASSERT_THAT(server_.pool.Load("a", {"cpu"}), IsOk());
  Watcher watcher(server_);
  EXPECT_EQ(watcher.Next().model().name(), "a");
  for (int i = 0; i < 200; ++i) {
    ASSERT_THAT(server_.pool.Migrate("a", {i % 2 == 0 ? "sim:0" : "sim:1"}),
                IsOk());
  }
  ASSERT_THAT(server_.pool.Migrate("a", {"cpu"}), IsOk());
  watcher.Await([](const v1::WatchModelsResponse& response) {
    return response.model().serving_on_size() == 1 &&
           response.model().serving_on(0) == "cpu" &&
           response.model().state() == v1::MODEL_STATE_SERVING;
  });
}

TEST_F(WatchCallTest, EndsWhenTheServerDrains) {
  Watcher watcher(server_);
  EXPECT_TRUE(watcher.Next().snapshot_complete());
  server_.server->Drain();
  EXPECT_THAT(watcher.End(), StatusIs(absl::StatusCode::kUnavailable));
  Watcher late(server_);
  EXPECT_THAT(late.End(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(WatchCallTest, ClientsThatLeaveLeaveNothingBehind) {
  ASSERT_THAT(server_.pool.Load("a", {"cpu"}), IsOk());
  const Worker moves("moves", [&] {
    for (int i = 0; i < 200; ++i) {
      EXPECT_THAT(server_.pool.Migrate("a", {i % 2 == 0 ? "sim:0" : "cpu"}),
                  IsOk());
    }
  });
  for (int i = 0; i < 100; ++i) {
    Watcher watcher(server_);
    if (i % 2 == 1) watcher.Next();  // There is always the model as it is.
    watcher.Leave();
    EXPECT_THAT(watcher.End(), StatusIs(absl::StatusCode::kCancelled));
  }
}

TEST_F(WatchCallTest, RefusesMoreWatchesThanTheLimit) {
  std::vector<std::unique_ptr<Watcher>> watchers;
  for (int i = 0; i < ModelService::kWatchesMax; ++i) {
    watchers.push_back(std::make_unique<Watcher>(server_));
    EXPECT_TRUE(watchers.back()->Next().snapshot_complete());
  }
  Watcher one_more(server_);
  EXPECT_THAT(one_more.End(), StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace ferry::watch_call_test
