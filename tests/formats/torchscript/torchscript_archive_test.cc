// A small model from memory opens; then one record at a time is spoilt, left
// out, or replaced by what PyTorch's other formats have. FERRY_TEST_TORCHSCRIPT
// may name real files, which have to open too.

#include "server/formats/torchscript/torchscript_archive.h"

#include <fcntl.h>
#include <random>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/formats/open_archive.h"
#include "tests/formats/test_model.h"
#include "tests/support/models_folder.h"
#include "tests/support/status_matchers.h"

namespace ferry::torchscript_archive_test {
namespace {

using absl::StatusCode::kDataLoss;
using absl::StatusCode::kInvalidArgument;
using absl::StatusCode::kUnimplemented;
using Archive = absl::StatusOr<std::unique_ptr<TorchScriptArchive>>;
using Records = std::map<std::string, std::string>;

Archive Open(std::string_view bytes) {
  return OpenTorchScript(MemoryFile(bytes), "models/m.pt");
}

Archive OpenWith(const std::string& name, const std::string& bytes) {
  Records records = ModelRecords();
  records[name] = bytes;
  return Open(ModelBytes(records));
}

Archive OpenWithout(const std::string& name) {
  Records records = ModelRecords();
  records.erase(name);
  return Open(ModelBytes(records));
}

void ExpectStatus(const Archive& archive, absl::StatusCode code,
                  const std::string& words) {
  EXPECT_THAT(archive, StatusIs(code));
  EXPECT_THAT(archive.status().ToString(), testing::HasSubstr("models/m.pt: "));
  EXPECT_THAT(archive.status().ToString(), testing::HasSubstr(words));
}

TEST(TorchScriptArchiveTest, OpensAModel) {
  const std::string bytes = ModelBytes(ModelRecords());
  const auto archive = Open(bytes);
  ASSERT_THAT(archive, IsOk());
  EXPECT_EQ((*archive)->version(), 3);
  EXPECT_EQ((*archive)->path(), "models/m.pt");
  EXPECT_EQ((*archive)->file_size_bytes(), bytes.size());
  EXPECT_EQ((*archive)->code_files(),
            std::vector<std::string>{"code/__torch__.py"});
  EXPECT_EQ(*(*archive)->Find("code/__torch__.py"),
            ModelRecords().at("code/__torch__.py"));
  for (const char* name : {"code/missing.py", "model/data.pkl", "data/0",
                           "code/__torch__.py.debug_pkl"}) {
    EXPECT_EQ((*archive)->Find(name), nullptr) << name;
  }
}

TEST(TorchScriptArchiveTest, TheImageHoldsWhatTheFileHolds) {
  const std::string bytes = ModelBytes(ModelRecords());
  const auto archive = Open(bytes);
  ASSERT_THAT(archive, IsOk());
  const ImageLayout& layout = (*archive)->layout();
  std::string image(layout.size_bytes, '\0');
  for (const ImageLayout::Span& span : layout.spans) {
    image.replace(span.image_offset_bytes, span.size_bytes,
                  bytes.substr(span.file_offset_bytes, span.size_bytes));
  }
  const Records records = ModelRecords();
  std::vector<std::string> names;
  for (const Record& record : layout.records) {
    names.push_back(record.name);
    EXPECT_EQ(image.substr(record.image_offset_bytes, record.size_bytes),
              records.at(record.name));
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"data/0", "data/1", "constants/0"}));
}

TEST(TorchScriptArchiveTest, TakesTheWeightsChecksumsFromTheFile) {
  // Opening does not read weights: their checksum is for whoever does.
  const auto archive =
      Open(ModelBytes(ModelRecords(), {{"data/1", {.crc32 = 0x01020304}}}));
  ASSERT_THAT(archive, IsOk());
  EXPECT_EQ((*archive)->layout().records[1].crc32, 0x01020304);
}

