#include "tracestore/row_group_tables.h"

#include "base/bytes.h"
#include "tracestore/integer_codec.h"
#include "tracestore/value_column.h"

namespace sightline::tracestore {
namespace {

std::unexpected<Error> torn(std::string_view what) {
  return fail(Errc::kCorrupt, "row group: ", what);
}

class TableReader {
 public:
  TableReader(const ChunkSource& chunks, const RowGroupZone& zone, RowGroupTables& into)
      : chunks_(chunks), zone_(zone), tables_(into) {
    tables_.storage.reserve(16);  // views point into its strings: they must not move
  }

  Status read() {
    for (const auto step :
         {&TableReader::read_traces, &TableReader::read_keys, &TableReader::read_shapes,
          &TableReader::read_classes, &TableReader::read_scopes, &TableReader::read_lists})
      if (auto status = (this->*step)(); !status) return status;
    return {};
  }

 private:
  // The unpacked bytes of a chunk; nothing when it is absent.
  Result<std::string_view> unpack(ChunkType type) {
    const std::string_view bytes = chunks_.chunk_bytes(type, 0);
    if (bytes.empty()) return std::string_view();
    ByteReader in(bytes);
    auto unpacked = decode_bytes(in, kChunkBytesMax);
    if (!unpacked) return std::unexpected(std::move(unpacked).error());
    if (!in.at_end()) return torn("bytes behind a table");
    tables_.storage.push_back(std::move(*unpacked));
    return std::string_view(tables_.storage.back());
  }

  Status read_traces() {
    ByteReader in(chunks_.chunk_bytes(ChunkType::kTraceRows, 0));
    const auto counts = decode_integers(in, zone_.traces);
    if (!counts || !in.at_end()) return torn("rows of the traces are torn");
    uint64_t rows = 0;
    for (const uint64_t count : *counts) {
      if (count == 0 || count > zone_.rows - rows) return torn("traces do not add up to its rows");
      tables_.trace_rows.push_back(static_cast<uint32_t>(count));
      rows += count;
    }
    if (rows != zone_.rows) return torn("traces do not add up to its rows");
    tables_.pages = divide_rows(tables_.trace_rows);
    return {};
  }

  Status read_texts(ChunkType type, std::vector<std::string_view>& into) {
    const auto bytes = unpack(type);
    if (!bytes) return std::unexpected(bytes.error());
    if (bytes->empty()) return {};
    ByteReader in(*bytes);
    const uint64_t count = in.uvarint();
    if (count > kKeysMax || count > in.remaining()) return torn("a table of texts is torn");
    for (uint64_t i = 0; i < count; ++i) into.push_back(in.sized());
    return in.ok() && in.at_end() ? Status{} : torn("a table of texts is torn");
  }

  Status read_keys() {
    if (auto status = read_texts(ChunkType::kKeyTable, tables_.keys); !status)
      return in_context("keys", std::move(status).error());
    for (size_t i = 0; i < tables_.keys.size(); ++i)
      tables_.key_numbers.try_emplace(tables_.keys[i], static_cast<uint32_t>(i));
    return {};
  }

  Status read_shapes() {
    for (size_t owner = 0; owner < 3; ++owner) {
      const auto bytes =
          unpack(chunk_of(ChunkType::kShapeTable, static_cast<AttributeOwner>(owner)));
      if (!bytes) return std::unexpected(bytes.error());
      auto& shapes = tables_.shapes[owner];
      if (bytes->empty()) continue;
      ByteReader in(*bytes);
      const uint64_t count = in.uvarint();
      if (count > in.remaining()) return torn("shapes are torn");
      for (uint64_t i = 0; i < count; ++i) {
        auto& shape = shapes.emplace_back();
        const uint64_t length = in.uvarint();
        if (length > in.remaining()) return torn("shapes are torn");
        for (uint64_t k = 0; k < length; ++k) {
          const uint64_t key = in.uvarint();
          if (key >= tables_.keys.size()) return torn("a shape names an unknown key");
          shape.push_back(static_cast<uint32_t>(key));
        }
      }
      if (!in.ok() || !in.at_end()) return torn("shapes are torn");
    }
    return {};
  }

