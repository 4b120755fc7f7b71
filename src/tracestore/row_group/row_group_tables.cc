#include "tracestore/row_group/row_group_tables.h"

#include "base/bytes.h"
#include "tracestore/codec/integer_codec.h"
#include "tracestore/codec/value_column.h"

namespace sightline::tracestore {
namespace {

std::unexpected<Error> torn(std::string_view what) {
  return fail(Errc::kCorrupt, "row group: ", what);
}

Result<std::vector<uint64_t>> read_list(const ChunkSource& chunks, const RowGroupZone& zone,
                                        ChunkType type) {
  const auto bytes = chunks.chunk_bytes(type, 0);
  if (!bytes) return std::unexpected(bytes.error());
  if (bytes->empty()) return std::vector<uint64_t>(zone.traces, 0);
  ByteReader in(*bytes);
  auto values = decode_integers(in, zone.traces);
  if (values && !in.at_end()) return torn("bytes behind a list");
  return values;
}

class TableReader {
 public:
  TableReader(const ChunkSource& chunks, const RowGroupZone& zone, RowGroupTables& into)
      : chunks_(chunks), zone_(zone), tables_(into) {}

  Status read() {
    if (auto status = read_traces(); !status) return status;
    const auto packed = chunks_.chunk_bytes(ChunkType::kTables, 0);
    if (!packed) return std::unexpected(packed.error());
    ByteReader in(*packed);
    auto unpacked = decode_bytes(in, kChunkBytesMax);
    if (!unpacked) return std::unexpected(std::move(unpacked).error());
    if (!in.at_end()) return torn("bytes behind the tables");
    tables_.storage = std::move(*unpacked);
    sections_ = ByteReader(tables_.storage);
    for (const auto step :
         {&TableReader::read_keys, &TableReader::read_shapes, &TableReader::read_classes,
          &TableReader::read_resources, &TableReader::read_scopes, &TableReader::read_lists})
      if (auto status = (this->*step)(); !status) return status;
    if (!sections_.ok() || !sections_.at_end()) return torn("bytes behind the tables");
    return list_contexts();
  }

 private:
  // The next section of the tables.
  ByteReader section() { return ByteReader(sections_.sized()); }

  Status read_traces() {
    const auto counts = read_list(chunks_, zone_, ChunkType::kTraceRows);
    if (!counts) return torn("rows of the traces are torn");
    uint64_t rows = 0;
    tables_.trace_rows.reserve(counts->size());
    for (const uint64_t count : *counts) {
      if (count == 0 || count > zone_.rows - rows) return torn("traces do not add up to its rows");
      tables_.trace_rows.push_back(static_cast<uint32_t>(count));
      rows += count;
    }
    if (rows != zone_.rows) return torn("traces do not add up to its rows");
    tables_.pages = divide_rows(tables_.trace_rows);
    const auto starts = read_list(chunks_, zone_, ChunkType::kTraceStarts);
    if (!starts) return torn("times of the traces are torn");
    uint64_t start = zone_.min_start.value;
    tables_.trace_starts.reserve(starts->size());
    for (const uint64_t distance : *starts) tables_.trace_starts.push_back({start += distance});
    return {};
  }

  Status read_texts(std::vector<std::string_view>& into) {
    ByteReader in = section();
    const uint64_t count = in.uvarint();
    if (count > kKeysMax || count > in.remaining()) return torn("a table of texts is torn");
    into.reserve(count);
    for (uint64_t i = 0; i < count; ++i) into.push_back(in.sized());
    return in.ok() && in.at_end() ? Status{} : torn("a table of texts is torn");
  }

  Status read_keys() {
    if (auto status = read_texts(tables_.keys); !status)
      return in_context("keys", std::move(status).error());
    tables_.key_numbers.reserve(tables_.keys.size());
    for (size_t i = 0; i < tables_.keys.size(); ++i)
      tables_.key_numbers.try_emplace(tables_.keys[i], static_cast<uint32_t>(i));
    return {};
  }

  // Lists of numbers below `bound`, as many as the section says.
  Status read_lists(uint64_t bound, NumberLists& into) {
    ByteReader in = section();
    const uint64_t count = in.uvarint();
    if (count > in.remaining()) return torn("lists are torn");
    into.begins.reserve(count + 1);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t length = in.uvarint();
      if (length > in.remaining()) return torn("lists are torn");
      for (uint64_t k = 0; k < length; ++k) {
        const uint64_t value = in.uvarint();
        if (value >= bound) return torn("a list is out of range");
        into.values.push_back(static_cast<uint32_t>(value));
      }
      into.end_list();
    }
    return in.ok() && in.at_end() ? Status{} : torn("lists are torn");
  }

