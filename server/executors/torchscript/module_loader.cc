#include "server/executors/torchscript/module_loader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/operator_upgraders/upgraders_entry.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/import_source.h>
#include <torch/csrc/jit/serialization/storage_context.h>
#include <torch/csrc/jit/serialization/unpickler.h>
#include <torch/custom_class.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/executors/torch/stop_scope.h"
#include "server/executors/torch/torch_error.h"
#include "server/executors/torchscript/checks/cast_guard.h"
#include "server/executors/torchscript/checks/default_check.h"
#include "server/executors/torchscript/checks/inline_check.h"
#include "server/executors/torchscript/checks/loop_guard.h"
#include "server/executors/torchscript/checks/operator_check.h"
#include "server/executors/torchscript/checks/slot_check.h"

namespace ferry {

namespace {

void ThrowIfError(const absl::Status& status) {
  if (!status.ok()) throw StatusError(status);
}

bool IsNativeClass(const c10::QualifiedName& name) {
  return name.qualifiedName().starts_with("__torch__.torch.classes.");
}

c10::IValue OwnTensors(const c10::IValue& value) { return value.deepcopy(); }

class Loader {
 public:
  Loader(const TorchScriptArchive& archive, const ImageRange& range,
         bool filled, std::stop_token stop)
      : archive_(archive),
        range_(range),
        filled_(filled),
        stop_(std::move(stop)),
        unit_(std::make_shared<torch::jit::CompilationUnit>()),
        importer_(
            unit_, &constants_,
            [this](const std::string& qualifier) { return Source(qualifier); },
            static_cast<size_t>(archive.version())) {}

  LoadedModule Load() {
    torch::jit::populate_upgraders_graph_map();
    CheckDefaults();
    const c10::IValue table = Unpickle("constants");
    if (!table.isTuple()) {
      ThrowIfError(absl::InvalidArgumentError("constants.pkl is no tuple"));
    }
    constants_ = table.toTupleRef().elements().vec();
    const c10::IValue root = Unpickle("data");
    if (!root.isObject() || !root.toObjectRef().type()->is_module()) {
      ThrowIfError(absl::InvalidArgumentError("data.pkl holds no module"));
    }
    CheckCode();
    SetEvaluationMode(root);
    return {.unit = unit_, .object = root.toObject(), .ran_code = ran_code_};
  }

  // Why Load() threw, when it did: code of the file's would have read weights
  // that are not there.
  bool wants_weights() const { return wants_weights_; }

 private:
  std::shared_ptr<torch::jit::Source> Source(const std::string& qualifier) {
    std::string name = absl::StrCat("code/", qualifier, ".py");
    std::replace(name.begin(), name.end() - 3, '.', '/');
    const std::string* text = archive_.Find(name);
    if (text == nullptr) return nullptr;
    return std::make_shared<torch::jit::Source>(*text, name, 1);
  }

  // Before anything is imported, which would run them.
  void CheckDefaults() {
    DefaultCheck defaults;
    for (const std::string& name : archive_.code_files()) {
      std::string module = name.substr(5, name.size() - 8);  // code/X.py
      std::ranges::replace(module, '/', '.');
      defaults.Add(module, Source(module));
    }
    ThrowIfError(defaults.Check());
  }

  // Storages over the range, for the records below "data/" or "constants/".
  std::shared_ptr<torch::jit::DeserializationStorageContext> Storages(
      const std::string& prefix) {
    auto storages =
        std::make_shared<torch::jit::DeserializationStorageContext>();
    for (const Record& record : archive_.layout().records) {
      if (!record.name.starts_with(prefix)) continue;
      storages->addStorage(
          record.name.substr(prefix.size()),
          c10::Storage(c10::Storage::use_byte_size_t(), record.size_bytes,
                       c10::DataPtr(range_.data() + record.image_offset_bytes,
                                    c10::Device(c10::kCPU)),
                       /*allocator=*/nullptr, /*resizable=*/false));
    }
    return storages;
  }

