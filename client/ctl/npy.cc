#include "client/ctl/npy.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"

namespace ferry::client {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kAlignmentBytes = 64;

// NumPy's name behind the byte order; bfloat16 has none.
constexpr std::array<std::pair<std::string_view, DType>, 14> kDescrs = {
    {{"b1", DType::kBool},
     {"u1", DType::kUint8},
     {"u2", DType::kUint16},
     {"u4", DType::kUint32},
     {"u8", DType::kUint64},
     {"i1", DType::kInt8},
     {"i2", DType::kInt16},
     {"i4", DType::kInt32},
     {"i8", DType::kInt64},
     {"f2", DType::kFloat16},
     {"f4", DType::kFloat32},
     {"f8", DType::kFloat64},
     {"c8", DType::kComplex64},
     {"c16", DType::kComplex128}}};

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;
};

// Reads the header, a Python dict literal of exactly three known keys.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  std::optional<Header> Read() {
    Header header;
    if (!Skip('{')) return std::nullopt;
    while (!Skip('}')) {
      const std::optional<std::string> key = ReadString();
      if (!key || !Skip(':') || !ReadInto(*key, header)) return std::nullopt;
      if (!Skip(',') && !At('}')) return std::nullopt;
    }
    SkipSpace();
    const bool whole =
        text_.empty() && header.descr && header.fortran_order && header.shape;
    return whole ? std::optional(header) : std::nullopt;
  }

 private:
  bool ReadInto(const std::string& key, Header& header) {
    if (key == "descr") return (header.descr = ReadString()).has_value();
    if (key == "shape") return (header.shape = ReadShape()).has_value();
    if (key != "fortran_order") return false;
    if (SkipWord("True")) return header.fortran_order.emplace(true);
    return SkipWord("False") && !header.fortran_order.emplace(false);
  }

  std::optional<std::string> ReadString() {
    SkipSpace();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) return {};
    const size_t end = text_.find(text_[0], 1);
    if (end == std::string_view::npos) return {};
    std::string value(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return value;
  }

  std::optional<std::vector<int64_t>> ReadShape() {
    std::vector<int64_t> shape;
    if (!Skip('(')) return {};
    while (!Skip(')')) {
      SkipSpace();
      size_t count = 0;
      while (count < text_.size() && absl::ascii_isdigit(text_[count])) ++count;
      int64_t size = 0;
      if (!absl::SimpleAtoi(AbslView(text_.substr(0, count)), &size)) return {};
      text_.remove_prefix(count);
      shape.push_back(size);
      if (!Skip(',') && !At(')')) return {};
    }
    return shape;
  }

  void SkipSpace() {
    while (!text_.empty() && absl::ascii_isspace(text_[0])) {
      text_.remove_prefix(1);
    }
  }
  bool At(char c) {
    SkipSpace();
    return text_.starts_with(c);
  }
  bool Skip(char c) {
    if (!At(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool SkipWord(std::string_view word) {
    SkipSpace();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  std::string_view text_;
};

// The header's text and the data behind it.
std::optional<std::pair<std::string_view, std::string_view>> Split(
    std::string_view file) {
  if (!file.starts_with(kMagic) || file.size() < 12) return std::nullopt;
  const auto byte = [&file](size_t i) {
    return static_cast<size_t>(static_cast<unsigned char>(file[i]));
  };
  size_t start = 10;
  size_t size = byte(8) | byte(9) << 8;
  if (byte(6) == 2) {
    start = 12;
    size |= byte(10) << 16 | byte(11) << 24;
  } else if (byte(6) != 1) {
    return std::nullopt;
  }
  if (size > file.size() - start) return std::nullopt;
  return std::pair(file.substr(start, size), file.substr(start + size));
}

absl::StatusOr<DType> DTypeOf(std::string_view descr) {
  if (descr.starts_with('>')) {
    return absl::InvalidArgumentError(
        "big-endian data: save it as little-endian, such as "
        "array.astype('<f4')");
  }
  for (const auto& [name, dtype] : kDescrs) {
    if (!descr.empty() && descr.substr(1) == name &&
        (descr[0] == '<' || descr[0] == '|')) {
      return dtype;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the dtype ", Shown(descr), ", which is not one that a tensor has"));
}

absl::StatusOr<Tensor> Parse(std::string_view file) {
  const auto split = Split(file);
  if (!split) {
    return absl::InvalidArgumentError("not a .npy file of version 1 or 2");
  }
  const std::optional<Header> header = HeaderReader(split->first).Read();
  if (!header) {
    return absl::InvalidArgumentError("a .npy header that cannot be read");
  }
  Tensor tensor;
  ASSIGN_OR_RETURN(tensor.dtype, DTypeOf(*header->descr));
  if (*header->fortran_order && header->shape->size() > 1) {
    return absl::InvalidArgumentError(
        "Fortran order: save it in C order, with "
        "numpy.ascontiguousarray(array)");
  }
  tensor.shape = *header->shape;
  ASSIGN_OR_RETURN(const uint64_t size_bytes,
                   TensorBytes(tensor.dtype, tensor.shape));
  if (size_bytes != split->second.size()) {
    return absl::InvalidArgumentError(absl::StrCat("has ", split->second.size(),
                                                   " bytes of data, its header "
                                                   "tells of ",
                                                   size_bytes));
  }
  tensor.data = split->second;
  return tensor;
}

}  // namespace

absl::StatusOr<Tensor> ParseNpy(std::string_view file,
                                std::string_view display_path) {
  absl::StatusOr<Tensor> tensor = Parse(file);
  if (tensor.ok()) return tensor;
  return absl::Status(
      tensor.status().code(),
      absl::StrCat(AbslView(display_path), ": ", tensor.status().message()));
}

absl::StatusOr<std::string> FormatNpy(const Tensor& tensor) {
  std::string descr;
  for (const auto& [name, dtype] : kDescrs) {
    if (dtype == tensor.dtype) {
      descr = absl::StrCat(SizeBytes(dtype) == 1 ? "|" : "<", AbslView(name));
    }
  }
  if (descr.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("NumPy has no dtype ", AbslView(TorchName(tensor.dtype)),
                     ": take the output as JSON"));
  }
  std::string header = absl::StrCat(
      "{'descr': '", descr, "', 'fortran_order': False, 'shape': (",
      absl::StrJoin(tensor.shape, ", "), tensor.shape.size() == 1 ? "," : "",
      "), }");
  const size_t unpadded = kMagic.size() + 4 + header.size() + 1;
  header.append(
      (kAlignmentBytes - unpadded % kAlignmentBytes) % kAlignmentBytes, ' ');
  header.push_back('\n');
  std::string file(kMagic);
  file.append({'\x01', '\x00', static_cast<char>(header.size() & 0xff),
               static_cast<char>(header.size() >> 8)});
  return file + header + tensor.data;
}

}  // namespace ferry::client
