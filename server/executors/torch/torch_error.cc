#include "server/executors/torch/torch_error.h"

#include <exception>
#include <new>
#include <vector>

#include <c10/util/Exception.h>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "server/base/invariant.h"

namespace ferry {

namespace {

// Where LibTorch starts telling about its own C++ code.
std::string_view WithoutBacktrace(std::string_view message) {
  for (const std::string_view mark :
       {"\nException raised from ", "Exception raised from ",
        "\nC++ CapturedTraceback:", "\nSearch for `cuda",
        "\nCUDA kernel errors might be"}) {
    const size_t at = message.find(mark);
    if (at != std::string_view::npos) message = message.substr(0, at);
  }
  return message;
}

std::vector<std::string> Lines(std::string_view message) {
  std::vector<std::string> lines;
  const std::string_view text = WithoutBacktrace(message);
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    const absl::string_view plain = absl::StripAsciiWhitespace(line);
    if (!plain.empty()) lines.emplace_back(plain);
  }
  return lines;
}

// "builtins.RuntimeError: the input is negative" without its first word.
std::string WithoutClass(const std::string& line) {
  const size_t colon = line.find(": ");
  if (colon == std::string::npos) return line;
  const std::string_view before = std::string_view(line).substr(0, colon);
  const bool word = before.find(' ') == std::string_view::npos;
  if (word && (before.ends_with("Error") || before.ends_with("Exception"))) {
    return line.substr(colon + 2);
  }
  return line;
}

}  // namespace

std::string FirstSentence(std::string_view message) {
  const std::vector<std::string> lines = Lines(message);
  return lines.empty() ? "no reason given" : lines.front();
}

std::string LastSentence(std::string_view message) {
  const std::vector<std::string> lines = Lines(message);
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    std::string text = WithoutClass(*line);
    if (text != *line) return text;
  }
  return lines.empty() ? "no reason given" : lines.back();
}

absl::Status CurrentExceptionStatus(absl::StatusCode otherwise,
                                    std::string (*sentence)(std::string_view)) {
  INVARIANT(std::current_exception() != nullptr);
  try {
    throw;
  } catch (const StatusError& error) {
    return error.status();
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(
        FirstSentence(error.what_without_backtrace()));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of host memory");
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    // Host memory has no exception type of its own in LibTorch.
    const size_t full = message.find("DefaultCPUAllocator: ");
    if (full != std::string::npos) {
      return absl::ResourceExhaustedError(
          FirstSentence(std::string_view(message).substr(full)));
    }
    return absl::Status(otherwise, sentence(message));
  } catch (const std::exception& error) {
    return absl::Status(otherwise, sentence(error.what()));
  } catch (...) {
    return absl::Status(otherwise, "an exception of an unknown kind");
  }
}

}  // namespace ferry
