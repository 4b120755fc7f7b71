// Runs a fuzz target over its stored corpus, so that the ordinary build keeps
// every crash that fuzzing once found fixed.
//   x_fuzz FOLDER...             every file as it is
//   x_fuzz --changed FOLDER...   and each cut short and with bytes changed, kChangedMax inputs in all, always the same ones
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kChangedMax = 6000;

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

// `count` inputs made of one, at places spread over it: a third cut there, the others with a byte changed there.
size_t run_changed(const std::string& bytes, size_t count) {
  constexpr uint8_t kFlips[] = {0x01, 0x80, 0xff, 0x20, 0x7f};
  size_t made = 0;
  for (size_t i = 0; i < count && !bytes.empty(); ++i, ++made) {
    const size_t at = bytes.size() * i / count;
    if (i % 3 == 0) {
      run(bytes.substr(0, at));
      continue;
    }
    std::string changed = bytes;
    changed[at] =
        static_cast<char>(static_cast<uint8_t>(changed[at]) ^ kFlips[i % std::size(kFlips)]);
    if (i % 7 == 0) changed.insert(at, changed.substr(at / 2, 16));
    run(changed);
  }
  return made;
}

}  // namespace

int main(int argc, char** argv) {
  const bool changes = argc > 1 && std::string_view(argv[1]) == "--changed";
  std::vector<std::filesystem::path> files;
  for (int i = changes ? 2 : 1; i < argc; ++i) {
    if (!std::filesystem::exists(argv[i])) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i]))
      if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  LLVMFuzzerTestOneInput(nullptr, 0);
  size_t changed = 0;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    run(bytes);
    if (changes) changed += run_changed(bytes, kChangedMax / files.size());
  }
  std::printf("replayed %zu inputs and %zu made of them\n", files.size(), changed);
  return 0;
}
