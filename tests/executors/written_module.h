// A module whose code and objects a test writes itself, as no compiler would.
//
// Threads:  any.

#ifndef TESTS_EXECUTORS_WRITTEN_MODULE_H_
#define TESTS_EXECUTORS_WRITTEN_MODULE_H_

#include <string>

#include <gtest/gtest.h>

#include "server/executors/torchscript/module_loader.h"
#include "tests/formats/open_archive.h"
#include "tests/formats/pickle_text.h"
#include "tests/support/zip_writer.h"

namespace ferry {

// `code` is of __torch__; `object` a pickled value. It has no weights.
inline absl::StatusOr<LoadedModule> LoadWritten(const std::string& code,
                                                const std::string& object) {
  ZipWriter zip;
  zip.Add("data.pkl", pickle::Whole(object));
  zip.Add("constants.pkl", pickle::Whole(pickle::Tuple({})));
  zip.Add("version", "3\n");
  zip.Add("code/__torch__.py", code);
  auto archive = OpenTorchScript(MemoryFile(zip.Finish()), "m.pt");
  if (!archive.ok()) return archive.status();
  const auto range = ImageRange::Reserve((*archive)->layout().size_bytes);
  auto module = LoadModule(**archive, *range, /*filled=*/false, {});
  if (!module.ok()) return module.status();
  if (!module->has_value()) return absl::InternalError("it reads weights");
  return **std::move(module);
}

}  // namespace ferry

#endif  // TESTS_EXECUTORS_WRITTEN_MODULE_H_