TEST(TorchScriptArchiveTest, KeepsWhatItCheckedWhenTheFileChanges) {
  const Records records = ModelRecords();
  const std::string bytes = ModelBytes(records);
  UniqueFd fd = MemoryFile(bytes);
  const int file = fd.get();
  const auto archive = OpenTorchScript(std::move(fd), "models/m.pt");
  ASSERT_THAT(archive, IsOk());
  const std::string noise(bytes.size(), 'x');
  ASSERT_EQ(::pwrite(file, noise.data(), noise.size(), 0),
            static_cast<ssize_t>(noise.size()));
  for (const std::string name :
       {"data.pkl", "constants.pkl", "code/__torch__.py"}) {
    const std::string* kept = (*archive)->Find(name);
    ASSERT_NE(kept, nullptr) << name;
    EXPECT_EQ(*kept, records.at(name)) << name;
  }
}

TEST(TorchScriptArchiveTest, TellsAStateDictFromAModel) {
  Records records = ModelRecords();
  records.erase("code/__torch__.py");
  records.erase("code/__torch__.py.debug_pkl");
  records.erase("constants/0");
  records.erase("constants.pkl");
  ExpectStatus(Open(ModelBytes(records)), kInvalidArgument, "state dict");
}

TEST(TorchScriptArchiveTest, NamesTheFormatsThatItDoesNotRead) {
  ExpectStatus(OpenWith("models/model.json", "{}"), kUnimplemented,
               "exported program");
  ExpectStatus(OpenWith("data/aotinductor/model/a.so", ""), kUnimplemented,
               "AOTInductor");
  ExpectStatus(Open(pickle::Number(20, 8) + "{\"x\":1}             "),
               kUnimplemented, "safetensors");
  ExpectStatus(
      Open("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."),
      kInvalidArgument, "torch.save before PyTorch 1.6");
  ExpectStatus(Open(pickle::Whole("N")), kInvalidArgument, "bare pickle");
  ExpectStatus(Open(ModelBytes({{"README", "x"}})), kInvalidArgument,
               "no data.pkl");
}

TEST(TorchScriptArchiveTest, RefusesModelsThatAreNotWhole) {
  ExpectStatus(OpenWithout("data.pkl"), kInvalidArgument, "data.pkl");
  ExpectStatus(OpenWithout("constants.pkl"), kInvalidArgument, "constants.pkl");
  ExpectStatus(OpenWithout("data/1"), kInvalidArgument, "storage \"1\"");
  ExpectStatus(OpenWithout("constants/0"), kInvalidArgument, "storage \"0\"");
  ExpectStatus(OpenWithout("version"), kInvalidArgument, "version");
  Records records = ModelRecords();
  records.erase("code/__torch__.py");
  records.erase("code/__torch__.py.debug_pkl");
  ExpectStatus(Open(ModelBytes(records)), kInvalidArgument, "code/");
}

TEST(TorchScriptArchiveTest, AModelNeedsNoWeights) {
  const auto archive =
      Open(ModelBytes({{"data.pkl", pickle::Whole(pickle::Object("M", "N"))},
                       {"code/__torch__.py", ""},
                       {"constants.pkl", pickle::Whole(")")},
                       {".data/version", "10"}}));
  ASSERT_THAT(archive, IsOk());
  EXPECT_EQ((*archive)->version(), 10);
  EXPECT_EQ((*archive)->layout().size_bytes, 0);
}

TEST(TorchScriptArchiveTest, RefusesOtherVersionsAndByteOrders) {
  for (const std::string version : {"0", "11", "-3", "three", ""}) {
    ExpectStatus(OpenWith("version", version), kInvalidArgument, "version");
  }
  ExpectStatus(OpenWith("byteorder", "big"), kInvalidArgument, "byte order");
  EXPECT_THAT(OpenWithout("byteorder"), IsOk());
}

TEST(TorchScriptArchiveTest, RefusesWeightsThatCannotBeReadInPlace) {
  ExpectStatus(
      Open(ModelBytes(ModelRecords(), {{"data/0", {.deflated = true}}})),
      kInvalidArgument, "must be stored");
  ExpectStatus(
      Open(ModelBytes(ModelRecords(), {{"data/0", {.unaligned = true}}})),
      kInvalidArgument, "multiple of 64");
}

TEST(TorchScriptArchiveTest, ReadsCodeThatIsDeflated) {
  EXPECT_THAT(Open(ModelBytes(ModelRecords(),
                              {{"code/__torch__.py", {.deflated = true}}})),
              IsOk());
}