  Status read_shapes() {
    for (NumberLists& shapes : tables_.shapes)
      if (auto status = read_lists(tables_.keys.size(), shapes); !status)
        return in_context("shapes", std::move(status).error());
    return {};
  }

  // A table of tuples; every field checked against `bounds`.
  template <size_t kFields>
  Status read_tuples(const std::array<uint64_t, kFields>& bounds,
                     std::vector<std::array<uint32_t, kFields>>& into) {
    ByteReader in = section();
    const uint64_t count = in.uvarint();
    if (!in.ok() || count > kRowsMax) return torn("classes are torn");
    if (count > 0 && in.remaining() == 0) return torn("classes are torn");
    into.resize(count);
    for (size_t field = 0; field < kFields; ++field) {
      const auto values = decode_integers(in, count);
      if (!values) return torn("classes are torn");
      for (size_t i = 0; i < count; ++i) {
        if ((*values)[i] >= bounds[field]) return torn("a class is out of range");
        into[i][field] = static_cast<uint32_t>((*values)[i]);
      }
    }
    return in.at_end() ? Status{} : torn("bytes behind the classes");
  }

  Status read_classes() {
    if (auto status = read_texts(tables_.names); !status) return status;
    if (auto status = read_texts(tables_.event_names); !status) return status;
    constexpr uint64_t kAny = uint64_t{UINT32_MAX} + 1;
    if (auto status = read_tuples<kClassFields>(
            {tables_.names.size(), 256, kAny, kAny, tables_.shapes[0].size()}, tables_.classes);
        !status)
      return status;
    if (tables_.classes.empty()) return torn("classes are missing");
    if (auto status = read_tuples<2>({tables_.event_names.size(), tables_.shapes[1].size()},
                                     tables_.event_classes);
        !status)
      return status;
    if (zone_.events > 0 && tables_.event_classes.empty())
      return torn("classes of events are missing");
    if (zone_.links > 0 && tables_.shapes[2].size() == 0)
      return torn("shapes of links are missing");
    for (const auto& of_class : tables_.classes)
      tables_.context_shapes[0].push_back(of_class[kClassShape]);
    for (const auto& of_class : tables_.event_classes)
      tables_.context_shapes[1].push_back(of_class[1]);
    for (uint32_t i = 0; i < tables_.shapes[2].size(); ++i) tables_.context_shapes[2].push_back(i);
    return {};
  }

  Status read_attributes(ByteReader& in, model::Run& run) {
    const uint64_t count = in.uvarint();
    if (count > in.remaining()) return torn("attributes are torn");
    run = {static_cast<uint32_t>(tables_.batch.attributes.size()), static_cast<uint32_t>(count)};
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t key = in.uvarint();
      const model::ValueView value = read_value(in);
      if (!in.ok() || key >= tables_.keys.size()) return torn("attributes are torn");
      tables_.batch.attributes.push_back({tables_.keys[key], value});
    }
    return {};
  }

  Status read_resources() {
    ByteReader in = section();
    for (uint64_t left = in.uvarint(); left > 0 && in.ok(); --left) {
      model::ResourceView& resource = tables_.batch.resources.emplace_back();
      if (auto status = read_attributes(in, resource.attributes); !status) return status;
      resource.dropped_attributes = static_cast<uint32_t>(in.uvarint());
      resource.schema_url = in.sized();
    }
    return in.ok() && in.at_end() && !tables_.batch.resources.empty() ? Status{}
                                                                      : torn("resources are torn");
  }

  Status read_scopes() {
    ByteReader in = section();
    std::vector<model::ScopeView> scopes;
    for (uint64_t left = in.uvarint(); left > 0 && in.ok(); --left) {
      model::ScopeView& scope = scopes.emplace_back();
      scope.name = in.sized();
      scope.version = in.sized();
      if (auto status = read_attributes(in, scope.attributes); !status) return status;
      scope.dropped_attributes = static_cast<uint32_t>(in.uvarint());
      scope.schema_url = in.sized();
    }
    if (!in.ok() || !in.at_end()) return torn("scopes are torn");
    for (const auto& of_class : tables_.classes)
      if (of_class[kClassScope] >= scopes.size()) return torn("a class names an unknown scope");
    ByteReader pairs = section();
    for (uint64_t left = pairs.uvarint(); left > 0 && pairs.ok(); --left) {
      const uint64_t resource = pairs.uvarint();
      const uint64_t scope = pairs.uvarint();
      if (!pairs.ok() || resource >= tables_.batch.resources.size() || scope >= scopes.size())
        return torn("pairs of scopes are torn");
      tables_.scope_of_pair.try_emplace(resource << 32 | scope,
                                        static_cast<uint32_t>(tables_.batch.scopes.size()));
      tables_.batch.scopes.push_back(scopes[scope]);
      tables_.batch.scopes.back().resource = static_cast<uint32_t>(resource);
    }
    return pairs.ok() && pairs.at_end() ? Status{} : torn("pairs of scopes are torn");
  }

