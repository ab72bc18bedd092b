#include "server/base/hash.h"

#include <xxhash.h>

// Picks the widest vectors that the processor has, at run time; the plain
// functions of a distribution's library are those of its oldest processor.
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#endif

#include "server/base/invariant.h"

namespace ferry {

uint64_t Hash::Of(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

Hash::Hash()
    : state_(XXH3_createState(),
             [](XXH3_state_s* state) { XXH3_freeState(state); }) {
  INVARIANT(state_ != nullptr);
  XXH3_64bits_reset(state_.get());
}

Hash::~Hash() = default;

void Hash::Add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
}

uint64_t Hash::Total() const { return XXH3_64bits_digest(state_.get()); }

}  // namespace ferry
