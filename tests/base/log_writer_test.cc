// LogWriter: stderr is a pipe that its test reads, or does not.

#include "server/base/log_writer.h"

#include <array>
#include <fcntl.h>
#include <sstream>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/clock.h"
#include "server/base/log.h"
#include "tests/support/pipe.h"

namespace ferry::log_writer_test {
namespace {

using testing::HasSubstr;

// stderr is the pipe while this lives.
class LogWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    Pipe pipe;
    reader_ = std::move(pipe.reader);
    saved_ = UniqueFd(::dup(STDERR_FILENO));
    ASSERT_GE(::dup2(pipe.writer.get(), STDERR_FILENO), 0);
  }
  void TearDown() override { Restore(); }

  // Nobody writes to the pipe any more.
  void Restore() {
    if (saved_) ::dup2(saved_.get(), STDERR_FILENO);
    saved_ = UniqueFd();
  }
  std::string ReadAll() {
    Restore();
    std::string text;
    std::array<char, 4096> buffer;
    ssize_t count = 0;
    while ((count = ::read(reader_.get(), buffer.data(), buffer.size())) > 0) {
      text.append(buffer.data(), static_cast<size_t>(count));
    }
    return text;
  }

  UniqueFd reader_;
  UniqueFd saved_;
};

TEST_F(LogWriterTest, WritesEveryLineInOrderAndTheLastBeforeItEnds) {
  {
    const LogWriter writer;
    for (int i = 0; i < 100; ++i) Log(LogLevel::kInfo, "line", {{"i", i}});
  }
  const std::string text = ReadAll();
  size_t at = 0;
  for (int i = 0; i < 100; ++i) {
    at = text.find("line i=" + std::to_string(i) + "\n", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST_F(LogWriterTest, FlushWritesWhatWaits) {
  const LogWriter writer;
  Log(LogLevel::kInfo, "the last words");
  LogWriter::Flush();
  EXPECT_THAT(ReadAll(), HasSubstr("the last words\n"));
}

TEST_F(LogWriterTest, WhoLogsNeverWaitsForAReaderAndNeitherDoesTheEnd) {
  constexpr int kLines = 5000;
  {
    const LogWriter writer;
    // Many times what the pipe and the queue hold together: this ends, or the
    // test never does.
    for (int i = 0; i < kLines; ++i) {
      Log(LogLevel::kInfo, "line", {{"text", std::string(1000, 'x')}});
    }
    LogWriter::Flush();  // Gives up.
  }
  const std::string text = ReadAll();
  EXPECT_GT(text.size(), 4096u);
  EXPECT_LT(text.size(), size_t{1} << 20);
}

// The lines in `text`, those that it says were left out included.
int Accounted(const std::string& text) {
  std::istringstream lines(text);
  int total = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("log lines left out") == std::string::npos) {
      ++total;
    } else {
      total += std::stoi(line.substr(line.rfind("lines=") + 6));
    }
  }
  return total;
}

TEST_F(LogWriterTest, SaysHowManyLinesWereLeftOut) {
  constexpr int kLines = 5000;
  LogWriter writer;
  for (int i = 0; i < kLines; ++i) {
    Log(LogLevel::kInfo, "line", {{"text", std::string(1000, 'x')}});
  }
  // The reader is back.
  std::string text;
  std::array<char, 65536> buffer;
  while (!text.ends_with('\n') || Accounted(text) != kLines) {
    const ssize_t count = ::read(reader_.get(), buffer.data(), buffer.size());
    ASSERT_GT(count, 0);
    text.append(buffer.data(), static_cast<size_t>(count));
    ASSERT_LE(text.size(), size_t{8} << 20);
  }
  EXPECT_THAT(text, HasSubstr(" WARN  log lines left out: stderr is read too "
                              "slowly lines="));
}

TEST_F(LogWriterTest, AReaderThatHasGoneEndsNothing) {
  const LogWriter writer;
  reader_ = UniqueFd();
  const Stopwatch watch;
  Log(LogLevel::kInfo, "nobody hears this");
  LogWriter::Flush();
  EXPECT_LT(watch.Elapsed(), LogWriter::kEndMax) << "nobody is waited for";
}

}  // namespace
}  // namespace ferry::log_writer_test