  Status read_lists() {
    if (auto status = read_lists(tables_.classes.size(), tables_.successors); !status)
      return status;
    if (auto status = read_lists(tables_.batch.resources.size(), tables_.resources_of_classes);
        !status)
      return status;
    return tables_.successors.size() == tables_.classes.size() + 1 &&
                   tables_.resources_of_classes.size() == tables_.classes.size()
               ? Status{}
               : torn("lists of classes are torn");
  }

  // By counting: how many contexts each key has, where they begin, then the contexts.
  Status list_contexts() {
    for (size_t owner = 0; owner < 3; ++owner) {
      const NumberLists& shapes = tables_.shapes[owner];
      NumberLists& lists = tables_.contexts_of_key[owner];
      std::vector<uint32_t> last_shape(tables_.keys.size(), UINT32_MAX);
      // Keys of each shape without repetitions.
      NumberLists distinct;
      distinct.values.reserve(shapes.values.size());
      for (uint32_t shape = 0; shape < shapes.size(); ++shape) {
        for (const uint32_t key : shapes[shape])
          if (last_shape[key] != shape) {
            last_shape[key] = shape;
            distinct.values.push_back(key);
          }
        distinct.end_list();
      }
      std::vector<uint32_t> contexts_of_shape(shapes.size(), 0);
      for (const uint32_t shape : tables_.context_shapes[owner]) ++contexts_of_shape[shape];
      uint64_t total = 0;
      lists.begins.assign(tables_.keys.size() + 1, 0);
      for (uint32_t shape = 0; shape < shapes.size(); ++shape) {
        total += uint64_t{contexts_of_shape[shape]} * distinct[shape].size();
        if (total > kContextsOfKeysMax) return torn("classes have too many keys");
        for (const uint32_t key : distinct[shape])
          lists.begins[key + 1] += contexts_of_shape[shape];
      }
      for (size_t key = 0; key < tables_.keys.size(); ++key)
        lists.begins[key + 1] += lists.begins[key];
      lists.values.resize(lists.begins.back());
      std::vector<uint32_t> next = lists.begins;
      for (uint32_t context = 0; context < tables_.context_shapes[owner].size(); ++context)
        for (const uint32_t key : distinct[tables_.context_shapes[owner][context]])
          lists.values[next[key]++] = context;
    }
    return {};
  }

  const ChunkSource& chunks_;
  const RowGroupZone& zone_;
  RowGroupTables& tables_;
  ByteReader sections_{std::string_view()};
};

}  // namespace

Result<std::shared_ptr<const RowGroupTables>> RowGroupTables::read(const ChunkSource& chunks,
                                                                   const RowGroupZone& zone) {
  auto tables = std::make_shared<RowGroupTables>();
  if (auto status = TableReader(chunks, zone, *tables).read(); !status)
    return std::unexpected(std::move(status).error());
  return tables;
}

Result<TraceBounds> TraceBounds::read(const ChunkSource& chunks, const RowGroupZone& zone,
                                      const RowGroupTables& tables) {
  const auto lengths = read_list(chunks, zone, ChunkType::kTraceLengths);
  const auto roots = read_list(chunks, zone, ChunkType::kTraceRoots);
  if (!lengths || !roots) return torn("times of the traces are torn");
  TraceBounds bounds;
  bounds.ends.reserve(zone.traces);
  bounds.roots.reserve(zone.traces);
  for (size_t i = 0; i < zone.traces; ++i) {
    bounds.ends.push_back({tables.trace_starts[i].value + (*lengths)[i]});
    if ((*roots)[i] > tables.trace_rows[i]) return torn("a root lies outside its trace");
    bounds.roots.push_back(static_cast<uint32_t>((*roots)[i]));
  }
  return bounds;
}

size_t RowGroupTables::bytes() const {
  size_t bytes = sizeof(*this) + storage.size() + trace_rows.size() * 12 + keys.size() * 64 +
                 names.size() * 16 + classes.size() * 28 + batch.attributes.size() * 56 +
                 batch.resources.size() * 56 + batch.scopes.size() * 112;
  for (const NumberLists* lists :
       {&successors, &resources_of_classes, &shapes[0], &contexts_of_key[0], &contexts_of_key[1]})
    bytes += (lists->begins.size() + lists->values.size()) * 4;
  return bytes;
}

}  // namespace sightline::tracestore
