// A daemon that serves one good model while a test does something bad: whatever
// that was, no byte is left behind and the good model serves on.
//
// Threads:  those of the tests.

#ifndef TESTS_INTEGRATION_FAULTS_FIXTURE_H_
#define TESTS_INTEGRATION_FAULTS_FIXTURE_H_

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/test_daemon.h"
#include "tests/support/models_folder.h"
#include "tests/support/status_matchers.h"

namespace ferry {

class FaultsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(daemon_.started, IsOk());
    ASSERT_THAT(daemon_.Load("twice", {"sim:1"}), IsOk());
  }
  // Whatever a test did: no byte is left behind, and the other model serves.
  void TearDown() override {
    EXPECT_EQ(*daemon_.Run("twice", 3), 7);
    EXPECT_EQ(daemon_.Device("sim:0").used_bytes, 0);
    const auto model = client_.Get("twice");
    ASSERT_THAT(model, IsOk());
    EXPECT_EQ(daemon_.Device("cpu").used_bytes, model->bytes[0].size_bytes);
  }

  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(daemon_.models / name) << bytes;
  }
  // One of build/models, which PyTorch made.
  void CopyTestModel(const std::string& name) {
    std::filesystem::copy_file(ModelsFolder() + "/" + name,
                               daemon_.models / name);
  }
  std::string Bytes(const std::string& name) {
    std::ifstream file(daemon_.models / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void ExpectRefused(const std::string& name, const std::string& device,
                     absl::StatusCode code, const std::string& words) {
    const auto refused = daemon_.Load(name, {device});
    EXPECT_THAT(refused, StatusIs(code));
    EXPECT_THAT(std::string(refused.status().message()),
                testing::HasSubstr(words));
  }
  void ExpectFileRefused(const std::string& file, absl::StatusCode code,
                         const std::string& words) {
    const auto refused = daemon_.Load("bad", {"sim:0"}, file);
    EXPECT_THAT(refused, StatusIs(code));
    EXPECT_THAT(std::string(refused.status().message()),
                testing::HasSubstr(words));
  }
  void ExpectInputsRefused(std::vector<client::NamedValue> inputs,
                           const std::string& sentence) {
    const auto refused = daemon_.Infer("twice", std::move(inputs));
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(std::string(refused.status().message()), sentence);
  }

  TestDaemon daemon_;
  client::Client& client_ = *daemon_.client;
};

}  // namespace ferry

#endif  // TESTS_INTEGRATION_FAULTS_FIXTURE_H_
