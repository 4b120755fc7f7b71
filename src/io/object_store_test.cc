// The promises of ObjectStore, held by a directory and, when one is given, by a real S3-compatible server; the faulty
// twin; the cache.
#include "io/object_store.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/log.h"
#include "base/random.h"
#include "base/time.h"
#include "io/faulty_file_system.h"
#include "io/faulty_object_store.h"
#include "io/object_cache.h"
#include "io/s3_object_store.h"
#include "io/testing_directory.h"

namespace sightline::io {
namespace {

// SIGHTLINE_TEST_S3="host:port bucket access_key secret_key", spoken to without TLS, then "checked" when it checks signatures:
// tests/test_object_storage.py gives it.
std::optional<S3Options> s3_for_tests() {
  const char* given = std::getenv("SIGHTLINE_TEST_S3");
  if (given == nullptr) return std::nullopt;
  std::istringstream in(given);
  S3Options options;
  in >> options.endpoint >> options.bucket >> options.credentials.access_key >>
      options.credentials.secret_key;
  options.insecure = true;
  static int run = 0;
  options.prefix = "test-" + std::to_string(Random::entropy_seed()) + "-" + std::to_string(++run);
  return options;
}

enum class Kind { kLocal, kS3, kS3InHostStyle };

class ObjectStores : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::kLocal) {
      store = make_local_object_store(*fs, directory.path() + "/objects");
      return;
    }
    auto options = s3_for_tests();
    if (!options) GTEST_SKIP() << "SIGHTLINE_TEST_S3 names no server";
    if (GetParam() == Kind::kS3InHostStyle) {
      if (!options->endpoint.starts_with("localhost"))
        GTEST_SKIP() << "names below " << options->endpoint << " lead nowhere";
      options->style = BucketStyle::kHost;
    }
    auto made = make_s3_object_store(clock, telemetry, *options);
    ASSERT_TRUE(made) << made.error().message;
    store = std::move(*made);
  }
  TestingDirectory directory;
  std::unique_ptr<FileSystem> fs = make_posix_file_system();
  SystemClock clock;
  Telemetry telemetry;
  std::unique_ptr<ObjectStore> store;
};

TEST_P(ObjectStores, GivesBackWhatWasPut) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>(i * 7);
  ASSERT_TRUE(store->put("blocks/one.trace", bytes));
  ASSERT_TRUE(store->put("blocks/empty", ""));
  EXPECT_EQ(*store->get("blocks/one.trace"), bytes);
  EXPECT_EQ(*store->get("blocks/empty"), "");
  EXPECT_EQ(*store->get_range("blocks/one.trace", {0, 1}), bytes.substr(0, 1));
  EXPECT_EQ(*store->get_range("blocks/one.trace", {299'990, 10}), bytes.substr(299'990));
  EXPECT_EQ(*store->get_range("blocks/one.trace", {12'345, 100'000}),
            bytes.substr(12'345, 100'000));
  EXPECT_EQ(store->head("blocks/one.trace")->bytes, bytes.size());
  ASSERT_TRUE(store->put("blocks/one.trace", "other"));  // replaces
  EXPECT_EQ(*store->get("blocks/one.trace"), "other");
}

TEST_P(ObjectStores, SaysWhatIsNotThere) {
  const auto missing = store->get("no/such");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound) << missing.error().message;
  EXPECT_NE(missing.error().message.find("no/such"), std::string::npos);
  EXPECT_EQ(store->get_range("no/such", {0, 1}).error().code, Errc::kNotFound);
  EXPECT_EQ(store->head("no/such").error().code, Errc::kNotFound);
  EXPECT_TRUE(store->remove("no/such"));
  ASSERT_TRUE(store->put("short", "abc"));
  EXPECT_EQ(store->get_range("short", {2, 5}).error().code, Errc::kOutOfRange);
  EXPECT_EQ(store->get_range("short", {50, 5}).error().code, Errc::kOutOfRange);
  for (const std::string key : {"", "/a", "a/", "a//b", "../a", "a b", "a.tmp", "\xff"})
    EXPECT_EQ(store->put(key, "x").error().code, Errc::kInvalidArgument) << key;
}

