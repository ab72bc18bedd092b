#include "server/rpc/refused_connection.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"

namespace ferry {
namespace {

// RFC 9113: the client's preface, and frames of a head and so many bytes.
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kHeadBytes = 9;
constexpr uint8_t kHeaders = 1;
constexpr uint8_t kSettings = 4;
constexpr uint8_t kGoAway = 7;
constexpr uint8_t kEndOfStreamAndHeaders = 0x5;
constexpr uint32_t kEnhanceYourCalm = 0xB;
constexpr uint32_t kStreamMax = 0x7FFFFFFF;

std::string BigEndian(uint32_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) {
    text += static_cast<char>(number >> (8 * i));
  }
  return text;
}

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream,
                  std::string_view payload) {
  return absl::StrCat(BigEndian(static_cast<uint32_t>(payload.size()), 3),
                      BigEndian(type, 1), BigEndian(flags, 1),
                      BigEndian(stream, 4), AbslView(payload));
}

// RFC 7541, 5.2: a string as it is, behind its length.
std::string HpackString(std::string_view text) {
  constexpr size_t kPrefixMax = 127;
  std::string length;
  if (text.size() < kPrefixMax) {
    length += static_cast<char>(text.size());
  } else {
    length += static_cast<char>(kPrefixMax);
    size_t rest = text.size() - kPrefixMax;
    for (; rest >= 128; rest /= 128) {
      length += static_cast<char>(128 + rest % 128);
    }
    length += static_cast<char>(rest);
  }
  return absl::StrCat(length, AbslView(text));
}

// The whole answer to a call: headers that end the stream.
std::string Answer(uint32_t stream, std::string_view why) {
  constexpr std::string_view kStatus200 = "\x88";        // Of the static table.
  constexpr std::string_view kContentType = "\x0F\x10";  // Its name likewise.
  const std::string new_name(1, '\0');
  const auto code = static_cast<int>(absl::StatusCode::kResourceExhausted);
  return Frame(
      kHeaders, kEndOfStreamAndHeaders, stream,
      absl::StrCat(AbslView(kStatus200), AbslView(kContentType),
                   HpackString("application/grpc"), new_name,
                   HpackString("grpc-status"), HpackString(absl::StrCat(code)),
                   new_name, HpackString("grpc-message"), HpackString(why)));
}

std::string GoAway(uint32_t last_stream, std::string_view why) {
  return Frame(kGoAway, 0, 0,
               absl::StrCat(BigEndian(last_stream, 4),
                            BigEndian(kEnhanceYourCalm, 4), AbslView(why)));
}

}  // namespace

RefusedConnection::RefusedConnection(UniqueFd fd, std::string why,
                                     absl::Duration until)
    : fd_(std::move(fd)), why_(std::move(why)), until_(until) {
  Send(Frame(kSettings, 0, 0, ""));
}

void RefusedConnection::Send(std::string_view bytes) const {
  // What does not fit is lost: the client does not read.
  (void)::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::vector<uint32_t> RefusedConnection::Streams(std::string_view bytes) {
  std::vector<uint32_t> streams;
  while (!bytes.empty()) {
    if (preface_bytes_ < kPreface.size()) {
      if (bytes.front() != kPreface[preface_bytes_]) {
        foreign_ = true;
        return {};
      }
      ++preface_bytes_;
      bytes.remove_prefix(1);
      continue;
    }
    const size_t skipped = std::min(skip_bytes_, bytes.size());
    skip_bytes_ -= skipped;
    bytes.remove_prefix(skipped);
    const size_t taken = std::min(kHeadBytes - head_.size(), bytes.size());
    head_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (head_.size() < kHeadBytes) continue;
    const auto number = [this](size_t at, size_t size) {
      uint32_t value = 0;
      for (size_t i = at; i < at + size; ++i) {
        value = value << 8 | static_cast<uint8_t>(head_[i]);
      }
      return value;
    };
    skip_bytes_ = number(0, 3);
    if (number(3, 1) == kHeaders) streams.push_back(number(5, 4) & kStreamMax);
    head_.clear();
  }
  return streams;
}

bool RefusedConnection::Advance() {
  std::array<char, 4096> buffer;
  const ssize_t count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (count <= 0) return count < 0 && errno == EAGAIN;
  const std::vector<uint32_t> streams =
      Streams({buffer.data(), static_cast<size_t>(count)});
  if (foreign_) return false;
  for (const uint32_t stream : streams) Send(Answer(stream, why_));
  if (streams.empty()) return true;
  // "Open no more, these are seen to": the client closes behind its last
  // answer. What it has sent before it knows is answered too.
  if (last_stream_ == 0) Send(GoAway(kStreamMax, why_));
  last_stream_ = std::ranges::max(streams);
  return true;
}

void RefusedConnection::SayGoodbye() {
  if (!foreign_) Send(GoAway(last_stream_, why_));
}

}  // namespace ferry
