// A model directory in the temporary folder, with honest models and with what
// could be put there to make the daemon open something else.

#include "server/formats/open_model.h"

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "server/formats/read_exactly.h"
#include "tests/support/status_matchers.h"

namespace ferry::open_model_test {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode::kInvalidArgument;
using absl::StatusCode::kNotFound;
using absl::StatusCode::kPermissionDenied;

class OpenModelTest : public testing::Test {
 protected:
  OpenModelTest() {
    std::string pattern = fs::temp_directory_path() / "ferry-models-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    fs::create_directories(root_ / "models");
    Write("secret.pt", "secret");
  }
  ~OpenModelTest() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string Models() const { return root_ / "models"; }

  absl::StatusOr<UniqueFd> Open(const std::string& path) const {
    return OpenBeneath(Models(), path);
  }
  absl::StatusOr<ModelFile> Find(const ModelQuery& query) const {
    return FindModelFile({Models()}, query);
  }
  // The whole of a short file.
  static std::string TextOf(const UniqueFd& fd) {
    struct stat facts;
    EXPECT_EQ(::fstat(fd.get(), &facts), 0);
    return *ReadExactly(fd.get(), 0, static_cast<uint64_t>(facts.st_size));
  }

  fs::path root_;
};

TEST_F(OpenModelTest, OpensAFileBelowTheDirectory) {
  Write("models/a/b.pt", "weights");
  const auto fd = Open("a/b.pt");
  ASSERT_THAT(fd, IsOk());
  EXPECT_EQ(TextOf(*fd), "weights");
}

TEST_F(OpenModelTest, FollowsSymlinksThatStayInside) {
  Write("models/a/b.pt", "weights");
  fs::create_symlink("a/b.pt", root_ / "models/link.pt");
  EXPECT_THAT(Open("link.pt"), IsOk());
}

TEST_F(OpenModelTest, DoesNotFindWhatIsNotThere) {
  Write("models/a.pt", "weights");
  EXPECT_THAT(Open("b.pt"), StatusIs(kNotFound));
  EXPECT_THAT(Open("a.pt/b.pt"), StatusIs(kNotFound));
  EXPECT_THAT(Open(""), StatusIs(kNotFound));
  EXPECT_THAT(OpenBeneath(root_ / "no such folder", "a.pt"),
              StatusIs(kNotFound));
}

TEST_F(OpenModelTest, ShowsLittleOfAPathThatIsTooLong) {
  const auto find = [&](size_t size) {
    return FindModelFile({(root_ / "models").string()},
                         {.name = "a", .source = std::string(size, '\xff')});
  };
  EXPECT_THAT(find(PATH_MAX - 1), StatusIs(kInvalidArgument));
  const auto file = find(1'000'000);
  EXPECT_THAT(file, StatusIs(kInvalidArgument));
  EXPECT_THAT(file.status().ToString(),
              testing::HasSubstr("a path of 1000000 bytes; at most 4095"));
  EXPECT_LT(file.status().message().size(), 512);
}

TEST_F(OpenModelTest, RefusesToLeaveTheDirectory) {
  fs::create_directories(root_ / "models/a");
  fs::create_symlink("../secret.pt", root_ / "models/out.pt");
  fs::create_symlink(root_, root_ / "models/outside");
  for (const std::string& path :
       {std::string("../secret.pt"), std::string("a/../../secret.pt"),
        (root_ / "secret.pt").string(), std::string("out.pt"),
        std::string("outside/secret.pt"), std::string("..")}) {
    const auto fd = Open(path);
    EXPECT_THAT(fd, StatusIs(kInvalidArgument)) << path;
    EXPECT_THAT(fd.status().ToString(),
                testing::HasSubstr("outside the model directories"));
  }
}

TEST_F(OpenModelTest, WalksDotsAndLinksInsideTheDirectory) {
  Write("models/a/b/c.pt", "weights");
  Write("models/a/d.pt", "more");
  fs::create_directory_symlink("a/b", root_ / "models/b");
  fs::create_symlink("../d.pt", root_ / "models/a/b/up.pt");
  EXPECT_EQ(TextOf(*Open("./a//b/./c.pt")), "weights");
  EXPECT_EQ(TextOf(*Open("a/b/../d.pt")), "more");
  EXPECT_EQ(TextOf(*Open("a/b/up.pt")), "more");
  // From where the link leads, as the kernel would walk.
  EXPECT_EQ(TextOf(*Open("b/../d.pt")), "more");
  EXPECT_THAT(Open("b/../../../secret.pt"), StatusIs(kInvalidArgument));
  EXPECT_THAT(Open("a/d.pt/"), StatusIs(kNotFound));
  EXPECT_THAT(Open("a/.."), StatusIs(kInvalidArgument));
}

// A folder and a link that leads out take each other's name, again and again.
TEST_F(OpenModelTest, NeverLeavesTheDirectoryWhileItChanges) {
  Write("models/a/secret.pt", "weights");
  fs::create_directory_symlink("..", root_ / "models/b");
  std::atomic<bool> changing{true};
  std::thread changes([&] {
    while (changing) {
      ::renameat2(AT_FDCWD, (root_ / "models/a").c_str(), AT_FDCWD,
                  (root_ / "models/b").c_str(), RENAME_EXCHANGE);
    }
  });
  int opened = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto fd = Open("a/secret.pt");
    if (!fd.ok()) continue;
    ++opened;
    EXPECT_EQ(TextOf(*fd), "weights");
  }
  changing = false;
  changes.join();
  EXPECT_GT(opened, 0);
}