TEST_P(ObjectStores, ListsByPrefixAndForgetsWhatIsRemoved) {
  EXPECT_TRUE(store->list("blocks/")->empty());
  for (const char* key : {"blocks/2", "blocks/10", "blocks/1", "block", "manifest"})
    ASSERT_TRUE(store->put(key, key));
  std::vector<std::string> keys;
  const auto listed = store->list("blocks/");
  ASSERT_TRUE(listed) << listed.error().message;
  for (const ObjectInfo& info : *listed) {
    keys.push_back(info.key);
    EXPECT_EQ(info.bytes, info.key.size());
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"blocks/1", "blocks/10", "blocks/2"}));
  EXPECT_EQ(store->list("")->size(), 5u);
  EXPECT_EQ(store->list("blocks/1")->size(), 2u);
  ASSERT_TRUE(store->remove("blocks/10"));
  EXPECT_EQ(store->list("blocks/")->size(), 2u);
  EXPECT_EQ(store->get("blocks/10").error().code, Errc::kNotFound);
}

TEST_P(ObjectStores, ListsMoreThanOnePage) {
  constexpr int kObjects = 1203;  // a page of S3 has 1,000
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w)
    writers.emplace_back([&, w] {
      for (int i = w; i < kObjects; i += 4)
        ASSERT_TRUE(store->put("many/" + std::to_string(i), "x"));
    });
  for (auto& writer : writers) writer.join();
  const auto listed = store->list("many/");
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_EQ(listed->size(), static_cast<size_t>(kObjects));
}

INSTANTIATE_TEST_SUITE_P(All, ObjectStores,
                         ::testing::Values(Kind::kLocal, Kind::kS3, Kind::kS3InHostStyle),
                         [](const auto& param) {
                           return param.param == Kind::kLocal ? "Local"
                                  : param.param == Kind::kS3  ? "S3"
                                                              : "S3InHostStyle";
                         });

TEST(S3Server, RefusesAnUnknownBucketAndAWrongSignature) {
  auto options = s3_for_tests();
  if (!options) GTEST_SKIP() << "SIGHTLINE_TEST_S3 names no server";
  SystemClock clock;
  Telemetry telemetry;
  auto wrong = *options;
  wrong.bucket = "no-such-bucket";
  const auto nowhere = (*make_s3_object_store(clock, telemetry, wrong))->list("");
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Errc::kIo);
  EXPECT_NE(nowhere.error().message.find("NoSuchBucket"), std::string::npos)
      << nowhere.error().message;
  if (!std::string_view(std::getenv("SIGHTLINE_TEST_S3")).ends_with(" checked")) return;
  wrong = *options;
  wrong.credentials.secret_key += "x";
  const auto refused = (*make_s3_object_store(clock, telemetry, wrong))->put("a", "b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kIo);
  EXPECT_NE(refused.error().message.find("SignatureDoesNotMatch"), std::string::npos)
      << refused.error().message;
}

TEST(FaultyObjectStore, FailsTheOneAskedForWithAndWithoutEffect) {
  TestingDirectory directory;
  const auto fs = make_posix_file_system();
  const auto real = make_local_object_store(*fs, directory.path());
  FaultyObjectStore faulty(*real, {.fail_at = 2, .half_writes = false});
  EXPECT_TRUE(faulty.put("a", "1"));
  EXPECT_FALSE(faulty.put("b", "2"));
  EXPECT_FALSE(real->get("b"));
  EXPECT_TRUE(faulty.fired());
  EXPECT_TRUE(faulty.put("b", "2"));
  faulty.set_plan({.fail_at = 1, .mode = FaultMode::kFromThen, .half_writes = true});
  EXPECT_FALSE(faulty.put("c", "3"));
  EXPECT_FALSE(faulty.remove("a"));
  EXPECT_EQ(*real->get("c"), "3");
  EXPECT_FALSE(real->get("a"));
  EXPECT_TRUE(faulty.get("c"));  // reads are not counted
}

struct CacheFixture : ::testing::Test {
  void open(uint64_t bytes_max = 1 << 20) {
    cache.reset();
    auto opened = ObjectCache::open(
        *fs, faulty, telemetry, {.directory = directory.path() + "/cache", .bytes_max = bytes_max});
    ASSERT_TRUE(opened) << opened.error().message;
    cache = std::move(*opened);
  }
  std::string read(uint64_t offset, uint64_t length, uint32_t version = 1) {
    auto held = cache->read("blocks/a", version, {offset, length});
    return held ? std::string(held->bytes) : held.error().message;
  }
  uint64_t fetched() const {
    return telemetry.counter_total("sightline_object_cache_misses_total");
  }

  TestingDirectory directory;
  std::unique_ptr<FileSystem> fs = make_posix_file_system();
  std::unique_ptr<ObjectStore> real = make_local_object_store(*fs, directory.path() + "/objects");
  FaultyObjectStore faulty{*real, {}};
  Telemetry telemetry;
  std::unique_ptr<ObjectCache> cache;
};

