#include "server/object_storage.h"

#include "io/s3_object_store.h"

namespace sightline::server {
namespace {

constexpr uint32_t kInHost = 1, kInPath = 2;  // bucket_lookup_type

io::BucketStyle style_of(const config::TempoConfig::S3& s3) {
  if (s3.forcepathstyle || *s3.bucket_lookup_type == kInPath) return io::BucketStyle::kPath;
  if (*s3.bucket_lookup_type == kInHost) return io::BucketStyle::kHost;
  return io::usual_bucket_style(*s3.endpoint, *s3.bucket);
}

io::S3Credentials credentials_of(const config::TempoConfig::S3& s3,
                                 const config::Environment& environment) {
  if (!s3.access_key.empty()) return {s3.access_key, s3.secret_key, s3.session_token};
  return {environment.variable("AWS_ACCESS_KEY_ID").value_or(""),
          environment.variable("AWS_SECRET_ACCESS_KEY").value_or(""),
          environment.variable("AWS_SESSION_TOKEN").value_or("")};
}

}  // namespace

Result<std::shared_ptr<io::ObjectStore>> make_object_storage(
    const config::TempoConfig::Storage& storage, const config::Environment& environment,
    Clock& clock, Telemetry& telemetry) {
  if (*storage.backend != "s3") return nullptr;
  const config::TempoConfig::S3& s3 = storage.s3;
  io::S3Options options{.endpoint = *s3.endpoint,
                        .bucket = *s3.bucket,
                        .prefix = *s3.prefix,
                        .insecure = s3.insecure,
                        .style = style_of(s3),
                        .credentials = credentials_of(s3, environment)};
  if (!s3.region.empty()) options.region = s3.region;
  options.transfer.tls = {.ca_file = s3.tls_ca_path,
                          .cert_file = s3.tls_cert_path,
                          .key_file = s3.tls_key_path,
                          .server_name = s3.tls_server_name,
                          .min_version = s3.tls_min_version,
                          .skip_verify = s3.tls_insecure_skip_verify};
  options.attempts_max = s3.retry_max_attempts;
  options.backoff_initial =
      std::chrono::duration_cast<std::chrono::milliseconds>(s3.retry_backoff_initial);
  options.backoff_max = std::chrono::duration_cast<std::chrono::milliseconds>(s3.retry_backoff_max);
  auto store = io::make_s3_object_store(clock, telemetry, std::move(options));
  if (!store) return in_context("storage.trace", std::move(store).error());
  return std::shared_ptr<io::ObjectStore>(std::move(*store));
}

}  // namespace sightline::server