  // A table of tuples; every field checked against `bounds`.
  template <size_t kFields>
  Status read_tuples(ChunkType type, const std::array<uint64_t, kFields>& bounds,
                     uint64_t count_max, std::vector<std::array<uint32_t, kFields>>& into) {
    const std::string_view bytes = chunks_.chunk_bytes(type, 0);
    if (bytes.empty()) return {};
    ByteReader in(bytes);
    const uint64_t count = in.uvarint();
    if (!in.ok() || count == 0 || count > count_max) return torn("classes are torn");
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
    if (auto status = read_texts(ChunkType::kNames, tables_.names); !status) return status;
    if (auto status = read_texts(ChunkType::kEventNames, tables_.event_names); !status)
      return status;
    const auto shape_count = [&](AttributeOwner owner) {
      return tables_.shapes[static_cast<size_t>(owner)].size();
    };
    constexpr uint64_t kAny = uint64_t{UINT32_MAX} + 1;
    if (auto status = read_tuples<kClassFields>(
            ChunkType::kClassTable,
            {tables_.names.size(), 256, kAny, kAny, shape_count(AttributeOwner::kSpan)}, kRowsMax,
            tables_.classes);
        !status)
      return status;
    if (tables_.classes.empty()) return torn("classes are missing");
    if (auto status =
            read_tuples<2>(ChunkType::kEventClassTable,
                           {tables_.event_names.size(), shape_count(AttributeOwner::kEvent)},
                           kRowsMax, tables_.event_classes);
        !status)
      return status;
    if (zone_.events > 0 && tables_.event_classes.empty())
      return torn("classes of events are missing");
    if (zone_.links > 0 && shape_count(AttributeOwner::kLink) == 0)
      return torn("shapes of links are missing");
    for (const auto& of_class : tables_.classes)
      tables_.context_shapes[0].push_back(of_class[kClassShape]);
    for (const auto& of_class : tables_.event_classes)
      tables_.context_shapes[1].push_back(of_class[1]);
    for (uint32_t i = 0; i < shape_count(AttributeOwner::kLink); ++i)
      tables_.context_shapes[2].push_back(i);
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
    const auto bytes = unpack(ChunkType::kResourceTable);
    if (!bytes) return std::unexpected(bytes.error());
    ByteReader in(*bytes);
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
    if (auto status = read_resources(); !status) return status;
    const auto bytes = unpack(ChunkType::kScopeTable);
    if (!bytes) return std::unexpected(bytes.error());
    ByteReader in(*bytes);
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
    const auto packed = unpack(ChunkType::kScopePairs);
    if (!packed) return std::unexpected(packed.error());
    ByteReader pairs(*packed);
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

  Status read_list_of_lists(ChunkType type, size_t count, uint64_t bound,
                            RowGroupTables::ListOfLists& into) {
    const auto bytes = unpack(type);
    if (!bytes) return std::unexpected(bytes.error());
    ByteReader in(*bytes);
    if (count > in.remaining()) return torn("lists of classes are torn");
    into.resize(count);
    for (auto& list : into) {
      const uint64_t length = in.uvarint();
      if (length > in.remaining()) return torn("lists of classes are torn");
      for (uint64_t i = 0; i < length; ++i) {
        list.push_back(static_cast<uint32_t>(in.uvarint()));
        if (list.back() >= bound) return torn("lists of classes are out of range");
      }
    }
    return in.ok() && in.at_end() ? Status{} : torn("lists of classes are torn");
  }

  Status read_lists() {
    if (auto status = read_list_of_lists(ChunkType::kSuccessors, tables_.classes.size() + 1,
                                         tables_.classes.size(), tables_.successors);
        !status)
      return status;
    return read_list_of_lists(ChunkType::kResourcesOfClasses, tables_.classes.size(),
                              tables_.batch.resources.size(), tables_.resources_of_classes);
  }

  const ChunkSource& chunks_;
  const RowGroupZone& zone_;
  RowGroupTables& tables_;
};

}  // namespace

Result<std::shared_ptr<const RowGroupTables>> RowGroupTables::read(const ChunkSource& chunks,
                                                                   const RowGroupZone& zone) {
  auto tables = std::make_shared<RowGroupTables>();
  if (auto status = TableReader(chunks, zone, *tables).read(); !status)
    return std::unexpected(std::move(status).error());
  return tables;
}

size_t RowGroupTables::bytes() const {
  size_t bytes = sizeof(*this) + trace_rows.size() * 4 + keys.size() * 48 + classes.size() * 64 +
                 batch.attributes.size() * 48;
  for (const std::string& text : storage) bytes += text.size();
  for (const auto& list : successors) bytes += 24 + list.size() * 4;
  return bytes;
}

}  // namespace sightline::tracestore
