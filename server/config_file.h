// A ConfigFile is the TOML file that --config names, read as keys and texts.
//
// All of TOML v1.0.0 is read. A setting is a key of its own with one scalar or
// an array of scalars, and each scalar becomes the text that its flag takes:
// what is no setting's value is told by its line, like every other mistake. A
// file that is not TOML has one mistake, its first, and no entries.
//
// Threads:  any; plain values.
// Fails:    never: every mistake is one sentence in `errors`, with its line.
// Limits:   kConfigFileBytesMax, kConfigLineBytesMax.

#ifndef SERVER_CONFIG_FILE_H_
#define SERVER_CONFIG_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ferry {

inline constexpr size_t kConfigFileBytesMax = size_t{64} << 10;
// A dotted key nests tables as deep as its line is long, and so do the
// library's destructors.
inline constexpr size_t kConfigLineBytesMax = size_t{8} << 10;

struct ConfigFile {
  struct Entry {
    std::string key;
    std::vector<std::string> values;  // One, unless it is an array.
    int line = 0;  // Of the key; the first is 1.
  };
  std::vector<Entry> entries;  // In order; a key is there once.
  std::vector<std::string> errors;
};

// `display_path` is the name that messages use; it opens nothing.
ConfigFile ParseConfigFile(std::string_view text,
                           std::string_view display_path);

ConfigFile ReadConfigFile(const std::string& path);

}  // namespace ferry

#endif  // SERVER_CONFIG_FILE_H_