  c10::IValue Unpickle(const std::string& archive_name) {
    const std::string* found = archive_.Find(archive_name + ".pkl");
    INVARIANT(found != nullptr);
    const std::string& pickle = *found;
    size_t at = 0;
    const auto read = [&](char* to, size_t size) {
      const size_t some = std::min(size, pickle.size() - at);
      std::memcpy(to, pickle.data() + at, some);
      at += some;
      return some;
    };
    torch::jit::Unpickler unpickler(
        read, [this](const c10::QualifiedName& name) { return Resolve(name); },
        [this](const c10::StrongTypePtr& type, c10::IValue state) {
          return MakeObject(type, std::move(state));
        },
        [](const std::string& key) -> c10::DataPtr {
          throw StatusError(absl::InvalidArgumentError(
              absl::StrCat("there is no record for storage ", key)));
        },
        c10::Device(c10::kCPU), /*use_storage_device=*/false,
        torch::jit::Unpickler::defaultTypeParser, Storages(archive_name + "/"));
    unpickler.set_version(static_cast<uint64_t>(archive_.version()));
    return unpickler.parse_ivalue();
  }

  c10::StrongTypePtr Resolve(const c10::QualifiedName& name) {
    if (IsNativeClass(name)) {
      ThrowIfError(CheckNativeClass(name.qualifiedName()));
      return {unit_, torch::getCustomClass(name.qualifiedName())};
    }
    return {unit_, importer_.loadType(name)};
  }

  // Before any of it runs.
  void CheckCode() {
    if (unit_->get_functions().size() == checked_functions_) return;
    ThrowIfError(checked_.Check(*unit_));  // May bring in more.
    ThrowIfError(CheckInlining(*unit_));
    GuardLoops(*unit_);
    ThrowIfError(GuardCasts(*unit_));
    checked_functions_ = unit_->get_functions().size();
  }

  // Called for every object; runs its __setstate__ if it has one.
  c10::intrusive_ptr<c10::ivalue::Object> MakeObject(
      const c10::StrongTypePtr& type, c10::IValue state) {
    const auto cls = type.type_->cast<c10::ClassType>();
    if (!cls || !cls->name()) {
      ThrowIfError(absl::InvalidArgumentError("an object without a class"));
    }
    const bool native = IsNativeClass(*cls->name());
    if (native || cls->findMethod("__setstate__") != nullptr) {
      if (!filled_) {
        wants_weights_ = true;
        ThrowIfError(absl::InvalidArgumentError(
            absl::StrCat(cls->name()->qualifiedName(), " runs code at load")));
      }
      CheckCode();
      // What C++ code keeps of its state must not lie in a lease.
      if (native) state = OwnTensors(state);
      ran_code_ |= !native;
    }
    auto object = torch::jit::ObjLoaderFunc(type, std::move(state));
    if (!native) ThrowIfError(CheckSlots(*object));
    return object;
  }

  static void SetEvaluationMode(const c10::IValue& root) {
    for (torch::jit::Module module :
         torch::jit::Module(root.toObject()).modules()) {
      const auto slot = module.type()->findAttributeSlot("training");
      if (slot && module.type()->getAttribute(*slot)->kind() ==
                      c10::TypeKind::BoolType) {
        module._ivalue()->setSlot(*slot, false);
      }
    }
  }

  const TorchScriptArchive& archive_;
  const ImageRange& range_;
  const bool filled_;
  const std::stop_token stop_;
  const std::shared_ptr<torch::jit::CompilationUnit> unit_;
  std::vector<c10::IValue> constants_;
  torch::jit::SourceImporter importer_;
  OperatorCheck checked_;
  size_t checked_functions_ = 0;
  bool wants_weights_ = false;
  bool ran_code_ = false;
};

}  // namespace

absl::StatusOr<std::optional<LoadedModule>> LoadModule(
    const TorchScriptArchive& archive, const ImageRange& range, bool filled,
    std::stop_token stop) {
  const c10::InferenceMode inference;
  const StopScope scope(stop);
  absl::Status status;
  Loader loader(archive, range, filled, stop);
  try {
    return loader.Load();
  } catch (...) {
    if (loader.wants_weights()) return std::nullopt;
    status = CurrentExceptionStatus(absl::StatusCode::kInvalidArgument,
                                    FirstSentence);
  }
  if (stop.stop_requested()) {
    status = absl::CancelledError("the load was cancelled");
  }
  return status;
}

}  // namespace ferry
