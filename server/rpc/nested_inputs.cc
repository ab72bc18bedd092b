#include "server/rpc/nested_inputs.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

// A flat input, and how much of its name has been read.
struct Flat {
  std::string_view name;
  size_t read;
  Value* value;

  // The next part; what is left is read past the dot behind it.
  std::string_view TakePart() {
    const size_t dot = std::min(name.find('.', read), name.size());
    const std::string_view part = name.substr(read, dot - read);
    read = dot == name.size() ? name.npos : dot + 1;
    return part;
  }
  bool ended() const { return read == name.npos; }
};

absl::Status Refuse(std::string_view name, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("input ", Shown(name), ": ", why));
}

struct Child {
  std::string_view part;
  std::vector<Flat> flats;
};

// By their next part, in the order in which parts first come.
absl::StatusOr<std::vector<Child>> Group(std::vector<Flat> flats) {
  std::vector<Child> children;
  // Sorted by part (stably), so that a group is a run: names are up to clients,
  // and so is how many there are.
  struct Parted {
    std::string_view part;
    size_t first;
    Flat flat;
  };
  std::vector<Parted> parted;
  for (Flat& flat : flats) {
    const std::string_view part = flat.TakePart();
    if (part.empty()) {
      return Refuse(flat.name, "a part of the name is empty");
    }
    parted.push_back({part, parted.size(), flat});
  }
  std::ranges::stable_sort(parted, {}, &Parted::part);
  for (size_t i = 1; i < parted.size(); ++i) {
    if (parted[i].part == parted[i - 1].part) {
      parted[i].first = parted[i - 1].first;
    }
  }
  std::ranges::stable_sort(parted, {}, &Parted::first);
  for (const Parted& one : parted) {
    if (children.empty() || children.back().part != one.part) {
      children.push_back({one.part, {}});
    }
    children.back().flats.push_back(one.flat);
  }
  return children;
}

bool IsNumber(std::string_view part) {
  return std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
}

absl::StatusOr<Value> Build(std::vector<Flat> flats, int depth);

absl::StatusOr<Value> BuildList(std::vector<Child> children, int depth) {
  Value::List list(children.size());
  for (Child& child : children) {
    const std::string_view name = child.flats.front().name;
    size_t index = 0;
    if (!absl::SimpleAtoi(AbslView(child.part), &index) ||
        absl::StrCat(index) != AbslView(child.part)) {
      return Refuse(name, absl::StrCat("the index ", Shown(child.part),
                                       " is not a plain number"));
    }
    if (index >= list.size()) {
      return Refuse(name, absl::StrCat("the list has ", list.size(),
                                       " elements here, so their indices must "
                                       "be 0 to ",
                                       list.size() - 1));
    }
    ASSIGN_OR_RETURN(list[index], Build(std::move(child.flats), depth + 1));
  }
  return Value{std::move(list)};
}

absl::StatusOr<Value> BuildDict(std::vector<Child> children, int depth) {
  Value::Dict dict;
  for (Child& child : children) {
    ASSIGN_OR_RETURN(Value value, Build(std::move(child.flats), depth + 1));
    dict.push_back({std::string(child.part), std::move(value)});
  }
  return Value{std::move(dict)};
}

absl::StatusOr<Value> Build(std::vector<Flat> flats, int depth) {
  const auto whole = std::ranges::find_if(flats, &Flat::ended);
  if (whole != flats.end()) {
    if (flats.size() == 1) return std::move(*whole->value);
    return Refuse(whole->name,
                  "it is a value, and other inputs are parts of it");
  }
  if (depth >= Value::kDepthMax) {
    return Refuse(
        flats.front().name,
        absl::StrCat("nested deeper than ", Value::kDepthMax, " levels"));
  }
  ASSIGN_OR_RETURN(std::vector<Child> children, Group(std::move(flats)));
  const bool list = std::ranges::all_of(children, IsNumber, &Child::part);
  return list ? BuildList(std::move(children), depth)
              : BuildDict(std::move(children), depth);
}

}  // namespace

absl::Status NestInputs(std::vector<NamedValue>& inputs) {
  const bool flat = std::ranges::all_of(inputs, [](const NamedValue& input) {
    return input.name.find('.') == std::string::npos;
  });
  if (flat) return absl::OkStatus();

  std::vector<Flat> flats;
  for (NamedValue& input : inputs) {
    flats.push_back({input.name, 0, &input.value});
  }
  ASSIGN_OR_RETURN(std::vector<Child> arguments, Group(std::move(flats)));
  std::vector<NamedValue> nested;
  for (Child& argument : arguments) {
    ASSIGN_OR_RETURN(Value value, Build(std::move(argument.flats), 0));
    nested.push_back({std::string(argument.part), std::move(value)});
  }
  inputs = std::move(nested);
  return absl::OkStatus();
}

}  // namespace ferry
