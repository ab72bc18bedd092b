// PlanImage() decides which ranges of a file make a model's image.
//
// Zip formats keep each tensor storage as a stored, 64-byte aligned record, and
// keep records of a kind ("data/", "constants/") together. So an image is a few
// big ranges of the file, one behind the other: each is read in one go, headers
// between the records come along, and no byte is ever moved twice.
//
// A kind is one range from its first record
// to its last, as long as what lies between the records does not cost more
// than they do; else one range for each run of records with small holes.
//
// Threads:  any; a pure function.
// Units:    bytes.
// Limits:   kHoleMaxBytes.

#ifndef SERVER_FORMATS_PLAN_IMAGE_H_
#define SERVER_FORMATS_PLAN_IMAGE_H_

#include <cstdint>
#include <vector>

#include "server/formats/image_layout.h"

namespace ferry {

// Where a range is split, a hole of this size or more ends it.
inline constexpr uint64_t kHoleMaxBytes = uint64_t{64} << 10;

// The kinds come one behind the other in the image. The records of one are in
// one file and do not overlap. INVARIANT: their file offsets are multiples of
// kImageAlignmentBytes. Fills in their image offsets.
ImageLayout PlanImage(std::vector<std::vector<Record>> kinds);

}  // namespace ferry

#endif  // SERVER_FORMATS_PLAN_IMAGE_H_
