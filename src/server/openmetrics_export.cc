#include "server/openmetrics_export.h"

#include <algorithm>
#include <array>

#include "base/number_text.h"
#include "tsdb/codec/decoded_groups.h"

namespace sightline::server {
namespace {

constexpr size_t kBufferBytes = 256u << 10;

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out.push_back('\\');
    out.push_back(c);
  }
}

bool is_plain_name(std::string_view name, bool colons) {
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colons && c == ':');
  };
  return !name.empty() && fits(name.front()) && std::all_of(name.begin(), name.end(), [&](char c) {
    return fits(c) || (c >= '0' && c <= '9');
  });
}

void append_label(std::string& out, std::string_view name, std::string_view value) {
  if (out.back() != '{') out.push_back(',');
  if (is_plain_name(name, false)) {
    out += name;
  } else {
    out.push_back('"');
    append_escaped(out, name);
    out.push_back('"');
  }
  out += "=\"";
  append_escaped(out, value);
  out.push_back('"');
}

std::string series_text(const model::Labels& labels) {
  const std::string_view name = labels.metric_name();
  const bool plain = is_plain_name(name, true);
  std::string out(plain ? name : std::string_view());
  out.push_back('{');
  if (!plain && !name.empty()) {
    out.push_back('"');
    append_escaped(out, name);
    out.push_back('"');
  }
  for (const model::LabelView label : labels)
    if (label.name != model::kMetricName) append_label(out, label.name, label.value);
  if (out.back() == '{')
    out.pop_back();
  else
    out.push_back('}');
  return out;
}

// Seconds, with as many thousandths as there are.
std::string time_text(int64_t ms) {
  std::string out = std::to_string(ms / 1000);
  if (ms < 0 && ms > -1000) out = "-0";
  const auto rest = static_cast<unsigned>(std::abs(ms % 1000));
  if (rest == 0) return out;
  std::string digits = std::to_string(1000 + rest).substr(1);
  while (digits.back() == '0') digits.pop_back();
  return out + "." + digits;
}

std::string exemplar_text(const tsdb::StoredExemplar& stored) {
  const model::Exemplar exemplar = stored.to_exemplar();
  std::string out = " # {";
  for (const model::LabelView label : exemplar.all_labels())
    append_label(out, label.name, label.value);
  out += "} " + format_float_go(exemplar.value);
  if (exemplar.has_time) out += " " + time_text(exemplar.time.value);
  return out;
}

// The family a metric belongs to, so that its lines can follow its TYPE.
std::string_view family_of(std::string_view name, const MetadataByName& metadata) {
  constexpr std::array<std::string_view, 6> kEndings = {"_total", "_bucket",  "_count",
                                                        "_sum",   "_created", "_info"};
  if (metadata.contains(std::string(name))) return name;
  for (const std::string_view ending : kEndings)
    if (name.ends_with(ending))
      if (const auto base = name.substr(0, name.size() - ending.size());
          metadata.contains(std::string(base)))
        return base;
  return name;
}

class TextWriter {
 public:
  TextWriter(const tsdb::Block& block, const MetadataByName& metadata, io::WritableFile& file)
      : block_(block), metadata_(metadata), file_(file) {}

  Status write(OpenMetricsExport& result, const std::function<void()>& on_series) {
    std::vector<std::pair<std::string, uint32_t>> order;  // families together
    for (uint32_t i = 0; i < block_.series_count(); ++i) {
      auto labels = block_.labels(i);
      if (!labels) return std::unexpected(std::move(labels).error());
      order.emplace_back(family_of(labels->metric_name(), metadata_), i);
    }
    std::sort(order.begin(), order.end());
    std::string family;
    for (const auto& [name, number] : order) {
      if (name != family) add_metadata(name);
      family = name;
      if (auto status = add_series(number, result); !status) return status;
      on_series();
    }
    buffer_ += "# EOF\n";
    return flush();
  }

 private:
  void add_metadata(const std::string& family) {
    const auto found = metadata_.find(family);
    if (found == metadata_.end() || !is_plain_name(family, true)) return;
    const model::MetricMetadata& m = found->second;
    buffer_ += "# TYPE " + family + " " + std::string(model::metric_type_name(m.type)) + "\n";
    if (!m.unit.empty() && family.ends_with("_" + m.unit))
      buffer_ += "# UNIT " + family + " " + m.unit + "\n";
    if (m.help.empty()) return;
    buffer_ += "# HELP " + family + " ";
    append_escaped(buffer_, m.help);
    buffer_ += "\n";
  }

  Status add_series(uint32_t number, OpenMetricsExport& result) {
    auto info = block_.series(number);
    if (!info) return std::unexpected(std::move(info).error());
    tsdb::SampleColumns columns;
    for (const auto& chunk : info->chunks)
      if (auto status = block_.read_chunk(chunk, &decoded_, columns); !status) return status;
    std::vector<tsdb::StoredExemplar> exemplars;
    if (auto status = block_.read_exemplars(*info, &pages_, exemplars); !status) return status;
    result.histograms_left_out += columns.histogram_times.size();
    std::vector<size_t> told;  // samples but stale markers
    for (size_t i = 0; i < columns.times.size(); ++i)
      if (!model::is_stale_marker(columns.values[i])) told.push_back(i);
    if (told.empty()) {
      result.exemplars_left_out += exemplars.size();
      return {};
    }
    ++result.series;
    result.samples += told.size();
    result.exemplars += exemplars.size();
    const std::string series = series_text(info->labels);
    size_t next = 0;  // exemplar
    for (const size_t i : told) {
      const int64_t reach =
          i == told.back() ? std::numeric_limits<int64_t>::max() : columns.times[i];
      const std::string line = series + " " + format_float_openmetrics(columns.values[i]) + " " +
                               time_text(columns.times[i]);
      const size_t before = next;
      for (; next < exemplars.size() && exemplars[next].time <= reach; ++next)
        buffer_ += line + exemplar_text(exemplars[next]) + "\n";
      if (next == before) buffer_ += line + "\n";
      if (buffer_.size() < kBufferBytes) continue;
      if (auto status = flush(); !status) return status;
    }
    return {};
  }

  Status flush() {
    auto status = file_.append(buffer_);
    buffer_.clear();
    return status;
  }

  const tsdb::Block& block_;
  const MetadataByName& metadata_;
  io::WritableFile& file_;
  tsdb::DecodedGroups decoded_;
  tsdb::ExemplarPageCache pages_;
  std::string buffer_;
};

}  // namespace

Result<OpenMetricsExport> export_openmetrics(io::FileSystem& fs, const tsdb::Block& block,
                                             const MetadataByName& metadata,
                                             const std::string& path,
                                             const std::function<void()>& on_series) {
  auto file = fs.create(path + ".tmp");
  if (!file) return std::unexpected(std::move(file).error());
  OpenMetricsExport result;
  Status status = TextWriter(block, metadata, **file).write(result, on_series);
  if (status) status = (*file)->sync();
  if (status) status = fs.rename(path + ".tmp", path);
  if (status) return result;
  (void)fs.remove(path + ".tmp");
  return in_context("writing " + path, std::move(status).error());
}

}  // namespace sightline::server
