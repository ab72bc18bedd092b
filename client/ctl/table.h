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
  struct Row {
    std::vector<std::string> cells;  // One for each column.
    std::string note = {};           // A line of its own below the row.
  };
  std::vector<Column> columns;
  std::vector<Row> rows = {};
};

// Columns that are empty in every row are left out; without rows, only the
// heading. Widths are of characters in UTF-8; cells and notes are Printable().
std::string RenderTable(const Table& table);

}  // namespace ferry::client

#endif  // CLIENT_CTL_TABLE_H_