// systemd's DynamicUser=, gVisor and others answer ENOSYS to openat2. In a
// process of its own: a filter stays.
TEST_F(OpenModelTest, OpensWhereASandboxRefusesOpenat2) {
  Write("models/a/b.pt", "weights");
  const auto in_sandbox = [&] {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program = {.len = std::size(code), .filter = code};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ::_exit(1);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(1);
    ::_exit(Open("a/b.pt").ok() ? 0 : 2);
  };
  EXPECT_EXIT(in_sandbox(), testing::ExitedWithCode(0), "");
}

TEST_F(OpenModelTest, RefusesSymlinksThatTheKernelMakesUp) {
  fs::create_symlink("/proc/self/exe", root_ / "models/exe.pt");
  EXPECT_THAT(Open("exe.pt"), StatusIs(kInvalidArgument));
  EXPECT_THAT(OpenBeneath("/proc/self", "exe"), StatusIs(kInvalidArgument));
}

TEST_F(OpenModelTest, RefusesALoopOfSymlinks) {
  fs::create_symlink("b", root_ / "models/a");
  fs::create_symlink("a", root_ / "models/b");
  EXPECT_THAT(Open("a"), StatusIs(kInvalidArgument));
}

TEST_F(OpenModelTest, RefusesNulBytesAndNamesWithoutEnd) {
  Write("models/a.pt", "weights");
  EXPECT_THAT(Open(std::string("a.pt\0.txt", 9)), StatusIs(kInvalidArgument));
  EXPECT_THAT(Open(std::string(300, 'n')), StatusIs(kInvalidArgument));
}

TEST_F(OpenModelTest, RefusesWhatIsNotARegularFileAndSaysWhatItIs) {
  fs::create_directories(root_ / "models/folder.pt");
  ASSERT_EQ(::mkfifo((root_ / "models/fifo.pt").c_str(), 0600), 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string socket_path = root_ / "models/socket.pt";
  ASSERT_LT(socket_path.size(), sizeof(address.sun_path));
  socket_path.copy(address.sun_path, socket_path.size());
  const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)),
            0);
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"folder.pt", "a directory"},
      {"fifo.pt", "a FIFO"},
      {"socket.pt", "a socket"}};
  for (const auto& [path, kind] : kinds) {
    const auto fd = Open(path);
    EXPECT_THAT(fd, StatusIs(kInvalidArgument)) << path;
    EXPECT_THAT(fd.status().ToString(), testing::HasSubstr(kind));
  }
  const auto device = OpenBeneath("/dev", "null");
  EXPECT_THAT(device, StatusIs(kInvalidArgument));
  EXPECT_THAT(device.status().ToString(), testing::HasSubstr("a device"));
}

TEST_F(OpenModelTest, SaysWhenAFileMayNotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  Write("models/a.pt", "weights");
  fs::permissions(root_ / "models/a.pt", fs::perms::none);
  EXPECT_THAT(Open("a.pt"), StatusIs(kPermissionDenied));
}

TEST_F(OpenModelTest, EscapesWhatItShows) {
  const auto fd = Open("a\nb\x1b[31m.pt");
  EXPECT_THAT(fd, StatusIs(kNotFound));
  EXPECT_EQ(fd.status().ToString().find('\n'), std::string::npos);
  EXPECT_EQ(fd.status().ToString().find('\x1b'), std::string::npos);
}

TEST_F(OpenModelTest, FindsTheHighestVersion) {
  Write("models/m/1/model.pt", "one");
  Write("models/m/9/model.pt", "nine");
  Write("models/m/10/model.pt", "ten");
  Write("models/m/latest/model.pt", "not a version");
  Write("models/m/011/model.pt", "not a version");
  const auto file = Find({.name = "m"});
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->version, 10);
  EXPECT_EQ(file->path, "m/10/model.pt");
  EXPECT_EQ(TextOf(file->fd), "ten");
  EXPECT_EQ(TextOf(Find({.name = "m", .version = 9})->fd), "nine");
  EXPECT_THAT(Find({.name = "m", .version = 2}), StatusIs(kNotFound));
}