TEST_F(CacheFixture, FetchesARangeOnceAlsoOverARestart) {
  ASSERT_TRUE(real->put("blocks/a", "0123456789"));
  open();
  EXPECT_EQ(read(2, 3), "234");
  EXPECT_EQ(read(2, 3), "234");
  EXPECT_EQ(fetched(), 1u);
  open();
  EXPECT_EQ(read(2, 3), "234");
  EXPECT_EQ(fetched(), 1u);
  EXPECT_EQ(read(2, 4), "2345");    // another range
  EXPECT_EQ(read(2, 3, 2), "234");  // another object of that name
  EXPECT_EQ(fetched(), 3u);
  cache->add("blocks/a", 1, 5, "56");
  EXPECT_EQ(read(5, 2), "56");
  EXPECT_EQ(fetched(), 3u);
  cache->forget("blocks/a");
  EXPECT_EQ(cache->bytes(), 0u);
  EXPECT_TRUE(fs->list(directory.path() + "/cache")->empty());
}

TEST_F(CacheFixture, KeepsWithinItsBytesAndWhatIsInUseReadable) {
  ASSERT_TRUE(real->put("blocks/a", std::string(4000, 'x') + std::string(4000, 'y')));
  open(5000);
  const auto held = cache->read("blocks/a", 1, {0, 4000});
  ASSERT_TRUE(held);
  EXPECT_EQ(read(4000, 4000), std::string(4000, 'y'));
  EXPECT_LE(cache->bytes(), 5000u);
  EXPECT_EQ(held->bytes, std::string(4000, 'x'));
  EXPECT_EQ(read(0, 4000), std::string(4000, 'x'));
  EXPECT_EQ(fetched(), 3u);
  open(100);  // a smaller one clears up what it finds
  EXPECT_EQ(cache->bytes(), 0u);
}

TEST_F(CacheFixture, ADamagedFileIsFetchedAnew) {
  ASSERT_TRUE(real->put("blocks/a", "0123456789"));
  for (size_t at = 0; at < 5 + 12; ++at) {
    open();
    ASSERT_EQ(read(2, 5), "23456");
    cache.reset();
    const std::string path =
        directory.path() + "/cache/" + fs->list(directory.path() + "/cache")->front();
    std::string bytes = *fs->read_all(path);
    bytes[at] ^= 1;
    {
      ASSERT_TRUE((*fs->create(path))->append(bytes));
    }
    open();
    EXPECT_EQ(read(2, 5), "23456") << at;
    {
      ASSERT_TRUE((*fs->create(path))->append(bytes.substr(0, at)));
    }
    open();
    EXPECT_EQ(read(2, 5), "23456") << at;
  }
}

TEST_F(CacheFixture, AFailedReadIsAnErrorAndTriedAgain) {
  ASSERT_TRUE(real->put("blocks/a", "0123456789"));
  open();
  faulty.set_plan({.fail_at = 1, .count_reads = true});
  EXPECT_NE(read(0, 4).find("injected"), std::string::npos);
  EXPECT_EQ(read(0, 4), "0123");
}

TEST_F(CacheFixture, AFullDiskOnlyCostsTheCaching) {
  spdlog::set_level(spdlog::level::off);
  ASSERT_TRUE(real->put("blocks/a", "0123456789"));
  FaultyFileSystem full(*fs, {});
  auto opened =
      ObjectCache::open(full, *real, telemetry, {.directory = directory.path() + "/cache"});
  ASSERT_TRUE(opened);
  full.set_plan({.fail_at = 1, .mode = FaultMode::kFromThen});
  EXPECT_EQ((*opened)->read("blocks/a", 1, {0, 4})->bytes, "0123");
  full.set_plan({});
  EXPECT_EQ((*opened)->read("blocks/a", 1, {0, 4})->bytes, "0123");
  EXPECT_GT((*opened)->bytes(), 0u);
  spdlog::set_level(spdlog::level::info);
}

TEST_F(CacheFixture, ManyReadersFetchOnce) {
  ASSERT_TRUE(real->put("blocks/a", std::string(100'000, 'x')));
  open();
  std::vector<std::thread> readers;
  for (int i = 0; i < 8; ++i)
    readers.emplace_back([&] { EXPECT_EQ(read(0, 100'000).size(), 100'000u); });
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(fetched(), 1u);
}

}  // namespace
}  // namespace sightline::io
