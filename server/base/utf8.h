// IsUtf8() tells whether bytes may travel in a protobuf `string`.
//
// A model may return any bytes as a str; protobuf would send them, and the
// client's parser would refuse the whole answer.
//
// Threads:  any; a pure function. The definition is RFC 3629's: no overlong
//           form, no surrogate, nothing above U+10FFFF.

#ifndef SERVER_BASE_UTF8_H_
#define SERVER_BASE_UTF8_H_

#include <string_view>

namespace ferry {

bool IsUtf8(std::string_view text);

}  // namespace ferry

#endif  // SERVER_BASE_UTF8_H_