TEST(TorchScriptArchiveTest, RefusesWrongChecksumsOutsideOfTheWeights) {
  for (const std::string name :
       {"data.pkl", "constants.pkl", "code/__torch__.py", "version"}) {
    ExpectStatus(Open(ModelBytes(ModelRecords(), {{name, {.crc32 = 7}}})),
                 kDataLoss, name);
  }
}

TEST(TorchScriptArchiveTest, RefusesPicklesThatAreNotSafe) {
  ExpectStatus(OpenWith("data.pkl", pickle::Whole("RRRR")), kInvalidArgument,
               "record \"data.pkl\": at byte 2");
  ExpectStatus(
      OpenWith("constants.pkl", pickle::Whole(pickle::Tensor({.offset = 1}))),
      kInvalidArgument, "record \"constants.pkl\"");
}

TEST(TorchScriptArchiveTest, RefusesCodeNestedAHundredThousandDeep) {
  ExpectStatus(
      OpenWith("code/__torch__.py", "x = " + std::string(100'000, '(') + "1" +
                                        std::string(100'000, ')')),
      kInvalidArgument, "record \"code/__torch__.py\": line 1");
}

TEST(TorchScriptArchiveTest, RefusesAThousandClassesThatNameOneAnother) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += "class C" + std::to_string(i) + ":\n  a : __torch__.a.C" +
            std::to_string(i + 1) + "\n";
  }
  ExpectStatus(OpenWith("code/__torch__/a.py", text + "class C1000:\n  pass\n"),
               kInvalidArgument, "levels deep");
  ExpectStatus(OpenWith("code/__torch__/a.py", text), kInvalidArgument,
               "does not define");
}

TEST(TorchScriptArchiveTest, RefusesCodeWhereTorchPutsNone) {
  ExpectStatus(OpenWith("code/other.py", ""), kInvalidArgument,
               "outside of code/__torch__");
}

TEST(TorchScriptArchiveTest, RefusesThreeThousandMethodsThatCallOneAnother) {
  const auto open = [](int methods) {
    std::string text = "class Model(Module):\n  weight : Tensor\n";
    for (int i = 0; i < methods; ++i) {
      text += "  def m" + std::to_string(i) +
              "(self: __torch__.Model, x: Tensor) -> Tensor:\n"
              "    return (self).m" +
              std::to_string(i + 1) + "(x, )\n";
    }
    return OpenWith("code/__torch__.py", text);
  };
  EXPECT_THAT(open(200), IsOk());
  ExpectStatus(open(3'000), kInvalidArgument, "levels deep");
}

TEST(TorchScriptArchiveTest, RefusesMoreCodeThanAnyModelHas) {
  // The second text inflates to as much as all code may have: both together
  // are too much, which is known before that one is read.
  Records records = ModelRecords();
  records["code/__torch__/a.py"] = "x = 1\n";
  ExpectStatus(
      Open(ModelBytes(records,
                      {{"code/__torch__/a.py",
                        {.deflated = true,
                         .size_bytes = TorchScriptArchive::kCodeSizeMax}}})),
      kInvalidArgument, "bytes of code");
}

TEST(TorchScriptArchiveTest, SurvivesTwentyThousandSpoiltFiles) {
  const std::string good = ModelBytes(ModelRecords());
  std::mt19937 random(20'251'123);
  const auto below = [&](size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random);
  };
  int opened = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bad = good;
    for (size_t flips = 1 + below(4); flips > 0; --flips) {
      bad[below(bad.size())] = static_cast<char>(below(256));
    }
    if (below(8) == 0) bad.resize(below(bad.size()));
    opened += Open(bad).ok();
  }
  // Some bytes are padding or weights; most are not.
  EXPECT_GT(opened, 0);
  EXPECT_LT(opened, 20'000);
}

TEST(TorchScriptArchiveTest, OpensRealFiles) {
  SKIP_WITHOUT_MODELS();
  for (const char* name : {"mlp", "lm_tied", "silero", "minilm", "resnet18"}) {
    const std::string path = ModelsFolder() + "/" + name + ".pt";
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(fd) << path;
    EXPECT_THAT(OpenTorchScript(std::move(fd), path), IsOk());
  }
}

}  // namespace
}  // namespace ferry::torchscript_archive_test
