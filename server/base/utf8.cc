#include "server/base/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ferry {
namespace {

// The length of the character at the start of `text`; 0 when there is none.
size_t CharacterSize(std::string_view text) {
  const auto byte = [&](size_t at) {
    return static_cast<unsigned char>(text[at]);
  };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < size) return 0;
  for (size_t at = 1; at < size; ++at) {
    if ((byte(at) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  if ((lead == 0xE0 && second < 0xA0) ||  // Overlong.
      (lead == 0xED && second > 0x9F) ||  // A surrogate.
      (lead == 0xF0 && second < 0x90) ||  // Overlong.
      (lead == 0xF4 && second > 0x8F)) {  // Above U+10FFFF.
    return 0;
  }
  return size;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    uint64_t eight = 0;
    if (text.size() >= sizeof(eight)) {
      std::memcpy(&eight, text.data(), sizeof(eight));
      if ((eight & 0x8080808080808080) == 0) {  // Eight ASCII characters.
        text.remove_prefix(sizeof(eight));
        continue;
      }
    }
    const size_t size = CharacterSize(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace ferry