// As one does that is still being copied there.
TEST_F(OpenModelTest, TakesTheNextVersionWhenTheHighestHasNoModel) {
  Write("models/m/1/model.pt", "one");
  Write("models/m/2/model.pt", "two");
  Write("models/m/3/model.json", "{}");
  Write("models/m/4/part", "not there yet");
  const auto file = Find({.name = "m"});
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->version, 2);
  EXPECT_EQ(TextOf(file->fd), "two");
  EXPECT_THAT(Find({.name = "m", .version = 3}), StatusIs(kNotFound));
}

TEST_F(OpenModelTest, FindsAFileThatIsNamedForTheModel) {
  Write("models/m.pt", "weights");
  const auto file = Find({.name = "m"});
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->version, 1);
  EXPECT_EQ(file->path, "m.pt");
  EXPECT_THAT(Find({.name = "m", .version = 1}), IsOk());
  EXPECT_THAT(Find({.name = "m", .version = 2}), StatusIs(kNotFound));
  EXPECT_THAT(Find({.name = "other"}), StatusIs(kNotFound));
}

TEST_F(OpenModelTest, TakesASourceAsItStands) {
  Write("models/deep/net.pt", "weights");
  const auto file = Find({.name = "m", .source = "deep/net.pt"});
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->version, 1);
  EXPECT_EQ(file->path, "deep/net.pt");
  EXPECT_EQ(Find({.name = "m", .version = 4, .source = "deep/net.pt"})->version,
            4);
  EXPECT_THAT(Find({.name = "m", .source = "../secret.pt"}),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(Find({.name = "m", .source = "no.pt"}), StatusIs(kNotFound));
}

TEST_F(OpenModelTest, RefusesNamesThatAreNotModelNames) {
  for (const std::string& name :
       {std::string("../secret"), std::string("a/b"), std::string("a\0b", 3),
        std::string(300, 'n'), std::string(""), std::string("..")}) {
    EXPECT_THAT(Find({.name = name}), StatusIs(kInvalidArgument)) << name;
  }
  EXPECT_THAT(Find({.name = "m", .version = -1}), StatusIs(kInvalidArgument));
}

TEST_F(OpenModelTest, TheFirstDirectoryThatHasItDecides) {
  Write("models/m.pt", "first");
  Write("more/m.pt", "second");
  Write("more/n.pt", "only here");
  const std::vector<std::string> directories = {Models(), root_ / "more"};
  EXPECT_EQ(TextOf(FindModelFile(directories, {.name = "m"})->fd), "first");
  EXPECT_EQ(TextOf(FindModelFile(directories, {.name = "n"})->fd), "only here");
  EXPECT_THAT(FindModelFile({}, {.name = "m"}), StatusIs(kNotFound));
}

TEST_F(OpenModelTest, ReadsTheSidecarBesideTheModel) {
  Write("models/m/3/model.pt", "weights");
  EXPECT_FALSE(Find({.name = "m"})->sidecar.has_value());
  Write("models/m/3/model.json", "{}");
  EXPECT_EQ(Find({.name = "m"})->sidecar->path, "m/3/model.json");
  Write("models/net.v2.jit", "weights");
  Write("models/net.v2.json", "{}");
  EXPECT_EQ(Find({.name = "m", .source = "net.v2.jit"})->sidecar->path,
            "net.v2.json");
}

TEST_F(OpenModelTest, RefusesASidecarThatIsNoSidecar) {
  Write("models/m.pt", "weights");
  Write("models/m.json", std::string(kSidecarSizeMax + 1, ' '));
  EXPECT_THAT(Find({.name = "m"}), StatusIs(kInvalidArgument));
  fs::remove(root_ / "models/m.json");
  fs::create_symlink("../secret.pt", root_ / "models/m.json");
  EXPECT_THAT(Find({.name = "m"}), StatusIs(kInvalidArgument));
}

TEST_F(OpenModelTest, NamesTheSidecarThatIsWrongAndNotTheModel) {
  Write("models/m.pt", "weights");
  Write("models/m.json", "{\n\"inputs\": []\n\"outputs\": []}");
  const auto file = Find({.name = "m"});
  EXPECT_THAT(file, StatusIs(kInvalidArgument));
  EXPECT_THAT(std::string(file.status().message()),
              testing::StartsWith("m.json: it is not JSON, at line 3"));
}

}  // namespace
}  // namespace ferry::open_model_test
