// CheckMove: each test draws what is known of a model, and names the answer.

#include "server/registry/check_move.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::check_move_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr DeviceId kSim0{DeviceKind::kSim, 0};
constexpr DeviceId kSim1{DeviceKind::kSim, 1};

MoveRequest Load(std::vector<DeviceId> devices, int64_t version = 0,
                 const std::string& path = "") {
  return {.kind = MoveKind::kLoad,
          .model = {.name = "a", .version = version},
          .path = path,
          .destination = {.devices = std::move(devices)}};
}

MoveRequest Migrate(std::vector<DeviceId> devices, int64_t version = 0) {
  return {.kind = MoveKind::kMigrate,
          .model = {.name = "a", .version = version},
          .destination = {.devices = std::move(devices)}};
}

MoveRequest Unload(int64_t version = 0) {
  return {.kind = MoveKind::kUnload,
          .model = {.name = "a", .version = version}};
}

MoveFacts Serving(std::vector<DeviceId> devices) {
  return {.model = {.name = "a", .version = 2},
          .path = "a/2/model.pt",
          .residences = std::move(devices)};
}

TEST(CheckMoveTest, WhatIsNotKnownCanOnlyBeLoaded) {
  EXPECT_EQ(*CheckMove(Load({kSim0}), nullptr), MoveVerdict::kBegin);
  EXPECT_THAT(CheckMove(Migrate({kSim0}), nullptr),
              StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(CheckMove(Unload(), nullptr), StatusIs(StatusCode::kNotFound));
}

TEST(CheckMoveTest, OneMoveAtATimeOfAModel) {
  MoveFacts facts = Serving({kSim0});
  facts.moving_to = {Place::On(kSim1)};
  for (const MoveRequest& request :
       {Load({kSim0}), Migrate({kSim0}), Unload()}) {
    const auto verdict = CheckMove(request, &facts);
    EXPECT_THAT(verdict, StatusIs(StatusCode::kAborted));
    EXPECT_THAT(verdict.status().message(), HasSubstr("to sim:1;"));
  }
}

TEST(CheckMoveTest, WhatServesThereNeedsNoMove) {
  const MoveFacts facts = Serving({kSim0, kSim1});
  for (const MoveRequest& request :
       {Load({kSim0, kSim1}), Load({kSim0, kSim1}, 2),
        Load({kSim0, kSim1}, 0, "a/2/model.pt"), Migrate({kSim0, kSim1})}) {
    EXPECT_EQ(*CheckMove(request, &facts), MoveVerdict::kNothingToDo);
  }
  EXPECT_EQ(*CheckMove(Migrate({kSim0}), &facts), MoveVerdict::kBegin);
  MoveRequest anywhere = Migrate({});
  anywhere.destination.automatic = true;
  EXPECT_EQ(*CheckMove(anywhere, &facts), MoveVerdict::kNothingToDo);
}

TEST(CheckMoveTest, WhatServesThereNoMoreIsMoved) {
  MoveFacts facts = Serving({kSim0});
  facts.all_serve = false;
  EXPECT_EQ(*CheckMove(Migrate({kSim0}), &facts), MoveVerdict::kBegin);
}

TEST(CheckMoveTest, ANameIsLoadedFromOnePlace) {
  const MoveFacts facts = Serving({kSim0});
  const auto elsewhere = CheckMove(Load({kSim1}), &facts);
  EXPECT_THAT(elsewhere, StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(elsewhere.status().message(),
              HasSubstr("from a/2/model.pt version 2 on sim:0; MigrateModel"));
  for (const MoveRequest& request :
       {Load({kSim0}, 3), Load({kSim0}, 0, "b.pt")}) {
    const auto other = CheckMove(request, &facts);
    EXPECT_THAT(other, StatusIs(StatusCode::kAlreadyExists));
    EXPECT_THAT(other.status().message(), HasSubstr("unload it first"));
  }
}

TEST(CheckMoveTest, AnotherVersionIsNotTheOneThatServes) {
  const MoveFacts facts = Serving({kSim0});
  for (const MoveRequest& request : {Migrate({kSim1}, 3), Unload(3)}) {
    const auto other = CheckMove(request, &facts);
    EXPECT_THAT(other, StatusIs(StatusCode::kNotFound));
    EXPECT_THAT(other.status().message(),
                HasSubstr("version 3 is not loaded; version 2 is"));
  }
  EXPECT_EQ(*CheckMove(Migrate({kSim1}, 2), &facts), MoveVerdict::kBegin);
  EXPECT_EQ(*CheckMove(Unload(2), &facts), MoveVerdict::kBegin);
}

TEST(CheckMoveTest, WhatIsOnlyRememberedIsLoadedOrForgotten) {
  const MoveFacts facts{.model = {.name = "a"}};
  EXPECT_EQ(*CheckMove(Load({kSim0}, 3), &facts), MoveVerdict::kBegin);
  EXPECT_EQ(*CheckMove(Unload(), &facts), MoveVerdict::kBegin);
  EXPECT_THAT(CheckMove(Migrate({kSim0}), &facts),
              StatusIs(StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace ferry::check_move_test
