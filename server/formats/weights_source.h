// A WeightsSource is a model's weights as they lie on disk: a checked file, or
// several, of some format.
//
// What carries weights needs no more than this, so it knows no format. Each
// reader of a format is one, and may tell more to what knows that format: an
// archive its code.
//
// Owns:     the descriptors, which are borrowed for pread and never closed by
//           the borrower.
// Threads:  immutable; any number of threads.
// Units:    bytes.

#ifndef SERVER_FORMATS_WEIGHTS_SOURCE_H_
#define SERVER_FORMATS_WEIGHTS_SOURCE_H_

#include <span>
#include <string>

#include "server/formats/image_layout.h"

namespace ferry {

class WeightsSource {
 public:
  struct File {
    int fd;
    std::string path;  // For messages; it opens nothing.
  };

  virtual ~WeightsSource() = default;

  // Weights are checked by whoever reads them: Record::crc32.
  virtual const ImageLayout& layout() const = 0;
  // What file_index says in the layout.
  virtual std::span<const File> files() const = 0;
};

}  // namespace ferry

#endif  // SERVER_FORMATS_WEIGHTS_SOURCE_H_
