// Usage: bench_make_scale OUT.pt BYTES: forward(x) = x * 2 + 1 behind BYTES of
// weights, whose every answer a load generator can check.

#include <cstdlib>

#include "tests/support/torch_models.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  ferry::SaveScaleModel(argv[1], 2, std::strtoull(argv[2], nullptr, 10));
  return 0;
}
