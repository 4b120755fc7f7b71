#include "config/yaml/yaml_value.h"

#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

namespace sightline::config {
namespace {

// Leaves yaml-cpp's parser from inside an event; caught in parse_yaml().
struct Stop {
  Mark mark;
  std::string what;
};

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::shared_ptr<const std::string> file, const YamlLimits& limits)
      : file_(std::move(file)), limits_(limits) {}

  Mark mark_of(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }
  std::shared_ptr<const YamlValue> root() const { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto value = make(mark, YamlValue::Kind::kNull);
    // An empty value has no text of its own; its key says where it is.
    if (!frames_.empty() && frames_.back().has_key) value->mark = frames_.back().key_mark;
    accept(std::move(value), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    auto value = make(mark, YamlValue::Kind::kScalar);
    value->scalar = text;
    value->quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    accept(std::move(value), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw Stop{mark_of(mark), "an alias stands inside what it refers to"};
    count(mark_of(mark), found->second->weight);
    attach(found->second, mark_of(mark));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, YamlValue::Kind::kSequence, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, YamlValue::Kind::kMap, anchor);
  }
  void OnMapEnd() override {
    resolve_merges(*frames_.back().value);
    close();
  }

 private:
  struct Frame {
    std::shared_ptr<YamlValue> value;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    Mark key_mark;
    std::unordered_set<std::string> keys;
  };

  void count(const Mark& mark, size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > limits_.nodes_max)
      throw Stop{mark, "more than " + std::to_string(limits_.nodes_max) +
                           " values, aliases counted where they are used"};
  }
  std::shared_ptr<YamlValue> make(const YAML::Mark& mark, YamlValue::Kind kind) {
    count(mark_of(mark), 1);
    auto value = std::make_shared<YamlValue>();
    value->kind = kind;
    value->mark = mark_of(mark);
    return value;
  }
  void open(const YAML::Mark& mark, YamlValue::Kind kind, YAML::anchor_t anchor) {
    if (frames_.size() >= limits_.depth_max)
      throw Stop{mark_of(mark),
                 "nested deeper than " + std::to_string(limits_.depth_max) + " levels"};
    if (!frames_.empty() && frames_.back().value->kind == YamlValue::Kind::kMap &&
        !frames_.back().has_key)
      throw Stop{mark_of(mark), "a key must be a word, not a list or a map"};
    Frame frame;
    frame.value = make(mark, kind);
    frame.anchor = anchor;
    frames_.push_back(std::move(frame));
  }
  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    accept(std::move(frame.value), frame.anchor);
  }
  void accept(std::shared_ptr<YamlValue> value, YAML::anchor_t anchor) {
    const Mark mark = value->mark;
    if (anchor != 0) anchors_[anchor] = value;
    attach(std::move(value), mark);
  }
  void attach(std::shared_ptr<const YamlValue> value, const Mark& mark) {
    if (frames_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.value->kind == YamlValue::Kind::kSequence) {
      frame.value->weight += value->weight;
      frame.value->items.push_back(std::move(value));
    } else if (!frame.has_key) {
      if (value->kind != YamlValue::Kind::kScalar) throw Stop{mark, "a key must be a word"};
      frame.key = value->scalar;
      frame.key_mark = mark;
      frame.has_key = true;
      if (frame.key != "<<" && !frame.keys.insert(frame.key).second)
        throw Stop{mark, "key \"" + frame.key + "\" is already set in this map"};
    } else {
      frame.value->weight += value->weight;
      frame.value->entries.push_back({std::move(frame.key), frame.key_mark, std::move(value)});
      frame.has_key = false;
    }
  }
  // YAML 1.1 merge: keys of the map itself win, then earlier sources.
  void resolve_merges(YamlValue& map) {
    std::unordered_set<std::string> keys;
    std::vector<YamlEntry> kept, merged;
    for (YamlEntry& entry : map.entries)
      (entry.key == "<<" ? merged : kept).push_back(std::move(entry));
    map.entries = std::move(kept);
    if (merged.empty()) return;
    for (const YamlEntry& entry : map.entries) keys.insert(entry.key);
    const auto take = [&](const YamlValue& source) {
      if (source.kind != YamlValue::Kind::kMap)
        throw Stop{source.mark, "<< needs a map or a list of maps"};
      for (const YamlEntry& entry : source.entries)
        if (keys.insert(entry.key).second) map.entries.push_back(entry);
    };
    for (const YamlEntry& merge : merged) {
      if (merge.value->kind == YamlValue::Kind::kSequence)
        for (const auto& source : merge.value->items) take(*source);
      else
        take(*merge.value);
    }
  }

  std::shared_ptr<const std::string> file_;
  YamlLimits limits_;
  size_t nodes_ = 0;
  std::vector<Frame> frames_;
  std::unordered_map<YAML::anchor_t, std::shared_ptr<const YamlValue>> anchors_;
  std::shared_ptr<const YamlValue> root_;
};

std::unexpected<Error> fault(const Mark& mark, const std::string& what) {
  return fail(Errc::kInvalidArgument, mark.text(), ": ", what);
}

}  // namespace

const YamlEntry* YamlValue::find(std::string_view key) const {
  for (const YamlEntry& entry : entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

Result<std::shared_ptr<const YamlValue>> parse_yaml(std::string_view text, std::string_view file,
                                                    const YamlLimits& limits) {
  const auto name = std::make_shared<const std::string>(file);
  if (text.size() > limits.text_bytes_max)
    return fail(Errc::kInvalidArgument, file, " is ", text.size(), " bytes, more than ",
                limits.text_bytes_max);
  TreeBuilder builder(name, limits);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    const auto first = builder.root();
    TreeBuilder second(name, limits);
    if (parser.HandleNextDocument(second) && second.root() &&
        second.root()->kind != YamlValue::Kind::kNull)
      return fault(second.root()->mark,
                   "a second YAML document; only one is read, remove the \"---\"");
    if (first) return first;
  } catch (const Stop& stop) {
    return fault(stop.mark, stop.what);
  } catch (const YAML::Exception& error) {
    return fault(builder.mark_of(error.mark), "not YAML: " + error.msg);
  } catch (const std::exception& error) {
    return fail(Errc::kInvalidArgument, file, ": not YAML: ", error.what());
  }
  auto empty = std::make_shared<YamlValue>();
  empty->mark.file = name;
  return empty;
}

}  // namespace sightline::config
