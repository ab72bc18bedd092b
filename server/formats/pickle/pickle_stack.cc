#include "server/formats/pickle/pickle_stack.h"

#include <algorithm>
#include <span>

#include "server/base/status_macros.h"
#include "server/formats/refusal.h"

namespace ferry {

absl::Status PickleStack::Push(PickleValue value) {
  if (++values_ > limits_.values_max) {
    return Refusal("more than ", limits_.values_max, " values");
  }
  stack_.push_back(value);
  return absl::OkStatus();
}

absl::Status PickleStack::PushString(std::string_view text) {
  heap_.strings.push_back(text);
  return Push({.kind = PickleKind::kString,
               .number = static_cast<int64_t>(heap_.strings.size() - 1)});
}

absl::StatusOr<PickleValue> PickleStack::Pop() {
  RETURN_IF_ERROR(Require(1));
  const PickleValue value = stack_.back();
  stack_.pop_back();
  return value;
}

absl::Status PickleStack::Require(size_t count) const {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() - floor >= count) return absl::OkStatus();
  return Refusal("it takes ", count, " values where there are ",
                 stack_.size() - floor);
}

absl::Status PickleStack::Mark() {
  // A container that is being read has at most two marks in torch.jit.save.
  if (marks_.size() > size_t{2} * limits_.nesting_max) {
    return Refusal("more than ", limits_.nesting_max,
                   " containers in one another");
  }
  marks_.push_back(stack_.size());
  return absl::OkStatus();
}

absl::StatusOr<size_t> PickleStack::PopMark() {
  if (marks_.empty()) return Refusal("there is no mark to go back to");
  const size_t mark = marks_.back();
  marks_.pop_back();
  return stack_.size() - mark;
}

absl::Status PickleStack::Put(uint64_t index) {
  RETURN_IF_ERROR(Require(1));
  // LibTorch makes its memo as long as the largest index says.
  if (index > memo_.size() || index >= limits_.values_max) {
    return Refusal("memo index ", index, " after ", memo_.size());
  }
  if (index == memo_.size()) memo_.emplace_back();
  memo_[index] = stack_.back();
  return absl::OkStatus();
}

absl::Status PickleStack::Get(uint64_t index) {
  if (index >= memo_.size()) {
    return Refusal("memo index ", index, " of ", memo_.size());
  }
  return Push(memo_[index]);
}

absl::Status PickleStack::PushContainer(PickleKind kind) {
  heap_.containers.emplace_back();
  return Push({.kind = kind,
               .number = static_cast<int64_t>(heap_.containers.size() - 1)});
}

absl::Status PickleStack::TakeItems(PickleContainer& container, size_t count) {
  for (const PickleValue& item : std::span(stack_).last(count)) {
    container.kinds |= 1U << static_cast<int>(item.kind);
    uint64_t walk = 1;
    if (PickleHeap::IsContainer(item)) {
      PickleContainer& inner = heap_.Container(item);
      inner.contained = true;
      container.nesting = std::max(container.nesting, inner.nesting + 1);
      walk = inner.walk;
    }
    container.walk += walk;
    if (container.walk > limits_.walk_max) {
      return Refusal("more than ", limits_.walk_max,
                     " values, counting shared ones each time");
    }
  }
  stack_.resize(stack_.size() - count);
  if (container.nesting > limits_.nesting_max) {
    return Refusal("more than ", limits_.nesting_max,
                   " containers in one another");
  }
  return absl::OkStatus();
}

absl::Status PickleStack::MakeTuple(size_t count) {
  RETURN_IF_ERROR(Require(count));
  PickleContainer tuple;
  tuple.items_begin = heap_.items.size();
  tuple.items_count = count;
  const std::span<const PickleValue> items = std::span(stack_).last(count);
  heap_.items.insert(heap_.items.end(), items.begin(), items.end());
  RETURN_IF_ERROR(TakeItems(tuple, count));
  RETURN_IF_ERROR(PushContainer(PickleKind::kTuple));
  heap_.containers.back() = tuple;
  return absl::OkStatus();
}

absl::Status PickleStack::MakeFilled(PickleKind kind, size_t count) {
  RETURN_IF_ERROR(PushContainer(kind));
  // Below its items, where Fill() looks for it.
  std::rotate(stack_.end() - static_cast<ptrdiff_t>(count) - 1,
              stack_.end() - 1, stack_.end());
  return Fill(kind, count);
}

absl::Status PickleStack::Fill(PickleKind kind, size_t count) {
  RETURN_IF_ERROR(Require(count + 1));
  const PickleValue filled = Top(count);
  if (filled.kind != kind) {
    return Refusal("items for something that is not a ",
                   kind == PickleKind::kList ? "list" : "dict");
  }
  if (kind == PickleKind::kDict && count % 2 != 0) {
    return Refusal("a key without its value");
  }
  PickleContainer container = heap_.Container(filled);
  RETURN_IF_ERROR(TakeItems(container, count));
  // What is in something already could be getting that as an item.
  if (heap_.Container(filled).contained) {
    return Refusal(
        "a container that is filled after it was put into another "
        "one, or into itself");
  }
  heap_.Container(filled) = container;
  return absl::OkStatus();
}

absl::Status PickleStack::MakeObject() {
  RETURN_IF_ERROR(Require(1));
  PickleContainer object;
  RETURN_IF_ERROR(TakeItems(object, 1));
  RETURN_IF_ERROR(PushContainer(PickleKind::kObject));
  heap_.containers.back() = object;
  return absl::OkStatus();
}

absl::Status PickleStack::CheckDone() const {
  if (stack_.size() == 1 && marks_.empty()) return absl::OkStatus();
  return Refusal("it stops with ", stack_.size(), " values and ", marks_.size(),
                 " marks; one value is due");
}

}  // namespace ferry
