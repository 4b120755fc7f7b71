#pragma once
// Tag names and values, v1 and v2, for search builders and autocompletion.
//   q   limits v2 answers to spans that match; one that does not parse yet limits nothing.
#include <functional>

#include "api/tempo/answers.h"
#include "api/tempo/tempo_routes.h"

namespace sightline::api::tempo {

// Told of what is found while it is; what they are told of is part of the answer, once. May be empty.
using TagFound = std::function<void(std::string_view scope, const std::string& tag)>;
using ValueFound = std::function<void(const traceql::OwnedValue&)>;

// Of the request its parameters, the captured tag and cancellation count.
Result<std::vector<std::string>> find_tags_v1(const TempoApi& api, const net::HttpRequest& request,
                                              const TagFound& found = {});
Result<std::vector<NamedTags>> find_tags_v2(const TempoApi& api, const net::HttpRequest& request,
                                            const TagFound& found = {});
Result<traceql::TagValues> find_tag_values_v1(const TempoApi& api, const net::HttpRequest& request,
                                              const ValueFound& found = {});
Result<traceql::TagValues> find_tag_values_v2(const TempoApi& api, const net::HttpRequest& request,
                                              const ValueFound& found = {});

net::HttpResponse answer_tags_v1(const TempoApi& api, const net::HttpRequest& request);
net::HttpResponse answer_tags_v2(const TempoApi& api, const net::HttpRequest& request);
net::HttpResponse answer_tag_values_v1(const TempoApi& api, const net::HttpRequest& request);
net::HttpResponse answer_tag_values_v2(const TempoApi& api, const net::HttpRequest& request);

}  // namespace sightline::api::tempo
