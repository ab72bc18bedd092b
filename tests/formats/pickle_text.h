// The parts of a pickle, as torch.jit.save writes them, to put together.
//
// Threads:  any.

#ifndef TESTS_FORMATS_PICKLE_TEXT_H_
#define TESTS_FORMATS_PICKLE_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace ferry::pickle {

inline std::string Number(uint64_t number, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) {
    bytes.push_back(static_cast<char>(number >> (8 * i)));
  }
  return bytes;
}

inline std::string Join(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += part;
  return all;
}

// A whole pickle of one value.
inline std::string Whole(const std::string& value) {
  return "\x80\x02" + value + ".";
}

inline std::string Int(int64_t number) {
  return "\x8a\x08" + Number(static_cast<uint64_t>(number), 8);
}
inline std::string Str(const std::string& text) {
  return "X" + Number(text.size(), 4) + text;
}
inline const std::string kTrue = "\x88";
inline const std::string kFloat = "G" + std::string(8, '\0');

inline std::string Global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string Tuple(const std::vector<std::string>& items) {
  return "(" + Join(items) + "t";
}
inline std::string List(const std::vector<std::string>& items) {
  return "](" + Join(items) + "e";
}
// Keys and values in turn.
inline std::string Dict(const std::vector<std::string>& items) {
  return "}(" + Join(items) + "u";
}
inline std::string Call(const std::string& function,
                        const std::vector<std::string>& arguments) {
  return function + Tuple(arguments) + "R";
}
inline std::string Object(const std::string& name, const std::string& state) {
  return Global("__torch__", name) + ")\x81" + state + "b";
}

inline std::string Ints(const std::vector<int64_t>& numbers) {
  std::vector<std::string> items;
  for (const int64_t number : numbers) items.push_back(Int(number));
  return Tuple(items);
}

// 6 floats, if nothing else is asked for.
struct StorageText {
  std::string type = "FloatStorage";
  std::string key = "0";
  int64_t elements = 6;
};
inline std::string Storage(const StorageText& text = {}) {
  return Tuple({Str("storage"), Global("torch", text.type), Str(text.key),
                Str("cpu"), Int(text.elements)}) +
         "Q";
}

struct TensorText {
  StorageText storage = {};
  int64_t offset = 0;
  std::vector<int64_t> sizes = {2, 3};
  std::vector<int64_t> strides = {3, 1};
};
inline std::string Tensor(const TensorText& text = {}) {
  return Call(
      Global("torch._utils", "_rebuild_tensor_v2"),
      {Storage(text.storage), Int(text.offset), Ints(text.sizes),
       Ints(text.strides), kTrue, Global("collections", "OrderedDict") + ")R"});
}

}  // namespace ferry::pickle

#endif  // TESTS_FORMATS_PICKLE_TEXT_H_
