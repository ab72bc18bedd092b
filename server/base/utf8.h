// UTF-8 of bytes that anyone may have sent: whether they are, and what is left
// of them where they are not.
//
// A model may return any bytes as a str; protobuf would send them in a
// `string`, and the client's parser would refuse the whole answer.
//
// Threads:  any; pure functions. The definition is RFC 3629's: no overlong
//           form, no surrogate, nothing above U+10FFFF.
// Units:    bytes, unless they are called characters.

#ifndef SERVER_BASE_UTF8_H_
#define SERVER_BASE_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace ferry {

bool IsUtf8(std::string_view text);

// With U+FFFD in place of what is not.
std::string ToUtf8(std::string_view text);

// Of ToUtf8(text).
size_t CountCharacters(std::string_view text);

// The front of `text` up to so many bytes, without a part of a character.
std::string_view CutUtf8(std::string_view text, size_t size_max);

}  // namespace ferry

#endif  // SERVER_BASE_UTF8_H_
