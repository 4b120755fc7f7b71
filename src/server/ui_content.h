#pragma once
// What the pages show: the provisioned data sources and dashboards, or, without
// provisioning, this process' own APIs and the built-in dashboard.
#include <memory>
#include <string>

#include "api/ui/ui_routes.h"
#include "config/sightline_config.h"

namespace sightline::server {

std::shared_ptr<const api::ui::UiContent> make_ui_content(const config::SightlineConfig& config);

// demo/provisioning/dashboards/demo.json, as the build embedded it.
std::string_view built_in_dashboard();

}  // namespace sightline::server
