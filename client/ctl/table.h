// A Table is rows of texts, drawn in columns with a heading.
//
// Threads:  any; plain values.

#ifndef CLIENT_CTL_TABLE_H_
#define CLIENT_CTL_TABLE_H_

#include <string>
#include <vector>

namespace ferry::client {

struct Table {
  struct Column {
    std::string heading;
    bool is_number = false;  // Aligned to the right.
  };
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // One text for each column.
};

// Columns that are empty in every row are left out; without rows, only the
// heading. Widths are of characters in UTF-8; control characters are shown as
// '?', so that no text from outside moves the cursor.
std::string RenderTable(const Table& table);

}  // namespace ferry::client

#endif  // CLIENT_CTL_TABLE_H_
