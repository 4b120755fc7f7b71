#include "base/random.h"

#include "base/text_codec.h"

namespace sightline {

uint64_t Random::entropy_seed() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

std::string Random::uuid() {
  std::string raw(16, '\0');
  for (char& c : raw) c = static_cast<char>(next() & 0xff);
  raw[6] = static_cast<char>((raw[6] & 0x0f) | 0x40);
  raw[8] = static_cast<char>((raw[8] & 0x3f) | 0x80);
  std::string hex = hex_encode(raw);
  for (const size_t at : {8, 13, 18, 23}) hex.insert(at, 1, '-');
  return hex;
}

}  // namespace sightline
