#pragma once
// Globs over names whose parts are divided by dots, as regular expressions of RE2.
//   `*`     any characters of one part        `?`       one of them
//   `**`    any characters                    `[a-z]`   one of these; `[!abc]` none of them
//   `{a,b}` either pattern                    `\x`      x itself
//   Errors   kInvalidArgument: a bracket or brace without its other half, an empty class.
//   Threads  pure function.
//   Source   github.com/gobwas/glob, with '.' as its separator.
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightline {

// To be matched against the whole of a name, with dot_nl.
Result<std::string> glob_to_regexp(std::string_view glob);

}  // namespace sightline
