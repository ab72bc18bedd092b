#include "client/ctl/table.h"

#include <algorithm>
#include <cstddef>

#include "client/ctl/words.h"
#include "server/base/invariant.h"
#include "server/base/utf8.h"

namespace ferry::client {
namespace {

constexpr size_t kGap = 2;
constexpr char kNoteIndent[] = "  ";

bool IsShown(const Table& table, size_t column) {
  return table.rows.empty() ||
         std::ranges::any_of(table.rows, [column](const auto& row) {
           return !row.cells[column].empty();
         });
}

void AppendCell(const std::string& text, size_t width, bool to_the_right,
                std::string& line) {
  const std::string padding(width - CountCharacters(text), ' ');
  line += to_the_right ? padding + text : text + padding;
  line.append(kGap, ' ');
}

}  // namespace

std::string RenderTable(const Table& table) {
  std::vector<std::string> lines(table.rows.size() + 1);
  for (size_t column = 0; column < table.columns.size(); ++column) {
    if (!IsShown(table, column)) continue;
    std::vector<std::string> cells = {table.columns[column].heading};
    for (const Table::Row& row : table.rows) {
      INVARIANT(row.cells.size() == table.columns.size());
      cells.push_back(Printable(row.cells[column]));
    }
    size_t width = 0;
    for (const std::string& cell : cells)
      width = std::max(width, CountCharacters(cell));
    for (size_t i = 0; i < cells.size(); ++i) {
      AppendCell(cells[i], width, table.columns[column].is_number, lines[i]);
    }
  }
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    text += lines[i].substr(0, lines[i].find_last_not_of(' ') + 1) + "\n";
    if (i > 0 && !table.rows[i - 1].note.empty()) {
      text += kNoteIndent;
      text += Printable(table.rows[i - 1].note) + "\n";
    }
  }
  return text;
}

}  // namespace ferry::client
