// A ConfigFile is the TOML file that --config names, read as keys and texts.
//
// It takes what a list of settings needs of TOML v1.0.0 and refuses the rest by
// name, so that nothing is read otherwise than it was meant: comments, bare and
// quoted keys, one-line strings, integers, booleans, and arrays of those over
// any number of lines. No tables, dotted keys, floats, dates or multi-line
// strings.
//
// Threads:  any; plain values.
// Fails:    never: every mistake is one sentence in `errors`, with its line.
// Limits:   kConfigFileBytesMax.

#ifndef SERVER_CONFIG_FILE_H_
#define SERVER_CONFIG_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ferry {

inline constexpr size_t kConfigFileBytesMax = size_t{1} << 20;

struct ConfigFile {
  struct Entry {
    std::string key;
    std::vector<std::string> values;  // One, unless it is an array.
    bool is_array = false;
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
