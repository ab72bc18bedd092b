// LoadLittleEndian() takes an unsigned number out of a file's bytes.
//
// Threads:  any.

#ifndef SERVER_FORMATS_LITTLE_ENDIAN_H_
#define SERVER_FORMATS_LITTLE_ENDIAN_H_

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <string_view>

#include "server/base/invariant.h"

namespace ferry {

// Files are little endian, and so is every machine that Ferry runs on.
static_assert(std::endian::native == std::endian::little);

// `bytes` has sizeof(T) bytes from `offset` on: the caller has checked.
template <std::unsigned_integral T>
T LoadLittleEndian(std::string_view bytes, size_t offset) {
  INVARIANT(offset <= bytes.size() && sizeof(T) <= bytes.size() - offset);
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

}  // namespace ferry

#endif  // SERVER_FORMATS_LITTLE_ENDIAN_H_
